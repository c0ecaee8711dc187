"""Booked entries of customers, and which of them settled which.

An entry never changes but for its remainder, and nothing marks that. So reading changes asks for the entries that are new, for all
that are open, and for those that were open before and are not any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from connectors.economic import filters
from connectors.economic.catalogue import Entity
from connectors.economic.matching import Pair, settle
from connectors.economic.reading import SETTLED, Reading
from connectors.toolkit.number_sets import pack, unpack
from connectors.toolkit.rows import Fields, spliced
from sync_engine.errors import ProtocolViolation
from sync_engine.records import Cursor, RawRecord, RecordBatch

_NUMBERS_BACK = 200
"""Numbers are given out early and may be committed late."""


class Mark(msgspec.Struct):
    """Where the entries stand: the last number, the accounts they were read of, and which of them were open."""

    last: int = 0
    accounts: tuple[int, ...] = ()
    open: str = ""


class _Entry(msgspec.Struct):
    number: int = msgspec.field(name="entryNumber")
    remainder: Decimal | None = None


_ENTRY, _PAIR = Fields(_Entry), Fields(Pair)


class Ledger:
    """Reads the entries on accounts of receivables."""

    def __init__(self, reading: Reading, accounts: tuple[int, ...]) -> None:
        self._reading, self._accounts = reading, accounts

    @property
    def owed(self) -> str:
        """What makes an entry one of a customer's account: the revenue of its invoices may name the customer too."""
        listed = ",".join(map(str, self._accounts))
        return filters.both("customerNumber$gt:0", f"accountNumber$in:[{listed}]")

    def pull(self, entity: Entity, since: Cursor | None) -> Iterator[RecordBatch]:
        """All entries in the order of their numbers, or what may have changed; all where the accounts are others than before."""
        mark = msgspec.json.decode(since, type=Mark) if since else Mark()
        if not since or mark.accounts != self._accounts:
            yield from self._parts(entity, [self.owed], Mark(), set(), complete=since is None)
            return
        new = filters.where("entryNumber", "gt", max(0, mark.last - _NUMBERS_BACK))
        conditions = (filters.both(self.owed, new), filters.both(self.owed, "remainder$ne:0"))
        yield from self._parts(entity, conditions, mark, unpack(mark.open), complete=False)

    def _parts(
        self,
        entity: Entity,
        conditions: list[str] | tuple[str, ...],
        mark: Mark,
        was_open: set[int],
        *,
        complete: bool,
    ) -> Iterator[RecordBatch]:
        is_open, seen, last = set[int](), set[int](), mark.last
        looked_up = False
        waiting = list(conditions)
        while waiting:
            for page in self._reading.rows(entity, waiting.pop(0)):
                records = entity.shape.read(page.rows).records
                for found in _ENTRY.all(page.rows):
                    seen.add(found.number)
                    last = max(last, found.number)
                    (is_open.add if found.remainder else is_open.discard)(found.number)
                yield RecordBatch(entity.name, records)
            if not waiting and not looked_up:
                looked_up = True
                waiting += filters.one_of("entryNumber", was_open - seen)
        now = Mark(last, self._accounts, pack(is_open))
        yield RecordBatch(
            entity.name, (), resume_from=Cursor(msgspec.json.encode(now).decode()), complete=complete
        )

    def pairs(self, entity: Entity, entries: Entity, condition: str = "") -> Iterator[list[RawRecord]]:
        """All pairs, each with what it settled: the pair itself names its entries and their whole amounts only."""
        rest = dict[int, Decimal]()
        for page in self._reading.rows(entries, filters.both(self.owed, "remainder$ne:0")):
            rest |= {e.number: e.remainder for e in _ENTRY.all(page.rows) if e.remainder is not None}
        records, pairs = list[RawRecord](), list[Pair]()
        for page in self._reading.rows(entity, condition):
            records += entity.shape.read(page.rows).records
            for row in page.rows:
                pair = _PAIR.strict(row)
                if pair is None:
                    raise ProtocolViolation(
                        "a pair cannot be read", whose=self._reading.source, key=entity.name
                    )
                pairs.append(pair)
        yield [
            record._replace(payload=spliced(record.payload, SETTLED, msgspec.json.encode(settled)))
            for record, settled in zip(records, settle(pairs, rest), strict=True)
        ]
