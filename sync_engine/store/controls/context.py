"""What the checks stand on: the cut, the stated totals, and the open items as canonical has them now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from sync_engine.errors import StoreError
from sync_engine.records import ControlTotal
from sync_engine.store.db import fetch, run_sql, tell_planner
from sync_engine.store.temporary import CONTROL_LEDGER, CONTROL_OPEN

LIVE_DOCUMENT = """d.deleted_at IS NULL AND d.erp_status IS DISTINCT FROM 'draft'
    AND (d.erp_status IS DISTINCT FROM 'void' OR d.entry_no IS NOT NULL AND d.open_amount <> 0)"""
"""Drafts are not owed, and what was cancelled is not, unless the ledger says that it is: un-applying what cancelled it opens it again."""


class Opened(NamedTuple):
    """What is open in one currency: its balance, debits and credits added up (`gross`), the balance in base currency (of those items that
    have one), items, and items without a base amount.

    Of the items of documents: how many, how many of them are a document's first, and whether one differs from what its document says.
    """

    effect: Decimal
    gross: Decimal
    effect_base: Decimal
    items: int
    unvalued: int
    parts: int
    first_parts: int
    differs: bool


@dataclass(frozen=True, slots=True)
class Ground:
    """One cut under examination.

    `unanswered` names wire entities whose totals could not be asked, and why. `ledger` is true when the source hands over
    ledger entries with remaining amounts: then its own ledger, as received, is a figure to compare with. `claims_money`: every ERP
    does, and any other source that hands over documents or entries or states what is open. `allowed_missing` is a share, 0 to 1.
    `opened`: what is open per currency, once the open items are collected.
    """

    connection: Connection
    source: str
    cut_id: int
    run_id: UUID
    ledger_date: date
    base_currency: str | None
    totals: Sequence[ControlTotal]
    unanswered: Mapping[str, str]
    ledger: bool
    not_read: frozenset[str] = field(default=frozenset())
    claims_money: bool = True
    allowed_missing: float = 0.0
    opened: Mapping[str, Opened] = field(default_factory=dict)

    def balances(self) -> dict[str, Decimal]:
        """What is open per currency, credits taken off."""
        return {currency: opened.effect for currency, opened in self.opened.items()}

    def rows(self, statement: str, **values: object) -> list[tuple[object, ...]]:
        """All rows of one statement; :source is bound where it is named."""
        return fetch(
            self.connection,
            statement,
            **({"source": self.source} if ":source" in statement else {}),
            **values,
        )

    def stated(self, name: str) -> list[ControlTotal]:
        """The totals of one name, each key and currency once."""
        found: dict[tuple[str, str, str], ControlTotal] = {}
        for total in self.totals:
            if total.name == name:
                found[total.entity if name == "count" else "", total.key, total.currency] = total
        return list(found.values())

    def why_not(self, what: str) -> str:
        """The sentence for a check that cannot be answered."""
        if self.unanswered:
            entity, reason = next(iter(self.unanswered.items()))
            return f"The source could not be asked about {entity}: {reason}"
        return f"The source states no {what}."


def survey(
    connection: Connection,
    source: str,
    run_id: UUID,
    cut_id: int,
    totals: Sequence[ControlTotal],
    unanswered: Mapping[str, str],
    allowed_missing: float = 0.0,
) -> Ground:
    """Reads the cut. Raises StoreError for an unknown cut."""
    cuts = fetch(
        connection,
        "SELECT ledger_date FROM canonical.cut WHERE cut_id = :cut AND source = :source",
        cut=cut_id,
        source=source,
    )
    if not cuts:
        raise StoreError(f"there is no cut {cut_id}", whose=source, todo="Publish first.")
    base = fetch(
        connection,
        "SELECT base_currency FROM canonical.source_base_currency WHERE source = :source",
        source=source,
    )
    failed = fetch(
        connection,
        """
        SELECT DISTINCT entity FROM engine.run_step WHERE run_id = :run AND stage = 'pull' AND outcome <> 'succeeded'
        """,
        run=run_id,
    )
    currency = base[0][0] if base else None
    hands_over_money = fetch(
        connection,
        """
        SELECT coalesce((SELECT role = 'erp' FROM engine.source WHERE source = :source), true)
            OR EXISTS (SELECT FROM engine.stream WHERE source = :source AND canonical IN ('document', 'ledger_entry', 'payment', 'application'))
        """,
        source=source,
    )[0][0]
    return Ground(
        connection,
        source,
        cut_id,
        run_id,
        cuts[0][0],
        currency,
        totals,
        unanswered,
        False,
        frozenset(r[0] for r in failed),
        claims_money=hands_over_money or any(t.name != "count" for t in totals),
        allowed_missing=allowed_missing,
    )


def take_room(connection: Connection) -> None:
    """Memory to group a whole ledger by record, until the transaction ends; parallel workers would only double the groups."""
    connection.exec_driver_sql("SET LOCAL work_mem = '128MB'; SET LOCAL max_parallel_workers_per_gather = 0")


def collect_open_items(ground: Ground) -> Ground:
    """Puts the source's own open entries into temporary table control_ledger and adds up the open items; the ground with both.

    The items themselves go into control_open only where some check compares them one by one, see `list_open_items`.
    """
    run_sql(ground.connection, "DROP TABLE IF EXISTS pg_temp.control_open")
    ledger = _collect_open_entries(ground.connection, ground.source, ground.base_currency)
    if ledger or any(total.name != "count" for total in ground.totals):
        list_open_items(ground)
        return replace(ground, ledger=ledger, opened=_add_up(ground, "control_open"))
    return replace(
        ground, ledger=ledger, opened=_add_up(ground, f"({_OPEN_ITEMS})", base=ground.base_currency)
    )


_OPEN_ITEMS = f"""
    SELECT d.id, d.external_id, d.external_no, i.entry AS entry_no, d.debtor_key, d.kind, coalesce(d.currency, :base, '') AS currency,
           s.sign * i.open_amount AS effect,
           s.sign * coalesce(i.open_amount_base, CASE WHEN d.currency IS NULL OR d.currency = :base THEN i.open_amount END) AS effect_base,
           coalesce(i.due_date, d.posting_date, d.issue_date) AS ages_from, d.open_amount AS whole, i.number
    FROM canonical.document d JOIN canonical.instalment i ON i.document_id = d.id AND i.deleted_at IS NULL
    CROSS JOIN LATERAL (SELECT CASE WHEN d.kind = 'credit_note' THEN -1 ELSE 1 END AS sign) s
    WHERE d.source = :source AND i.open_amount <> 0 AND {LIVE_DOCUMENT}
    UNION ALL
    SELECT p.id, p.external_id, p.external_no, p.entry_no, p.debtor_key, p.kind, coalesce(p.currency, :base, ''), s.sign * p.unapplied_amount,
           s.sign * coalesce(p.unapplied_amount_base, CASE WHEN p.currency IS NULL OR p.currency = :base THEN p.unapplied_amount END), p.payment_date, NULL,
           NULL
    FROM canonical.payment p CROSS JOIN LATERAL (SELECT CASE WHEN p.kind = 'refund' THEN 1 ELSE -1 END AS sign) s
    WHERE p.source = :source AND p.unapplied_amount <> 0 AND p.deleted_at IS NULL
"""
"""Open items as of the cut, signed: what each instalment adds to the balance, in document currency and in booked base currency.

`whole`: what its document says is open of it in all; null for a payment.
"""


def list_open_items(ground: Ground) -> None:
    """Puts the open items into temporary table control_open, where they are not there yet."""
    if ground.rows("SELECT to_regclass('pg_temp.control_open')")[0][0] is not None:
        return
    run_sql(
        ground.connection,
        CONTROL_OPEN.create_as(_OPEN_ITEMS),
        source=ground.source,
        base=ground.base_currency,
    )
    tell_planner(ground.connection, "control_open")


def _add_up(ground: Ground, items: str, **values: object) -> dict[str, Opened]:
    """Sums of open items per currency, all in one pass: the checks compare them with different figures."""
    rows = ground.rows(
        f"""
        SELECT currency, sum(effect), sum(abs(effect)), sum(effect_base), count(*), count(*) FILTER (WHERE effect_base IS NULL),
               count(*) FILTER (WHERE whole <> 0), count(*) FILTER (WHERE whole <> 0 AND number = 1),
               coalesce(bool_or(abs(effect) <> abs(whole)) FILTER (WHERE whole <> 0), false)
        FROM {items} o GROUP BY currency ORDER BY currency
        """,
        **values,
    )
    return {str(currency): _opened(figures) for currency, *figures in rows}


def _opened(figures: Sequence[object]) -> Opened:
    effect, gross, effect_base, items, unvalued, parts, first_parts, differs = figures
    n_items, n_unvalued, n_parts, n_first = (int(str(n)) for n in (items, unvalued, parts, first_parts))
    return Opened(
        decimal(effect),
        decimal(gross),
        decimal(effect_base),
        n_items,
        n_unvalued,
        n_parts,
        n_first,
        bool(differs),
    )


def _collect_open_entries(connection: Connection, source: str, base: str | None) -> bool:
    """The open entries of the source's own ledger, as received, into control_ledger; false when it has none that tell what remains."""
    run_sql(connection, "DROP TABLE IF EXISTS pg_temp.control_ledger")
    run_sql(
        connection,
        CONTROL_LEDGER.create_as("""
        SELECT entry_no, document_no, debtor_key, coalesce(currency, :base, '') AS currency, remaining, remaining_base, record_id
        FROM engine.ledger_entry WHERE source = :source AND remaining IS DISTINCT FROM 0
        """),
        source=source,
        base=base,
    )
    tell_planner(connection, "control_ledger")
    rows = fetch(
        connection,
        """
        SELECT EXISTS (SELECT FROM engine.ledger_entry WHERE source = :source) AND NOT EXISTS (SELECT FROM control_ledger WHERE remaining IS NULL)
        """,
        source=source,
    )
    return bool(rows[0][0])


def decimal(value: object) -> Decimal:
    """A numeric of a row; nothing counts as nought."""
    return Decimal(0) if value is None else Decimal(str(value))
