"""A number is a number, blank is not zero: kinds of values through every format, from the file to the draft."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sync_engine.config import settings_of
from sync_engine.errors import ConfigurationError, SourceError
from tests.connectors.files.kinds_of_files import (
    CAPTURED,
    EVERY,
    FIELDS,
    TYPED,
    Write,
    excel,
    ndjson,
    parquet,
    said,
)
from tests.connectors.files.support import normaliser, one, records
from tests.simulators.files import write_parquet


@pytest.mark.parametrize("write", TYPED, ids=lambda w: w.__name__)
@pytest.mark.parametrize("decimal", [".", ",", None], ids=["point", "comma", "nothing declared"])
def test_a_typed_number_is_what_it_is(tmp_path: Path, write: Write, decimal: str | None) -> None:
    """12.125 in an Excel cell, a Parquet decimal or a JSON number is no 12,125, whatever separator text has."""
    found = said(
        tmp_path,
        write(tmp_path, ["R-1", 17, Decimal("12.125"), Decimal("12.500"), date(2026, 3, 1), True]),
        {"decimal": decimal},
    )
    values = found.drafts[0].values
    assert {f: values[f] for f in ("debtor_key", "total", "open_amount", "due_date", "is_posted")} == {
        "debtor_key": "17",
        "total": "12.125",
        "open_amount": "12.5",
        "due_date": "2026-03-01",
        "is_posted": True,
    }


@pytest.mark.parametrize("write", EVERY, ids=lambda w: w.__name__)
@pytest.mark.parametrize(
    ("text", "decimal", "total"),
    [
        ("1.234", ".", "1.234"),
        ("1.234", ",", "1234"),
        ("1,234", ".", "1234"),
        ("1,234", ",", "1.234"),
        ("1.234,50", ",", "1234.5"),
        ("1,234.50", None, "1234.5"),
        ("1234.567", None, "1234.567"),
        ("0.125", None, "0.125"),
        ("1,234,567", None, "1234567"),
        ("12.50", None, "12.5"),
        ("1 234", None, "1234"),
    ],
)
def test_text_is_read_as_declared(
    tmp_path: Path, write: Write, text: str, decimal: str | None, total: str
) -> None:
    """Separators are for text, in any format; where nothing is declared, only what has one reading is read."""
    values = (
        said(tmp_path, write(tmp_path, ["R-1", "17", text, "0", "2026-03-01", "yes"]), {"decimal": decimal})
        .drafts[0]
        .values
    )
    assert values["total"] == total


@pytest.mark.parametrize("write", EVERY, ids=lambda w: w.__name__)
@pytest.mark.parametrize(
    ("text", "decimal", "says"),
    [
        ("1.234", None, r"total could be a thousand or a fraction, text like '9\.999'; say decimal: "),
        ("1,234", None, "a thousand or a fraction"),
        ("(999.000)", None, "a thousand or a fraction"),
        ("12,50", None, r"does not fit the decimal separator '\.'; say decimal"),
        ("1.234,50", ".", "does not fit"),
        ("1.5", ",", "does not fit the decimal separator ','"),
        ("12.50", ",", "does not fit"),
        ("1.234.567", None, "does not fit"),
        ("#N/A", ",", "total holds #N/A: a formula"),
        ("12 EUR", ".", "should be a decimal number"),
        ("NaN", ".", "should be a decimal number"),
    ],
)
def test_text_that_could_be_another_amount_is_put_aside(
    tmp_path: Path, write: Write, text: str, decimal: str | None, says: str
) -> None:
    """It is quarantined with what to declare, and its neighbour goes on."""
    rows = (["R-1", "17", text, "0", "2026-03-01", "yes"], ["R-2", "17", "5", "0", "2026-03-01", "yes"])
    found = said(tmp_path, write(tmp_path, *rows), {"decimal": decimal})
    assert [key for key, _ in found.failed] == ["R-1"]
    assert [d.key for d in found.drafts] == ["R-2"]
    with pytest.raises(type(found.failed[0][1]), match=says):
        raise found.failed[0][1]


@pytest.mark.parametrize("write", EVERY, ids=lambda w: w.__name__)
def test_a_blank_open_amount_is_not_zero(tmp_path: Path, write: Write) -> None:
    """An open document that does not say what is open is put aside, and keeps what was known; nobody owes nothing by a blank."""
    found = said(
        tmp_path,
        write(
            tmp_path,
            ["R-1", "17", "100.00", None, "2026-03-01", "yes"],
            ["R-2", "17", "0.00", None, "2026-03-01", "yes"],
        ),
    )
    assert {key: error.what for key, error in found.failed} == {
        "R-1": "open_amount is blank, which is not nought: fill it in, or say `blank: zero` for the column where nothing is open then"
    }
    assert [(d.key, d.values["open_amount"]) for d in found.drafts] == [("R-2", "0")]
    declared = {
        "entities": {"document": {"fields": {**FIELDS, "open_amount": {"column": "Open", "blank": "zero"}}}}
    }
    assert [
        d.values["open_amount"]
        for d in said(
            tmp_path, write(tmp_path, ["R-1", "17", "100.00", None, "2026-03-01", "yes"]), declared
        ).drafts
    ] == ["0"]


@pytest.mark.parametrize(
    ("fields", "row", "becomes"),
    [
        ({"open_amount": {"column": "Open", "blank": "nothing"}}, {"Open": ""}, "is blank"),
        ({"open_amount": "Open"}, {"Open": None}, "is blank"),
        ({"open_amount": {"column": "Open", "optional": True}}, {"Open": " "}, "is blank"),
        ({"open_amount": {"column": "Open", "optional": True}}, {}, "100"),
        ({"open_amount": "Open", "erp_status": "State"}, {"Open": "", "State": "paid"}, "0"),
        ({"open_amount": "Open", "erp_status": "State"}, {"State": "open"}, "is blank"),
        ({"open_amount": "Open", "erp_status": "State"}, {"Open": "", "State": "unknown"}, "is blank"),
        ({}, {}, "100"),
    ],
    ids=[
        "says nothing",
        "null",
        "blank in a column that may be missing",
        "no column",
        "paid",
        "not in this row",
        "status unknown",
        "a list of open items",
    ],
)
def test_what_is_open_comes_from_the_file_or_from_nowhere(
    fields: dict[str, Any], row: dict[str, Any], becomes: str
) -> None:
    """A paid one owes nothing; a list without such a column is open in full; a blank in the column is neither."""
    ours = normaliser(entities={"document": {"fields": {"debtor_key": "C", "total": "T", **fields}}})
    other = {"C": "1", "T": "1", "Open": "1", "State": "open"}
    found = ours.normalise(
        "document",
        [
            ("R", json.dumps({"C": "1", "T": "100", **row}).encode()),
            *([("S", json.dumps(other).encode())] if fields and row else []),
        ],
    )
    got = [error.what for key, error in found.failed if key == "R"] or [
        d.values["open_amount"] for d in found.drafts if d.key == "R"
    ]
    assert becomes in got[0]


def test_a_blank_remaining_amount_of_an_open_entry_is_not_zero() -> None:
    """The same for ledger entries: closed ones owe nothing, open ones have to say."""
    fields = {
        "debtor_key": "C",
        "document_type": {"value": "invoice"},
        "amount": "A",
        "remaining": "R",
        "is_open": {"column": "O", "optional": True},
    }
    rows: dict[str, dict[str, Any]] = {
        "blank": {"A": "100", "R": ""},
        "closed": {"A": "100", "R": "", "O": "no"},
        "open": {"A": "100", "R": "", "O": "yes"},
        "nought": {"A": 0, "R": None},
    }
    found = normaliser(entities={"ledger_entry": {"fields": fields}}).normalise(
        "ledger_entry", [(k, json.dumps({"C": "1", **r}).encode()) for k, r in rows.items()]
    )
    assert {key for key, error in found.failed if "remaining is blank" in error.what} == {"blank", "open"}
    assert {d.key: d.values["remaining"] for d in found.drafts} == {"closed": "0", "nought": "0"}


def test_cells_of_excel_that_are_no_amount_and_no_date(tmp_path: Path) -> None:
    """A duration, a time of day, a serial number in a date column and a failed formula cost their row; a percentage is a number."""
    rows: list[list[Any]] = [
        ["duration", "1", timedelta(hours=26), 0, date(2026, 3, 1), True],
        ["time", "1", 5, 0, time(0, 0), True],
        ["serial", "1", 5, 0, 46082, True],
        ["failed", "#REF!", 5, 0, date(2026, 3, 1), True],
        ["share", "1", 0.25, 0.1 + 0.2, datetime.fromisoformat("2026-03-01 23:30"), True],
        ["#N/A", "1", 5, 0, None, True],
    ]
    found = said(tmp_path, excel(tmp_path, *rows), {"decimal": ","})
    assert {key for key, _ in found.failed} == {"duration", "time", "serial", "failed", "a.xlsx:7"}
    assert {d.key: [d.values[f] for f in ("total", "open_amount", "due_date")] for d in found.drafts} == {
        "share": ["0.25", "0.3", "2026-03-01"]
    }


@pytest.mark.parametrize("write", EVERY, ids=lambda w: w.__name__)
def test_codes_keep_their_zeros_as_text(tmp_path: Path, write: Write) -> None:
    """00017 in a cell of text is 00017 in the key and in every field."""
    found = said(tmp_path, write(tmp_path, ["00017", "00042", "5", "0", None, None]))
    assert [(d.key, d.values["debtor_key"]) for d in found.drafts] == [("00017", "00042")]


@pytest.mark.parametrize("write", [excel, ndjson, parquet], ids=lambda w: w.__name__)
def test_a_whole_number_is_one_key_however_it_is_typed(tmp_path: Path, write: Write) -> None:
    """17, 17.0 and 1.7E1 name the same customer, in keys and in fields that point at them."""
    found = said(tmp_path, write(tmp_path, [17.0, 17.0, "5", "0", None, None]))
    assert [(d.key, d.values["debtor_key"]) for d in found.drafts] == [("17", "17")]


def test_json_numbers_in_any_notation_are_one_key(tmp_path: Path) -> None:
    """What programs make of 17 when they think it is a number; true is no key called True."""
    for literal, key in (
        ("1.7E1", "17"),
        ("17.00", "17"),
        ("12345678901234567890", "12345678901234567890"),
        ("true", "true"),
    ):
        (tmp_path / "a.json").write_text(f'{{"No": {literal}}}\n', encoding="utf-8")
        assert [r.key for r in records(one(tmp_path, path="a.json"))] == [key]


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland", "UTC"])
def test_parquet_instants_never_follow_the_machine(zone: str) -> None:
    """Workers in three zones see the same bytes, and so the same hashes and due dates."""
    program = (
        "from pathlib import Path; from tests.connectors.files.support import one, records\n"
        f"print(*(r.payload.decode() for r in records(one(Path({str(CAPTURED)!r}), path='instants.parquet'))))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "TZ": zone},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert json.loads(told) == {
        "No": 17,
        "Due": "2026-03-01 23:30:00+00",
        "Micro": "2026-03-01 23:30:00+00",
        "Local": "2026-03-01 23:30:00",
    }
    draft = normaliser(
        entities={
            "document": {
                "fields": {
                    "debtor_key": "No",
                    "total": "No",
                    "due_date": "Due",
                    "source_modified_at": "Micro",
                }
            }
        }
    )
    values = draft.normalise("document", [("1", told.encode())]).drafts[0].values
    assert (values["due_date"], values["source_modified_at"]) == ("2026-03-01", "2026-03-01T23:30:00Z")


def test_decimals_that_are_too_wide_are_refused_by_the_schema() -> None:
    """DuckDB reads a decimal of 76 digits as a double without a word: the file is refused, with the column and what to do."""
    with pytest.raises(
        SourceError,
        match=r"decimal_76\.parquet: has decimals of more than 38 digits in Total \(76 digits\).*at most 38 digits, or as text",
    ):
        records(one(CAPTURED, path="decimal_76.parquet"))


def test_thirty_eight_digits_arrive_as_they_are(tmp_path: Path) -> None:
    """The widest decimals that are read keep every digit in the landed payload."""
    digits = "123456789012345678901234567890123456.78"
    write_parquet(tmp_path / "a.parquet", (["No", "Total"], [["1", digits]]), ["VARCHAR", "DECIMAL(38,2)"])
    assert [r.payload for r in records(one(tmp_path, path="a.parquet"))] == [
        f'{{"No":"1","Total":{digits}}}'.encode()
    ]


@pytest.mark.parametrize(
    ("text", "formats", "becomes"),
    [
        ("01032026", ["%d%m%Y"], "2026-03-01"),
        ("1032026", ["%d%m%Y"], "2026-03-01"),
        ("103", ["%d%m%Y"], "should be a date"),
        ("01/02/2026", ["%d/%m/%Y", "%m/%d/%Y"], "different days"),
        ("31/01/2026", ["%d/%m/%Y", "%m/%d/%Y"], "2026-01-31"),
        ("2026-03-01", ["%d.%m.%Y"], "2026-03-01"),
        (1032026, ["%d%m%Y"], "2026-03-01"),
        (46082, [], "should be a date"),
    ],
    ids=[
        "fixed width",
        "its nought is lost",
        "day and month only",
        "two formats, two days",
        "two formats, one day",
        "iso",
        "a number",
        "a serial number",
    ],
)
def test_a_date_has_one_reading(text: str | int, formats: list[str], becomes: str) -> None:
    """A nought that a spreadsheet dropped does not make the 1st of March the 10th; two readings are none."""
    found = normaliser(dates=formats, entities={"debtor": {"fields": {"pause_until": "D"}}}).normalise(
        "debtor", [("1", json.dumps({"D": text}).encode())]
    )
    assert (
        becomes in ([e.what for _, e in found.failed] or [d.values["pause_until"] for d in found.drafts])[0]
    )


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"dates": ["%d%m"]}, "no date format with day, month and year"),
        ({"dates": ["%Y-%d-%m"]}, "1st of March by ISO 8601"),
        ({"dates": ["%Q"]}, "no date format"),
        ({"dates": ["%m/%Y"]}, "no date format"),
        (
            {"entities": {"debtor": {"fields": {"name": {"column": "N", "blank": "zero"}}}}},
            "blank: zero is for amounts, which name is not",
        ),
    ],
    ids=["no year", "day and month exchanged", "no such letter", "no day", "a name of nought"],
)
def test_a_declaration_that_cannot_be_meant_is_refused(settings: dict[str, Any], says: str) -> None:
    """When it is loaded, not when the first file comes."""
    from mappings.toolkit.columns import ColumnsMapping

    with pytest.raises(ConfigurationError, match=says):
        settings_of(
            ColumnsMapping, {"entities": {"debtor": {"fields": {"name": "N"}}}, **settings}, "books mapping"
        )
