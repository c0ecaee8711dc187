"""The wire entities of Business Central as a table: where each lives, what its key is, and what is lost without it.

Facts: the entity sections, version gates and section 4 (routes) of the facts page; AL pages named there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from sync_engine.records import Stream

MODIFIED = "lastModifiedDateTime"
Api = Literal["v2", "finance", "analytics", "odata", "custom"]
Reader = Literal[
    "plain",
    "documents",
    "entries",
    "grouped_entries",
    "applications",
    "open_invoices",
    "default_dimensions",
    "contacts_information",
]


@dataclass(frozen=True, slots=True)
class Entity:
    """One wire entity. `optional` ones are asked for once before they are offered; `lost` is told when they are absent.

    An entity without stamps that `follows` another changes only when a record of that one does, and is read again only then.
    `version` names the field of the row version, where a page shows one.
    """

    stream: Stream
    path: str
    api: Api = "v2"
    keys: tuple[str, ...] = ("id",)
    modified: str | None = MODIFIED
    filter: str = ""
    expand: str = ""
    reader: Reader = "plain"
    optional: bool = False
    lost: str = ""
    follows: str = ""
    version: str = ""

    @property
    def name(self) -> str:
        """The wire entity's name."""
        return self.stream.entity


def _entity(
    name: str,
    family: str,
    canonical: str,
    *,
    path: str = "",
    api: Api = "v2",
    keys: tuple[str, ...] = ("id",),
    modified: str | None = MODIFIED,
    where: str = "",
    expand: str = "",
    reader: Reader = "plain",
    facet: bool = False,
    selection: bool = False,
    optional: bool = False,
    cursor: bool | None = None,
    sweep: timedelta | None = timedelta(hours=24),
    lost: str = "",
    follows: str = "",
) -> Entity:
    has_cursor = modified is not None or bool(follows) if cursor is None else cursor
    stream = Stream(
        name, family, canonical, has_cursor=has_cursor, facet=facet, is_selection=selection, sweep_every=sweep
    )
    return Entity(stream, path or name, api, keys, modified, where, expand, reader, optional, lost, follows)


BASE: tuple[Entity, ...] = (
    _entity("companyInformation", "debtors", "company", lost="company details and base currency"),
    _entity(
        "generalLedgerSetup",
        "debtors",
        "company",
        facet=True,
        lost="the base currency by name (v23 and later)",
    ),
    _entity("currencies", "debtors", "reference", lost="currency names"),
    _entity("currencyExchangeRates", "debtors", "fx_rate", lost="exchange rates for display (v23 and later)"),
    _entity("paymentTerms", "debtors", "reference", lost="payment terms"),
    _entity("paymentMethods", "debtors", "reference", lost="payment methods"),
    _entity(
        "salespeoplePurchasers",
        "debtors",
        "account_owner",
        lost="names and e-mails of account owners (v26 and later); their codes remain",
    ),
    _entity("disputeStatus", "debtors", "reference", modified=None, lost="dispute reasons (v25 and later)"),
    _entity("dimensions", "dimensions", "dimension", lost="portfolios"),
    _entity("dimensionValues", "dimensions", "dimension_value", lost="portfolios"),
    _entity(
        "financeDimensionValues",
        "dimensions",
        "dimension_value",
        api="finance",
        path="dimensionValues",
        keys=("dimensionCode", "dimensionValueCode"),
        facet=True,
        optional=True,
        lost="heading, total and blocked dimension values cannot be told from others: install Microsoft's app API Reports - Finance",
    ),
    _entity("customers", "debtors", "debtor", lost="debtors"),
    _entity(
        "customerFinancialDetails",
        "debtors",
        "debtor",
        modified=None,
        facet=True,
        optional=True,
        lost="balances as the ERP states them: check C5",
    ),
    _entity(
        "customerCard",
        "debtors",
        "debtor",
        api="odata",
        keys=("No",),
        modified=None,
        facet=True,
        optional=True,
        follows="customers",
        lost="the bill-to customer of a debtor: publish page 21 as Customer_Card",
    ),
    _entity(
        "defaultDimensions",
        "debtors",
        "debtor_dimension",
        where="parentType eq 'Customer'",
        reader="default_dimensions",
        sweep=timedelta(hours=6),
        lost="which portfolio a debtor is in",
    ),
    _entity("contacts", "contacts", "contact", sweep=timedelta(hours=12), lost="contacts (v18 and later)"),
    _entity(
        "customerContacts",
        "contacts",
        "contact",
        modified=None,
        facet=True,
        optional=True,
        follows="contacts",
        lost="first and last names, and which debtor a contact belongs to in bulk (v25 and later)",
    ),
    _entity(
        "contactsInformation",
        "contacts",
        "contact",
        keys=("relatedId", "contactId"),
        modified=None,
        facet=True,
        follows="contacts",
        reader="contacts_information",
        lost="contacts of debtors that no bulk route links",
    ),
    _entity(
        "salesInvoices",
        "documents",
        "document",
        expand="salesInvoiceLines",
        reader="documents",
        lost="invoices",
    ),
    _entity(
        "salesCreditMemos",
        "documents",
        "document",
        expand="salesCreditMemoLines",
        reader="documents",
        lost="credit notes",
    ),
    _entity(
        "openInvoices",
        "documents",
        "document",
        path="salesInvoices",
        where="status eq 'Open'",
        facet=True,
        selection=True,
        reader="open_invoices",
        cursor=False,
        lost="partial payments between two sweeps",
    ),
)

ENTRIES_API = _entity(
    "ledgerEntriesApi", "payments", "ledger_entry", api="custom", reader="entries", optional=True
)
DETAILED_API = _entity("detailedEntriesApi", "payments", "application", api="custom", optional=True)
ENTRIES_PAGE = _entity(
    "ledgerEntriesPage",
    "payments",
    "ledger_entry",
    api="odata",
    keys=("Entry_No",),
    modified=None,
    cursor=True,
    reader="entries",
    optional=True,
)
ENTRIES_GROUPED = _entity(
    "ledgerEntriesGrouped",
    "payments",
    "ledger_entry",
    api="analytics",
    path="customerLedgerEntries",
    keys=("cleEntryNo",),
    modified=None,
    reader="grouped_entries",
    optional=True,
)
ENTRIES_ANALYTICS = _entity(
    "ledgerEntriesAnalytics",
    "payments",
    "application",
    api="analytics",
    path="customerLedgerEntries",
    keys=("cleEntryNo", "dcleEntryNo"),
    modified=None,
    reader="applications",
    optional=True,
)
ENTRIES_FINANCE = _entity(
    "ledgerEntriesFinance",
    "payments",
    "ledger_entry",
    api="finance",
    path="customerLedgerEntries",
    keys=("entryNumber",),
    optional=True,
)
DETAILED_FINANCE = _entity(
    "detailedEntriesFinance",
    "payments",
    "application",
    api="finance",
    path="detailedCustomerLedgerEntries",
    keys=("entryNumber",),
    optional=True,
)
"""No stream: it names no ledger entry. It is asked what moved."""

LISTLESS: frozenset[Reader] = frozenset({"contacts_information", "grouped_entries", "applications"})
"""Readers whose records are made from several rows: the host has no list of their keys and does not count them."""
