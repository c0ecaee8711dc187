"""SQL and Python give the same figures for any ledger."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from sync_engine.canonical import metrics as m
from tests.laws.metrics import T, ago, days, engine, ledger, overall, put
from tests.store.ledger_rows import Rows

__all__ = ["engine", "ledger"]

money = st.integers(1, 100_000).map(lambda cents: Decimal(cents) / 100)


@st.composite
def documents(draw: st.DrawFn) -> m.Document:
    """Any document an ERP could hand over, settled in parts, un-settled, with dates or amounts missing."""
    issued = draw(st.none() | days.map(ago))
    due = draw(st.none() | days.map(ago))
    closed = None
    settlements = [
        m.Settlement(draw(money), ago(on), None if undone is None else ago(on - undone))
        for on, undone in draw(st.lists(st.tuples(days, st.none() | st.integers(0, 30)), max_size=3))
    ]
    in_force = sum((s.amount for s in settlements if s.reversed_on is None), Decimal(0))
    left = draw(st.sampled_from([Decimal(0), Decimal(0)]) | money)
    unexplained = draw(st.sampled_from([Decimal(0)]) | money)
    if left == 0:
        closed = draw(st.none() | days.map(ago))
    total = left + in_force + unexplained
    rate = draw(st.none() | st.sampled_from([Decimal("0.5"), Decimal(1), Decimal(2)]))
    return m.Document(
        total,
        left,
        kind=draw(st.sampled_from(["invoice", "invoice", "invoice", "credit_note", "journal"])),
        issued=issued,
        due=due,
        closed=closed,
        total_base=None if rate is None else total * rate,
        open_base=None if rate is None else left * rate,
        status=draw(st.sampled_from(["open", "paid", "written_off"])),
        settlements=settlements,
    )


def agrees(found: tuple[Decimal | None, str | None, int, dict[str, int]], expected: m.Measure) -> None:
    """The same value to nine places, the same documents in and out."""
    value, _, n, left_out = found
    assert (n, left_out) == (expected.n_included, dict(expected.n_excluded))
    assert (value is None) == (expected.value is None)
    assert (
        value is None or expected.value is None or abs(Fraction(value) - expected.value) < Fraction(1, 10**6)
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(held=st.lists(documents(), min_size=1, max_size=8), day=st.integers(-30, 60).map(ago))
def test_sql_and_python_agree_on_any_ledger(engine: Engine, held: list[m.Document], day: date) -> None:
    """Values, counts and reasons, on any day, before and after payments, un-applications and closings."""
    with engine.connect() as connection, connection.begin() as transaction:
        ledger = Rows(connection)
        debtor = ledger.debtor()
        for document in held:
            put(ledger, debtor, document)
        there = [d for d in held if d.issued is None or d.issued <= day]
        opened = ledger.one(
            "SELECT coalesce(sum(sign * open_amount), 0) FROM canonical.document_at(:t)", t=day
        )[0]
        assert opened == sum((d.sign * m.open_at(d, day) for d in there), Decimal(0))
        if there:
            found = overall(ledger, day)
            agrees(found["mean_days_late"], m.mean_days_late(there, day))
            agrees(found["avg_days_overdue"], m.avg_days_overdue(there, day))
            agrees(found["avg_days_past_due_at_payment"], m.avg_days_past_due_at_payment(there, day))
            agrees(found["avg_days_invoice_to_payment"], m.avg_days_invoice_to_payment(there, day))
            agrees(found["weighted_avg_days_late_by_original"], m.weighted_avg_days_late(there, day))
            agrees(
                found["weighted_avg_days_late_by_open"], m.weighted_avg_days_late(there, day, by_open=True)
            )
        transaction.rollback()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    receivable=money,
    sales=st.dictionaries(st.integers(0, 400), st.integers(-5000, 20_000).map(Decimal), max_size=12),
)
def test_sql_and_python_walk_back_the_same_days(
    engine: Engine, receivable: Decimal, sales: dict[int, Decimal]
) -> None:
    """Months without sales, months of net credit, a receivable that ends exactly on a month's edge, too short a history."""
    by_month: dict[date, Decimal] = {}
    for back, amount in sales.items():
        first = ago(back).replace(day=1)
        by_month[first] = by_month.get(first, Decimal(0)) + amount
    for owed in (receivable, sum((max(s, Decimal(0)) for s in by_month.values()), Decimal(0))):
        expected = m.dso_count_back(owed, m.months_back(by_month, T))
        newest_first = sorted(by_month.items(), reverse=True)
        with engine.connect() as connection:
            found = Rows(connection, base=None).one(
                "SELECT canonical.dso_count_back(:owed, :t, CAST(:months AS date[]), CAST(:sales AS numeric[]))",
                owed=owed,
                t=T,
                months=[month for month, _ in newest_first],
                sales=[amount for _, amount in newest_first],
            )[0]
        assert (found is None) == (expected is None)
        assert expected is None or abs(Fraction(found) - expected) < Fraction(1, 10**6)
