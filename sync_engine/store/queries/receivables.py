"""What the canonical store says about receivables: portfolios, positions, ageing, what changed, the certificate. Read from its views."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from sync_engine.store.db import fetch


class PortfolioLine(NamedTuple):
    """A portfolio, used or not, and what its debtors owe in the source's base currency. `code` is None for unassigned.

    `balance` and `overdue` are None when an item of theirs has no booked base amount: the sum is not known then.
    """

    source: str | None
    portfolio: str
    code: str | None
    archived: bool
    debtors: int
    balance: Decimal | None
    overdue: Decimal | None
    currency: str | None


class PositionLine(NamedTuple):
    """A position with the titles it was made from."""

    position: str
    contacts: int
    debtors: int
    titles: list[str]


class AgeingLine(NamedTuple):
    """One currency of one source: open amounts by bucket, credits apart; the same in base currency, None where that is not known."""

    source: str
    currency: str
    base_currency: str | None
    buckets: dict[str, Decimal]
    unapplied: Decimal
    balance: Decimal
    buckets_base: dict[str, Decimal | None]
    unapplied_base: Decimal | None
    balance_base: Decimal | None


class Change(NamedTuple):
    """A row of the change feed, with the record named as people name it."""

    seq: int
    at: datetime
    entity: str
    record_id: UUID
    record: str | None
    op: str
    field: str | None
    old: Any
    new: Any
    actor: str
    cut_id: int | None
    reason: str | None


class CheckLine(NamedTuple):
    """One check of a certificate."""

    check: str
    title: str
    verdict: str
    source_value: str | None
    canonical_value: str | None
    difference: str | None
    detail: dict[str, Any] | None


class CutLine(NamedTuple):
    """A cut and its grade (None when it was not certified). `money_tied` is None where the source claims no money."""

    cut_id: int
    source: str
    as_of: datetime
    published_at: datetime
    grade: str | None
    holds: int
    breaks: int
    not_answerable: int
    answered: int | None
    checked: int | None
    money_tied: bool | None


def portfolios(connection: Connection, source: str | None = None) -> list[PortfolioLine]:
    """Every portfolio with the number of its debtors and their balance, the empty ones too; the unassigned last."""
    rows = fetch(
        connection,
        """
        SELECT m.source, m.portfolio, m.code, bool_or(m.archived_at IS NOT NULL), count(m.debtor_id),
               CASE WHEN bool_and(b.debtor_id IS NULL OR b.balance IS NOT NULL) THEN coalesce(sum(b.balance), 0) END,
               CASE WHEN bool_and(b.debtor_id IS NULL OR b.overdue IS NOT NULL) THEN coalesce(sum(b.overdue), 0) END, min(b.currency)
        FROM canonical.portfolio_members m
        LEFT JOIN (
            SELECT debtor_id, CASE WHEN bool_and(balance_base IS NOT NULL) THEN sum(balance_base) END AS balance,
                CASE WHEN bool_and(overdue_base IS NOT NULL) THEN sum(overdue_base) END AS overdue, min(base_currency) AS currency
            FROM canonical.debtor_balance GROUP BY debtor_id) b ON b.debtor_id = m.debtor_id
        WHERE CAST(:source AS text) IS NULL OR m.source IS NULL OR m.source = :source
        GROUP BY m.source, m.portfolio_id, m.portfolio, m.code ORDER BY m.portfolio_id IS NULL, m.source, m.code
        """,
        source=source,
    )
    return [PortfolioLine(*r) for r in rows]


def positions(connection: Connection) -> list[PositionLine]:
    """Positions somebody holds, the most frequent first."""
    return [
        PositionLine(r[0], r[1], r[2], list(r[3] or ()))
        for r in fetch(
            connection,
            """
        SELECT position, n_contacts, n_debtors, titles FROM canonical.positions_in_use ORDER BY n_contacts DESC, position
        """,
        )
    ]


def ageing(connection: Connection, source: str | None = None) -> list[AgeingLine]:
    """A line per source and currency."""
    rows = fetch(
        connection,
        """
        SELECT source, currency, base_currency, bucket, position IS NULL, open_amount, unapplied, open_amount_base, unapplied_base FROM canonical.ageing_summary
        WHERE CAST(:source AS text) IS NULL OR source = :source ORDER BY source, currency NULLS FIRST, position NULLS LAST
        """,
        source=source,
    )
    lines: dict[tuple[str, str | None], AgeingLine] = {}
    for owner, currency, base, bucket, is_credit, amount, credit, amount_base, credit_base in rows:
        zero = Decimal(0)
        line = lines.get((owner, currency)) or AgeingLine(
            owner, currency or base or "", base, {}, zero, zero, {}, zero, zero
        )
        if is_credit:
            line = line._replace(unapplied=credit, unapplied_base=credit_base)
        else:
            line.buckets[bucket], line.buckets_base[bucket] = amount, amount_base
        is_known = None not in (line.balance_base, amount_base, credit_base)
        base_now = line.balance_base + amount_base - credit_base if is_known else None
        lines[owner, currency] = line._replace(balance=line.balance + amount - credit, balance_base=base_now)
    return list(lines.values())


_NAMED = """
    CASE c.entity
        WHEN 'debtor' THEN (SELECT concat_ws(' ', d.number, d.name) FROM canonical.debtor d WHERE d.id = c.record_id)
        WHEN 'contact' THEN (SELECT coalesce(k.full_name, k.number) FROM canonical.contact k WHERE k.id = c.record_id)
        WHEN 'document' THEN (SELECT concat_ws(' ', replace(o.kind, '_', ' '), o.external_no) FROM canonical.document o WHERE o.id = c.record_id)
        WHEN 'payment' THEN (SELECT concat_ws(' ', p.kind, p.external_no) FROM canonical.payment p WHERE p.id = c.record_id)
        WHEN 'portfolio' THEN (SELECT f.name FROM canonical.portfolio f WHERE f.id = c.record_id)
        WHEN 'dimension_value' THEN (SELECT concat_ws(' ', v.code, v.name) FROM canonical.dimension_value v WHERE v.id = c.record_id)
        WHEN 'application' THEN (SELECT concat_ws(' ', a.amount, a.currency) FROM canonical.application a WHERE a.id = c.record_id)
    END
"""


def last_seq(connection: Connection) -> int:
    """The newest place of the change feed."""
    return int(fetch(connection, "SELECT coalesce(max(seq), 0) FROM canonical.change")[0][0])


def changes_since(connection: Connection, seq: int, limit: int = 1000) -> list[Change]:
    """The change feed after a place, as a poller reads it, with references named."""
    rows = fetch(
        connection,
        f"""
        SELECT c.seq, c.at, c.entity, c.record_id, {_NAMED}, c.op, c.field, c.old, c.new, c.actor, c.cut_id, c.reason
        FROM canonical.change c WHERE c.seq > :seq ORDER BY c.seq LIMIT :limit
        """,
        seq=seq,
        limit=limit,
    )
    return [_named(connection, Change(*r)) for r in rows]


def history(connection: Connection, record_id: UUID, field: str | None = None) -> list[Change]:
    """What changed about one record, oldest first; of one field when one is named."""
    rows = fetch(
        connection,
        f"""
        SELECT c.seq, c.at, c.entity, c.record_id, {_NAMED}, c.op, c.field, c.old, c.new, c.actor, c.cut_id, c.reason
        FROM canonical.change c WHERE c.record_id = :id AND (CAST(:field AS text) IS NULL OR c.field = :field OR c.field IS NULL) ORDER BY c.seq
        """,
        id=record_id,
        field=field,
    )
    return [_named(connection, Change(*r)) for r in rows]


REFERENCES = {
    "portfolio_id": ("portfolio", "name"),
    "owner_id": ("account_owner", "name"),
    "parent_id": ("debtor", "name"),
    "ultimate_parent_id": ("debtor", "name"),
    "debtor_id": ("debtor", "concat_ws(' ', number, name)"),
    "position_id": ("contact_position", "name"),
    "company_id": ("company", "name"),
    "group_id": ("debtor_group", "name"),
    "dimension_id": ("dimension", "code"),
    "dimension_value_id": ("dimension_value", "concat_ws(' ', code, name)"),
}
"""Columns that hold an id, and how the record they mean is named."""


def name_of(connection: Connection, field: str | None, value: Any) -> Any:
    """What a stored value means to a person: a name where the field holds an id, the value itself otherwise."""
    if field not in REFERENCES or value is None:
        return value
    table, expression = REFERENCES[field]
    rows = fetch(
        connection, f"SELECT {expression} FROM canonical.{table} WHERE id = CAST(:id AS uuid)", id=str(value)
    )
    return rows[0][0] if rows and rows[0][0] else value


def _named(connection: Connection, change: Change) -> Change:
    return change._replace(
        old=name_of(connection, change.field, change.old), new=name_of(connection, change.field, change.new)
    )


def cut_lines(
    connection: Connection, *, source: str | None = None, cut_id: int | None = None
) -> list[CutLine]:
    """The cut asked for, or the last cut of every source, or of one."""
    rows = fetch(
        connection,
        """
        SELECT c.cut_id, c.source, c.as_of, c.published_at, g.grade, coalesce(g.n_hold, 0), coalesce(g.n_break, 0), coalesce(g.n_not_answerable, 0),
               g.n_answered, g.n_checks, g.money_tied
        FROM canonical.cut c LEFT JOIN canonical.cut_grade g USING (cut_id)
        WHERE CASE WHEN CAST(:cut AS bigint) IS NOT NULL THEN c.cut_id = :cut
                   ELSE c.cut_id IN (SELECT cut_id FROM canonical.last_cut) AND (CAST(:source AS text) IS NULL OR c.source = :source) END
        ORDER BY c.source, c.cut_id
        """,
        source=source,
        cut=cut_id,
    )
    return [CutLine(*r) for r in rows]


def checks(connection: Connection, cut_id: int) -> list[CheckLine]:
    """The checks of one cut, C1 before C10."""
    rows = fetch(
        connection,
        """
        SELECT "check", title, verdict, source_value, canonical_value, difference, detail FROM canonical.certificate WHERE cut_id = :cut
        ORDER BY length("check"), "check"
        """,
        cut=cut_id,
    )
    return [CheckLine(*r) for r in rows]
