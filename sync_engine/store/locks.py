"""Turns: what one process does at a time. Each is a lock on a table that nobody but the engine's own role can reach.

PostgreSQL lets everybody take advisory locks, whoever may log in: a reader could stop every run with one. A lock on a table needs
a privilege on it. This mode conflicts with itself only, takes no transaction number, so it holds back no vacuum while a run lasts,
and ends with its transaction, also behind a pool of connections.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection, exc, text

PUBLISH = "engine.turn_publish"
CHANGE_FEED = "engine.turn_change_feed"
STAGING = "engine.turn_staging"
ALERT = "engine.alert"
FIXED = (PUBLISH, CHANGE_FEED, STAGING, ALERT)
MODE = "SHARE UPDATE EXCLUSIVE"
_LOCK_NOT_AVAILABLE = "55P03"


class Holder(NamedTuple):
    """A session of the database that has a turn now."""

    turn: str
    pid: int
    application: str
    role: str
    since: datetime | None

    @property
    def told(self) -> str:
        """In a sentence: who has it, since when."""
        since = f" since {self.since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if self.since else ""
        return f"held{since} by {self.application or 'a program without a name'}, session {self.pid} of the database, role {self.role}"


def of_source(source: str) -> str:
    """The turn of a source's runs; source names are validated to [a-z0-9_]."""
    return f'staging."{source}__turn"'


def ensure(connection: Connection, source: str) -> str:
    """Makes the turn of a source where there is none yet, in the caller's transaction; returns it."""
    turn = of_source(source)
    if connection.execute(text("SELECT to_regclass(:turn) IS NULL"), {"turn": turn}).scalar():
        try:
            with connection.begin_nested():
                connection.execute(text(f"CREATE TABLE IF NOT EXISTS {turn} ()"))
        except exc.IntegrityError:  # another process made it at this moment; IF NOT EXISTS does not wait for one that has not committed
            return turn
    return turn


def take(connection: Connection, turn: str) -> None:
    """Waits for a turn and keeps it until the transaction ends."""
    connection.execute(text(f"LOCK TABLE {turn} IN {MODE} MODE"))


def try_take(connection: Connection, turn: str) -> bool:
    """Takes a turn until the transaction ends, when nobody has it."""
    try:
        with connection.begin_nested():
            connection.execute(text(f"LOCK TABLE {turn} IN {MODE} MODE NOWAIT"))
    except exc.OperationalError as error:
        if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
            return False
        raise
    return True


def holders(connection: Connection, turns: Iterable[str] = ()) -> list[Holder]:
    """Who has which turn now, of these or of all; `since` where the server lets us see it."""
    rows = connection.execute(
        text("""
        SELECT CAST(l.relation AS regclass), l.pid, coalesce(a.application_name, ''), coalesce(a.usename, ''), a.xact_start
        FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_stat_activity a USING (pid)
        WHERE l.locktype = 'relation' AND l.granted AND l.mode = 'ShareUpdateExclusiveLock' AND l.database = (
                SELECT oid FROM pg_database WHERE datname = current_database())
          AND (n.nspname = 'staging' AND c.relname LIKE '%\\_\\_turn' OR n.nspname = 'engine' AND (c.relname LIKE 'turn\\_%' OR c.relname = 'alert'))
          AND (cardinality(CAST(:turns AS text[])) = 0 OR l.relation = ANY(SELECT to_regclass(t) FROM unnest(CAST(:turns AS text[])) t))
        ORDER BY 1, 2
        """),
        {"turns": list(turns)},
    )
    return [
        Holder(str(turn), int(pid), str(application), str(role), since)
        for turn, pid, application, role, since in rows
    ]


def told(connection: Connection, turn: str) -> str:
    """Who has a turn, in a sentence; nothing when it was given back meanwhile."""
    return "; ".join(holder.told for holder in holders(connection, [turn]))
