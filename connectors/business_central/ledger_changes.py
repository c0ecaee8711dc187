"""What tells cheaply that the customer ledger moved: reportsFinance lists detailed entries, and every payment adds some.

They do not say which ledger entry they belong to, so they replace no reading, but they say for which customers one is worth
while. [facts: section 4, route B]
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec

from connectors.business_central.catalogue import ENTRIES_FINANCE, Entity
from connectors.business_central.cursors import Mark
from connectors.business_central.reading import Reading
from connectors.toolkit.number_sets import pack, unpack
from connectors.toolkit.odata.pages import cut
from connectors.toolkit.odata.query import Query
from connectors.toolkit.rows import Fields, Row
from sync_engine.errors import PermissionMissing, ProtocolViolation, SourceError

EntryNumber = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
"""The number of a ledger entry: a 32-bit whole number."""
_NUMBERS_BACK = 200
"""Numbers are given out early and may be committed late."""


class _Newest(msgspec.Struct):
    entry: EntryNumber = msgspec.field(name="entryNumber", default=0)
    customer: str = msgspec.field(name="customerNumber", default="")


class LedgerChanges:
    """The state of the customer ledger in three small questions; nothing where reportsFinance does not answer."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._fields = Fields(_Newest)

    @property
    def _detailed(self) -> Entity | None:
        return self._reading.site.signal

    def state(self) -> str:
        """A text that is the same while nothing was posted, applied, undone or edited; empty where it cannot be told."""
        detailed = self._detailed
        if detailed is None:
            return ""
        try:
            newest, edited = self._newest(detailed, "entryNumber"), self._reading.latest(ENTRIES_FINANCE)
            known = self._reading.count(detailed)
        except (SourceError, PermissionMissing):
            return ""
        return "" if known is None or (known and edited is None) else f"{newest.entry}/{known}/{edited}"

    def _newest(self, entity: Entity, order: str) -> _Newest:
        url = self._reading.site.url(entity, Query(orderby=f"{order} desc", top=1))
        rows = cut(
            self._reading.client.get(url, key=entity.name).body,
            whose=self._reading.client.whose,
            key=entity.name,
        ).rows
        return self._understood(rows[0], entity) if rows else _Newest()

    def _understood(self, row: Row | bytes, entity: Entity) -> _Newest:
        """An odd entry may be anybody's: then nothing can be told."""
        found = self._fields.strict(row)
        if found is None:
            raise ProtocolViolation(
                "an entry cannot be read", whose=self._reading.client.whose, key=entity.name
            )
        return found

    def mark(self) -> Mark | None:
        """Where the detailed entries stand now, with the numbers seen lately; None where they cannot be asked."""
        detailed = self._detailed
        if detailed is None:
            return None
        try:
            last = self._newest(detailed, "entryNumber").entry
            return Mark(entry=last, open=pack({row.entry for row in self._since(detailed, last)}))
        except SourceError:
            return None

    def moved(self, mark: Mark) -> tuple[set[str], Mark] | None:
        """Numbers of the customers with detailed entries that `mark` has not seen, and the next mark; None where it cannot be told."""
        detailed = self._detailed
        if detailed is None:
            return None
        seen, customers, lately, last = unpack(mark.open), set(), set(), mark.entry
        try:
            for row in self._since(detailed, mark.entry):
                lately.add(row.entry)
                last = max(last, row.entry)
                if row.entry not in seen:
                    customers.add(row.customer)
        except SourceError:
            return None
        return customers, Mark(
            entry=last, open=pack({number for number in lately if number > last - _NUMBERS_BACK})
        )

    def _since(self, detailed: Entity, last: int) -> Iterator[_Newest]:
        for portion in self._reading.where(detailed, f"entryNumber gt {max(0, last - _NUMBERS_BACK)}"):
            for record in portion.records:
                yield self._understood(record.payload, detailed)
