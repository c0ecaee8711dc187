"""Sales invoices and credit memos with their lines: drafts and posted ones come in one set.

`status` (SalesInvoiceAggregator, AL): Draft and In Review are unposted; Open is a posted document with an open ledger entry *or*
an unposted one that was released, so it proves nothing; Paid (also: fully credited), Canceled and Corrective are posted.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any

from typing_extensions import TypedDict

from mappings.business_central.line_totals import untied
from mappings.business_central.settings import (
    CREDIT_MEMO,
    INVOICE,
    POSTED_CREDIT_MEMO,
    POSTED_INVOICE,
    BusinessCentralMapping,
    page_link,
)
from mappings.toolkit.fields import Day, Instant, Key, Money, Rate, Text, Whole, is_zero, member, wire
from mappings.toolkit.rows import Refused, Row
from mappings.toolkit.shapes import Finish, Shape, exclude, gather_custom
from sync_engine.ports import CodeGap, Draft, Normalised

UNPOSTED = frozenset({None, "Draft", "In Review"})
POSTED = frozenset({"Paid", "Canceled", "Corrective"})


class Line(TypedDict, total=False):
    """salesInvoiceLines and salesCreditMemoLines; ids change on posting, comment lines have nought everywhere."""

    line_key: Annotated[Key, wire("id")]
    line_no: Annotated[Whole, wire("sequence")]
    description: Annotated[Text, wire("description")]
    item: Annotated[Text, wire("lineObjectNumber")]
    quantity: Annotated[Rate, wire("quantity")]
    unit: Annotated[Text, wire("unitOfMeasureCode")]
    unit_price: Annotated[Rate, wire("unitPrice")]
    discount_pct: Annotated[Rate, wire("discountPercent")]
    net: Annotated[Money, wire("netAmount")]
    tax: Annotated[Money, wire("netTaxAmount")]
    gross: Annotated[Money, wire("netAmountIncludingTax")]


class Document(TypedDict, total=False):
    """What invoices and credit memos share. The debtor is the bill-to customer."""

    debtor_key: Annotated[Key, wire("billToCustomerId")]
    sold_to: Annotated[Key, wire("customerId")]
    number: Annotated[Text, wire("number")]
    external_number: Annotated[Text, wire("externalDocumentNumber")]
    posting_date: Annotated[Day, wire("postingDate")]
    due_date: Annotated[Day, wire("dueDate")]
    currency: Annotated[Text, wire("currencyCode")]
    subtotal: Annotated[Money, wire("totalAmountExcludingTax")]
    tax: Annotated[Money, wire("totalTaxAmount")]
    total: Annotated[Money, wire("totalAmountIncludingTax")]
    discount: Annotated[Rate, wire("discountAmount")]
    status: Annotated[Text, wire("status")]
    owner_code: Annotated[Text, wire("salesperson")]
    terms_key: Annotated[Key, wire("paymentTermsId")]
    source_modified_at: Annotated[Instant, wire("lastModifiedDateTime")]


class Invoice(Document, total=False):
    """salesInvoices; promised date and dispute status from v25."""

    issue_date: Annotated[Day, wire("invoiceDate")]
    open_amount: Annotated[Money, wire("remainingAmount")]
    promised_date: Annotated[Day, wire("promisedPayDate")]
    dispute_reason: Annotated[Text, wire("disputeStatus")]
    po_number: Annotated[Text, wire("customerPurchaseOrderReference")]
    lines: Annotated[list[Line] | None, wire("salesInvoiceLines")]


class CreditMemo(Document, total=False):
    """salesCreditMemos: amounts are positive, and what is still open is not told here."""

    issue_date: Annotated[Day, wire("creditMemoDate")]
    lines: Annotated[list[Line] | None, wire("salesCreditMemoLines")]


class OpenInvoice(TypedDict, total=False):
    """salesInvoices read again for what a partial payment moves without touching lastModifiedDateTime."""

    open_amount: Annotated[Money, wire("remainingAmount")]
    total: Annotated[Money, wire("totalAmountIncludingTax")]
    status: Annotated[Text, wire("status")]
    due_date: Annotated[Day, wire("dueDate")]


def _partly(open_amount: str, total: str) -> bool:
    """Whether something, but not all, is paid; totals may be negative."""
    return open_amount != total and 0 < abs(Decimal(open_amount)) < abs(Decimal(total))


def _while_open(row: Row) -> str:
    rest, total = row.get("open_amount"), row.get("total")
    return "partially_paid" if rest is not None and total is not None and _partly(rest, total) else "open"


def erp_status(status: str | None, row: Row) -> str | None:
    """The canonical status of a decoded wire status; None: nobody knows this one.

    A corrective document and the one it corrects settle each other when posted, so it counts as paid unless its remaining
    amount says otherwise.
    """
    if status == "Open":
        return _while_open(row)
    if status == "Paid":
        return "paid"
    if status == "Canceled":
        return "void"
    if status == "Corrective":
        rest = row.get("open_amount")
        return "paid" if rest is None or is_zero(rest) else _while_open(row)
    return "draft" if status in UNPOSTED else None


def _document(kind: str, settings: BusinessCentralMapping, custom: Sequence[str]) -> Finish:
    is_invoice, drafts = kind == "invoice", settings.drafts
    reference = settings.invoice_reference if is_invoice else settings.credit_note_reference
    by_external = reference == "externalDocumentNumber"
    lines_of = "salesInvoiceLines" if is_invoice else "salesCreditMemoLines"
    draft_page, posted_page = (INVOICE, POSTED_INVOICE) if is_invoice else (CREDIT_MEMO, POSTED_CREDIT_MEMO)

    def finish(key: str, row: Row, out: Normalised) -> None:
        wire_status = row.pop("status", "") if "status" in row else ""
        status = member(wire_status or "")
        said = wire_status != ""
        if said and status in UNPOSTED and not drafts:
            exclude(key, "draft", out)
            return
        sold_to, external = row.pop("sold_to", None), row.pop("external_number", None)
        row["debtor_key"] = row.get("debtor_key") or sold_to
        if row["debtor_key"] is None:
            raise Refused("billToCustomerId", "names no customer to bill, and none it was sold to")
        lines: list[dict[str, Any]] | None = row.pop("lines", None)
        discount = row.pop("discount", None)
        if lines is not None and status not in UNPOSTED and (why := untied(row, lines, discount)):
            raise Refused(lines_of, why)
        if is_invoice and said and row.get("open_amount") is None:
            _refuse_unknown_rest(status)
        row["kind"] = kind
        row["reference"] = (external if by_external else None) or row.get("number")
        if said:
            _claim_status(key, row, status, out)
        page = draft_page if status in UNPOSTED else posted_page
        if (link := page_link(settings, page, row.get("number"))) is not None:
            row["source_url"] = link
        if custom:
            gather_custom(row, custom)
        out.drafts.append(Draft(key, row, lines or ()))

    return finish


def _refuse_unknown_rest(status: str | None) -> None:
    """Of an invoice that may be owed, a blank remaining amount is not nought. Raises Refused."""
    if status not in UNPOSTED and status not in POSTED:
        raise Refused("remainingAmount", "remainingAmount is blank: what is still owed cannot be told")


def _claim_status(key: str, row: Row, status: str | None, out: Normalised) -> None:
    """Status and proof of posting; None for `is_posted` means that the status does not tell."""
    claimed = erp_status(status, row)
    if claimed is None:
        out.gaps.append(CodeGap(key, "erp_status", status or ""))
    else:
        row["erp_status"] = claimed
    if status in UNPOSTED:
        row["is_posted"] = False
        row.pop("open_amount", None)  # of a draft it is the whole amount, and nobody owes it
    else:
        row["is_posted"] = True if status in POSTED else None


def _open_invoice(drafts: bool) -> Finish:
    def finish(key: str, row: Row, out: Normalised) -> None:
        said, status, total = "status" in row, member(row.pop("status", None) or ""), row.get("total")
        if said and status in UNPOSTED and not drafts:
            exclude(key, "draft", out)
            return
        if said and status in UNPOSTED:
            row.pop("open_amount", None)
        elif "open_amount" in row and row["open_amount"] is None:
            _refuse_unknown_rest(status)
        claimed = erp_status(status, row) if said else None
        row.pop("total", None)
        if said and claimed is None:
            out.gaps.append(CodeGap(key, "erp_status", status or ""))
        elif claimed is not None and (status != "Open" or total is not None):
            row["erp_status"] = claimed  # without the total, Open does not tell partly paid from open
        out.drafts.append(Draft(key, row))

    return finish


def shapes(settings: BusinessCentralMapping) -> dict[str, Shape]:
    """The wire entities of this module."""
    invoices = settings.custom_fields.get("salesInvoices", ())
    memos = settings.custom_fields.get("salesCreditMemos", ())
    return {
        "salesInvoices": Shape(
            Invoice,
            _document("invoice", settings, invoices),
            custom=invoices,
        ),
        "salesCreditMemos": Shape(
            CreditMemo,
            _document("credit_note", settings, memos),
            custom=memos,
        ),
        "openInvoices": Shape(OpenInvoice, _open_invoice(settings.drafts)),
    }
