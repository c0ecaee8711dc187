"""Every command and option that a message, a docstring or a page of the documentation names is there: advice that cannot be followed is worse than none."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import typer

import sync_engine.cli
from sync_engine.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
for module in pkgutil.iter_modules(sync_engine.cli.__path__):
    importlib.import_module(f"sync_engine.cli.{module.name}")
TREE = typer.main.get_command(app)
NAMED = re.compile(r"sync-engine((?: [a-z][a-z-]*)+)([^`\n]*)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
OF_OTHERS = frozenset((
    "--auth-host", "--auth-local", "--builtin-locale", "--code-server-log-level", "--customers", "--encoding", "--home-dir", "--host", "--locale-provider",
    "--hypothesis-seed",
    "--log-level", "--module-name", "--no-create-home", "--no-locale", "--port", "--ready-file", "--require-hashes", "--scale", "--seed", "--shell",
    "--system", "--tls", "--user-group", "--username",
))  # fmt: skip
"""Options of the programs that the engine starts, of pytest, and of `make bench`."""
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").glob("*.md")),
)


def told() -> Iterator[tuple[str, str]]:
    """Every text in our sources, and every line of the documentation, with the place it stands in."""
    for folder in ("sync_engine", "dagster_project", "connectors", "mappings"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            parts = {
                id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values
            }
            for node in ast.walk(tree):
                if id(node) in parts:
                    continue
                if isinstance(node, ast.JoinedStr):
                    text = "".join(str(v.value) if isinstance(v, ast.Constant) else "X" for v in node.values)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    text = node.value
                else:
                    continue
                yield f"{path.relative_to(ROOT)}:{node.lineno}", text
    for page in PAGES:
        for number, line in enumerate((ROOT / page).read_text(encoding="utf-8").splitlines(), 1):
            yield f"{page}:{number}", line


def command(words: list[str]) -> tuple[object, list[str]]:
    """The deepest command that these words lead to, and the words that are left."""
    found: object = TREE
    while words and words[0] in below(found):
        found, words = below(found)[words[0]], words[1:]
    return found, words


def below(of: object) -> Mapping[str, object]:
    """The commands of a group; a command has none."""
    return getattr(of, "commands", {})


def options(of: object) -> set[str]:
    """The options of one command."""
    return {
        opt for parameter in getattr(of, "params", ()) for opt in (*parameter.opts, *parameter.secondary_opts)
    } | {"--help", "--json", "--verbose", "-v"}


def everywhere(of: object) -> set[str]:
    """The options of a command and of all below it."""
    return options(of).union(*(everywhere(one) for one in below(of).values()))


def wrong(text: str) -> list[str]:
    """What a text names that is not there."""
    found = []
    for words, rest in NAMED.findall(text):
        at, left = command(words.split())
        if at is TREE or (below(at) and left):
            found.append(f"sync-engine{words}")
        found += [
            f"sync-engine{words} {option}"
            for option in OPTION.findall(rest)
            if option not in options(at) and "`" in text
        ]
    return found + [option for option in OPTION.findall(text) if option not in everywhere(TREE) | OF_OTHERS]


def test_what_is_named_is_there() -> None:
    """In every sentence that a person may read."""
    assert [f"{place}: {name}" for place, text in told() for name in wrong(text)] == []


def bare(text: str) -> list[str]:
    """The options that a text names without the command that has them: `run --full` and `sync-engine run --full` say whose they are."""
    named: list[str] = []
    for quoted in re.findall(r"`([^`]*)`", text):
        before = re.split(r"(?<![\w-])--", quoted)[0].removeprefix("sync-engine ").split()
        at, _ = command([word for word in before if re.fullmatch(r"[a-z][a-z-]*", word)])
        if at is not TREE:
            text = text.replace(f"`{quoted}`", "")
            named += [
                f"{' '.join(before)} {option}"
                for option in OPTION.findall(quoted)
                if option not in everywhere(at)
            ]
    return named + [option for option in OPTION.findall(text) if option not in OF_OTHERS]


ANYWHERE = frozenset(("--json", "--version", "--help", "--verbose"))
"""Options of every command, or of the program itself."""


def test_an_option_is_advised_with_its_command() -> None:
    """Who is told to use one must be told of which command. The command line's own texts stand beside theirs, pages explain tables of commands."""
    alone = [f"{place}: {option}" for place, text in told() if not place.startswith(("sync_engine/cli/", *PAGES))
             for option in bare(text) if option not in ANYWHERE]  # fmt: skip
    assert alone == []


def test_pages_name_options_of_the_commands_they_name() -> None:
    """Where a quoted piece of a page begins with a command, its options are that command's."""
    assert [
        f"{place}: {option}"
        for place, text in told()
        if place.startswith(PAGES)
        for option in bare(text)
        if " " in option
    ] == []


@pytest.mark.parametrize("text", [
    "Look at it, then run with --full.", "Then `links apply HASH --accept-moves`.", "`--force` does it.", "Then `run --accept-moves`, or with --wait.",
])  # fmt: skip
def test_an_option_of_nobody_is_found(text: str) -> None:
    """Bare, or with a command that has no such option."""
    assert bare(text)


@pytest.mark.parametrize(
    "text",
    [
        "Then `run crm --full`.",
        "Then `sync-engine links apply HASH --wait`.",
        "`links plan crm`, then `sweep approve SOURCE`.",
    ],
)
def test_an_option_with_its_command_is_let_pass(text: str) -> None:
    """By the name of the program or without it."""
    assert not bare(text)


@pytest.mark.parametrize("text", [
    "Run `sync-engine lniks`.", "Run `sync-engine links aply HASH`.", "Run `sync-engine links link a b c --wait`.", "with --wiat",
])  # fmt: skip
def test_what_is_not_there_is_found(text: str) -> None:
    """The search can fail."""
    assert wrong(text)
