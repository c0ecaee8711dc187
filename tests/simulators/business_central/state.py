"""One company's tables, its identity and its stamps; the business actions are built on top of this."""

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, TypeVar

from tests.simulators.business_central import records as r

R = TypeVar("R", bound=r.Row)


class ActionRefused(Exception):
    """The simulated business logic refuses an action; the text is what BC would say."""


@dataclass(frozen=True)
class Change:
    """A row that was created, updated or deleted: what webhooks tell about."""

    company_id: str
    row_type: str
    row_id: str
    change: str
    at: datetime


class Stamper:
    """Gives ids, stamps and row versions, all reproducible from a seed and a clock."""

    def __init__(self, clock: Callable[[], datetime], seed: int) -> None:
        self.clock = clock
        self.random = random.Random(seed)
        self.listeners: list[Callable[[Change], None]] = []
        self._row_version = 100_000
        self._moment: datetime | None = None
        self._last = datetime(1, 1, 1, tzinfo=UTC)
        self._bump = 0

    def new_id(self) -> str:
        """A GUID of version 4."""
        bits = f"{self.random.getrandbits(128):032x}"
        return f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-a{bits[17:20]}-{bits[20:]}"

    def now(self) -> datetime:
        return self._moment or self.clock()

    @property
    def version(self) -> int:
        """Moves with every write."""
        return self._row_version

    def next_version(self) -> int:
        self._row_version += 1
        return self._row_version

    def stamp(self) -> datetime:
        """The current instant in milliseconds; rows written in the same instant are a millisecond apart."""
        moment = self.now()
        moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        self._bump = self._bump + 1 if moment == self._last else 0
        self._last = moment
        return moment + timedelta(milliseconds=self._bump % 1000)

    @contextmanager
    def at(self, moment: datetime) -> Iterator[None]:
        """Do something as if it were that instant: history, or a commit that is older than its stamp."""
        before, self._moment = self._moment, moment
        try:
            yield
        finally:
            self._moment = before


@dataclass(kw_only=True)
class CompanyState:
    """The tables of one company, with the look-ups everything else needs."""

    stamper: Stamper
    id: str
    name: str
    display_name: str
    local_currency: str
    country: str
    created_at: datetime
    accessible: bool = True
    vat_no: str = ""
    registration_no: str = ""
    shortcut_dimensions: list[str] = field(default_factory=lambda: ["AREA", "CUSTOMERGROUP"])
    partial_application_touches_entry: bool = True
    currencies: r.Table[r.Currency] = field(default_factory=r.Table)
    exchange_rates: r.Table[r.ExchangeRate] = field(default_factory=r.Table)
    payment_terms: r.Table[r.PaymentTerm] = field(default_factory=r.Table)
    payment_methods: r.Table[r.Coded] = field(default_factory=r.Table)
    salespeople: r.Table[r.Salesperson] = field(default_factory=r.Table)
    dispute_statuses: r.Table[r.Coded] = field(default_factory=r.Table)
    accounts: r.Table[r.Account] = field(default_factory=r.Table)
    dimensions: r.Table[r.Dimension] = field(default_factory=r.Table)
    dimension_values: r.Table[r.DimensionValue] = field(default_factory=r.Table)
    default_dimensions: r.Table[r.DefaultDimension] = field(default_factory=r.Table)
    customers: r.Table[r.Customer] = field(default_factory=r.Table)
    deleted_customers: dict[str, r.Customer] = field(default_factory=dict)
    contacts: r.Table[r.Contact] = field(default_factory=r.Table)
    invoices: r.Table[r.SalesDocument] = field(default_factory=r.Table)
    credit_memos: r.Table[r.SalesDocument] = field(default_factory=r.Table)
    ledger: r.Table[r.LedgerEntry] = field(default_factory=r.Table)
    detailed: r.Table[r.DetailedEntry] = field(default_factory=r.Table)
    general: r.Table[r.GeneralEntry] = field(default_factory=r.Table)
    payment_journals: r.Table[r.Coded] = field(default_factory=r.Table)
    journal_lines: r.Table[r.JournalLine] = field(default_factory=r.Table)
    settings_row: r.Row = field(default_factory=lambda: r.Row(id=""))
    entries: dict[int, r.LedgerEntry] = field(default_factory=dict)
    details_of: dict[int, list[r.DetailedEntry]] = field(default_factory=dict)
    entries_of: dict[str, list[r.LedgerEntry]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    groups: dict[str, tuple[int, dict[str, list[Any]]]] = field(default_factory=dict, repr=False)

    def today(self) -> date:
        return self.stamper.now().date()

    def touch(self, row: r.Row, change: str = "updated") -> None:
        """Stamp a row as written now and tell whoever listens."""
        row.modified_at = self.stamper.stamp()
        row.row_version = self.stamper.next_version()
        if row.created_at is None:
            row.created_at, change = row.modified_at, "created"
        self._tell(row, change)

    def _tell(self, row: r.Row, change: str) -> None:
        if not self.stamper.listeners:
            return
        event = Change(self.id, type(row).__name__, row.id, change, self.stamper.now())
        for listener in self.stamper.listeners:
            listener(event)

    def store(self, table: r.Table[R], row: R) -> R:
        self.touch(row)
        return table.add(row)

    def drop(self, table: r.Table[R], row: R) -> None:
        del table[row.id]
        self.stamper.next_version()
        self._tell(row, "deleted")

    def grouped(
        self, name: str, table: r.Table[R], keys: Callable[[R], Iterable[str | None]], version: int
    ) -> dict[str, list[R]]:
        """Rows by their foreign keys, in key order; built again when the version moved."""
        known = self.groups.get(name)
        if known is None or known[0] != version:
            found: dict[str, list[R]] = {}
            for row in table.in_key_order():
                for key in keys(row):
                    if key:
                        found.setdefault(key, []).append(row)
            known = self.groups[name] = (version, found)
        return known[1]

    def next_number(self, series: str, first: int, step: int = 1) -> int:
        """The next number of a number series."""
        self.numbers[series] = self.numbers.get(series, first - step) + step
        return self.numbers[series]

    def by_code(self, table: r.Table[R], code: str) -> R:
        """A row by its id, number or code; raises ActionRefused when there is none."""
        if code in table:
            return table[code]
        for row in table.values():
            if code in (getattr(row, "code", None), getattr(row, "number", None)):
                return row
        raise ActionRefused(f"The record does not exist. Identification fields and values: No.='{code}'")

    def customer(self, ref: str) -> r.Customer:
        return self.by_code(self.customers, ref)

    def customer_even_deleted(self, customer_id: str) -> r.Customer:
        return self.customers.get(customer_id) or self.deleted_customers[customer_id]

    def document(self, ref: str) -> r.SalesDocument:
        """An invoice or credit memo by id or by number."""
        for table in (self.invoices, self.credit_memos):
            if ref in table:
                return table[ref]
        for table in (self.invoices, self.credit_memos):
            for row in table.values():
                if row.number == ref:
                    return row
        raise ActionRefused(f"The document does not exist. Identification fields and values: No.='{ref}'")

    def round(self, amount: Decimal, currency_code: str = "") -> Decimal:
        """Rounded half up to the currency's decimals."""
        decimals = 2
        if currency_code:
            decimals = self.by_code(self.currencies, currency_code).decimals
        return amount.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)

    def to_local(self, amount: Decimal, currency_code: str, day: date) -> Decimal:
        """The amount in local currency at the rate booked for that day."""
        if not currency_code:
            return amount
        known = [x for x in self.exchange_rates.values() if x.currency_code == currency_code]
        valid = [x for x in known if x.starting_date <= day] or known
        if not valid:
            raise ActionRefused(f"There is no exchange rate for currency {currency_code}.")
        rate = max(valid, key=lambda x: x.starting_date)
        return self.round(amount * rate.relational_amount / rate.amount)
