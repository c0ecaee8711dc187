"""What the stage that delivers reads and notes: rows that may be sent, what is known of their records, and what became of them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from sync_engine.store.db import fetch, run_sql


class Due(NamedTuple):
    """A row that may be sent, with its record's wire entity and what the record is known to say; no claim where it is gone or unusable."""

    outbox_id: int
    entity: str
    key: str
    wire: str | None
    state: str
    wanted: Mapping[str, Any]
    claim: Mapping[str, Any] | None
    base_version: str | None
    idempotency_key: UUID
    attempts: int


def due(connection: Connection, source: str, but: Collection[int] = ()) -> list[Due]:
    """The living rows that may be sent, and those whose fate is not known, oldest first; `but` those that had their turn."""
    rows = fetch(
        connection,
        """
        SELECT b.outbox_id, b.entity, b.external_id, r.wire, b.state, CAST(b.wanted AS text) AS wanted, r.claim, b.base_version, b.idempotency_key,
            b.attempts
        FROM engine.outbox b LEFT JOIN LATERAL (
            SELECT s.entity AS wire, CAST(m.claim AS text) AS claim FROM engine.stream s JOIN engine.source_record m USING (stream_id)
            WHERE s.source = b.source AND s.canonical = b.entity AND NOT s.facet AND m.key = b.external_id AND m.about IS NULL
              AND m.deleted_at IS NULL AND m.claim IS NOT NULL
            ORDER BY s.rank LIMIT 1) r ON true
        WHERE b.source = :source AND b.settled_at IS NULL AND b.outbox_id <> ALL(:but)
          AND (b.state IN ('approved', 'unknown', 'delivered') OR b.state = 'pending' AND b.strategy = 'master_wins')
        ORDER BY b.outbox_id
        """,
        source=source,
        but=list(but),
    )
    return [
        Due(
            r.outbox_id,
            r.entity,
            r.external_id,
            r.wire,
            r.state,
            json.loads(r.wanted),
            None if r.claim is None else json.loads(r.claim),
            r.base_version,
            r.idempotency_key,
            r.attempts,
        )
        for r in rows
    ]


def begin(connection: Connection, outbox_id: int, base_version: str) -> UUID | None:
    """Notes that a row is being sent: until an answer is noted, nobody knows its fate. Returns the key of this change; None where it was
    superseded meanwhile. What may still be on its way is sent again under the same key; where the record has another version since, it was taken
    or never will be, and what is sent is another change.
    """
    rows = fetch(
        connection,
        """
        UPDATE engine.outbox SET state = 'unknown', base_version = :version, attempts = attempts + 1, answer = NULL, sent_at = now(), changed_at = now(),
            idempotency_key = CASE WHEN attempts = 0 OR state = 'unknown' AND base_version = :version THEN idempotency_key
                ELSE gen_random_uuid() END
        WHERE outbox_id = :id AND settled_at IS NULL RETURNING idempotency_key
        """,
        version=base_version,
        id=outbox_id,
    )
    return rows[0][0] if rows else None


def note(
    connection: Connection, outbox_id: int, state: str, answer: str | None = None, version: str | None = None
) -> None:
    """Notes what became of a row; one that was superseded meanwhile stays so."""
    run_sql(
        connection,
        """
        UPDATE engine.outbox SET state = :state, answer = :answer, base_version = coalesce(:version, base_version), changed_at = now()
        WHERE outbox_id = :id AND settled_at IS NULL
        """,
        state=state,
        answer=answer,
        version=version,
        id=outbox_id,
    )
