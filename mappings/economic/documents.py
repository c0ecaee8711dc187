"""Booked invoices with their lines, entries on customers' accounts, and what settled what.

Where a field has two names, the second is that of SOAP. On the wire credit notes and payments are below nought, and a rate is for a
hundred units of its currency.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from typing_extensions import TypedDict

from mappings.toolkit.fields import (
    EntryNo,
    Id,
    LocalDay,
    Money,
    Rate,
    Text,
    Whole,
    at,
    is_negative,
    is_zero,
    plain,
    turn,
    wire,
)
from mappings.toolkit.rows import Refused, Row
from mappings.toolkit.shapes import Shape, choose, exclude, keep
from sync_engine.ports import Draft, Normalised


class Line(TypedDict, total=False):
    """A line of q2capi, which the connector puts to its invoice."""

    number: Annotated[Id, wire("number", "Number")]
    line_no: Annotated[Whole, wire("userInterfaceNumber", "Number")]
    description: Annotated[Text, wire("description", "Description")]
    item: Annotated[Text, wire("productNumber", ("ProductHandle", "Number"))]
    quantity: Annotated[Rate, wire("quantity", "Quantity")]
    unit: Annotated[Id, wire("unitNumber", ("UnitHandle", "Number"))]
    unit_price: Annotated[Rate, wire("unitNetPrice", "UnitNetPrice")]
    discount_pct: Annotated[Rate, wire("discountPercentage", "DiscountAsPercent")]
    net: Annotated[Money, wire("totalNetAmount", "TotalNetAmount")]
    tax: Annotated[Money, wire("vatAmount", "VatAmount")]


class Invoice(TypedDict, total=False):
    """/invoices/booked. The recipient is who it was sent to then, and not the customer as it is now."""

    number: Annotated[Id, wire("bookedInvoiceNumber", "Number")]
    debtor_key: Annotated[Id, wire(("customer", "customerNumber"), ("DebtorHandle", "Number"))]
    issue_date: Annotated[LocalDay, wire("date", "Date")]
    due_date: Annotated[LocalDay, wire("dueDate", "DueDate")]
    currency: Annotated[Text, wire("currency", ("CurrencyHandle", "Code"))]
    exchange_rate: Annotated[Rate, wire("exchangeRate")]
    subtotal: Annotated[Money, wire("netAmount", "NetAmount")]
    tax: Annotated[Money, wire("vatAmount", "VatAmount")]
    total: Annotated[Money, wire("grossAmount", "GrossAmount")]
    open_amount: Annotated[Money, wire("remainder", "Remainder")]
    terms: Annotated[Id, wire(("paymentTerms", "paymentTermsNumber"), ("TermOfPaymentHandle", "Id"))]
    owner_code: Annotated[
        Id, wire(("references", "salesPerson", "employeeNumber"), ("OurReferenceHandle", "Number"))
    ]
    second: Annotated[
        Id, wire(("references", "vendorReference", "employeeNumber"), ("OurReference2Handle", "Number"))
    ]
    po_number: Annotated[Text, wire(("references", "other"), "OtherReference")]
    reference: Annotated[Text, wire(("notes", "heading"), "Heading")]
    recipient: Annotated[Text, wire(("recipient", "name"), "DebtorName")]
    lines: Annotated[list[Line] | None, wire("@syncEngine.lines")]


class Entry(TypedDict, total=False):
    """booked-entries on accounts of receivables."""

    entry_no: Annotated[EntryNo, wire("entryNumber", "SerialNumber")]
    document_type: Annotated[Id, wire("type", "Type")]
    document_no: Annotated[Id, wire("customerInvoiceNumber", "InvoiceNumber")]
    debtor_key: Annotated[Id, wire("customerNumber", ("DebtorHandle", "Number"))]
    posting_date: Annotated[LocalDay, wire("date", "Date")]
    due_date: Annotated[LocalDay, wire("dueDate", "DueDate")]
    currency: Annotated[Text, wire("currencyCode", ("CurrencyHandle", "Code"))]
    amount: Annotated[Money, wire("amount", "Amount")]
    amount_base: Annotated[Money, wire("amountInBaseCurrency", "AmountDefaultCurrency")]
    remaining: Annotated[Money, wire("remainder", "Remainder")]
    description: Annotated[Text, wire("text", "Text")]


class Pair(TypedDict, total=False):
    """matched-pairs, with what the connector found that they settled."""

    from_entry: Annotated[EntryNo, wire("fromEntry")]
    to_entry: Annotated[EntryNo, wire("toEntry")]
    from_date: Annotated[LocalDay, wire("fromEntryDate")]
    to_date: Annotated[LocalDay, wire("toEntryDate")]
    from_amount: Annotated[Money, wire("fromEntryAmount")]
    to_amount: Annotated[Money, wire("toEntryAmount")]
    amount: Annotated[Money, at("@syncEngine.settled", "amount")]
    amount_base: Annotated[Money, at("@syncEngine.settled", "base")]


KINDS = {
    **dict.fromkeys(("5", "7", "8", "9", "10"), ("journal", "journal")),
    "1": ("invoice", "credit_memo"),
    "2": ("refund", "payment"),
    "6": ("finance_charge", "journal"),
}
"""Type of an entry -> what it is above nought, and below. A manual invoice (10) was made elsewhere: no booked invoice has its number."""
SYSTEM = "9"
OF_SOAP = {
    "DebtorInvoice": "1",
    "DebtorPayment": "2",
    "JournalEntry": "5",
    "Reminder": "6",
    "OpeningEntry": "7",
    "TransferredOpeningEntry": "8",
    "SystemEntry": SYSTEM,
    "ManualDebtorInvoice": "10",
}
"""What SOAP calls the types."""


def _invoice(key: str, row: Row, out: Normalised) -> None:
    """One below nought is a credit note: all its amounts are turned."""
    total, rest = _said(row, "total", "grossAmount"), _said(row, "open_amount", "remainder")
    lines: list[Row] = row.pop("lines", None) or []
    row["erp_status"] = (
        "paid" if is_zero(rest) else "open" if Decimal(rest) == Decimal(total) else "partially_paid"
    )
    row["kind"] = "credit_note" if is_negative(total) else "invoice"
    if is_negative(total):
        turn(row, "subtotal", "tax", "total", "open_amount")
    for column in ("issue_date", "due_date"):
        if row.get(column):
            row[column] = row[column][:10]  # SOAP writes midnights
    for line in lines:
        line["line_key"] = f"{key}|{line.pop('number', None)}"
        if is_negative(total):
            turn(line, "quantity", "net", "tax")
    if row.get("exchange_rate") is not None:
        row["exchange_rate"] = plain(Decimal(row["exchange_rate"]) / 100)
    terms, second = row.pop("terms", None), row.pop("second", None)
    row["terms_key"] = terms and f"terms/{terms}"
    row["owner_code"] = row.get("owner_code") or second
    row["custom"] = {"recipient": row.pop("recipient", None)}
    out.drafts.append(Draft(key, {**row, "is_posted": True}, lines))


def _said(row: Row, column: str, name: str) -> str:
    """An amount without which nobody can tell what is owed. Raises Refused."""
    if row.get(column) is None:
        raise Refused(name, f"{name} is missing: what is still owed cannot be told")
    return str(row[column])


def _entry(key: str, row: Row, out: Normalised) -> None:
    amount, rest = _said(row, "amount", "amount"), _said(row, "remaining", "remainder")
    kind = row.get("document_type")
    row["document_type"] = OF_SOAP.get(kind or "", kind)
    if row.get("document_no") == "0":  # as SOAP writes none
        row["document_no"] = None
    if row["document_type"] == SYSTEM and is_zero(amount) and is_zero(rest):
        exclude(key, "difference of exchange rates, in base currency only", out)
        return
    choose(
        key, row, "document_type", {code: kinds[is_negative(amount)] for code, kinds in KINDS.items()}, out
    )
    row["is_open"] = not is_zero(rest)
    if row.get("amount_base") is not None:  # what remains is worth what it was when it was booked
        share = (
            Decimal(row["amount_base"]) * Decimal(rest) / Decimal(amount) if row["is_open"] else Decimal(0)
        )
        row["remaining_base"] = plain(round(share, 2))
    for column in ("posting_date", "due_date"):
        row[column] = row[column][:10] if row.get(column) else None
    row["document_date"] = row["posting_date"]
    keep(key, row, out)


def _pair(key: str, row: Row, out: Normalised) -> None:
    """The side below nought paid, whichever of the two is named first."""
    one, other = row.pop("from_amount", None), row.pop("to_amount", None)
    if one is None or other is None or is_negative(one) == is_negative(other):
        exclude(key, "pair of entries of which none paid the other", out)
        return
    if is_negative(other):
        row["from_entry"], row["to_entry"] = row["to_entry"], row["from_entry"]
    row["applied_on"] = max(
        filter(None, (row.pop("from_date", None), row.pop("to_date", None))), default=None
    )
    if row["applied_on"] is not None:
        row["applied_on"] = row["applied_on"][:10]
    keep(key, row, out)


SHAPES = {
    "invoices": Shape(Invoice, _invoice),
    "entries": Shape(Entry, _entry),
    "matched_pairs": Shape(Pair, _pair),
}
"""The wire entities of this module."""
