"""What became of a source's debtor records before any of them was published: how many are usable, and why others are not."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection

from sync_engine.store.db import fetch


class Unusable(NamedTuple):
    """A record that is left out or put aside."""

    key: str
    outcome: str
    why: str


def usable(connection: Connection, source: str) -> int:
    """Living debtor records that a cut would take up."""
    return int(
        fetch(
            connection,
            """
            SELECT count(*) FROM engine.source_record r JOIN engine.stream s USING (stream_id)
            WHERE s.source = :source AND s.canonical = 'debtor' AND NOT s.facet AND r.deleted_at IS NULL AND r.state = 0
            """,
            source=source,
        )[0][0]
    )


def unusable(connection: Connection, source: str) -> list[Unusable]:
    """Those in quarantine with their reason, and those outside the filter, by key."""
    return [
        Unusable(*row)
        for row in fetch(
            connection,
            """
            SELECT r.key, CASE r.state WHEN 1 THEN 'quarantined' ELSE 'excluded' END, coalesce(q.message, r.reason, '')
            FROM engine.source_record r JOIN engine.stream s USING (stream_id) LEFT JOIN engine.quarantine q ON q.stream_id = r.stream_id AND q.key = r.key
            WHERE s.source = :source AND s.canonical = 'debtor' AND NOT s.facet AND r.deleted_at IS NULL AND r.state <> 0 ORDER BY 2 DESC, 1
            """,
            source=source,
        )
    ]
