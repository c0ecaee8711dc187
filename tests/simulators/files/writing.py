"""Writes rows into files, with the flaws people's files have; every flaw leaves the truth as it is."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Flaws:
    """How a CSV is written. The default is what a program would write; `DIRTY` what people send."""

    delimiter: str = ","
    encoding: str = "utf-8"
    newline: str = "\n"
    bom: bool = False
    shouted_header: bool = False
    trailing_blank_lines: int = 0
    trailing_delimiter: bool = False
    repeat_every: int = 0
    """Every so many rows one is written twice, identically."""
    excel_hint: bool = False
    """The line `sep=;` that Excel understands."""

    def heading(self, names: Sequence[str]) -> list[str]:
        """The heading, maybe with other case and blanks."""
        return [f"  {n.upper().replace('.', '')} " for n in names] if self.shouted_header else list(names)


DIRTY = Flaws(
    ";",
    "utf-8",
    "\r\n",
    bom=True,
    shouted_header=True,
    trailing_blank_lines=3,
    trailing_delimiter=True,
    repeat_every=4,
    excel_hint=False,
)


def write_csv(
    path: Path, table: tuple[Sequence[str], Sequence[Sequence[str]]], flaws: Flaws = Flaws()
) -> Path:
    """Writes one CSV; cells with line breaks keep them, quoted."""
    heading, rows = table
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=flaws.delimiter, lineterminator=flaws.newline)
    if flaws.excel_hint:
        text.write(f"sep={flaws.delimiter}{flaws.newline}")
    tail = [""] if flaws.trailing_delimiter else []
    writer.writerow([*flaws.heading(heading), *tail])
    for place, row in enumerate(rows):
        for _ in range(2 if flaws.repeat_every and place % flaws.repeat_every == 0 else 1):
            writer.writerow([*row, *tail])
    for nth in range(flaws.trailing_blank_lines):
        text.write((flaws.delimiter * (len(heading) - 1) if nth % 2 else "") + flaws.newline)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((b"\xef\xbb\xbf" if flaws.bom else b"") + text.getvalue().encode(flaws.encoding))
    return path


def write_excel(
    path: Path,
    table: tuple[Sequence[str], Sequence[Sequence[object]]],
    *,
    sheet: str = "Data",
    before: str | None = None,
) -> Path:
    """Writes a workbook; `before` is a sheet that stands in front of the one that is meant."""
    import openpyxl

    book = openpyxl.Workbook()
    first = book.active
    assert first is not None
    if before is not None:
        first.title = before
        first = book.create_sheet(sheet)
    first.title = sheet
    first.append([])
    first.append(list(table[0]))
    for row in table[1]:
        first.append(list(row))
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    return path


def write_parquet(
    path: Path, table: tuple[Sequence[str], Sequence[Sequence[str]]], types: Sequence[str]
) -> Path:
    """Writes Parquet with real types: `DECIMAL(18,2)`, `DATE`, `VARCHAR`."""
    import duckdb

    listed = ", ".join(f'"{name}" {kind}' for name, kind in zip(table[0], types, strict=True))
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE t ({listed})")
    if table[1]:
        connection.executemany(
            f"INSERT INTO t VALUES ({', '.join('?' * len(types))})",
            [[c or None for c in row] for row in table[1]],
        )
    connection.execute(f"COPY t TO '{path}' (FORMAT parquet)")
    connection.close()
    return path


def write_ndjson(path: Path, table: tuple[Sequence[str], Sequence[Sequence[object]]]) -> Path:
    """Writes one JSON object a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "".join(
            json.dumps(dict(zip(table[0], row, strict=True)), ensure_ascii=False) + "\n" for row in table[1]
        ),
        encoding="utf-8",
    )
    return path
