"""One table written as each kind of file."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl

from sync_engine.ports import Normalised
from tests.connectors.files.support import normaliser, one, records
from tests.simulators.files import write_csv, write_parquet

CAPTURED = Path(__file__).parent / "captured"
FIELDS: dict[str, Any] = {
    "debtor_key": "Customer",
    "total": "Total",
    "open_amount": "Open",
    "due_date": "Due",
    "is_posted": {"column": "Posted", "optional": True},
}
HEADING = ["No", "Customer", "Total", "Open", "Due", "Posted"]


def said(folder: Path, file: str, mapping: dict[str, Any] | None = None, **declared: Any) -> Normalised:
    """What the whole of the connector and the mapping make of one file of documents."""
    found = [(r.key, r.payload) for r in records(one(folder, "document", path=file, **declared), "document")]
    return normaliser(**{"entities": {"document": {"fields": FIELDS}}, **(mapping or {})}).normalise(
        "document", found
    )


def excel(folder: Path, *rows: list[Any]) -> str:
    """A workbook with the heading and these cells."""
    book = openpyxl.Workbook()
    for row in (HEADING, *rows):
        book.worksheets[0].append(row)
    book.save(folder / "a.xlsx")
    return "a.xlsx"


def csv(folder: Path, *rows: list[Any]) -> str:
    """The same as text."""
    write_csv(folder / "a.csv", (HEADING, [["" if c is None else str(c) for c in row] for row in rows]))
    return "a.csv"


def ndjson(folder: Path, *rows: list[Any]) -> str:
    """The same as JSON: decimals as number literals, dates as text."""

    def literal(cell: Any) -> str:
        return (
            str(cell)
            if isinstance(cell, Decimal)
            else json.dumps(cell.isoformat() if isinstance(cell, date) else cell)
        )

    lines = (
        "{" + ", ".join(f'"{h}": {literal(c)}' for h, c in zip(HEADING, row, strict=True)) + "}\n"
        for row in rows
    )
    (folder / "a.json").write_text("".join(lines), encoding="utf-8")
    return "a.json"


def parquet(folder: Path, *rows: list[Any]) -> str:
    """The same as Parquet with types of its own; whole numbers where the cells are."""

    def kind(cell: Any) -> str:
        return {int: "INTEGER", Decimal: "DECIMAL(18,3)", float: "DOUBLE", date: "DATE", bool: "BOOLEAN"}.get(
            type(cell), "VARCHAR"
        )

    write_parquet(folder / "a.parquet", (HEADING, [list(row) for row in rows]), [kind(c) for c in rows[0]])
    return "a.parquet"


Write = Callable[..., str]
TYPED: list[Write] = [excel, ndjson, parquet]
EVERY: list[Write] = [csv, *TYPED]
