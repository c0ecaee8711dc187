"""What people were last told about each source."""

from __future__ import annotations

from sqlalchemy import Connection

from sync_engine.store import locks
from sync_engine.store.db import fetch, run_sql

States = dict[tuple[str, str], str]
"""(source, kind) -> what was told; what is not in it is well."""


def told(connection: Connection) -> States:
    """What was told last. Until the transaction ends nobody else reads it for sending."""
    locks.take(connection, locks.ALERT)
    rows = fetch(connection, "SELECT source, kind, state FROM engine.alert")
    return {(source, kind): state for source, kind, state in rows}


def remember(connection: Connection, states: States) -> None:
    """Keeps what has been told now: what differs is written, what is well again is removed."""
    known = {
        (s, k): state for s, k, state in fetch(connection, "SELECT source, kind, state FROM engine.alert")
    }
    for (source, kind), _ in known.items() - states.items():
        run_sql(
            connection,
            "DELETE FROM engine.alert WHERE source = :source AND kind = :kind",
            source=source,
            kind=kind,
        )
    for (source, kind), state in states.items() - known.items():
        run_sql(
            connection,
            "INSERT INTO engine.alert (source, kind, state) VALUES (:source, :kind, :state)",
            source=source,
            kind=kind,
            state=state,
        )
