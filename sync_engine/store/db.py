"""The connection to PostgreSQL: one engine, COPY through the driver, and every driver error mapped to our tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from sqlalchemy import Connection, Engine, create_engine, exc, text

from sync_engine.errors import StoreError, SyncError, TransientError
from sync_engine.platform.server import ENDED, settled
from sync_engine.store import locks

ADMIN_SHUTDOWN = "57P01"


KEPT_CONNECTIONS = 4


def open_engine(url: str, *, application: str = "sync-engine", most_connections: int | None = 8) -> Engine:
    """An SQLAlchemy engine on psycopg 3, whose sessions are settled as the engine needs them, whatever role and database prefer.

    JSON arrives as text, since we decode it ourselves where speed matters. `most_connections` None is no limit.
    """
    more = -1 if most_connections is None else most_connections - KEPT_CONNECTIONS
    told = {"application_name": application, "client_encoding": "UTF8"}
    return settled(
        create_engine(
            url,
            pool_pre_ping=True,
            pool_size=KEPT_CONNECTIONS,
            max_overflow=more,
            use_native_hstore=False,
            connect_args=told,
        )
    )


def as_sync_error(error: BaseException, doing: str) -> SyncError:
    """The one place where SQLAlchemy's and psycopg's exceptions become ours; no statement, parameter or row is quoted."""
    origin = error.orig if isinstance(error, exc.DBAPIError) and error.orig is not None else error
    state = getattr(origin, "sqlstate", None) or ""
    if (isinstance(error, exc.DBAPIError) and error.connection_invalidated) or isinstance(
        origin, psycopg.OperationalError | psycopg.InterfaceError
    ):
        if state in ("40001", "40P01", "55P03"):
            return TransientError(
                f"the database asked to try again ({state}) while {doing}",
                todo="The transaction was rolled back; run again.",
            )
        if state == ADMIN_SHUTDOWN:
            return StoreError(
                f"the connection to the database was lost while {doing}: {ENDED[state]}",
                todo="The transaction was rolled back; the next run continues.",
            )
        if state in ENDED:
            return StoreError(
                f"{ENDED[state]} ({_first_line(origin)}) while {doing}",
                todo="The transaction was rolled back; run again. The engine lifts the limits of its role, so this one is a pool's or a person's.",
            )
        if state.startswith("53"):
            return StoreError(
                f"the database is out of room ({state}: {_first_line(origin)}) while {doing}",
                todo="Free disk or connections on the server; the transaction was rolled back, the next run continues.",
            )
        return StoreError(
            f"the connection to the database was lost while {doing}",
            todo="Check the server and SYNC_ENGINE_DATABASE_URL; the transaction was rolled back, the next run continues.",
        )
    return StoreError(
        f"the database refused ({state or type(origin).__name__}) while {doing}: {_first_line(origin)}",
        todo="The transaction was rolled back; nothing was lost.",
    )


def _first_line(error: BaseException) -> str:
    diag = getattr(error, "diag", None)
    primary = getattr(diag, "message_primary", None)
    return str(primary) if primary else type(error).__name__


@contextmanager
def store_errors(doing: str) -> Iterator[None]:
    """Maps driver errors raised inside; ours pass through."""
    try:
        yield
    except (exc.SQLAlchemyError, psycopg.Error) as error:
        raise as_sync_error(
            error, doing
        ) from None  # the driver's own text quotes rows, which may be personal data


@contextmanager
def transaction(engine: Engine, doing: str, *, repeatable: bool = False) -> Iterator[Connection]:
    """One transaction: committed when the block ends, rolled back when it raises.

    `repeatable`: what it does is done again when it is lost, so nobody waits for the disk. A crash of the server may take back
    the last of these, the newest first; the next commit that does wait (a cut, a decision) makes all before it last.
    """
    with store_errors(doing), engine.begin() as connection:
        if repeatable:
            connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
        yield connection


def tell_planner(connection: Connection, table: str) -> None:
    """Counts a temporary table's rows and samples few of them: enough to choose between reading all and looking up some."""
    connection.exec_driver_sql(
        f"SET LOCAL default_statistics_target = 10; ANALYZE {table}; SET LOCAL default_statistics_target TO DEFAULT"
    )


@contextmanager
def rehearsal(engine: Engine, doing: str) -> Iterator[Engine]:
    """An engine whose every transaction is a part of one that is rolled back at the end. For one thread."""
    with store_errors(doing), engine.connect() as connection:
        whole = connection.begin()
        try:
            yield cast("Engine", _Rehearsed(connection))
        finally:
            whole.rollback()


class _Rehearsed:
    """All of an engine that `transaction` uses."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A savepoint: released when the block ends, rolled back when it raises."""
        with self._connection.begin_nested():
            yield self._connection


def driver(connection: Connection) -> psycopg.Connection[Any]:
    """The psycopg connection below, for COPY."""
    return cast("psycopg.Connection[Any]", connection.connection.driver_connection)


def copy_rows(
    connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """COPY rows of text (or None) into a table; `table` and `columns` are ours, never input."""
    with (
        driver(connection).cursor() as cursor,
        cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy,
    ):
        write = copy.write_row
        for row in rows:
            write(row)


def copy_texts(
    connection: Connection, table: str, columns: Sequence[str], rows: Sequence[Sequence[str]]
) -> None:
    """The same for rows of text alone, none of them null, as one block: a third of the price where there are many short rows.

    A text with a character that COPY gives a meaning of its own is left to `copy_rows`, with all that come with it.
    """
    body = "\n".join(map("\t".join, rows))
    is_plain = (
        "\\" not in body
        and "\r" not in body
        and body.count("\t") == len(rows) * (len(columns) - 1)
        and body.count("\n") == max(len(rows) - 1, 0)
    )
    if not is_plain:
        copy_rows(connection, table, columns, rows)
    elif rows:
        with (
            driver(connection).cursor() as cursor,
            cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy,
        ):
            copy.write(body + "\n")


def one_at_a_time(connection: Connection) -> None:
    """Cuts and link operations take turns until their transaction ends: two folds of one debtor from two sources must not cross.

    Each would read the other's claims as they were before, and the later one would write what the earlier had just replaced.
    """
    locks.take(connection, locks.PUBLISH)


def run_sql(connection: Connection, sql: str, **values: Any) -> int:
    """Runs one statement and returns the rows it touched."""
    return connection.execute(text(sql), values).rowcount


def run_many(connection: Connection, sql: str, rows: Sequence[dict[str, Any]]) -> None:
    """Runs one statement for each row of values, all in one journey to the server."""
    if rows:
        connection.execute(text(sql), rows)


def fetch(connection: Connection, sql: str, **values: Any) -> list[Any]:
    """All rows of one statement."""
    return list(connection.execute(text(sql), values).all())
