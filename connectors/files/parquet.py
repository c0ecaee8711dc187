"""Parquet through DuckDB: every plain column as text as DuckDB writes it, numbers marked as such, instants in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sync_engine.canonical.cells import Number, plain_number
from sync_engine.errors import SourceError
from sync_engine.platform.lines import LIMITS, beyond, too_wide

CHUNK = 10_000
DIGITS = 38
"""The longest decimals DuckDB reads as they are; wider ones arrive as the nearest double without a word (seen in 2.0)."""
EXACT = frozenset(
    (
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "HUGEINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
        "UBIGINT",
        "UHUGEINT",
    )
)
SHORT = frozenset(("FLOAT", "DOUBLE"))


def read_parquet(path: Path) -> Iterator[dict[str, Any]]:
    """Rows: decimals as they are, dates and instants as ISO text. Raises SourceError for what is no Parquet file,
    and for decimals that cannot be read exactly.

    DuckDB writes an instant in the session's zone, which is the machine's unless it is told another.
    """
    import duckdb

    connection = duckdb.connect(
        config={"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    )
    try:
        connection.execute("SET TimeZone = 'UTC'")
        _refuse_wide(
            path,
            connection.execute(
                "SELECT name, precision FROM parquet_schema(?) WHERE converted_type = 'DECIMAL' AND precision > ?",
                [str(path), DIGITS],
            ).fetchall(),
        )
        described = [
            (str(row[0]), str(row[1]))
            for row in connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
        ]
        too_wide(len(described), path.name, LIMITS)
        _refuse_large(
            path,
            connection.execute(
                "SELECT max(total_uncompressed_size) FROM parquet_metadata(?)", [str(path)]
            ).fetchall()[0][0],
        )
        readers = [
            _float if kind in SHORT else Number if kind in EXACT or kind.startswith("DECIMAL(") else str
            for _, kind in described
        ]
        listed = ", ".join(_as_text(name, kind) for name, kind in described)
        cursor = connection.execute(f"SELECT {listed} FROM read_parquet(?)", [str(path)])
        while chunk := cursor.fetchmany(CHUNK):
            for cells in chunk:
                yield {
                    name: None if cell is None else read(cell)
                    for (name, _), cell, read in zip(described, cells, readers, strict=True)
                }
    except duckdb.Error:
        raise SourceError("is no Parquet file", key=path.name, todo="Deliver it again.") from None
    finally:
        connection.close()


def _as_text(name: str, kind: str) -> str:
    column = '"{}"'.format(name.replace('"', '""'))
    return f"printf('%.15g', {column})" if kind == "DOUBLE" else f"CAST({column} AS VARCHAR)"


def _float(text: str) -> str:
    """Infinity and NaN are no numbers of JSON; as text they are refused where an amount is meant."""
    plain = plain_number(text)
    return Number(plain) if plain.lstrip("-")[:1].isdigit() else text


def _refuse_wide(path: Path, columns: list[tuple[str, int]]) -> None:
    if columns:
        told = ", ".join(f"{name} ({digits} digits)" for name, digits in columns)
        raise SourceError(
            f"has decimals of more than {DIGITS} digits in {told}, which cannot be read exactly",
            key=path.name,
            todo=f"Export the column as a decimal of at most {DIGITS} digits, or as text; nothing was deleted.",
        )


def _refuse_large(path: Path, largest: int | None) -> None:
    if largest is not None and largest > LIMITS.unpacked:
        raise beyond(f"unpacks to more than {LIMITS.unpacked} bytes", path.name)
