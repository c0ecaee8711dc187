"""What people look at in the outbox, and what they decide about its rows."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from sync_engine.store.db import fetch

UNSETTLED = "settled_at IS NULL AND state <> 'discarded'"


class Waiting(NamedTuple):
    """How many rows of a source wait: for the next run or its echo, for a person, refused, of unknown fate; and since when the oldest one does."""

    pending: int = 0
    held: int = 0
    refused: int = 0
    unknown: int = 0
    oldest: datetime | None = None
    age: int | None = None
    """Seconds since then, by the clock of the database."""

    def is_late(self, after: timedelta) -> bool:
        """Whether something has waited longer than this; what is refused waits for nothing."""
        return self.age is not None and self.age > after.total_seconds()


class Row(NamedTuple):
    """A row as a person sees it."""

    outbox_id: int
    source: str
    entity: str
    key: str
    record: str | None
    state: str
    strategy: str
    wanted: Mapping[str, Any]
    answer: str | None
    attempts: int
    decided_by: str | None
    made_at: datetime
    sent_at: datetime | None
    settled_at: datetime | None
    canonical_id: UUID


def waiting(connection: Connection, source: str | None = None) -> dict[str, Waiting]:
    """What waits, by source; a source without anything is left out."""
    rows = fetch(
        connection,
        f"""
        SELECT source, count(*) FILTER (WHERE state IN ('approved', 'delivered') OR state = 'pending' AND strategy = 'master_wins'),
            count(*) FILTER (WHERE state = 'pending' AND strategy = 'hold'), count(*) FILTER (WHERE state = 'refused'),
            count(*) FILTER (WHERE state = 'unknown'), min(made_at) FILTER (WHERE state <> 'refused'),
            CAST(extract(epoch FROM now() - min(made_at) FILTER (WHERE state <> 'refused')) AS integer)
        FROM engine.outbox WHERE {UNSETTLED} AND (CAST(:source AS text) IS NULL OR source = :source) GROUP BY source
        """,
        source=source,
    )
    return {str(name): Waiting(*figures) for name, *figures in rows}


def rows(
    connection: Connection,
    *,
    source: str | None = None,
    ids: Sequence[int] = (),
    states: Collection[str] = (),
    settled: bool = False,
    limit: int = 500,
) -> list[Row]:
    """Rows, oldest first: the living ones, with `settled` also those that are history."""
    found = fetch(
        connection,
        """
        SELECT b.outbox_id, b.source, b.entity, b.external_id, coalesce(d.number || ' ' || d.name, d.name, c.full_name) AS record, b.state, b.strategy,
            CAST(b.wanted AS text) AS wanted, b.answer, b.attempts, b.decided_by, b.made_at, b.sent_at, b.settled_at, b.canonical_id
        FROM engine.outbox b
        LEFT JOIN canonical.debtor d ON b.entity = 'debtor' AND d.id = b.canonical_id
        LEFT JOIN canonical.contact c ON b.entity = 'contact' AND c.id = b.canonical_id
        WHERE (:settled OR b.settled_at IS NULL) AND (CAST(:source AS text) IS NULL OR b.source = :source)
          AND (cardinality(CAST(:ids AS bigint[])) = 0 OR b.outbox_id = ANY(:ids))
          AND (cardinality(CAST(:states AS text[])) = 0 OR b.state = ANY(:states))
        ORDER BY b.outbox_id LIMIT :limit
        """,
        source=source,
        ids=list(ids),
        states=list(states),
        settled=settled,
        limit=limit,
    )
    return [Row(*r)._replace(wanted=json.loads(r.wanted)) for r in found]


def decide(connection: Connection, ids: Sequence[int], *, to: str, by: str) -> list[int]:
    """What a person decides about living rows: `approved` sends them at the next run, `discarded` leaves them until something else is wanted."""
    return [
        r[0]
        for r in fetch(
            connection,
            """
        UPDATE engine.outbox SET state = :to, decided_by = :by, changed_at = now(), answer = CASE WHEN :to = 'approved' THEN NULL ELSE answer END
        WHERE outbox_id = ANY(:ids) AND settled_at IS NULL RETURNING outbox_id
        """,
            ids=list(ids),
            to=to,
            by=by,
        )
    ]
