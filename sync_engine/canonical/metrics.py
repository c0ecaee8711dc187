"""The metrics in plain Python: what each one means, from the documents themselves. The views compute the same, set by set.

T is the as-of date in the company's ledger calendar, never the clock. All functions are pure; dates are dates, money is
Decimal in one currency. A document without a date or amount that a metric needs is left out and counted by reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

ZERO = Decimal(0)
DSO_PERIOD = 90


class Definition(NamedTuple):
    """One metric: raise `version` when its meaning changes, so that a number can always be traced to what it meant."""

    name: str
    version: int
    unit: str
    currency_basis: str
    description: str


DEFINITIONS = (
    Definition(
        "mean_days_late",
        1,
        "days",
        "none",
        "Mean over invoices of the days after the due date, never negative, counted to full payment or, while unpaid, to the as-of date.",
    ),
    Definition(
        "avg_days_overdue",
        1,
        "days",
        "none",
        "Mean days since the due date over unpaid invoices that are past due.",
    ),
    Definition(
        "avg_days_past_due_at_payment",
        1,
        "days",
        "none",
        "Mean days from due date to full payment over fully paid invoices; early is negative.",
    ),
    Definition(
        "avg_days_invoice_to_payment",
        1,
        "days",
        "none",
        "Mean days from issue date to full payment over fully paid invoices.",
    ),
    Definition(
        "weighted_avg_days_late_by_original",
        1,
        "days",
        "booked base",
        "Days late as in mean_days_late, weighted by the original amount.",
    ),
    Definition(
        "weighted_avg_days_late_by_open",
        1,
        "days",
        "booked base",
        "Days late of unpaid invoices, weighted by the open amount.",
    ),
    Definition(
        "dso_simple",
        1,
        "days",
        "booked base",
        "Net receivable (open items less credits and unapplied payments) / invoices less credit notes of the last 90 days x 90.",
    ),
    Definition(
        "dso_count_back",
        1,
        "days",
        "booked base",
        "Calendar months walked back from the as-of date until their net sales exhaust the net receivable.",
    ),
    Definition(
        "best_possible_dso",
        1,
        "days",
        "booked base",
        "As dso_simple with only what is not overdue, at most the net receivable.",
    ),
    Definition("avg_days_delinquent", 1, "days", "booked base", "dso_simple less best_possible_dso."),
)


@dataclass(frozen=True, slots=True)
class Settlement:
    """Something applied to a document: positive, in the document's currency."""

    amount: Decimal
    applied_on: date | None
    reversed_on: date | None = None

    def in_force(self, day: date) -> bool:
        """Whether it counted at the end of the day. Without a date it always did."""
        return (self.applied_on is None or self.applied_on <= day) and (
            self.reversed_on is None or self.reversed_on > day
        )


@dataclass(frozen=True, slots=True)
class Document:
    """A posted document as it stands now. `total` and `open_amount` are positive for what is owed; a credit note is too."""

    total: Decimal
    open_amount: Decimal
    kind: str = "invoice"
    issued: date | None = None
    due: date | None = None
    closed: date | None = None
    total_base: Decimal | None = None
    open_base: Decimal | None = None
    status: str = "open"
    settlements: Sequence[Settlement] = field(default=())

    @property
    def sign(self) -> int:
        """What it does to the balance."""
        return -1 if self.kind == "credit_note" else 1


class Measure(NamedTuple):
    """A metric's value with what it was computed from. `value` is None when there is nothing to compute it from."""

    value: Fraction | None
    n_included: int
    n_excluded: Mapping[str, int]


def open_at(document: Document, day: date) -> Decimal:
    """The open amount at the end of the day.

    Rolled back from the present by what was applied and un-applied since. What no settlement explains of a document that is
    closed now was settled on its closing date.
    """
    if document.open_amount == 0 and document.closed is not None and document.closed > day:
        return document.total - sum((s.amount for s in document.settlements if s.in_force(day)), ZERO)
    since = sum((s.amount * ((s.reversed_on is None) - s.in_force(day)) for s in document.settlements), ZERO)
    return document.open_amount + since


def open_base_at(document: Document, day: date) -> Decimal | None:
    """The same in booked base currency: the share that is open, at the rate the document was booked at."""
    still_open = open_at(document, day)
    if still_open == document.open_amount:
        return document.open_base
    if document.total == 0:
        return ZERO
    return None if document.total_base is None else document.total_base * still_open / document.total


def paid_on(document: Document, day: date) -> date | None:
    """The day on which the open amount became nought, as known at the end of `day`; None while something is open."""
    if open_at(document, day) != 0:
        return None
    if document.closed is not None and document.closed <= day:
        return document.closed
    return max(
        (s.applied_on for s in document.settlements if s.in_force(day) and s.applied_on is not None),
        default=None,
    )


def days_due(document: Document, day: date) -> int | None:
    """Days after the due date, signed: to full payment, or to `day` while something is open."""
    if document.due is None:
        return None
    if open_at(document, day) != 0:
        return (day - document.due).days
    paid = paid_on(document, day)
    return None if paid is None else (paid - document.due).days


def days_late(document: Document, day: date) -> int | None:
    """`days_due`, never negative."""
    signed = days_due(document, day)
    return None if signed is None else max(0, signed)


def state_at(document: Document, day: date) -> str:
    """unpaid or paid; else why no payment metric can use the document."""
    if document.kind != "invoice":
        return "not_an_invoice"
    if document.total <= 0:
        return "nothing_owed"
    if open_at(document, day) > 0:
        return "unpaid"
    if document.status == "written_off":
        return "written_off"
    return "no_payment_date" if paid_on(document, day) is None else "paid"


def mean_days_late(documents: Iterable[Document], day: date) -> Measure:
    """Paid and unpaid invoices alike; one that is early or not due counts as nought."""
    return _mean(documents, day, {"paid", "unpaid"}, lambda d: days_late(d, day), "no_due_date")


def avg_days_overdue(documents: Iterable[Document], day: date) -> Measure:
    """Unpaid, past-due invoices only: 10, 15 and 20 days give 15."""
    found, left_out = [], Counter[str]()
    for document in documents:
        state = state_at(document, day)
        if state != "unpaid":
            left_out["paid" if state in ("paid", "no_payment_date") else state] += 1
        elif document.due is None:
            left_out["no_due_date"] += 1
        elif document.due >= day:
            left_out["not_due"] += 1
        else:
            found.append((day - document.due).days)
    return _measure(found, left_out)


def avg_days_past_due_at_payment(documents: Iterable[Document], day: date) -> Measure:
    """Fully paid invoices only; 0, 5 and 10 days give 5, early payment is negative."""
    return _mean(documents, day, {"paid"}, lambda d: days_due(d, day), "no_due_date")


def avg_days_invoice_to_payment(documents: Iterable[Document], day: date) -> Measure:
    """Fully paid invoices only, counted from the issue date. Products call this and the former "days to pay"."""

    def days(document: Document) -> int | None:
        paid = paid_on(document, day)
        return None if paid is None or document.issued is None else (paid - document.issued).days

    return _mean(documents, day, {"paid"}, days, "no_issue_date")


def weighted_avg_days_late(documents: Iterable[Document], day: date, *, by_open: bool = False) -> Measure:
    """Weighted by the original amount, or by what is open, in base currency: larger invoices say more."""
    weights, weighted, n, left_out = Fraction(0), Fraction(0), 0, Counter[str]()
    for document in documents:
        state = state_at(document, day)
        late = days_late(document, day)
        weight = open_base_at(document, day) if by_open else document.total_base
        if by_open and state in ("paid", "no_payment_date"):
            left_out["paid"] += 1
        elif state not in ("paid", "unpaid"):
            left_out[state] += 1
        elif late is None:
            left_out["no_due_date"] += 1
        elif weight is None:
            left_out["no_base_amount"] += 1
        else:
            weights, weighted, n = weights + Fraction(weight), weighted + Fraction(weight) * late, n + 1
    return Measure(weighted / weights if weights else None, n, dict(left_out))


def dso_simple(receivable: Decimal, sales: Decimal, days: int = DSO_PERIOD) -> Fraction | None:
    """Receivable / credit sales of the period x days of the period; None without sales. A credit balance counts as nought."""
    return Fraction(max(receivable, ZERO)) / Fraction(sales) * days if sales > 0 else None


def best_possible_dso(
    not_overdue: Decimal, receivable: Decimal, sales: Decimal, days: int = DSO_PERIOD
) -> Fraction | None:
    """What the DSO would be if everything overdue were paid."""
    return dso_simple(min(not_overdue, max(receivable, ZERO)), sales, days)


class Month(NamedTuple):
    """Net credit sales of a month (or what has passed of it) and how many days it has."""

    sales: Decimal
    days: int


def dso_count_back(receivable: Decimal, months: Iterable[Month]) -> Fraction | None:
    """Walks months backwards, newest first, until their sales exhaust the receivable.

    None is "insufficient history": the receivable is larger than all known sales, and any number would be too low. A month
    of net credit passes and exhausts nothing.
    """
    rest, days = receivable, Fraction(0)
    for month in months:
        if rest <= 0:
            break
        sales = max(month.sales, ZERO)
        if sales > rest:
            return days + Fraction(rest) / Fraction(sales) * month.days
        rest, days = rest - sales, days + month.days
    return None if rest > 0 else days


def months_back(sales: Mapping[date, Decimal], day: date) -> list[Month]:
    """Calendar months from `day` back to the first with sales; `sales` is keyed by the first of the month."""
    found: list[Month] = []
    first, last = day.replace(day=1), day
    while sales and first >= min(sales):
        found.append(Month(sales.get(first, ZERO), (last - first).days + 1))
        last = first - timedelta(days=1)
        first = last.replace(day=1)
    return found


class Utilisation(NamedTuple):
    """Exposure against a credit limit; `flag` says why there is no share, or that it is too high."""

    share: Fraction | None
    flag: str | None


def credit_utilisation(balance: Decimal, limit: Decimal | None) -> Utilisation:
    """No limit gives no share; a limit of nought with exposure gives a flag instead of infinity. A group adds its members up."""
    exposure = max(balance, ZERO)
    if limit is None:
        return Utilisation(None, "no_limit")
    if limit == 0:
        return Utilisation(None, "exposed_without_credit" if exposure > 0 else None)
    return Utilisation(Fraction(exposure) / Fraction(limit), "over_limit" if exposure > limit else None)


def _mean(
    documents: Iterable[Document],
    day: date,
    states: set[str],
    days: Callable[[Document], int | None],
    without: str,
) -> Measure:
    found, left_out = [], Counter[str]()
    for document in documents:
        state = state_at(document, day)
        value = days(document) if state in states else None
        if value is not None:
            found.append(value)
        else:
            left_out[without if state in states else state] += 1
    return _measure(found, left_out)


def _measure(found: Sequence[int], left_out: Mapping[str, int]) -> Measure:
    return Measure(Fraction(sum(found), len(found)) if found else None, len(found), dict(left_out))
