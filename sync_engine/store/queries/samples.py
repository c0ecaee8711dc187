"""Records that suit a demonstration: an invoice worth paying in part, a contact to retitle, one to delete, a debtor to move."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection

from sync_engine.store.db import fetch


class Picks(NamedTuple):
    """What a demonstration changes, named as people and as the ERP name it."""

    debtor: str
    debtor_name: str
    invoice: str
    open_amount: Decimal
    currency: str
    portfolio_code: str
    portfolio: str
    moving: str
    moving_name: str
    moving_from: str
    to_code: str
    to_portfolio: str
    contact_id: str
    contact: str
    title: str
    leaving_id: str
    leaving: str


def picks(connection: Connection, source: str) -> Picks | None:
    """The same picks for the same data; None where the data does not offer them all."""
    rows = fetch(
        connection,
        """
        WITH invoice AS (
            SELECT i.debtor_number, i.debtor_name, i.number, i.open_amount, coalesce(i.currency, i.base_currency) AS currency, i.debtor_id
            FROM canonical.open_items i
            WHERE i.source = :source AND i.kind = 'invoice' AND NOT i.is_credit
              AND coalesce(i.currency, i.base_currency) = i.base_currency AND i.open_amount = i.total AND i.days_late > 0
            ORDER BY i.open_amount DESC, i.number LIMIT 1),
        members AS (
            SELECT p.id, p.code, p.name, count(d.id) AS n
            FROM canonical.portfolio p LEFT JOIN canonical.debtor d ON d.portfolio_id = p.id AND d.deleted_at IS NULL
            WHERE p.source = :source AND p.archived_at IS NULL GROUP BY p.id, p.code, p.name),
        largest AS (SELECT * FROM members ORDER BY n DESC, code LIMIT 1),
        emptiest AS (SELECT * FROM members ORDER BY n, code LIMIT 1),
        moving AS (
            SELECT d.number, d.name, g.name AS portfolio FROM canonical.debtor d JOIN largest g ON g.id = d.portfolio_id
            WHERE d.deleted_at IS NULL AND d.status = 'active' AND d.id NOT IN (SELECT debtor_id FROM invoice) ORDER BY d.number LIMIT 1),
        people AS (
            SELECT l.external_id, k.full_name, q.name AS position, row_number() OVER (ORDER BY k.number) AS place
            FROM canonical.contact k JOIN canonical.contact_position q ON q.id = k.position_id
            JOIN canonical.link l ON l.entity = 'contact' AND l.canonical_id = k.id AND l.source = :source
            WHERE k.deleted_at IS NULL AND k.full_name IS NOT NULL)
        SELECT i.debtor_number, i.debtor_name, i.number, i.open_amount, i.currency, g.code, g.name, m.number, m.name, m.portfolio, e.code, e.name,
               a.external_id, a.full_name, a.position, b.external_id, b.full_name
        FROM invoice i, largest g, emptiest e, moving m, people a, people b WHERE a.place = 1 AND b.place = 2
        """,
        source=source,
    )
    return Picks(*rows[0]) if rows else None
