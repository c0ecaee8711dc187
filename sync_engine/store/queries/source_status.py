"""What an operator reads about sources: how fresh they are, what the last run came to, what is held, which codes no rule knows."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from sync_engine.store.db import fetch
from sync_engine.store.landing.offers import IS_ASKED_FOR


class SourceState(NamedTuple):
    """A source with its last cut and its last run; None where there was none yet.

    Of the last certified cut: the grade, how many of its checks were answered, whether money tied (None: none is claimed), what is missing.
    `why_inexact`: of as-of answers for days before `exact_from`.
    """

    source: str
    connector: str
    role: str
    environment: str
    verified_at: datetime | None
    cut_id: int | None
    published_at: datetime | None
    grade: str | None
    run_id: UUID | None
    run_kind: str | None
    triggered_by: str | None
    started_at: datetime | None
    finished_at: datetime | None
    outcome: str | None
    error: str | None
    quarantined: int
    gaps: int
    held: int
    n_answered: int | None
    n_checks: int | None
    money_tied: bool | None
    missing: str | None
    damaged: int
    n_missing: int = 0
    """Wire entities that were offered before and cannot be read now."""
    exact_from: date | None = None
    why_inexact: str | None = None
    age: int | None = None
    """Seconds since everything was last asked for, by the clock of the database, which also wrote when: our own may be wrong."""
    since: str | None = None
    """What came of the last run that ended, where it was no success and the last cut does not tell: it came later, or was held."""
    last_outcome: str | None = None
    """Of the last run that ended."""
    notes: tuple[str, ...] = ()
    """What the last cut tells though it is no trouble: what the source does not say, what was odd (C13, C16)."""


class Failing(NamedTuple):
    """A source whose last runs failed, `runs` in a row, the first of them at `since`; `error` is the newest sentence."""

    source: str
    since: datetime
    runs: int
    error: str | None

    @property
    def for_how_long(self) -> str:
        """Since when, for people."""
        times = f"{self.runs} runs" if self.runs > 1 else "1 run"
        return f"{self.source} has failed since {self.since.astimezone(UTC):%Y-%m-%d %H:%M} UTC ({times})"


class EntityState(NamedTuple):
    """One wire entity: what is known of it, when the source was last asked, what the last step of each stage came to."""

    source: str
    entity: str
    family: str
    verified_at: datetime | None
    swept_at: datetime | None
    records: int
    quarantined: int
    excluded: int
    deleted: int
    outcome: str | None
    error: str | None
    age: int | None = None
    """Seconds since the source was last asked for it, by the clock of the database."""

    @property
    def note(self) -> str | None:
        """What was odd or new when it was read last, and is no failure."""
        return self.error if self.outcome == "succeeded" else None


class RunState(NamedTuple):
    """One run; `outcome` is None while it goes on."""

    run_id: UUID
    source: str
    kind: str
    triggered_by: str
    started_at: datetime
    finished_at: datetime | None
    outcome: str | None
    error: str | None
    cut_id: int | None
    calls: int
    read: int
    changed: int
    deleted: int


class EntityOutcome(NamedTuple):
    """What one run came to for one wire entity (or for the cut): pulled, normalised, published."""

    entity: str
    outcome: str
    read: int
    changed: int
    unchanged: int
    quarantined: int
    excluded: int
    deleted: int
    calls: int
    bytes: int
    seconds: float
    error: str | None


class Hold(NamedTuple):
    """A sweep that would have removed suspiciously much and waits for a person."""

    source: str
    entity: str
    held_at: datetime
    known: int
    seen: int
    missing: int
    stated: int | None
    sample: list[str]
    look_alikes: dict[str, str]
    approved_by: str | None
    approved_at: datetime | None


class Gap(NamedTuple):
    """A code no rule knows: the field was left out of the claims of `records` records."""

    source: str
    entity: str
    field: str
    code: str
    records: int
    first_at: datetime
    example: str


def sources(connection: Connection, source: str | None = None) -> list[SourceState]:
    """Every source the store has met, or one."""
    rows = fetch(
        connection,
        f"""
        SELECT s.source, s.connector, s.role, s.environment, v.verified_at, c.cut_id, c.published_at, g.grade,
               r.run_id, r.kind, r.triggered_by, r.started_at, r.finished_at, r.outcome, r.error,
               (SELECT count(*) FROM engine.quarantine q JOIN engine.stream t USING (stream_id) WHERE t.source = s.source),
               (SELECT count(DISTINCT (p.stream_id, p.field, p.code)) FROM engine.code_gap p JOIN engine.stream t USING (stream_id) WHERE t.source = s.source)
                   + (SELECT count(DISTINCT w.owner) FROM engine.unresolved_reference w WHERE w.source = s.source),
               (SELECT count(*) FROM engine.sweep_hold h JOIN engine.stream t USING (stream_id) WHERE t.source = s.source AND h.approved_at IS NULL),
               g.n_answered, g.n_checks, g.money_tied, g.missing,
               (SELECT count(*) FROM engine.lake_manifest m JOIN engine.stream t USING (stream_id)
                WHERE t.source = s.source AND m.damage IS NOT NULL AND EXISTS (
                   SELECT FROM engine.source_record x WHERE x.stream_id = m.stream_id AND x.batch_id = m.batch_id AND x.deleted_at IS NULL)),
               (SELECT count(*) FROM engine.offer o WHERE o.source = s.source AND o.gone_since IS NOT NULL),
               a.exact_from, a.why_inexact, CAST(extract(epoch FROM now() - v.verified_at) AS integer),
               CASE WHEN e.outcome <> 'succeeded' AND e.run_id <> k.run_id AND e.started_at >= k.published_at OR e.outcome = 'held' THEN
                   format('the run of %s UTC %s: %s', to_char(e.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'),
                          CASE WHEN e.outcome IN ('held', 'partial') THEN 'was ' ELSE '' END || e.outcome,
                          coalesce(e.error, 'a brake wants a person')) END,
               e.outcome,
               ARRAY(SELECT "check" || ': ' || (detail ->> 'note') FROM canonical.certificate n WHERE n.cut_id = c.cut_id AND n."check" IN ('C13', 'C16')
                     ORDER BY "check")
        FROM engine.source s
        LEFT JOIN canonical.as_of_exactness a ON a.source = s.source
        LEFT JOIN LATERAL (
            SELECT min(t.verified_at) AS verified_at FROM engine.stream t WHERE t.source = s.source AND t.verified_at IS NOT NULL AND {IS_ASKED_FOR}) v ON true
        LEFT JOIN canonical.last_cut c ON c.source = s.source
        LEFT JOIN canonical.cut k ON k.cut_id = c.cut_id
        LEFT JOIN canonical.cut_grade g ON g.cut_id = c.cut_id
        LEFT JOIN LATERAL (SELECT * FROM engine.run x WHERE x.source = s.source ORDER BY x.started_at DESC LIMIT 1) r ON true
        LEFT JOIN LATERAL (
            SELECT * FROM engine.run x WHERE x.source = s.source AND x.finished_at IS NOT NULL ORDER BY x.started_at DESC LIMIT 1) e ON true
        WHERE CAST(:source AS text) IS NULL OR s.source = :source
        ORDER BY s.position, s.source
        """,
        source=source,
    )
    return [SourceState(*r)._replace(notes=tuple(r[-1])) for r in rows]


def failing(connection: Connection, source: str | None = None) -> list[Failing]:
    """Sources whose newest run failed, those too of which nothing else is known: they were never reached."""
    rows = fetch(
        connection,
        """
        SELECT r.source, min(r.started_at), count(*), (array_agg(r.error ORDER BY r.started_at DESC))[1]
        FROM engine.run r
        LEFT JOIN LATERAL (
            SELECT max(x.started_at) AS at FROM engine.run x WHERE x.source = r.source AND x.outcome IN ('succeeded', 'partial', 'held')) well ON true
        WHERE r.outcome = 'failed' AND (well.at IS NULL OR r.started_at > well.at) AND (CAST(:source AS text) IS NULL OR r.source = :source)
        GROUP BY r.source ORDER BY r.source
        """,
        source=source,
    )
    return [Failing(*r) for r in rows]


def entities(connection: Connection, source: str | None = None) -> list[EntityState]:
    """Every wire entity of every source, or of one, parents first."""
    rows = fetch(
        connection,
        """
        SELECT t.source, t.entity, t.family, t.verified_at, t.swept_at, coalesce(n.living, 0), coalesce(n.quarantined, 0), coalesce(n.excluded, 0),
               coalesce(n.deleted, 0), x.outcome, x.error, CAST(extract(epoch FROM now() - t.verified_at) AS integer)
        FROM engine.stream t
        LEFT JOIN (
            SELECT stream_id, count(*) FILTER (WHERE deleted_at IS NULL) AS living, count(*) FILTER (WHERE deleted_at IS NOT NULL) AS deleted,
                   count(*) FILTER (WHERE state = 1 AND deleted_at IS NULL) AS quarantined, count(*) FILTER (WHERE state = 2 AND deleted_at IS NULL) AS excluded
            FROM engine.source_record GROUP BY stream_id) n USING (stream_id)
        LEFT JOIN LATERAL (
            SELECT p.outcome, p.error FROM engine.run_step p JOIN engine.run r USING (run_id)
            WHERE r.source = t.source AND p.entity = t.entity AND p.stage LIKE 'pull%' ORDER BY p.step_id DESC LIMIT 1) x ON true
        WHERE CAST(:source AS text) IS NULL OR t.source = :source
        ORDER BY t.source, t.rank, t.stream_id
        """,
        source=source,
    )
    return [EntityState(*r) for r in rows]


def runs(connection: Connection, source: str | None = None, limit: int = 5) -> list[RunState]:
    """The latest runs, newest first, with what their steps add up to."""
    rows = fetch(
        connection,
        """
        SELECT r.run_id, r.source, r.kind, r.triggered_by, r.started_at, r.finished_at, r.outcome, r.error, r.cut_id,
               coalesce(sum(p.calls), 0), coalesce(sum(p.read) FILTER (WHERE p.stage LIKE 'pull%'), 0),
               coalesce(sum(p.changed) FILTER (WHERE p.stage LIKE 'pull%'), 0), coalesce(sum(p.deleted), 0)
        FROM (SELECT * FROM engine.run WHERE CAST(:source AS text) IS NULL OR source = :source ORDER BY started_at DESC LIMIT :limit) r
        LEFT JOIN engine.run_step p USING (run_id)
        GROUP BY r.run_id, r.source, r.kind, r.triggered_by, r.started_at, r.finished_at, r.outcome, r.error, r.cut_id
        ORDER BY r.started_at DESC
        """,
        source=source,
        limit=limit,
    )
    return [RunState(*r[:9], *map(int, r[9:])) for r in rows]


def outcomes(connection: Connection, run_id: UUID) -> list[EntityOutcome]:
    """What one run came to per entity, in the order the run took them. read = unchanged + changed; what is odd was read too."""
    rows = fetch(
        connection,
        """
        SELECT entity, CASE WHEN bool_or(outcome = 'failed') THEN 'failed' WHEN bool_or(outcome = 'held') THEN 'held' ELSE 'succeeded' END,
               coalesce(sum(read) FILTER (WHERE stage <> 'normalise'), 0), coalesce(sum(changed) FILTER (WHERE stage <> 'normalise'), 0),
               coalesce(sum(unchanged) FILTER (WHERE stage <> 'normalise'), 0), sum(quarantined), sum(excluded), sum(deleted),
               sum(calls), CAST(sum(bytes) AS bigint), CAST(sum(seconds) AS float), max(error)
        FROM engine.run_step WHERE run_id = :run GROUP BY entity ORDER BY min(step_id)
        """,
        run=run_id,
    )
    return [EntityOutcome(*r) for r in rows]


def holds(connection: Connection, source: str | None = None) -> list[Hold]:
    """Sweeps that were held, the approved ones that did not run again yet too."""
    rows = fetch(
        connection,
        """
        SELECT t.source, t.entity, h.held_at, h.known, h.seen, h.missing, h.stated, h.sample, h.look_alikes, h.approved_by, h.approved_at
        FROM engine.sweep_hold h JOIN engine.stream t USING (stream_id)
        WHERE CAST(:source AS text) IS NULL OR t.source = :source ORDER BY h.held_at
        """,
        source=source,
    )
    return [Hold(*r) for r in rows]


def approve_hold(connection: Connection, source: str, entity: str, by: str) -> int:
    """Lets the next sweep of an entity remove what is missing; 0 when nothing is held there."""
    return len(
        fetch(
            connection,
            """
        UPDATE engine.sweep_hold h SET approved_by = :by, approved_at = now() FROM engine.stream t
        WHERE t.stream_id = h.stream_id AND t.source = :source AND t.entity = :entity RETURNING h.stream_id
        """,
            source=source,
            entity=entity,
            by=by,
        )
    )


def gaps(connection: Connection, source: str | None = None) -> list[Gap]:
    """Codes without a rule, and what documents call an owner whom nobody knows, the most frequent first."""
    rows = fetch(
        connection,
        """
        SELECT t.source, t.entity, g.field, g.code, count(*) AS n, min(g.first_at), min(g.key)
        FROM engine.code_gap g JOIN engine.stream t USING (stream_id)
        WHERE CAST(:source AS text) IS NULL OR t.source = :source
        GROUP BY t.source, t.entity, g.field, g.code
        UNION ALL
        SELECT w.source, (SELECT min(t.entity) FROM engine.stream t WHERE t.source = w.source AND t.canonical = 'document' AND NOT t.facet),
            'owner', w.owner, count(*), min(d.first_seen_at), min(d.external_id)
        FROM engine.unresolved_reference w JOIN canonical.document d ON d.id = w.document_id AND d.deleted_at IS NULL
        WHERE w.owner IS NOT NULL AND (CAST(:source AS text) IS NULL OR w.source = :source) GROUP BY w.source, w.owner
        ORDER BY n DESC, source, entity, field, code
        """,
        source=source,
    )
    return [Gap(*r) for r in rows]


def is_migrated(connection: Connection) -> bool:
    """Whether our tables are there at all."""
    return bool(
        fetch(
            connection,
            "SELECT to_regclass('engine.source') IS NOT NULL AND to_regclass('canonical.last_cut') IS NOT NULL",
        )[0][0]
    )


def revision(connection: Connection) -> str | None:
    """The revision the tables are at."""
    rows: list[Any] = fetch(connection, "SELECT version_num FROM engine.alembic_version")
    return str(rows[0][0]) if rows else None
