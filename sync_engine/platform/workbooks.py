"""Sheets of a workbook, row by row, within limits."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, TypeVar
from zipfile import BadZipFile, ZipFile, ZipInfo

from sync_engine.canonical.cells import Number, plain_number
from sync_engine.errors import SourceError
from sync_engine.platform.lines import Limits, Line, beyond, too_wide

EXCEL = (".xlsx", ".xlsm")
DAMAGED = (
    OSError,
    KeyError,
    ValueError,
    EOFError,
    SyntaxError,
    BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
)
"""What openpyxl and zipfile raise for a workbook that is cut short, flipped, locked or none."""
T = TypeVar("T")


# Excel -----------------------------------------------------------------------------------------------


def read_sheet(path: Path, sheet: str | None, limits: Limits) -> Iterator[Line]:
    """The rows of a sheet, of the only one where none is named. Raises SourceError for a workbook that cannot be read."""
    import openpyxl  # a third of a second that only spreadsheets need
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        has_formulas = _look_inside(path, limits)
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except FileNotFoundError:
        raise SourceError("is not there", key=path.name, todo="Deliver it, or correct the path.") from None
    except (InvalidFileException, *DAMAGED):
        raise SourceError(
            "is no Excel workbook", key=path.name, todo="Save it as .xlsx and deliver it again."
        ) from None
    try:
        if sheet is not None and sheet not in book.sheetnames:
            raise SourceError(
                f"has no sheet {sheet!r}", key=path.name, todo=f"It has: {', '.join(book.sheetnames)}."
            )
        chosen = book[sheet] if sheet is not None else book.worksheets[0]
        chosen.reset_dimensions()
        blank = _never_calculated(path, chosen.title, limits) if has_formulas else {}
        with closing(chosen.iter_rows(values_only=True)) as rows:
            for number, cells in _within(rows, path.name, limits):
                yield Line(number, tuple(shown(c) for c in cells), blank.get(number, ""))
    except DAMAGED:
        raise SourceError(
            "is damaged: its sheet cannot be read to the end",
            key=path.name,
            todo="Save it again and deliver it.",
        ) from None
    finally:
        book.close()


def _within(rows: Iterable[tuple[T, ...]], name: str, limits: Limits) -> Iterator[tuple[int, tuple[T, ...]]]:
    """Rows with their number, as long as they are within the limits: one far-off cell makes a sheet of millions."""
    for number, cells in enumerate(rows, 1):
        too_wide(len(cells), name, limits)
        if number > limits.rows:
            raise beyond(f"has a cell below row {limits.rows}", name)
        yield number, cells


def _never_calculated(path: Path, sheet: str, limits: Limits) -> dict[int, str]:
    """Line -> what is wrong with it, where a formula has no result: a program wrote it, and no spreadsheet has calculated it since.

    Such a cell reads like a blank one. A formula whose result is an empty text is marked as text, and is blank indeed.
    """
    import openpyxl

    books = [openpyxl.load_workbook(path, read_only=True, data_only=results) for results in (True, False)]
    try:
        for book in books:
            book[sheet].reset_dimensions()
        found: dict[int, str] = {}
        with (
            closing(books[0][sheet].iter_rows()) as calculated,
            closing(books[1][sheet].iter_rows()) as written,
        ):
            for (number, results), said in zip(_within(calculated, path.name, limits), written, strict=True):
                cells = [
                    s.coordinate
                    for r, s in zip(results, said, strict=True)
                    if s.data_type == "f" and r.value is None and r.data_type == "n"
                ]
                if cells:
                    found[number] = (
                        f"holds a formula that was never calculated in {', '.join(cells)}: open the file in Excel and save it, or paste the values"
                    )
        return found
    finally:
        for book in books:
            book.close()


def _look_inside(path: Path, limits: Limits) -> bool:
    """Whether a workbook holds formulas; raises SourceError for one that would unpack to more than anybody's table."""
    found = False
    with ZipFile(path) as parts:
        told = [part for part in parts.infolist() if part.filename.endswith((".xml", ".rels"))]
        if sum(part.file_size for part in told) > limits.unpacked:
            raise beyond(f"unpacks to more than {limits.unpacked} bytes", path.name)
        for part in told:
            with parts.open(part) as xml:
                if b"<!DOCTYPE" in xml.read(1024):
                    raise SourceError(
                        "declares a document type, which no spreadsheet does",
                        key=path.name,
                        todo="Save it again as .xlsx.",
                    )
            if part.filename.startswith(("xl/worksheets/", "xl/sharedStrings")):
                found |= _scan(parts, part, path.name, limits) and part.filename.startswith("xl/worksheets/")
    return found


def _scan(parts: ZipFile, part: ZipInfo, name: str, limits: Limits) -> bool:
    end, found = b"", False
    with parts.open(part) as sheet:
        while chunk := sheet.read(1 << 16):
            joined = end + chunk
            if max(map(len, joined.split(b"<"))) > limits.cell:
                raise beyond(f"has a cell of more than {limits.cell} characters", name)
            found = found or any(tag in joined for tag in (b"<f>", b"<f ", b"<f/>"))
            end = joined[joined.rfind(b"<") if b"<" in joined else 0 :]
    return found


def shown(value: Any) -> str | None:
    """A cell as text: numbers as a spreadsheet shows them (15 digits) and marked as such, dates as ISO text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return Number(value)
    if isinstance(value, float):
        return Number(plain_number(f"{value:.15g}"))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date | time) else str(value)
