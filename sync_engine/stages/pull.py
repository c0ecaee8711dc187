"""pull: what the source says, landed in the lake. Only records whose bytes differ from the last ones are landed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from sqlalchemy import Connection

from sync_engine.errors import ConfigurationError, CursorExpired, SourceError, TransientError
from sync_engine.ports import ReadsOneDebtor, StatesTotals
from sync_engine.records import RawRecord, RecordBatch, Stream
from sync_engine.stages.source_run import CLOCKS_AGREE, SourceRun
from sync_engine.stages.storable import but_erased, hashed, storable_key
from sync_engine.store.db import transaction
from sync_engine.store.landing import damage, offers, records
from sync_engine.store.landing.sources import StreamRow, move_cursor
from sync_engine.store.runs import Counts, record_step
from sync_engine.store.suppression import count_left_out, suppressed

LANDED_AGAIN = "a landed file was damaged or gone; everything was read again, and what was lost is landed again (`lake verify` names the file)"
"""What a run says about damage that it healed: nothing is missing, but somebody should look at the disk."""


class Pulled(NamedTuple):
    """What pulling one entity came to. `sweep` is None unless everything was read."""

    entity: str
    counts: Counts
    sweep: records.SweepOutcome | None


def pull(source_run: SourceRun, entity: str, *, full: bool = False, row: StreamRow | None = None) -> Pulled:
    """Pulls one wire entity: what changed, or everything when asked, when a sweep is due, when landed bytes are lost, or when nothing is known yet.

    When asked for everything it looks at the landed files first: what they have lost is landed again, whether it differs or not.
    `row` is its stream, where the caller has it and has looked (`note_damage`). Raises the connector's errors; everything landed
    before stays, and the next run resumes behind it.
    """
    if row is None:
        if full:
            note_damage(source_run, [entity])
        row = source_run.streams()[entity]
    if entity in source_run.missing:
        raise _missing(source_run, row)
    stream = source_run.connector.streams[entity]
    everything = (
        full
        or row.is_damaged
        or row.cursor is None
        or not stream.has_cursor
        or _sweep_due(source_run, stream, row)
    )
    note, began = LANDED_AGAIN if row.is_damaged else "", (time.perf_counter(), source_run.calls)
    batches: Iterable[RecordBatch] = ()
    is_first = False
    if not everything:
        try:
            batches = _begun(source_run.connector.pull(entity, row.cursor))
        except CursorExpired as expired:
            everything, note = True, f"{expired.what}; everything was read again"
    if everything:
        with transaction(source_run.store, f"starting to pull {entity}", repeatable=True) as connection:
            is_first = records.start_sweep(connection, source_run.source, row.stream_id)
        batches = source_run.connector.pull(entity, None)
    return _land(
        source_run,
        row,
        batches,
        sweeping=everything,
        stage="pull",
        is_first=is_first,
        note=note,
        began=began,
    )


def _begun(batches: Iterator[RecordBatch]) -> Iterator[RecordBatch]:
    """The same batches, of which the first is here. Raises CursorExpired; another failure is raised to whoever asks for the first."""
    try:
        first = next(batches, None)
    except CursorExpired:
        raise
    except Exception as failure:  # noqa: BLE001 - whatever it is, it belongs to the landing, which records it
        return map(_raised, [failure])
    return batches if first is None else chain([first], batches)


def _raised(failure: Exception) -> RecordBatch:
    raise failure


def note_damage(source_run: SourceRun, entities: Sequence[str]) -> None:
    """Compares the landed files that hold current records of these entities with the manifest, and notes what is lost."""
    with transaction(source_run.store, "reading what has landed") as connection:
        landed = [b for b in damage.batches(connection, source_run.source, entities) if b.needed]
    found = [
        (b, said)
        for b in landed
        if (said := source_run.lake.damage_of(b.path, b.checksum, b.bytes)) != b.damage
    ]
    if found:
        with transaction(source_run.store, "noting damage of landed files") as connection:
            for one, said in found:
                damage.note(connection, one.batch_id, said)


def _missing(source_run: SourceRun, row: StreamRow) -> SourceError:
    """That what was offered is gone is a failure of the entity: what it said before stays, and may be out of date."""
    failure = SourceError(
        source_run.missing[row.entity],
        whose=source_run.source,
        key=row.entity,
        todo=f"Mend it at the source (permission, published page, app), or, if it is meant to be gone: sync-engine sources accept {source_run.source}.",
    )
    record_step(
        source_run.store, source_run.run_id, "pull", row.entity, "failed", 0.0, Counts(), str(failure)
    )
    return failure


def pull_debtor(source_run: SourceRun, debtor_key: str) -> list[Pulled]:
    """Pulls the closure of one debtor; moves no cursor and judges no sweep. Raises ConfigurationError where the connector cannot."""
    rows = source_run.streams()
    outcome: list[Pulled] = []
    connector = source_run.connector
    if not isinstance(connector, ReadsOneDebtor):
        raise ConfigurationError(
            f"connector {source_run.config.connector} cannot read one debtor alone",
            whose=source_run.source,
            todo="Run the whole source.",
        )
    for batch in connector.pull_debtor(debtor_key):
        if batch.entity in source_run.held_back:
            continue
        only = RecordBatch(batch.entity, batch.records, batch.deleted, None, complete=False)
        outcome.append(
            _land(
                source_run,
                rows[batch.entity],
                [only],
                sweeping=False,
                stage="pull debtor",
                is_verification=False,
            )
        )
    return outcome


def land_one(source_run: SourceRun, entity: str, record: RawRecord) -> Pulled:
    """Lands one record that was read by itself; moves no cursor and judges no sweep."""
    batch = RecordBatch(entity, [record], complete=False)
    row = source_run.streams()[entity]
    return _land(source_run, row, [batch], sweeping=False, stage="pull record", is_verification=False)


def _sweep_due(source_run: SourceRun, stream: Stream, row: StreamRow) -> bool:
    if stream.sweep_every is None or stream.reports_deletes:
        return False
    if row.swept_at is None or row.is_unfinished:
        return True
    since = source_run.now() - row.swept_at
    return since >= source_run.config.sweep_every(stream.sweep_every) or since < -CLOCKS_AGREE


def _land(
    source_run: SourceRun,
    row: StreamRow,
    batches: Iterable[RecordBatch],
    *,
    sweeping: bool,
    stage: str,
    is_verification: bool = True,
    is_first: bool = False,
    note: str = "",
    began: tuple[float, int] | None = None,
) -> Pulled:
    """`is_first`: no record of the stream is known yet. `note` is something odd that was met before reading, told with the step when it
    ends well; `began` is when the step began, and how many calls were sent before it.
    """
    started, calls = began or (time.perf_counter(), source_run.calls)
    counts, sweep = Counts(), None
    with transaction(source_run.store, "reading whom not to land", repeatable=True) as connection:
        erased = suppressed(connection, row.canonical)
        first = records.next_number(connection, row.stream_id, source_run.run_id)
    try:
        for number, (batch, hashes) in enumerate(hashed(batches), first):
            if erased:
                batch, hashes = but_erased(source_run.source, erased, batch, hashes, counts)
            landed = _land_batch(
                source_run, row, batch, hashes, number, counts, sweeping=sweeping, is_first=is_first
            )
            sweep = landed or sweep
            source_run.progress(stage, row.entity, counts.read)
    except Exception as failure:
        counts.calls = source_run.calls - calls
        record_step(
            source_run.store,
            source_run.run_id,
            stage,
            row.entity,
            "failed",
            time.perf_counter() - started,
            counts,
            str(failure),
        )
        raise
    if erased and sweep is not None:
        with transaction(source_run.store, "counting who was left out", repeatable=True) as connection:
            count_left_out(connection, row.stream_id, counts.excluded)
    counts.calls = source_run.calls - calls
    odd = "; ".join(filter(None, (note, source_run.oddity(row.entity))))
    if odd:
        source_run.notes[row.entity] = odd
    record_step(
        source_run.store,
        source_run.run_id,
        stage,
        row.entity,
        "held" if sweep and sweep.why else "succeeded",
        time.perf_counter() - started,
        counts,
        sweep.why if sweep and sweep.why else odd or None,
        verified_stream=row.stream_id if is_verification else None,
    )
    return Pulled(row.entity, counts, sweep)


def _land_batch(
    source_run: SourceRun,
    row: StreamRow,
    batch: RecordBatch,
    hashes: dict[str, tuple[str, RawRecord]],
    number: int,
    counts: Counts,
    *,
    sweeping: bool,
    is_first: bool,
) -> records.SweepOutcome | None:
    """Lands one batch: the file first, then manifest, hashes and cursor in one transaction. One that says nothing new needs no file.

    At a first load there is nothing to compare with. A record that came with an earlier batch of it is refused by the database; then
    the batch is compared like any other, and its file written again.
    """
    keys, stated = list(hashes), _stated(source_run, row) if sweeping and batch.complete else None
    if stated is not None:
        stated -= counts.excluded  # nobody counts who was erased
    new, changed = list(range(len(keys))), list[int]()
    if not is_first or not keys:
        with transaction(source_run.store, f"comparing {row.entity}", repeatable=True) as connection:
            new, changed = (
                records.differing(connection, row.stream_id, keys, [h for h, _ in hashes.values()])
                if keys
                else ([], [])
            )
            if not new and not changed:
                sweep, deleted = _record(
                    source_run, row, batch, keys, connection, sweeping=sweeping, stated=stated
                )
    differing = [keys[i] for i in sorted((*new, *changed))]
    if differing:
        landed = source_run.lake.write(
            source_run.source, row.entity, source_run.run_id, number, [hashes[k][1] for k in differing]
        )
        fresh, other = ([(keys[i], hashes[keys[i]][0]) for i in places] for places in (new, changed))
        try:
            with transaction(source_run.store, f"recording {row.entity}", repeatable=True) as connection:
                records.record_batch(connection, row.stream_id, source_run.run_id, landed, fresh, other)
                sweep, deleted = _record(
                    source_run, row, batch, keys, connection, sweeping=sweeping, stated=stated
                )
        except records.KnownAlready:
            return _land_batch(
                source_run, row, batch, hashes, number, counts, sweeping=sweeping, is_first=False
            )
        counts.bytes += landed.bytes
        source_run.landed(row.entity)
    counts.read += len(batch.records)
    counts.changed += len(differing)
    counts.unchanged += len(batch.records) - len(differing)
    counts.deleted += deleted
    return sweep


def _record(
    source_run: SourceRun,
    row: StreamRow,
    batch: RecordBatch,
    keys: Sequence[str],
    connection: Connection,
    *,
    sweeping: bool,
    stated: int | None,
) -> tuple[records.SweepOutcome | None, int]:
    """What a batch says beside its records: what is gone, what a sweep saw, from where to go on. Returns the sweep's outcome and the deletions."""
    sweep, deleted = (
        None,
        records.delete_keys(connection, row.stream_id, list(map(storable_key, batch.deleted)))
        if batch.deleted
        else 0,
    )
    if batch.whole:
        deleted += records.delete_siblings(connection, row.stream_id, batch.whole, keys)
    if sweeping:
        records.note_seen(connection, source_run.source, row.stream_id, keys)
        if batch.complete:
            sweep = _judge_sweep(source_run, row, connection, stated)
            if row.canonical in offers.LEDGER:
                offers.retire_replaced(connection, source_run.source)
            deleted += 0 if sweep.held else sweep.missing
    if batch.resume_from is not None:
        move_cursor(connection, row.stream_id, batch.resume_from)
    return sweep, deleted


def _judge_sweep(
    source_run: SourceRun, row: StreamRow, connection: Connection, stated: int | None
) -> records.SweepOutcome:
    brake = (
        None
        if source_run.accept_deletes
        else 1.0
        if _is_selection(source_run, row)
        else source_run.config.sweep.brake
    )
    outcome = records.finish_sweep(
        connection,
        source_run.source,
        row.stream_id,
        source_run.run_id,
        brake=brake,
        brake_from=source_run.config.sweep.brake_from,
        stated=stated,
        at=source_run.now(),
        guarded="" if source_run.accept_deletes or row.facet else row.canonical,
    )
    if outcome.why and not outcome.held:
        source_run.warnings.append(
            f"{source_run.source} {row.entity}: {outcome.why}; the next run reads everything again."
        )
    if outcome.held:
        source_run.warnings.append(
            f"{source_run.source} {row.entity}: {outcome.why}; nothing was deleted. Look at it, then `run --accept-deletes`."
        )
    return outcome


def _is_selection(source_run: SourceRun, row: StreamRow) -> bool:
    """What left a selection, such as a list of open invoices, is not gone."""
    return source_run.connector.streams[row.entity].is_selection


def _stated(source_run: SourceRun, row: StreamRow) -> int | None:
    """How many records the source says it has; None where it does not say or nobody would act on it."""
    connector = source_run.connector
    if source_run.accept_deletes or not isinstance(connector, StatesTotals) or _is_selection(source_run, row):
        return None
    try:
        return connector.count(row.entity)
    except (SourceError, TransientError):
        return None
