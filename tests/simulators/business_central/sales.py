"""Business actions on sales invoices and credit memos, from draft to posted, and what collections adds to them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from tests.simulators.business_central import records as r
from tests.simulators.business_central.journals import Journals
from tests.simulators.business_central.ledger import SALES, Posting
from tests.simulators.business_central.state import ActionRefused


class Sales(Journals):
    """Documents. A posted document and its ledger entry know each other."""

    def create_invoice(
        self,
        customer: str,
        lines: list[dict[str, object]] | None = None,
        amount: Decimal | None = None,
        on: date | None = None,
        due: date | None = None,
        currency: str | None = None,
        **header: object,
    ) -> r.SalesDocument:
        """A draft invoice; either lines, or one line without VAT over `amount`.

        A line has description, quantity, unit_price, discount, tax_percent, type (Account, Item, Comment).
        """
        return self._create("Invoice", customer, lines, amount, on, due, currency, header)

    def create_credit_memo(
        self,
        customer: str,
        lines: list[dict[str, object]] | None = None,
        amount: Decimal | None = None,
        on: date | None = None,
        due: date | None = None,
        currency: str | None = None,
        applies_to: str | None = None,
        **header: object,
    ) -> r.SalesDocument:
        """A draft credit memo; `applies_to` (invoice id or number) settles it when the memo is posted."""
        memo = self._create("Credit Memo", customer, lines, amount, on, due, currency, header)
        if applies_to:
            invoice = self.document(applies_to)
            memo.applies_to_id, memo.applies_to_number = invoice.id, invoice.number
        return memo

    def _create(
        self,
        kind: str,
        customer: str,
        lines: list[dict[str, object]] | None,
        amount: Decimal | None,
        on: date | None,
        due: date | None,
        currency: str | None,
        header: dict[str, object],
    ) -> r.SalesDocument:
        buyer = self.customer(customer)
        payer = self.customers.get(buyer.bill_to_id or "") or buyer
        on = on or self.today()
        term = self.payment_terms.get(payer.payment_terms_id or "")
        code = payer.currency_code if currency is None else self._ledger_currency(currency)
        dimensions = self.shortcut_values(buyer.id)
        document = r.SalesDocument(
            id=self.stamper.new_id(),
            kind=kind,
            number=str(self.next_number(f"draft {kind}", 101001)),
            customer_id=buyer.id,
            bill_to_id=payer.id,
            document_date=on,
            posting_date=on,
            due_date=due or on + timedelta(days=term.days if term else 0),
            currency_code=code,
            salesperson_code=buyer.salesperson_code,
            payment_terms_id=payer.payment_terms_id,
            shortcut_dimension1=dimensions[0],
            shortcut_dimension2=dimensions[1],
            dimension_values={
                x.dimension_id: x.value_id for x in self.default_dimensions_of(buyer.id) if x.value_id
            },
        )
        self._set(document, header)
        whole = {"description": "Services", "quantity": 1, "unit_price": amount or Decimal(0)}
        for place, line in enumerate(lines if lines is not None else [whole], start=1):
            document.lines.append(self._line(document, place * 10000, line))
        return self.store(self.credit_memos if kind == "Credit Memo" else self.invoices, document)

    def _line(self, document: r.SalesDocument, sequence: int, given: dict[str, object]) -> r.DocumentLine:
        line = r.DocumentLine(id=self.stamper.new_id(), document_id=document.id, sequence=sequence)
        self._set(line, given)
        if line.type == "Comment":
            line.quantity = line.unit_price = line.tax_percent = r.ZERO
        elif not line.object_number:
            line.object_number = SALES
        line.net = self.round(line.quantity * line.unit_price - line.discount, document.currency_code)
        line.tax = self.round(line.net * line.tax_percent / 100, document.currency_code)
        line.shipment_date = document.posting_date
        line.row_version = self.stamper.next_version()
        return line

    def edit_document(self, document: str, **header: object) -> r.SalesDocument:
        row = self.document(document)
        if row.posted:
            raise ActionRefused("The invoice has been posted and can no longer be modified.")
        self._set(row, header)
        self.touch(row)
        return row

    def delete_draft(self, document: str) -> None:
        row = self.document(document)
        if row.posted:
            raise ActionRefused("The invoice has been posted and can no longer be deleted.")
        self.drop(self.invoices if row.kind == "Invoice" else self.credit_memos, row)

    def request_approval(self, document: str) -> r.SalesDocument:
        return self._move(self.document(document), "In Review")

    def release(self, document: str) -> r.SalesDocument:
        """Released but not posted: reads as Open although no receivable exists."""
        return self._move(self.document(document), "Released")

    def reopen(self, document: str) -> r.SalesDocument:
        return self._move(self.document(document), "Draft")

    def _move(self, document: r.SalesDocument, state: str) -> r.SalesDocument:
        if document.posted:
            raise ActionRefused("The invoice has been posted and can no longer be modified.")
        document.state = state
        document.wire_status = self.status_of(document)
        self.touch(document)
        return document

    def post_document(
        self, document: str, on: date | None = None, parts: Sequence[Decimal] = ()
    ) -> r.SalesDocument:
        """Post: the id stays, the number changes, lines get new ids, the ledger gets its entry, or one for each of the `parts`.

        Parts are positive, due a month apart; what they fall short of the document is withheld. The header knows the first alone.
        """
        row = self.document(document)
        if row.posted:
            raise ActionRefused("The document has already been posted.")
        row.posting_date = on or row.posting_date
        row.number = str(self.next_number(f"posted {row.kind}", 103001 if row.kind == "Invoice" else 104001))
        row.posted_id = self.stamper.new_id()
        row.state = "Posted"
        for line in row.lines:
            line.id, line.row_version = self.stamper.new_id(), self.stamper.next_version()
        sign = 1 if row.kind == "Invoice" else -1
        posting = Posting(
            row.bill_to_id,
            row.kind,
            row.number,
            row.posting_date,
            sign * (parts[0] if parts else row.gross),
            row.currency_code,
            document_date=row.document_date,
            due=row.due_date,
            tax=sign * row.tax,
            counter_account=SALES,
            source_code="SALES",
            external_no=row.external_number,
            reference=row.your_reference,
            salesperson_code=row.salesperson_code,
            document_id=row.id,
            shortcut_dimensions=(row.shortcut_dimension1, row.shortcut_dimension2),
        )
        entry = self.post(posting)
        row.entry_no = entry.entry_no
        for place, part in enumerate(parts[1:], start=1):
            self.post(
                replace(
                    posting, amount=sign * part, tax=r.ZERO, due=row.due_date + timedelta(days=30 * place)
                )
            )
        row.wire_status = self.status_of(row)
        self.touch(row)
        if row.applies_to_id:
            self._apply_memo(row, entry)
        return row

    def _apply_memo(self, memo: r.SalesDocument, entry: r.LedgerEntry) -> None:
        invoice = self.invoices.get(memo.applies_to_id or "")
        owing = self.entries.get(invoice.entry_no or 0) if invoice else None
        if owing is not None and owing.remaining > 0 > entry.remaining:
            self.apply(entry.entry_no, owing.entry_no, on=memo.posting_date)

    def post_invoice(
        self,
        customer: str,
        amount: Decimal | None = None,
        lines: list[dict[str, object]] | None = None,
        on: date | None = None,
        due: date | None = None,
        currency: str | None = None,
        **header: object,
    ) -> r.SalesDocument:
        """Create and post an invoice in one step."""
        return self.post_document(
            self.create_invoice(customer, lines, amount, on, due, currency, **header).id
        )

    def post_credit_memo(
        self,
        customer: str,
        amount: Decimal | None = None,
        applies_to: str | None = None,
        lines: list[dict[str, object]] | None = None,
        on: date | None = None,
        currency: str | None = None,
        **header: object,
    ) -> r.SalesDocument:
        """Create and post a credit memo in one step, applied to an invoice if one is named."""
        memo = self.create_credit_memo(customer, lines, amount, on, None, currency, applies_to, **header)
        return self.post_document(memo.id)

    def pay_invoice(
        self, invoice: str, amount: Decimal | None = None, on: date | None = None
    ) -> r.LedgerEntry:
        """A payment by the bill-to customer, applied; without an amount, of all that is open."""
        row = self.document(invoice)
        entry = self.entry(row.entry_no or 0)
        paid = entry.remaining if amount is None else amount
        return self.post_payment(row.bill_to_id, paid, apply_to=str(entry.entry_no), on=on)

    def cancel_invoice(self, invoice: str, on: date | None = None) -> r.SalesDocument:
        """Cancel: a corrective credit memo over everything, applied; the invoice reads Canceled. Gives the memo."""
        row = self.document(invoice)
        return self._correct(row, "Credit Memo", on)

    def cancel_credit_memo(self, memo: str, on: date | None = None) -> r.SalesDocument:
        """Cancel a posted credit memo with a corrective invoice, which is given."""
        row = self.document(memo)
        return self._correct(row, "Invoice", on)

    def _correct(self, row: r.SalesDocument, kind: str, on: date | None) -> r.SalesDocument:
        entry = self.entry(row.entry_no or 0)
        if row.cancelled or entry.remaining != entry.amount or len(self.entries_of_document(row)) > 1:
            raise ActionRefused(
                "You cannot cancel this posted document because it is fully or partially paid."
            )
        lines: list[dict[str, object]] = [
            {
                "type": line.type,
                "description": line.description,
                "quantity": line.quantity,
                "unit_price": line.unit_price,
                "discount": line.discount,
                "tax_percent": line.tax_percent,
            }
            for line in row.lines
        ]
        header: dict[str, object] = {"corrective": True}
        day = on or max(self.today(), row.posting_date)
        other = self._create(kind, row.customer_id, lines, None, day, None, row.currency_code, header)
        row.cancelled = True
        self.post_document(other.id)
        counter = self.entry(other.entry_no or 0)
        source, target = (counter, entry) if entry.amount > 0 else (entry, counter)
        self.apply(source.entry_no, target.entry_no, on=day)
        return other

    # Status ---------------------------------------------------------------------------------------

    def status_of(self, document: r.SalesDocument) -> str:
        """The status on the wire; Open is also what a released draft says."""
        if not document.posted:
            return {"Draft": "Draft", "In Review": "In Review", "Released": "Open"}[document.state]
        if document.cancelled:
            return "Canceled"
        if document.corrective:
            return "Corrective"
        entry = self.entries.get(document.entry_no or 0)
        return "Open" if entry is None or entry.open else "Paid"

    def entries_of_document(self, document: r.SalesDocument) -> list[r.LedgerEntry]:
        """Its ledger entries, in order."""
        return [x for x in self.entries_of.get(document.bill_to_id, []) if x.document_id == document.id]

    def owed_of(self, document: r.SalesDocument) -> Decimal:
        """What is open of it: of all its entries, whatever the header shows."""
        if not document.posted:
            return document.gross
        return (
            r.ZERO
            if document.cancelled
            else sum((x.remaining for x in self.entries_of_document(document)), r.ZERO)
        )

    def remaining_of(self, document: r.SalesDocument) -> Decimal:
        """What the header shows: all of a draft, nothing of a cancelled one, else what its (first) ledger entry says."""
        if not document.posted:
            return document.gross
        entry = self.entries.get(document.entry_no or 0)
        return r.ZERO if document.cancelled or entry is None else entry.remaining

    def refresh_document(self, entry: r.LedgerEntry) -> None:
        """Write the document row only when its status changes: a partial payment does not stamp it."""
        document_id = entry.document_id or ""
        document = self.invoices.get(document_id) or self.credit_memos.get(document_id)
        if document is None:
            return
        status = self.status_of(document)
        if status != document.wire_status:
            document.wire_status = status
            self.touch(document)

    # Collections ----------------------------------------------------------------------------------

    def dispute(self, invoice: str, status: str | None) -> r.SalesDocument:
        """Set or clear (None) the dispute status of a posted invoice; it reaches the ledger entry."""
        row = self._posted(invoice)
        found = self.by_code(self.dispute_statuses, status) if status else None
        row.dispute_status_id = found.id if found else None
        entry = self.entry(row.entry_no or 0)
        entry.dispute_status = found.code if found else ""
        self._touch_both(row, entry)
        return row

    def promise(self, invoice: str, on: date | None) -> r.SalesDocument:
        """Record the day the debtor promised to pay."""
        row = self._posted(invoice)
        entry = self.entry(row.entry_no or 0)
        row.promised_pay_date = entry.promised_pay_date = on
        self._touch_both(row, entry)
        return row

    def postpone(self, invoice: str, due: date) -> r.SalesDocument:
        """Change the due date of a posted invoice."""
        row = self._posted(invoice)
        entry = self.entry(row.entry_no or 0)
        row.due_date = entry.due_date = due
        self._touch_both(row, entry)
        return row

    def delete_posted(self, document: str) -> None:
        """Delete a printed posted document: the ledger entry stays, the document is gone."""
        row = self._posted(document)
        for entry in self.entries_of_document(row):
            entry.document_id = None
        self.drop(self.invoices if row.kind == "Invoice" else self.credit_memos, row)

    def _posted(self, ref: str) -> r.SalesDocument:
        row = self.document(ref)
        if not row.posted:
            raise ActionRefused("Posted must be equal to 'Yes' in Sales Invoice Entity Aggregate.")
        return row

    def _touch_both(self, row: r.SalesDocument, entry: r.LedgerEntry) -> None:
        self.touch(row)
        self.touch(entry)
