"""Whatever happens to a simulated company, its ledger agrees with itself."""

from datetime import date
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulators.business_central import Company, SimulatorClock, World
from tests.simulators.business_central.records import SalesDocument
from tests.simulators_test.conftest import NOW

ON_AN_INVOICE = ["pay", "part", "over", "discount", "write-off", "cancel"]
ON_ANYTHING = ["invoice", "dollars", "account", "memo", "unapply", "refund", "journal", "apply", "reverse"]
EVENTS = st.sampled_from(ON_AN_INVOICE + ON_ANYTHING)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(EVENTS, st.integers(1, 10**6), st.integers(0, 3)), max_size=25))
def test_the_ledger_agrees_with_itself_whatever_happens(events: list[tuple[str, int, int]]) -> None:
    """After any sequence of postings, detailed entries, G/L, documents and ageing give the same totals."""
    world = World(SimulatorClock(NOW), seed=3)
    company = world.add_company("Property")
    company.add_currency("USD", "US dollar")
    for month, rate in enumerate(("78.4", "81.23", "75.01", "90"), start=1):
        company.add_exchange_rate("USD", date(2026, month, 1), Decimal(rate))
    customer = company.create_customer("Debtor").id
    for event, cents, month in events:
        happen(company, customer, event, Decimal(cents) / 100, date(2026, month + 1, 10))
    totals = company.open_totals()
    assert (
        totals.local
        == company.receivables_in_general_ledger()
        == sum((x.amount_lcy for x in company.detailed.values()), Decimal(0))
    )
    assert sum(company.ageing(date(2026, 5, 1)).values(), Decimal(0)) == totals.local
    for entry in company.entries.values():
        assert entry.open == (entry.remaining != 0)
        assert company.remaining_at(entry, date(2030, 1, 1)) == (entry.remaining, entry.remaining_lcy)
        assert entry.open or entry.remaining_lcy == 0
    assert all(x.wire_status == company.status_of(x) for x in company.invoices.values())


def happen(company: Company, customer: str, event: str, amount: Decimal, on: date) -> None:
    """One event; those that find nothing to act on do nothing."""
    owing = [x for x in company.invoices.values() if x.wire_status == "Open"]
    if event in ON_ANYTHING:
        happen_anyway(company, customer, event, amount, on)
    elif owing:
        happen_to_invoice(company, owing[0], event, amount, max(on, owing[0].posting_date))


def happen_to_invoice(
    company: Company, invoice: SalesDocument, event: str, amount: Decimal, on: date
) -> None:
    """Money, a discount, a write-off or a cancellation."""
    due = company.remaining_of(invoice)
    match event:
        case "pay" | "part" | "over":
            paid = {"pay": due, "part": company.round(due / 3) or due, "over": due + amount}[event]
            company.post_payment(invoice.bill_to_id, paid, apply_to=invoice.id, on=on)
        case "discount" if due > 1:
            company.post_payment(invoice.bill_to_id, due - 1, apply_to=invoice.id, on=on, discount=Decimal(1))
        case "write-off":
            company.write_off(invoice.entry_no or 0)
        case "cancel" if due == invoice.gross:
            company.cancel_invoice(invoice.id)


def happen_anyway(company: Company, customer: str, event: str, amount: Decimal, on: date) -> None:
    """Events that need no open invoice."""
    credits_ = [x for x in company.entries.values() if x.remaining < 0]
    match event:
        case "invoice" | "dollars":
            company.post_invoice(customer, amount, on=on, currency="USD" if event == "dollars" else "")
        case "journal":
            company.post_journal_invoice(customer, amount, on=on)
        case "reverse":
            company.reverse(company.post_journal_invoice(customer, amount, on=on).entry_no)
        case "account":
            company.post_payment(customer, amount, on=on)
        case "memo":
            first = next((x for x in company.invoices.values() if x.wire_status == "Open"), None)
            company.post_credit_memo(
                customer,
                amount,
                applies_to=first.id if first else None,
                on=on,
                currency=first.currency_code if first else "",
            )
        case "unapply":
            known = [
                x.application_no for x in company.detailed.values() if x.application_no and not x.unapplied
            ]
            if known:
                company.unapply(known[0])
        case "refund" if credits_:
            company.post_refund(customer, -credits_[0].remaining, apply_to=credits_[0].entry_no, on=on)
        case "apply" if credits_:
            same = [
                x
                for x in company.entries.values()
                if x.remaining > 0 and x.currency_code == credits_[0].currency_code
            ]
            if same:
                company.apply(credits_[0].entry_no, same[0].entry_no)
