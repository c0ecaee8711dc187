"""The world a simulator serves: companies, what the installation offers, and the independent truth for tests."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from tests.simulators.business_central import ledger as accounts
from tests.simulators.business_central import records as r
from tests.simulators.business_central.clock import SimulatorClock
from tests.simulators.business_central.sales import Sales
from tests.simulators.business_central.state import ActionRefused, Stamper


@dataclass(frozen=True)
class Totals:
    """Open amounts as the ledger has them: per document currency, and booked in local currency."""

    per_currency: dict[str, Decimal]
    local: Decimal
    open_entries: int


class Company(Sales):
    """A company with all its business actions and the totals tests compare with."""

    def open_totals(self, customer: str | None = None) -> Totals:
        """Open per currency (the local one under its own code) and in local currency."""
        owner = self.customer(customer).id if customer else None
        per_currency: dict[str, Decimal] = defaultdict(lambda: r.ZERO)
        local, count = r.ZERO, 0
        for entry in self.entries.values():
            if entry.open and owner in (None, entry.customer_id):
                per_currency[entry.currency_code or self.local_currency] += entry.remaining
                local += entry.remaining_lcy
                count += 1
        return Totals(dict(sorted(per_currency.items())), local, count)

    def remaining_at(self, entry: r.LedgerEntry, as_of: date) -> tuple[Decimal, Decimal]:
        """Remaining amount, document and local currency, counting detailed entries up to a day."""
        rows = [x for x in self.details_of[entry.entry_no] if x.posting_date <= as_of]
        return sum((x.amount for x in rows), r.ZERO), sum((x.amount_lcy for x in rows), r.ZERO)

    def ageing(self, as_of: date, currency: str | None = None) -> dict[str, Decimal]:
        """Open by days past due: current, 1-30, 31-60, 61-90, 91+, and credits; local currency unless one is named."""
        buckets = dict.fromkeys(("current", "1-30", "31-60", "61-90", "91+", "credits"), r.ZERO)
        for entry in self.entries.values():
            if entry.posting_date > as_of:
                continue
            if currency is not None and (entry.currency_code or self.local_currency) != currency:
                continue
            amount, local = self.remaining_at(entry, as_of)
            late = (as_of - entry.due_date).days
            aged = "current" if late <= 0 else "1-30" if late <= 30 else "31-60" if late <= 60 else "61-90"
            bucket = "credits" if amount < 0 else "91+" if late > 90 else aged
            buckets[bucket] += local if currency is None else amount
        return buckets

    def receivables_in_general_ledger(self) -> Decimal:
        """The balance of the control account."""
        rows = self.general.values()
        return sum((x.amount for x in rows if x.account_number == accounts.RECEIVABLES), r.ZERO)

    def counts(self) -> dict[str, int]:
        """Rows per table, documents by status, and the open entries."""
        statuses = Counter(f"invoices {x.wire_status}" for x in self.invoices.values())
        return {
            "customers": len(self.customers),
            "contacts": len(self.contacts),
            "dimension values": len(self.dimension_values),
            "default dimensions": len(self.default_dimensions),
            "invoices": len(self.invoices),
            "credit memos": len(self.credit_memos),
            "ledger entries": len(self.ledger),
            "detailed entries": len(self.detailed),
            **dict(sorted(statuses.items())),
        }


@dataclass
class Installation:
    """What this installation has: version, apps, published pages, permissions, deployment."""

    version: int = 26
    deployment: str = "saas"
    tenant_id: str = "7c3d7b2e-60c1-4f0d-9a4e-2d0f6d2b4a11"
    tenant_domain: str = "contoso.onmicrosoft.com"
    environment: str = "Production"
    instance: str = "BC"
    client_id: str = "1f6b0e52-8f2b-4a2e-bb1d-0a3a5a1f7c01"
    client_secret: str = "simulated~secret"
    username: str = "SYNC"
    web_service_key: str = "9Jq1mPzLk3T7vXw2Rb8NcY5dHf0sGa4uEoKiQtZjVx6="
    multi_tenant: bool = False
    services_enabled: bool = True
    token_lifetime: timedelta = timedelta(minutes=59, seconds=59)
    registered_in_bc: bool = True
    reports_finance: bool = True
    analytics: bool = True
    automate: bool = True
    custom_api: bool = True
    custom_api_route: str = "contoso/receivables/v1.0"
    ledger_page_published: bool = True
    customer_card_published: bool = True
    contact_list_published: bool = True
    ledger_page_missing_columns: frozenset[str] = frozenset()
    aggregates_populated: bool = True
    denied_entities: frozenset[str] = frozenset()
    api_v1: bool = True
    default_page_size: int = 20000
    always_empty_last_page: bool = False
    next_link_carries_tenant: bool = False
    etag_includes_balance: bool = False
    expand_financial_detail_plural: bool = False
    webhook_loopback_only: bool = True
    custom_fields: dict[str, dict[str, str]] = field(default_factory=dict)


class World:
    """Companies behind one clock and one source of ids."""

    def __init__(
        self,
        clock: Callable[[], datetime] | None = None,
        seed: int = 0,
        installation: Installation | None = None,
    ) -> None:
        self.clock = clock or SimulatorClock()
        self.stamper = Stamper(self.clock, seed)
        self.installation = installation or Installation()
        self.companies: dict[str, Company] = {}

    def add_company(
        self, name: str, display_name: str = "", local_currency: str = "GBP", country: str = "GB"
    ) -> Company:
        """A company with its accounts and nothing else."""
        company = Company(
            stamper=self.stamper,
            id=self.stamper.new_id(),
            name=name,
            display_name=display_name,
            local_currency=local_currency,
            country=country,
            created_at=self.stamper.stamp(),
            vat_no="GB777777777",
            registration_no="08123456",
        )
        company.settings_row = r.Row(id=self.stamper.new_id())
        company.touch(company.settings_row)
        company.add_account(accounts.RECEIVABLES, "Customers, Domestic", "Assets", "Accounts Receivable")
        company.add_account(accounts.BANK, "Bank, Checking", "Assets", "Cash")
        company.add_account(accounts.OPENING, "Retained Earnings", "Equity")
        company.add_account(accounts.VAT, "Sales VAT 25 %", "Liabilities")
        company.add_account(accounts.SALES, "Sales, Domestic", "Income", "Sales")
        company.add_account(accounts.FINANCE_CHARGES, "Finance Charges", "Income")
        company.add_account(accounts.EXCHANGE_GAINS, "Realized FX Gains", "Income")
        company.add_account(accounts.EXCHANGE_LOSSES, "Realized FX Losses", "Expense")
        company.add_account(accounts.DISCOUNTS, "Payment Discounts Granted", "Expense")
        company.add_account(accounts.BAD_DEBTS, "Bad Debt Expenses", "Expense")
        self.companies[company.id] = company
        return company

    def company(self, ref: str | None = None) -> Company:
        """A company by id or name; the first one without a reference."""
        if ref is None:
            return next(iter(self.companies.values()))
        if ref in self.companies:
            return self.companies[ref]
        for company in self.companies.values():
            if ref == company.name:
                return company
        raise ActionRefused(f"The company {ref} does not exist.")

    def rename_company(self, company: str, name: str) -> None:
        self.company(company).name = name

    @contextmanager
    def at(self, moment: datetime) -> Iterator[None]:
        """Write history: what happens inside is stamped and dated at that instant."""
        with self.stamper.at(moment):
            yield

    @contextmanager
    def committed_late(self, by: timedelta) -> Iterator[None]:
        """What happens inside becomes visible now with a stamp that is older by that much."""
        with self.stamper.at(self.clock() - by):
            yield
