"""Explain: a value, its master, the rule that made it master, every claim, what people pinned, and how it came to be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Engine

from sync_engine.canonical.by_hand import MEMBER
from sync_engine.errors import AmbiguousMatch, ConfigurationError
from sync_engine.ops.decisions.names import survivor
from sync_engine.store.db import transaction
from sync_engine.store.queries import evidence
from sync_engine.store.queries.receivables import Change, history, name_of

Entity = Literal["debtor", "contact", "document"]
EVER = datetime.max.replace(tzinfo=UTC)


class ClaimOf(NamedTuple):
    """What one source record says about one field; `entity` is the wire entity that said it."""

    source: str
    entity: str
    key: str
    value: Any
    said_at: datetime | None
    believed: bool


class FieldStory(NamedTuple):
    """One field: `value` as stored, `shown` as people name it (a portfolio's name for its id)."""

    field: str
    value: Any
    shown: Any
    master: str | None
    rule: str
    claims: list[ClaimOf]
    pinned: evidence.PinnedValue | None
    history: list[Change]


class Story(NamedTuple):
    """One record with its fields; `links` are the source records it is made of, `merged_into` what it became when it was merged away."""

    entity: Entity
    id: UUID
    label: str
    is_deleted: bool
    links: list[tuple[str, str]]
    fields: list[FieldStory]
    history: list[Change]
    ledger: list[dict[str, Any]]
    waiting: list[dict[str, Any]]
    merged_into: str | None = None


def explain(store: Engine, entity: Entity, key: str, field: str | None = None) -> Story:
    """Everything known about a record, or about one field of it; the same as the views `canonical.explained` and `field_claim`.

    Raises ConfigurationError for an unknown record or field, AmbiguousMatch when the key means several records.
    """
    with transaction(store, f"explaining a {entity}") as connection:
        found = _one(evidence.find(connection, entity, key), entity, key)
        known = evidence.explained(connection, entity, found.id)
        said = evidence.said_about(connection, entity, found.id)
        changes = history(connection, found.id)
        stories = [
            _story(connection, one, claims, changes)
            for one in _chosen(entity, known, field)
            for claims in [[s for s in said if s.field == one.field]]
            if field is not None or one.value is not None or claims
        ]
        ledger = evidence.ledger_entries(connection, found.id) if entity == "document" else []
        links = evidence.links_of(connection, entity, found.id)
        waiting = evidence.waiting(connection, entity, found.id)
        return Story(
            entity,
            found.id,
            found.label,
            found.is_deleted,
            links,
            stories,
            changes,
            ledger,
            waiting,
            _became(connection, entity, found),
        )


def _became(connection: Connection, entity: Entity, found: evidence.Found) -> str | None:
    """The record a merged one stands in now, as people name it."""
    if (
        not found.is_deleted
        or entity == "document"
        or (into := survivor(connection, entity, str(found.id))) == str(found.id)
    ):
        return None
    return evidence.find(connection, entity, into)[0].label


def _one(found: list[evidence.Found], entity: str, key: str) -> evidence.Found:
    living = [f for f in found if not f.is_deleted] or found
    if not living:
        raise ConfigurationError(
            f"there is no {entity} of this number, name or id",
            key=key,
            todo="Numbers are compared as the ERP writes them, leading zeros too.",
        )
    if len(living) > 1:
        raise AmbiguousMatch(
            whose=entity, key=key, rung="what you typed", candidates=[f"{f.label} ({f.id})" for f in living]
        )
    return living[0]


def _chosen(entity: Entity, known: list[evidence.Explained], field: str | None) -> list[evidence.Explained]:
    if field is None:
        return known
    if MEMBER.fullmatch(field):
        field = "custom"
    fits = [
        f
        for f in known
        if field in (f.field, f.stored_as, f.stored_as.removesuffix("_id"), f.field.removesuffix("_key"))
    ]
    if not fits:
        raise ConfigurationError(
            f"a {entity} has no field {field!r}",
            todo=f"It has: {', '.join(sorted(f.stored_as for f in known))}.",
        )
    return fits


def _story(
    connection: Connection, one: evidence.Explained, said: list[evidence.Said], changes: list[Change]
) -> FieldStory:
    believed = _believed(one, said)
    claims = sorted(
        (ClaimOf(s.source, s.wire_entity, s.key, s.value, s.said_at, s in believed) for s in said),
        key=lambda c: not c.believed,
    )
    shown = name_of(connection, one.stored_as, one.value)
    return FieldStory(one.stored_as, one.value, shown, one.master, one.rule, claims, one.pinned, [
        c for c in changes if c.field in (one.stored_as, one.field) or (one.field == "custom" and MEMBER.fullmatch(c.field or ""))
    ])  # fmt: skip


def _believed(one: evidence.Explained, said: list[evidence.Said]) -> list[evidence.Said]:
    """The claim that became the value; of sets, those of every member. Of one source the older link counts, of one record what it says first."""
    masters = (one.master or "").split("+")
    fitting = [s for s in said if s.source in masters and not s.is_deleted]
    if one.mode == "union" or len(masters) > 1:
        return fitting
    fitting.sort(key=lambda s: (s.linked_at or EVER, s.key))
    filled = [s for s in fitting if s.value is not None]
    of_one_record = [s for s in filled if s.key == fitting[0].key]
    return (filled if one.mode == "if_empty" else of_one_record)[:1] or fitting[:1]
