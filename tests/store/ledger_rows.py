"""Puts a small ledger straight into the canonical tables, for tests of what is read from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, text

SOURCE = "hansen"


class Rows:
    """One source with its company, and short ways to add debtors, documents, money and cuts."""

    def __init__(self, connection: Connection, source: str = SOURCE, base: str | None = "EUR") -> None:
        self.connection, self.source, self._numbers = connection, source, count(1)
        if base is not None:
            self.add("canonical.company", source=source, external_id="company", base_currency=base)

    def add(self, table: str, **values: Any) -> UUID:
        """Inserts one row with a new id."""
        values.setdefault("id", uuid4())
        columns = ", ".join(f'"{c}"' for c in values)
        self.connection.execute(
            text(f"INSERT INTO {table} ({columns}) VALUES ({', '.join(f':{c}' for c in values)})"), values
        )
        made: UUID = values["id"]
        return made

    def debtor(self, name: str = "HANSEN & SOEN", **values: Any) -> UUID:
        """A debtor that this source knows under its number."""
        number = values.setdefault("number", f"D{next(self._numbers)}")
        made = self.add("canonical.debtor", name=name, provenance="{}", **values)
        self.connection.execute(
            text(
                "INSERT INTO canonical.link (entity, source, external_id, canonical_id, method) VALUES ('debtor', :s, :k, :i, 'created')"
            ),
            {"s": self.source, "k": number, "i": made},
        )
        return made

    def document(
        self,
        debtor: UUID | None,
        total: Decimal | int | str,
        open_amount: Decimal | int | str | None = None,
        **values: Any,
    ) -> UUID:
        """An invoice, unless `kind` says otherwise; in EUR and booked one to one, unless the base amounts say otherwise."""
        key = values.pop("external_id", f"document-{next(self._numbers)}")
        total, still_open = Decimal(total), Decimal(total if open_amount is None else open_amount)
        row = {
            "kind": "invoice",
            "currency": "EUR",
            "erp_status": "open" if still_open else "paid",
            "total_base": total,
            "open_amount_base": still_open,
            "external_no": values.pop("number", key),
            **values,
        }
        made = self.add(
            "canonical.document",
            source=self.source,
            external_id=key,
            debtor_id=debtor,
            total=total,
            open_amount=still_open,
            **row,
        )
        self.rows(
            """
            INSERT INTO canonical.instalment (id, source, external_id, document_id, number, due_date, amount, open_amount, amount_base, open_amount_base,
                promised_date, closed_date, entry, deleted_at)
            SELECT gen_random_uuid(), source, external_id || '/1', id, 1, due_date, total - coalesce(ledger_difference, 0), open_amount, total_base,
                   open_amount_base, promised_date, closed_date, entry_no, deleted_at FROM canonical.document WHERE id = :id RETURNING 1
            """,
            id=made,
        )
        return made

    def payment(
        self, debtor: UUID | None, amount: Decimal | int, unapplied: Decimal | int = 0, **values: Any
    ) -> UUID:
        """Money received, unless `kind` says otherwise."""
        key = f"payment-{next(self._numbers)}"
        row = {
            "kind": "payment",
            "currency": "EUR",
            "amount_base": amount,
            "unapplied_amount_base": unapplied,
            **values,
        }
        return self.add(
            "canonical.payment",
            source=self.source,
            external_id=key,
            external_no=key,
            debtor_id=debtor,
            amount=amount,
            unapplied_amount=unapplied,
            **row,
        )

    def application(
        self,
        from_id: UUID,
        to_id: UUID,
        amount: Decimal | int,
        applied_on: date | None,
        reversed_on: date | None = None,
        **values: Any,
    ) -> UUID:
        """This much of the payment or credit settled the document."""
        row = {
            "from_kind": "payment",
            "to_kind": "document",
            "currency": "EUR",
            "is_reversed": reversed_on is not None,
            **values,
        }
        return self.add(
            "canonical.application",
            source=self.source,
            external_id=f"application-{next(self._numbers)}",
            from_id=from_id,
            to_id=to_id,
            amount=amount,
            applied_on=applied_on,
            reversed_on=reversed_on,
            **row,
        )

    def cut(self, ledger_date: date, run_id: UUID | None = None) -> int:
        """A published cut: what the views without a date show."""
        made = self.connection.execute(
            text(
                "INSERT INTO canonical.cut (source, run_id, as_of, ledger_date, counts) VALUES (:s, :r, now(), :d, '{}') RETURNING cut_id"
            ),
            {"s": self.source, "r": run_id or uuid4(), "d": ledger_date},
        )
        return int(made.scalar_one())

    def rows(self, statement: str, **values: Any) -> Sequence[Any]:
        """The rows of a query."""
        return self.connection.execute(text(statement), values).all()

    def one(self, statement: str, **values: Any) -> Any:
        """The one row of a query."""
        return self.connection.execute(text(statement), values).one()
