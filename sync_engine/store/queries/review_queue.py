"""What is left to people: records the ladder could not decide, words of a source that nobody believes."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection

from sync_engine.store.db import fetch, run_sql


def cases_found(connection: Connection) -> list[tuple[Any, ...]]:
    """(entity, source, key, outcome, rung, candidates, why) of the records this transaction's ladder left, if it climbed."""
    if fetch(connection, "SELECT to_regclass('pg_temp.found_case')")[0][0] is None:
        return []
    return [
        tuple(r)
        for r in fetch(
            connection,
            """
        SELECT c.entity, c.source, c.external_id, c.outcome, c.rung, c.candidates, jsonb_build_object('evidence', c.evidence, 'vetoed', c.vetoed)
        FROM found_case f JOIN engine.link_case c ON c.external_id = f.key AND c.last_at = now() ORDER BY 1, 2, 3
        """,
        )
    ]


def open_cases(
    connection: Connection, source: str | None = None, entity: str | None = None
) -> list[dict[str, Any]]:
    """What waits for a person, oldest first; `shown` names the candidates."""
    return [
        dict(r._mapping)
        for r in fetch(
            connection,
            """
        SELECT c.entity, c.source, c.external_id AS key, c.outcome, c.rung, c.candidates, c.evidence, c.vetoed, c.first_at, c.last_at
        FROM engine.link_case c WHERE (CAST(:source AS text) IS NULL OR c.source = :source) AND (CAST(:entity AS text) IS NULL OR c.entity = :entity)
          AND NOT EXISTS (SELECT FROM canonical.link l WHERE l.entity = c.entity AND l.source = c.source AND l.external_id = c.external_id AND l.pinned)
        ORDER BY c.outcome, c.first_at, c.source, c.external_id
        """,
            source=source,
            entity=entity,
        )
    ]


def settle_cases(connection: Connection) -> None:
    """Ambiguous records that have a link now are usable again."""
    run_sql(
        connection,
        """
        DELETE FROM engine.link_case c USING canonical.link l
        WHERE l.entity = c.entity AND l.source = c.source AND l.external_id = c.external_id AND (c.outcome = 'ambiguous' OR l.pinned)
        """,
    )
    run_sql(
        connection,
        """
        WITH settled AS (
            DELETE FROM engine.quarantine q USING engine.stream s, canonical.link l
            WHERE q.error = 'AmbiguousMatch' AND s.stream_id = q.stream_id AND l.entity = s.canonical AND l.source = s.source AND l.external_id = q.key
            RETURNING q.stream_id, q.key)
        UPDATE engine.source_record r SET state = 0, reason = NULL, dirty = true FROM settled WHERE r.stream_id = settled.stream_id AND r.key = settled.key
        """,
    )


class Overruling(NamedTuple):
    """A field about which one source was not believed: by whom, and on how many records."""

    entity: str
    field: str
    believed_source: str
    records: int


def overrulings(connection: Connection, source: str, entity: str) -> list[Overruling]:
    """What of a source's words about an entity is overruled now, the most frequent first."""
    return [
        Overruling(*r)
        for r in fetch(
            connection,
            """
        SELECT entity, field, coalesce(nullif(believed_source, ''), 'nobody'), count(DISTINCT record_id) FROM canonical.overruled
        WHERE source = :source AND entity = :entity GROUP BY 1, 2, 3 ORDER BY 4 DESC, 2, 3
        """,
            source=source,
            entity=entity,
        )
    ]
