"""Ad-hoc questions in SQL: one statement, in a transaction that cannot write; and tables handed over as CSV to another engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import Connection

from sync_engine.errors import ConfigurationError
from sync_engine.store.db import driver, fetch


class Answer(NamedTuple):
    """Column names and rows."""

    columns: list[str]
    rows: list[tuple[Any, ...]]


def ask(connection: Connection, statement: str, limit: int | None = None) -> Answer:
    """Runs one SELECT-like statement read only. The server itself refuses a write, and a second statement behind the first.

    A superuser, as the embedded server's only one is, could write files in such a transaction too: it asks as one that may only read.

    Raises ConfigurationError when the statement is wrong, StoreError when the database fails.
    """
    own = driver(connection)
    with own.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        cursor.execute(
            "SELECT set_config('role', 'pg_read_all_data', true) FROM pg_roles WHERE rolname = current_user AND rolsuper"
        )
        try:
            cursor.execute(statement.encode(), prepare=True)  # prepared: exactly one statement
        except (psycopg.ProgrammingError, psycopg.DataError, psycopg.errors.ReadOnlySqlTransaction) as error:
            raise ConfigurationError(
                f"PostgreSQL refuses the statement: {error.diag.message_primary or type(error).__name__}",
                todo=error.diag.message_hint or "",
            ) from None
        if cursor.description is None:
            return Answer([], [])
        columns = [c.name for c in cursor.description]
        return Answer(columns, cursor.fetchmany(limit) if limit is not None else cursor.fetchall())


def streams(connection: Connection) -> list[tuple[str, str]]:
    """(source, wire entity) of everything that can have landed."""
    return [
        (str(s), str(e))
        for s, e in fetch(connection, "SELECT source, entity FROM engine.stream ORDER BY source, rank")
    ]


def columns_of(connection: Connection, relation: str) -> list[tuple[str, str]]:
    """(column, type) of a table or view of `canonical`; empty when there is none of that name."""
    return [
        (str(n), str(t))
        for n, t in fetch(
            connection,
            """
        SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
        WHERE a.attrelid = to_regclass(:relation) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
        """,
            relation=f'canonical."{relation}"',
        )
    ]


def export_csv(connection: Connection, relation: str, target: Path) -> None:
    """Writes a relation of `canonical` to a CSV file: null is nothing, an empty text is `""`."""
    with (
        target.open("wb") as out,
        driver(connection).cursor() as cursor,
        cursor.copy(f'COPY (SELECT * FROM canonical."{relation}") TO STDOUT (FORMAT csv, HEADER)') as copy,
    ):
        for part in copy:
            out.write(bytes(part))
