"""Landed files against their manifest: which batch is damaged, who needs it, and what heals it.

Damage is noted at the batch. It matters while the batch holds the latest version of a living record: until that is landed again,
or the file is back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from sync_engine.errors import LandedFileDamaged
from sync_engine.store.db import fetch, run_sql


class LandedBatch(NamedTuple):
    """A row of the manifest. `needed`: living records whose latest version it holds. `damage`: what was found wrong with its file."""

    batch_id: int
    source: str
    entity: str
    path: str
    checksum: str
    bytes: int
    records: int
    run_id: UUID
    landed_at: datetime
    damage: str | None
    damaged_at: datetime | None
    needed: int

    def failure(self, damage: str) -> LandedFileDamaged:
        """The error for who needs this batch: which it is, what is wrong with it, and what heals it."""
        batch = f"batch {self.batch_id} of {self.entity}, run {self.run_id}, {self.landed_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        return LandedFileDamaged(
            f"the landed file {self.path} ({batch}) {damage}",
            whose=self.source,
            damage=damage,
            todo=f"Put it back from a backup, or `sync-engine run {self.source} --full` lands its {self.needed:,} current records again.",
        )


_ASKED = "(CAST(:source AS text) IS NULL OR t.source = :source) AND (CAST(:entities AS text[]) IS NULL OR t.entity = ANY(:entities))"
_NEEDED = f"""
    SELECT r.stream_id, r.batch_id, count(*) AS n FROM engine.source_record r JOIN engine.stream t USING (stream_id)
    WHERE r.deleted_at IS NULL AND {_ASKED} GROUP BY 1, 2
"""
_COLUMNS = """
    m.batch_id, t.source, t.entity, m.path, m.checksum, m.bytes, m.records, m.run_id, m.landed_at, m.damage, m.damaged_at, coalesce(n.n, 0)
    FROM engine.lake_manifest m JOIN engine.stream t USING (stream_id)
"""


def batches(
    connection: Connection, source: str | None = None, entities: Sequence[str] | None = None
) -> list[LandedBatch]:
    """Every batch of all sources, of one, or of some wire entities of it, oldest first; records are looked at once for all."""
    return _read(
        connection,
        f"""
        WITH needed AS MATERIALIZED ({_NEEDED})
        SELECT {_COLUMNS} LEFT JOIN needed n USING (stream_id, batch_id)
        WHERE {_ASKED} ORDER BY m.batch_id
        """,
        source=source,
        entities=None if entities is None else list(entities),
    )


def batch(connection: Connection, batch_id: int) -> LandedBatch:
    """One batch."""
    return _read(
        connection,
        f"""
        SELECT {_COLUMNS} LEFT JOIN LATERAL (
            SELECT count(*) AS n FROM engine.source_record r WHERE r.stream_id = m.stream_id AND r.batch_id = m.batch_id AND r.deleted_at IS NULL) n ON true
        WHERE m.batch_id = :id
        """,
        id=batch_id,
    )[0]


def damaged(connection: Connection, source: str | None = None) -> list[LandedBatch]:
    """Batches noted as damaged that somebody needs. Where nothing is damaged, no record is looked at."""
    found = _read(
        connection,
        f"""
        SELECT {_COLUMNS} CROSS JOIN LATERAL (
            SELECT count(*) AS n FROM engine.source_record r WHERE r.stream_id = m.stream_id AND r.batch_id = m.batch_id AND r.deleted_at IS NULL) n
        WHERE m.damage IS NOT NULL AND (CAST(:source AS text) IS NULL OR t.source = :source) ORDER BY m.batch_id
        """,
        source=source,
    )
    return [one for one in found if one.needed]


def note(connection: Connection, batch_id: int, damage: str | None) -> None:
    """Remembers what is wrong with a batch's file; None when it is whole (again)."""
    run_sql(
        connection,
        """
        UPDATE engine.lake_manifest SET damage = :damage, damaged_at = CASE WHEN CAST(:damage AS text) IS NOT NULL THEN coalesce(damaged_at, now()) END
        WHERE batch_id = :id AND damage IS DISTINCT FROM :damage
        """,
        id=batch_id,
        damage=damage,
    )


def of_open_runs(connection: Connection) -> set[str]:
    """Runs that are going on: what they wrote and have not recorded yet is no orphan."""
    return {str(r[0]) for r in fetch(connection, "SELECT run_id FROM engine.run WHERE finished_at IS NULL")}


def _read(connection: Connection, statement: str, **values: object) -> list[LandedBatch]:
    rows: Sequence[tuple[object, ...]] = fetch(connection, statement, **values)
    return [LandedBatch(*row) for row in rows]  # type: ignore[arg-type]
