"""The run ledger: who ran what, when, why, and what came of it. Written outside the work's own transactions."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine, text

from sync_engine.errors import ConfigurationError
from sync_engine.store import locks
from sync_engine.store.db import run_sql, store_errors, transaction
from sync_engine.store.landing.sources import verified


@dataclass(slots=True)
class Counts:
    """What one step did. read = changed + unchanged + quarantined + excluded, always; `deleted` are known records now gone."""

    read: int = 0
    changed: int = 0
    unchanged: int = 0
    quarantined: int = 0
    excluded: int = 0
    deleted: int = 0
    calls: int = 0
    bytes: int = 0

    def add(self, other: Counts) -> None:
        """Adds another step's figures."""
        for name, value in asdict(other).items():
            setattr(self, name, getattr(self, name) + value)


def open_run(
    engine: Engine,
    source: str,
    kind: str,
    triggered_by: str,
    config_hash: str,
    run_id: UUID | None = None,
    alive: Collection[UUID] = (),
    entities: Collection[str] = (),
) -> UUID:
    """Opens a run and closes runs of the same source whose process died; returns its id.

    A run that works in several steps opens itself again at each, by its id. What it was taken for in between (dead, done) is
    corrected; failed, partial and held stay. `alive` are runs the caller knows to be going on between two of their steps.
    A run of kind `full` owes a sweep from here on, of the wire entities or families in `entities`, or of all: where it is refused
    before it reads them, the next run makes it.
    """
    run_id = run_id or uuid4()
    with transaction(engine, "opening a run") as connection:
        run_sql(
            connection,
            """
            UPDATE engine.run SET finished_at = now(), outcome = 'died', error = 'the process ended before the run did'
            WHERE source = :source AND finished_at IS NULL AND run_id <> :run AND NOT run_id = ANY(:alive)
            """,
            source=source,
            run=run_id,
            alive=list(alive),
        )
        run_sql(
            connection,
            """
            INSERT INTO engine.run AS r (run_id, source, kind, triggered_by, config_hash, pid) VALUES (:run, :source, :kind, :by, :hash, :pid)
            ON CONFLICT (run_id) DO UPDATE SET finished_at = NULL, outcome = NULL, error = NULL, error_class = NULL WHERE r.outcome IN ('died', 'succeeded')
            """,
            run=run_id,
            source=source,
            kind=kind,
            by=triggered_by,
            hash=config_hash,
            pid=os.getpid(),
        )
        if kind == "full":
            _owe_sweeps(connection, source, run_id, list(entities))
    return run_id


def _owe_sweeps(connection: Connection, source: str, run_id: UUID, entities: list[str]) -> None:
    """Notes that sweeps are wanted, but for entities that this run has read already in a step before."""
    run_sql(
        connection,
        """
        UPDATE engine.stream t SET sweep_started_at = clock_timestamp()
        WHERE source = :source AND sweep_started_at IS NULL AND (:all OR entity = ANY(:entities) OR family = ANY(:entities))
          AND NOT EXISTS (SELECT FROM engine.run_step p WHERE p.run_id = :run AND p.stage = 'pull' AND p.entity = t.entity AND p.outcome <> 'failed')
        """,
        source=source,
        run=run_id,
        all=not entities,
        entities=entities,
    )


def close_run(
    engine: Engine, run_id: UUID, outcome: str, error: BaseException | None = None, cut_id: int | None = None
) -> None:
    """Closes a run: succeeded, partial (some entities failed), held (a brake wants a person), failed."""
    with transaction(engine, "closing a run") as connection:
        run_sql(
            connection,
            """
            UPDATE engine.run SET finished_at = now(), outcome = :outcome, error = :error, error_class = :class, cut_id = coalesce(:cut, cut_id)
                WHERE run_id = :run
            """,
            outcome=outcome,
            error=None if error is None else str(error),
            **{"class": None if error is None else type(error).__name__},
            cut=cut_id,
            run=run_id,
        )


def record_step(
    engine: Engine,
    run_id: UUID,
    stage: str,
    entity: str,
    outcome: str,
    seconds: float,
    counts: Counts,
    error: str | None = None,
    *,
    verified_stream: int | None = None,
) -> None:
    """One row of what a stage did for an entity. `verified_stream` was asked, and everything it said is stored."""
    with transaction(engine, "recording a step", repeatable=True) as connection:
        if verified_stream is not None:
            verified(connection, verified_stream)
        run_sql(
            connection,
            """
            INSERT INTO engine.run_step (run_id, stage, entity, outcome, error, read, changed, unchanged, quarantined, excluded, deleted, calls, bytes, seconds)
            VALUES (:run, :stage, :entity, :outcome, :error, :read, :changed, :unchanged, :quarantined, :excluded, :deleted, :calls, :bytes, :seconds)
            """,
            run=run_id,
            stage=stage,
            entity=entity,
            outcome=outcome,
            error=error,
            seconds=round(seconds, 3),
            **asdict(counts),
        )


@contextmanager
def source_lock(engine: Engine, source: str, *, wait: bool) -> Iterator[None]:
    """One run of a source at a time, across processes: the second waits or is refused, told who holds it. Held by a transaction of its own."""
    with store_errors("taking the source lock"), engine.connect() as connection:
        turn = locks.ensure(connection, source)
        connection.commit()
        if wait:
            locks.take(connection, turn)
        elif not locks.try_take(connection, turn):
            who = locks.told(connection, turn)
            raise ConfigurationError(
                "another run of this source is going on" + (f" ({who})" if who else ""),
                whose=source,
                todo=f"Try again when it has ended; `sync-engine run {source} --wait` waits for it.",
            )
        try:
            yield
        finally:
            _release(connection)


def _release(connection: Connection) -> None:
    try:
        connection.rollback()
    except Exception:  # noqa: BLE001 - the session is gone, and with it the lock
        connection.invalidate()


def steps_of(connection: Connection, run_id: UUID) -> list[dict[str, Any]]:
    """The steps of a run, in order."""
    rows = connection.execute(
        text("SELECT * FROM engine.run_step WHERE run_id = :run ORDER BY step_id"), {"run": run_id}
    ).mappings()
    return [dict(r) for r in rows]


def last_runs(connection: Connection, source: str, limit: int = 10) -> list[dict[str, Any]]:
    """The latest runs of a source."""
    rows = connection.execute(
        text("SELECT * FROM engine.run WHERE source = :s ORDER BY started_at DESC LIMIT :n"),
        {"s": source, "n": limit},
    ).mappings()
    return [dict(r) for r in rows]
