"""What columns hold, and how a value that a driver gives becomes a cell: text, a number digit by digit, true, false or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from connectors.sql.settings import Meaning
from sync_engine.canonical.cells import Number, plain_number

Kind = Literal["text", "number", "bool", "date", "time", "instant", "local", "binary", "bits", "money", "any"]
"""What the database says a column is. `local` is an instant without a zone, `any` what it does not say before there is a value."""
Convert = Callable[[Any], Any]


class Column(NamedTuple):
    """A column of a table or query."""

    name: str
    kind: Kind
    meaning: Meaning | None = None
    """What the settings say it is."""


class NotText(bytes):
    """Bytes that stand where text is meant and are no UTF-8."""


def decoded(raw: bytes) -> str | NotText:
    """Text as SQLite keeps it, or the bytes that are none."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return NotText(raw)


def reader(column: Column) -> Convert | None:
    """How the values of a column become cells; None where they are cells as they come."""
    if column.meaning in ("unix seconds", "unix milliseconds"):
        return _since_1970(1000 if column.meaning == "unix milliseconds" else 1)
    if column.meaning == "number":
        return _number
    if column.meaning == "text":
        return _worded
    if column.kind in ("number", "bits", "money"):
        return _plain
    return {"bool": _flag, "any": value_cell}.get(column.kind)


def value_cell(value: Any) -> Any:
    """A cell of whatever Python value a driver made; a float is the shortest text that means it."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return Number(value)
    if isinstance(value, float | Decimal):
        return _number(repr(value) if isinstance(value, float) else str(value))
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, NotText):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    return str(value)


def _plain(text: str | None) -> Any:
    """A number as PostgreSQL, MariaDB and DuckDB write it. NaN and Infinity are none: as text they are refused where an amount is meant."""
    return text if text is None or not text[-1:].isdigit() else Number(text)


def _number(value: Any) -> Any:
    if value is None:
        return None
    plain = plain_number(str(value).strip())
    return Number(plain) if plain.lstrip("-")[:1].isdigit() and plain[-1:].isdigit() else str(value)


def _worded(value: Any) -> Any:
    cell = value_cell(value)
    return str(cell) if isinstance(cell, Number) else cell


def _flag(value: Any) -> Any:
    return value if value is None or isinstance(value, bool) else str(value) in ("true", "t", "1")


def _since_1970(divisor: int) -> Convert:
    def convert(value: Any) -> Any:
        try:
            return datetime.fromtimestamp(float(value) / divisor, UTC).isoformat(sep=" ")
        except (TypeError, ValueError, OverflowError, OSError):
            return None if value is None else str(value)

    return convert


def moment(cell: Any, zone: ZoneInfo) -> datetime | None:
    """The instant that a cell says, in UTC; of a wall clock that shows an hour twice the first. None where it says none."""
    if not isinstance(cell, str):
        return None
    try:
        found = datetime.fromisoformat(cell.strip())
        if found.tzinfo is UTC:
            return found
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def damaged(columns: Iterable[Column], cells: Iterable[Any]) -> str:
    """What is wrong with a row that holds bytes which are no text; empty where nothing is."""
    names = [column.name for column, cell in zip(columns, cells, strict=True) if isinstance(cell, NotText)]
    return f"holds bytes that are no UTF-8 text in {', '.join(names)}" if names else ""


def as_cell(value: Any) -> Any:
    """A value of a key as the driver gives it, where it was not read as text."""
    return Number(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else value
