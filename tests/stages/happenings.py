"""What may happen to a company between two runs, by name, chosen by numbers: for property tests and the soak."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeVar

from tests.connectors.support import Bench
from tests.simulators.business_central import records as r
from tests.simulators.business_central.clock import SimulatorClock
from tests.simulators.business_central.faults import (
    Deadlock,
    DropsConnection,
    ExpiresToken,
    Fault,
    HtmlErrorPage,
    ServerBusy,
    Throttled,
)
from tests.simulators.business_central.spoiled_answers import MalformedRecord, ShortSweep
from tests.simulators.business_central.state import ActionRefused
from tests.simulators.business_central.world import Company

R = TypeVar("R", bound=r.Row)
Happening = Callable[[Bench, int, int], None]
"""`which` chooses the record, `how` everything else."""


def small(company: Company, time: SimulatorClock) -> None:
    """Three debtors, two currencies, a portfolio dimension with a heading, a little of every kind of posting."""
    company.add_currency("EUR", "Euro")
    company.add_exchange_rate("EUR", date(2026, 1, 1), Decimal(85))
    company.add_payment_term("30 DAYS", "Net 30", 30)
    company.add_dispute_status("QUALITY", "Quality")
    company.add_salesperson("JO", "Jo Berg", "jo@example.com")
    company.add_dimension("CUSTOMERGROUP", "Customer group")
    for code, kind in (
        ("ALL", "Begin-Total"),
        ("SMALL", "Standard"),
        ("LARGE", "Standard"),
        ("OLD", "Standard"),
    ):
        company.add_dimension_value("CUSTOMERGROUP", code, code.title(), kind=kind)
    for number, currency in enumerate(("", "EUR", "")):
        time.advance(timedelta(hours=1))
        row = company.create_customer(f"Debtor {number} & Co", currency=currency)
        company.create_contact(f"Anna Berg{number}", customer=row.number, job_title="Controller")
        company.set_default_dimension(row.number, "CUSTOMERGROUP", ("SMALL", "LARGE", "OLD")[number])
        first = company.post_invoice(row.id, Decimal(100 + number))
        company.create_invoice(row.id, amount=Decimal(9))
        company.pay_invoice(first.id, Decimal(10))
    company.partial_application_touches_entry = False


def _pick(rows: dict[str, R], which: int) -> R:
    if not rows:
        raise ActionRefused("there is none")
    return sorted(rows.values(), key=lambda row: row.id)[which % len(rows)]


def _person(bench: Bench, which: int) -> r.Contact:
    return _pick({x.id: x for x in bench.company.contacts.values() if x.type == "Person"}, which)


def _posted(bench: Bench, which: int) -> r.SalesDocument:
    return _pick({x.id: x for x in bench.company.invoices.values() if x.posted}, which)


def _draft(bench: Bench, which: int) -> r.SalesDocument:
    return _pick(
        {
            x.id: x
            for x in (*bench.company.invoices.values(), *bench.company.credit_memos.values())
            if not x.posted
        },
        which,
    )


def _value(bench: Bench, how: int) -> str:
    return _pick({x.id: x for x in bench.company.dimension_values.values()}, how).code


def _make_customer(bench: Bench, which: int, how: int) -> None:
    row = bench.company.create_customer(
        f"Köp & Sälj {how}", currency="EUR" if which % 2 else "", city="Malmö"
    )
    bench.company.create_contact(
        f"Eva Lind{how}", customer=row.number, job_title=("", "Controller", " controller ", "CFO")[how % 4]
    )


def _settle_credit(bench: Bench, which: int, how: int) -> None:
    invoice = _posted(bench, which)
    bench.company.post_credit_memo(
        invoice.bill_to_id, Decimal(how) / 10, applies_to=invoice.number if how % 2 else None
    )


def _refund(bench: Bench, which: int, how: int) -> None:
    money = {x.id: x for x in bench.company.entries.values() if x.document_type == "Payment" and x.open}
    payment = _pick(money, which)
    bench.company.post_refund(
        payment.customer_id, min(Decimal(how), -payment.remaining), apply_to=payment.entry_no
    )


def _unapply(bench: Bench, which: int, how: int) -> None:
    applied = {str(n): n for entry in bench.company.entries for n in bench.company.applications_of(entry)}
    if applied:
        bench.company.unapply(sorted(applied.values())[which % len(applied)])


def _apply(bench: Bench, which: int, how: int) -> None:
    money = {x.id: x for x in bench.company.entries.values() if x.remaining < 0}
    payment = _pick(money, which)
    side = (payment.customer_id, payment.currency_code)
    debts = {
        x.id: x
        for x in bench.company.entries.values()
        if x.remaining > 0 and (x.customer_id, x.currency_code) == side
    }
    bench.company.apply(payment.entry_no, _pick(debts, how).entry_no)


def _journal(bench: Bench, which: int, how: int) -> None:
    customer = _pick(bench.company.customers, which).id
    post = (
        bench.company.post_journal_invoice,
        bench.company.post_opening_balance,
        bench.company.post_finance_charge,
    )[how % 3]
    post(customer, Decimal(how))


def _card(bench: Bench, which: int, how: int) -> None:
    customer = _pick(bench.company.customers, which)
    changes: tuple[dict[str, object], ...] = (
        {"name": f"Renamed {how}"},
        {"blocked": ("All", " ", "Ship")[how % 3]},
        {"email": f"a{how}@x.example;b@x.example"},
        {"country": ("DK", "DANMARK", "")[how % 3]},
        {"salesperson_code": ("JO", "", "XX")[how % 3]},
        {"credit_limit": how},
        {"city": "  Århus "},
        {"payment_terms_id": _pick(bench.company.payment_terms, 0).id if how % 2 else None},
        {"bill_to_id": _pick(bench.company.customers, how).id if how % 3 else None},
    )
    bench.company.edit_customer(customer.id, **changes[how % len(changes)])


def _move_contact(bench: Bench, which: int, how: int) -> None:
    theirs = bench.company.company_contact(_pick(bench.company.customers, how).id)
    if theirs is not None:
        bench.company.edit_contact(_person(bench, which).number, company_id=theirs.id)


def _late(bench: Bench, which: int, how: int) -> None:
    with bench.simulator.world.committed_late(timedelta(minutes=how % 10)):
        bench.company.post_invoice(_pick(bench.company.customers, which).id, Decimal(how))


def _fault(bench: Bench, which: int, how: int) -> None:
    entity = (
        "customers",
        "salesInvoices",
        "contacts",
        "LedgerEntries",
        "defaultDimensions",
        "dimensionValues",
    )[which % 6]
    match = rf"{entity}(\?|$)"
    faults: tuple[Callable[[], Fault], ...] = (
        lambda: Throttled(retry_after=3, times=2),
        lambda: ServerBusy(503, times=1 + how % 9, match=match),
        lambda: ExpiresToken(after=how % 20),
        lambda: DropsConnection(times=1, midway=bool(how % 2), match=match),
        lambda: HtmlErrorPage(times=1 + how % 9, match=match),
        lambda: Deadlock(times=1, match=match),
        lambda: ShortSweep(keep=how % 3, times=1, match=match),
        lambda: MalformedRecord("lastModifiedDateTime", "yesterday", times=1, match=match),
        lambda: MalformedRecord("displayName", {"no": "text"}, times=1, match=match),
        lambda: ServerBusy(504, times=30, match=match),
    )
    bench.simulator.inject(faults[how % len(faults)]())


def _into_portfolio(bench: Bench, which: int, how: int) -> None:
    bench.company.set_default_dimension(
        _pick(bench.company.customers, which).number, "CUSTOMERGROUP", _value(bench, how) if how % 4 else ""
    )


def _hire(bench: Bench, which: int, how: int) -> None:
    bench.company.create_contact(
        f"Bo Ek{how}",
        customer=_pick(bench.company.customers, which).number,
        job_title="CEO",
        email=f"Bo{how}@x.example",
    )


HAPPENINGS: dict[str, Happening] = {
    "invoice": lambda g, w, h: void(g.company.post_invoice(_pick(g.company.customers, w).id, Decimal(h))),
    "negative invoice": lambda g, w, h: void(
        g.company.post_invoice(_pick(g.company.customers, w).id, Decimal(-h))
    ),
    "draft": lambda g, w, h: void(
        g.company.create_invoice(_pick(g.company.customers, w).id, amount=Decimal(h))
    ),
    "release": lambda g, w, h: void(g.company.release(_draft(g, w).id)),
    "reopen": lambda g, w, h: void(g.company.reopen(_draft(g, w).id)),
    "post": lambda g, w, h: void(g.company.post_document(_draft(g, w).id)),
    "delete draft": lambda g, w, h: g.company.delete_draft(_draft(g, w).id),
    "pay in part": lambda g, w, h: void(g.company.pay_invoice(_posted(g, w).id, Decimal(h) / 10)),
    "pay": lambda g, w, h: void(g.company.pay_invoice(_posted(g, w).id)),
    "pay on account": lambda g, w, h: void(
        g.company.post_payment(_pick(g.company.customers, w).id, Decimal(h))
    ),
    "unapply": _unapply,
    "apply": _apply,
    "refund": _refund,
    "credit memo": _settle_credit,
    "cancel": lambda g, w, h: void(g.company.cancel_invoice(_posted(g, w).id)),
    "journal": _journal,
    "dispute": lambda g, w, h: void(g.company.dispute(_posted(g, w).id, "QUALITY" if h % 2 else None)),
    "promise": lambda g, w, h: void(
        g.company.promise(_posted(g, w).id, date(2026, 5, 1 + h % 20) if h % 2 else None)
    ),
    "postpone": lambda g, w, h: void(g.company.postpone(_posted(g, w).id, date(2026, 6, 1 + h % 20))),
    "delete posted": lambda g, w, h: g.company.delete_posted(_posted(g, w).id),
    "customer": _make_customer,
    "card": _card,
    "renumber": lambda g, w, h: void(g.company.rename_customer(_pick(g.company.customers, w).id, f"#{h}")),
    "delete customer": lambda g, w, h: g.company.delete_customer(_pick(g.company.customers, w).id),
    "put in portfolio": _into_portfolio,
    "take out of portfolio": lambda g, w, h: g.company.remove_default_dimension(
        _pick(g.company.customers, w).number, "CUSTOMERGROUP"
    ),
    "rename value": lambda g, w, h: g.company.rename_dimension_value(
        "CUSTOMERGROUP", _value(g, w), f"V{h}", f"Value {h}"
    ),
    "block value": lambda g, w, h: g.company.block_dimension_value(
        "CUSTOMERGROUP", _value(g, w), blocked=bool(h % 2)
    ),
    "delete value": lambda g, w, h: g.company.delete_dimension_value("CUSTOMERGROUP", _value(g, w)),
    "add value": lambda g, w, h: void(
        g.company.add_dimension_value(
            "CUSTOMERGROUP", f"N{h}", f"New {h}", kind=("Standard", "Heading")[w % 2]
        )
    ),
    "contact": _hire,
    "retitle": lambda g, w, h: void(
        g.company.retitle_contact(_person(g, w).number, ("", "CONTROLLER", "Chief", " chief ")[h % 4])
    ),
    "move contact": _move_contact,
    "delete contact": lambda g, w, h: g.company.delete_contact(_person(g, w).number),
    "blank stamp": lambda g, w, h: g.company.forget_stamp("salesInvoices", _posted(g, w).id),
    "late commit": _late,
    "fault": _fault,
    "hour": lambda g, w, h: g.hands.time.advance(timedelta(hours=1)),
    "days": lambda g, w, h: g.hands.time.advance(timedelta(days=1 + h % 3)),
}


def void(result: object) -> None:
    """Lets an action that gives something back stand where none is wanted."""


def happen(bench: Bench, name: str, which: int, how: int) -> None:
    """Does it, unless the simulated business logic refuses; a minute passes."""
    bench.hands.time.advance(timedelta(minutes=1))
    try:
        HAPPENINGS[name](bench, which, how)
    except ActionRefused:
        return
