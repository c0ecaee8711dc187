"""Replaying a source: what was landed is normalised again and published. The source itself is not asked."""

from __future__ import annotations

from uuid import UUID

from sync_engine.config import SourceConfig
from sync_engine.errors import ConfigurationError, SyncError
from sync_engine.ops.runs.source_run import Ran, Runtime, open_lane
from sync_engine.stages.publish import publish
from sync_engine.stages.run import chosen, close_failed, concluded, normalise_each
from sync_engine.stages.source_run import Progress, SourceRun, no_progress
from sync_engine.store.claims.normalised import normalise_again
from sync_engine.store.controls import what_is_missing
from sync_engine.store.db import transaction
from sync_engine.store.runs import close_run, open_run, source_lock


def replay_source(
    runtime: Runtime,
    config: SourceConfig,
    *,
    entities: tuple[str, ...] = (),
    wait: bool = False,
    accept_moves: bool = False,
    triggered_by: str = "person",
    progress: Progress = no_progress,
    actor: str = "sync-engine",
    run_id: UUID | None = None,
) -> Ran:
    """Normalises landed records again, of every entity or of some (wire entity or family), and publishes what comes out otherwise than before.

    Of every record the latest landed version counts. Where nothing differs nothing is written. It asks no ERP, so there is no new certificate;
    a replay after which more is missing than the source's settings allow is partial, and so is one that met a damaged landed file: what that
    holds stays as it was published, everything else goes on. Raises ConfigurationError when nothing was landed or an entity is unknown.
    """
    with source_lock(runtime.store, config.source, wait=wait):
        run_id = open_run(runtime.store, config.source, "replay", triggered_by, config.digest, run_id)
        ran = Ran(run_id)
        try:
            lane = open_lane(
                runtime, config, run_id, actor=actor, progress=progress, accept_moves=accept_moves
            )
            _mark(lane, entities)
            ran.failures = normalise_each(lane)
            ran.published = publish(lane)
            lost = _missing(lane, ran.published.cut_id)
            ran.outcome, why = concluded(lane, ran.failures, lost)
        except BaseException as error:
            ran.outcome = "failed"
            close_failed(runtime.store, run_id, error)
            raise
        ran.warnings = [*lane.warnings, str(lost)] if lost else lane.warnings
        close_run(runtime.store, run_id, ran.outcome, why, ran.published.cut_id)
    return ran


def _missing(source_run: SourceRun, cut_id: int) -> SyncError | None:
    """Why too much is missing from the cut; None when it is not."""
    with transaction(source_run.store, "counting what is missing") as connection:
        check = what_is_missing(
            connection,
            source_run.source,
            source_run.run_id,
            cut_id,
            allowed_missing=source_run.config.missing.share,
        )
    if check.verdict == "holds" or check.explained:
        return None
    return SyncError(
        check.note, whose=source_run.source, todo=f"See `sync-engine quarantine list {source_run.source}`."
    )


def _mark(source_run: SourceRun, entities: tuple[str, ...]) -> None:
    streams = source_run.streams()
    if not streams:
        raise ConfigurationError(
            "nothing of this source was landed yet",
            whose=source_run.source,
            todo=f"`sync-engine run {source_run.source}` first.",
        )
    wanted = chosen(source_run.source, {name: row.family for name, row in streams.items()}, entities)
    with transaction(source_run.store, "marking what is replayed") as connection:
        normalise_again(connection, [streams[name].stream_id for name in wanted])
