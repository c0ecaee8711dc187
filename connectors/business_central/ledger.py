"""Customer ledger entries on a page or an API page: a payment changes what remains, and no stamp of the entry need move.

So reading changes asks for four things: entries that are new (or stamped), all that are open, those that were open last time
and are not any more, and those closed lately. Nothing else of an entry moves. [facts: section 4, routes A and D]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import msgspec

from connectors.business_central.catalogue import Entity
from connectors.business_central.cursors import Mark
from connectors.business_central.ledger_changes import EntryNumber, LedgerChanges
from connectors.business_central.reading import Portion, Reading
from connectors.business_central.row_versions import RowVersions
from connectors.business_central.settings import Settings
from connectors.toolkit.http.errors import Refused
from connectors.toolkit.number_sets import pack, unpack
from connectors.toolkit.odata.query import instant, literal
from connectors.toolkit.rows import Fields
from sync_engine.records import Cursor, RawRecord, RecordBatch

_NUMBERS_BACK = 200
_DAYS_BACK = timedelta(days=14)
_ASKED_AT_ONCE = 40
_CUSTOMERS = 60
"""More customers than this with something new, and reading all open invoices is cheaper."""


@dataclass(frozen=True)
class EntryFields:
    """What the fields are called that reading depends on."""

    entry: str
    open: str
    closed: str
    customer: str

    @classmethod
    def of(cls, entity: Entity, settings: Settings) -> EntryFields:
        """The published page has the names of its columns; an API page has those in the settings."""
        if entity.api == "odata":
            return cls("Entry_No", "Open", "Closed_at_Date", "Customer_No")
        given = settings.ledger.custom.fields if settings.ledger.custom else {}
        return cls(
            given.get("entry", "entryNumber"),
            given.get("open", "open"),
            given.get("closed", "closedAtDate"),
            given.get("customer", "customerNumber"),
        )


@dataclass
class _Seen:
    """What a reading has come across; becomes the next cursor."""

    mark: Mark
    fields: Fields[Any]
    versions: RowVersions
    today: str
    """No closing date after this, the server's tomorrow, moves the mark."""
    is_open: set[int] = field(default_factory=set)
    numbers: set[int] = field(default_factory=set)
    in_order: bool = True

    def note(self, portion: Portion) -> None:
        last = 0
        self.versions.note(portion.records)
        for record in portion.records:
            row = self.fields.read(record.payload)
            if row is None:
                continue
            self.numbers.add(row.entry)
            self.in_order, last = self.in_order and row.entry > last, row.entry
            (self.is_open.add if row.open else self.is_open.discard)(row.entry)
            if self.mark.closed < row.closed <= self.today:
                self.mark.closed = row.closed
            if row.entry > self.mark.entry:
                self.mark.entry = row.entry
        if portion.latest is not None and (self.mark.at is None or portion.latest > self.mark.at):
            self.mark.at = portion.latest

    def cursor(self) -> Cursor:
        self.mark.open = pack(self.is_open)
        self.mark.version = self.versions.safe(self.mark.at, self.mark.version)
        return self.mark.write()


class LedgerReading:
    """Reads `ledgerEntriesPage` or `ledgerEntriesApi`."""

    def __init__(self, reading: Reading, entity: Entity) -> None:
        self._reading, self._entity = reading, entity
        self._names = EntryFields.of(entity, reading.settings)
        row = msgspec.defstruct(
            "Entry",
            [("entry", EntryNumber), ("open", bool | None, None), ("closed", str, "")],
            rename={"entry": self._names.entry, "open": self._names.open, "closed": self._names.closed},
            gc=False,
        )
        self._fields: Fields[Any] = Fields(row)

    def pull(self, since: Cursor | None) -> Iterator[RecordBatch]:
        """Everything in the order of entry numbers, resumable at every batch; or what may have changed."""
        mark = self._reading.mark(self._entity, since)
        yield from self._sweep() if mark is None or mark.closed > self._tomorrow() else self._changes(mark)

    def of_customer(self, number: str) -> Iterator[Portion]:
        """All entries of one customer."""
        return self._reading.where(
            self._entity, f"{self._names.customer} eq '{number.replace(chr(39), chr(39) * 2)}'"
        )

    def _tomorrow(self) -> str:
        return (self._reading.client.server_now() + timedelta(days=1)).date().isoformat()

    def _sweep(self) -> Iterator[RecordBatch]:
        seen = _Seen(Mark(), self._fields, RowVersions(self._entity), self._tomorrow())
        for portion in self._reading.where(self._entity):
            before = seen.mark.entry
            seen.note(portion)
            seen.in_order = seen.in_order and (not portion.records or before == 0 or seen.mark.entry > before)
            resume = (
                seen.cursor() if portion.last or (seen.in_order and self._entity.modified is None) else None
            )
            yield RecordBatch(self._entity.name, portion.records, resume_from=resume, complete=portion.last)

    def _changes(self, mark: Mark) -> Iterator[RecordBatch]:
        names, was_open, closed_from = self._names, unpack(mark.open), _days_before(mark.closed)
        fresh = _Seen(
            Mark(at=mark.at, entry=mark.entry, closed=mark.closed, version=mark.version),
            self._fields,
            RowVersions(self._entity),
            self._tomorrow(),
        )
        for portion in self._reading.where(self._entity, self._new(mark)):
            fresh.note(portion)
            yield self._batch(portion.records)
        now = _Seen(fresh.mark, self._fields, fresh.versions, fresh.today)
        for portion in self._reading.where(self._entity, f"{names.open} eq true"):
            now.note(portion)
            yield self._batch(portion.records)
        for condition in (
            *_one_of(names.entry, (was_open | fresh.is_open) - now.numbers),
            *self._closed_since(closed_from),
        ):
            for portion in self._optional(condition):
                now.note(portion)
                yield self._batch(portion.records)
        yield RecordBatch(self._entity.name, (), resume_from=now.cursor())

    def _new(self, mark: Mark) -> str:
        """New by number, with room for numbers that were given out early and committed late; on an API page by row version or stamp."""
        if self._entity.version and mark.version:
            return f"{self._entity.version} gt {mark.version}"
        if self._entity.modified is not None and mark.at is not None:
            return f"{self._entity.modified} gt {instant(mark.at - self._entity.stream.overlap)}"
        return f"{self._names.entry} gt {max(0, mark.entry - _NUMBERS_BACK)}"

    def _closed_since(self, day: str) -> Sequence[str]:
        return (f"{self._names.closed} ge {day}",) if day else ()

    def _optional(self, condition: str) -> Iterator[Portion]:
        """A tenant's page may hide the closing date: then its filter is refused, and the other three answers must do."""
        try:
            yield from self._reading.where(self._entity, condition)
        except Refused as refusal:
            if refusal.status != 400 or not condition.startswith(self._names.closed):
                raise

    def _batch(self, records: list[RawRecord]) -> RecordBatch:
        return RecordBatch(self._entity.name, records)


def _days_before(day: str) -> str:
    try:
        return (date.fromisoformat(day[:10]) - _DAYS_BACK).isoformat()
    except (ValueError, OverflowError):
        return ""


def _any_of(name: str, texts: set[str]) -> Iterator[str]:
    """The same for texts."""
    ordered = sorted(texts)
    for start in range(0, len(ordered), _ASKED_AT_ONCE // 2):
        yield " or ".join(
            f"{name} eq {literal(text)}" for text in ordered[start : start + _ASKED_AT_ONCE // 2]
        )


def _one_of(name: str, numbers: set[int]) -> Iterator[str]:
    """Filters for some entries: `or` is allowed over one field. [D:webservices/odata-known-limitations.md]"""
    ordered = sorted(numbers)
    for start in range(0, len(ordered), _ASKED_AT_ONCE):
        yield " or ".join(f"{name} eq {number}" for number in ordered[start : start + _ASKED_AT_ONCE])


class OpenInvoices:
    """Invoices that are open now, in few fields: a partial payment moves `remainingAmount` and no stamp. [facts: case 7]"""

    SELECT = (
        "id",
        "number",
        "remainingAmount",
        "status",
        "dueDate",
        "promisedPayDate",
        "disputeStatus",
        "lastModifiedDateTime",
    )

    def __init__(self, reading: Reading, entity: Entity) -> None:
        self._reading, self._entity, self._signal = reading, entity, LedgerChanges(reading)

    def pull(self, since: Cursor | None) -> Iterator[RecordBatch]:
        """All of them: what is missing from the answer is open no more. Where detailed entries tell who moved, only theirs."""
        mark = Mark.read(since)
        moved = self._signal.moved(mark) if mark is not None else None
        if moved is not None and len(moved[0]) <= _CUSTOMERS:
            for condition in _any_of("billToCustomerNumber", moved[0]):
                for portion in self._reading.where(self._entity, condition, select=self._fields()):
                    yield RecordBatch(self._entity.name, portion.records)
            yield RecordBatch(self._entity.name, (), resume_from=moved[1].write())
            return
        now = moved[1] if moved is not None else self._signal.mark()
        for portion in self._reading.where(self._entity, select=self._fields()):
            resume = now.write() if portion.last and now is not None else None
            yield RecordBatch(self._entity.name, portion.records, resume_from=resume, complete=portion.last)

    def _fields(self) -> list[str]:
        known = self._reading.site.metadata
        sure = ("id", "number", "remainingAmount", "status", "dueDate", "lastModifiedDateTime")
        return [
            name for name in self.SELECT if (known.has(self._entity.path, name) if known else name in sure)
        ]
