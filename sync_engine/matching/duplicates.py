"""Records of one kind that may be the same: pairs that agree in what identifies a company, and pairs that are merely alike. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from sync_engine.matching.ladder import CONFIDENCE, Circumstances, Known, suggest
from sync_engine.matching.similarity import Party, different_numbers

RUNGS = ("registration", "email_and_name")
"""What two records of one source can share by being one: its own numbers never agree there."""
ALIKE_FROM = 0.85
MOST = 5
"""Likenesses told of one record."""


class Duplicate(NamedTuple):
    """Two records that may be one. `score` 0.9 and more with a rung in `evidence` is agreement, otherwise likeness."""

    first: str
    second: str
    score: float
    evidence: dict[str, Any]


def duplicates(parties: Iterable[Party], threshold: float = ALIKE_FROM) -> list[Duplicate]:
    """Pairs of keys among the records of one source, the surest first; each pair once, and never where official numbers differ.

    Records that belong to one canonical record already are no duplicates of each other.
    """
    everyone = list(parties)
    means = {party.key: party.canonical or party.key for party in everyone}
    by_key = {party.key: party for party in everyone}
    known = Known(party._replace(canonical=party.key) for party in everyone)
    found: dict[tuple[str, str], Duplicate] = {}

    def note(one: str, other: str, score: float, evidence: dict[str, Any]) -> None:
        first, second = sorted((one, other))
        if means[first] == means[second] or different_numbers(by_key[first], by_key[second]):
            return
        there = found.get((first, second))  # agreement is noted first, and likeness does not replace it
        if there is None or ("email_and_name" in there.evidence and "registration" in evidence):
            found[first, second] = Duplicate(first, second, score, evidence)

    for party in everyone:
        for rung in RUNGS:
            for other in known.hits(rung, party):
                note(party.key, other, CONFIDENCE[rung], {rung: 1.0})
    asked = (party._replace(canonical=None) for party in everyone)
    for alike in suggest(asked, known, Circumstances(), limit=MOST + 1, threshold=threshold):
        note(alike.key, alike.canonical, alike.score, alike.evidence)
    return sorted(found.values(), key=lambda d: (-d.score, d.first, d.second))
