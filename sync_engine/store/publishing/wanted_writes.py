"""Fills the outbox in the transaction that folds: what a source states otherwise than it was decided, where its YAML lets it be written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sync_engine.ownership.resolve import Claim, Resolved, Resolver
from sync_engine.store.outbox import living
from sync_engine.store.outbox.living import Living, Place, Wanted
from sync_engine.store.publishing.cut import Cut

Written = Mapping[str, Mapping[str, str]]
"""Source -> field -> strategy, of what is written back."""


class WantedWrites:
    """Collects what should be written for the records in a dirty table while they are folded, then brings the outbox up to date.

    The outbox holds the wanted state of a record, not a list of edits: another wish supersedes the one before it, and a wish that the source
    has come to fulfil is settled.
    """

    def __init__(self, cut: Cut, entity: str, dirty: str, written: Written) -> None:
        self._cut, self._entity, self._written = cut, entity, written
        self._living = living.of_dirty(cut.connection, entity, dirty)
        self._said: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._wanted: dict[Place, Wanted] = {}

    def note(self, folded: Iterable[tuple[UUID, Sequence[Claim], Resolved, Resolver]]) -> None:
        """Looks at some folded records."""
        if not self._written and not self._living:
            return
        waiting = {(place.source, place.key) for place in self._living}
        for id_, claims, resolved, resolver in folded:
            for claim in claims:
                if (claim.source, claim.key) in waiting:
                    self._said[claim.source, claim.key] = claim.values
                if (strategies := self._written.get(claim.source)) is not None:
                    self._note(id_, claim, resolver.unsaid(claim, resolved, strategies), strategies)

    def _note(
        self, id_: UUID, claim: Claim, unsaid: Mapping[str, Any], strategies: Mapping[str, str]
    ) -> None:
        for strategy in sorted({strategies[name] for name in unsaid}):
            fields = {name: value for name, value in unsaid.items() if strategies[name] == strategy}
            place = Place(claim.source, self._entity, claim.key, strategy)
            self._wanted[place] = Wanted(id_, fields)

    def settle(self) -> None:
        """Settles what is no longer wanted, supersedes what is wanted otherwise, adds what is new; what stayed keeps its state."""
        if not self._wanted and not self._living:
            return
        there = self._living | living.of_places(self._cut.connection, set(self._wanted) - set(self._living))
        for place, row in there.items():
            wanted = self._wanted.get(place)
            if wanted == row.wanted:
                del self._wanted[place]
                continue
            living.settle(self._cut.connection, row.outbox_id, self._settled(place, row))
        living.add(self._cut.connection, self._wanted)

    def _settled(self, place: Place, row: Living) -> str:
        """How a row ends: delivered where it was sent and the source says it now, or was known to be; else superseded."""
        said = self._said.get((place.source, place.key))
        echoed = said is not None and all(
            _stated(said, name) == (value,) for name, value in row.wanted.fields.items()
        )
        return "delivered" if row.state == "delivered" or (row.attempts and echoed) else "superseded"


def _stated(values: Mapping[str, Any], name: str) -> tuple[Any, ...]:
    if name in values:
        return (values[name],)
    members = values.get("custom") or {}
    member = name.removeprefix("custom.")
    return (members[member],) if name.startswith("custom.") and member in members else ()
