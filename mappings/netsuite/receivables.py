"""Invoices, credit memos, payments, deposits, refunds, journals on receivable accounts, and what settled what.

Amounts of credits are signed by some types and not by others, so they lose their sign: the kind gives the direction.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Annotated, Any

from typing_extensions import TypedDict

from mappings.netsuite.settings import NetSuiteMapping, linked, web_link
from mappings.toolkit.fields import Day, Flag, Id, Instant, Money, Rate, Text, unsigned, wire
from mappings.toolkit.rows import Refused, Row
from mappings.toolkit.shapes import Shape, exclude, gather_custom, keep
from sync_engine.ports import Draft, Normalised

KINDS = {"CustInvc": "invoice", "FinChrg": "finance_charge", "CustCred": "credit_note"}
PAID_BY = {"CustPymt": "payment", "CustDep": "prepayment", "CustRfnd": "refund"}
CREDITS = ("CustCred",)
PAGES = {
    "CustInvc": "custinvc",
    "CustCred": "custcred",
    "CustPymt": "custpymt",
    "CustDep": "custdep",
    "CustRfnd": "custrfnd",
}
"""Pages of the web client by type; that of any transaction finds its own."""


class Line(TypedDict, total=False):
    """lines of a document; what was sold has a negative amount and quantity."""

    line_key: Annotated[Id, wire("id")]
    description: Annotated[Text, wire("memo")]
    quantity: Annotated[Rate, wire("quantity")]
    unit_price: Annotated[Rate, wire("rate")]
    net: Annotated[Money, wire("foreignamount")]
    is_tax: Annotated[Flag, wire("taxline")]


class Instalment(TypedDict, total=False):
    """instalments of an invoice."""

    number: Annotated[Id, wire("number")]
    due_date: Annotated[Day, wire("duedate")]
    amount: Annotated[Money, wire("amount")]
    open_amount: Annotated[Money, wire("open")]


class Document(TypedDict, total=False):
    """documents: invoices, finance charges and credit memos."""

    type: Annotated[Text, wire("type")]
    debtor_key: Annotated[Id, wire("entity")]
    number: Annotated[Text, wire("tranid")]
    issue_date: Annotated[Day, wire("trandate")]
    due_date: Annotated[Day, wire("duedate")]
    closed_date: Annotated[Day, wire("closedate")]
    currency: Annotated[Text, wire("currency")]
    exchange_rate: Annotated[Rate, wire("exchangerate")]
    total: Annotated[Money, wire("foreigntotal")]
    unpaid: Annotated[Money, wire("foreignamountunpaid")]
    unused: Annotated[Money, wire("foreignpaymentamountunused")]
    posting: Annotated[Flag, wire("posting")]
    voided: Annotated[Flag, wire("voided")]
    reference: Annotated[Text, wire("memo")]
    po_number: Annotated[Text, wire("otherrefnum")]
    terms_key: Annotated[Id, wire("terms")]
    owner_code: Annotated[Id, wire("employee")]
    lines: Annotated[list[Line] | None, wire("lines")]
    instalments: Annotated[list[Instalment] | None, wire("instalments")]
    source_modified_at: Annotated[Instant, wire("modified")]


class Payment(TypedDict, total=False):
    """payments, deposits and refunds."""

    type: Annotated[Text, wire("type")]
    debtor_key: Annotated[Id, wire("entity")]
    number: Annotated[Text, wire("tranid")]
    payment_date: Annotated[Day, wire("trandate")]
    closed_date: Annotated[Day, wire("closedate")]
    currency: Annotated[Text, wire("currency")]
    exchange_rate: Annotated[Rate, wire("exchangerate")]
    amount: Annotated[Money, wire("foreigntotal")]
    unused: Annotated[Money, wire("foreignpaymentamountunused")]
    posting: Annotated[Flag, wire("posting")]
    voided: Annotated[Flag, wire("voided")]
    reference: Annotated[Text, wire("memo")]
    source_modified_at: Annotated[Instant, wire("modified")]


class JournalLine(TypedDict, total=False):
    """journal_debits and journal_credits: a line on a receivable account."""

    debtor_key: Annotated[Id, wire("entity")]
    number: Annotated[Text, wire("tranid")]
    date: Annotated[Day, wire("trandate")]
    currency: Annotated[Text, wire("currency")]
    exchange_rate: Annotated[Rate, wire("exchangerate")]
    amount: Annotated[Money, wire("foreignamount")]
    unpaid: Annotated[Money, wire("foreignamountunpaid")]
    unused: Annotated[Money, wire("foreignpaymentamountunused")]
    posting: Annotated[Flag, wire("posting")]
    voided: Annotated[Flag, wire("voided")]
    voids: Annotated[Flag, wire("voids")]
    reference: Annotated[Text, wire("memo")]
    source_modified_at: Annotated[Instant, wire("modified")]


class Application(TypedDict, total=False):
    """applications: how much of a credit settled which debt."""

    debt: Annotated[Text, wire("debt")]
    debt_type: Annotated[Text, wire("debt_type")]
    credit: Annotated[Text, wire("credit")]
    credit_type: Annotated[Text, wire("credit_type")]
    amount: Annotated[Money, wire("amount")]
    currency: Annotated[Text, wire("currency")]
    applied_on: Annotated[Day, wire("applied_on")]


def _is_out(key: str, row: Row, out: Normalised, *, keeps_voided: bool = False) -> bool:
    """Whether a transaction is not posted (it waits for approval, or does not post at all), or voided."""
    posting, voided = row.pop("posting", None), row.pop("voided", None)
    if not posting:
        exclude(key, "not posted", out)
        return True
    if voided and keeps_voided:
        row["erp_status"] = "void"
    elif voided:
        exclude(key, "voided", out)
        return True
    _currency(row)
    return False


def _linked(settings: NetSuiteMapping, key: str, row: Row) -> None:
    page = f"accounting/transactions/{PAGES.get(row['type'] or '', 'transaction')}"
    if (link := web_link(settings, page, key)) is not None:
        row["source_url"] = link


def _currency(row: Row) -> None:
    """A symbol that is no ISO code would be taken for the base currency, or for another one: nothing may be added to it."""
    symbol = row.get("currency") or ""
    if not (len(symbol) == 3 and symbol.isascii() and symbol.isalpha() and symbol.isupper()):
        raise Refused(
            "currency", "its currency has no ISO code: name it in the settings, under connection.currencies"
        )


def _needed(row: Row, column: str, meaning: str) -> str:
    if row.get(column) is None:
        raise Refused(column, f"{column} is missing: {meaning} cannot be told")
    return str(row.pop(column))


def _document(
    settings: NetSuiteMapping, custom: tuple[str, ...], key: str, row: Row, out: Normalised
) -> None:
    """What is open must be said: a blank is not nought. Credit memos say what is unused, and are not due."""
    if _is_out(key, row, out, keeps_voided=True):
        return
    _linked(settings, key, row)
    kind = KINDS[row.pop("type")]
    is_credit = kind == "credit_note"
    total = _needed(row, "total", "what it is over")
    row["total"] = unsigned(total) if is_credit else total
    column = "unused" if is_credit else "unpaid"
    if row.get("erp_status") == "void":
        row |= {"open_amount": "0"}
    else:
        row["open_amount"] = _needed(row, column, "what is still open")
        row["erp_status"] = _status(row["total"], row["open_amount"])
    for unused in ("unpaid", "unused"):
        row.pop(unused, None)
    if terms := row.get("terms_key"):
        row["terms_key"] = f"term/{terms}"
    said, instalments = row.pop("lines", None), row.pop("instalments", None) or []
    if said is not None:
        tax = sum((Decimal(str(line["net"] or 0)) for line in said if line.get("is_tax")), Decimal(0))
        row["tax"] = _text(tax if is_credit else -tax)
        row["subtotal"] = _text(Decimal(row["total"]) - Decimal(row["tax"]))
    lines = _lines(said or [], is_sold=not is_credit)
    gather_custom(row, custom)
    parts = [part | {"number": int(part["number"])} for part in instalments] if len(instalments) > 1 else []
    out.drafts.append(Draft(key, {**row, "kind": kind, "is_posted": True}, lines, parts))


def _lines(said: list[dict[str, Any]], *, is_sold: bool) -> list[dict[str, Any]]:
    """Lines that are printed. What was sold is booked to the credit of sales, so that it has a sign to turn."""
    found = [line for line in said if not line.pop("is_tax", None)]
    for line in found if is_sold else ():
        for column in ("net", "quantity"):
            if line.get(column) is not None:
                line[column] = _text(-Decimal(line[column]))
    return found


def _text(amount: Decimal) -> str:
    return format(amount + 0, "f")


def _status(total: str, open_amount: str) -> str:
    left = Decimal(open_amount)
    return "paid" if not left else "open" if left == Decimal(total) else "partially_paid"


def _payment(settings: NetSuiteMapping, key: str, row: Row, out: Normalised) -> None:
    """What a deposit has left is what its applications did not use; a refund says nothing of the kind."""
    if _is_out(key, row, out):
        return
    _linked(settings, key, row)
    kind = PAID_BY[row.pop("type")]
    amount, unused = _needed(row, "amount", "what was paid"), row.pop("unused", None)
    if kind == "payment" and unused is not None:
        row["unapplied_amount"] = unused
    keep(key, {**row, "kind": kind, "amount": unsigned(amount)}, out)


def _journal(column: str, key: str, row: Row, out: Normalised) -> None:
    """A line on a receivable account: a debt, or money of the kind `journal`. What only reverses a voided record is neither."""
    if row.pop("voids", None):
        exclude(key, "voids another record", out)
        return
    if _is_out(key, row, out):
        return
    day, amount = row.pop("date", None), unsigned(_needed(row, "amount", "what it is over"))
    rest = _needed(row, column, "what is still open")
    for unused in ("unpaid", "unused"):
        row.pop(unused, None)
    if column == "unpaid":
        said = {"total": amount, "open_amount": rest, "issue_date": day, "due_date": day, "is_posted": True}
        row |= said | {"erp_status": _status(amount, rest)}
    else:
        row |= {"amount": amount, "unapplied_amount": rest, "payment_date": day}
    keep(key, {**row, "kind": "journal"}, out)


def _application(key: str, row: Row, out: Normalised) -> None:
    """Which of the four ends are meant follows from the types: refunds are payments, credit memos are documents."""
    debt, credit, amount = row.pop("debt"), row.pop("credit"), _needed(row, "amount", "what was applied")
    row["refund_key" if row.pop("debt_type") == "CustRfnd" else "document_key"] = debt
    row["credit_note_key" if row.pop("credit_type") in CREDITS else "payment_key"] = credit
    keep(key, {**row, "amount": unsigned(amount)}, out)


def shapes(settings: NetSuiteMapping) -> dict[str, Shape]:
    """The wire entities of receivables, and how each is read."""
    custom = settings.custom.get("documents", ())
    journal = partial(linked, settings, "accounting/transactions/journal")
    return {
        "documents": Shape(Document, partial(_document, settings, custom), custom=custom),
        "payments": Shape(Payment, partial(_payment, settings)),
        "journal_debits": Shape(JournalLine, journal(partial(_journal, "unpaid"))),
        "journal_credits": Shape(JournalLine, journal(partial(_journal, "unused"))),
        "applications": Shape(Application, _application),
    }
