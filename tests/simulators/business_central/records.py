"""The rows a Business Central company keeps: what the tables hold, not what the API shows."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Generic, TypeVar

ZERO = Decimal(0)


@dataclass(kw_only=True)
class Row:
    """A stored row: its SystemId, its stamps, and the version its etag is made of."""

    id: str
    modified_at: datetime | None = None
    created_at: datetime | None = None
    row_version: int = 0


R = TypeVar("R", bound=Row)


class Table(dict[str, R], Generic[R]):
    """Rows by SystemId, and the order keyset paging walks them in."""

    def __init__(self) -> None:
        super().__init__()
        self._ids: list[str] | None = None
        self.version = 0

    def __setitem__(self, key: str, row: R) -> None:
        if key not in self:
            self._ids = None
            self.version += 1
        super().__setitem__(key, row)

    def __delitem__(self, key: str) -> None:
        self._ids = None
        self.version += 1
        super().__delitem__(key)

    def add(self, row: R) -> R:
        self[row.id] = row
        return row

    def in_key_order(self) -> list[R]:
        """All rows, ordered by SystemId."""
        return list(self.after(""))

    def after(self, key: str) -> Iterator[R]:
        """The rows whose SystemId is greater than the key, in order."""
        if self._ids is None:
            self._ids = sorted(self)
        ids = self._ids
        start = bisect_left(ids, key)
        if start < len(ids) and ids[start] == key:
            start += 1
        return (self[ids[at]] for at in range(start, len(ids)))


@dataclass(kw_only=True)
class Coded(Row):
    """A small set-up table: code and name."""

    code: str
    name: str = ""


@dataclass(kw_only=True)
class Currency(Coded):
    """A currency other than the local one."""

    symbol: str = ""
    decimals: int = 2


@dataclass(kw_only=True)
class ExchangeRate(Row):
    """`relational_amount` of local currency for `amount` of the foreign one, from a day on."""

    currency_code: str
    starting_date: date
    amount: Decimal
    relational_amount: Decimal


@dataclass(kw_only=True)
class PaymentTerm(Coded):
    """A payment term; `days` is what the formula says."""

    due_date_calculation: str
    days: int


@dataclass(kw_only=True)
class Salesperson(Coded):
    """A salesperson or purchaser."""

    email: str = ""
    email2: str = ""
    phone: str = ""
    job_title: str = ""
    commission: Decimal = ZERO
    privacy_blocked: bool = False
    blocked: bool = False


@dataclass(kw_only=True)
class Account(Row):
    """A G/L account; `sub_category` names the receivables control account."""

    number: str
    name: str
    category: str
    sub_category: str = ""


@dataclass(kw_only=True)
class Dimension(Coded):
    """A dimension."""


@dataclass(kw_only=True)
class DimensionValue(Coded):
    """Type, blocked and indentation exist in the table but API v2.0 does not show them."""

    dimension_id: str
    number: int
    type: str = "Standard"
    blocked: bool = False
    indentation: int = 0


@dataclass(kw_only=True)
class DefaultDimension(Row):
    """A dimension value on a master card; value id None means the dimension is there, its value blank."""

    parent_type: str
    parent_id: str | None
    dimension_id: str
    value_id: str | None
    posting_validation: str = " "


@dataclass(kw_only=True)
class Customer(Row):
    """A customer card."""

    number: str
    name: str
    type: str = "Company"
    address1: str = ""
    address2: str = ""
    city: str = ""
    state: str = ""
    country: str = ""
    postcode: str = ""
    phone: str = ""
    email: str = ""
    website: str = ""
    salesperson_code: str = ""
    credit_limit: Decimal = ZERO
    vat_no: str = ""
    currency_code: str = ""
    payment_terms_id: str | None = None
    payment_method_id: str | None = None
    bill_to_id: str | None = None
    blocked: str = " "
    intercompany: str = ""


@dataclass(kw_only=True)
class Contact(Row):
    """`relations` are the business relation rows of a company contact: (table, customer id or number)."""

    number: str
    name: str
    type: str = "Person"
    first_name: str = ""
    last_name: str = ""
    job_title: str = ""
    company_id: str | None = None
    relations: list[tuple[str, str]] = field(default_factory=list)
    stamped_relation: str | None = None
    address1: str = ""
    address2: str = ""
    city: str = ""
    state: str = ""
    country: str = ""
    postcode: str = ""
    phone: str = ""
    mobile: str = ""
    email: str = ""
    website: str = ""
    privacy_blocked: bool = False
    vat_no: str = ""
    last_interaction: date | None = None


@dataclass(kw_only=True)
class DocumentLine(Row):
    """Amounts are in document currency and positive; a comment line has none."""

    document_id: str
    sequence: int
    type: str = "Account"
    object_number: str = ""
    description: str = ""
    description2: str = ""
    quantity: Decimal = ZERO
    unit_price: Decimal = ZERO
    discount: Decimal = ZERO
    tax_percent: Decimal = ZERO
    net: Decimal = ZERO
    tax: Decimal = ZERO
    shipment_date: date | None = None

    @property
    def gross(self) -> Decimal:
        return self.net + self.tax


@dataclass(kw_only=True)
class SalesDocument(Row):
    """An invoice or credit memo through its life; posting keeps the id and changes the number."""

    kind: str
    number: str
    customer_id: str
    bill_to_id: str
    document_date: date
    posting_date: date
    due_date: date
    currency_code: str = ""
    state: str = "Draft"
    external_number: str = ""
    your_reference: str = ""
    salesperson_code: str = ""
    payment_terms_id: str | None = None
    order_number: str = ""
    shortcut_dimension1: str = ""
    shortcut_dimension2: str = ""
    dimension_values: dict[str, str] = field(default_factory=dict)
    lines: list[DocumentLine] = field(default_factory=list)
    entry_no: int | None = None
    posted_id: str | None = None
    cancelled: bool = False
    corrective: bool = False
    applies_to_id: str | None = None
    applies_to_number: str = ""
    promised_pay_date: date | None = None
    dispute_status_id: str | None = None
    wire_status: str = "Draft"

    @property
    def posted(self) -> bool:
        return self.state == "Posted"

    @property
    def net(self) -> Decimal:
        return sum((line.net for line in self.lines), ZERO)

    @property
    def tax(self) -> Decimal:
        return sum((line.tax for line in self.lines), ZERO)

    @property
    def gross(self) -> Decimal:
        return self.net + self.tax


@dataclass(kw_only=True)
class LedgerEntry(Row):
    """A customer ledger entry; amounts are sums over its detailed entries, kept beside them."""

    entry_no: int
    customer_id: str
    posting_date: date
    document_date: date
    due_date: date
    document_type: str
    document_no: str
    external_document_no: str = ""
    your_reference: str = ""
    description: str = ""
    currency_code: str = ""
    amount: Decimal = ZERO
    amount_lcy: Decimal = ZERO
    remaining: Decimal = ZERO
    remaining_lcy: Decimal = ZERO
    sales_lcy: Decimal = ZERO
    open: bool = True
    closed_on: date | None = None
    salesperson_code: str = ""
    promised_pay_date: date | None = None
    dispute_status: str = ""
    on_hold: str = ""
    source_code: str = ""
    reason_code: str = ""
    reversed: bool = False
    transaction_no: int = 0
    shortcut_dimension1: str = ""
    shortcut_dimension2: str = ""
    document_id: str | None = None


@dataclass(kw_only=True)
class DetailedEntry(Row):
    """One change of a ledger entry's amounts: initial, application, exchange gain or loss."""

    entry_no: int
    ledger_entry_no: int
    entry_type: str
    posting_date: date
    document_type: str
    document_no: str
    customer_id: str
    currency_code: str
    amount: Decimal
    amount_lcy: Decimal
    application_no: int = 0
    applied_entry_no: int = 0
    transaction_no: int = 0
    unapplied: bool = False
    unapplied_by: int = 0
    initial_due_date: date | None = None
    initial_document_type: str = " "


@dataclass(kw_only=True)
class JournalLine(Row):
    """An unposted payment; the amount is negative, as on a customer account."""

    journal_id: str
    line_number: int
    customer_id: str
    posting_date: date
    document_no: str
    amount: Decimal
    applies_to: str = ""


@dataclass(kw_only=True)
class GeneralEntry(Row):
    """A general ledger entry; debit is positive."""

    entry_no: int
    posting_date: date
    document_no: str
    document_type: str
    account_number: str
    description: str
    amount: Decimal
    transaction_no: int
