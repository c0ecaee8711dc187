"""Quarantined records as an operator looks at them, and the word that lets the next run try them again."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from sync_engine.store.db import fetch


class PutAside(NamedTuple):
    """A record that could not be used, and why. `path` is the landed file that holds its payload, `batch_id` its batch."""

    quarantine_id: int
    source: str
    entity: str
    key: str
    stage: str
    error: str
    message: str
    field: str | None
    parent_entity: str | None
    parent_key: str | None
    attempts: int
    first_at: datetime
    last_at: datetime
    retry_requested: bool
    path: str | None
    batch_id: int | None


_COLUMNS = """
    q.quarantine_id, t.source, t.entity, q.key, q.stage, q.error, q.message, q.field, q.parent_entity, q.parent_key, q.attempts, q.first_at, q.last_at,
    q.retry_requested, m.path, m.batch_id
    FROM engine.quarantine q JOIN engine.stream t USING (stream_id)
    LEFT JOIN engine.source_record r USING (stream_id, key) LEFT JOIN engine.lake_manifest m ON m.batch_id = coalesce(r.batch_id, q.batch_id)
"""


def put_aside(
    connection: Connection, *, source: str | None = None, entity: str | None = None, key: str | None = None
) -> list[PutAside]:
    """Quarantined records, the oldest first; `key` is the record's key or the number of the quarantine row."""
    rows = fetch(
        connection,
        f"""
        SELECT {_COLUMNS}
        WHERE (CAST(:source AS text) IS NULL OR t.source = :source) AND (CAST(:entity AS text) IS NULL OR t.entity = :entity OR t.family = :entity)
          AND (CAST(:key AS text) IS NULL OR q.key = :key OR CAST(q.quarantine_id AS text) = :key)
        ORDER BY q.first_at, q.quarantine_id
        """,
        source=source,
        entity=entity,
        key=key,
    )
    return [PutAside(*r) for r in rows]


def request_retry(connection: Connection, quarantine_ids: list[int]) -> int:
    """Asks the next run to try these records again; returns how many there are."""
    return len(
        fetch(
            connection,
            "UPDATE engine.quarantine SET retry_requested = true WHERE quarantine_id = ANY(:ids) RETURNING 1",
            ids=quarantine_ids,
        )
    )
