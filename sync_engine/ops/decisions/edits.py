"""The edits of one operation: decision rows as they were and as they will be, each later step seeing what the earlier ones came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection

from sync_engine.ops.decisions import operations as ops
from sync_engine.ops.decisions.names import survivor
from sync_engine.store.decisions import rows as decisions
from sync_engine.store.decisions.rows import Edit, Kind, Row
from sync_engine.store.queries import lookups


class Vetoed(NamedTuple):
    """A link that is not made, and why."""

    entity: str
    source: str
    key: str
    record: str
    why: str


@dataclass(slots=True)
class Decided:
    """The edits of one operation. `touched` are canonical records to fold again besides those whose links move."""

    edits: dict[tuple[Kind, tuple[str, ...]], Edit] = field(default_factory=dict)
    vetoed: list[Vetoed] = field(default_factory=list)
    touched: set[tuple[str, str]] = field(default_factory=set)
    automatic: ops.GoAutomatic | None = None
    undoes: str | None = None
    coming: dict[tuple[str, str], set[tuple[str, str]]] = field(default_factory=dict)
    """(entity, canonical record) -> the (source, key) that edits so far moved to it; `link_now` knows whether they stayed."""

    def put(
        self,
        connection: Connection,
        kind: Kind,
        key: tuple[str, ...],
        after: Row | None,
        before: Row | None = None,
    ) -> None:
        """Adds an edit; two edits of one row become one."""
        if (earlier := self.edits.get((kind, key))) is not None:
            self.edits[kind, key] = earlier._replace(after=after)
            return
        self.edits[kind, key] = Edit(
            kind,
            key,
            before if before is not None else decisions.read(connection, kind, [key]).get(key),
            after,
        )

    def link_now(self, connection: Connection, key: tuple[str, ...]) -> Row | None:
        """The link row as it will be after the edits so far."""
        return self.now(connection, "link", key)

    def linked_now(self, connection: Connection, entity: str, canonical: str) -> list[tuple[str, ...]]:
        """The keys of links to a canonical record, as it will be after the edits so far: what one file says first, its next row must know."""
        moved = {(entity, *key) for key in self.coming.get((entity, canonical), ())}
        keys = sorted(moved | set(decisions.keys_linked_to(connection, entity, canonical)))
        return [
            k
            for k in keys
            if ("link", k) not in self.edits or canonical_of(self.edits["link", k].after) == canonical
        ]

    def now(self, connection: Connection, kind: Kind, key: tuple[str, ...]) -> Row | None:
        """A decision row as it will be after the edits so far."""
        return (
            self.edits[kind, key].after
            if (kind, key) in self.edits
            else decisions.read(connection, kind, [key]).get(key)
        )

    def becomes(self, entity: str, canonical: str) -> str:
        """The record one is merged into by the edits so far, or itself."""
        while (
            edit := self.edits.get(("merged", (entity, canonical)))
        ) is not None and edit.after is not None:
            canonical = str(edit.after["merged_into"])
        return canonical

    def stands_for(self, connection: Connection, entity: str, canonical: str) -> str | None:
        """The record one will count for after the edits so far: itself or what it became. None where merges would go in a circle."""
        seen = {canonical}
        while (row := self.now(connection, "merged", (entity, canonical))) is not None:
            canonical = str(row["merged_into"])
            if canonical in seen:
                return None
            seen.add(canonical)
        return canonical

    def parted(self, connection: Connection) -> set[tuple[str, str]]:
        """Whom the records that are merged or parted here counted for before, and whom they will: all that was said about them goes along."""
        found: set[tuple[str, str]] = set()
        for kind, (entity, *key) in self.edits:
            if kind == "merged":
                [record] = key
                after = self.stands_for(connection, entity, record)
                found |= {(entity, i) for i in (record, survivor(connection, entity, record), after) if i}
        return found


def canonical_of(row: Row | None) -> str | None:
    """The canonical record a link row means."""
    return None if row is None else str(row["canonical_id"])


def move(
    connection: Connection,
    decided: Decided,
    key: tuple[str, ...],
    to: str | None,
    rule: str,
    details: dict[str, Any] | None = None,
) -> None:
    """The link row of one record, pinned. Its contacts' links by rule are the rules' again, unless everything around them moves along."""
    before = decided.link_now(connection, key)
    after = (
        None
        if to is None
        else {
            "canonical_id": to,
            "method": "manual",
            "rule": rule,
            "confidence": 1.0,
            "evidence": details,
            "pinned": True,
        }
    )
    decided.put(connection, "link", key, after, before)
    if to is not None:
        decided.coming.setdefault((key[0], to), set()).add((key[1], key[2]))
    if key[0] == "debtor" and rule != "merge":
        contacts = [("contact", key[1], c) for c in lookups.contacts_of(connection, key[1], key[2])]
        for contact, row in decisions.read(connection, "link", contacts).items():
            if not row["pinned"] and (row["method"] == "rule" or to is None):
                decided.put(connection, "link", contact, None, row)
