"""Booked invoices with their lines, entries on customers' accounts, and what settled what.

On the wire credit notes and payments are below nought, and a rate is for a hundred units of its currency.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import AliasPath, Field
from typing_extensions import TypedDict

from mappings.toolkit.fields import (
    Day,
    EntryNo,
    Id,
    LocalDay,
    Money,
    Rate,
    Text,
    Whole,
    is_negative,
    is_zero,
    wire,
)
from mappings.toolkit.rows import Refused, Row
from mappings.toolkit.shapes import Shape, choose, exclude, keep
from sync_engine.ports import Draft, Normalised


class Line(TypedDict, total=False):
    """A line of q2capi, which the connector puts to its invoice."""

    number: Annotated[Id, wire("number")]
    line_no: Annotated[Whole, wire("userInterfaceNumber")]
    description: Annotated[Text, wire("description")]
    item: Annotated[Text, wire("productNumber")]
    quantity: Annotated[Rate, wire("quantity")]
    unit: Annotated[Id, wire("unitNumber")]
    unit_price: Annotated[Rate, wire("unitNetPrice")]
    discount_pct: Annotated[Rate, wire("discountPercentage")]
    net: Annotated[Money, wire("totalNetAmount")]
    tax: Annotated[Money, wire("vatAmount")]


class Invoice(TypedDict, total=False):
    """/invoices/booked. The recipient is who it was sent to then, and not the customer as it is now."""

    number: Annotated[Id, wire("bookedInvoiceNumber")]
    debtor_key: Annotated[Id, Field(validation_alias=AliasPath("customer", "customerNumber"))]
    issue_date: Annotated[Day, wire("date")]
    due_date: Annotated[Day, wire("dueDate")]
    currency: Annotated[Text, wire("currency")]
    exchange_rate: Annotated[Rate, wire("exchangeRate")]
    subtotal: Annotated[Money, wire("netAmount")]
    tax: Annotated[Money, wire("vatAmount")]
    total: Annotated[Money, wire("grossAmount")]
    open_amount: Annotated[Money, wire("remainder")]
    terms: Annotated[Id, Field(validation_alias=AliasPath("paymentTerms", "paymentTermsNumber"))]
    owner_code: Annotated[
        Id, Field(validation_alias=AliasPath("references", "salesPerson", "employeeNumber"))
    ]
    second: Annotated[
        Id, Field(validation_alias=AliasPath("references", "vendorReference", "employeeNumber"))
    ]
    po_number: Annotated[Text, Field(validation_alias=AliasPath("references", "other"))]
    reference: Annotated[Text, Field(validation_alias=AliasPath("notes", "heading"))]
    recipient: Annotated[Text, Field(validation_alias=AliasPath("recipient", "name"))]
    lines: Annotated[list[Line] | None, wire("@syncEngine.lines")]


class Entry(TypedDict, total=False):
    """booked-entries on accounts of receivables."""

    entry_no: Annotated[EntryNo, wire("entryNumber")]
    document_type: Annotated[Id, wire("type")]
    document_no: Annotated[Id, wire("customerInvoiceNumber")]
    debtor_key: Annotated[Id, wire("customerNumber")]
    posting_date: Annotated[LocalDay, wire("date")]
    due_date: Annotated[LocalDay, wire("dueDate")]
    currency: Annotated[Text, wire("currencyCode")]
    amount: Annotated[Money, wire("amount")]
    amount_base: Annotated[Money, wire("amountInBaseCurrency")]
    remaining: Annotated[Money, wire("remainder")]
    description: Annotated[Text, wire("text")]


class Pair(TypedDict, total=False):
    """matched-pairs, with what the connector found that they settled."""

    from_entry: Annotated[EntryNo, wire("fromEntry")]
    to_entry: Annotated[EntryNo, wire("toEntry")]
    from_date: Annotated[LocalDay, wire("fromEntryDate")]
    to_date: Annotated[LocalDay, wire("toEntryDate")]
    from_amount: Annotated[Money, wire("fromEntryAmount")]
    to_amount: Annotated[Money, wire("toEntryAmount")]
    amount: Annotated[Money, Field(validation_alias=AliasPath("@syncEngine.settled", "amount"))]
    amount_base: Annotated[Money, Field(validation_alias=AliasPath("@syncEngine.settled", "base"))]


KINDS = {
    "1": ("invoice", "credit_memo"),
    "2": ("refund", "payment"),
    "5": ("journal", "journal"),
    "6": ("finance_charge", "journal"),
    "7": ("journal", "journal"),
    "8": ("journal", "journal"),
    "9": ("journal", "journal"),
    "10": ("journal", "journal"),
}
"""Type of an entry -> what it is above nought, and below. A manual invoice (10) was made elsewhere: no booked invoice has its number."""
SYSTEM = "9"


def _invoice(key: str, row: Row, out: Normalised) -> None:
    total, rest = row.get("total"), row.get("open_amount")
    if total is None or rest is None:
        field = "grossAmount" if total is None else "remainder"
        raise Refused(field, f"{field} is missing: what is still owed cannot be told")
    sign = -1 if is_negative(total) else 1
    row["kind"] = "invoice" if sign == 1 else "credit_note"
    row["erp_status"] = (
        "paid" if is_zero(rest) else "open" if Decimal(rest) == Decimal(total) else "partially_paid"
    )
    lines: list[dict[str, Any]] = row.pop("lines", None) or []
    _turn(row, sign, "subtotal", "tax", "total", "open_amount")
    for line in lines:
        _turn(line, sign, "quantity", "net", "tax")
        line["line_key"] = f"{key}|{line.pop('number', None)}"
    if row.get("exchange_rate") is not None:
        row["exchange_rate"] = _plain(Decimal(row["exchange_rate"]) / 100)
    terms, second = row.pop("terms", None), row.pop("second", None)
    row["terms_key"] = terms and f"terms/{terms}"
    row["owner_code"] = row.get("owner_code") or second
    row["custom"] = {"recipient": row.pop("recipient", None)}
    out.drafts.append(Draft(key, {**row, "is_posted": True}, lines))


def _turn(row: Row, sign: int, *columns: str) -> None:
    """Of a credit note everything is turned: its amounts are above nought here."""
    if sign < 0:
        for column in columns:
            if row.get(column) is not None:
                row[column] = _plain(-Decimal(row[column]))


def _plain(amount: Decimal) -> str:
    text = f"{amount:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) if amount else "0"


def _entry(key: str, row: Row, out: Normalised) -> None:
    amount, rest = row.get("amount"), row.get("remaining")
    if amount is None or rest is None:
        field = "amount" if amount is None else "remainder"
        raise Refused(field, f"{field} is missing: what is still owed cannot be told")
    if row.get("document_type") == SYSTEM and is_zero(amount) and is_zero(rest):
        exclude(key, "difference of exchange rates, in base currency only", out)
        return
    choose(
        key, row, "document_type", {code: kinds[is_negative(amount)] for code, kinds in KINDS.items()}, out
    )
    row["is_open"] = not is_zero(rest)
    base = row.get("amount_base")
    if base is not None:
        row["remaining_base"] = _share(rest, amount, base)
    for column in ("posting_date", "due_date"):
        row[column] = row[column][:10] if row.get(column) else None
    row["document_date"] = row["posting_date"]
    keep(key, row, out)


def _share(part: str, whole: str, base: str) -> str:
    """What a part is in base currency, at the rate of the whole."""
    if part == whole or is_zero(part):
        return base if part == whole else "0"
    return _plain(round(Decimal(base) * Decimal(part) / Decimal(whole), 2))


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
