"""Connections: opened for one reading, read only, at one snapshot, in parts; SQLAlchemy's for all but DuckDB, which has its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from connectors.sql.cells import decoded
from connectors.sql.databases import AnyDatabase, Description
from connectors.sql.errors import no_driver
from sync_engine.errors import ConfigurationError

Rows = Sequence[Sequence[Any]]


class Session(Protocol):
    """One connection at one snapshot."""

    def described(self, statement: sa.Select[Any]) -> Description:
        """The columns of a statement as the driver describes them."""
        ...

    def rows(self, statement: sa.Select[Any]) -> Rows:
        """All rows of a short answer."""
        ...

    def parts(self, statement: sa.Select[Any], size: int) -> Iterator[Rows]:
        """The rows of a long answer, so many at a time, none of them kept."""
        ...

    def primary_key(self, table: str, schema: str | None) -> tuple[str, ...]:
        """The columns of a table's primary key; none where it has none or is not asked."""
        ...


class Sessions(Protocol):
    """How a source is reached."""

    def opened(self) -> Any:
        """A context manager that gives a Session."""
        ...

    def close(self) -> None:
        """Releases what is kept between sessions."""
        ...


class AlchemySessions:
    """Through SQLAlchemy. Raises ConfigurationError where the driver is missing."""

    def __init__(
        self,
        url: URL,
        database: AnyDatabase,
        *,
        whose: str,
        isolation: str | None,
        connect: float,
        read: float,
    ) -> None:
        self._execution, self._reads_to_the_end = database.execution(isolation), database.reads_to_the_end
        self._url, self._database, self._read, self._connect = url, database, read, connect
        self._writing: sa.Engine | None = None
        try:
            self._engine = self._made(database.reading_statements(read), mode="ro")
        except ImportError as error:
            raise no_driver(url.drivername, error, whose) from None

    def _made(self, begins: Sequence[str], *, mode: str) -> sa.Engine:
        url, is_file = self._url, self._url.get_backend_name() == "sqlite"
        more: dict[str, Any] = (
            {"creator": lambda: _sqlite(url, self._read, mode)}
            if is_file
            else {"connect_args": self._database.options(self._connect, self._read)}
        )
        engine = sa.create_engine(url, poolclass=NullPool, **more)
        event.listen(engine, "connect", lambda made, _: _begin(made, begins))
        if is_file:
            word = "BEGIN" if mode == "ro" else "BEGIN IMMEDIATE"
            event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(word))
        return engine

    @contextmanager
    def writing(self) -> Iterator[WritingSession]:
        """A connection that may change rows, in a transaction that is rolled back unless `commit` is called."""
        if self._writing is None:
            self._writing = self._made(self._database.statements(self._read), mode="rw")
        with self._writing.connect() as connection:
            yield WritingSession(connection, None)

    @contextmanager
    def opened(self) -> Iterator[AlchemySession]:
        with self._engine.connect().execution_options(**self._execution) as connection:
            yield AlchemySession(connection, self._end if self._reads_to_the_end else None)

    def _end(self, connection: sa.Connection) -> None:
        """Ends the statement of a connection of MariaDB's or MySQL's from another one, as a login may with its own."""
        thread = getattr(connection.connection.dbapi_connection, "thread_id", None)
        if thread is not None:
            with self._engine.connect() as other:
                other.exec_driver_sql(f"KILL QUERY {int(thread())}")

    def close(self) -> None:
        self._engine.dispose()
        if self._writing is not None:
            self._writing.dispose()


class AlchemySession:
    """One connection of SQLAlchemy's."""

    def __init__(self, connection: sa.Connection, end: Callable[[sa.Connection], None] | None) -> None:
        """`end` stops what a connection is doing; None where closing does."""
        self._connection, self._end = connection, end

    def described(self, statement: sa.Select[Any]) -> Description:
        with self._connection.execute(statement) as result:
            return list(result.cursor.description or ())

    def rows(self, statement: sa.Select[Any]) -> Rows:
        return self._connection.execute(statement).fetchall()

    def parts(self, statement: sa.Select[Any], size: int) -> Iterator[Rows]:
        """Left early, the statement is ended first: some drivers read the rest of an answer before they close its cursor."""
        result = self._connection.execution_options(yield_per=size).execute(statement)
        try:
            yield from result.partitions()
        except BaseException:
            if self._end is not None:
                self._end(self._connection)
                with suppress(Exception):  # that it was ended
                    result.cursor.close()
            raise
        finally:
            result.close()

    def primary_key(self, table: str, schema: str | None) -> tuple[str, ...]:
        found = sa.inspect(self._connection).get_pk_constraint(table, schema)
        return tuple(found.get("constrained_columns") or ())


class WritingSession(AlchemySession):
    """A connection that may change rows."""

    def change(self, statement: sa.TextClause) -> int:
        """Runs one statement; the rows it changed, or -1 where the driver does not tell. No cursor of the server's is opened for it."""
        whole = {"stream_results": False, "yield_per": None}
        return int(self._connection.execute(statement, execution_options=whole).rowcount)

    def commit(self) -> None:
        """Keeps what was changed."""
        self._connection.commit()


class DuckSessions:
    """A file of DuckDB's, opened read only."""

    def __init__(self, url: URL, database: AnyDatabase, *, whose: str) -> None:
        if not url.database or url.database == ":memory:":
            raise ConfigurationError(
                "names no file", whose=whose, key="url", todo="Write duckdb:///folder/file.duckdb."
            )
        self._path, self._begins = url.database, database.begins

    @contextmanager
    def opened(self) -> Iterator[DuckSession]:
        import duckdb

        connection = duckdb.connect(
            self._path,
            read_only=True,
            config={"autoinstall_known_extensions": False, "autoload_known_extensions": False},
        )
        try:
            for statement in self._begins:
                connection.execute(statement)
            connection.execute("BEGIN TRANSACTION")
            yield DuckSession(connection)
        finally:
            connection.close()

    def close(self) -> None:
        """Nothing stays open."""


class DuckSession:
    """One connection of DuckDB's; statements are written as for PostgreSQL, whose SQL it speaks."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def described(self, statement: sa.Select[Any]) -> Description:
        return list(self._run(statement).description)

    def rows(self, statement: sa.Select[Any]) -> Rows:
        found: Rows = self._run(statement).fetchall()
        return found

    def parts(self, statement: sa.Select[Any], size: int) -> Iterator[Rows]:
        cursor = self._run(statement)
        while rows := cursor.fetchmany(size):
            yield rows

    def primary_key(self, table: str, schema: str | None) -> tuple[str, ...]:
        return ()

    def _run(self, statement: sa.Select[Any]) -> Any:
        dialect = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
        compiled: Any = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        values = compiled.construct_params()
        return self._connection.execute(str(compiled), [values[name] for name in compiled.positiontup or ()])


def _begin(made: Any, statements: Sequence[str]) -> None:
    """The first statements of a connection, before any transaction."""
    cursor = made.cursor()
    for statement in statements:
        cursor.execute(statement)
    cursor.close()
    made.commit()


def _sqlite(url: URL, read: float, mode: str) -> sqlite3.Connection:
    """A file that is there already, opened for reading (`ro`) or writing (`rw`): SQLite makes an empty one of a name that is spelt wrongly."""
    path = Path(url.database or "").expanduser()
    found = sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}", uri=True, timeout=read, check_same_thread=False
    )
    found.isolation_level = None
    found.text_factory = decoded
    return found


def parsed_utc(text: Any) -> datetime | None:
    """A server's time as its text or value says it, in UTC."""
    said = datetime.fromisoformat(str(text).strip())
    return (said if said.tzinfo else said.replace(tzinfo=UTC)).astimezone(UTC)
