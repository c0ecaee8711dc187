"""What several machines share about a login: calls of the last window and places for calls, as rows of the database they all use.

Both tables are unlogged: a crash of the server forgets the last window, and places are nothing but row locks of open transactions.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from sqlalchemy import Connection, Engine, event, exc

from sync_engine.store.db import fetch, open_engine, run_sql, store_errors, transaction

_DOING = "counting the calls of a login"


class StoredLimits:
    """`sync_engine.ports.LoginLimits` in PostgreSQL. A place that is held keeps a connection for as long as its call lasts."""

    def __init__(self, store: Engine) -> None:
        self._store = store
        url = store.url.render_as_string(hide_password=False)
        self._places = open_engine(url, application="sync-engine, calls", most_connections=None)
        event.listen(store, "engine_disposed", lambda _: self._places.dispose())

    def changed(self, login: str, change: Callable[[bytes, float], tuple[bytes, float]]) -> float:
        """One short transaction; the row's lock keeps the others out, and the clock is the server's."""
        with transaction(self._store, _DOING, repeatable=True) as connection:
            run_sql(
                connection,
                "INSERT INTO engine.call_budget (login, state) VALUES (:login, '') ON CONFLICT DO NOTHING",
                login=login,
            )
            ((state, now),) = fetch(
                connection,
                "SELECT state, CAST(extract(epoch FROM clock_timestamp()) AS float8) FROM engine.call_budget WHERE login = :login FOR UPDATE",
                login=login,
            )
            stored, answer = change(bytes(state), float(now))
            run_sql(
                connection,
                "UPDATE engine.call_budget SET state = :state WHERE login = :login",
                login=login,
                state=stored,
            )
        return answer

    @contextlib.contextmanager
    def place(self, login: str, number: int) -> Iterator[bool]:
        """A row lock for as long as the context lasts: whoever dies, or whose connection does, has given it back. Raises StoreError."""
        with store_errors(_DOING):
            connection = self._places.connect()
        try:
            with store_errors(_DOING):
                held = _take(connection, login, number)
            yield held
        finally:
            with contextlib.suppress(
                exc.SQLAlchemyError
            ):  # the call was made; a place that was lost meanwhile is free already
                connection.rollback()
            connection.close()


def _take(connection: Connection, login: str, number: int) -> bool:
    if _lock(connection, login, number):
        return True
    made = run_sql(
        connection,
        """
        INSERT INTO engine.call_place (login, place) SELECT :login, n FROM generate_series(0, :number - 1) n ON CONFLICT DO NOTHING
        """,
        login=login,
        number=number,
    )
    connection.commit()
    return made > 0 and _lock(connection, login, number)


def _lock(connection: Connection, login: str, number: int) -> bool:
    run_sql(connection, "SET LOCAL idle_in_transaction_session_timeout = 0")
    return bool(
        fetch(
            connection,
            "SELECT place FROM engine.call_place WHERE login = :login AND place < :number ORDER BY place LIMIT 1 FOR UPDATE SKIP LOCKED",
            login=login,
            number=number,
        )
    )


def shared_limits(store: Engine) -> StoredLimits | None:
    """The limits that all machines of this store share; None where one machine has it alone, since then files do as well.

    A server that is reached through a socket, as the embedded one, is this machine's.
    """
    given = store.url.query.get("host") or store.url.host or ""
    hosts = [given] if isinstance(given, str) else given
    return StoredLimits(store) if any(host and not host.startswith(("/", "@")) for host in hosts) else None
