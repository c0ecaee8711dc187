"""The customer ledger by its routes: own API page, reportsFinance, Power BI analytics, automate, and published pages.

Sources: AL objects APIFinCustLedgEntry, CustomerLedgerEntries.Query (PowerBIReports), CustomerLedgerEntries.Page,
PostedSalesInvoiceAPI.Page. Here a blank currency code means the local currency; nothing translates it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.simulators.business_central import records as r
from tests.simulators.business_central.schema import (
    EntitySet,
    Field,
    amount,
    day,
    flag,
    guid,
    make,
    option,
    stamp,
    text,
    whole,
)
from tests.simulators.business_central.wire import Edm
from tests.simulators.business_central.world import Company

DOCUMENT_TYPES = (" ", "Payment", "Invoice", "Credit Memo", "Finance Charge Memo", "Reminder", "Refund")
ENTRY_TYPES = (
    " ", "Initial Entry", "Application", "Unrealized Loss", "Unrealized Gain", "Realized Loss", "Realized Gain",
    "Payment Discount", "Payment Tolerance", "Appln. Rounding", "Correction of Remaining Amount",
)  # fmt: skip
VALUE_TYPES = ("Standard", "Heading", "Total", "Begin-Total", "End-Total")
ACCOUNT_TYPES = ("G/L Account", "Customer", "Vendor", "Bank Account", "Fixed Asset")


def owner(attribute: str) -> Any:
    """A field of the entry's customer."""
    return lambda c, row: getattr(c.customer_even_deleted(row.customer_id), attribute)


def debit(attribute: str) -> Any:
    """The positive part of an amount."""
    return lambda c, row: max(getattr(row, attribute), Decimal(0))


def credit(attribute: str) -> Any:
    """The negative part of an amount, as a positive number."""
    return lambda c, row: max(-getattr(row, attribute), Decimal(0))


def blank(company: Company, row: object) -> str:
    """A field nobody filled."""
    return ""


def entries_in_order(company: Company, _: object) -> list[r.LedgerEntry]:
    """Ledger entries by entry number."""
    return list(company.entries.values())


def details_in_order(company: Company, _: object) -> list[r.DetailedEntry]:
    """Detailed entries by entry number."""
    return list(company.detailed.values())


def version(name: str) -> Field:
    """SystemRowVersion."""
    return make(name, Edm.LONG, "row_version")


CUSTOM_LEDGER = EntitySet(
    "customerLedgerEntries",
    "customerLedgerEntry",
    (
        guid("id", "id"),
        whole("entryNumber", "entry_no"),
        guid("customerId", "customer_id"),
        text("customerNumber", owner("number")),
        option("documentType", "document_type", DOCUMENT_TYPES),
        text("documentNumber", "document_no"),
        text("externalDocumentNumber", "external_document_no"),
        text("yourReference", "your_reference"),
        text("description", "description"),
        day("postingDate", "posting_date"),
        day("documentDate", "document_date"),
        day("dueDate", "due_date"),
        day("promisedPayDate", "promised_pay_date"),
        text("currencyCode", "currency_code"),
        amount("originalAmount", "amount"),
        amount("originalAmountLCY", "amount_lcy"),
        amount("remainingAmount", "remaining"),
        amount("remainingAmountLCY", "remaining_lcy"),
        flag("open", "open"),
        day("closedAtDate", "closed_on"),
        text("disputeStatus", "dispute_status"),
        text("onHold", "on_hold"),
        text("salespersonCode", "salesperson_code"),
        text("globalDimension1Code", "shortcut_dimension1"),
        text("globalDimension2Code", "shortcut_dimension2"),
        text("sourceCode", "source_code"),
        flag("reversed", "reversed"),
        whole("transactionNumber", "transaction_no"),
        stamp("systemCreatedAt", "created_at"),
        stamp("systemModifiedAt", "modified_at"),
        version("systemRowVersion"),
    ),
    table=lambda c: c.ledger,
    permission="21 Cust. Ledger Entry",
)
CUSTOM_DETAILED = EntitySet(
    "detailedCustomerLedgerEntries",
    "detailedCustomerLedgerEntry",
    (
        guid("id", "id"),
        whole("entryNumber", "entry_no"),
        whole("customerLedgerEntryNumber", "ledger_entry_no"),
        option("entryType", "entry_type", ENTRY_TYPES),
        day("postingDate", "posting_date"),
        option("documentType", "document_type", DOCUMENT_TYPES),
        text("documentNumber", "document_no"),
        text("customerNumber", owner("number")),
        text("currencyCode", "currency_code"),
        amount("amount", "amount"),
        amount("amountLCY", "amount_lcy"),
        whole("applicationNumber", "application_no"),
        whole("appliedCustomerLedgerEntryNumber", "applied_entry_no"),
        day("initialEntryDueDate", "initial_due_date"),
        option("initialDocumentType", "initial_document_type", DOCUMENT_TYPES),
        flag("unapplied", "unapplied"),
        whole("unappliedByEntryNumber", "unapplied_by"),
        whole("transactionNumber", "transaction_no"),
        stamp("systemCreatedAt", "created_at"),
        stamp("systemModifiedAt", "modified_at"),
        version("systemRowVersion"),
    ),
    table=lambda c: c.detailed,
    permission="379 Detailed Cust. Ledg. Entry",
)
FINANCE_VALUES = EntitySet(
    "dimensionValues",
    "dimensionValue",
    (
        guid("id", "id"),
        text("dimensionCode", lambda c, row: c.dimensions[row.dimension_id].code),
        text("dimensionValueCode", "code"),
        text("dimensionValueName", "name"),
        whole("dimensionValueId", "number"),
        option("dimensionValueType", "type", VALUE_TYPES),
        flag("blocked", "blocked"),
        whole("indentation", "indentation"),
        text("consolidationCode", blank),
        whole(
            "globalDimensionNumber",
            lambda c, row: (
                (
                    [*c.shortcut_dimensions[:2], c.dimensions[row.dimension_id].code].index(
                        c.dimensions[row.dimension_id].code
                    )
                    + 1
                )
                % 3
            ),
        ),
        stamp("lastModifiedDateTime", "modified_at"),
    ),
    table=lambda c: c.dimension_values,
    permission="349 Dimension Value",
)
FINANCE_LEDGER = EntitySet(
    "customerLedgerEntries",
    "customerLedgerEntry",
    (
        whole("entryNumber", "entry_no"),
        option("documentType", "document_type", DOCUMENT_TYPES),
        text("description", "description"),
        day("postingDate", "posting_date"),
        text("documentNumber", "document_no"),
        text("externalDocumentNumber", "external_document_no"),
        text("balancingAccountNumber", blank),
        option("balancingAccountType", lambda c, row: "G/L Account", ACCOUNT_TYPES),
        text("customerNumber", owner("number")),
        flag("open", "open"),
        amount("amount", "amount"),
        amount("debitAmount", debit("amount")),
        amount("creditAmount", credit("amount")),
        amount("amountLocalCurrency", "amount_lcy"),
        whole("dimensionSetID", lambda c, row: 0),
        amount("debitAmountLocalCurrency", debit("amount_lcy")),
        amount("creditAmountLocalCurrency", credit("amount_lcy")),
        text("currencyCode", "currency_code"),
        text("yourReference", "your_reference"),
        stamp("lastModifiedDateTime", "modified_at"),
    ),
    rows=entries_in_order,
    key="entryNumber",
    tagged=False,
    permission="21 Cust. Ledger Entry",
)
FINANCE_DETAILED = EntitySet(
    "detailedCustomerLedgerEntries",
    "detailedCustomerLedgerEntry",
    (
        whole("entryNumber", "entry_no"),
        option("entryType", "entry_type", ENTRY_TYPES),
        text("customerNumber", owner("number")),
        amount("amount", "amount"),
        amount("debitAmount", debit("amount")),
        amount("creditAmount", credit("amount")),
        amount("amountLocalCurrency", "amount_lcy"),
        text("initialEntryGLobalDim1", blank),
        text("initialEntryGLobalDim2", blank),
        day("postingDate", "posting_date"),
        text("currencyCode", "currency_code"),
        stamp("lastModifiedDateTime", "modified_at"),
    ),
    rows=details_in_order,
    key="entryNumber",
    tagged=False,
    permission="379 Detailed Cust. Ledg. Entry",
)


@dataclass
class Joined:
    """A row of the Power BI query: a ledger entry joined with one of its detailed entries."""

    entry: r.LedgerEntry
    detail: r.DetailedEntry
    row_version: int = 0


def joined(company: Company, _: object) -> Iterator[Joined]:
    """The rows of the query."""
    return (Joined(company.entries[x.ledger_entry_no], x) for x in company.detailed.values())


def of_entry(attribute: str) -> Any:
    """A field of the ledger entry."""
    return lambda c, row: getattr(row.entry, attribute)


def of_detail(attribute: str) -> Any:
    """A field of the detailed entry."""
    return lambda c, row: getattr(row.detail, attribute)


def of_invoice(attribute: str) -> Any:
    """The posted invoice header joined to the query; blank for other documents."""

    def read(company: Company, row: Joined) -> object:
        found = company.invoices.get(row.entry.document_id or "")
        return getattr(found, attribute) if found else None

    return read


ANALYTICS_LEDGER = EntitySet(
    "customerLedgerEntries",
    "customerLedgerEntry",
    (
        whole("cleEntryNo", of_entry("entry_no")),
        day("cleDueDate", of_entry("due_date")),
        flag("cleOpen", of_entry("open")),
        day("clePostingDate", of_entry("posting_date")),
        day("cleDocumentDate", of_entry("document_date")),
        whole("cleDimensionSetID", lambda c, row: 0),
        day("cleClosedAtDate", of_entry("closed_on")),
        text("cleReasonCode", of_entry("reason_code")),
        whole("dcleEntryNo", of_detail("entry_no")),
        day("dclePostingDate", of_detail("posting_date")),
        amount(
            "dcleLedgerEntryAmount",
            lambda c, row: row.entry.amount_lcy if row.detail.entry_type == "Initial Entry" else Decimal(0),
        ),
        option("dcleEntryType", of_detail("entry_type"), ENTRY_TYPES),
        option("dcleDocumentType", of_detail("document_type"), DOCUMENT_TYPES),
        text("dcleDocumentNo", of_detail("document_no")),
        day("dcleInitialEntryDueDate", of_detail("initial_due_date")),
        amount("dcleAmountLCY", of_detail("amount_lcy")),
        text("dcleCustomerNo", lambda c, row: c.customer_even_deleted(row.detail.customer_id).number),
        whole("dcleApplicationNo", of_detail("application_no")),
        whole("dcleAppliedCustLedgerEntryNo", of_detail("applied_entry_no")),
        text("salesInvHeaderNo", of_invoice("number")),
        day("salesInvHeaderPromisedPayDate", of_invoice("promised_pay_date"), since=25),
    ),
    rows=joined,
    key="dcleEntryNo",
    tagged=False,
    permission="21 Cust. Ledger Entry",
    is_query=True,
)
ANALYTICS_SALESPEOPLE = EntitySet(
    "salespersonPurchasers",
    "salespersonPurchaser",
    (text("salespersonPurchaserCode", "code"), text("salespersonPurchaserName", "name")),
    rows=lambda c, _: sorted(c.salespeople.values(), key=lambda x: x.code),
    key="salespersonPurchaserCode",
    tagged=False,
    permission="13 Salesperson/Purchaser",
    is_query=True,
)


def posted_invoices(company: Company, _: object) -> list[r.SalesDocument]:
    """Posted invoices by the SystemId of the posted header."""
    found = [x for x in company.invoices.values() if x.posted_id]
    return sorted(found, key=lambda x: x.posted_id or "")


AUTOMATE_INVOICES = EntitySet(
    "postedSalesInvoices",
    "postedSalesInvoice",
    (
        guid("id", "posted_id"),
        text("number", "number"),
        guid("apiId", "id"),
        stamp("lastModifiedDateTime", "modified_at"),
    ),
    rows=posted_invoices,
    permission="112 Sales Invoice Header",
)
