"""What databases differ in: what a session begins with, how columns say their kind, how a value is read exactly, how instants compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import ColumnElement

from connectors.sql.cells import Column, Kind

Clause = ColumnElement[Any]
Description = Sequence[Sequence[Any]]


class AnyDatabase:
    """What SQLAlchemy reaches and nothing more is known of: values as its driver makes them, no snapshot but what it gives by itself."""

    isolation: ClassVar[str | None] = None
    begins: ClassVar[tuple[str, ...]] = ()
    """Statements that every connection begins with."""
    only_reads: ClassVar[tuple[str, ...]] = ()
    """Statements that a connection for reading begins with."""
    read_only: ClassVar[bool] = False
    """Whether a write is refused by the database itself."""
    reads_to_the_end: ClassVar[bool] = False
    """Whether the driver reads the rest of an answer before it closes a cursor."""
    clock: ClassVar[str | None] = None
    """A query for the server's time in UTC as text; None where it is this machine's."""

    def options(self, connect: float, read: float) -> dict[str, Any]:
        """What the driver is told when it connects; seconds."""
        return {}

    def statements(self, read: float) -> tuple[str, ...]:
        """What every connection begins with; `read` is how many seconds a statement may take."""
        return self.begins

    def reading_statements(self, read: float) -> tuple[str, ...]:
        """What a connection for reading begins with."""
        return (*self.only_reads, *self.statements(read))

    def execution(self, isolation: str | None) -> dict[str, Any]:
        """SQLAlchemy's options of a connection."""
        chosen = isolation or self.isolation
        return {} if chosen is None else {"isolation_level": chosen}

    def kinds(self, description: Description) -> list[Kind]:
        """The kinds of columns as a cursor describes them."""
        return ["any"] * len(description)

    def charsets(self, columns: Sequence[Column], rows: Any) -> sa.Select[Any] | None:
        """A statement that tells text from bytes, where the description does not; one row at most."""
        return None

    def value(self, column: Column, expression: Clause) -> Clause:
        """An expression whose value says exactly what stands in the column."""
        return expression

    def text(self, column: Column, expression: Clause) -> Clause:
        """The column as text, to compare and to group by."""
        return sa.cast(expression, sa.String(4000))

    def not_before(self, column: Column, expression: Clause, at: datetime, zone: ZoneInfo) -> Clause:
        """That the instant in a column is not before one in UTC."""
        if column.meaning in ("unix seconds", "unix milliseconds"):
            return expression >= int(at.timestamp() * (1000 if column.meaning == "unix milliseconds" else 1))
        if column.meaning == "instant" or column.kind == "instant":
            return expression >= self.bound(at, "instant")
        wall = wall_clock(at, zone)
        if column.meaning == "date" or column.kind == "date":
            return expression >= self.bound(wall, "date")
        return expression >= self.bound(wall, "local")

    def bound(self, at: datetime, kind: Kind) -> Clause:
        """A bound instant of one kind."""
        return sa.literal(at.date() if kind == "date" else at)


def wall_clock(at: datetime, zone: ZoneInfo) -> datetime:
    """What a clock on the wall may have shown at an instant: an hour before it, for in autumn it shows an hour twice."""
    return (at - timedelta(hours=1)).astimezone(zone).replace(tzinfo=None)


class PostgreSQL(AnyDatabase):
    """Everything as the text that PostgreSQL writes: infinity, years beyond 9999 and 24:00 are no values of Python's."""

    isolation = "REPEATABLE READ"
    read_only = True
    begins = (
        "SET TIME ZONE 'UTC'",
        "SET datestyle = 'ISO, YMD'",
        "SET extra_float_digits = 1",
        "SET client_encoding = 'UTF8'",
    )
    clock = "SELECT CAST(now() AS TEXT)"
    OIDS: ClassVar[Mapping[int, Kind]] = {
        16: "bool", 17: "binary", 20: "number", 21: "number", 23: "number", 26: "number", 700: "number", 701: "number", 1700: "number",
        790: "money", 1082: "date", 1114: "local", 1184: "instant",
    }  # fmt: skip

    def options(self, connect: float, read: float) -> dict[str, Any]:
        return {"connect_timeout": max(1, round(connect)), "application_name": "sync-engine"}

    def statements(self, read: float) -> tuple[str, ...]:
        """The time a statement may take counts anew for each part of a result that is fetched."""
        return (*self.begins, f"SET statement_timeout = {round(read * 1000)}")

    def execution(self, isolation: str | None) -> dict[str, Any]:
        return {**super().execution(isolation), "postgresql_readonly": True}

    def kinds(self, description: Description) -> list[Kind]:
        return [self.OIDS.get(column[1], "text") for column in description]

    def value(self, column: Column, expression: Clause) -> Clause:
        return self.text(column, expression)

    def text(self, column: Column, expression: Clause) -> Clause:
        """`money` is written in the server's locale, so it is made a number first."""
        return sa.cast(sa.cast(expression, sa.Numeric) if column.kind == "money" else expression, sa.Text)

    def bound(self, at: datetime, kind: Kind) -> Clause:
        if kind == "date":
            return sa.cast(sa.literal(at.date().isoformat(), sa.Text), sa.Date)
        said = sa.literal(at.isoformat(sep=" "), sa.Text)
        return sa.cast(said, sa.DateTime(timezone=kind == "instant"))


class MariaDB(AnyDatabase):
    """MariaDB and MySQL. Read only is a setting of the session there: SQLAlchemy's own word for it is ignored without an error."""

    isolation = "REPEATABLE READ"
    read_only = True
    reads_to_the_end = True
    only_reads = ("SET SESSION TRANSACTION READ ONLY",)
    begins = ("SET time_zone = '+00:00'",)
    clock = "SELECT CAST(UTC_TIMESTAMP(6) AS CHAR)"
    TYPES: ClassVar[Mapping[int, Kind]] = {
        0: "number", 1: "number", 2: "number", 3: "number", 4: "number", 5: "number", 8: "number", 9: "number", 13: "number", 246: "number",
        7: "instant", 10: "date", 11: "time", 12: "local", 14: "date", 16: "bits",
    }  # fmt: skip
    NO_DATE = "0000-00-00"

    def options(self, connect: float, read: float) -> dict[str, Any]:
        return {
            "connect_timeout": max(1, round(connect)),
            "read_timeout": max(1, round(read)),
            "charset": "utf8mb4",
        }

    def kinds(self, description: Description) -> list[Kind]:
        return [self.TYPES.get(column[1], "text") for column in description]

    def charsets(self, columns: Sequence[Column], rows: Any) -> sa.Select[Any] | None:
        """The same number describes TEXT and BLOB; their character set tells them apart."""
        texts = [sa.func.charset(rows.c[c.name]) if c.kind == "text" else sa.literal("") for c in columns]
        return (
            sa.select(*texts).select_from(rows).limit(1) if any(c.kind == "text" for c in columns) else None
        )

    def value(self, column: Column, expression: Clause) -> Clause:
        """A zero date is none: whether such a column may be null or not, nobody was paid on that day."""
        text = self.text(column, expression)
        if column.kind not in ("date", "local", "instant"):
            return text
        said = sa.case((text.like(f"{self.NO_DATE}%"), sa.null()), else_=text)
        return sa.func.concat(said, "+00:00") if column.kind == "instant" else said

    def text(self, column: Column, expression: Clause) -> Clause:
        if column.kind == "binary":
            return sa.func.hex(expression)
        return sa.cast(expression + 0 if column.kind == "bits" else expression, sa.CHAR)

    def bound(self, at: datetime, kind: Kind) -> Clause:
        """The session's zone is UTC, and instants are bound as text."""
        said = at.date() if kind == "date" else at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at
        return sa.literal(said.isoformat() if kind == "date" else str(said))


class DuckDB(AnyDatabase):
    """A file of DuckDB's, read through its own module: an instant is written in the session's zone."""

    read_only = True
    begins = ("SET TimeZone = 'UTC'",)
    NUMBERS = (
        "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE",
        "DECIMAL",
    )  # fmt: skip
    NAMES: ClassVar[Mapping[str, Kind]] = {
        "BOOLEAN": "bool", "BLOB": "binary", "DATE": "date", "TIMESTAMP": "local", "TIMESTAMP WITH TIME ZONE": "instant",
    }  # fmt: skip

    def kinds(self, description: Description) -> list[Kind]:
        return [self._kind(str(column[1]).upper()) for column in description]

    def _kind(self, name: str) -> Kind:
        if name.split("(")[0] in self.NUMBERS and not name.endswith("]"):
            return "number"
        return self.NAMES.get(name, "local" if name.startswith("TIMESTAMP_") and "[" not in name else "text")

    def value(self, column: Column, expression: Clause) -> Clause:
        return self.text(column, expression)

    def text(self, column: Column, expression: Clause) -> Clause:
        return sa.func.hex(expression) if column.kind == "binary" else sa.cast(expression, sa.String)

    def bound(self, at: datetime, kind: Kind) -> Clause:
        return PostgreSQL().bound(at, kind)


class SQLite(AnyDatabase):
    """Values as they are stored: through a column's declared type, numbers would go through a float and lose digits."""

    read_only = True

    def text(self, column: Column, expression: Clause) -> Clause:
        return sa.cast(expression, sa.Text)

    def not_before(self, column: Column, expression: Clause, at: datetime, zone: ZoneInfo) -> Clause:
        """By SQLite's own reading of a text: `T` or a blank, fractions, `Z` and offsets stand side by side in one column, and as text
        `10:00:00` is not at or after `10:00:00.000000`. What it cannot read is not passed over.
        """
        if column.meaning in ("unix seconds", "unix milliseconds"):
            return super().not_before(column, expression, at, zone)
        start = min(wall_clock(at, zone), at.replace(tzinfo=None)).replace(microsecond=0)
        read = sa.func.datetime(expression)
        return sa.or_(
            read >= start.isoformat(sep=" "),
            sa.and_(sa.func.length(expression) == 10, expression >= start.date().isoformat()),
            sa.and_(read.is_(None), expression.is_not(None)),
        )


class SQLServer(AnyDatabase):
    """Values as the driver makes them; a snapshot only where the database allows SNAPSHOT and the settings ask for it."""

    clock = "SELECT CONVERT(VARCHAR(33), SYSUTCDATETIME(), 126)"


DATABASES: Mapping[str, type[AnyDatabase]] = {
    "postgresql": PostgreSQL,
    "mysql": MariaDB,
    "mariadb": MariaDB,
    "sqlite": SQLite,
    "duckdb": DuckDB,
    "mssql": SQLServer,
}


def database_of(product: str) -> AnyDatabase:
    """What is known of a product, by its name in the URL."""
    return DATABASES.get(product, AnyDatabase)()
