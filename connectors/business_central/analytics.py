"""The customer ledger through the query of the Power BI app: a row per detailed entry, made into entries and applications here.

What remains of an entry is the sum of its rows, so a record is the entry with all of them. Whether an application was undone
no row says; a later row of the same two entries with the opposite amount does. [facts: section 4, route C]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import NamedTuple

import msgspec

from connectors.business_central.catalogue import Entity
from connectors.business_central.cursors import Mark
from connectors.business_central.ledger_changes import EntryNumber, LedgerChanges
from connectors.business_central.reading import Reading
from connectors.toolkit.external_sort import ExternalSort
from connectors.toolkit.rows import Fields, spliced
from sync_engine.records import Cursor, RawRecord, RecordBatch, made_up_key

UNDONE_FIELD = "@syncEngine.undoneOn"
"""Added to the row of an application that was undone: the date of the row that undid it."""

_BATCH = 2000
_DIGITS = 11
_DEDUCTIONS = ("Payment_x0020_", "Payment ", "Appln", "Correction")
"""Detailed entry types that settle an entry without money; the mapping decides what each means."""


class _Place(msgspec.Struct, gc=False):
    entry: EntryNumber = msgspec.field(name="cleEntryNo")
    detailed: EntryNumber = msgspec.field(name="dcleEntryNo")


class _Entry(msgspec.Struct):
    entry: EntryNumber = msgspec.field(name="cleEntryNo")


class _Row(msgspec.Struct):
    detailed: EntryNumber = msgspec.field(name="dcleEntryNo")
    kind: str = msgspec.field(name="dcleEntryType", default="")
    amount: Decimal = msgspec.field(name="dcleAmountLCY", default=Decimal(0))
    applied: int = msgspec.field(name="dcleAppliedCustLedgerEntryNo", default=0)
    application: int = msgspec.field(name="dcleApplicationNo", default=0)
    on: str = msgspec.field(name="dclePostingDate", default="")


class _Spooled(NamedTuple):
    """Rows in the order of entries; rows that cannot be used, each a record; the entries that miss one of those."""

    rows: ExternalSort
    odd: list[RawRecord]
    broken: set[int]


_BROKEN = "one of its rows cannot be read"
_ENTRY = Fields(_Entry)


def _entry_of(record: RawRecord) -> int:
    """The entry that a row which cannot be used belongs to; 0 where not even that is known."""
    found = None if record.unreadable else _ENTRY.read(record.payload)
    number = record.key.partition("|")[0]
    return found.entry if found else int(number) if number.isdecimal() and len(number) < _DIGITS else 0


class AnalyticsLedger:
    """Reads `ledgerEntriesGrouped` and `ledgerEntriesAnalytics`; one reading of the query serves both."""

    def __init__(self, reading: Reading) -> None:
        self._reading, self._signal = reading, LedgerChanges(reading)
        self._place, self._row = Fields(_Place), Fields(_Row)
        self._read: tuple[str, _Spooled] | None = None

    def entries(self, entity: Entity, since: Cursor | None) -> Iterator[RecordBatch]:
        """Entries with their rows: all, or none when the ledger has not moved."""
        yield from self._pull(entity, since, _grouped, keep=True)

    def applications(self, entity: Entity, since: Cursor | None) -> Iterator[RecordBatch]:
        """Applications, undone ones marked: all, or none when the ledger has not moved."""
        yield from self._pull(entity, since, self._applications, keep=False)

    def of_customer(self, entity: Entity, number: str) -> list[RawRecord]:
        """Entries or applications of one customer."""
        make = _grouped if entity.reader == "grouped_entries" else self._applications
        condition = f"dcleCustomerNo eq '{number.replace(chr(39), chr(39) * 2)}'"
        return list(self._made(self._spooled(entity, condition), make))

    def _pull(
        self,
        entity: Entity,
        since: Cursor | None,
        make: Callable[[int, list[bytes]], Iterator[RawRecord]],
        *,
        keep: bool,
    ) -> Iterator[RecordBatch]:
        """The state is asked for before the rows, so that what is posted meanwhile is found next time."""
        mark = Mark.read(since)
        read, self._read = self._read, None
        if read is None or keep:
            state = self._signal.state()
            if mark is not None and mark.signal and mark.signal == state:
                yield RecordBatch(entity.name, (), resume_from=since)
                return
            read = state, self._spooled(entity, "")
        state, spooled = read
        if keep:
            self._read = read
        waiting: list[RawRecord] = []
        for record in self._made(spooled, make):
            waiting.append(record)
            if len(waiting) >= _BATCH:
                yield RecordBatch(entity.name, waiting)
                waiting = []
        yield RecordBatch(
            entity.name, waiting, resume_from=Mark(signal=state).write() if state else None, complete=True
        )

    def _spooled(self, entity: Entity, condition: str) -> _Spooled:
        """All rows; those whose entry cannot be told are records by themselves."""
        found = _Spooled(ExternalSort(), [], set())
        for portion in self._reading.where(entity, condition):
            for record in portion.records:
                place = None if record.unreadable else self._place.strict(record.payload)
                if place is not None and place.entry:
                    found.rows.add(place.entry, place.detailed, record.payload)
                else:
                    found.broken.add(_entry_of(record))
                    found.odd.append(
                        record._replace(
                            key=made_up_key(record.payload),
                            unreadable=record.unreadable or "has no number of its ledger entry",
                        )
                    )
        return found

    def _made(
        self, spooled: _Spooled, make: Callable[[int, list[bytes]], Iterator[RawRecord]]
    ) -> Iterator[RawRecord]:
        for entry, rows in spooled.rows.groups():
            records = make(entry, rows)
            yield from (
                (record._replace(unreadable=_BROKEN) for record in records)
                if entry in spooled.broken
                else records
            )
        yield from spooled.odd

    def _applications(self, entry: int, rows: list[bytes]) -> Iterator[RawRecord]:
        """Applications and deductions. Of an application the row on the other entry names both sides; its twin names only itself."""
        standing: dict[int, tuple[_Row, bytes]] = {}
        undone: dict[int, tuple[bytes, str]] = {}
        for payload in rows:
            row = self._row.strict(payload)
            if row is None:
                place = self._place.strict(payload)
                yield RawRecord(
                    f"{entry}|{place.detailed if place else 0}",
                    payload,
                    None,
                    "does not tell what it applies",
                )
                continue
            if row.kind.startswith(_DEDUCTIONS):
                yield RawRecord(f"{entry}|{row.detailed}", payload, None)
                continue
            if row.kind != "Application" or row.applied in (0, entry):
                continue
            before = _undoes(row, standing)
            if before is None:
                standing[row.detailed] = row, payload
            else:
                undone[before] = standing.pop(before)[1], row.on
        for number, (_, payload) in standing.items():
            yield RawRecord(f"{entry}|{number}", payload, None)
        for number, (payload, on) in undone.items():
            yield RawRecord(
                f"{entry}|{number}", spliced(payload, UNDONE_FIELD, msgspec.json.encode(on)), None
            )


def _grouped(entry: int, rows: list[bytes]) -> Iterator[RawRecord]:
    """An entry with its rows in the order of their numbers."""
    yield RawRecord(str(entry), b'{"cleEntryNo":%d,"rows":[' % entry + b",".join(rows) + b"]}", None)


def _undoes(row: _Row, standing: dict[int, tuple[_Row, bytes]]) -> int | None:
    """The latest application that this row takes back; the row may have lost the application's number, its amount it has not."""
    for number in reversed(standing):
        other = standing[number][0]
        same = other.application == row.application or row.application == 0
        if other.applied == row.applied and other.amount == -row.amount and row.amount and same:
            return number
    return None
