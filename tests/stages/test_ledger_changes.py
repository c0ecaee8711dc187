"""Money moves: every kind of posting reaches canonical with the next run, by every route the ledger can be read."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.simulators.business_central.records import SalesDocument
from tests.stages.conftest import RigMaker
from tests.stages.support import ROUTES, Rig
from tests.stages.truth import assert_sound, assert_true, open_invoices, true_open_invoices


def _open_invoice(rig: Rig, currency: str = "") -> SalesDocument:
    """An invoice of which everything is open."""
    return next(
        x
        for x in rig.company.invoices.values()
        if x.posted
        and x.currency_code == currency
        and rig.company.remaining_of(x) == x.gross
        and rig.company.entry(x.entry_no or 0).open
    )


def _settle(rig: Rig) -> None:
    """The second run of a test: an hour later, and everything ties."""
    rig.advance(hours=1)
    rig.run()
    assert_true(rig)
    assert_sound(rig)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("currency", ["", "EUR"])
def test_a_partial_payment_without_a_stamp_arrives(make_rig: RigMaker, route: str, currency: str) -> None:
    """The remaining amount moves, no lastModifiedDateTime does: each route notices, in either currency. [case 7]"""
    rig = make_rig(route=route)
    rig.company.partial_application_touches_entry = False
    rig.run()
    invoice = _open_invoice(rig, currency)
    stamp = invoice.modified_at
    rig.advance(days=2)
    rig.company.pay_invoice(invoice.id, Decimal("33.33"))
    assert invoice.modified_at == stamp
    rig.run()
    row = rig.document(invoice.number)
    assert (row["open_amount"], row["erp_status"]) == (invoice.gross - Decimal("33.33"), "partially_paid")
    if (
        route not in ("invoices", "analytics") or not currency
    ):  # without the ledger's own figure, nobody knows at which rate it was booked
        assert row["open_amount_base"] is not None
    assert open_invoices(rig) == true_open_invoices(rig.company)
    if route in ("custom_api", "odata_page"):
        assert_true(rig)
    assert_sound(rig) if route != "analytics" else None


@pytest.mark.parametrize("route", ROUTES)
def test_a_payment_in_full_arrives_on_every_route(make_rig: RigMaker, route: str) -> None:
    """A paid invoice is paid, whichever way the ledger is read."""
    rig = make_rig(route=route)
    rig.run()
    invoice = _open_invoice(rig)
    rig.advance(days=2)
    rig.company.pay_invoice(invoice.id)
    rig.run()
    row = rig.document(invoice.number)
    assert (row["open_amount"], row["erp_status"]) == (Decimal(0), "paid")
    assert open_invoices(rig) == true_open_invoices(rig.company)


def test_an_unapplication_reopens_invoice_and_payment(rig: Rig) -> None:
    """Undoing an application opens both sides, and the application is marked as reversed, not removed."""
    invoice = _open_invoice(rig)
    payment = rig.company.pay_invoice(invoice.id, Decimal(40))
    rig.run()
    assert rig.document(invoice.number)["open_amount"] == invoice.gross - 40
    rig.advance(days=1)
    rig.company.unapply(rig.company.applications_of(payment.entry_no)[0])
    _settle(rig)
    assert rig.document(invoice.number)["open_amount"] == invoice.gross
    document = rig.document(invoice.number)["id"]
    assert (
        rig.rows(
            "SELECT amount FROM canonical.application WHERE to_id = :id AND NOT is_reversed AND deleted_at IS NULL",
            id=document,
        )
        == []
    )
    assert rig.one("SELECT count(*) FROM canonical.application WHERE is_reversed") > 0


def test_a_refund_of_a_payment_on_account_arrives(rig: Rig) -> None:
    """Money paid back is a refund; the payment it returns is used up."""
    customer = next(iter(rig.company.customers.values()))
    payment = rig.company.post_payment(customer.id, Decimal(70), currency=customer.currency_code)
    rig.run()
    rig.advance(hours=3)
    refund = rig.company.post_refund(customer.id, Decimal(70), apply_to=payment.entry_no)
    _settle(rig)
    kinds = dict(
        rig.rows(
            "SELECT entry_no, kind FROM canonical.payment WHERE entry_no IN (:a, :b)",
            a=str(payment.entry_no),
            b=str(refund.entry_no),
        )
    )
    assert kinds == {str(payment.entry_no): "payment", str(refund.entry_no): "refund"}
    assert (
        rig.one(
            "SELECT sum(unapplied_amount) FROM canonical.payment WHERE entry_no IN (:a, :b)",
            a=str(payment.entry_no),
            b=str(refund.entry_no),
        )
        == 0
    )


def test_a_credit_memo_settles_its_invoice(rig: Rig) -> None:
    """An applied credit memo brings the invoice down; both documents and the application are there."""
    rig.run()
    invoice = _open_invoice(rig)
    rig.advance(hours=2)
    memo = rig.company.post_credit_memo(invoice.customer_id, Decimal(30), applies_to=invoice.number)
    _settle(rig)
    assert rig.document(invoice.number)["open_amount"] == invoice.gross - 30
    assert rig.document(memo.number)["open_amount"] == 0
    ends = {"f": rig.document(memo.number)["id"], "t": rig.document(invoice.number)["id"]}
    assert rig.one("SELECT amount FROM canonical.application WHERE from_id = :f AND to_id = :t", **ends) == 30


def test_a_credit_memo_left_open_reduces_what_is_owed(rig: Rig) -> None:
    """An unapplied credit memo counts against the debtor's balance."""
    rig.run()
    customer = next(iter(rig.company.customers.values()))
    memo = rig.company.post_credit_memo(customer.id, Decimal("12.34"))
    _settle(rig)
    assert rig.document(memo.number)["open_amount"] == Decimal("12.34")


def test_a_cancelled_invoice_is_void_and_owes_nothing(rig: Rig) -> None:
    """Cancelling posts a corrective credit memo; the invoice reads void with nothing open."""
    rig.run()
    invoice = _open_invoice(rig)
    rig.advance(hours=2)
    memo = rig.company.cancel_invoice(invoice.id)
    _settle(rig)
    row = rig.document(invoice.number)
    assert (row["erp_status"], row["open_amount"]) == ("void", Decimal(0))
    assert rig.document(memo.number)["open_amount"] == 0


def test_a_cancelled_sale_is_taken_back_once(rig: Rig) -> None:
    """The invoice and its corrective credit memo both count in the sales of their months; together they are nothing."""
    sold = "SELECT coalesce(sum(sales), 0) FROM canonical.sales_by_month_at('2030-01-01', NULL, false)"
    rig.run()
    before, invoice = rig.one(sold), _open_invoice(rig)
    rig.company.cancel_invoice(invoice.id)
    _settle(rig)
    assert rig.one(sold) == before - invoice.gross


def test_a_cancelled_invoice_that_was_opened_again_is_owed(rig: Rig) -> None:
    """Taking back the application of its corrective credit memo opens both: the ledger, the balance and the controls count both."""
    rig.run_whole()
    invoice = _open_invoice(rig)
    memo = rig.company.cancel_invoice(invoice.id)
    rig.advance(hours=1)
    rig.run_whole()
    [application] = rig.company.applications_of(memo.entry_no or 0)
    rig.company.unapply(application)
    rig.advance(hours=1)
    rig.run_whole()
    assert_true(rig)
    assert_sound(rig)
    open_items = (
        "SELECT number, balance_effect FROM canonical.open_items WHERE number = ANY(:numbers) ORDER BY 1"
    )
    assert rig.rows(open_items, numbers=[invoice.number, memo.number]) == [
        (invoice.number, invoice.gross),
        (memo.number, -invoice.gross),
    ]
    verdicts = dict(
        rig.rows(
            'SELECT "check", verdict FROM canonical.certificate WHERE cut_id = (SELECT max(cut_id) FROM canonical.cut)'
        )
    )
    assert {verdicts[check] for check in ("C2", "C3", "C4", "C10")} == {"holds"}


def test_a_journal_invoice_has_a_document_of_its_own(rig: Rig) -> None:
    """What was posted from a journal is no salesInvoice, and is owed all the same; opening balances and finance charges too."""
    rig.run()
    customer = next(iter(rig.company.customers.values()))
    entries = [
        rig.company.post_journal_invoice(customer.id, Decimal(55)),
        rig.company.post_opening_balance(customer.id, Decimal(66)),
        rig.company.post_finance_charge(customer.id, Decimal(7)),
    ]
    _settle(rig)
    kinds = dict(rig.rows("SELECT entry_no, kind FROM canonical.document WHERE external_id LIKE 'ledger/%'"))
    assert [kinds[str(e.entry_no)] for e in entries] == ["journal", "journal", "finance_charge"]


def test_an_opening_credit_is_money_of_the_debtor(rig: Rig) -> None:
    """A negative entry without a type is a payment on account, not a negative debt."""
    rig.run()
    customer = next(iter(rig.company.customers.values()))
    rig.company.post_opening_balance(customer.id, Decimal(-20))
    _settle(rig)


def test_a_negative_invoice_lowers_what_is_owed(rig: Rig) -> None:
    """An invoice below nought is owed to the debtor. [case 28]"""
    rig.run()
    customer = next(iter(rig.company.customers.values()))
    invoice = rig.company.post_invoice(customer.id, Decimal(-25))
    _settle(rig)
    assert rig.document(invoice.number)["open_amount"] == -25


def test_an_invoice_over_nothing_is_paid(rig: Rig) -> None:
    """An invoice of nought is posted and owes nothing."""
    rig.run()
    customer = next(iter(rig.company.customers.values()))
    invoice = rig.company.post_invoice(customer.id, Decimal(0))
    _settle(rig)
    assert rig.document(invoice.number)["open_amount"] == 0


def test_an_overpayment_leaves_the_rest_on_account(rig: Rig) -> None:
    """More than the invoice owes: the invoice is paid, the rest of the payment stays the debtor's."""
    rig.run()
    invoice = _open_invoice(rig)
    payment = rig.company.post_payment(invoice.bill_to_id, invoice.gross + 9, apply_to=invoice.number)
    _settle(rig)
    assert (
        rig.one("SELECT unapplied_amount FROM canonical.payment WHERE entry_no = :n", n=str(payment.entry_no))
        == 9
    )


def test_a_payment_in_foreign_currency_books_its_exchange_difference(rig: Rig) -> None:
    """A payment at another rate than the invoice's: what is open is nought in both currencies."""
    rig.run()
    invoice = _open_invoice(rig, "EUR")
    rig.company.add_exchange_rate("EUR", rig.company.today() + timedelta(days=1), Decimal(91))
    rig.advance(days=1)
    rig.company.pay_invoice(invoice.id)
    _settle(rig)
    assert rig.document(invoice.number)["open_amount_base"] == 0


def test_a_sell_to_debtor_does_not_owe_what_another_is_billed(rig: Rig) -> None:
    """The debtor of a document is the bill-to customer. [case 11]"""
    payer, buyer = list(rig.company.customers.values())[:2]
    rig.company.edit_customer(buyer.id, bill_to_id=payer.id)
    rig.run()
    invoice = rig.company.post_invoice(buyer.id, Decimal(64))
    _settle(rig)
    assert rig.document(invoice.number)["debtor_id"] == rig.debtor(payer.number)["id"]
    assert rig.debtor(buyer.number)["parent_id"] == rig.debtor(payer.number)["id"]


def test_an_entry_that_arrives_before_its_document(rig: Rig) -> None:
    """Posted and paid between the reading of invoices and of entries: the entry stands alone, until the invoice takes it over with what was applied."""
    rig.run()
    customer = next(iter(rig.company.customers.values()))
    rig.advance(hours=1)
    invoice = rig.company.post_invoice(customer.id, Decimal(80))
    rig.company.pay_invoice(invoice.id, Decimal(30))
    rig.run(entities=("ledgerEntriesApi", "detailedEntriesApi"))
    stand_in = rig.document(invoice.number)
    assert (stand_in["external_id"], stand_in["open_amount"]) == (f"ledger/{invoice.entry_no}", Decimal(50))
    _settle(rig)
    document = rig.document(invoice.number)
    assert (document["external_id"], document["open_amount"], document["total"]) == (
        invoice.id,
        Decimal(50),
        Decimal(80),
    )
    assert rig.rows(
        "SELECT amount FROM canonical.application WHERE to_id = :d AND NOT is_reversed", d=document["id"]
    ) == [(Decimal(30),)]
    assert rig.rows("SELECT amount FROM canonical.application WHERE to_id = :d", d=stand_in["id"]) == []


@pytest.mark.parametrize("paid", [False, True])
def test_a_journal_invoice_under_the_number_of_another_invoice(rig: Rig, paid: bool) -> None:
    """Somebody typed an existing invoice number into a journal: both are owed, each with its own amounts."""
    invoice = _open_invoice(rig)
    rig.run()
    rig.advance(hours=1)
    entry = rig.company.post_journal_invoice(invoice.customer_id, Decimal(50), document_no=invoice.number)
    if paid:
        rig.company.post_payment(invoice.customer_id, Decimal(20), apply_to=str(entry.entry_no))
    _settle(rig)
    rows = rig.rows(
        "SELECT external_id, total, open_amount FROM canonical.document WHERE external_no = :n AND deleted_at IS NULL",
        n=invoice.number,
    )
    assert sorted(rows) == sorted(
        [
            (invoice.id, invoice.gross, invoice.gross),
            (f"ledger/{entry.entry_no}", Decimal(50), Decimal(30 if paid else 50)),
        ]
    )
