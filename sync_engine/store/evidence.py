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
    label: str
    is_deleted: bool


class Said(NamedTuple):
    """What one source record claims now."""

    source: str
    role: str
    entity: str
    key: str
    linked_at: datetime
    said_at: datetime
    values: dict[str, Any]
    is_deleted: bool
    state: int


class PinnedValue(NamedTuple):
    """A value a person set."""

    field: str
    value: Any
    by: str
    at: datetime
    until: str | None
    reason: str | None


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
        f"id IN (SELECT canonical_id FROM canonical.link WHERE entity = '{entity}' AND external_id = :key)" if entity != "document" else "external_id = :key"
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
            SELECT id, {label}, deleted_at IS NOT NULL FROM canonical.{entity} WHERE ({condition}) {only} ORDER BY deleted_at IS NOT NULL, 2 LIMIT 20
            """,
            key=key,
        )
        if rows:
            return [Found(*r) for r in rows]
    return []


def row_of(connection: Connection, entity: str, record_id: UUID) -> dict[str, Any]:
    """The canonical row: figures exact, dates and instants as text."""
    text = fetch(connection, f"SELECT CAST(to_jsonb(x) AS text) FROM canonical.{entity} x WHERE id = :id", id=record_id)[0][0]
    found: dict[str, Any] = json.loads(text, parse_float=Decimal)
    return found


def said_about(connection: Connection, entity: str, record_id: UUID) -> list[Said]:
    """The claims of every linked source record, facets after the stream that defines the record."""
    rows = fetch(
        connection,
        """
        SELECT l.source, o.role, s.entity, l.external_id, l.decided_at, r.changed_at, r.claim, r.deleted_at IS NOT NULL, r.state
        FROM canonical.link l
        JOIN engine.source o ON o.source = l.source
        JOIN engine.stream s ON s.source = l.source AND s.canonical = l.entity
        JOIN engine.source_record r ON r.stream_id = s.stream_id AND r.key = l.external_id AND r.claim IS NOT NULL
        WHERE l.entity = :entity AND l.canonical_id = :id ORDER BY o.position, l.source, l.external_id, s.facet, s.rank
        """,
        entity=entity,
        id=record_id,
    )
    return [Said(*r) for r in rows]


def portfolio_said(connection: Connection, record_id: UUID) -> list[tuple[str, str, str | None]]:
    """(source, key of the default dimension, code of the value) of each source's chosen dimension: what the portfolio is derived from."""
    rows = fetch(
        connection,
        """
        SELECT x.source, x.external_id, v.code FROM canonical.debtor_dimension x
        JOIN canonical.dimension d ON d.id = x.dimension_id JOIN engine.source o ON o.source = x.source AND o.config -> 'portfolio' ->> 'dimension' = d.code
        LEFT JOIN canonical.dimension_value v ON v.id = x.dimension_value_id
        WHERE x.debtor_id = :id AND x.deleted_at IS NULL ORDER BY x.source, x.external_id
        """,
        id=record_id,
    )
    return [(str(s), str(k), None if c is None else str(c)) for s, k, c in rows]


def pinned(connection: Connection, entity: str, record_id: UUID) -> list[PinnedValue]:
    """Values people set by hand."""
    return [
        PinnedValue(*r)
        for r in fetch(
            connection,
            """
        SELECT field, value, pinned_by, pinned_at, until, reason FROM engine.pin WHERE entity = :entity AND canonical_id = :id ORDER BY field
        """,
            entity=entity,
            id=record_id,
        )
    ]


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
            WHERE entity = :entity AND canonical_id = :id AND state IN ('pending', 'refused') ORDER BY outbox_id) x
        """,
            entity=entity,
            id=record_id,
        )
    ]
