"""Text from an ERP is text: no terminal obeys it, no markup hides it, no spreadsheet calculates it."""

from __future__ import annotations

import csv
import io
import json
import logging
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sync_engine.cli import output
from sync_engine.cli.terminal import Terminal
from sync_engine.ops.decisions.duplicates import Pair, Record, write_merges
from sync_engine.platform.outside_text import FORMULA_BEGINS

OBEYED = [chr(code) for code in (*range(9), *range(11, 32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028)]  # fmt: skip


def to_a_pipe(text: str) -> str:
    """A line for a log or a pipe."""
    stream = io.StringIO()
    output.Plain(stream).print(text)
    return stream.getvalue()


def to_a_terminal(text: str) -> str:
    """A line for a person."""
    stream = io.StringIO()
    Terminal(file=stream, force_terminal=False, width=200).print(text, style="red", soft_wrap=True)
    return stream.getvalue()


def in_a_table(text: str) -> str:
    """A cell of a table on a terminal."""
    stream = io.StringIO()
    Terminal(file=stream, width=200).print(output.table("Debtors", ["name"], [[text]]))
    return stream.getvalue()


def in_a_table_in_a_pipe(text: str) -> str:
    """A cell of a table in a log."""
    return str(output.table("Debtors", ["name"], [[text]]))


@pytest.mark.parametrize("way", [to_a_pipe, to_a_terminal, in_a_table, in_a_table_in_a_pipe])
def test_a_terminal_obeys_no_text(way: Callable[[str], str]) -> None:
    """By every way that something is printed, for every character that a terminal obeys."""
    said = {character: way(f"Berg{character}Dahl") for character in OBEYED}
    assert [hex(ord(character)) for character, shown in said.items() if character in shown] == []
    assert "Berg\\x1bDahl" in said["\x1b"]


@pytest.mark.parametrize("way", [to_a_terminal, in_a_table])
def test_brackets_in_a_name_are_shown(way: Callable[[str], str]) -> None:
    """`[red]` is how some company writes its group, and no colour."""
    assert "Berg [red] Dahl [/]" in way("Berg [red] Dahl [/]")


def test_a_document_holds_what_was_said_and_nothing_a_terminal_obeys(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON is printed in terminals too; who parses it reads the very text."""
    monkeypatch.setattr(output, "AS_JSON", True)
    output.give({"name": "æ" + "".join(OBEYED)}, lambda screen: None)
    said = capsys.readouterr().out
    assert not set(said) & set(OBEYED)
    assert json.loads(said)["name"] == "æ" + "".join(OBEYED)


def test_a_log_line_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Names of entities and codes of an ERP stand in log lines."""
    before = logging.getLogger().handlers[:]
    try:
        output.choose(as_json=False, verbose=False)
        logging.getLogger("sync_engine").warning("a code %s", "\x1b[2J")
    finally:
        logging.getLogger().handlers = before
    assert "a code \\x1b[2J" in capsys.readouterr().err


@pytest.mark.parametrize("begin", FORMULA_BEGINS)
def test_a_name_is_no_formula_in_the_list_of_duplicates(tmp_path: Path, begin: str) -> None:
    """People open it in a spreadsheet before they apply it."""
    first, second = (Record(key, key, f"{begin}1+1", "Berg") for key in ("a", "b"))
    write_merges([Pair(first, second, 0.9, {"name": 0.9})], tmp_path / "merges.csv")
    with (tmp_path / "merges.csv").open(newline="", encoding="utf-8") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert any(f"{begin}1+1" in cell for cell in cells)
    assert [cell for cell in cells if cell[:1] in tuple(FORMULA_BEGINS)] == []


def test_all_that_is_printed_passes_here() -> None:
    """A console of rich's own, or a bare print, would obey what it is given. `--version` prints nothing from outside."""
    package = Path(sys.modules["sync_engine"].__file__ or "").parent
    own = {"cli/terminal.py", "cli/output.py"}
    loose = [
        f"{file.relative_to(package)}:{number}: {line.strip()}"
        for file in sorted(package.rglob("*.py"))
        if str(file.relative_to(package)) not in own
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if (line.lstrip().startswith(("print(", "sys.stdout.write(", "sys.stderr.write(", "typer.echo(", "typer.secho("))
        or "Console(" in line)
        and "version(" not in line
    ]  # fmt: skip
    assert loose == []


def test_no_sentence_of_ours_is_written_as_markup() -> None:
    """Markup is off for all that is printed, so `[bold]` of our own would be read as it stands."""
    package = Path(sys.modules["sync_engine"].__file__ or "").parent
    written = [
        f"{file.relative_to(package)}: {found}"
        for file in sorted(package.rglob("*.py"))
        for found in re.findall(
            r"\[/?(?:bold|dim|red|green|yellow|cyan|italic)\]", file.read_text(encoding="utf-8")
        )
        if file.name != "terminal.py"
    ]
    assert written == []
