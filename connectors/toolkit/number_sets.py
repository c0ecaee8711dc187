"""Sets of whole numbers in little text, for cursors that remember which records were open."""

from __future__ import annotations

import base64
import itertools
import zlib


def pack(numbers: set[int]) -> str:
    """A set of numbers in little text: differences, deflated (about two bytes a number)."""
    ordered = sorted(numbers)
    steps = [ordered[0], *(b - a for a, b in itertools.pairwise(ordered))] if ordered else []
    return base64.b85encode(zlib.compress(" ".join(map(str, steps)).encode(), 6)).decode() if steps else ""


def unpack(text: str) -> set[int]:
    """The set that `pack` packed."""
    if not text:
        return set()
    numbers, last = set(), 0
    for step in zlib.decompress(base64.b85decode(text)).split():
        last += int(step)
        numbers.add(last)
    return numbers
