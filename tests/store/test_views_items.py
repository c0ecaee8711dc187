"""Open items, ageing and balances: signs, dates, buckets, and what is left out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import create_engine

from tests.store.ledger_rows import Rows

T = date(2025, 5, 23)


@pytest.fixture
def ledger(database: str) -> Iterator[Rows]:
    """An empty ledger of one company that books in EUR."""
    engine = create_engine(database)
    with engine.connect() as connection:
        yield Rows(connection)
    engine.dispose()


def test_an_invoice_due_on_18_march_is_66_days_late_on_23_may(ledger: Rows) -> None:
    """Signed days due and days late agree while an item is open."""
    ledger.document(ledger.debtor(), 100, issue_date=date(2025, 2, 16), due_date=date(2025, 3, 18))
    assert ledger.rows("SELECT days_due, days_late FROM canonical.open_items_at(:t)", t=T) == [(66, 66)]


def test_an_invoice_that_is_not_due_has_negative_days_due_and_is_not_late(ledger: Rows) -> None:
    """Late is never negative."""
    ledger.document(ledger.debtor(), 100, issue_date=date(2025, 5, 20), due_date=date(2025, 6, 1))
    assert ledger.rows("SELECT days_due, days_late FROM canonical.open_items_at(:t)", t=T) == [(-9, 0)]


def test_credits_reduce_the_balance_and_refunds_raise_it(ledger: Rows) -> None:
    """Everything is stored positive; balance_effect applies the sign, and its sum is the balance."""
    debtor = ledger.debtor()
    ledger.document(debtor, 100, issue_date=T, due_date=T)
    ledger.document(debtor, 30, kind="credit_note", issue_date=T, due_date=T)
    ledger.payment(debtor, 50, 20, payment_date=T)
    ledger.payment(debtor, 5, 5, kind="refund", payment_date=T)
    row = ledger.one("SELECT owed, unapplied, balance, n_documents FROM canonical.debtor_balance_at(:t)", t=T)
    assert row == (105, 50, 55, 2)
    assert ledger.one("SELECT sum(balance_effect) FROM canonical.open_items_at(:t)", t=T) == (55,)


def test_drafts_voided_and_deleted_documents_are_no_items(ledger: Rows) -> None:
    """Only posted, living documents count."""
    debtor = ledger.debtor()
    ledger.document(debtor, 1, erp_status="draft", issue_date=T)
    ledger.document(debtor, 2, erp_status="void", issue_date=T)
    ledger.document(debtor, 4, issue_date=T, deleted_at="2025-05-01T00:00:00Z")
    ledger.payment(debtor, 8, 8, payment_date=T, deleted_at="2025-05-01T00:00:00Z")
    assert ledger.rows("SELECT * FROM canonical.open_items_at(:t)", t=T) == []


def test_every_edge_of_every_bucket(ledger: Rows) -> None:
    """Current is up to and with the due date; 30, 60 and 90 days belong to the bucket that ends there."""
    debtor = ledger.debtor()
    for late, amount in (
        (0, 1),
        (1, 2),
        (30, 4),
        (31, 8),
        (60, 16),
        (61, 32),
        (90, 64),
        (91, 128),
        (-10, 256),
    ):
        due = date.fromordinal(T.toordinal() - late)
        ledger.document(debtor, amount, issue_date=date(2025, 1, 1), due_date=due)
    rows = ledger.rows('SELECT bucket, open_amount FROM canonical.ageing_at(:t) ORDER BY "position"', t=T)
    assert rows == [("current", 257), ("1-30", 6), ("31-60", 24), ("61-90", 96), ("91+", 128)]


def test_credits_stand_in_a_column_of_their_own(ledger: Rows) -> None:
    """They are never netted into a bucket; buckets less credits are the balance."""
    debtor = ledger.debtor()
    ledger.document(debtor, 100, issue_date=date(2025, 1, 1), due_date=date(2025, 5, 1))
    ledger.document(debtor, 40, kind="credit_note", issue_date=date(2025, 1, 1), due_date=date(2025, 5, 1))
    ledger.payment(debtor, 25, 25, payment_date=T)
    rows = ledger.rows(
        'SELECT bucket, open_amount, unapplied, n_items FROM canonical.ageing_at(:t) ORDER BY "position" NULLS LAST',
        t=T,
    )
    assert rows == [("1-30", 100, 0, 1), ("unapplied", 0, 65, 2)]


def test_the_bounds_of_the_buckets_are_data(ledger: Rows) -> None:
    """Another company ages by weeks: it changes rows, not views."""
    ledger.connection.exec_driver_sql("DELETE FROM canonical.ageing_bucket")
    ledger.connection.exec_driver_sql(
        "INSERT INTO canonical.ageing_bucket VALUES (1, 'this week', NULL, 7), (2, 'older', 8, NULL)"
    )
    ledger.document(ledger.debtor(), 100, issue_date=date(2025, 1, 1), due_date=date(2025, 5, 1))
    assert ledger.rows("SELECT bucket FROM canonical.ageing_at(:t)", t=T) == [("older",)]


def test_an_item_without_a_due_date_ages_from_its_posting_date(ledger: Rows) -> None:
    """A journal entry has none."""
    ledger.document(ledger.debtor(), 100, kind="journal", posting_date=date(2025, 5, 1))
    assert ledger.rows("SELECT bucket, open_amount FROM canonical.ageing_at(:t)", t=T) == [("1-30", 100)]


def test_the_summary_shows_empty_buckets_too(ledger: Rows) -> None:
    """A report has all its columns, whatever is in them."""
    ledger.document(ledger.debtor(), 100, issue_date=date(2025, 1, 1), due_date=date(2025, 5, 1))
    rows = ledger.rows(
        'SELECT bucket, open_amount, n_debtors FROM canonical.ageing_summary_at(:t) ORDER BY "position" NULLS LAST',
        t=T,
    )
    assert rows == [
        ("current", 0, 0),
        ("1-30", 100, 1),
        ("31-60", 0, 0),
        ("61-90", 0, 0),
        ("91+", 0, 0),
        ("unapplied", 0, 0),
    ]


def test_currencies_are_never_added_up(ledger: Rows) -> None:
    """One row per document currency, each with its booked base amounts beside it."""
    debtor = ledger.debtor()
    ledger.document(debtor, 100, issue_date=T, due_date=T)
    ledger.document(
        debtor, 200, issue_date=T, due_date=T, currency="USD", total_base=180, open_amount_base=180
    )
    rows = ledger.rows(
        "SELECT currency, balance, balance_base, base_currency FROM canonical.debtor_balance_at(:t) ORDER BY 1",
        t=T,
    )
    assert rows == [("EUR", 100, 100, "EUR"), ("USD", 200, 180, "EUR")]


def test_a_foreign_item_without_a_base_amount_is_counted_not_guessed(ledger: Rows) -> None:
    """The sum in base currency is not known, and how many items are to blame is told."""
    ledger.document(
        ledger.debtor(), 200, issue_date=T, due_date=T, currency="USD", total_base=None, open_amount_base=None
    )
    assert ledger.one(
        "SELECT balance, balance_base, n_without_base FROM canonical.debtor_balance_at(:t)", t=T
    ) == (200, None, 1)


def test_blocked_and_intercompany_debtors_stay_in_balances(ledger: Rows) -> None:
    """A control that leaves somebody out is no control."""
    ledger.document(ledger.debtor(status="blocked"), 1, issue_date=T, due_date=T)
    ledger.document(ledger.debtor(is_intercompany=True), 2, issue_date=T, due_date=T)
    assert ledger.one("SELECT sum(balance) FROM canonical.debtor_balance_at(:t)", t=T) == (3,)


def test_yesterday_is_recomputed_from_dated_applications(ledger: Rows) -> None:
    """Before the payment everything was open, between the two payments a part, afterwards nothing."""
    debtor = ledger.debtor()
    invoice = ledger.document(
        debtor, 100, 0, issue_date=date(2025, 1, 1), due_date=date(2025, 1, 31), closed_date=date(2025, 3, 10)
    )
    ledger.application(
        ledger.payment(debtor, 60, payment_date=date(2025, 2, 10)), invoice, 60, date(2025, 2, 10)
    )
    ledger.application(
        ledger.payment(debtor, 40, payment_date=date(2025, 3, 10)), invoice, 40, date(2025, 3, 10)
    )
    days = (date(2025, 1, 1), date(2025, 2, 10), date(2025, 3, 10))
    opened = [
        ledger.rows("SELECT open_amount FROM canonical.open_items_at(:t) WHERE record = 'document'", t=day)
        for day in days
    ]
    assert opened == [[(100,)], [(40,)], []]


def test_money_that_was_not_applied_yet_was_unapplied(ledger: Rows) -> None:
    """Between receipt and application the payment was a credit."""
    debtor = ledger.debtor()
    invoice = ledger.document(
        debtor, 100, 0, issue_date=date(2025, 1, 1), due_date=date(2025, 1, 31), closed_date=date(2025, 3, 10)
    )
    payment = ledger.payment(debtor, 100, payment_date=date(2025, 2, 10))
    ledger.application(payment, invoice, 100, date(2025, 3, 10))
    assert ledger.one("SELECT owed, unapplied, balance FROM canonical.debtor_balance_at('2025-02-20')") == (
        100,
        100,
        0,
    )


def test_an_application_undone_later_was_in_force_until_then(ledger: Rows) -> None:
    """The bounced cheque: paid from 10 to 20 February, open before and after."""
    debtor = ledger.debtor()
    invoice = ledger.document(debtor, 100, issue_date=date(2025, 1, 1), due_date=date(2025, 1, 31))
    ledger.application(
        ledger.payment(debtor, 100, 100, payment_date=date(2025, 2, 10)),
        invoice,
        100,
        date(2025, 2, 10),
        date(2025, 2, 20),
    )
    opened = [
        ledger.one("SELECT open_amount FROM canonical.document_at(:t)", t=date(2025, 2, day))[0]
        for day in (9, 10, 19, 20)
    ]
    assert opened == [100, 0, 0, 100]


def test_without_applications_the_closing_date_tells(ledger: Rows) -> None:
    """A source that hands over no applications: the document was open in full until it was closed."""
    ledger.document(
        ledger.debtor(),
        100,
        0,
        issue_date=date(2025, 1, 1),
        due_date=date(2025, 1, 31),
        closed_date=date(2025, 3, 10),
    )
    opened = [
        ledger.one("SELECT open_amount, settled_on FROM canonical.document_at(:t)", t=date(2025, 3, day))
        for day in (9, 10)
    ]
    assert opened == [(100, None), (0, date(2025, 3, 10))]


def test_a_payment_in_another_currency_settles_on_the_closing_date(ledger: Rows) -> None:
    """Its amount is not in the document's currency, so it is not subtracted from it."""
    debtor = ledger.debtor()
    invoice = ledger.document(
        debtor, 100, 0, issue_date=date(2025, 1, 1), due_date=date(2025, 1, 31), closed_date=date(2025, 3, 10)
    )
    ledger.application(
        ledger.payment(debtor, 110, payment_date=date(2025, 3, 10), currency="USD"),
        invoice,
        110,
        date(2025, 3, 10),
        currency="USD",
    )
    opened = [
        ledger.one("SELECT open_amount FROM canonical.document_at(:t)", t=date(2025, 3, day))[0]
        for day in (9, 10)
    ]
    assert opened == [100, 0]


def test_an_old_base_amount_keeps_the_booked_rate(ledger: Rows) -> None:
    """Rolled back by the share that was open, not by today's rate nor by exchange gains of the payment."""
    debtor = ledger.debtor()
    invoice = ledger.document(
        debtor,
        200,
        50,
        currency="USD",
        total_base=180,
        open_amount_base=45,
        issue_date=date(2025, 1, 1),
        due_date=date(2025, 1, 31),
        erp_status="partially_paid",
    )
    payment = ledger.payment(
        debtor, 150, currency="USD", amount_base=150, unapplied_amount_base=0, payment_date=date(2025, 3, 1)
    )
    ledger.application(payment, invoice, 150, date(2025, 3, 1), currency="USD", amount_base=150)
    assert ledger.one("SELECT open_amount, open_amount_base FROM canonical.document_at('2025-02-01')") == (
        200,
        180,
    )


def test_documents_of_the_future_are_not_owed_yet(ledger: Rows) -> None:
    """A posting date after the as-of date: not yet in the ledger of that day."""
    ledger.document(ledger.debtor(), 100, posting_date=date(2025, 6, 1), issue_date=date(2025, 5, 1))
    assert ledger.rows("SELECT * FROM canonical.open_items_at(:t)", t=T) == []


def test_the_views_stand_at_the_ledger_date_of_each_sources_last_cut(ledger: Rows) -> None:
    """Two sources cut on different days: each is seen as of its own, and never as of the clock."""
    other = Rows(ledger.connection, "jensen", "DKK")
    for source, day in ((ledger, date(2025, 5, 23)), (other, date(2025, 5, 1))):
        source.document(
            source.debtor(), Decimal("12.34"), issue_date=date(2025, 1, 1), due_date=date(2025, 4, 1)
        )
        source.cut(date(2024, 1, 1))
        source.cut(day)
    assert ledger.rows("SELECT source, as_of, days_due FROM canonical.open_items ORDER BY 1") == [
        ("hansen", date(2025, 5, 23), 52),
        ("jensen", date(2025, 5, 1), 30),
    ]
    assert ledger.rows("SELECT source, as_of, base_currency FROM canonical.debtor_balance ORDER BY 1") == [
        ("hansen", date(2025, 5, 23), "EUR"),
        ("jensen", date(2025, 5, 1), "DKK"),
    ]
    assert ledger.rows("SELECT DISTINCT source, bucket FROM canonical.ageing ORDER BY 1") == [
        ("hansen", "31-60"),
        ("jensen", "1-30"),
    ]


def test_nobodys_invoice_is_an_item_too(ledger: Rows) -> None:
    """A document whose debtor is unknown still counts towards what is owed."""
    ledger.document(None, 100, issue_date=T, due_date=T)
    assert ledger.one("SELECT debtor_id, balance FROM canonical.debtor_balance_at(:t)", t=T) == (None, 100)
