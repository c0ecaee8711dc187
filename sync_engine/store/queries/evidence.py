"""Everything behind one canonical record: the row, the claims of its linked source records, what a person pinned."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from sync_engine.store.db import fetch

TABLES = {"debtor": "number", "contact": "number", "document": "external_no"}
"""What can be explained, and the column of its human number."""


class Found(NamedTuple):
    """A record that fits what a person typed."""

    id: UUID
    number: str | None
    label: str
    is_deleted: bool


class PinnedValue(NamedTuple):
    """A value a person set."""

    value: Any
    by: str
    at: datetime
    until: str | None
    reason: str | None


class Explained(NamedTuple):
    """One field of a record, as `canonical.explained` has it."""

    field: str
    stored_as: str
    value: Any
    master: str | None
    rule: str
    mode: str | None
    pinned: PinnedValue | None


class Said(NamedTuple):
    """What one source record claims about one field now; `linked_at` is None where no link is needed."""

    field: str
    source: str
    wire_entity: str
    key: str
    value: Any
    said_at: datetime | None
    linked_at: datetime | None
    is_deleted: bool


def find(connection: Connection, entity: str, key: str, *, merged_away: bool = False) -> list[Found]:
    """Records that `key` names: by id, else by an ERP's id, else by number, else by exact name or e-mail. Live ones first.

    `merged_away` looks among the debtors or contacts that were merged into another one, and only there.
    """
    only = "AND merged_into IS NOT NULL" if merged_away else ""
    number = TABLES[entity]
    label = {
        "debtor": "concat_ws(' ', number, name)",
        "contact": "concat_ws(' ', number, full_name)",
        "document": "concat_ws(' ', replace(kind, '_', ' '), external_no)",
    }[entity]
    linked = (
        f"id IN (SELECT canonical_id FROM canonical.link WHERE entity = '{entity}' AND external_id = :key)"
        if entity != "document"
        else "external_id = :key"
    )
    named = {
        "debtor": "lower(name) = lower(:key)",
        "contact": "lower(full_name) = lower(:key) OR email_normalised = lower(:key)",
        "document": "external_no = :key",
    }[entity]
    for condition in ("CAST(id AS text) = lower(:key)", linked, f"{number} = :key", named):
        rows = fetch(
            connection,
            f"""
            SELECT id, {number}, {label}, deleted_at IS NOT NULL FROM canonical.{entity} WHERE ({condition}) {only} ORDER BY deleted_at IS NOT NULL, 3 LIMIT 20
            """,
            key=key,
        )
        if rows:
            return [Found(*r) for r in rows]
    return []


def explained(connection: Connection, entity: str, record_id: UUID) -> list[Explained]:
    """Every field of a record, in the order people know them; figures exact, dates and instants as text."""
    rows = fetch(
        connection,
        """
        SELECT x.field, x.stored_as, CAST(x.value AS text), x.master, x.rule, x.mode, x.pinned_value, x.pinned_by, x.pinned_at, x.pinned_until, x.pinned_because
        FROM canonical.explained x WHERE x.entity = :entity AND x.record_id = :id
        """,
        entity=entity,
        id=record_id,
    )
    return [
        Explained(
            field,
            stored_as,
            _exact(value),
            master,
            rule,
            mode,
            None if by is None else PinnedValue(pinned, by, *when_and_why),
        )
        for field, stored_as, value, master, rule, mode, pinned, by, *when_and_why in rows
    ]


def said_about(connection: Connection, entity: str, record_id: UUID) -> list[Said]:
    """The claims of every linked source record, sources in their order, facets after the stream that defines the record."""
    rows = fetch(
        connection,
        """
        SELECT field, source, wire_entity, external_id, CAST(said AS text), said_at, linked_at, is_deleted FROM canonical.field_claim
        WHERE entity = :entity AND record_id = :id ORDER BY source_order, source, external_id, facet, rank
        """,
        entity=entity,
        id=record_id,
    )
    return [
        Said(field, source, wire, key, _exact(said), at, linked, gone)
        for field, source, wire, key, said, at, linked, gone in rows
    ]


def _exact(value: str | None) -> Any:
    """A stored JSON value; a figure keeps every digit."""
    return None if value is None else json.loads(value, parse_float=Decimal)


def links_of(connection: Connection, entity: str, record_id: UUID) -> list[tuple[str, str]]:
    """(source, key) of the source records a canonical record is made of."""
    if entity == "document":
        rows = fetch(
            connection, "SELECT source, external_id FROM canonical.document WHERE id = :id", id=record_id
        )
    else:
        rows = fetch(
            connection,
            """
            SELECT l.source, l.external_id FROM canonical.link l JOIN engine.source o USING (source) WHERE l.entity = :entity AND l.canonical_id = :id
            ORDER BY o.position, 1, 2
            """,
            entity=entity,
            id=record_id,
        )
    return [(str(s), str(k)) for s, k in rows]


def ledger_entries(connection: Connection, record_id: UUID) -> list[dict[str, Any]]:
    """What the ledger last said about a document."""
    return [
        dict(r[0])
        for r in fetch(
            connection,
            """
        SELECT jsonb_strip_nulls(to_jsonb(e) - 'record_id') FROM engine.ledger_entry e WHERE record_id = :id ORDER BY entry_no
        """,
            id=record_id,
        )
    ]


def waiting(connection: Connection, entity: str, record_id: UUID) -> list[dict[str, Any]]:
    """Write-back that was not answered yet."""
    return [
        dict(r[0])
        for r in fetch(
            connection,
            """
        SELECT to_jsonb(x) FROM (
            SELECT source, wanted, state, answer, made_at FROM engine.outbox
            WHERE entity = :entity AND canonical_id = :id AND settled_at IS NULL ORDER BY outbox_id) x
        """,
            entity=entity,
            id=record_id,
        )
    ]
