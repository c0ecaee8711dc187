"""What readers of CSV, Excel and Parquet are known to get wrong, each by its name."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from tests.connectors.files.support import normaliser, one, records
from tests.simulators.files import write_parquet


def rows(folder: Path, file: str, **declared: Any) -> list[dict[str, Any]]:
    """The rows of one file as they land."""
    return [json.loads(r.payload) for r in records(one(folder, path=file, **declared))]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("No,Name\nfalse,A\n", [{"No": "false", "Name": "A"}]),
        ("No,Name\n#1,A\n#B,C\n", [{"No": "#1", "Name": "A"}, {"No": "#B", "Name": "C"}]),
        ("No,Name\r\n1,A\n2,B\r\n", [{"No": "1", "Name": "A"}, {"No": "2", "Name": "B"}]),
        ('No,Name\n1,""\n', [{"No": "1", "Name": ""}]),
        ("No,Name\n1e5,t\n2e5,f\n", [{"No": "1e5", "Name": "t"}, {"No": "2e5", "Name": "f"}]),
        ("No;Sum\n1;1.007,13\n", [{"No": "1", "Sum": "1.007,13"}]),
        ("No,Name\n1,NULL\n2,NA\n", [{"No": "1", "Name": "NULL"}, {"No": "2", "Name": "NA"}]),
    ],
    ids=[
        "a heading No",
        "rows with #",
        "mixed line ends",
        "empty quotes",
        "codes 1e5",
        "a point and a comma",
        "names like NULL",
    ],
)
def test_csv_is_text_and_nothing_else(tmp_path: Path, content: str, found: list[dict[str, str]]) -> None:
    """No cell becomes a number, a truth or nothing because it looks like one, and no row vanishes."""
    (tmp_path / "a.csv").write_bytes(content.encode())
    assert rows(tmp_path, "a.csv") == found


def test_dates_of_a_workbook_from_a_mac(tmp_path: Path) -> None:
    """A workbook that counts its days from 1904 says the same dates."""
    book = openpyxl.Workbook()
    book.epoch = CALENDAR_MAC_1904
    for row in (["No", "Due"], ["1", datetime.fromisoformat("2026-03-01")]):
        book.worksheets[0].append(row)
    book.save(tmp_path / "a.xlsx")
    assert rows(tmp_path, "a.xlsx") == [{"No": "1", "Due": "2026-03-01"}]


def test_merged_cells_and_percentages(tmp_path: Path) -> None:
    """A merged block says its value once, in its first cell; 25 % is 0.25."""
    book = openpyxl.Workbook()
    page = book.worksheets[0]
    for row in (["No", "Name", "Share"], ["1", "HANSEN", 0.25], ["2", None, 1]):
        page.append(row)
    page["C2"].number_format = "0%"
    page.merge_cells("B2:B3")
    book.save(tmp_path / "a.xlsx")
    assert rows(tmp_path, "a.xlsx") == [
        {"No": "1", "Name": "HANSEN", "Share": 0.25},
        {"No": "2", "Name": None, "Share": 1},
    ]


def test_parquet_that_is_no_amount(tmp_path: Path) -> None:
    """Infinity and NaN stay text and are refused where an amount is meant; infinite dates are no dates."""
    kinds = ["VARCHAR", "DOUBLE", "DATE"]
    write_parquet(
        tmp_path / "a.parquet",
        (["No", "Sum", "Due"], [["1", "inf", ""], ["2", "NaN", ""], ["3", "1", "infinity"]]),
        kinds,
    )
    assert [row["Sum"] for row in rows(tmp_path, "a.parquet")] == ["inf", "nan", 1]
    fields = {"debtor_key": "No", "total": "Sum", "due_date": "Due"}
    found = [(r.key, r.payload) for r in records(one(tmp_path, "document", path="a.parquet"), "document")]
    outcome = normaliser(entities={"document": {"fields": fields}}).normalise("document", found)
    assert {key: error.what.split(" should")[0] for key, error in outcome.failed} == {
        "1": "total",
        "2": "total",
        "3": "due_date",
    }


def test_floats_of_parquet_show_the_digits_they_were_written_with(tmp_path: Path) -> None:
    """0.1 as a float of 32 bits is 0.1, and 0.1 + 0.2 as one of 64 is 0.3, as a spreadsheet shows it."""
    write_parquet(
        tmp_path / "a.parquet",
        (["No", "Short", "Long"], [["1", "0.1", "0.30000000000000004"]]),
        ["VARCHAR", "FLOAT", "DOUBLE"],
    )
    assert [r.payload for r in records(one(tmp_path, path="a.parquet"))] == [
        b'{"No":"1","Short":0.1,"Long":0.3}'
    ]
