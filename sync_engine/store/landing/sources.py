"""Sources and their streams as the store knows them: ids, cursors, sweeps."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from sync_engine.records import Cursor, Stream
from sync_engine.store.db import fetch, run_many, run_sql


@dataclass(frozen=True, slots=True)
class StreamRow:
    """One wire entity of a source in the store."""

    stream_id: int
    source: str
    entity: str
    family: str
    canonical: str
    facet: bool
    cursor: Cursor | None
    swept_at: datetime | None
    is_unfinished: bool = False
    """A sweep began and nothing came of it: what was gone then has still to be found."""
    is_damaged: bool = False
    """Landed bytes of current records are lost: they are read again."""
    keys_are_numbers: bool = False
    """Its keys are numbers that people may change and give to another record."""


def register_source(
    connection: Connection,
    *,
    source: str,
    connector: str,
    role: str,
    environment: str,
    config: Mapping[str, Any],
    config_hash: str,
    position: int = 0,
) -> bool:
    """Records the source's configuration; true when it is new or differs from the last run's."""
    return (
        run_sql(
            connection,
            """
        INSERT INTO engine.source AS s (source, connector, role, environment, config, config_hash, position)
        VALUES (:source, :connector, :role, :environment, CAST(:config AS jsonb), :hash, :position)
        ON CONFLICT (source) DO UPDATE SET connector = excluded.connector, role = excluded.role, environment = excluded.environment,
            config = excluded.config, config_hash = excluded.config_hash, position = excluded.position
        WHERE (s.config_hash, s.connector, s.role, s.position) IS DISTINCT FROM (excluded.config_hash, excluded.connector, excluded.role, excluded.position)
        """,
            source=source,
            connector=connector,
            role=role,
            environment=environment,
            config=json.dumps(config),
            hash=config_hash,
            position=position,
        )
        > 0
    )


def register_directions(
    connection: Connection,
    source: str,
    written: Mapping[str, Mapping[str, str]],
    unheard: Mapping[str, Sequence[str]],
) -> None:
    """Records which fields of a source are written back, with their strategy, and of which it is not believed, by canonical entity."""
    run_sql(
        connection,
        """
        UPDATE engine.source SET written = CAST(:written AS jsonb), unheard = CAST(:unheard AS jsonb)
        WHERE source = :source AND (written, unheard) IS DISTINCT FROM (CAST(:written AS jsonb), CAST(:unheard AS jsonb))
        """,
        source=source,
        written=json.dumps(written),
        unheard=json.dumps(unheard),
    )


def register_streams(connection: Connection, source: str, streams: Iterable[Stream]) -> None:
    """Adds streams the store does not know yet; a stream that is gone keeps its rows."""
    run_many(
        connection,
        """
        INSERT INTO engine.stream AS s (source, entity, family, canonical, facet, keys_are_numbers, rank)
        VALUES (:source, :entity, :family, :canonical, :facet, :keys_are_numbers, :rank)
        ON CONFLICT (source, entity) DO UPDATE SET family = excluded.family, canonical = excluded.canonical, facet = excluded.facet,
            keys_are_numbers = excluded.keys_are_numbers, rank = excluded.rank
        WHERE (s.family, s.canonical, s.facet, s.keys_are_numbers, s.rank)
            IS DISTINCT FROM (excluded.family, excluded.canonical, excluded.facet, excluded.keys_are_numbers, excluded.rank)
        """,
        [
            {
                "source": source,
                "entity": s.entity,
                "family": s.family,
                "canonical": s.canonical,
                "facet": s.facet,
                "keys_are_numbers": s.keys_are_numbers,
                "rank": place,
            }
            for place, s in enumerate(streams)
        ],
    )


def streams_of(connection: Connection, source: str) -> dict[str, StreamRow]:
    """The streams of a source by wire entity, parents first.

    Records are looked at only for damaged batches, of which there are none as a rule: LIMIT keeps the planner from reading all of them first.
    """
    rows = fetch(
        connection,
        """
        SELECT stream_id, source, entity, family, canonical, facet, cursor, swept_at, sweep_started_at IS NOT NULL AS is_unfinished, EXISTS (
            SELECT FROM engine.lake_manifest m CROSS JOIN LATERAL (
                SELECT FROM engine.source_record r WHERE r.stream_id = m.stream_id AND r.batch_id = m.batch_id AND r.deleted_at IS NULL LIMIT 1) needed
            WHERE m.stream_id = s.stream_id AND m.damage IS NOT NULL) AS is_damaged, keys_are_numbers
        FROM engine.stream s WHERE source = :source ORDER BY rank, stream_id
        """,
        source=source,
    )
    return {
        r.entity: StreamRow(
            r.stream_id,
            r.source,
            r.entity,
            r.family,
            r.canonical,
            r.facet,
            r.cursor,
            r.swept_at,
            r.is_unfinished,
            r.is_damaged,
            r.keys_are_numbers,
        )
        for r in rows
    }


def move_cursor(connection: Connection, stream_id: int, cursor: Cursor) -> None:
    """Remembers where to resume; called in the transaction that records the batch."""
    run_sql(
        connection,
        "UPDATE engine.stream SET cursor = :cursor, cursor_moved_at = now() WHERE stream_id = :id",
        cursor=cursor,
        id=stream_id,
    )


def verified(connection: Connection, stream_id: int) -> None:
    """The source was asked and everything it said is stored: what freshness is measured by."""
    run_sql(connection, "UPDATE engine.stream SET verified_at = now() WHERE stream_id = :id", id=stream_id)


def mapping_version(connection: Connection, source: str) -> str | None:
    """The mapping version the source was last normalised with."""
    rows = fetch(
        connection, "SELECT mapping_version FROM engine.source WHERE source = :source", source=source
    )
    return rows[0][0] if rows else None


def set_mapping_version(connection: Connection, source: str, version: str) -> None:
    """Remembers the mapping version."""
    run_sql(
        connection,
        "UPDATE engine.source SET mapping_version = :version WHERE source = :source",
        version=version,
        source=source,
    )


def key_by_number(connection: Connection, source: str, number: str) -> str | None:
    """The external id of the living debtor with this number in a source; None when no or several have it."""
    rows = fetch(
        connection,
        """
        SELECT r.key FROM engine.source_record r JOIN engine.stream s USING (stream_id)
        WHERE s.source = :source AND s.canonical = 'debtor' AND NOT s.facet AND r.deleted_at IS NULL AND r.claim ->> 'number' = :number
        """,
        source=source,
        number=number,
    )
    return str(rows[0][0]) if len(rows) == 1 else None


def roles(connection: Connection) -> dict[str, str]:
    """The role of every source."""
    return {str(s): str(r) for s, r in fetch(connection, "SELECT source, role FROM engine.source")}
