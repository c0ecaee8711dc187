"""Pages as batches: of a list that is read whole, and of one that is asked for what changed since a stamp."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime

import msgspec

from connectors.toolkit.number_sets import pack, unpack
from connectors.toolkit.pagination import Page
from connectors.toolkit.rows import RowShape
from sync_engine.records import Cursor, RawRecord, RecordBatch


def whole(entity: str, pages: Iterable[Page], shape: RowShape) -> Iterator[RecordBatch]:
    """A list that is always read whole by place. Where its total moves meanwhile, a row may have slipped between two pages: not complete."""
    totals = set[int | None]()
    for page in pages:
        totals.add(page.total)
        yield RecordBatch(
            entity, shape.read(page.rows).records, complete=page.next is None and len(totals) == 1
        )


def changed(
    entity: str,
    pages: Iterable[Page],
    shape: RowShape,
    since: datetime | None,
    now: Callable[[], datetime],
    is_gone: Callable[[RawRecord], bool] = lambda _: False,
) -> Iterator[RecordBatch]:
    """A list in the order of a fixed key, or those rows of it that changed since `since`. The cursor is the latest stamp that was seen.

    `now` is the server's clock: no stamp later than that is believed, or what changes until then would be passed over. Records that
    say themselves that they are gone are told as deleted, in a sweep they are left out.
    """
    latest = since
    for page in pages:
        read = shape.read(page.rows)
        latest = max(filter(None, (latest, read.latest)), default=None)
        gone = [record.key for record in read.records if is_gone(record)]
        records = [record for record in read.records if record.key not in gone] if gone else read.records
        ends = page.next is None
        yield RecordBatch(
            entity,
            records,
            deleted=gone if since else (),
            resume_from=Cursor(min(latest, now()).isoformat()) if ends and latest else None,
            complete=ends and since is None,
        )


class _Known(msgspec.Struct):
    """The latest stamp, and the numbers of all records there were."""

    at: str = ""
    known: str = ""


def changed_or_gone(
    entity: str,
    rows: Callable[[datetime | None], Iterable[Page]],
    shape: RowShape,
    since: Cursor | None,
    now: Callable[[], datetime],
    count: Callable[[], int],
) -> Iterator[RecordBatch]:
    """What `changed` gives, of records keyed by numbers; where there are not as many as are known, all are read, and who is missing is gone.

    So a deletion and a change of the number are told with the next reading, and no sweep has to be waited for.
    """
    mark = msgspec.json.decode(since, type=_Known) if since else _Known()
    start = datetime.fromisoformat(mark.at) if mark.at else None
    known = unpack(mark.known)
    for batch in changed(entity, rows(start), shape, start, now):
        known.update(int(record.key) for record in batch.records if record.key.isdigit())
        if batch.resume_from is not None:
            mark = _Known(batch.resume_from, pack(known))
        resume = Cursor(msgspec.json.encode(mark).decode()) if batch.resume_from is not None else None
        yield replace(batch, resume_from=resume)
    if since is None or count() == len(known):
        return
    seen = set[int]()
    for page in rows(None):
        records = shape.read(page.rows).records
        seen.update(int(record.key) for record in records if record.key.isdigit())
        yield RecordBatch(entity, records)
    resume = Cursor(msgspec.json.encode(_Known(mark.at, pack(seen))).decode())
    yield RecordBatch(
        entity, (), deleted=[str(number) for number in sorted(known - seen)], resume_from=resume
    )
