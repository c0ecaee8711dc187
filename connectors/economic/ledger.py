"""Booked entries of customers, and which of them settled which."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from connectors.economic import filters
from connectors.economic.catalogue import Entity
from connectors.economic.reading import SETTLED, Reading
from connectors.toolkit.open_items import NUMBERS_BACK, Mark, OpenItems
from connectors.toolkit.pagination import Page
from connectors.toolkit.rows import Fields, spliced
from connectors.toolkit.settlements import settle
from sync_engine.errors import ProtocolViolation
from sync_engine.records import Cursor, RawRecord, RecordBatch


class _Entry(msgspec.Struct):
    number: int = msgspec.field(name="entryNumber")
    remainder: Decimal | None = None


class _Pair(msgspec.Struct):
    """The amounts in base currency are called so whatever currency that is."""

    paying: int = msgspec.field(name="fromEntry")
    owing: int = msgspec.field(name="toEntry")
    paid: Decimal = msgspec.field(name="fromEntryAmount")
    paid_base: Decimal = msgspec.field(name="fromEntryAmountDKK")
    owed: Decimal = msgspec.field(name="toEntryAmount")
    owed_base: Decimal = msgspec.field(name="toEntryAmountDKK")


_ENTRY, _PAIR = Fields(_Entry), Fields(_Pair)
_OPEN = "remainder$ne:0"


class Ledger:
    """The entries on accounts of receivables."""

    def __init__(self, reading: Reading, entries: Entity, accounts: set[int]) -> None:
        self._reading, self._entries = reading, entries
        self._accounts = ",".join(map(str, sorted(accounts)))

    @property
    def owed(self) -> str:
        """What makes an entry one of a customer's account: the revenue of its invoices may name the customer too."""
        return filters.both("customerNumber$gt:0", f"accountNumber$in:[{self._accounts}]")

    def pull(self, since: Cursor | None) -> Iterator[RecordBatch]:
        """All entries by number, or what may have changed; all of them where the accounts are others than before."""
        mark = Mark.read(since, self._accounts)
        conditions = [self.owed]
        if mark is not None:
            newer = filters.where("entryNumber", "gt", max(0, mark.last - NUMBERS_BACK))
            conditions = [filters.both(self.owed, part) for part in (newer, _OPEN)]
        found = OpenItems(self._rows, self._entries.shape, _ENTRY)
        for records in found.read(conditions, mark, lambda numbers: filters.one_of("entryNumber", numbers)):
            yield RecordBatch(self._entries.name, records)
        yield RecordBatch(
            self._entries.name, (), resume_from=found.cursor(self._accounts), complete=since is None
        )

    def _rows(self, condition: str) -> Iterator[Page]:
        return self._reading.rows(self._entries, condition)

    def pairs(self, entity: Entity) -> Iterator[RecordBatch]:
        """All pairs, each with what it settled: the pair itself names its entries and their whole amounts only."""
        rest = {
            entry.number: entry.remainder
            for page in self._rows(filters.both(self.owed, _OPEN))
            for entry in _ENTRY.all(page.rows)
            if entry.remainder is not None
        }
        records, pairs = list[RawRecord](), list[_Pair]()
        for page in self._reading.rows(entity):
            records += entity.shape.read(page.rows).records
            for row in page.rows:
                pair = _PAIR.strict(row)
                if pair is None:
                    what = "a pair cannot be read"
                    raise ProtocolViolation(what, whose=self._reading.source, key=entity.name)
                pairs.append(pair)
        made = [
            record._replace(payload=spliced(record.payload, SETTLED, msgspec.json.encode(settled)))
            for record, settled in zip(records, settle(pairs, rest), strict=True)
        ]
        yield RecordBatch(entity.name, made, complete=True)
