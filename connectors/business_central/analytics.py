"""The customer ledger through the query of the Power BI app: a row per detailed entry, made into entries and applications here.

What remains of an entry is the sum of its rows, so a record is the entry with all of them. Whether an application was undone
no row says; a later row of the same two entries with the opposite amount does. [facts: section 4, route C]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

import msgspec

from connectors.business_central.catalogue import Entity
from connectors.business_central.cursors import Mark
from connectors.business_central.reading import Reading, spliced
from connectors.business_central.signal import Signal
from connectors.business_central.spool import Spool
from sync_engine.records import Cursor, RawRecord, RecordBatch

UNDONE_FIELD = "@syncEngine.undoneOn"
"""Added to the row of an application that was undone: the date of the row that undid it."""

_BATCH = 2000
_DEDUCTIONS = ("Payment_x0020_", "Payment ", "Appln", "Correction")
"""Detailed entry types that settle an entry without money; the mapping decides what each means."""


class _Place(msgspec.Struct, gc=False):
    entry: int = msgspec.field(name="cleEntryNo")
    detailed: int = msgspec.field(name="dcleEntryNo")


class _Row(msgspec.Struct):
    detailed: int = msgspec.field(name="dcleEntryNo")
    kind: str = msgspec.field(name="dcleEntryType", default="")
    amount: Decimal = msgspec.field(name="dcleAmountLCY", default=Decimal(0))
    applied: int = msgspec.field(name="dcleAppliedCustLedgerEntryNo", default=0)
    application: int = msgspec.field(name="dcleApplicationNo", default=0)
    on: str = msgspec.field(name="dclePostingDate", default="")


class AnalyticsLedger:
    """Reads `ledgerEntriesGrouped` and `ledgerEntriesAnalytics`; one reading of the query serves both."""

    def __init__(self, reading: Reading) -> None:
        self._reading, self._signal = reading, Signal(reading)
        self._place, self._row = msgspec.json.Decoder(_Place), msgspec.json.Decoder(_Row)
        self._read: tuple[str, Spool] | None = None

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
        return [record for group, rows in self._spooled(entity, condition).groups() for record in make(group, rows)]

    def _pull(
        self, entity: Entity, since: Cursor | None, make: Callable[[int, list[bytes]], Iterator[RawRecord]], *, keep: bool,
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
        state, spool = read
        if keep:
            self._read = read
        waiting: list[RawRecord] = []
        for group, rows in spool.groups():
            waiting += make(group, rows)
            if len(waiting) >= _BATCH:
                yield RecordBatch(entity.name, waiting)
                waiting = []
        yield RecordBatch(entity.name, waiting, resume_from=Mark(signal=state).write() if state else None, complete=True)

    def _spooled(self, entity: Entity, condition: str) -> Spool:
        """Rows whose entry cannot be told come under number 0, which no entry has."""
        spool, odd = Spool(), 0
        for portion in self._reading.where(entity, condition):
            for record in portion.records:
                try:
                    place = self._place.decode(record.payload)
                    spool.add(place.entry, place.detailed, record.payload)
                except msgspec.MsgspecError:
                    spool.add(0, odd := odd + 1, record.payload)
        return spool

    def _applications(self, entry: int, rows: list[bytes]) -> Iterator[RawRecord]:
        """Applications and deductions. Of an application the row on the other entry names both sides; its twin names only itself."""
        standing: dict[int, tuple[_Row, bytes]] = {}
        undone: dict[int, tuple[bytes, str]] = {}
        for payload in rows:
            try:
                row = self._row.decode(payload)
            except msgspec.MsgspecError:
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
            yield RawRecord(f"{entry}|{number}", spliced(payload, UNDONE_FIELD, msgspec.json.encode(on)), None)


def _grouped(entry: int, rows: list[bytes]) -> Iterator[RawRecord]:
    """An entry with its rows in the order of their numbers; odd rows (entry 0) one by one, each to be looked at alone."""
    if entry == 0:
        for number, row in enumerate(rows):
            yield RawRecord(f"0|{number}", b'{"cleEntryNo":0,"rows":[' + row + b"]}", None)
        return
    yield RawRecord(str(entry), b'{"cleEntryNo":%d,"rows":[' % entry + b",".join(rows) + b"]}", None)


def _undoes(row: _Row, standing: dict[int, tuple[_Row, bytes]]) -> int | None:
    """The latest application that this row takes back; the row may have lost the application's number, its amount it has not."""
    for number in reversed(standing):
        other = standing[number][0]
        same = other.application == row.application or row.application == 0
        if other.applied == row.applied and other.amount == -row.amount and row.amount and same:
            return number
    return None
