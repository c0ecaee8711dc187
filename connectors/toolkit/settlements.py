"""What each pair of matched entries settled, where a source names the two entries with their whole amounts, and not what passed.

What an entry settled in all is its amount less its remainder. An entry with one pair settled all of that in it, which leaves less to
its partner; so pair by pair from the ends. Only entries that are matched in a circle leave a choice: then the lower numbers come first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

_OTHER_CURRENCY = Decimal("1.2")
"""The rates of two entries of one currency do not differ by more between invoice and payment."""


class Pair(Protocol):
    """Two entries with their amounts, also in base currency: one pays, the other owes."""

    paying: int
    owing: int
    paid: Decimal
    paid_base: Decimal
    owed: Decimal
    owed_base: Decimal


class Settled(msgspec.Struct):
    """What a pair settled, above nought: in the currency of both entries (None where they differ), and in base currency."""

    amount: Decimal | None
    base: Decimal


def settle(pairs: Sequence[Pair], remainders: Mapping[int, Decimal]) -> list[Settled]:
    """For each pair what it settled; `remainders` are those of entries that are open, the others have none."""
    of = defaultdict[int, list[int]](list)
    for place, pair in enumerate(pairs):
        of[pair.paying].append(place)
        of[pair.owing].append(place)
    in_base = _around([place for place, pair in enumerate(pairs) if _is_mixed(pair)], pairs, of)
    left = dict[int, Decimal]()
    for place, pair in enumerate(pairs):
        for number, amount, base in (
            (pair.paying, pair.paid, pair.paid_base),
            (pair.owing, pair.owed, pair.owed_base),
        ):
            settled = amount - remainders.get(number, Decimal(0))
            left[number] = abs(settled * base / amount if place in in_base and amount else settled)
    passed = _passed(pairs, of, left)
    return [_settled(pair, passed[place], place in in_base) for place, pair in enumerate(pairs)]


def _is_mixed(pair: Pair) -> bool:
    """Whether the two entries are of different currencies, as their rates show."""
    one, other = abs(pair.paid_base * pair.owed), abs(pair.owed_base * pair.paid)
    return max(one, other) > _OTHER_CURRENCY * min(one, other)


def _around(found: list[int], pairs: Sequence[Pair], of: Mapping[int, list[int]]) -> set[int]:
    """These pairs, and all that share an entry with them, and so on."""
    reached = set(found)
    while found:
        pair = pairs[found.pop()]
        for place in (*of[pair.paying], *of[pair.owing]):
            if place not in reached:
                reached.add(place)
                found.append(place)
    return reached


def _passed(
    pairs: Sequence[Pair], of: Mapping[int, list[int]], left: dict[int, Decimal]
) -> dict[int, Decimal]:
    """Pair -> what passed; takes from `left` what each entry settled."""
    passed = dict[int, Decimal]()
    undone = {number: len(places) for number, places in of.items()}
    ends = [number for number, count in undone.items() if count == 1]
    by_number = iter(sorted(range(len(pairs)), key=lambda place: (pairs[place].paying, pairs[place].owing)))
    while len(passed) < len(pairs):
        candidates = of[ends.pop()] if ends else by_number
        place = next((place for place in candidates if place not in passed), None)
        if place is None:
            continue
        pair = pairs[place]
        passed[place] = min(left[pair.paying], left[pair.owing])
        for number in (pair.paying, pair.owing):
            left[number] -= passed[place]
            undone[number] -= 1
            if undone[number] == 1:
                ends.append(number)
    return passed


def _settled(pair: Pair, amount: Decimal, is_base: bool) -> Settled:
    if is_base:
        return Settled(None if _is_mixed(pair) else amount, round(amount, 2))
    base = amount * pair.owed_base / pair.owed if pair.owed else Decimal(0)
    return Settled(amount, abs(round(base, 2)))
