"""Customer ledger entries and their applications, by five routes with five spellings.

Signs are the ledger's: invoices and refunds above nought, payments and credit memos below. A blank currency is the local one
(None), unlike in the API v2.0, which puts the local code there.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from typing_extensions import TypedDict

from mappings.business_central.settings import BusinessCentralMapping
from mappings.toolkit.fields import (
    Day,
    EntryNo,
    Flag,
    Instant,
    Key,
    Money,
    Text,
    is_negative,
    member,
    plain,
    unsigned,
    wire,
)
from mappings.toolkit.rows import Refused, Row
from mappings.toolkit.shapes import Finish, Shape, choose, exclude, keep
from sync_engine.ports import Normalised

DOCUMENT_TYPE = {
    "Invoice": "invoice",
    "Credit Memo": "credit_memo",
    "Payment": "payment",
    "Refund": "refund",
    "Finance Charge Memo": "finance_charge",
    "Reminder": "reminder",
}
"""The blank type is a journal line without one."""


class PageEntry(TypedDict, total=False):
    """The published page Cust_LedgerEntries (page 25); only columns visible in the tenant's page are there."""

    entry_no: Annotated[EntryNo, wire("Entry_No")]
    document_type: Annotated[Text, wire("Document_Type")]
    document_no: Annotated[Text, wire("Document_No")]
    debtor_number: Annotated[Text, wire("Customer_No")]
    posting_date: Annotated[Day, wire("Posting_Date")]
    document_date: Annotated[Day, wire("Document_Date")]
    due_date: Annotated[Day, wire("Due_Date")]
    currency: Annotated[Text, wire("Currency_Code")]
    amount: Annotated[Money, wire("Amount", "Original_Amount")]
    amount_base: Annotated[Money, wire("Amount_LCY", "Original_Amt_LCY")]
    remaining: Annotated[Money, wire("Remaining_Amount")]
    remaining_base: Annotated[Money, wire("Remaining_Amt_LCY")]
    is_open: Annotated[Flag, wire("Open")]
    closed_date: Annotated[Day, wire("Closed_at_Date")]
    external_no: Annotated[Text, wire("External_Document_No")]
    description: Annotated[Text, wire("Description")]
    reversed: Annotated[Flag, wire("Reversed")]
    dispute_reason: Annotated[Text, wire("Dispute_Status")]
    promised_date: Annotated[Day, wire("Promised_Pay_Date")]
    method: Annotated[Text, wire("Payment_Method_Code")]


class ApiEntry(TypedDict, total=False):
    """An installation's own API page over Cust. Ledger Entry; other names by the setting `ledger_fields`."""

    entry_no: Annotated[EntryNo, wire("entryNumber", "entryNo")]
    document_type: Annotated[Text, wire("documentType")]
    document_no: Annotated[Text, wire("documentNumber", "documentNo")]
    debtor_key: Annotated[Key, wire("customerId")]
    debtor_number: Annotated[Text, wire("customerNumber", "customerNo")]
    posting_date: Annotated[Day, wire("postingDate")]
    document_date: Annotated[Day, wire("documentDate")]
    due_date: Annotated[Day, wire("dueDate")]
    currency: Annotated[Text, wire("currencyCode")]
    amount: Annotated[Money, wire("amount", "originalAmount")]
    amount_base: Annotated[Money, wire("amountLocalCurrency", "amountLCY", "originalAmountLCY")]
    remaining: Annotated[Money, wire("remainingAmount")]
    remaining_base: Annotated[
        Money, wire("remainingAmountLocalCurrency", "remainingAmountLCY", "remainingAmtLCY")
    ]
    is_open: Annotated[Flag, wire("open")]
    closed_date: Annotated[Day, wire("closedAtDate")]
    external_no: Annotated[Text, wire("externalDocumentNumber", "externalDocumentNo")]
    description: Annotated[Text, wire("description")]
    reversed: Annotated[Flag, wire("reversed")]
    dispute_reason: Annotated[Text, wire("disputeStatus")]
    promised_date: Annotated[Day, wire("promisedPayDate")]
    method: Annotated[Text, wire("paymentMethodCode")]
    source_modified_at: Annotated[Instant, wire("lastModifiedDateTime", "systemModifiedAt")]


class FinanceEntry(TypedDict, total=False):
    """customerLedgerEntries of reportsFinance: no remaining amount, no due date, no applications."""

    entry_no: Annotated[EntryNo, wire("entryNumber")]
    document_type: Annotated[Text, wire("documentType")]
    document_no: Annotated[Text, wire("documentNumber")]
    debtor_number: Annotated[Text, wire("customerNumber")]
    posting_date: Annotated[Day, wire("postingDate")]
    currency: Annotated[Text, wire("currencyCode")]
    amount: Annotated[Money, wire("amount")]
    amount_base: Annotated[Money, wire("amountLocalCurrency")]
    is_open: Annotated[Flag, wire("open")]
    external_no: Annotated[Text, wire("externalDocumentNumber")]
    description: Annotated[Text, wire("description")]
    source_modified_at: Annotated[Instant, wire("lastModifiedDateTime")]


class AnalyticsRow(TypedDict, total=False):
    """customerLedgerEntries of the Power BI app, one row per *detailed* entry, in local currency only: here an application.

    That it was undone no row says; the connector finds the row that undoes it and adds its date.
    """

    entry_type: Annotated[Text, wire("dcleEntryType")]
    entry_no: Annotated[EntryNo, wire("cleEntryNo")]
    applied_no: Annotated[EntryNo, wire("dcleAppliedCustLedgerEntryNo")]
    amount_base: Annotated[Money, wire("dcleAmountLCY")]
    applied_on: Annotated[Day, wire("dclePostingDate")]
    reversed_on: Annotated[Day, wire("@syncEngine.undoneOn")]


class GroupedRow(TypedDict, total=False):
    """A row of the same query as part of its entry."""

    entry_type: Annotated[Text, wire("dcleEntryType")]
    document_type: Annotated[Text, wire("dcleDocumentType")]
    document_no: Annotated[Text, wire("dcleDocumentNo")]
    amount_base: Annotated[Money, wire("dcleAmountLCY")]
    debtor_number: Annotated[Text, wire("dcleCustomerNo")]
    is_open: Annotated[Flag, wire("cleOpen")]
    posting_date: Annotated[Day, wire("clePostingDate")]
    document_date: Annotated[Day, wire("cleDocumentDate")]
    due_date: Annotated[Day, wire("cleDueDate")]
    closed_date: Annotated[Day, wire("cleClosedAtDate")]
    promised_date: Annotated[Day, wire("salesInvHeaderPromisedPayDate")]


class GroupedEntry(TypedDict, total=False):
    """An entry with all its rows, put together by the connector: what remains is their sum."""

    entry_no: Annotated[EntryNo, wire("cleEntryNo")]
    rows: Annotated[list[GroupedRow] | None, wire("rows")]


class DetailedEntry(TypedDict, total=False):
    """An installation's own page over Detailed Cust. Ledg. Entry; other names by the setting `application_fields`."""

    entry_type: Annotated[Text, wire("entryType")]
    entry_no: Annotated[
        EntryNo,
        wire("customerLedgerEntryNumber", "custLedgerEntryNumber", "custLedgerEntryNo", "ledgerEntryNumber"),
    ]
    applied_no: Annotated[
        EntryNo,
        wire("appliedCustomerLedgerEntryNumber", "appliedCustLedgerEntryNumber", "appliedCustLedgerEntryNo",
             "appliedLedgerEntryNumber"),
    ]  # fmt: skip
    amount: Annotated[Money, wire("amount")]
    amount_base: Annotated[Money, wire("amountLocalCurrency", "amountLCY")]
    currency: Annotated[Text, wire("currencyCode")]
    applied_on: Annotated[Day, wire("postingDate")]
    is_reversed: Annotated[Flag, wire("unapplied")]
    reversed_by: Annotated[EntryNo, wire("unappliedByEntryNumber", "unappliedByEntryNo")]


def _entry(remaining: str = "") -> Finish:
    """`remaining` is what the route calls what remains, where it tells that: blank is not nought, unless the entry is closed."""

    def finish(key: str, row: Row, out: Normalised) -> None:
        """Some OData services send an all-blank row first."""
        if not row.get("entry_no"):
            exclude(key, "blank row", out)
            return
        if remaining and "remaining" in row and row["remaining"] is None and row.get("is_open") is not False:
            raise Refused(remaining, f"{remaining} is blank: what remains of the entry cannot be told")
        choose(key, row, "document_type", DOCUMENT_TYPE, out, blank="journal")
        keep(key, row, out)

    return finish


def _grouped(key: str, row: Row, out: Normalised) -> None:
    """Of its own the query says no currency and no amount in it: both are left out, and base amounts remain.

    Rows are read page by page while others post, so the last one knows best whether the entry is open.
    """
    entry_no, rows = row.get("entry_no"), row.get("rows") or []
    if not entry_no:
        exclude(key, "blank row", out)
        return
    first = next((part for part in rows if member(part.get("entry_type") or "") == "Initial Entry"), None)
    if first is None:
        exclude(key, "its initial entry is outside the dates of the Power BI set-up", out)
        return
    amounts = [Decimal(part["amount_base"]) for part in rows if part.get("amount_base") is not None]
    if len(amounts) < len(rows):
        raise Refused(
            "dcleAmountLCY", "dcleAmountLCY is missing in one of its rows: what remains cannot be told"
        )
    entry: Row = {
        "entry_no": entry_no,
        "amount_base": first["amount_base"],
        "remaining_base": plain(sum(amounts)),
    }
    entry |= {
        name: first[name] for name in ("document_type", "document_no", "debtor_number") if name in first
    }
    entry |= {name: rows[-1][name] for name in _OF_THE_ENTRY if name in rows[-1]}
    choose(key, entry, "document_type", DOCUMENT_TYPE, out, blank="journal")
    keep(key, entry, out)


_OF_THE_ENTRY = ("is_open", "posting_date", "document_date", "due_date", "closed_date", "promised_date")


def _sides(entry_no: str, applied_no: str, amount: str) -> dict[str, str]:
    """Which entry paid which: what lowers an entry above nought is paid by the other one."""
    owing, paying = (entry_no, applied_no) if is_negative(amount) else (applied_no, entry_no)
    return {"from_entry": paying, "to_entry": owing}


DEDUCTIONS = frozenset(
    {
        "Payment Discount",
        "Payment Discount (VAT Excl.)",
        "Payment Discount (VAT Adjustment)",
        "Payment Tolerance",
        "Payment Discount Tolerance",
        "Payment Tolerance (VAT Excl.)",
        "Payment Tolerance (VAT Adjustment)",
        "Payment Discount Tolerance (VAT Excl.)",
        "Payment Discount Tolerance (VAT Adjustment)",
        "Appln. Rounding",
        "Correction of Remaining Amount",
    }
)
"""Detailed entry types that lower what is owed in the document's currency without money (DetailedCVLedgerEntryType, AL); gains and
losses of exchange change only the local amount."""


def _deduction(key: str, row: Row, kind: str, entry_no: str, out: Normalised) -> None:
    """What was deducted settles the entry: it lowers it, so the wire's sign is turned."""
    for column in ("amount", "amount_base"):
        if row.get(column) is not None:
            row[column] = plain(-Decimal(row[column]))
    row |= {"to_entry": entry_no, "deduction": kind.casefold(), "is_reversed": bool(row.get("is_reversed"))}
    keep(key, row, out)


def _application(key: str, row: Row, out: Normalised) -> None:
    """One application is two rows, one on each entry; both name the applying entry (GenJnlPostLine, AL).

    The row on the other entry names both sides, so it alone becomes the draft, whatever batch its twin is in. Undoing adds two
    rows against the first two: they say nothing of their own, the first ones are then `unapplied` with `unapplied by` set.
    """
    kind = member(row.pop("entry_type", None) or "")
    entry_no, applied_no = row.pop("entry_no", None), row.pop("applied_no", None)
    undoes = "reversed_by" in row and row.pop("reversed_by") is None
    if kind in DEDUCTIONS and entry_no and not (undoes and row.get("is_reversed")):
        _deduction(key, row, kind, entry_no, out)
        return
    if kind != "Application":
        exclude(key, f"detailed entry that is no application ({kind or 'blank'})", out)
        return
    if not entry_no or not applied_no:
        exclude(key, "application that does not name the other entry", out)
        return
    if entry_no == applied_no:
        exclude(key, "twin row of an application", out)
        return
    if undoes and row.get("is_reversed"):
        exclude(key, "row that undoes an application", out)
        return
    measure = row.get("amount") or row.get("amount_base")
    if measure is None:
        raise Refused("amount", "says no amount")
    row.update(_sides(entry_no, applied_no, measure))
    for column in ("amount", "amount_base"):
        if row.get(column) is not None:
            row[column] = unsigned(row[column])
    if row.get("is_reversed") is None:
        row["is_reversed"] = row.get("reversed_on") is not None
    keep(key, row, out)


def shapes(settings: BusinessCentralMapping) -> dict[str, Shape]:
    """The wire entities of this module."""
    return {
        "ledgerEntriesPage": Shape(PageEntry, _entry("Remaining_Amount")),
        "ledgerEntriesApi": Shape(
            ApiEntry,
            _entry(settings.ledger_fields.get("remaining", "remainingAmount")),
            aliases=settings.ledger_fields,
        ),
        "ledgerEntriesFinance": Shape(FinanceEntry, _entry()),
        "ledgerEntriesGrouped": Shape(GroupedEntry, _grouped),
        "ledgerEntriesAnalytics": Shape(AnalyticsRow, _application),
        "detailedEntriesApi": Shape(DetailedEntry, _application, aliases=settings.application_fields),
    }
