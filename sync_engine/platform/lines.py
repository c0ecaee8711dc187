"""One line of a table file, and the limits that no table of anybody's reaches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sync_engine.errors import SourceError


@dataclass(frozen=True, slots=True)
class Limits:
    """What no table of anybody's reaches; beyond it a file is refused, before it costs memory or time."""

    unpacked: int = 1 << 30
    """Bytes of XML in a workbook, or of one column of a part of a Parquet file."""
    cell: int = 1 << 20
    """Characters of a cell (bytes in a workbook). In text a longer one is a quotation mark that was opened and not closed."""
    line: int = 1 << 24
    """Characters of a line of text."""
    columns: int = 4096
    rows: int = 1 << 20
    """Rows of a sheet: what Excel has. A file may name any row."""


LIMITS = Limits()


class Line(NamedTuple):
    """One row: the line it starts on, its cells in the order of the header (None: nothing there), and what is wrong with it."""

    number: int
    cells: tuple[str | None, ...]
    wrong: str = ""


def too_wide(columns: int, name: str, limits: Limits) -> None:
    """Raises SourceError for more columns than a table has."""
    if columns > limits.columns:
        raise beyond(f"has {columns} columns, more than {limits.columns}", name)


def beyond(what: str, name: str) -> SourceError:
    """A file that is not read because it would cost too much."""
    return SourceError(
        what,
        key=name,
        todo="That is no table of ours: delete what is not meant, or deliver it in smaller files. Nothing was read from it.",
    )
