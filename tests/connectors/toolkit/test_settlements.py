"""What matched entries settled is found from what each of them settled in all."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from connectors.toolkit.settlements import Settled, settle


@dataclass
class Matched:
    """Two entries, as a source names them."""

    paying: int
    owing: int
    paid: Decimal
    paid_base: Decimal
    owed: Decimal
    owed_base: Decimal


def pair(paying: int, owing: int, paid: int, owed: int, rate: str = "1", other_rate: str = "") -> Matched:
    """A pair of entries in one currency, or in two."""
    one, other = Decimal(rate), Decimal(other_rate or rate)
    return Matched(paying, owing, Decimal(paid), paid * one, Decimal(owed), owed * other)


def test_a_payment_that_settles_one_invoice_whole_and_one_in_part() -> None:
    """Of 500, 300 went to the first: not as much as both amounts would allow."""
    pairs = [pair(9, 2, -500, 700), pair(9, 1, -500, 300)]
    assert [one.amount for one in settle(pairs, {2: Decimal(500)})] == [200, 300]


def test_money_that_is_left_on_account_settled_nothing() -> None:
    """What remains of the payment did not pass."""
    assert settle([pair(9, 1, -500, 300)], {9: Decimal(-200)}) == [Settled(Decimal(300), Decimal(300))]


def test_in_foreign_currency_both_amounts_are_told() -> None:
    """In base currency at the rate of what was owed: what the rate moved since is no payment."""
    (found,) = settle([pair(9, 1, -40, 100, "7.46", "7.45")], {1: Decimal(60)})
    assert found == Settled(Decimal(40), Decimal("298.00"))


def test_entries_of_two_currencies_tell_base_currency_alone() -> None:
    """745 kroner for 100 euros; and what shares an entry with such a pair is told by it too."""
    pairs = [pair(9, 1, -1000, 100, "1", "7.45"), pair(9, 2, -1000, 255)]
    assert settle(pairs, {}) == [
        Settled(None, Decimal("745.00")),
        Settled(Decimal("255.00"), Decimal("255.00")),
    ]


@given(
    amounts=st.lists(st.integers(1, 500), min_size=1, max_size=8),
    share=st.lists(st.integers(0, 100), min_size=8, max_size=8),
    seed=st.randoms(use_true_random=False),
)
def test_what_passed_is_found_again(amounts: list[int], share: list[int], seed: object) -> None:
    """Payments that settle one invoice after the other, each as far as it goes: any chain of them is read back, in any order."""
    payments = {100 + n: Decimal(amount) for n, amount in enumerate(amounts)}
    invoices = {n: Decimal(1 + share[n % 8]) * 3 for n in range(8)}
    left, open_, truth = dict(payments), dict(invoices), dict[tuple[int, int], Decimal]()
    for one in payments:
        for other in invoices:
            if left[one] and open_[other]:
                passed = min(left[one], open_[other])
                left[one], open_[other] = left[one] - passed, open_[other] - passed
                truth[one, other] = passed
    pairs = [pair(one, other, -int(payments[one]), int(invoices[other])) for one, other in truth]
    seed.shuffle(pairs)  # type: ignore[attr-defined]
    rest = {n: -amount for n, amount in left.items()} | open_
    assert [one.amount for one in settle(pairs, rest)] == [truth[p.paying, p.owing] for p in pairs]
