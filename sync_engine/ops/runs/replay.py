"""Replaying a source: what was landed is normalised again and published. The source itself is not asked."""

from __future__ import annotations

from uuid import UUID

from sync_engine.config import SourceConfig
from sync_engine.errors import ConfigurationError, SyncError
from sync_engine.ops.runs.source_run import Ran, Workshop, normalise_all, open_connector, open_normaliser
from sync_engine.stages.lane import Lane, Progress, no_progress
from sync_engine.stages.publish import publish
from sync_engine.store.claims.normalised import normalise_again
from sync_engine.store.controls import what_is_missing
from sync_engine.store.db import transaction
from sync_engine.store.runs import close_run, open_run, source_lock


def replay_source(
    workshop: Workshop,
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
    with source_lock(workshop.store, config.source, wait=wait):
        run_id = open_run(workshop.store, config.source, "replay", triggered_by, config.digest, run_id)
        ran = Ran(run_id)
        lane = _lane(workshop, config, run_id, progress, actor)
        try:
            _mark(lane, entities)
            ran.failures = {**normalise_all(lane)}
            lane.accept_held = accept_moves
            ran.published = publish(lane)
            lost = _missing(lane, ran.published.cut_id)
        except BaseException as error:
            ran.outcome = "failed"
            _close(lane, error)
            raise
        ran.warnings = lane.warnings
        ran.outcome = (
            "partial" if ran.failures else "held" if lane.warnings else "partial" if lost else "succeeded"
        )
        if lost is not None:
            ran.warnings = [*ran.warnings, str(lost)]
        close_run(
            workshop.store, run_id, ran.outcome, next(iter(ran.failures.values()), lost), ran.published.cut_id
        )
    return ran


def _missing(lane: Lane, cut_id: int) -> SyncError | None:
    """Why too much is missing from the cut; None when it is not."""
    with transaction(lane.store, "counting what is missing") as connection:
        check = what_is_missing(
            connection, lane.source, lane.run_id, cut_id, allowed_missing=lane.config.missing.share
        )
    if check.verdict == "holds" or check.explained:
        return None
    return SyncError(check.note, whose=lane.source, todo=f"See `sync-engine quarantine list {lane.source}`.")


def _lane(workshop: Workshop, config: SourceConfig, run_id: UUID, progress: Progress, actor: str) -> Lane:
    """A lane that is not registered: registering asks the source what it offers."""
    return Lane(
        config,
        workshop.store,
        workshop.lake,
        open_normaliser(config),
        open_connector(config, workshop.clock),
        workshop.clock,
        run_id,
        workshop.policy,
        actor,
        progress=progress,
    )


def _mark(lane: Lane, entities: tuple[str, ...]) -> None:
    streams = lane.streams()
    if not streams:
        raise ConfigurationError(
            "nothing of this source was landed yet",
            whose=lane.source,
            todo=f"`sync-engine run {lane.source}` first.",
        )
    known = set(streams) | {s.family for s in streams.values()}
    if unknown := sorted(set(entities) - known):
        raise ConfigurationError(
            f"there is no entity {', '.join(unknown)}",
            whose=lane.source,
            todo=f"There are: {', '.join(sorted(known))}.",
        )
    chosen = [
        s.stream_id for name, s in streams.items() if not entities or name in entities or s.family in entities
    ]
    with transaction(lane.store, "marking what is replayed") as connection:
        normalise_again(connection, chosen)


def _close(lane: Lane, error: BaseException) -> None:
    """Closes a failed run; when the database itself is gone, the next run of the source marks this one as died."""
    try:
        close_run(lane.store, lane.run_id, "failed", error)
    except SyncError:
        return
