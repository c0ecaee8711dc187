"""What is in quarantine by its cause: a record that cannot be used, or a debtor nobody knows, with everything that waits for it.

A debtor in quarantine and the invoices and ledger entries that wait for it are one story, told once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection

from sync_engine.store.db import fetch

EXCLUDED = 2
WORDS = {
    "document": ("document", "documents"),
    "ledger_entry": ("ledger entry", "ledger entries"),
    "payment": ("payment", "payments"),
    "application": ("application", "applications"),
}


class Cause(NamedTuple):
    """One thing to mend. `quarantine_id` is None where the cause is not a quarantined record, but one that is not known or excluded.

    `waiting` counts the quarantined records that wait for it, by canonical entity; `amounts` is what they (or, where none waits, the
    record itself) are open with, per currency, credits deducted: of their ledger entries where they have any, else of the documents.
    """

    quarantine_id: int | None
    source: str
    entity: str
    key: str
    stage: str
    error: str
    message: str
    attempts: int
    since: datetime
    retry_requested: bool
    is_excluded: bool
    waiting: Mapping[str, int]
    amounts: Mapping[str, Decimal]

    @property
    def records(self) -> int:
        """Quarantined records this story is about."""
        return sum(self.waiting.values()) + (self.quarantine_id is not None)

    @property
    def waits(self) -> str:
        """`3 documents of EUR 1,234.00`; empty where nothing waits."""
        return f"{self.waiting_records}{self.money}" if self.waiting else ""

    @property
    def waiting_records(self) -> str:
        """`3 documents and 1 ledger entry`."""
        return " and ".join(
            f"{n:,} {WORDS.get(entity, (entity, entity))[n != 1]}"
            for entity, n in sorted(self.waiting.items())
        )

    @property
    def money(self) -> str:
        """` of EUR 1,234.00`, where an amount is known."""
        return f" of {listed_money(self.amounts)}" if self.amounts else ""

    @property
    def sentence(self) -> str:
        """Why, and what waits for it, in one line."""
        if not self.waiting:
            return self.message
        verb = "waits" if sum(self.waiting.values()) == 1 else "wait"
        return f"{self.message.rstrip('.')}. So {self.waits} {verb}."


def listed_money(amounts: Mapping[str, Decimal]) -> str:
    """`EUR 1,234.00, USD 5.00`."""
    return ", ".join(f"{currency} {amount:,.2f}".strip() for currency, amount in sorted(amounts.items()))


def causes(
    connection: Connection, source: str | None = None, entity: str | None = None, limit: int | None = None
) -> list[Cause]:
    """What there is to mend, what most records wait for first, then the oldest.

    `entity` (a wire entity or family) chooses stories that a record of it is part of, as cause or as one that waits.
    """
    asked = {"source": source, "entity": entity, "limit": limit}
    rows = fetch(
        connection,
        f"""
        {_TOLD}, grouped AS (
            SELECT source, parent_entity, parent_key, sum(n) AS n, min(first_at) AS first_at, bool_or(retry) AS retry, max(attempts) AS attempts,
                   bool_or(chosen) AS chosen, jsonb_agg(jsonb_build_array(canonical, currency, n, amount)) AS parts
            FROM (
                SELECT source, canonical, parent_entity, parent_key, currency, count(*) AS n, CAST(sum(amount) AS text) AS amount, min(first_at) AS first_at,
                       bool_or(retry_requested) AS retry, max(attempts) AS attempts, bool_or(chosen) AS chosen
                FROM told WHERE parent_key IS NOT NULL GROUP BY source, canonical, parent_entity, parent_key, currency) x
            GROUP BY source, parent_entity, parent_key
        ), rooted AS (
            SELECT t.quarantine_id, t.source, t.entity, t.key, t.stage, t.error, t.message, t.attempts, t.first_at, t.retry_requested, false AS is_excluded,
                   coalesce(g.n, 0) AS n, g.parts, t.currency, CAST(t.amount AS text) AS amount, t.chosen OR coalesce(g.chosen, false) AS chosen
            FROM told t
            LEFT JOIN grouped g ON NOT t.facet AND g.source = t.source AND g.parent_entity = t.canonical AND g.parent_key = t.key
            WHERE t.parent_key IS NULL
            UNION ALL
            SELECT NULL, g.source, g.parent_entity, g.parent_key, 'publish', 'ParentMissing',
                   g.source || ' ' || g.parent_entity || ' ' || g.parent_key || CASE WHEN p.state = {EXCLUDED} THEN ': is excluded (' || p.reason || ')'
                       ELSE ': is not known; nobody has read it yet, or the source no longer has it' END,
                   g.attempts, g.first_at, g.retry, coalesce(p.state = {EXCLUDED}, false), g.n, g.parts, NULL, NULL, g.chosen
            FROM grouped g
            LEFT JOIN LATERAL (
                SELECT r.state, r.reason FROM engine.stream s JOIN engine.source_record r USING (stream_id)
                WHERE s.source = g.source AND s.canonical = g.parent_entity AND NOT s.facet AND r.key = g.parent_key AND r.deleted_at IS NULL LIMIT 1) p ON true
            WHERE NOT EXISTS (SELECT FROM told t WHERE t.parent_key IS NULL AND NOT t.facet AND t.source = g.source AND t.canonical = g.parent_entity
                AND t.key = g.parent_key)
        )
        SELECT quarantine_id, source, entity, key, stage, error, message, attempts, first_at, retry_requested, is_excluded, parts, currency, amount
        FROM rooted WHERE chosen ORDER BY n DESC, first_at, quarantine_id, key LIMIT :limit
        """,
        **asked,
    )
    return [_cause(row) for row in rows]


_TOLD = """
    WITH told AS (
        SELECT q.quarantine_id, q.key, q.stage, q.error, q.message, q.attempts, q.first_at, q.retry_requested, q.amount,
               coalesce(q.currency, b.base_currency) AS currency, q.parent_entity, coalesce(n.key, q.parent_key) AS parent_key,
               t.source, t.entity, t.canonical, t.facet, coalesce(t.entity = :entity OR t.family = :entity, CAST(:entity AS text) IS NULL) AS chosen
        FROM engine.quarantine q JOIN engine.stream t USING (stream_id)
        LEFT JOIN canonical.source_base_currency b ON b.source = t.source
        LEFT JOIN (
            SELECT s.source, s.canonical, p.number, min(p.key) AS key FROM engine.quarantine p JOIN engine.stream s USING (stream_id)
            WHERE NOT s.facet AND p.number IS NOT NULL GROUP BY 1, 2, 3
        ) n ON n.source = t.source AND n.canonical = q.parent_entity AND n.number = q.parent_key
        WHERE CAST(:source AS text) IS NULL OR t.source = :source
    )"""
"""Ledgers may name a debtor by its number: where a quarantined one has that, it is the one."""


def _cause(row: Any) -> Cause:
    *_, parts, currency, amount = row
    waiting: dict[str, int] = {}
    amounts: dict[str, dict[str, Decimal]] = {}
    for canonical, unit, n, money in parts or ():
        waiting[canonical] = waiting.get(canonical, 0) + n
        if money is not None:
            amounts.setdefault(canonical, {})[unit or ""] = Decimal(money)
    own = {currency or "": Decimal(amount)} if amount is not None and not waiting else {}
    return Cause._make(
        (*tuple(row)[:-3], waiting, amounts.get("ledger_entry") or amounts.get("document") or own)
    )
