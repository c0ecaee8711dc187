"""As-of answers: what was owed on an earlier day, by every route; where the source does not tell, the answer says so itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest

from tests.simulators.business_central.records import SalesDocument
from tests.stages.conftest import RigMaker
from tests.stages.happenings import small
from tests.stages.support import ROUTES, Rig

TELLS_APPLICATIONS = ("custom_api", "odata_page", "analytics")
"""Routes that hand over what was applied on which day."""
NO_ANSWER = {
    "applied_since": "a part of the answer: what to add to a record, where an application is dated",
    "applied_since_by_entry": "the same for an instalment",
    "sales_by_month_at": "what was posted by a day, which nothing changes later; no settlement is in it",
}
"""Functions of a date that say nothing about what was open."""


def _answers(rig: Rig) -> dict[str, list[str]]:
    """Every function of schema canonical that takes a day, and the names of its columns: from the catalog."""
    rows = rig.rows("""
        SELECT p.proname, p.proargnames[p.pronargs + 1:] FROM pg_proc p
        WHERE p.pronamespace = 'canonical'::regnamespace AND p.proretset AND p.proargtypes[0] = 'date'::regtype
        """)
    return {str(name): list(columns) for name, columns in rows}


def _ask(rig: Rig, function: str, day: date, columns: str, where: str = "true") -> list[tuple[object, ...]]:
    besides = {"metric_sums_at": ", NULL, false"}.get(function, "")
    return rig.rows(f"SELECT {columns} FROM canonical.{function}('{day}'{besides}) WHERE {where}")


def _paid_in_part_later(rig: Rig) -> tuple[SalesDocument, date]:
    """An invoice of 100 of which 30 are paid on a later day; the day before that."""
    customer = next(iter(rig.company.customers))
    invoice = rig.company.post_invoice(customer, Decimal(100), currency="")
    rig.advance(days=20)
    day = rig.company.today()
    rig.advance(days=20)
    rig.company.pay_invoice(invoice.id, Decimal(30))
    return invoice, day


@pytest.mark.parametrize("route", ROUTES)
def test_the_day_before_a_partial_payment(make_rig: RigMaker, route: str) -> None:
    """The invoice was open in full: that is said, or what is said is marked as not exact, with why; today's answer is exact."""
    rig = make_rig(route=route, world=small)
    invoice, day = _paid_in_part_later(rig)
    rig.run_whole()
    asked = "open_amount, is_exact, why_inexact"
    [(amount, is_exact, why)] = _ask(rig, "open_items_at", day, asked, f"number = '{invoice.number}'")
    assert (
        (amount, is_exact, why) == (100, True, None)
        if route in TELLS_APPLICATIONS
        else (is_exact, bool(why)) == (False, True)
    )
    assert rig.rows(f"SELECT {asked} FROM canonical.open_items WHERE number = :n", n=invoice.number) == [
        (70, True, None)
    ]


@pytest.mark.parametrize("route", ROUTES)
def test_every_function_and_view_of_a_day_says_whether_it_is_exact(make_rig: RigMaker, route: str) -> None:
    """Enumerated from the catalog: none without the two columns, and none calls exact what the source did not tell."""
    rig = make_rig(route=route, world=small)
    invoice, day = _paid_in_part_later(rig)
    rig.run_whole()
    debtor = rig.document(invoice.number)["debtor_id"]
    answers = _answers(rig)
    assert set(NO_ANSWER) < set(answers)
    assert {"open_items_at", "metrics_at", "credit_utilisation_at"} < set(answers)
    for name, columns in answers.items():
        if name in NO_ANSWER:
            continue
        assert {"is_exact", "why_inexact"} <= set(columns) or {"n_inexact", "why_inexact"} <= set(columns), (
            name
        )
        is_exact = "is_exact" if "is_exact" in columns else "n_inexact = 0"
        theirs = f"debtor_id = '{debtor}'" if "debtor_id" in columns else "true"
        said = _ask(rig, name, day, f"{is_exact}, why_inexact", theirs)
        assert said or (name, route) == ("payment_at", "invoices"), name  # it reads no payments
        assert all(exact == (why is None) for exact, why in said), name
        if route not in TELLS_APPLICATIONS:
            assert not said or any(not exact for exact, _ in said), name
        elif "debtor_id" in columns and name != "payment_at" and route != "analytics":
            assert all(exact for exact, _ in said), name
    views = {
        view
        for (view,) in rig.rows("""
        SELECT table_name FROM information_schema.columns WHERE table_schema = 'canonical' AND column_name = 'as_of'
            AND table_name IN (SELECT table_name FROM information_schema.views WHERE table_schema = 'canonical') AND data_type = 'date'
        """)
    }
    assert {f"{view}_at" for view in views} <= set(answers)
    for view in views:
        assert rig.rows(f"SELECT is_exact, why_inexact FROM canonical.{view}"), view


@pytest.mark.parametrize("route", ROUTES)
def test_certificate_and_status_say_from_when_on_answers_are_exact(make_rig: RigMaker, route: str) -> None:
    """One sentence, the same in the view, the status and C13, where the source hands over no applications; silence where it does."""
    from sync_engine.store.db import transaction
    from sync_engine.store.queries.source_status import sources

    rig = make_rig(route=route, world=small)
    rig.run_whole()
    [(exact_from, why)] = rig.rows("SELECT exact_from, why_inexact FROM canonical.as_of_exactness")
    with transaction(rig.store, "looking") as connection:
        [state] = sources(connection)
    assert (state.exact_from, state.why_inexact) == (exact_from, why)
    assert (why is None) == (route in TELLS_APPLICATIONS)
    notes = [
        note
        for (note,) in rig.rows(
            """SELECT detail ->> 'note' FROM canonical.certificate WHERE "check" = 'C13'"""
        )
    ]
    assert (
        any(why in note for note in notes)
        if why
        else not any("As-of answers: what was applied" in note for note in notes)
    )


def _history(rig: Rig) -> Iterator[date]:
    """Two months of every kind of settlement; the days between them."""
    company = rig.company
    customer, other = list(company.customers)[:2]
    split = company.post_document(
        company.create_invoice(customer, amount=Decimal(900), currency="").id,
        parts=[Decimal(300), Decimal(600)],
    )
    short = company.post_document(
        company.create_invoice(customer, amount=Decimal(1100), currency="").id, parts=[Decimal(1080)]
    )
    paid, undone, cancelled, credited, foreign = (
        company.post_invoice(other, Decimal(amount), currency=currency)
        for amount, currency in ((100, ""), (200, ""), (50, ""), (80, ""), (70, "EUR"))
    )
    money = company.post_payment(other, Decimal(500))

    def step() -> date:
        day = company.today()
        rig.advance(days=7)
        return day

    yield step()
    company.pay_invoice(paid.id, Decimal(40))
    first = company.entries_of_document(split)[0]
    company.post_payment(customer, Decimal(300), apply_to=str(first.entry_no))
    payment = company.pay_invoice(undone.id)
    yield step()
    company.pay_invoice(paid.id)
    company.unapply(company.applications_of(payment.entry_no)[0])
    company.pay_invoice(short.id, Decimal(80))
    company.pay_invoice(foreign.id, Decimal(20))
    yield step()
    company.cancel_invoice(cancelled.id)
    company.post_credit_memo(other, Decimal(30), applies_to=credited.number, currency="")
    company.apply(money.entry_no, company.entries_of_document(credited)[0].entry_no)
    company.pay_invoice(short.id)
    yield step()
    yield company.today()


def _truth(rig: Rig, day: date) -> dict[str, Decimal]:
    """Number -> what the ledger said at the end of the day: detailed entries up to it, of entries posted by then."""
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for entry in rig.company.entries.values():
        if entry.posting_date <= day:
            found[entry.document_no] += sum(
                (x.amount for x in rig.company.details_of[entry.entry_no] if x.posting_date <= day),
                Decimal(0),
            )
    return dict(found)


@pytest.mark.parametrize("route", ROUTES)
def test_what_is_called_exact_is_what_the_ledger_said_that_day(make_rig: RigMaker, route: str) -> None:
    """On every day of two months of payments, un-applications, credits and a cancellation; what is open then and not listed is nowhere."""
    rig = make_rig(route=route, world=small)
    days = list(_history(rig))
    rig.run_whole()
    seen = {x.number for x in rig.company.invoices.values() if len(rig.company.entries_of_document(x)) == 1}
    exact = 0
    for day in days:
        said: dict[str, list[tuple[Decimal | None, bool]]] = defaultdict(list)
        for number, effect, is_exact in rig.rows(
            "SELECT number, balance_effect, is_exact FROM canonical.open_items_at(:t)", t=day
        ):
            said[number].append((effect, is_exact))
        for number, owed in _truth(rig, day).items():
            if route == "invoices" and number not in seen:  # what headers do not show, which C13 says
                continue
            rows = said.get(number, [])
            if all(is_exact for _, is_exact in rows):
                assert sum((effect or Decimal(0) for effect, _ in rows), Decimal(0)) == owed, (day, number)
                exact += 1
    assert exact > 0
