"""Explain: a value, its master, the rule that made it master, every claim, what people pinned, and how it came to be."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Engine

from sync_engine.canonical.contact import CONTACT
from sync_engine.canonical.debtor import DEBTOR
from sync_engine.canonical.document import DOCUMENT
from sync_engine.canonical.fields import Field
from sync_engine.errors import AmbiguousMatch, ConfigurationError
from sync_engine.ownership import Policy, Rule
from sync_engine.store import evidence
from sync_engine.store.db import transaction
from sync_engine.store.reports import Change, history, name_of

Entity = Literal["debtor", "contact", "document"]
FIELDS: dict[Entity, tuple[Field, ...]] = {"debtor": DEBTOR, "contact": CONTACT, "document": DOCUMENT}
ONE_MASTER = "one master: the source it came from"


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
    """One record with its fields; `links` are the source records it is made of."""

    entity: Entity
    id: UUID
    label: str
    is_deleted: bool
    links: list[tuple[str, str]]
    fields: list[FieldStory]
    history: list[Change]
    ledger: list[dict[str, Any]]
    waiting: list[dict[str, Any]]


def explain(store: Engine, policy: Policy, entity: Entity, key: str, field: str | None = None) -> Story:
    """Everything known about a record, or about one field of it.

    Raises ConfigurationError for an unknown record or field, AmbiguousMatch when the key means several records.
    """
    with transaction(store, f"explaining a {entity}") as connection:
        found = _one(evidence.find(connection, entity, key), entity, key)
        chosen = _chosen(entity, field)
        said = evidence.said_about(connection, entity, found.id)
        row = evidence.row_of(connection, entity, found.id)
        pins = {p.field: p for p in evidence.pinned(connection, entity, found.id)}
        changes = history(connection, found.id)
        derived = evidence.portfolio_said(connection, found.id) if entity == "debtor" else []
        stories = [
            FieldStory(
                f.stored_as,
                row.get(f.stored_as),
                name_of(connection, f.stored_as, row.get(f.stored_as)),
                _master(row, f),
                _rule(policy, entity, f),
                _claims(connection, f, said, derived, _master(row, f)),
                pins.get(f.name),
                [c for c in changes if c.field == f.stored_as],
            )
            for f in chosen
            if field is not None or (f.stored_as in row and (row[f.stored_as] is not None or any(f.name in s.values for s in said)))
        ]
        links = list(dict.fromkeys((s.source, s.key) for s in said)) or [(str(row["source"]), str(row["external_id"]))] if entity == "document" or said else []
        ledger = evidence.ledger_entries(connection, found.id) if entity == "document" else []
        return Story(entity, found.id, found.label, found.is_deleted, links, stories, changes, ledger, evidence.waiting(connection, entity, found.id))


def _one(found: list[evidence.Found], entity: str, key: str) -> evidence.Found:
    living = [f for f in found if not f.is_deleted] or found
    if not living:
        raise ConfigurationError(
            f"there is no {entity} of this number, name or id", key=key, todo="Numbers are compared as the ERP writes them, leading zeros too."
        )
    if len(living) > 1:
        raise AmbiguousMatch(whose=entity, key=key, rung="what you typed", candidates=[f"{f.label} ({f.id})" for f in living])
    return living[0]


def _chosen(entity: Entity, field: str | None) -> tuple[Field, ...]:
    if field is None:
        return FIELDS[entity]
    fits = tuple(f for f in FIELDS[entity] if field in (f.name, f.stored_as, f.stored_as.removesuffix("_id"), f.name.removesuffix("_key")))
    if not fits:
        raise ConfigurationError(f"a {entity} has no field {field!r}", todo=f"It has: {', '.join(sorted(f.stored_as for f in FIELDS[entity]))}.")
    return fits


def _master(row: dict[str, Any], field: Field) -> str | None:
    if "provenance" not in row:
        return str(row["source"])
    found = row["provenance"].get(field.stored_as)
    return None if found is None else str(found)


def _rule(policy: Policy, entity: Entity, field: Field) -> str:
    if entity == "document":
        return ONE_MASTER
    return told(policy.rule_for(entity, field.name, field.group), field)


def told(rule: Rule, field: Field) -> str:
    """A rule in words: how it is read, who is believed before whom, and why it is the one for this field."""
    mode = "" if rule.mode == "master" else f"{rule.mode}: "
    why = " (named)" if field.name in rule.fields else f" (group {field.group})" if field.group in rule.groups else ""
    return f"{mode}{' > '.join(rule.ranking)}{why}"


def _claims(connection: Connection, field: Field, said: list[evidence.Said], derived: list[tuple[str, str, str | None]], master: str | None) -> list[ClaimOf]:
    claims = [
        ClaimOf(s.source, s.entity, s.key, s.values[field.name], s.said_at, s.source == master and not s.is_deleted) for s in said if field.name in s.values
    ]
    if field.name == "portfolio_key":
        claims += [ClaimOf(source, "the dimension value on the card", key, code, None, source == master) for source, key, code in derived]
    return claims
