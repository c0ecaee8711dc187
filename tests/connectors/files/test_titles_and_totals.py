"""Lists as ERPs print them: a title above the heading, a Total below, and files that no table of anybody's reaches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import openpyxl
import pytest
from sqlalchemy import Engine

from connectors.files import parquet, reading
from connectors.files.settings import Settings
from sync_engine.config import settings_of
from sync_engine.errors import ConfigurationError, SourceError
from sync_engine.lake import Lake
from sync_engine.ops.decisions.links import bulk
from sync_engine.ops.imports import plan_import
from sync_engine.ops.runs.source_run import Runtime
from sync_engine.platform import tables
from sync_engine.platform.clock import SystemClock
from sync_engine.platform.lines import Limits
from sync_engine.platform.tables import headings, read_table
from tests.connectors.files.support import one, records
from tests.connectors.files.test_as_a_source import store
from tests.simulators.files import write_parquet

__all__ = ["store"]
TITLE: list[list[Any]] = [["Open items, HANSEN & SØN, 1 March"], []]
LIST: list[list[Any]] = [
    ["No", "Customer", "Open"],
    ["R-1", "17", 5],
    ["R-2", "17", 7],
    ["Total:", None, 12],
    ["printed by mia"],
]


def written(folder: Path, kind: str, rows: list[list[Any]]) -> str:
    """The list as one of the formats that have lines."""
    if kind == "xlsx":
        book = openpyxl.Workbook()
        for row in rows:
            book.worksheets[0].append(row)
        book.save(folder / "a.xlsx")
    else:
        delimiter = "\t" if kind == "tsv" else ";"
        lines = [delimiter.join("" if c is None else str(c) for c in row) for row in rows]
        (folder / f"a.{kind}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return f"a.{kind}"


@pytest.mark.parametrize("kind", ["csv", "tsv", "xlsx"])
def test_a_title_above_and_a_total_below(tmp_path: Path, kind: str) -> None:
    """What is between them are the records; lines are counted as the file has them."""
    path = written(tmp_path, kind, [*TITLE, *LIST])
    connector = one(tmp_path, "document", path=path, skip=2, rows={"column": "No", "until": "total"})
    batches = list(connector.pull("document", None))
    assert [r.key for b in batches for r in b.records] == ["R-1", "R-2"]
    assert batches[-1].complete
    found = records(
        one(tmp_path, "document", path=path, skip=2, rows={"column": "Customer", "not_blank": True}),
        "document",
    )
    assert {r.key for r in found} - {f"{path}:7"} == {"R-1", "R-2"}, (
        "a Total without a customer is none of its rows"
    )
    assert found[0].key == "R-1"
    without = records(one(tmp_path, "document", path=path, skip=2), "document")
    assert {r.key for r in without} >= {"R-1", "R-2", "Total:"}


def test_rows_that_are_meant_in_json_and_parquet(tmp_path: Path) -> None:
    """The same rule where rows have names instead of places."""
    named = [dict(zip(("No", "Customer", "Open"), row, strict=True)) for row in LIST[1:4]]
    (tmp_path / "a.json").write_text("".join(json.dumps(row) + "\n" for row in named), encoding="utf-8")
    write_parquet(
        tmp_path / "a.parquet", (["No", "Customer", "Open"], LIST[1:4]), ["VARCHAR", "VARCHAR", "INTEGER"]
    )
    for path in ("a.json", "a.parquet"):
        for rule in ({"column": "no", "until": "Total"}, {"column": "Customer", "not_blank": True}):
            assert [r.key for r in records(one(tmp_path, "document", path=path, rows=rule), "document")] == [
                "R-1",
                "R-2",
            ]


def test_a_hint_for_excel_is_no_line_of_the_title(tmp_path: Path) -> None:
    """sep=; stands above everything and is counted by nobody."""
    (tmp_path / "a.csv").write_text("sep=;\nOpen items\nNo;Open\nR,1;5\n", encoding="utf-8")
    assert [r.key for r in records(one(tmp_path, path="a.csv", skip=1))] == ["R,1"]


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        ({"path": "a.parquet", "skip": 1}, "skip: a parquet file has no lines"),
        ({"path": "a.json", "skip": 1}, "skip: a ndjson file has no lines"),
        ({"path": "a.csv", "rows": {"column": "No"}}, "say not_blank: true, or until"),
        ({"path": "a.csv", "rows": {"column": "No", "until": " : "}}, "say not_blank"),
        ({"path": "a.csv", "skip": -1}, "greater than or equal to 0"),
    ],
    ids=["skip in parquet", "skip in json", "no rule", "a blank word", "less than none"],
)
def test_rules_that_say_nothing_are_refused(declared: dict[str, Any], says: str) -> None:
    """When the settings are loaded."""
    with pytest.raises(ConfigurationError, match=says):
        settings_of(Settings, {"entities": {"debtor": {"key": "No", **declared}}}, "books")


def test_a_forgotten_title_says_which_setting_there_is(tmp_path: Path) -> None:
    """The title is taken for the heading, and the error names `skip`; the column of `rows` has to be there too."""
    path = written(tmp_path, "csv", [*TITLE, *LIST])
    with pytest.raises(ConfigurationError, match="say `skip` where lines stand above the heading"):
        records(one(tmp_path, "document", path=path), "document")
    with pytest.raises(ConfigurationError, match="no column 'Nummer'"):
        records(
            one(tmp_path, "document", path=path, skip=2, rows={"column": "Nummer", "until": "Total"}),
            "document",
        )


# Bounds: small limits, small files ---------------------------------------------------------------------

SMALL = Limits(unpacked=60_000, cell=500, line=2000, columns=12, rows=40)


def sheet(folder: Path, cells: dict[str, Any], name: str = "a.xlsx") -> Path:
    """A workbook with these cells."""
    book = openpyxl.Workbook()
    for place, value in cells.items():
        book.worksheets[0][place] = value
    book.save(folder / name)
    return folder / name


def text(folder: Path, content: str, name: str = "a.csv") -> Path:
    """A text file."""
    (folder / name).write_text(content, encoding="utf-8")
    return folder / name


def replaced(path: Path, part: str, old: bytes, new: bytes) -> Path:
    """The workbook with one part changed."""
    with ZipFile(path) as source:
        parts = {name: source.read(name) for name in source.namelist()}
    assert old in parts[part]
    parts[part] = parts[part].replace(old, new, 1)
    with ZipFile(path, "w", ZIP_DEFLATED) as changed:
        for name, content in parts.items():
            changed.writestr(name, content)
    return path


def cells(first: str, second: str) -> dict[str, Any]:
    """A heading and one row."""
    return {"A1": first, "B1": second, "A2": "17", "B2": "vip"}


BEYOND: dict[str, tuple[Any, str]] = {
    "one enormous cell": (
        lambda f, a, b: sheet(f, {**cells(a, b), "B3": "x" * 3000}),
        "a cell of more than 500",
    ),
    "an enormous formula": (
        lambda f, a, b: sheet(f, {**cells(a, b), "B3": "=" + "A1&" * 400 + "A1"}),
        "a cell of more than 500",
    ),
    "sparse to the right": (
        lambda f, a, b: sheet(f, {**cells(a, b), "ZZ3": "x"}),
        "has 702 columns, more than 12",
    ),
    "sparse below": (lambda f, a, b: sheet(f, {**cells(a, b), "A90": "x"}), "a cell below row 40"),
    "sparse with a formula": (
        lambda f, a, b: sheet(f, {**cells(a, b), "A90": "=1+1"}),
        "a cell below row 40",
    ),
    "much when unpacked": (
        lambda f, a, b: sheet(f, {**cells(a, b), **{f"C{n}": "word " * 90 + str(n) for n in range(1, 200)}}),
        "unpacks to more than 60000 bytes",
    ),
    "a document type": (
        lambda f, a, b: replaced(
            sheet(f, cells(a, b)), "xl/workbook.xml", b"<workbook", b"<!DOCTYPE workbook><workbook"
        ),
        "declares a document type",
    ),
    "many columns": (
        lambda f, a, b: text(f, ";".join(f"c{n}" for n in range(30)) + "\n1\n"),
        "has 30 columns, more than 12",
    ),
    "a line without end": (
        lambda f, a, b: text(f, f"{a};{b}\n17;" + "x" * 3000),
        "more than 2000 characters in line 2",
    ),
    "a cell without end": (
        lambda f, a, b: text(f, f'{a};{b}\n17;"' + "x" * 900 + '"\n'),
        "a cell of more than 500 characters from line 2",
    ),
}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that small files pass."""
    for module in (tables, parquet, reading):
        monkeypatch.setattr(module, "LIMITS", SMALL)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("case", list(BEYOND))
def test_beyond_the_limits_a_file_is_refused(tmp_path: Path, case: str) -> None:
    """One sentence with what to do, and the exit code of a file that cannot be read; nothing of it is used."""
    make, says = BEYOND[case]
    path = make(tmp_path, "customer", "tag")
    with pytest.raises(SourceError, match=says) as refused:
        records(one(tmp_path, path=path.name, key="customer"))
    assert refused.value.exit_code == 3
    assert refused.value.todo


@pytest.mark.usefixtures("small")
def test_imports_and_bulk_links_have_the_same_limits(tmp_path: Path, store: Engine) -> None:
    """Whoever reads files that people send refuses the same ones with the same sentence."""
    runtime = Runtime(store, Lake(str(tmp_path / "lake")), SystemClock())
    for make, says in BEYOND.values():
        with pytest.raises(SourceError, match=says):
            plan_import(store, "debtor-tags", make(tmp_path, "customer", "tag"))
        with pytest.raises(SourceError, match=says):
            bulk(runtime, make(tmp_path, "external_id", "to"), by="mia")


@pytest.mark.usefixtures("small")
def test_json_and_parquet_have_bounds_too(tmp_path: Path) -> None:
    """A line without end, a record nested beyond reading, and a Parquet file that unpacks to more than there is room for."""
    text(tmp_path, '{"No": "1", "Name": "' + "x" * 3000 + '"}\n', "a.json")
    with pytest.raises(SourceError, match="more than 2000 characters in line 1"):
        records(one(tmp_path, path="a.json"))
    write_parquet(
        tmp_path / "a.parquet",
        (["No", "Name"], [[str(n), "x" * 50 + str(n * n)] for n in range(3000)]),
        ["VARCHAR", "VARCHAR"],
    )
    with pytest.raises(SourceError, match="unpacks to more than 60000 bytes"):
        records(one(tmp_path, path="a.parquet"))
    write_parquet(tmp_path / "b.parquet", ([f"c{n}" for n in range(30)], [["1"] * 30]), ["VARCHAR"] * 30)
    with pytest.raises(SourceError, match="has 30 columns, more than 12"):
        records(one(tmp_path, path="b.parquet", key="c0"))


def test_a_record_nested_deeper_than_anybodys_costs_itself(tmp_path: Path) -> None:
    """1,500 brackets in one line are no reason to lose the next one."""
    text(
        tmp_path, '{"No": "1", "Name": ' + "[" * 1500 + "]" * 1500 + '}\n{"No": "2", "Name": "B"}\n', "a.json"
    )
    found = {r.key: r.unreadable or json.loads(r.payload) for r in records(one(tmp_path, path="a.json"))}
    assert found == {
        "a.json:1": "a.json line 1 is nested deeper than anybody's record",
        "2": {"No": "2", "Name": "B"},
    }


def test_thousands_of_equal_headings_are_numbered_in_one_go() -> None:
    """Counting goes on where it stopped, so that a hundred times as many cost a hundred times as much, and not a million times."""
    found = headings([*("Name" for _ in range(20_000)), "Name (7)"])
    assert (found[0], found[19_999], found[20_000], len(set(found))) == (
        "Name",
        "Name (20000)",
        "Name (7) (2)",
        20_001,
    )


def test_a_workbook_that_is_cut_short_is_a_sentence(tmp_path: Path) -> None:
    """Its sheet ends in the middle; whoever reads it gets a source error and nothing is imported."""
    path = sheet(tmp_path, cells("customer", "tag"))
    with ZipFile(path) as source:
        sheets = source.read("xl/worksheets/sheet1.xml")
    replaced(path, "xl/worksheets/sheet1.xml", sheets[len(sheets) // 2 :], b"")
    with pytest.raises(SourceError, match=r"is damaged|is no Excel workbook"):
        list(read_table(path).rows)
