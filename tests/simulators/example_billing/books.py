"""What Example Billing knows: customers in groups, people, invoices, payments and what they settled; edited as people do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

Row = dict[str, Any]
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@dataclass
class Time:
    """A clock that moves when it is told to; its sleep is such a move."""

    at: datetime = START

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Books:
    """The tables of one account, each by id. `changed_at` of a customer or an invoice is when it was last written."""

    time: Time = field(default_factory=Time)
    customer_groups: dict[int, Row] = field(default_factory=dict)
    customers: dict[int, Row] = field(default_factory=dict)
    contacts: dict[int, Row] = field(default_factory=dict)
    invoices: dict[int, Row] = field(default_factory=dict)
    payments: dict[int, Row] = field(default_factory=dict)
    payment_allocations: dict[int, Row] = field(default_factory=dict)
    _last: int = 0

    def add(self, table: str, **values: Any) -> Row:
        """A new row with the next id."""
        self._last += 1
        row = {"id": self._last, **values}
        getattr(self, table)[self._last] = row
        return self.touch(row) if table in ("customers", "invoices") else row

    def touch(self, row: Row, **values: Any) -> Row:
        """Writes values into a row, and when it was."""
        row |= values | {"changed_at": self.time.now().strftime("%Y-%m-%dT%H:%M:%SZ")}
        return row

    def customer(self, name: str, group: Row | None, **values: Any) -> Row:
        """A new customer; its number follows its id."""
        row = self.add("customers", name=name, group_id=group["id"] if group else None, currency="DKK")
        street = {"street": f"Nygade {row['id']}", "postcode": "8000", "city": "Aarhus", "country": "DK"}
        given = {
            "number": f"C-{row['id']:04}",
            "email": None,
            "phone": "",
            "credit_limit": None,
            "blocked": False,
        }
        return self.touch(row, **{**given, "address": street, **values})

    def invoice(self, customer: Row, *nets: str, due: date = date(2026, 4, 1), state: str = "open") -> Row:
        """A new invoice with a line for each net amount; VAT is a quarter."""
        lines: list[Row] = [
            {
                "id": number,
                "text": f"Item {number}",
                "quantity": 1,
                "unit_price": Decimal(net),
                "net": Decimal(net),
            }
            for number, net in enumerate(nets, 1)
        ]
        net = sum((line["net"] for line in lines), Decimal(0))
        row = self.add("invoices", customer_id=customer["id"], state=state, currency="DKK", lines=lines)
        issued = self.time.now().date().isoformat()
        amounts = {"net": net, "vat": net / 4, "total": net * 5 / 4, "open_amount": net * 5 / 4}
        return self.touch(
            row, number=f"I-{row['id']:05}", issued_on=issued, due_on=due.isoformat(), **amounts
        )

    def pay(self, customer: Row, amount: str, *invoices: Row) -> Row:
        """A payment that settles these invoices, oldest first; what is left of it stays on the customer's account."""
        today, left = self.time.now().date().isoformat(), Decimal(amount)
        row = self.add(
            "payments", customer_id=customer["id"], amount=left, currency="DKK", paid_on=today, method="bank"
        )
        row["reference"] = f"TRANSFER {row['id']}"
        for invoice in invoices:
            used = min(left, invoice["open_amount"])
            left -= used
            self.add(
                "payment_allocations",
                payment_id=row["id"],
                invoice_id=invoice["id"],
                amount=used,
                allocated_on=today,
            )
            rest = invoice["open_amount"] - used
            self.touch(invoice, open_amount=rest, state="open" if rest else "paid")
        return row

    def balance(self, customer: int) -> Decimal:
        """What a customer owes: open invoices less what of its payments is not allocated."""
        owed = [
            x["open_amount"]
            for x in self.invoices.values()
            if x["customer_id"] == customer and x["state"] == "open"
        ]
        paid = [x for x in self.payments.values() if x["customer_id"] == customer]
        used = [
            x["amount"]
            for x in self.payment_allocations.values()
            if x["payment_id"] in {p["id"] for p in paid}
        ]
        return sum(owed, Decimal(0)) - sum((x["amount"] for x in paid), Decimal(0)) + sum(used, Decimal(0))


def furnished(fill: Callable[[Books], None] | None = None) -> Books:
    """Books of a small company: three groups of which one is empty, seven customers, invoices that are open, paid in part and paid."""
    books = Books()
    (fill or _fill)(books)
    return books


def _fill(books: Books) -> None:
    retail, trade, _ = (
        books.add("customer_groups", name=name) for name in ("Retail", "Trade", "Public sector")
    )
    for number in range(7):
        books.time.sleep(3600)
        group = (retail, trade, None)[number % 3]
        row = books.customer(
            f"Debtor {number} & Søn",
            group,
            credit_limit=1000 * number or None,
            email=f"post{number}@example.com",
        )
        person = {"first_name": "Anna", "last_name": f"Berg {number}", "role": "Bookkeeper"}
        books.add(
            "contacts",
            customer_id=row["id"],
            **person,
            email=f"anna{number}@example.com",
            phone="+45 86 12 34 56",
        )
        first, second = books.invoice(row, "100.40", "20"), books.invoice(row, "400", due=date(2026, 2, 1))
        books.invoice(row, "1", state="draft")
        if number % 2:
            books.pay(row, str(first["open_amount"] + 50), first, second)
    books.pay(row, "30")
