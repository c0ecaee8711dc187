"""Ledger entries that never change but for what remains of them, and nothing marks that.

So reading changes asks for the entries that are new, for all that are open, and for those that were open before and are not any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from connectors.toolkit.number_sets import pack, unpack
from connectors.toolkit.pagination import Page
from connectors.toolkit.rows import Fields, RowShape
from sync_engine.records import Cursor, RawRecord

NUMBERS_BACK = 200
"""Numbers are given out early and may be committed late."""


class Item(Protocol):
    """What is looked at of an entry."""

    number: int
    remainder: Decimal | None


class Mark(msgspec.Struct):
    """Where a ledger stands: the highest number, which entries were open, and `of`: what else has to be the same to go on from here."""

    last: int = 0
    open: str = ""
    of: str = ""

    @classmethod
    def read(cls, cursor: Cursor | None, of: str = "") -> Mark | None:
        """The mark in a cursor; None where there is none, or it is of something else: then everything is read."""
        mark = msgspec.json.decode(cursor, type=cls) if cursor else None
        return mark if mark is not None and mark.of == of else None


@dataclass
class OpenItems:
    """Reads entries by `rows(condition)`, and remembers the highest number and which of them are open."""

    rows: Callable[[str], Iterator[Page]]
    shape: RowShape
    fields: Fields[Any]
    last: int = 0
    is_open: set[int] = field(default_factory=set)

    def read(
        self, conditions: Iterable[str], before: Mark | None, these: Callable[[set[int]], Iterable[str]]
    ) -> Iterator[list[RawRecord]]:
        """The entries of these conditions, then those that were open `before` and were not among them, by the conditions of `these`."""
        seen, was_open = set[int](), unpack(before.open) if before else set[int]()
        self.last = before.last if before else 0
        for condition in conditions:
            yield from self._noted(condition, seen)
        for condition in these(was_open - seen):
            yield from self._noted(condition, seen)

    def _noted(self, condition: str, seen: set[int]) -> Iterator[list[RawRecord]]:
        for page in self.rows(condition):
            items: Iterator[Item] = self.fields.all(page.rows)
            for found in items:
                seen.add(found.number)
                self.last = max(self.last, found.number)
                (self.is_open.add if found.remainder else self.is_open.discard)(found.number)
            yield self.shape.read(page.rows).records

    def cursor(self, of: str = "") -> Cursor:
        """The mark of all that was read."""
        return Cursor(msgspec.json.encode(Mark(self.last, pack(self.is_open), of)).decode())
