"""Filters as both interfaces read them, which is not as they are documented.

`$` and `)` have to be escaped with a dollar; an escaped bracket matches nothing, without an error. A list takes 200 values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

MOST_VALUES = 200


def escaped(text: str) -> str:
    """Text as a value of a filter."""
    return text.replace("$", "$$").replace(")", "$)")


def where(name: str, operator: str, value: str | int | datetime) -> str:
    """One condition; an instant goes out in UTC with a Z, to the second."""
    if isinstance(value, datetime):
        value = value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{name}${operator}:{escaped(str(value))}"


def both(*conditions: str) -> str:
    """All of those that are not empty."""
    return "$and:".join(filter(None, conditions))


def one_of(name: str, numbers: Iterable[int]) -> Iterator[str]:
    """Conditions that together mean all these numbers."""
    ordered = sorted(numbers)
    for start in range(0, len(ordered), MOST_VALUES):
        yield f"{name}$in:[{','.join(map(str, ordered[start : start + MOST_VALUES]))}]"
