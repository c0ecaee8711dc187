"""Files as people have them: formats, flaws, contradictions, and what must never look like 'everything was deleted'."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sync_engine.errors import ConfigurationError, SourceError
from sync_engine.platform.tables import delimiter_of, encoding_of, headings, read_table
from sync_engine.platform.workbooks import shown
from tests.connectors.files.support import Shelf, one, records
from tests.simulators.files import (
    DIRTY,
    Flaws,
    small_books,
    write_csv,
    write_excel,
    write_ndjson,
    write_parquet,
)


def rows(folder: Path, entity: str = "debtor", **declared: Any) -> dict[str, dict[str, Any]]:
    """Key -> row of one declared entity; of one that cannot be used, why."""
    return {
        r.key: {"unreadable": r.unreadable} if r.unreadable else json.loads(r.payload)
        for r in records(one(folder, entity, **declared), entity)
    }


def put(folder: Path, content: str | bytes, name: str = "a.csv") -> Path:
    """A file with exactly these bytes."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


@pytest.mark.parametrize("flaws", [
    Flaws(), DIRTY, Flaws(";", "cp1252", "\r\n"), Flaws("\t", "utf-16", "\r\n"), Flaws(";", "latin-1", excel_hint=True), Flaws("|", newline="\n"),
    Flaws(",", trailing_blank_lines=4, repeat_every=1),
], ids=["as programs write", "as people send", "windows", "unicode text of Excel", "sep hint", "pipes", "every row twice"])  # fmt: skip
def test_every_flaw_leaves_the_truth(tmp_path: Path, flaws: Flaws) -> None:
    """Whatever delimiter, encoding, line end, mark or repetition: the same customers with the same names and notes come out."""
    books = small_books(23)
    write_csv(tmp_path / "customers.csv", books.customer_rows(), flaws)
    found = rows(tmp_path, path="customers.csv", key="Customer No.")
    assert {k: list(v.values())[1:4] for k, v in found.items()} == {
        c.number: [c.name, c.note, str(c.limit)] for c in books.customers
    }


def test_excel_gives_the_same_as_csv(tmp_path: Path) -> None:
    """A workbook with a cover sheet: whole numbers, dates and decimals read as a person sees them."""
    books = small_books(8)
    heading, body = books.customer_rows()
    typed = [[int(r[0]), r[1], r[2], float(r[3]), *r[4:]] for r in body]
    write_excel(tmp_path / "customers.xlsx", (heading, typed), sheet="Data", before="Read me")
    found = rows(tmp_path, path="customers.xlsx", key="Customer No.", sheet="Data")
    assert {k: (v["Name"], Decimal(v["Credit limit"])) for k, v in found.items()} == {
        c.number: (c.name, c.limit) for c in books.customers
    }
    with pytest.raises(SourceError, match="Read me, Data"):
        rows(tmp_path, path="customers.xlsx", key="Customer No.", sheet="data 2025")


def test_parquet_and_ndjson_keep_every_digit(tmp_path: Path) -> None:
    """Decimals come out as they are in the file, never as the nearest float."""
    table = (["No", "Total", "Due"], [["1", "12345678901234.10", "2026-03-01"], ["2", "0.10", "2026-03-02"]])
    write_parquet(tmp_path / "a.parquet", table, ["VARCHAR", "DECIMAL(18,2)", "DATE"])
    assert (
        records(one(tmp_path, path="a.parquet"))[0].payload
        == b'{"No":"1","Total":12345678901234.10,"Due":"2026-03-01"}'
    )
    put(tmp_path, '\ufeff{"No": 1, "Total": 12345678901234.10}\n\n{"No": 2, "Total": 0.10}\n', "b.ndjson")
    assert [r.payload for r in records(one(tmp_path, path="b.ndjson"))] == [
        b'{"No": 1, "Total": 12345678901234.10}',
        b'{"No": 2, "Total": 0.10}',
    ]
    write_ndjson(tmp_path / "c.jsonl", (["No", "Flag"], [["x", True]]))
    assert rows(tmp_path, path="c.jsonl") == {"x": {"No": "x", "Flag": True}}


def test_identical_rows_are_one_and_contradicting_rows_are_put_aside(tmp_path: Path) -> None:
    """The same row twice is nothing; the same key with something else names both lines, counted as an editor counts them."""
    put(tmp_path, 'No;Name;Note\n1;HANSEN;"two\nlines"\n2;SØN;\n1;HANSEN;"two\nlines"\n\n2;SOEN;\n3;BERG;\n')
    found = rows(tmp_path, path="a.csv")
    assert list(found) == ["1", "2", "3"]
    assert found["2"] == {
        "unreadable": "a.csv line 4, a.csv line 8 have the same key and say different things; keep one of them"
    }
    put(tmp_path, "No;Name;Note\n3;ANOTHER BERG;\n", "b.csv")
    assert rows(tmp_path, path="*.csv")["3"] == {
        "unreadable": "a.csv line 9, b.csv line 2 have the same key and say different things; keep one of them"
    }


def test_a_row_that_cannot_be_told_withholds_the_permission_to_delete(tmp_path: Path) -> None:
    """A row of another width, or with broken quoting, is put aside by its line; what it stands for must not count as gone."""
    put(tmp_path, 'No;Name\n1;A\n2;B;surplus\n3;"C "quoted" D"\n4;D\n;no number\n')
    connector = one(tmp_path, path="a.csv")
    batches = list(connector.pull("debtor", None))
    found = {r.key: r.unreadable for b in batches for r in b.records}
    assert not batches[-1].complete
    assert found["a.csv:3"] == "a.csv line 3 has 3 fields, the heading has 2"
    assert "quotation mark" in found["a.csv:4"]
    assert found["a.csv:6"] == "a.csv line 6 has nothing in No, which names a row"
    assert {"1", "4"} < set(found)
    put(tmp_path, "No;Name\n1;A\n;Total\n")
    assert [b.complete for b in one(tmp_path, path="a.csv").pull("debtor", None)] == [True], (
        "a row without a number never was a record"
    )


@pytest.mark.parametrize(("content", "says"), [
    ("No;Name\n", "there are no rows"), ("", "is empty"), ("\ufeff\r\n\r\n", "is empty"), (None, "no file fits"),
    ('No;Name\n1;A\n2;"B\n3;C\n', "opened on line 3 is never closed"),
], ids=["heading only", "nothing", "blank lines", "no file", "open quotation mark"])  # fmt: skip
def test_a_broken_delivery_is_an_error_and_deletes_nothing(
    tmp_path: Path, content: str | None, says: str
) -> None:
    """None of these may end in a complete sweep without rows."""
    if content is not None:
        put(tmp_path, content)
    with pytest.raises(SourceError, match=says):
        records(one(tmp_path, path="a.csv"))


def test_an_honestly_empty_file_has_to_be_declared(tmp_path: Path) -> None:
    """No disputes today is a statement only where the YAML says it can be one."""
    batches = list(one(put(tmp_path, "No;Name\n"), path="a.csv", may_be_empty=True).pull("debtor", None))
    assert [(b.records, b.complete) for b in batches] == [([], True)]


def test_a_wrong_column_lists_the_columns(tmp_path: Path) -> None:
    """A key that is not in the file is a setting to correct."""
    with pytest.raises(ConfigurationError, match=r"no column 'Kunde'.*Customer No, Name"):
        records(one(put(tmp_path, "Customer No;Name\n1;A\n"), path="a.csv", key="Kunde"))


def test_a_vanished_folder_is_an_error(tmp_path: Path) -> None:
    """A share that is not mounted is not an empty company."""
    with pytest.raises(SourceError, match="no folder"):
        assert one(tmp_path / "gone", path="a.csv").streams


def test_of_daily_deliveries_the_latest_counts(tmp_path: Path) -> None:
    """A folder of full extracts, one a day: the last one by name; hidden files and Excel's leftovers do not count."""
    for day, name in (("2026-03-01", "OLD"), ("2026-03-02", "NEW")):
        put(tmp_path, f"No;Name\n1;{name}\n", f"customers {day}.csv")
    put(tmp_path, b"\x00", "~$customers 2026-03-03.xlsx")
    assert rows(tmp_path, path="customers*", take="latest")["1"]["Name"] == "NEW"
    assert rows(tmp_path, path=".", take="latest")["1"]["Name"] == "NEW"


def test_keys_with_a_prefix_and_files_without_a_heading(tmp_path: Path) -> None:
    """Two number series that overlap are kept apart; columns can be named where the file names none."""
    assert list(rows(put(tmp_path, "1;A\n2;B\n"), path="a.csv", header=["No", "Name"], key_prefix="CN-")) == [
        "CN-1",
        "CN-2",
    ]


def test_the_probe_says_what_is_there(tmp_path: Path) -> None:
    """A missing column or file shows in `sources doctor` before the first run."""
    shelf = Shelf(tmp_path).write()
    (tmp_path / "persons.csv").unlink()
    found = {c.name: c for c in shelf.open().probe().capabilities}
    assert found["debtor"].available
    assert "Customer No., Name" in found["debtor"].detail
    assert not found["contact"].available


def test_the_modified_column_becomes_an_instant(tmp_path: Path) -> None:
    """With a zone it is moved to UTC, without one it is UTC, and what is no instant says nothing."""
    put(tmp_path, "No,When\n1,2026-03-01T10:00:00+01:00\n2,2026-03-01 10:00\n3,yesterday\n")
    found = {
        r.key: r.changed_at.isoformat() if r.changed_at else None
        for r in records(one(tmp_path, path="a.csv", modified="when"))
    }
    assert found == {"1": "2026-03-01T09:00:00+00:00", "2": "2026-03-01T10:00:00+00:00", "3": None}


def test_small_questions(tmp_path: Path) -> None:
    """Headings, delimiters, encodings and cells, each by itself."""
    assert headings([" Name ", "", "name\n of X", "Name", None, " "]) == (
        "Name",
        "column 2",
        "name of X",
        "Name (2)",
    )
    assert delimiter_of(["a,b;c;d\n", "1,2;3;4\n"]) == ";"
    assert delimiter_of(["alone\n"]) == ","
    assert encoding_of(put(tmp_path, "é".encode("cp1252") + b"\x81") / "a.csv") == "latin-1"
    assert [shown(v) for v in (0.1 + 0.2, 10020.0, 1e20, 1e-7, True, None)] == [
        "0.3",
        "10020",
        "100000000000000000000",
        "0.0000001",
        "true",
        None,
    ]
    assert [(r.number, r.cells) for r in read_table(put(tmp_path, "a\r1\r\r2\r") / "a.csv").rows] == [
        (2, ("1",)),
        (4, ("2",)),
    ]
