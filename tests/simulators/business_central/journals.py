"""Business actions from journals: money in and out, invoices without a document, write-offs, reversals, unposted lines."""

from datetime import date
from decimal import Decimal

from tests.simulators.business_central import records as r
from tests.simulators.business_central.ledger import (
    BAD_DEBTS,
    FINANCE_CHARGES,
    OPENING,
    SALES,
    Ledger,
    Posting,
)
from tests.simulators.business_central.state import ActionRefused


class Journals(Ledger):
    """Journal postings; lines of the payment journal exist until they are posted, then only the ledger knows them."""

    def post_payment(
        self,
        customer: str,
        amount: Decimal,
        currency: str = "",
        apply_to: str | None = None,
        on: date | None = None,
        document_no: str | None = None,
        external_no: str = "",
        discount: Decimal = r.ZERO,
    ) -> r.LedgerEntry:
        """Money received (`amount` positive): on account, or applied to a document number, id or entry number.

        More than the document owes leaves the rest of the payment unapplied.
        """
        payer = self.customer(customer)
        on = on or self.today()
        target = self.find_entry(apply_to) if apply_to else None
        code = target.currency_code if target else self._ledger_currency(currency)
        number = document_no or f"BANK{self.next_number('payment', 10001)}"
        posting = Posting(
            payer.id, "Payment", number, on, -amount, code, source_code="PAYMENTJNL", external_no=external_no
        )
        payment = self.post(posting)
        if target is not None and target.remaining > 0:
            self.apply(
                payment.entry_no, target.entry_no, min(amount, target.remaining - discount), on, discount
            )
        return payment

    def post_refund(
        self,
        customer: str,
        amount: Decimal,
        currency: str = "",
        apply_to: int | None = None,
        on: date | None = None,
    ) -> r.LedgerEntry:
        """Money paid back; applied to the payment or credit (`apply_to`, an entry number) that it returns."""
        source = self.entry(apply_to) if apply_to else None
        code = source.currency_code if source else self._ledger_currency(currency)
        number = f"REF{self.next_number('refund', 1001)}"
        on = on or self.today()
        refund = self.post(Posting(self.customer(customer).id, "Refund", number, on, amount, code))
        if source is not None:
            self.apply(source.entry_no, refund.entry_no, min(amount, -source.remaining), on)
        return refund

    def post_journal_invoice(
        self,
        customer: str,
        amount: Decimal,
        currency: str = "",
        due: date | None = None,
        on: date | None = None,
        document_no: str | None = None,
    ) -> r.LedgerEntry:
        """An invoice posted from a general journal: in the ledger, never in salesInvoices."""
        number = document_no or f"GJ{self.next_number('journal', 1001)}"
        return self._journal(customer, "Invoice", number, amount, currency, due, on, SALES)

    def post_opening_balance(
        self,
        customer: str,
        amount: Decimal,
        currency: str = "",
        due: date | None = None,
        on: date | None = None,
    ) -> r.LedgerEntry:
        """An opening balance: an entry with a blank document type."""
        return self._journal(customer, " ", "OPENING", amount, currency, due, on, OPENING)

    def post_finance_charge(
        self,
        customer: str,
        amount: Decimal,
        currency: str = "",
        due: date | None = None,
        on: date | None = None,
    ) -> r.LedgerEntry:
        number = f"FC{self.next_number('finance charge', 1001)}"
        kind = "Finance Charge Memo"
        return self._journal(customer, kind, number, amount, currency, due, on, FINANCE_CHARGES)

    def _journal(
        self,
        customer: str,
        kind: str,
        number: str,
        amount: Decimal,
        currency: str,
        due: date | None,
        on: date | None,
        account: str,
    ) -> r.LedgerEntry:
        on = on or self.today()
        owner = self.customer(customer)
        code = self._ledger_currency(currency)
        dimensions = self.shortcut_values(owner.id)
        posting = Posting(
            owner.id,
            kind,
            number,
            on,
            amount,
            code,
            due=due or on,
            counter_account=account,
            shortcut_dimensions=dimensions,
            salesperson_code=owner.salesperson_code,
        )
        return self.post(posting)

    def write_off(self, entry: int, amount: Decimal | None = None, on: date | None = None) -> r.LedgerEntry:
        """Take an entry (or a part of it) to bad debts: a negative entry with a blank document type, applied."""
        owing = self.entry(entry)
        most = owing.remaining if amount is None else amount
        day = on or max(self.today(), owing.posting_date)
        number = f"WO{self.next_number('write-off', 1001)}"
        posting = Posting(
            owing.customer_id, " ", number, day, -most, owing.currency_code, counter_account=BAD_DEBTS
        )
        written = self.post(posting)
        self.apply(written.entry_no, owing.entry_no, on=day)
        return written

    def reverse(self, entry: int) -> r.LedgerEntry:
        """Reverse a journal posting that is not applied: the opposite entry, both closed and marked Reversed."""
        wrong = self.entry(entry)
        if wrong.remaining != wrong.amount or wrong.document_id or not wrong.amount:
            raise ActionRefused(
                "You cannot reverse Cust. Ledger Entry because it has been applied or comes from a document."
            )
        posting = Posting(
            wrong.customer_id,
            wrong.document_type,
            wrong.document_no,
            wrong.posting_date,
            -wrong.amount,
            wrong.currency_code,
            due=wrong.due_date,
        )
        opposite = self.post(posting)
        source, target = (opposite, wrong) if wrong.amount > 0 else (wrong, opposite)
        self.apply(source.entry_no, target.entry_no, on=wrong.posting_date)
        for row in (wrong, opposite):
            row.reversed = True
            self.touch(row)
        return opposite

    # The payment journal --------------------------------------------------------------------------

    def add_payment_journal(self, code: str, name: str) -> r.Coded:
        return self.store(self.payment_journals, r.Coded(id=self.stamper.new_id(), code=code, name=name))

    def draft_payment(
        self, journal: str, customer: str, amount: Decimal, apply_to: str = "", on: date | None = None
    ) -> r.JournalLine:
        """Type in a payment (`amount` positive; the line shows it negative), for an invoice if one is named."""
        owner = self.by_code(self.payment_journals, journal)
        lines = [x.line_number for x in self.journal_lines.values() if x.journal_id == owner.id]
        row = r.JournalLine(
            id=self.stamper.new_id(),
            journal_id=owner.id,
            line_number=max(lines, default=0) + 10000,
            customer_id=self.customer(customer).id,
            posting_date=on or self.today(),
            document_no=f"G{self.next_number('journal line', 1):05d}",
            amount=-amount,
            applies_to=self.find_entry(apply_to).document_no if apply_to else "",
        )
        return self.store(self.journal_lines, row)

    def post_journal(self, journal: str) -> list[r.LedgerEntry]:
        """Post all lines of a journal: they vanish, and entries appear."""
        owner = self.by_code(self.payment_journals, journal)
        posted = []
        for row in [x for x in self.journal_lines.values() if x.journal_id == owner.id]:
            entry = self.post_payment(
                row.customer_id,
                -row.amount,
                apply_to=row.applies_to or None,
                on=row.posting_date,
                document_no=row.document_no,
            )
            posted.append(entry)
            self.drop(self.journal_lines, row)
        return posted
