"""Business actions on the customer ledger: entries, applications, and the general ledger beside them.

Amounts carry the ledger's sign: invoices and refunds are positive, payments and credit memos negative. Every
change of the receivable is a detailed entry and a G/L entry on the control account, so both always agree.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from tests.simulators.business_central import records as r
from tests.simulators.business_central.masterdata import MasterData
from tests.simulators.business_central.state import ActionRefused

RECEIVABLES, BANK, SALES, VAT = "2310", "2920", "6110", "5610"
EXCHANGE_GAINS, EXCHANGE_LOSSES, OPENING, FINANCE_CHARGES = "9330", "9340", "3120", "6810"
DISCOUNTS, BAD_DEBTS = "9250", "8590"
COUNTER_ACCOUNTS = {
    "Realized Gain": EXCHANGE_GAINS,
    "Realized Loss": EXCHANGE_LOSSES,
    "Payment Discount": DISCOUNTS,
}


@dataclass(frozen=True)
class Posting:
    """What is to be posted to a customer; `amount` is signed, `tax` is part of it."""

    customer_id: str
    document_type: str
    document_no: str
    on: date
    amount: Decimal
    currency_code: str = ""
    document_date: date | None = None
    due: date | None = None
    tax: Decimal = r.ZERO
    counter_account: str = BANK
    description: str = ""
    source_code: str = "GENJNL"
    external_no: str = ""
    reference: str = ""
    salesperson_code: str = ""
    document_id: str | None = None
    shortcut_dimensions: tuple[str, str] = ("", "")


class Ledger(MasterData):
    """Posting, applying, un-applying."""

    def entry(self, entry_no: int) -> r.LedgerEntry:
        if entry_no not in self.entries:
            raise ActionRefused(f"The Cust. Ledger Entry does not exist. Entry No.='{entry_no}'")
        return self.entries[entry_no]

    def post(self, posting: Posting) -> r.LedgerEntry:
        """One ledger entry, its Initial Entry, and the G/L entries."""
        local = self.to_local(posting.amount, posting.currency_code, posting.on)
        entry = r.LedgerEntry(
            id=self.stamper.new_id(),
            entry_no=self.next_number("ledger", 2501),
            customer_id=posting.customer_id,
            posting_date=posting.on,
            document_date=posting.document_date or posting.on,
            due_date=posting.due or posting.on,
            document_type=posting.document_type,
            document_no=posting.document_no,
            external_document_no=posting.external_no,
            your_reference=posting.reference,
            description=posting.description
            or f"{posting.document_type.strip() or 'Entry'} {posting.document_no}",
            currency_code=posting.currency_code,
            amount=posting.amount,
            amount_lcy=local,
            open=posting.amount != 0,
            closed_on=None if posting.amount else posting.on,
            salesperson_code=posting.salesperson_code,
            source_code=posting.source_code,
            transaction_no=self.next_number("transaction", 501),
            shortcut_dimension1=posting.shortcut_dimensions[0],
            shortcut_dimension2=posting.shortcut_dimensions[1],
            document_id=posting.document_id,
        )
        self.store(self.ledger, entry)
        self.entries[entry.entry_no] = entry
        self.entries_of.setdefault(entry.customer_id, []).append(entry)
        self._detail(entry, "Initial Entry", posting.on, posting.amount, local)
        tax = self.to_local(posting.tax, posting.currency_code, posting.on)
        if posting.counter_account == SALES:
            entry.sales_lcy = local - tax
        self._to_general(entry, posting.on, RECEIVABLES, local)
        self._to_general(entry, posting.on, posting.counter_account, tax - local)
        self._to_general(entry, posting.on, VAT, -tax)
        return entry

    def _to_general(self, entry: r.LedgerEntry, on: date, account: str, amount: Decimal) -> None:
        if not amount:
            return
        row = r.GeneralEntry(
            id=self.stamper.new_id(),
            entry_no=self.next_number("general", 10001),
            posting_date=on,
            document_no=entry.document_no,
            document_type=entry.document_type,
            account_number=account,
            description=entry.description,
            amount=amount,
            transaction_no=entry.transaction_no,
        )
        self.store(self.general, row)

    def _detail(
        self,
        entry: r.LedgerEntry,
        entry_type: str,
        on: date,
        amount: Decimal,
        local: Decimal,
        application_no: int = 0,
        cause: r.LedgerEntry | None = None,
    ) -> r.DetailedEntry:
        """A detailed entry, and what it does to the remaining amounts of its ledger entry."""
        source = cause or entry
        row = r.DetailedEntry(
            id=self.stamper.new_id(),
            entry_no=self.next_number("detailed", 3001),
            ledger_entry_no=entry.entry_no,
            entry_type=entry_type,
            posting_date=on,
            document_type=source.document_type,
            document_no=source.document_no,
            customer_id=entry.customer_id,
            currency_code=entry.currency_code,
            amount=amount,
            amount_lcy=local,
            application_no=application_no,
            applied_entry_no=source.entry_no if application_no else 0,
            transaction_no=source.transaction_no,
            initial_due_date=entry.due_date,
            initial_document_type=entry.document_type,
        )
        self.store(self.detailed, row)
        self.details_of.setdefault(entry.entry_no, []).append(row)
        entry.remaining += amount
        entry.remaining_lcy += local
        return row

    # Applications ---------------------------------------------------------------------------------

    def apply(
        self,
        source: int,
        target: int,
        amount: Decimal | None = None,
        on: date | None = None,
        discount: Decimal = r.ZERO,
    ) -> int:
        """Settle a positive entry (`target`) with a negative one (`source`); gives the application number.

        `amount` is positive, in the entries' currency; without it, as much as both have open.
        A discount takes that much more off the target, and no entry of the source answers for it.
        """
        paying, owing = self.entry(source), self.entry(target)
        if paying.currency_code != owing.currency_code:
            raise ActionRefused("Entries in different currencies cannot be applied to each other here.")
        most = min(-paying.remaining, owing.remaining - discount)
        wanted = most if amount is None else amount
        if wanted <= 0 or wanted > most:
            raise ActionRefused(f"Amount to apply {wanted} is not between 0 and {most}.")
        on = on or max(self.today(), paying.posting_date, owing.posting_date)
        number = self.next_number("application", 1)
        given = self._share(paying, wanted)
        settled = self._share(owing, wanted)
        self._detail(owing, "Application", on, -wanted, -given, number, paying)
        self._detail(paying, "Application", on, wanted, given, number, paying)
        difference = given - settled
        self._beside(
            owing,
            "Realized Gain" if difference > 0 else "Realized Loss",
            on,
            r.ZERO,
            difference,
            number,
            paying,
        )
        if discount:
            self._beside(
                owing, "Payment Discount", on, -discount, -self._share(owing, discount), number, paying
            )
        for entry in (paying, owing):
            self._after_application(entry, on)
        return number

    def _share(self, entry: r.LedgerEntry, amount: Decimal) -> Decimal:
        """The local amount booked for a part of an entry's remaining amount; positive."""
        if amount == abs(entry.remaining):
            return abs(entry.remaining_lcy)
        return self.round(abs(entry.remaining_lcy) * amount / abs(entry.remaining))

    def _beside(
        self,
        entry: r.LedgerEntry,
        kind: str,
        on: date,
        amount: Decimal,
        local: Decimal,
        number: int,
        cause: r.LedgerEntry,
    ) -> r.DetailedEntry | None:
        """A change of the receivable that has an account of its own: an exchange difference, a discount."""
        if not local and not amount:
            return None
        self._to_general(cause, on, RECEIVABLES, local)
        self._to_general(cause, on, COUNTER_ACCOUNTS[kind], -local)
        return self._detail(entry, kind, on, amount, local, number, cause)

    def _after_application(self, entry: r.LedgerEntry, on: date) -> None:
        was_open = entry.open
        entry.open = entry.remaining != 0
        entry.closed_on = None if entry.open else on
        if entry.open != was_open or self.partial_application_touches_entry:
            self.touch(entry)
        self.refresh_document(entry)

    def refresh_document(self, entry: r.LedgerEntry) -> None:
        """Hook of the sales documents: a document row is written only when its status changes."""

    def unapply(self, application: int, on: date | None = None) -> None:
        """Reverse an application with new detailed entries; both ledger entries open again."""
        rows = [
            row for row in self.detailed.values() if row.application_no == application and not row.unapplied
        ]
        if not rows:
            raise ActionRefused(f"Application No. {application} has no entries to unapply.")
        if any(self.entry(row.ledger_entry_no).customer_id not in self.customers for row in rows):
            raise ActionRefused("The Customer does not exist.")
        on = on or max(self.today(), *(row.posting_date for row in rows))
        touched: dict[int, r.LedgerEntry] = {}
        for row in sorted(rows, key=lambda x: x.entry_no):
            entry = self.entry(row.ledger_entry_no)
            cause = self.entry(row.applied_entry_no)
            if row.entry_type == "Application":
                back = self._detail(
                    entry, row.entry_type, on, -row.amount, -row.amount_lcy, application, cause
                )
            else:
                made = self._beside(
                    entry, row.entry_type, on, -row.amount, -row.amount_lcy, application, cause
                )
                assert made is not None, "a row that is there changed something"
                back = made
            row.unapplied = back.unapplied = True
            row.unapplied_by = back.entry_no
            for side in (row, back):
                self.touch(side)
            touched[entry.entry_no] = entry
        for entry in touched.values():
            self._after_application(entry, on)

    def applications_of(self, entry_no: int) -> list[int]:
        """The application numbers in force on an entry."""
        rows = self.details_of.get(entry_no, [])
        return sorted({row.application_no for row in rows if row.application_no and not row.unapplied})

    def find_entry(self, ref: str) -> r.LedgerEntry:
        """A ledger entry by entry number, or by the id or number of a posted document."""
        if ref.isdigit() and int(ref) in self.entries:
            return self.entries[int(ref)]
        for entry in self.entries.values():
            if ref in (entry.document_no, entry.document_id, entry.id):
                return entry
        raise ActionRefused(f"No ledger entry for {ref}.")

    def _ledger_currency(self, currency: str) -> str:
        """The local currency is blank in the ledger."""
        return "" if currency == self.local_currency else currency

    def shortcut_values(self, customer_id: str) -> tuple[str, str]:
        """The customer's default values for the two global dimensions."""
        codes = {"": ""}
        names = {row.id: row.code for row in self.dimensions.values()}
        for row in self.default_dimensions_of(customer_id):
            value = self.dimension_values.get(row.value_id or "")
            codes[names.get(row.dimension_id, "")] = value.code if value else ""
        first, second = (*self.shortcut_dimensions, "", "")[:2]
        return codes.get(first, ""), codes.get(second, "")

    def default_dimensions_of(self, customer_id: str) -> list[r.DefaultDimension]:
        """The default dimensions of a customer card."""
        table = self.default_dimensions
        return self.grouped("defaults", table, lambda row: (row.parent_id,), table.version).get(
            customer_id, []
        )
