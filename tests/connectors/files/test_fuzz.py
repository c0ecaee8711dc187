"""Files of every format, made odd at random: neighbours arrive, every key is accounted for, only our errors are raised.

SYNC_ENGINE_FUZZ is how many mutated files are tried, SYNC_ENGINE_FUZZ_SEED where chance begins; both are told with a failure.
"""

from __future__ import annotations

import io
import json
import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from sync_engine.errors import ConfigurationError, SyncError
from sync_engine.records import RawRecord
from tests.connectors.files.support import normaliser, one, records

TRIED = int(os.environ.get("SYNC_ENGINE_FUZZ", "200"))
SEED = os.environ.get("SYNC_ENGINE_FUZZ_SEED", "HANSEN & SØN")
HEADING = ("No", "Customer", "Total", "Open", "Issued", "Currency", "Note", "Changed")
FIELDS: dict[str, Any] = {
    "number": "No",
    "debtor_key": "Customer",
    "total": "Total",
    "open_amount": "Open",
    "issue_date": "Issued",
    "currency": "Currency",
}
Table = list[list[Any]]
ODD: dict[str, Callable[[random.Random, Any], Any]] = {
    "flip": lambda chance, cell: f"{cell}"[::-1] + chance.choice("x!ø,.;'-"),
    "null": lambda chance, cell: None,
    "retype": lambda chance, cell: chance.choice(
        [7, -1, 1.5, 10**30, 1e300, float("nan"), float("inf"), True, "n/a", "1e999", "0001-01-01", "9999-99-99", "#REF!", "=1/0"]
    ),
    "nest": lambda chance, cell: chance.choice([{"x": [[cell]]}, [], {}, [cell]]),
    "blank": lambda chance, cell: "  ",
    "control": lambda chance, cell: f"a{chance.choice(chr(0) + chr(31) + chr(10) + chr(13) + chr(127))}b",
    "half a character": lambda chance, cell: "cut \ud83c",
    "quotation": lambda chance, cell: chance.choice(['"', '"a"b', "a\"", "'", '""']),
    "endless": lambda chance, cell: "k" * 6000,
}  # fmt: skip
OF_TABLE = ("a heading gone", "a heading twice", "a blank heading", "a row too short", "a row too long")
OF_BYTES = ("cut short", "a byte flipped", "bytes of another kind", "nothing")


def rows_of(chance: random.Random) -> Table:
    """Twelve documents, each with a key of its own."""
    return [
        [f"INV-{n:03}", f"C{n % 4}", f"{chance.randrange(1, 999)}.50", "10.25", f"2026-03-{n + 1:02}", "DKK", f"note {n}", "2026-03-02T10:00:00Z"]
        for n in range(12)
    ]  # fmt: skip


def text(cell: Any) -> str:
    """A cell as CSV has it."""
    return "" if cell is None else cell if isinstance(cell, str) else str(cell)


def as_csv(heading: list[str], rows: Table) -> bytes:
    """Cells as they come, as a program writes them that knows nothing of quoting."""
    lines = [",".join(map(text, row)) for row in [heading, *rows]]
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def as_excel(heading: list[str], rows: Table) -> bytes:
    """A workbook; what its writer refuses stands there as text."""
    book = openpyxl.Workbook()
    sheet: Any = book.active
    for line in [heading, *rows]:
        sheet.append([_cell(cell) for cell in line])
    body = io.BytesIO()
    book.save(body)
    return body.getvalue()


def _cell(cell: Any) -> Any:
    if isinstance(cell, str):
        return "".join(c if c >= " " and not "\ud800" <= c <= "\udfff" else "?" for c in cell)
    return json.dumps(cell) if isinstance(cell, dict | list) else cell


def as_ndjson(heading: list[str], rows: Table) -> bytes:
    """A line each; a row that is too long has a value without a name fewer."""
    return "\n".join(json.dumps(dict(zip(heading, row, strict=False))) for row in rows).encode()


def as_parquet(heading: list[str], rows: Table) -> bytes:
    """Columns of text, or of JSON where a cell of one is nested."""
    named = list(dict.fromkeys(name or "column" for name in heading))
    columns = ", ".join('"{}" VARCHAR'.format(name.replace('"', '""')) for name in named)
    place = Path(os.environ["FUZZ_PARQUET"])
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t ({columns})")
        for row in rows:
            cells = [*(None if cell is None else _cell(text(cell)) for cell in row), *[None] * len(named)]
            connection.execute(f"INSERT INTO t VALUES ({','.join('?' * len(named))})", cells[: len(named)])
        connection.execute(f"COPY t TO '{place}' (FORMAT parquet)")
    return place.read_bytes()


FORMATS: dict[str, Callable[[list[str], Table], bytes]] = {
    "csv": as_csv,
    "xlsx": as_excel,
    "ndjson": as_ndjson,
    "parquet": as_parquet,
}


def mutated(kind: str, chance: random.Random, write: Callable[[list[str], Table], bytes]) -> bytes:
    """A file in which one thing is odd."""
    heading, rows = list(HEADING), rows_of(chance)
    row, column = chance.randrange(len(rows)), chance.randrange(len(HEADING))
    match kind:
        case "a heading gone":
            heading[column] = "gone"
        case "a heading twice":
            heading[column] = heading[column - 1]
        case "a blank heading":
            heading[column] = ""
        case "a row too short":
            rows[row] = rows[row][:column]
        case "a row too long":
            rows[row] = [*rows[row], "more", "and more"]
        case _ if kind in ODD:
            rows[row][column] = ODD[kind](chance, rows[row][column])
    body = bytearray(write(heading, rows))
    place = chance.randrange(len(body))
    match kind:
        case "cut short":
            del body[place:]
        case "a byte flipped":
            body[place] ^= 1 << chance.randrange(8)
        case "bytes of another kind":
            body[place:place] = b"S\xd8N\x81\x00"
        case "nothing":
            body.clear()
    return bytes(body)


def accounted(found: list[RawRecord]) -> set[str]:
    """The keys that become documents; each key is in exactly one of drafts, failed, excluded, unreadable."""
    assert len({record.key for record in found}) == len(found)
    readable = [(record.key, record.payload) for record in found if not record.unreadable]
    entities: Mapping[str, Any] = {"document": {"fields": FIELDS, "custom": {"note": "Note"}}}
    outcome = normaliser(entities=entities).normalise("document", readable)
    used = [draft.key for draft in outcome.drafts] + [exclusion.key for exclusion in outcome.excluded]
    assert sorted([*used, *(key for key, _ in outcome.failed)]) == sorted(key for key, _ in readable)
    return set(used)


def outcome(folder: Path, name: str) -> tuple[set[str], Exception | None]:
    """The keys of the documents that a file gives, or what was raised instead."""
    opened = one(folder, "document", path=name, modified="Changed", debtor="Customer")
    try:
        opened.probe()
        found = records(opened, "document")
        list(opened.pull_debtor("C1"))
        return accounted(found), None
    except AssertionError:
        raise
    except Exception as failure:  # noqa: BLE001 - what kind it is is what is asked
        return set(), failure


@pytest.mark.parametrize("ending", FORMATS)
def test_an_odd_file_costs_what_is_odd(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One mutated file after another: an odd cell costs its row, an odd heading or odd bytes at most the file, with an error of ours."""
    monkeypatch.setenv("FUZZ_PARQUET", str(tmp_path / "scratch.parquet"))
    write, name = FORMATS[ending], f"items.{ending}"
    (tmp_path / "in").mkdir()
    file = tmp_path / "in" / name
    file.write_bytes(write(list(HEADING), rows_of(random.Random(SEED))))
    calm, failure = outcome(file.parent, name)
    assert (len(calm), failure) == (12, None)
    kinds = [*ODD, *OF_TABLE, *OF_BYTES]
    arrived = 0
    for number in range(TRIED // len(FORMATS)):
        seed = f"{SEED} {ending} {number}"
        kind = kinds[number % len(kinds)]
        file.write_bytes(mutated(kind, random.Random(seed), write))
        used, failure = outcome(file.parent, name)
        story = f"{seed}, {kind}: {failure!r}"
        assert failure is None or isinstance(failure, SyncError), f"{story} is none of our errors"
        whole = kind in ODD or kind in ("a row too short", "a row too long")
        if whole and not (kind == "quotation" and ending == "csv"):
            assert failure is None, f"{story} costs more than its row"
            assert len(calm - used) <= 2, f"{story}, {calm - used} did not arrive"
        elif failure is None and kind == "a heading gone":
            assert used <= calm, story
        arrived += failure is None
    assert arrived > TRIED // len(FORMATS) // 2, f"{arrived} files were read"


def test_a_heading_that_is_gone_is_named(tmp_path: Path) -> None:
    """A mapped column that is missing is a setting that is wrong, for the whole file."""
    heading = ["Nummer", *HEADING[1:]]
    (tmp_path / "items.csv").write_bytes(as_csv(heading, rows_of(random.Random(SEED))))
    _, failure = outcome(tmp_path, "items.csv")
    assert isinstance(failure, ConfigurationError)
