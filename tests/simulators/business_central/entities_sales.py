"""API v2.0 sales invoices and credit memos with their lines: drafts and posted documents in one set.

Sources: AL pages APIV2SalesInvoices, APIV2SalesInvoiceLines, APIV2SalesCreditMemos, APIV2SalesCreditMemLines.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tests.simulators.business_central import records as r
from tests.simulators.business_central.entities_setup import currency_id, dimension_lines
from tests.simulators.business_central.errors import dialog
from tests.simulators.business_central.schema import (
    EntitySet,
    Field,
    Nav,
    amount,
    day,
    flag,
    guid,
    option,
    stamp,
    text,
    whole,
)
from tests.simulators.business_central.world import Company

LINE_TYPES = ("Comment", "Account", "Item", "Resource", "Fixed Asset", "Charge", "Allocation Account")
INVOICE_STATUSES = (" ", "Draft", "In Review", "Open", "Paid", "Canceled", "Corrective")
MEMO_STATUSES = (" ", "Draft", "In Review", "Open", "Canceled", "Corrective", "Paid")
NO_PARENT = "You must specify an Id or a Document Id to get the lines."


def buyer(attribute: str) -> Any:
    """A field of the sell-to customer."""
    return lambda c, row: getattr(c.customer_even_deleted(row.customer_id), attribute)


def payer(attribute: str) -> Any:
    """A field of the bill-to customer, who is the debtor."""
    return lambda c, row: getattr(c.customer_even_deleted(row.bill_to_id), attribute)


def _address(prefix: str, of: Any) -> tuple[Field, ...]:
    parts = (
        ("AddressLine1", "address1"),
        ("AddressLine2", "address2"),
        ("City", "city"),
        ("Country", "country"),
        ("State", "state"),
        ("PostCode", "postcode"),
    )
    return tuple(text(prefix + name, of(attribute)) for name, attribute in parts)


def lines(company: Company, row: r.SalesDocument) -> list[r.DocumentLine]:
    """The lines of a document, by SystemId as keyset paging walks them."""
    return sorted(row.lines, key=lambda line: line.id)


def _flat_lines(table: str) -> Any:
    """The flat line endpoint: only with the document's id."""

    def rows(company: Company, equalities: Mapping[str, Any]) -> list[r.DocumentLine]:
        if not equalities.get("documentId"):
            raise dialog(NO_PARENT)
        document = getattr(company, table).get(str(equalities["documentId"]))
        return lines(company, document) if document else []

    return rows


def _customer(company: Company, row: r.SalesDocument) -> list[r.Customer]:
    found = company.customers.get(row.customer_id)
    return [found] if found else []


def _currency(company: Company, row: r.SalesDocument) -> list[r.Currency]:
    return [x for x in company.currencies.values() if x.code == row.currency_code]


def _term(company: Company, row: r.SalesDocument) -> list[r.PaymentTerm]:
    found = company.payment_terms.get(row.payment_terms_id or "")
    return [found] if found else []


def dispute_code(company: Company, row: r.SalesDocument) -> str:
    """The code of the dispute status."""
    found = company.dispute_statuses.get(row.dispute_status_id or "")
    return found.code if found else ""


def _applied_invoice(company: Company, row: r.SalesDocument) -> str | None:
    """Only an applies-to that is a posted sales invoice has an id."""
    found = company.invoices.get(row.applies_to_id or "")
    return found.id if found and found.posted else None


START = (guid("id", "id"), text("number", "number"), text("externalDocumentNumber", "external_number"))
PARTIES = (
    guid("customerId", "customer_id"),
    text("customerNumber", buyer("number")),
    text("customerName", buyer("name")),
    text("billToName", payer("name")),
    guid("billToCustomerId", "bill_to_id"),
    text("billToCustomerNumber", payer("number")),
)
CURRENCY = (
    guid("currencyId", lambda c, row: currency_id(c, row.currency_code)),
    text("shortcutDimension1Code", "shortcut_dimension1", since=19),
    text("shortcutDimension2Code", "shortcut_dimension2", since=19),
    text("currencyCode", lambda c, row: row.currency_code or c.local_currency),
)
TERMS = (
    guid("paymentTermsId", "payment_terms_id"),
    guid("shipmentMethodId", lambda c, row: None),
    text("salesperson", "salesperson_code"),
)
TOTALS = (
    amount("discountAmount", lambda c, row: 0),
    flag("discountAppliedBeforeTax", lambda c, row: True),
    amount("totalAmountExcludingTax", "net"),
    amount("totalTaxAmount", "tax"),
    amount("totalAmountIncludingTax", "gross"),
)
END = (
    stamp("lastModifiedDateTime", "modified_at"),
    text("phoneNumber", buyer("phone")),
    text("email", buyer("email")),
)


def _navs(lines_set: str) -> tuple[Nav, ...]:
    return (
        Nav("customer", "customers", False, _customer),
        Nav("currency", "currencies", False, _currency),
        Nav("paymentTerm", "paymentTerms", False, _term),
        Nav("dimensionSetLines", "dimensionSetLines", True, dimension_lines),
        Nav(lines_set, lines_set, True, lines),
    )


SALES_INVOICES = EntitySet(
    "salesInvoices",
    "salesInvoice",
    (
        *START,
        day("invoiceDate", "document_date"),
        day("postingDate", "posting_date"),
        day("dueDate", "due_date"),
        day("promisedPayDate", "promised_pay_date", since=25),
        text("customerPurchaseOrderReference", "your_reference"),
        *PARTIES,
        text("shipToName", buyer("name")),
        text("shipToContact", lambda c, row: ""),
        *_address("sellTo", buyer),
        *_address("billTo", payer),
        *_address("shipTo", buyer),
        *CURRENCY,
        guid("orderId", lambda c, row: None),
        text("orderNumber", "order_number"),
        *TERMS,
        guid("disputeStatusId", "dispute_status_id", since=25),
        text("disputeStatus", dispute_code, since=25),
        flag("pricesIncludeTax", lambda c, row: False),
        amount("remainingAmount", lambda c, row: c.remaining_of(row)),
        *TOTALS,
        option("status", lambda c, row: c.status_of(row), INVOICE_STATUSES),
        *END,
    ),
    table=lambda c: c.invoices,
    navs=_navs("salesInvoiceLines"),
    permission="5475 Sales Invoice Entity Aggregate",
)
SALES_CREDIT_MEMOS = EntitySet(
    "salesCreditMemos",
    "salesCreditMemo",
    (
        *START,
        day("creditMemoDate", "document_date"),
        day("postingDate", "posting_date"),
        day("dueDate", "due_date"),
        *PARTIES,
        *_address("sellTo", buyer),
        *_address("billTo", payer),
        *CURRENCY,
        *TERMS,
        flag("pricesIncludeTax", lambda c, row: False),
        *TOTALS,
        option("status", lambda c, row: c.status_of(row), MEMO_STATUSES),
        stamp("lastModifiedDateTime", "modified_at"),
        guid("invoiceId", _applied_invoice),
        text("invoiceNumber", "applies_to_number"),
        text("phoneNumber", buyer("phone")),
        text("email", buyer("email")),
        guid("customerReturnReasonId", lambda c, row: None),
    ),
    table=lambda c: c.credit_memos,
    navs=_navs("salesCreditMemoLines"),
    permission="5507 Sales Cr. Memo Entity Buffer",
)
LINE_FIELDS = (
    guid("id", "id"),
    guid("documentId", "document_id"),
    whole("sequence", "sequence"),
    guid("itemId", lambda c, row: None),
    guid(
        "accountId",
        lambda c, row: next((x.id for x in c.accounts.values() if x.number == row.object_number), None),
    ),
    option("lineType", "type", LINE_TYPES),
    text("lineObjectNumber", "object_number"),
    text("description", "description"),
    text("description2", "description2"),
    guid("unitOfMeasureId", lambda c, row: None),
    text("unitOfMeasureCode", lambda c, row: ""),
    amount("quantity", "quantity"),
    amount("unitPrice", "unit_price"),
    amount("discountAmount", "discount"),
    amount("discountPercent", lambda c, row: 0),
    flag("discountAppliedBeforeTax", lambda c, row: False),
    amount("amountExcludingTax", "net"),
    text("taxCode", lambda c, row: "STANDARD" if row.tax_percent else ""),
    amount("taxPercent", "tax_percent"),
    amount("totalTaxAmount", "tax"),
    amount("amountIncludingTax", "gross"),
    amount("invoiceDiscountAllocation", lambda c, row: Decimal(0)),
    amount("netAmount", "net"),
    amount("netTaxAmount", "tax"),
    amount("netAmountIncludingTax", "gross"),
    day("shipmentDate", "shipment_date"),
    guid("itemVariantId", lambda c, row: None),
    guid("locationId", lambda c, row: None),
)
INVOICE_LINES = EntitySet(
    "salesInvoiceLines",
    "salesInvoiceLine",
    LINE_FIELDS,
    rows=_flat_lines("invoices"),
    permission="113 Sales Invoice Line",
)
MEMO_LINES = EntitySet(
    "salesCreditMemoLines",
    "salesCreditMemoLine",
    LINE_FIELDS,
    rows=_flat_lines("credit_memos"),
    permission="115 Sales Cr.Memo Line",
)


def journal_lines(company: Company, row: r.Coded) -> list[r.JournalLine]:
    """The unposted payments of a journal."""
    return [x for x in company.journal_lines.in_key_order() if x.journal_id == row.id]


def _flat_payments(company: Company, equalities: Mapping[str, Any]) -> list[r.JournalLine]:
    journal = company.payment_journals.get(str(equalities.get("journalId", "")))
    line = company.journal_lines.get(str(equalities.get("id", "")))
    if journal is None and line is None:
        raise dialog("You must specify a journal batch ID or a journal ID to get a journal line.")
    return journal_lines(company, journal) if journal else [line] if line else []


def _applied(company: Company, row: r.JournalLine) -> str | None:
    return next(
        (x.id for x in company.invoices.values() if row.applies_to and x.number == row.applies_to), None
    )


PAYMENT_JOURNALS = EntitySet(
    "customerPaymentJournals",
    "customerPaymentJournal",
    (
        guid("id", "id"),
        text("code", "code"),
        text("displayName", "name"),
        stamp("lastModifiedDateTime", "modified_at"),
        guid("balancingAccountId", lambda c, row: None),
        text("balancingAccountNumber", lambda c, row: ""),
    ),
    table=lambda c: c.payment_journals,
    navs=(Nav("customerPayments", "customerPayments", True, journal_lines),),
    permission="232 Gen. Journal Batch",
)
PAYMENTS = EntitySet(
    "customerPayments",
    "customerPayment",
    (
        guid("id", "id"),
        guid("journalId", "journal_id"),
        text("journalDisplayName", lambda c, row: c.payment_journals[row.journal_id].code),
        whole("lineNumber", "line_number"),
        guid("customerId", "customer_id"),
        text("customerNumber", buyer("number")),
        day("postingDate", "posting_date"),
        text("documentNumber", "document_no"),
        text("externalDocumentNumber", lambda c, row: ""),
        amount("amount", "amount"),
        guid("appliesToInvoiceId", _applied),
        text("appliesToInvoiceNumber", "applies_to"),
        text("description", buyer("name")),
        text("comment", lambda c, row: ""),
        stamp("lastModifiedDateTime", "modified_at"),
    ),
    rows=_flat_payments,
    permission="81 Gen. Journal Line",
)
SALES = (PAYMENT_JOURNALS, PAYMENTS, SALES_INVOICES, SALES_CREDIT_MEMOS, INVOICE_LINES, MEMO_LINES)
