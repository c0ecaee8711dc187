"""Tables as people have them: CSV in any delimiter and encoding, Excel; every row with the line it starts on.

DuckDB is not asked for CSV: it does not number the lines of rows with quoted line breaks, and in 2.0 a quotation mark that is
never closed ends its reading without a word, which would look like everything behind it had been deleted.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, AnyStr

from sync_engine.canonical.declared import column_identity
from sync_engine.errors import SourceError
from sync_engine.platform.lines import LIMITS, Limits, Line, beyond, too_wide
from sync_engine.platform.workbooks import EXCEL, read_sheet

DELIMITERS = ";,\t|"
SAMPLE = 20
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

NULS = {(False, True): "utf-16-le", (True, False): "utf-16-be"}
"""Which of the two bytes of the first characters are NUL, where UTF-16 says nothing about itself."""


@dataclass(frozen=True, slots=True)
class Table:
    """A header, and the rows below it, read as they are asked for. Blank rows are left out."""

    name: str
    header: tuple[str, ...]
    rows: Iterator[Line]

    def place(self, column: str) -> int | None:
        """Where a column stands; spelling variants of the heading count as the same."""
        wanted = column_identity(column)
        return next((i for i, name in enumerate(self.header) if column_identity(name) == wanted), None)


def read_table(
    path: Path,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    quote: str = '"',
    sheet: str | None = None,
    header: Sequence[str] | None = None,
    skip: int = 0,
    limits: Limits | None = None,
) -> Table:
    """Opens a table file. `header` names the columns where the file has no heading; `skip` lines stand above either.

    `limits` are LIMITS where nobody says others.

    Raises SourceError with what to do, also for a file beyond the limits.
    """
    name, limits = path.name, limits or LIMITS
    if path.suffix.casefold() == ".xls":
        raise SourceError("is an Excel file of the old kind", key=name, todo="Save it as .xlsx.")
    if path.suffix.casefold() in EXCEL:
        records: Iterator[Line] = islice(read_sheet(path, sheet, limits), skip, None)
    else:
        records = _text(path, encoding, delimiter, quote, skip, limits)
    is_padded = path.suffix.casefold() in EXCEL
    named: tuple[str, ...] | None = None if header is None else tuple(header)
    if named is None:
        first = next((r for r in records if not _is_blank(r.cells)), None)
        if first is None:
            raise SourceError(
                "is empty: there is not even a heading",
                key=name,
                todo="Deliver it again, with the heading in the first row.",
            )
        if first.wrong:
            raise SourceError(
                f"the heading cannot be read: {first.wrong}", key=name, todo="Correct the first row."
            )
        too_wide(len(first.cells), name, limits)
        named = headings(first.cells)
    return Table(name, named, _rows(records, len(named), is_padded=is_padded))


def headings(cells: Sequence[str | None]) -> tuple[str, ...]:
    """Column names as one can use them: trimmed, each different, trailing blank ones left out."""
    trimmed = [" ".join((c or "").split()) for c in cells]
    while trimmed and not trimmed[-1]:
        trimmed.pop()
    found: dict[str, None] = {}
    next_time: dict[str, int] = {}
    for place, text in enumerate(trimmed, 1):
        name = called = text or f"column {place}"
        while name in found:
            again = next_time.get(called, 2)
            name, next_time[called] = f"{called} ({again})", again + 1
        found[name] = None
    return tuple(found)


def bounded_lines(lines: IO[AnyStr], name: str, limits: Limits) -> Iterator[AnyStr]:
    """Lines of a file, none of which is longer than the limit. Raises SourceError."""
    number = 0
    while line := lines.readline(limits.line + 1):
        number += 1
        if len(line) > limits.line:
            raise beyond(f"has more than {limits.line} characters in line {number}", name)
        yield line


def _is_blank(cells: Sequence[str | None]) -> bool:
    return not any(c and c.strip() for c in cells)


def _rows(records: Iterator[Line], width: int, *, is_padded: bool) -> Iterator[Line]:
    for number, cells, wrong in records:
        if wrong:
            yield Line(number, cells, wrong)
        elif _is_blank(cells):
            continue
        elif len(cells) == width:
            yield Line(number, cells)
        elif len(cells) > width and _is_blank(cells[width:]):
            yield Line(number, cells[:width])
        elif len(cells) < width and is_padded:
            yield Line(number, cells + (None,) * (width - len(cells)))
        else:
            yield Line(number, cells, f"has {len(cells)} fields, the heading has {width}")


# Text ------------------------------------------------------------------------------------------------


def _text(
    path: Path, encoding: str | None, delimiter: str | None, quote: str, skip: int, limits: Limits
) -> Iterator[Line]:
    csv.field_size_limit(limits.cell)
    try:
        named = (
            encoding_of(path)
            if encoding is None
            else "utf-8-sig"
            if codecs.lookup(encoding).name == "utf-8"
            else encoding
        )
        with path.open(encoding=named, newline="") as lines:
            yield from _records(lines, path.name, delimiter, quote, skip, limits)
    except LookupError:
        raise SourceError(
            f"there is no encoding {encoding!r}",
            key=path.name,
            todo="Use a name such as utf-8, cp1252 or latin-1.",
        ) from None
    except UnicodeError:
        raise SourceError(
            f"is not written in {encoding}",
            key=path.name,
            todo="Correct the encoding in the settings, or leave it out.",
        ) from None
    except OSError as error:
        raise unreadable(error, path.name) from None


def unreadable(error: OSError, name: str) -> SourceError:
    """A file that cannot be opened or read."""
    return SourceError(
        f"cannot be read ({error.strerror or type(error).__name__})",
        key=name,
        todo="See whether it is there and may be read.",
    )


def encoding_of(path: Path) -> str:
    """UTF-8 (or what its byte order mark or its NULs say) where the whole file is that, else Windows' Western European."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as source:
        start = source.read(4)
        for mark, name in BOMS:
            if start.startswith(mark):
                return name
        if len(start) == 4 and (quiet := NULS.get((start[0::2] == b"\0\0", start[1::2] == b"\0\0"))):
            return quiet
        source.seek(0)
        try:
            while chunk := source.read(1 << 20):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return _western(path)
    return "utf-8"


def _western(path: Path) -> str:
    with path.open("rb") as source:
        while chunk := source.read(1 << 20):
            if chunk.translate(None, b"\x81\x8d\x8f\x90\x9d") != chunk:
                return "latin-1"
    return "cp1252"


def _records(
    lines: io.TextIOWrapper, name: str, delimiter: str | None, quote: str, skip: int, limits: Limits
) -> Iterator[Line]:
    sample = list(islice(bounded_lines(lines, name, limits), skip + SAMPLE))
    skipped = skip
    if sample and (told := sample[0].strip().casefold()).startswith("sep=") and len(told) <= 5:
        delimiter, skipped = delimiter or told[4:] or "\t", skip + 1
    lines.seek(0)
    for _ in range(skipped):
        lines.readline()
    delimiter = delimiter or delimiter_of(sample[skipped:], quote)
    reader = csv.reader(bounded_lines(lines, name, limits), delimiter=delimiter, quotechar=quote, strict=True)
    while True:
        start = reader.line_num + skipped + 1
        try:
            yield Line(start, tuple(next(reader)))
        except StopIteration:
            return
        except csv.Error as error:
            if "field limit" in str(error):
                raise beyond(
                    f"has a cell of more than {limits.cell} characters from line {start} on, or a quotation mark that is never closed",
                    name,
                ) from None
            if "end of data" in str(error):
                raise SourceError(
                    f"a quotation mark opened on line {start} is never closed",
                    key=name,
                    todo="Close it, or double it where it is meant as text.",
                ) from None
            yield Line(
                start, (), "has a quotation mark inside a quoted field; double it where it is meant as text"
            )


def delimiter_of(sample: Sequence[str], quote: str = '"') -> str:
    """The delimiter that splits the heading into most fields and the rows below it into as many."""
    best, found = (0, 0), ","
    for candidate in DELIMITERS:
        widths: list[int] = []
        with suppress(csv.Error):  # a cell without end: what stands above it tells
            widths.extend(
                len(r)
                for r in csv.reader(sample, delimiter=candidate, quotechar=quote)
                if any(c.strip() for c in r)
            )
        if widths and widths[0] > 1:
            score = sum(w == widths[0] for w in widths), widths[0]
            if score > best:
                best, found = score, candidate
    return found
