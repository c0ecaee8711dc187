"""normalise: landed payloads become claims and staged documents; what cannot be used is put aside with its reason."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from queue import Queue
from threading import Thread
from typing import NamedTuple

from sqlalchemy import Connection

from sync_engine.errors import LandedFileDamaged, RecordError, Unreadable
from sync_engine.ports import Normalised
from sync_engine.stages.source_run import SourceRun
from sync_engine.store.claims import identity, normalised
from sync_engine.store.db import transaction
from sync_engine.store.landing import damage
from sync_engine.store.landing.look_alikes import keep_out
from sync_engine.store.landing.sources import StreamRow, set_mapping_version
from sync_engine.store.runs import Counts, record_step
from sync_engine.store.staging import BULK


class Normalisation(NamedTuple):
    """What normalising one entity came to."""

    entity: str
    counts: Counts
    gaps: int
    damage: LandedFileDamaged | None = None


def normalise(
    source_run: SourceRun,
    entity: str,
    before: Counts | None = None,
    row: StreamRow | None = None,
    *,
    waits: bool = True,
) -> Normalisation:
    """Normalises every waiting batch of an entity, one transaction a batch. Raises only StoreError.

    A batch whose landed file is damaged is noted and left; the others go on. The first that is needed is told in `damage`, also
    where nothing of it was to be normalised.

    `before` is what a `Follower` already did for this entity in this run; it is counted in the same step. `row` is its stream, where
    the caller has it, and `waits` whether anything of it is to be done, see `entities_that_wait`.
    """
    started, row = time.perf_counter(), row or source_run.streams()[entity]
    counts = before or Counts()
    waiting, damaged = _look(source_run, row) if waits else _Waiting((), False, ()), list[int]()
    gaps = _normalise_batches(source_run, row, counts, waiting, damaged) if waiting.batches else 0
    retries = (
        _look(source_run, row).retries if waiting.batches else waiting.retries
    )  # what was just normalised may have answered some
    for batch, keys in retries:
        with _noted(source_run, batch, damaged):
            gaps += _normalise_batch(source_run, row, batch, counts, only=set(keys), is_replay=False)
    if waits:
        _keep_out_look_alikes(source_run, row, counts)
    first = _still_damaged(source_run, entity) if damaged or row.is_damaged else None
    outcome = "failed" if first else "succeeded"
    record_step(
        source_run.store,
        source_run.run_id,
        "normalise",
        entity,
        outcome,
        time.perf_counter() - started,
        counts,
        str(first) if first else None,
    )
    return Normalisation(entity, counts, gaps, first)


def entities_that_wait(source_run: SourceRun) -> frozenset[str]:
    """Wire entities of which anything is to be normalised, tried again, or kept out; one look at all of them."""
    with transaction(source_run.store, "looking for what has landed") as connection:
        return normalised.waiting_streams(connection, source_run.source, source_run.normaliser.version)


def _still_damaged(source_run: SourceRun, entity: str) -> LandedFileDamaged | None:
    """Of the batches that hold current records of an entity, the first whose file is known to be damaged."""
    with transaction(source_run.store, "looking for damaged batches") as connection:
        known = [b for b in damage.damaged(connection, source_run.source) if b.entity == entity]
    return known[0].failure(known[0].damage or "") if known else None


@contextmanager
def _noted(source_run: SourceRun, batch: normalised.Batch, damaged: list[int]) -> Iterator[None]:
    """A damaged file is noted at its batch, which waits; one that is back is no longer."""
    try:
        yield
    except LandedFileDamaged as error:
        with transaction(source_run.store, "noting a damaged batch") as connection:
            damage.note(connection, batch.batch_id, error.damage)
        damaged.append(batch.batch_id)
        return
    if batch.was_damaged:
        with transaction(source_run.store, "noting a batch that is whole again") as connection:
            damage.note(connection, batch.batch_id, None)


def _keep_out_look_alikes(source_run: SourceRun, row: StreamRow, counts: Counts) -> None:
    """What a held sweep found written like something missing is no new record until a person says so."""
    with transaction(
        source_run.store, f"looking for look-alikes of {row.entity}", repeatable=True
    ) as connection:
        if row.canonical == "debtor" and row.keys_are_numbers:
            held = identity.hold_renumbered(
                connection, row, version=source_run.normaliser.version, run_id=source_run.run_id
            )
            counts.changed -= held
            counts.quarantined += held
        kept = keep_out(
            connection,
            source_run.source,
            row.stream_id,
            row.canonical,
            whose=f"{source_run.source} {row.entity}",
            version=source_run.normaliser.version,
            run_id=source_run.run_id,
        )
    counts.changed -= kept
    counts.quarantined += kept


class Follower:
    """Normalises batches while the next ones are still being read, in a thread of its own.

    It does nothing that `normalise` would not do afterwards, only earlier: the source and the database answer while the
    other thread works. Its first failure ends it and is raised by `finish`; what was landed stays landed.
    """

    def __init__(self, source_run: SourceRun) -> None:
        self._lane, self._rows = source_run, source_run.streams()
        self._queue: Queue[str | None] = Queue()
        self._failure: BaseException | None = None
        self.counts: dict[str, Counts] = {}
        self._thread = Thread(target=self._work, name=f"normalise {source_run.source}", daemon=True)
        self._thread.start()

    def landed(self, entity: str) -> None:
        """Tells it that a batch of this entity is there."""
        self._queue.put(entity)

    def finish(self) -> None:
        """Waits until all that was landed is normalised. Raises its failure."""
        self._queue.put(None)
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _work(self) -> None:
        try:
            while (entity := self._queue.get()) is not None:
                row = self._rows[entity]
                _normalise_batches(
                    self._lane, row, self.counts.setdefault(entity, Counts()), _look(self._lane, row), []
                )
        except BaseException as failure:  # noqa: BLE001 - raised again where `finish` is called
            self._failure = failure


class _Waiting(NamedTuple):
    """What of an entity waits: landed batches, whether they may hold versions replaced since, and records a person asked to try again."""

    batches: Sequence[normalised.Batch]
    is_replay: bool
    retries: Sequence[tuple[normalised.Batch, Sequence[str]]]


def _look(source_run: SourceRun, row: StreamRow) -> _Waiting:
    with transaction(source_run.store, f"looking for landed {row.entity}") as connection:
        batches = normalised.waiting_batches(connection, row.stream_id, source_run.normaliser.version)
        is_replay = normalised.holds_replaced_versions(connection, row.stream_id, batches)
        retries = [
            (normalised.batch(connection, b), keys)
            for b, keys in normalised.retry_batches(connection, row.stream_id).items()
        ]
    return _Waiting(batches, is_replay, retries)


def _normalise_batches(
    source_run: SourceRun, row: StreamRow, counts: Counts, waiting: _Waiting, damaged: list[int]
) -> int:
    gaps = 0
    for batch in waiting.batches:
        with _noted(source_run, batch, damaged):
            gaps += _normalise_batch(source_run, row, batch, counts, only=None, is_replay=waiting.is_replay)
        source_run.progress("normalise", row.entity, counts.read)
    return gaps


def remember_version(source_run: SourceRun) -> None:
    """Notes the mapping version once every entity was normalised with it."""
    with transaction(source_run.store, "noting the mapping version", repeatable=True) as connection:
        set_mapping_version(connection, source_run.source, source_run.normaliser.version)


def _normalise_batch(
    source_run: SourceRun,
    row: StreamRow,
    batch: normalised.Batch,
    counts: Counts,
    *,
    only: set[str] | None,
    is_replay: bool,
) -> int:
    records, unreadable = source_run.lake.landed(batch.path, batch.checksum)
    if is_replay:
        with transaction(source_run.store, f"choosing current {row.entity}") as connection:
            current = normalised.current_keys(connection, row.stream_id, batch.batch_id)
        records = [r for r in records if r[0] in current]
    if only is not None:
        records = [r for r in records if r[0] in only]
    outcome = _mapped(source_run, row, records, unreadable)
    _prove_complete(records, outcome, row)
    with transaction(source_run.store, f"recording normalised {row.entity}", repeatable=True) as connection:
        changed = _write(source_run, connection, row, batch, outcome)
        if only is None:
            normalised.mark_normalised(connection, batch.batch_id, source_run.normaliser.version)
    counts.read += len(records)
    counts.changed += changed
    counts.unchanged += len(outcome.drafts) - changed
    counts.quarantined += len(outcome.failed)
    counts.excluded += len(outcome.excluded)
    return len(outcome.gaps)


def _mapped(
    source_run: SourceRun, row: StreamRow, records: Sequence[tuple[str, bytes]], unreadable: Mapping[str, str]
) -> Normalised:
    """What the mapping makes of the records; those that came unreadable, or without a key, it does not see."""
    unusable = {key: unreadable[key] for key, _ in records if key in unreadable}
    if not unusable:
        return source_run.normaliser.normalise(row.entity, records)
    outcome = source_run.normaliser.normalise(row.entity, [r for r in records if r[0] not in unusable])
    failed: list[tuple[str, RecordError]] = [
        (key, Unreadable(why, whose=f"{row.source} {row.entity}", key=key)) for key, why in unusable.items()
    ]
    outcome.failed.extend(failed)
    return outcome


def _write(
    source_run: SourceRun,
    connection: Connection,
    row: StreamRow,
    batch: normalised.Batch,
    outcome: Normalised,
) -> int:
    if row.canonical == "debtor" and row.keys_are_numbers:
        doubted = identity.used_again(connection, row, outcome.drafts)
        outcome.drafts = [draft for draft in outcome.drafts if draft.key not in doubted]
        outcome.failed.extend(doubted.items())
    keys = [d.key for d in outcome.drafts]
    normalised.note_gaps(connection, row, keys, outcome.gaps)
    if outcome.failed:
        normalised.quarantine(
            connection,
            row,
            "normalise",
            outcome.failed,
            run_id=source_run.run_id,
            batch_id=batch.batch_id,
            version=source_run.normaliser.version,
        )
    if outcome.excluded:
        normalised.exclude(connection, row, outcome.excluded)
    if row.canonical in BULK:
        normalised.set_usable(connection, row, keys)
        if batch.is_again:
            normalised.unstage(
                connection,
                row,
                batch.batch_id,
                [*keys, *(k for k, _ in outcome.failed), *(e.key for e in outcome.excluded)],
            )
        normalised.stage_drafts(connection, row, batch.batch_id, outcome.drafts)
        return len(keys)
    changed = normalised.write_claims(connection, row, outcome.drafts)
    normalised.set_usable(connection, row, keys)
    return changed


def _prove_complete(records: Sequence[tuple[str, bytes]], outcome: Normalised, row: StreamRow) -> None:
    """A record silently dropped must never happen: a normaliser that loses one is a defect, and stops here."""
    accounted = (
        {d.key for d in outcome.drafts} | {k for k, _ in outcome.failed} | {e.key for e in outcome.excluded}
    )
    lost = {k for k, _ in records} - accounted
    if lost:
        raise AssertionError(
            f"the mapping of {row.source} lost {len(lost)} records of {row.entity}, for example {min(lost)}"
        )
