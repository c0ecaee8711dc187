"""What each ledger route brings to canonical, and what it leaves open instead of guessing."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from sync_engine.ops.inspect import overview
from tests.lanes.support import ROUTES, LaneMaker, SourceRun


def _busy(source_run: SourceRun) -> None:
    """Everything that can happen to a ledger."""
    company = source_run.company
    local, foreign = company.customer("10010"), company.customer("10000")
    company.post_opening_balance(local.id, Decimal(66))
    company.post_finance_charge(local.id, Decimal(7))
    company.post_payment(local.id, Decimal(20))
    paid = company.post_payment(local.id, Decimal(70))
    company.post_refund(local.id, Decimal(70), apply_to=paid.entry_no)
    company.post_credit_memo(local.id, Decimal("12.34"))
    company.post_credit_memo(foreign.id, Decimal("9.10"))
    company.post_payment(foreign.id, Decimal(5), currency="EUR")
    invoice = next(
        x
        for x in company.invoices.values()
        if x.posted and x.customer_id == foreign.id and company.remaining_of(x) == x.gross
    )
    company.pay_invoice(invoice.id, Decimal("33.33"))


def _undo(source_run: SourceRun) -> int:
    """Un-applies the first application; gives the entry it was on."""
    for entry in source_run.company.entries.values():
        for number in source_run.company.applications_of(entry.entry_no):
            source_run.company.unapply(number)
            return entry.entry_no
    raise AssertionError("nothing is applied")


@pytest.mark.parametrize("route", ["custom_api", "odata_page", "analytics"])
def test_a_whole_ledger_arrives(make_lane: LaneMaker, route: str) -> None:
    """Payments, refunds, journals, opening balances, finance charges, memos and un-applications: balances tie to the ERP's, twice."""
    source_run = make_lane(route=route)
    _busy(source_run)
    source_run.run()
    assert source_run.balances() == source_run.true_balances()
    assert source_run.open_invoices() == source_run.true_open_invoices()
    source_run.bench.hands.time.advance(timedelta(days=2))
    _undo(source_run)
    _busy(source_run)
    source_run.run()
    assert source_run.balances() == source_run.true_balances()
    assert source_run.open_invoices() == source_run.true_open_invoices()
    kinds = dict(
        source_run.rows(
            "SELECT kind, count(*) FROM canonical.document WHERE external_id LIKE 'ledger/%' AND deleted_at IS NULL GROUP BY 1"
        )
    )
    assert kinds == {"journal": 3, "finance_charge": 2}
    assert source_run.one("SELECT count(*) FROM canonical.payment WHERE kind = 'refund'") == 2


@pytest.mark.parametrize("route", ["custom_api", "odata_page", "analytics"])
def test_an_application_that_was_undone_is_marked(make_lane: LaneMaker, route: str) -> None:
    """It stays, as reversed; what it settled is open again, and nothing is said to be paid the wrong way round."""
    source_run = make_lane(route=route)
    source_run.run()
    before = source_run.one("SELECT count(*) FROM canonical.application WHERE NOT is_reversed")
    source_run.bench.hands.time.advance(timedelta(days=1))
    _undo(source_run)
    source_run.run()
    after = source_run.rows(
        "SELECT is_reversed, count(*) FROM canonical.application WHERE deleted_at IS NULL GROUP BY 1 ORDER BY 1"
    )
    assert after == [(False, before - 1), (True, 1)]
    assert (
        source_run.one(
            "SELECT count(*) FROM canonical.application a JOIN canonical.document d ON d.id = a.from_id WHERE d.kind = 'invoice'"
        )
        == 0
    )


def test_the_power_bi_route_keeps_the_currency_of_documents(make_lane: LaneMaker) -> None:
    """An invoice in euro is open in euro and in base currency; a payment without a document is in base currency, and its application says no euro."""
    source_run = make_lane(route="analytics")
    invoice = next(
        x
        for x in source_run.company.invoices.values()
        if x.posted and x.currency_code == "EUR" and source_run.company.remaining_of(x) == x.gross
    )
    payment = source_run.company.pay_invoice(invoice.id, Decimal(40))
    source_run.run()
    row = source_run.document(invoice.number)
    assert (row["currency"], row["open_amount"]) == ("EUR", invoice.gross - 40)
    assert row["open_amount_base"] == source_run.company.entry(invoice.entry_no or 0).remaining_lcy
    assert row["exchange_rate"] is not None
    paid = source_run.rows(
        "SELECT currency, amount, unapplied_amount FROM canonical.payment WHERE entry_no = :n",
        n=str(payment.entry_no),
    )
    assert paid == [("GBP", -payment.amount_lcy, Decimal(0))]
    assert source_run.rows(
        "SELECT amount, currency, amount_base > 0 FROM canonical.application WHERE to_id = :id", id=row["id"]
    ) == [(None, "EUR", True)]


def test_reports_finance_leaves_open_what_it_does_not_tell(make_lane: LaneMaker) -> None:
    """Money on account is there with its amount; what of it is unapplied is unknown, not nought, until the entry is closed."""
    source_run = make_lane(route="reports_finance")
    on_account = source_run.company.post_payment("10010", Decimal(20))
    journal = source_run.company.post_journal_invoice("10010", Decimal(15))
    closed = source_run.company.pay_invoice(source_run.company.post_invoice("10010", Decimal(30)).id)
    source_run.run()
    told = dict(source_run.rows("SELECT entry_no, ARRAY[amount, unapplied_amount] FROM canonical.payment"))
    assert told[str(on_account.entry_no)] == [Decimal(20), None]
    assert told[str(closed.entry_no)] == [Decimal(30), Decimal(0)]
    assert source_run.document(journal.document_no)["open_amount"] is None
    assert source_run.open_invoices() == source_run.true_open_invoices()


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("currency", ["", "EUR"], ids=["local", "foreign"])
def test_a_partial_payment_arrives_by_every_route(make_lane: LaneMaker, route: str, currency: str) -> None:
    """No stamp moves, the open amount does: in document and in base currency, back-dated or not. [case 7]"""
    source_run = make_lane(route=route)
    source_run.company.partial_application_touches_entry = False
    source_run.run()
    for share in (Decimal("33.33"), Decimal(10)):
        invoice = next(
            x
            for x in source_run.company.invoices.values()
            if x.posted
            and x.currency_code == currency
            and source_run.company.remaining_of(x) > 60
            and x.entry_no
        )
        stamp = invoice.modified_at
        source_run.bench.hands.time.advance(timedelta(days=2))
        source_run.company.pay_invoice(invoice.id, share)
        assert invoice.modified_at == stamp
        source_run.run()
        row = source_run.document(invoice.number)
        assert (row["open_amount"], row["erp_status"]) == (
            source_run.company.remaining_of(invoice),
            "partially_paid",
        )
        assert (row["open_amount_base"] is None) == (route == "invoices" and currency == "EUR"), (
            "without any ledger nobody tells the booked rate"
        )
        assert source_run.open_invoices() == source_run.true_open_invoices()


@pytest.mark.parametrize("route", ["analytics", "reports_finance"])
def test_a_ledger_that_has_not_moved_is_not_read_again(make_lane: LaneMaker, route: str) -> None:
    """Three small questions instead of every detailed entry, and none of the open invoices."""
    source_run = make_lane(route=route)
    source_run.run()
    source_run.run()
    asked = [
        x.target
        for x in source_run.bench.simulator.log
        if x.at >= source_run.bench.hands.now() - timedelta(minutes=1)
    ]
    source_run.run()
    again = [x.target for x in source_run.bench.simulator.log][-len(asked) :]
    assert not [url for url in again if "analytics" in url and "top=1" not in url]
    assert not [
        url for url in again if "status%20eq%20'Open'" in url and "top=1" not in url and "count" not in url
    ]


def test_exchange_rates_are_published(make_lane: LaneMaker) -> None:
    """One euro in base currency, from the day on; for display only."""
    source_run = make_lane()
    source_run.run()
    found = source_run.rows(
        "SELECT from_currency, to_currency, CAST(rate_date AS text), rate > 0, basis FROM canonical.fx_rate"
    )
    assert found == [("EUR", "GBP", "2026-01-01", True, "spot")]


UNTOLD = {
    "custom_api": "",
    "odata_page": "Microsoft removes published pages",
    "analytics": "outside the dates of the Power BI set-up",
    "reports_finance": "what is unapplied of a payment",
    "invoices": "payments, applications, journal-posted invoices",
}


@pytest.mark.parametrize("route", ROUTES)
def test_the_certificate_says_what_the_route_cannot_tell(make_lane: LaneMaker, route: str) -> None:
    """In the route's own sentence, beside the checks; only a page of one's own leaves nothing to say."""
    source_run = make_lane(route=route)
    certificate = source_run.run().certificate
    assert certificate is not None
    said = [check.note for check in certificate.checks if check.code == "C13"]
    assert len(said) == (1 if UNTOLD[route] else 0)
    for note in said:
        assert f"ledger route {route}: " in note
        assert UNTOLD[route] in note
    refused = {check.code for check in certificate.checks if check.verdict == "not_answerable"}
    if "C2, C3, C6 and C7 cannot be answered" in "".join(said):
        assert {"C2", "C3", "C6", "C7"} <= refused


def test_without_a_ledger_nobody_knows_the_booked_value_of_foreign_money(make_lane: LaneMaker) -> None:
    """An open invoice in euro: its base amount, every sum it is part of and every check that needs one are unknown, never nought or a part."""
    source_run = make_lane(route="invoices")
    local, foreign = source_run.company.customer("10010"), source_run.company.customer("10000")
    certificate = source_run.run().certificate
    assert certificate is not None
    euros = source_run.rows(
        "SELECT DISTINCT total_base, open_amount_base, exchange_rate FROM canonical.document WHERE currency = 'EUR' AND open_amount > 0"
    )
    assert euros == [(None, None, None)]
    checks = {check.code: check for check in certificate.checks}
    for code in ("C4", "C8"):
        assert (checks[code].verdict, checks[code].canonical_value) == ("not_answerable", None)
        assert "no booked base amount" in checks[code].note
    assert (checks["C5"].canonical_value, checks["C5"].difference) == (None, None)
    assert foreign.id not in {difference.key for difference in checks["C5"].sample}
    owed = "SELECT balance > 0, balance_base FROM canonical.debtor_balance WHERE debtor_number = :n AND currency = :c"
    assert source_run.rows(owed, n=foreign.number, c="EUR") == [(True, None)]
    assert (
        source_run.one(
            "SELECT balance = balance_base FROM canonical.debtor_balance WHERE debtor_number = :n",
            n=local.number,
        )
        is True
    )
    aged = "SELECT bool_and((open_amount_base IS NULL) = (open_amount <> 0)) FROM canonical.{} WHERE currency = 'EUR' AND bucket <> 'unapplied'"
    assert source_run.one(aged.format("ageing")) is True
    assert source_run.one(aged.format("ageing_summary")) is True
    exposed = source_run.rows(
        "SELECT exposure, utilisation, flag FROM canonical.credit_utilisation WHERE name = :n", n=foreign.name
    )
    assert exposed == [(None, None, "no_base_amount")]
    portfolios = {line.code: line.balance for line in overview.receivables(source_run.store).portfolios}
    assert portfolios[None] is None, "it has a debtor who owes in euro"
