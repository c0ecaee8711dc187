"""The metrics: worked examples that anybody can check by hand, and the law that SQL and plain Python agree on any ledger."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

from sync_engine.canonical import metrics as m
from tests.laws.metrics import T, ago, engine, ledger, overall, put
from tests.store.ledger_rows import Rows

__all__ = ["engine", "ledger"]


def unpaid(days: int, total: int = 100, left: int | None = None) -> m.Document:
    """An invoice that became due so many days ago."""
    left = total if left is None else left
    return m.Document(
        Decimal(total),
        Decimal(left),
        issued=ago(days + 30),
        due=ago(days),
        total_base=Decimal(total),
        open_base=Decimal(left),
    )


def paid(after_due: int) -> m.Document:
    """A 30-day invoice that was paid so many days after it became due."""
    total, nought = Decimal(100), Decimal(0)
    return m.Document(
        total,
        nought,
        issued=ago(130),
        due=ago(100),
        closed=ago(100 - after_due),
        total_base=total,
        open_base=nought,
        status="paid",
    )


def test_due_on_18_march_and_open_on_23_may_is_66_days() -> None:
    """The worked example that is elsewhere printed as -67."""
    assert m.days_due(m.Document(Decimal(1), Decimal(1), due=date(2025, 3, 18)), T) == 66


def test_10_15_and_20_days_overdue_are_15_on_average() -> None:
    """What is paid or not due does not count."""
    measure = m.avg_days_overdue([unpaid(10), unpaid(15), unpaid(20), unpaid(-5), paid(40)], T)
    assert measure == m.Measure(Fraction(15), 3, {"not_due": 1, "paid": 1})


def test_0_5_and_10_days_past_due_at_payment_are_5_on_average() -> None:
    """Only what is fully paid counts."""
    assert m.avg_days_past_due_at_payment([paid(0), paid(5), paid(10), unpaid(90)], T) == m.Measure(
        Fraction(5), 3, {"unpaid": 1}
    )


def test_early_payment_is_negative_at_payment_and_nought_when_late_is_asked() -> None:
    """The signed and the never negative variant."""
    assert m.avg_days_past_due_at_payment([paid(-7)], T).value == -7
    assert m.mean_days_late([paid(-7)], T).value == 0


def test_from_invoice_to_payment_counts_from_the_issue_date() -> None:
    """The other metric that is sold as days to pay."""
    assert m.avg_days_invoice_to_payment([paid(0), paid(10)], T).value == 35


def test_the_same_two_invoices_are_20_or_23_33_or_15_71_days_late() -> None:
    """Simple, weighted by original, weighted by open: they differ, so each has its own name."""
    two = [unpaid(30, 1000, 200), unpaid(10, 500, 500)]
    assert m.mean_days_late(two, T).value == 20
    assert round(float(m.weighted_avg_days_late(two, T).value or 0), 2) == 23.33
    assert round(float(m.weighted_avg_days_late(two, T, by_open=True).value or 0), 2) == 15.71


def test_dso_simple_45_best_possible_12_delinquent_33() -> None:
    """15,000 receivable of which 4,000 are not due, 10,000 sales in 30 days."""
    dso, best = (
        m.dso_simple(Decimal(15000), Decimal(10000), 30),
        m.best_possible_dso(Decimal(4000), Decimal(15000), Decimal(10000), 30),
    )
    assert dso is not None
    assert best is not None
    assert [dso, best, dso - best] == [45, 12, 33]


def test_dso_count_back_walks_73_7_days() -> None:
    """100k, 80k and part of 70k exhaust 212k, with months of 30 days."""
    months = [m.Month(Decimal(100), 30), m.Month(Decimal(80), 30), m.Month(Decimal(70), 30)]
    assert round(float(m.dso_count_back(Decimal(212), months) or 0), 1) == 73.7


def test_dso_count_back_over_calendar_months_is_73_2() -> None:
    """The same with January to March."""
    sales = {date(2025, 1, 1): Decimal(70), date(2025, 2, 1): Decimal(80), date(2025, 3, 1): Decimal(100)}
    assert (
        round(float(m.dso_count_back(Decimal(212), m.months_back(sales, date(2025, 3, 31))) or 0), 1) == 73.2
    )


def test_dso_count_back_says_insufficient_history_rather_than_too_little() -> None:
    """One euro more than ever was sold."""
    assert m.dso_count_back(Decimal(101), [m.Month(Decimal(100), 30)]) is None
    assert m.dso_count_back(Decimal(100), [m.Month(Decimal(100), 30)]) == 30


def test_credit_utilisation_with_and_without_a_limit() -> None:
    """No limit is not a limit of nought."""
    assert m.credit_utilisation(Decimal(50), Decimal(200)) == (Fraction(1, 4), None)
    assert m.credit_utilisation(Decimal(50), None) == (None, "no_limit")
    assert m.credit_utilisation(Decimal(50), Decimal(0)) == (None, "exposed_without_credit")
    assert m.credit_utilisation(Decimal(-50), Decimal(0)) == (None, None)
    assert m.credit_utilisation(Decimal(300), Decimal(200)) == (Fraction(3, 2), "over_limit")


def test_the_definitions_in_the_database_are_those_of_the_code(ledger: Rows) -> None:
    """A version that is raised in one place only is found."""
    assert {tuple(r) for r in ledger.rows("SELECT * FROM canonical.metric_definition")} == set(m.DEFINITIONS)


def test_sql_gives_the_worked_examples(ledger: Rows) -> None:
    """20.0, 23.33 and 15.71 of the same two invoices, 15 of three."""
    debtor = ledger.debtor()
    for document in (unpaid(30, 1000, 200), unpaid(10, 500, 500)):
        put(ledger, debtor, document)
    found = overall(ledger)
    assert found["mean_days_late"][0] == 20
    assert round(found["weighted_avg_days_late_by_original"][0] or 0, 2) == Decimal("23.33")
    assert round(found["weighted_avg_days_late_by_open"][0] or 0, 2) == Decimal("15.71")
    assert list(found["avg_days_overdue"]) == [20, None, 2, {}]
    assert list(found["avg_days_past_due_at_payment"]) == [None, "nothing to measure", 0, {"unpaid": 2}]


def test_sql_gives_5_days_past_due_at_payment(ledger: Rows) -> None:
    """And 35 from invoice to payment."""
    debtor = ledger.debtor()
    for days in (0, 5, 10):
        put(ledger, debtor, paid(days))
    found = overall(ledger)
    assert [found[name][0] for name in ("avg_days_past_due_at_payment", "avg_days_invoice_to_payment")] == [
        5,
        35,
    ]


def test_sql_walks_back_73_2_days_and_knows_when_history_is_too_short(ledger: Rows) -> None:
    """January to March 2025, 212k receivable; then one more euro than was ever sold."""
    debtor = ledger.debtor()
    for month, sold, left in ((1, 70, 32), (2, 80, 80), (3, 100, 100)):
        ledger.document(debtor, sold, left, issue_date=date(2025, month, 15), due_date=date(2025, 6, 1))
    value, status, _, _ = overall(ledger, date(2025, 3, 31))["dso_count_back"]
    assert round(value or 0, 1) == Decimal("73.2")
    assert status is None
    ledger.document(debtor, 500, kind="opening", issue_date=date(2024, 12, 1), due_date=date(2025, 1, 1))
    assert overall(ledger, date(2025, 3, 31))["dso_count_back"][:2] == (None, "insufficient history")
    assert ledger.one(
        "SELECT dso_count_back, dso_count_back_status FROM canonical.debtor_metrics_at('2025-03-31')"
    ) == (None, "insufficient history")


def test_debtors_that_are_out_are_counted_by_reason(ledger: Rows) -> None:
    """Blocked, intercompany, excluded, deleted, unknown: none of them moves an average, each is told."""
    put(ledger, ledger.debtor(), unpaid(10))
    for reason in (
        {"status": "blocked"},
        {"is_intercompany": True},
        {"excluded": True},
        {"deleted_at": "2025-01-01T00:00:00Z"},
        {"block_reason": "privacy"},
    ):
        put(ledger, ledger.debtor(**reason), unpaid(1000))
    put(ledger, None, unpaid(1000))
    value, _, n, left_out = overall(ledger)["mean_days_late"]
    assert [value, n] == [10, 1]
    assert left_out == {
        f"debtor_{reason}": 1
        for reason in ("blocked", "intercompany", "excluded", "deleted", "unknown", "privacy_blocked")
    }
    rows = ledger.rows(
        "SELECT out_because, mean_days_late FROM canonical.debtor_metrics_at(:t) WHERE out_because IS NOT NULL",
        t=T,
    )
    assert len(rows) == 6
    assert {value for _, value in rows} == {None}


def test_metrics_come_per_source_currency_and_portfolio(ledger: Rows) -> None:
    """Debtors without a portfolio are in unassigned."""
    north = ledger.add("canonical.portfolio", source=ledger.source, name="NORTH")
    ledger.document(ledger.debtor(portfolio_id=north), 100, issue_date=ago(40), due_date=ago(10))
    ledger.document(
        ledger.debtor(),
        100,
        issue_date=ago(40),
        due_date=ago(20),
        currency="USD",
        total_base=90,
        open_amount_base=90,
    )
    rows = ledger.rows(
        "SELECT scope, scope_name, value FROM canonical.metrics_at(:t) WHERE metric = 'avg_days_overdue' ORDER BY 1, 2",
        t=T,
    )
    assert rows == [
        ("currency", "EUR", 10),
        ("currency", "USD", 20),
        ("overall", "hansen", 15),
        ("portfolio", "NORTH", 10),
        ("portfolio", "unassigned", 20),
    ]


def test_credit_utilisation_of_a_debtor_and_of_its_group(ledger: Rows) -> None:
    """A limit of nought with exposure is a flag, no limit is null, a group adds its members up."""
    group = ledger.add("canonical.debtor_group", name="HANSEN GROUP", credit_limit=400)
    owing = ledger.debtor("A", credit_limit=200, group_id=group)
    ledger.document(owing, 150, issue_date=T, due_date=T)
    ledger.document(owing, 50, kind="credit_note", issue_date=T, due_date=T)
    ledger.document(ledger.debtor("B", credit_limit=0, group_id=group), 100, issue_date=T, due_date=T)
    ledger.document(ledger.debtor("C"), 100, issue_date=T, due_date=T)
    rows = ledger.rows(
        "SELECT name, exposure, utilisation, flag FROM canonical.credit_utilisation_at(:t) ORDER BY 1", t=T
    )
    half = Decimal("0.5")
    assert rows == [
        ("A", 100, half, None),
        ("B", 100, None, "exposed_without_credit"),
        ("C", 100, None, "no_limit"),
        ("HANSEN GROUP", 200, half, None),
    ]
    assert ledger.one(
        "SELECT credit_utilisation, exposure FROM canonical.debtor_metrics_at(:t) WHERE debtor_id = :d",
        t=T,
        d=owing,
    ) == (Decimal("0.5"), 100)
