"""What e-conomic knows about one agreement: registers, customers, booked invoices, entries and their matching; edited as people do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

Row = dict[str, Any]
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
CENT = Decimal("0.01")
RECEIVABLES, FOREIGN_RECEIVABLES, SALES, BANK, VAT = 5600, 5610, 1010, 5820, 6902
INVOICE, PAYMENT, SUPPLIER, VOUCHER, REMINDER, OPENING, TRANSFERRED, SYSTEM, MANUAL = (
    1,
    2,
    3,
    5,
    6,
    7,
    8,
    9,
    10,
)
"""Entry types as the OpenAPI counts them."""
DIMENSION_MODULE = 14


def cents(amount: Decimal) -> Decimal:
    """Rounded as a ledger does."""
    return amount.quantize(CENT, ROUND_HALF_UP)


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
    """The tables of one agreement, each by its number. `rates` are base units for a hundred of a currency, as e-conomic counts.

    A customer's `last_updated` moves when its card is written, never when its balance does.
    """

    time: Time = field(default_factory=Time)
    base: str = "DKK"
    rates: dict[str, Decimal] = field(
        default_factory=lambda: {"DKK": Decimal(100), "EUR": Decimal("745.1234"), "SEK": Decimal("65.5")}
    )
    modules: dict[int, str] = field(default_factory=lambda: {DIMENSION_MODULE: "Dimension", 2: "Projekt"})
    groups: dict[int, Row] = field(default_factory=dict)
    terms: dict[int, Row] = field(default_factory=dict)
    layouts: dict[int, Row] = field(default_factory=dict)
    employees: dict[int, Row] = field(default_factory=dict)
    departments: dict[int, Row] = field(default_factory=dict)
    distributions: dict[int, Row] = field(default_factory=dict)
    dimensions: dict[int, Row] = field(default_factory=dict)
    values: dict[tuple[int, int], Row] = field(default_factory=dict)
    customers: dict[int, Row] = field(default_factory=dict)
    contacts: dict[int, Row] = field(default_factory=dict)
    invoices: dict[int, Row] = field(default_factory=dict)
    entries: dict[int, Row] = field(default_factory=dict)
    matched: dict[tuple[int, int], Decimal] = field(default_factory=dict)
    """(from, to) -> what was settled, in the entries' currency. The API tells the pair and not the amount."""
    _contact: int = 0
    _voucher: int = 50_000

    def stamp(self) -> str:
        return self.time.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def today(self) -> date:
        return self.time.now().date()

    # Registers

    def group(self, number: int, name: str, account: int = RECEIVABLES) -> Row:
        self.groups[number] = {"number": number, "name": name, "account": account}
        return self.groups[number]

    def customer(self, number: int, name: str, group: int, **values: Any) -> Row:
        """A new customer; a number that was deleted may be used again."""
        assert number not in self.customers, "E06010"
        row: Row = {
            "number": number, "name": name, "group": group, "currency": self.base, "terms": min(self.terms), "vat_zone": 1,
            "address": f"Nygade {number}", "zip": "8000", "city": "Århus C", "country": "Danmark", "email": "", "phone": None,
            "mobile": None, "website": None, "cvr": None, "vat_number": None, "ean": None, "credit_limit": None, "barred": False,
            "sales_person": None, "layout": 19, "attention": None,
        }  # fmt: skip
        self.customers[number] = row
        return self.touch(row, **values)

    def touch(self, row: Row, **values: Any) -> Row:
        """Writes values into a customer's or a contact's card, and when it was."""
        row |= values | {"last_updated": self.stamp()}
        return row

    def delete_customer(self, number: int) -> None:
        """Only one without booked entries may go; its contacts go with it."""
        assert not any(entry["customer"] == number for entry in self.entries.values())
        del self.customers[number]
        self.contacts = {key: row for key, row in self.contacts.items() if row["customer"] != number}

    def renumber(self, old: int, new: int) -> None:
        """The customer gets another number, and its whole history goes along."""
        row = self.customers.pop(old)
        self.customers[new] = self.touch(row, number=new)
        for table in (self.contacts, self.invoices, self.entries):
            for other in table.values():
                if other["customer"] == old:
                    other["customer"] = new

    def contact(self, customer: int, name: str, **values: Any) -> Row:
        self._contact += 1
        shown = 1 + sum(row["customer"] == customer for row in self.contacts.values())
        row: Row = {
            "number": self._contact, "customer": customer, "shown": shown, "name": name, "email": None, "phone": None, "notes": None,
            "deleted": False, "active": True,
        }  # fmt: skip
        self.contacts[self._contact] = row
        return self.touch(row, **values)

    # Bookings

    def invoice(
        self,
        customer: int,
        *nets: str,
        number: int | None = None,
        currency: str | None = None,
        days: int = 30,
        day: date | None = None,
        department: int | None = None,
        dimensions: Sequence[tuple[int, int]] = (),
    ) -> Row:
        """Books an invoice, one line for each net amount; below nought it is a credit note. Danish VAT is a quarter."""
        card = self.customers[customer]
        currency, day = currency or card["currency"], day or self.today()
        number = number or max(self.invoices, default=10_000) + 1
        rate, lines = self.rates[currency], list[Row]()
        for place, text in enumerate(nets, 1):
            net = Decimal(text)
            lines.append(
                {
                    "number": place,
                    "product": '"334420410410"' if place % 2 else "T-shirt",
                    "description": f"Vare {place}\nblå",
                    "quantity": Decimal(-1 if net < 0 else 1),
                    "price": abs(net),
                    "net": net,
                    "vat": cents(net / 4),
                    "unit": 1,
                    "department": department,
                    "dimensions": list(dimensions) if place == 1 else [],
                }
            )
        net, vat = (sum((line[column] for line in lines), Decimal(0)) for column in ("net", "vat"))
        row: Row = {
            "number": number, "customer": customer, "date": day.isoformat(), "due": (day + timedelta(days=days)).isoformat(),
            "currency": currency, "rate": rate, "net": net, "vat": vat, "gross": net + vat, "lines": lines, "terms": card["terms"],
            "recipient": {"name": card["name"], "address": card["address"], "zip": card["zip"], "city": card["city"], "country": card["country"]},
            "sales_person": card["sales_person"], "vendor": None, "other": None, "heading": f"Faktura {number}",
        }  # fmt: skip
        self.invoices[number] = row
        self._voucher += 1
        text = f"Faktura {number}" if net >= 0 else f"Kreditnota {number}"
        row["entry"] = self.entry(
            INVOICE, net + vat, customer, currency, text=text, invoice=number, due=row["due"], day=day
        )["number"]
        for account, amount in ((SALES, -net), (VAT, -vat)):
            self.entry(
                INVOICE, amount, customer, currency, text=text, invoice=number, account=account, day=day
            )
        return row

    def entry(
        self,
        kind: int,
        amount: Decimal,
        customer: int | None,
        currency: str | None = None,
        *,
        text: str = "",
        invoice: int | None = None,
        due: str | None = None,
        account: int | None = None,
        day: date | None = None,
        rate: Decimal | None = None,
        base: Decimal | None = None,
    ) -> Row:
        """A line of the ledger. Only on an account of receivables it has a remainder."""
        currency = currency or self.base
        if account is None:
            account = (
                RECEIVABLES if customer is None else self.groups[self.customers[customer]["group"]]["account"]
            )
        owed = account in (RECEIVABLES, FOREIGN_RECEIVABLES) and customer is not None
        number = max(self.entries, default=0) + 1
        row: Row = {
            "number": number, "type": kind, "account": account, "amount": amount, "currency": currency,
            "base": cents(amount * (rate or self.rates[currency]) / 100) if base is None else base,
            "date": (day or self.today()).isoformat(), "due": due, "text": text or f"Bilag {self._voucher}", "voucher": self._voucher,
            "customer": customer, "invoice": invoice, "remainder": amount if owed else None,
        }  # fmt: skip
        self.entries[number] = row
        return row

    def _debtor_entry(self, kind: int, customer: int, amount: str, against: int, **values: Any) -> Row:
        self._voucher += 1
        row = self.entry(kind, Decimal(amount), customer, **values)
        self.entry(kind, -row["amount"], None, row["currency"], account=against, base=-row["base"])
        return row

    def pay(self, customer: int, amount: str, *invoices: Row, rate: str | None = None) -> Row:
        """Money received, which settles these invoices or entries in their order; what is left of it stays on account."""
        currency = invoices[0]["currency"] if invoices else None
        row = self._debtor_entry(
            PAYMENT,
            customer,
            f"-{amount}",
            BANK,
            currency=currency,
            rate=Decimal(rate) if rate else None,
            text="Indbetaling",
        )
        for invoice in invoices:
            owing = self.entries[invoice["entry"] if "entry" in invoice else invoice["number"]]
            if row["remainder"] < 0 < owing["remainder"]:
                self.match(row, owing)
        return row

    def refund(self, customer: int, amount: str) -> Row:
        return self._debtor_entry(PAYMENT, customer, amount, BANK, text="Tilbagebetaling")

    def manual_invoice(self, customer: int, amount: str, invoice: int | None = None) -> Row:
        """An invoice that was made elsewhere and booked in a journal: no booked invoice has its number."""
        due = (self.today() + timedelta(days=14)).isoformat()
        return self._debtor_entry(
            MANUAL, customer, amount, SALES, invoice=invoice, due=due, text="Manuel faktura"
        )

    def opening(self, customer: int, amount: str) -> Row:
        """What was open when the books were begun here."""
        return self._debtor_entry(
            OPENING, customer, amount, 9999, due=self.today().isoformat(), text="Primopost"
        )

    def reminder(self, customer: int, fee: str, number: int | None = None) -> Row:
        """A reminder with a fee, which is owed like an invoice."""
        due = (self.today() + timedelta(days=10)).isoformat()
        return self._debtor_entry(REMINDER, customer, fee, 1050, due=due, invoice=number, text="Rykkergebyr")

    # Matching

    def match(self, paying: Row, owing: Row) -> Decimal:
        """Settles one entry with another as far as both reach."""
        amount: Decimal = min(abs(paying["remainder"]), abs(owing["remainder"]))
        before = self._open_base(paying) + self._open_base(owing)
        paying["remainder"] += amount if paying["amount"] < 0 else -amount
        owing["remainder"] -= amount if owing["amount"] > 0 else -amount
        self.matched[paying["number"], owing["number"]] = amount
        self._difference(owing, self._open_base(paying) + self._open_base(owing) - before)
        return amount

    def unmatch(self, paying: int, owing: int) -> None:
        """Undoes it: both are owed again as before."""
        amount = self.matched.pop((paying, owing))
        one, other = self.entries[paying], self.entries[owing]
        before = self._open_base(one) + self._open_base(other)
        one["remainder"] -= amount if one["amount"] < 0 else -amount
        other["remainder"] += amount if other["amount"] > 0 else -amount
        self._difference(other, self._open_base(one) + self._open_base(other) - before)

    def _open_base(self, entry: Row) -> Decimal:
        if not entry["remainder"]:
            return Decimal(0)
        return cents(entry["base"] * entry["remainder"] / entry["amount"])

    def _difference(self, owing: Row, base: Decimal) -> None:
        """What the rate moved between invoice and payment is booked at once: an entry of nought in its currency."""
        if base:
            self.entry(
                SYSTEM,
                Decimal(0),
                owing["customer"],
                owing["currency"],
                text="Valutakursdifference",
                base=base,
                account=owing["account"],
            )

    # What it states

    def open_entries(self, customer: int | None = None) -> list[Row]:
        """Entries with a remainder, of one customer or of all."""
        return [e for e in self.entries.values() if e["remainder"] and customer in (None, e["customer"])]

    def balance(self, customer: int) -> Decimal:
        """What a customer owes in base currency: the sum of its entries on accounts of receivables."""
        accounts = (RECEIVABLES, FOREIGN_RECEIVABLES)
        return sum(
            (
                e["base"]
                for e in self.entries.values()
                if e["customer"] == customer and e["account"] in accounts
            ),
            Decimal(0),
        )

    def account_balance(self, account: int) -> Decimal:
        """The balance of one account of the chart."""
        return sum((e["base"] for e in self.entries.values() if e["account"] == account), Decimal(0))

    def remainder(self, invoice: Row) -> Decimal:
        """What is still owed of a booked invoice."""
        found: Decimal = self.entries[invoice["entry"]]["remainder"]
        return found

    def remainder_base(self, invoice: Row) -> Decimal:
        """The same in base currency."""
        return self._open_base(self.entries[invoice["entry"]])
