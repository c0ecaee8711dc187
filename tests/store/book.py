"""A small book of one source in the store, and what a certificate says of it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sync_engine.records import ControlTotal
from sync_engine.store.controls import Certificate, Check, reconcile
from tests.store.ledger_rows import Rows

T = date(2025, 5, 23)
RUN = UUID(int=1)
ENTITIES = {
    "customers": "debtor",
    "salesInvoices": "document",
    "ledgerEntries": "ledger_entry",
    "applications": "application",
}


class Book(Rows):
    """A ledger with the source records and ledger entries it was made from: true as long as nobody tampers with it."""

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        self._entries = 0
        self.rows(
            "INSERT INTO engine.source (source, connector, role, environment, config, config_hash) VALUES (:s, 'x', 'erp', '', '{}', '') RETURNING 1",
            s=self.source,
        )
        for entity, canonical in ENTITIES.items():
            self.rows(
                "INSERT INTO engine.stream (source, entity, family, canonical, facet, verified_at) VALUES (:s, :e, :e, :c, false, now()) RETURNING 1",
                s=self.source,
                e=entity,
                c=canonical,
            )
        self.hansen = self.customer("HANSEN")

    def record(self, entity: str, key: str, state: int = 0) -> None:
        """A record as received."""
        self.rows(
            """
            INSERT INTO engine.source_record (stream_id, key, raw_hash, batch_id, state)
            SELECT stream_id, :k, gen_random_uuid(), 1, :state FROM engine.stream WHERE source = :s AND entity = :e RETURNING key
            """,
            s=self.source,
            e=entity,
            k=key,
            state=state,
        )

    def customer(self, key: str, **values: Any) -> UUID:
        """A debtor and its record."""
        self.record("customers", key)
        return self.debtor(key, number=key, **values)

    def entry(
        self,
        key: str,
        amount: Decimal,
        remaining: Decimal,
        record_id: UUID | None,
        kind: str,
        base: Decimal | None = None,
        currency: str = "EUR",
    ) -> None:
        """A ledger entry, signed as the ERP signs it."""
        rate = Decimal(1) if base is None or remaining == 0 else base / remaining
        self.record("ledgerEntries", key, 0 if record_id else 1)
        self.rows(
            """
            INSERT INTO engine.ledger_entry
                (source, key, entry_no, document_no, debtor_key, currency, amount, amount_base, remaining, remaining_base, record_id, record_kind)
            VALUES (:s, :k, :k, :k, 'HANSEN', :c, :a, :ab, :r, :rb, :id, :kind) RETURNING 1
            """,
            s=self.source,
            k=key,
            c=currency,
            a=amount,
            ab=amount * rate,
            r=remaining,
            rb=remaining * rate,
            id=record_id,
            kind=kind,
        )

    def invoice(self, total: int, left: int, **values: Any) -> UUID:
        """An invoice of HANSEN with its record and its entry."""
        self._entries += 1
        key, sign = f"I{self._entries}", -1 if values.get("kind") == "credit_note" else 1
        values = {
            "issue_date": date(2025, 4, 1),
            "due_date": date(2025, 5, 1),
            "debtor_key": "HANSEN",
            "cut_id": 1,
            **values,
        }
        made = self.document(self.hansen, total, left, external_id=key, entry_no=key, **values)
        self.record("salesInvoices", key)
        base = values.get("open_amount_base")
        self.entry(
            key,
            Decimal(sign * total),
            Decimal(sign * left),
            made,
            "document",
            None if base is None else Decimal(base),
            values.get("currency", "EUR"),
        )
        return made

    def money(self, amount: int, unapplied: int, **values: Any) -> UUID:
        """A payment of HANSEN with its entry."""
        self._entries += 1
        key = f"P{self._entries}"
        made = self.payment(
            self.hansen,
            amount,
            unapplied,
            entry_no=key,
            debtor_key="HANSEN",
            payment_date=date(2025, 5, 2),
            **{"cut_id": 1, **values},
        )
        self.entry(key, Decimal(-amount), Decimal(-unapplied), made, "payment")
        return made

    def settle(self, payment: UUID, invoice: UUID, amount: int, **values: Any) -> UUID:
        """An application and its record."""
        made = self.application(payment, invoice, amount, date(2025, 5, 2), **{"cut_id": 1, **values})
        key = self.one("SELECT external_id FROM canonical.application WHERE id = :i", i=made)[0]
        self.record("applications", key)
        return made

    def tamper(self, key: str, left: int) -> None:
        """Somebody writes another open amount to a document and its instalment, past the engine."""
        for table, suffix in (("document", ""), ("instalment", "/1")):
            self.rows(f"UPDATE canonical.{table} SET open_amount = :left, open_amount_base = :left WHERE external_id = :key RETURNING 1",
                key=key + suffix, left=left)  # fmt: skip

    def ordinary(self) -> None:
        """100 open, 60 of another 100 paid, a credit of 30, and 15 paid on account."""
        self.invoice(100, 100)
        part = self.invoice(100, 40)
        self.invoice(30, 30, kind="credit_note")
        self.settle(self.money(75, 15), part, 60)

    def certify(
        self,
        *totals: ControlTotal,
        cut: int | None = None,
        unanswered: dict[str, str] | None = None,
        allowed: float = 0.5,
    ) -> Certificate:
        """Certifies a new cut; of this small book a share of `allowed` may be missing."""
        return reconcile(
            self.connection,
            self.source,
            RUN,
            cut or self.cut(T),
            totals,
            unanswered=unanswered or {},
            allowed_missing=allowed,
        )


def total(
    name: str, value: int | str, key: str = "", entity: str = "customers", currency: str = ""
) -> ControlTotal:
    """A figure the source states."""
    return ControlTotal(entity, name, Decimal(value), currency, key)


def check(certificate: Certificate, code: str) -> Check:
    """One check of a certificate."""
    return next(c for c in certificate.checks if c.code == code)


STATED = (
    total("count", 1),
    total("count", 3, entity="salesInvoices"),
    total("count", 4, entity="ledgerEntries"),
    total("count", 1, entity="applications"),
    total("open_amount", 95, currency="EUR"),
    total("open_amount_base", 95),
    total("debtor_balance", 95, "HANSEN"),
    total("control_account", 95),
    total("ageing", 0, "current"),
    total("ageing", 95, "1-30"),
    total("ageing", 0, "31-60"),
    total("ageing", 0, "61-90"),
    total("ageing", 0, "91+"),
)
