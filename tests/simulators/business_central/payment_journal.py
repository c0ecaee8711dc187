"""Business actions on the cash receipts journal: payments that are typed in but not posted yet."""

from datetime import date
from decimal import Decimal

from tests.simulators.business_central import records as r
from tests.simulators.business_central.ledger import Ledger


class PaymentJournal(Ledger):
    """Journal lines exist until they are posted; then only the ledger knows the payment."""

    def add_payment_journal(self, code: str, name: str) -> r.Coded:
        return self.store(self.payment_journals, r.Coded(id=self.stamper.new_id(), code=code, name=name))

    def draft_payment(self, journal: str, customer: str, amount: Decimal, apply_to: str = "", on: date | None = None) -> r.JournalLine:
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
            entry = self.post_payment(row.customer_id, -row.amount, apply_to=row.applies_to or None, on=row.posting_date, document_no=row.document_no)
            posted.append(entry)
            self.drop(self.journal_lines, row)
        return posted
