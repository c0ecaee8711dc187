"""Which canonical record a source record means: the ladder of exact rungs, what forbids a link, and scored suggestions.

    rung             what agrees                                                  confidence
    (a link)         decided already; no rung is tried
    foreign_id       the other side's unique id, stored on either record          1.0
    number           the debtor number                                            0.95
    external_number  the external debtor number with a number or its like         0.95
    registration     registration or VAT number, normalised, within a country     0.98
    email_and_name   e-mail domain (the whole address at a mail provider) + name  0.9
    number_alone, external_number_alone: only where a source's configuration
                     names them, the number without a doubt                       0.8

One hit on a rung is a link, several are ambiguous and end the climb, none goes to the next rung. A vetoed hit is no hit. A single
hit that `resemblance` doubts is ambiguous, unless a lower rung finds one beyond doubt.
Likeness of name, postcode and phone is a suggestion with a score, never a link. Nothing here depends on order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from sync_engine.matching.phones import phone_digits
from sync_engine.matching.similarity import (
    Company,
    Party,
    different_company,
    different_numbers,
    doubt,
    likeness,
    official_numbers,
)
from sync_engine.matching.text import mailbox, name_and_form, plain, postcode_of

RUNGS = ("foreign_id", "number", "external_number", "registration", "email_and_name")
"""The rungs of a source that names none."""
ALONE = "_alone"
"""What ends the name of a rung on which the agreement of the rung without it is enough, whatever else is said. Vetoes hold there too."""
CONFIDENCE = {
    "foreign_id": 1.0, "number": 0.95, "external_number": 0.95, "registration": 0.98, "email_and_name": 0.9, "number_alone": 0.8, "external_number_alone": 0.8,
}  # fmt: skip
SUGGEST_FROM = 0.7
SHARED_BY = 3
"""A phone or mail domain that more canonical records than these have tells nothing about one of them."""
BLOCK_LIMIT = 400
"""A block (records that share a postcode, say) larger than this says too little to compare everyone in it."""
Kind = Literal["link", "ambiguous", "unmatched"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the climb of one record came to. `vetoed`: canonical record -> why it must not be linked."""

    kind: Kind
    rung: str | None = None
    canonical: str | None = None
    candidates: tuple[str, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)
    vetoed: Mapping[str, str] = field(default_factory=dict)

    @property
    def confidence(self) -> float | None:
        """How sure the rung is."""
        return CONFIDENCE[self.rung] if self.rung else None


UNMATCHED = Outcome("unmatched")


class Suggestion(NamedTuple):
    """A likeness for people to judge."""

    key: str
    canonical: str
    score: float
    evidence: dict[str, Any]


def known_under(rung: str, party: Party) -> Iterator[Hashable]:
    """The keys under which a linked record is found on a rung."""
    if rung == "foreign_id":
        yield party.source, party.key
        for source, key in party.foreign:
            yield "back", source, key
    elif rung == "number" and (number := plain(party.number)):
        yield number
    elif rung == "external_number":
        if number := plain(party.number):
            yield "number", number
        if number := plain(party.external_number):
            yield "external", number
    elif rung == "registration":
        yield from dict.fromkeys(
            n for n in official_numbers(party).values() if n[0]
        )  # the order of a set is another one in every process
    elif rung == "email_and_name":
        box = mailbox(party.email) if party.within is None else plain(party.email)
        if box and party.name and (name := name_and_form(party.name)[0]):
            yield box, name, party.within


def asked_for(rung: str, party: Party) -> Iterator[Hashable]:
    """The keys a record without a link asks for on a rung."""
    if rung == "foreign_id":
        yield from party.foreign
        yield "back", party.source, party.key
    elif rung == "external_number":
        if number := plain(party.number):
            yield "external", number
        if number := plain(party.external_number):
            yield "number", number
            yield "external", number
    else:
        yield from known_under(rung, party)


def _reached_at(party: Party) -> Iterator[tuple[str, str]]:
    if phone := phone_digits(party.phone):
        yield "phone", phone
    if box := mailbox(party.email):
        yield "email", box


class Known:
    """The linked records of other sources, by canonical record, indexed per rung when a rung is first asked."""

    def __init__(self, parties: Iterable[Party]) -> None:
        self.members: dict[str, list[Party]] = defaultdict(list)
        for party in parties:
            if party.canonical is not None:
                self.members[party.canonical].append(party)
        for members in self.members.values():
            members.sort(key=lambda m: (m.source, m.key))
        self._index: dict[str, dict[Hashable, tuple[str, ...]]] = {}
        self._sharing: Counter[tuple[str, str]] | None = None

    def is_shared(self, what: str, value: str) -> bool:
        """Whether so many records have this phone or mailbox that it is a bookkeeper's, a provider's, or a switchboard's."""
        if self._sharing is None:
            self._sharing = Counter(
                had
                for members in self.members.values()
                for had in {h for m in members for h in _reached_at(m)}
            )
        return self._sharing[what, value] > SHARED_BY

    def hits(self, rung: str, party: Party) -> dict[str, Hashable]:
        """Canonical records that agree with a party on a rung, and the key they agree in."""
        rung = rung.removesuffix(ALONE)
        if rung not in self._index:
            self._index[rung] = self._build(rung)
        index = self._index[rung]
        found: dict[str, Hashable] = {}
        for key in asked_for(rung, party):
            for canonical in index.get(key, ()):
                found.setdefault(canonical, key)
        return found

    def _build(self, rung: str) -> dict[Hashable, tuple[str, ...]]:
        index: dict[Hashable, tuple[str, ...]] = {}
        for canonical, members in self.members.items():
            for party in members:
                for key in known_under(rung, party):
                    there = index.get(key, ())
                    if canonical not in there:
                        index[key] = (*there, canonical)
        return index


@dataclass(slots=True)
class Circumstances:
    """What may forbid a link: records this source has linked already, negative links, and whose books the sources keep."""

    taken: set[str] = field(default_factory=set)
    negative: set[tuple[str, str]] = field(default_factory=set)
    """(key, canonical record) that a person called not the same."""
    companies: Mapping[str, Company] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)

    def hard_veto(self, party: Party, canonical: str, members: Sequence[Party]) -> str | None:
        """Why these cannot be the same; None when they can."""
        if (party.key, canonical) in self.negative:
            return "a person said they are not the same"
        for member in members:
            if party.within != member.within:
                return "another debtor"
            if different_company(party.source, member.source, self.companies, self.roles):
                return "another company"
            if why := different_numbers(party, member):
                return why
        return None

    def soft_veto(self, party: Party, canonical: str, members: Sequence[Party]) -> str | None:
        """Why they must not be linked although they may be the same; None when they may."""
        if canonical in self.taken:
            return "linked to another record of this source"
        if party.is_blocked or any(m.is_blocked for m in members):
            return "blocked"
        return None


def climb(
    parties: Iterable[Party], known: Known, circumstances: Circumstances, rungs: Sequence[str] = RUNGS
) -> dict[str, Outcome]:
    """The outcome of every unlinked record of one source, by key.

    All records stand on a rung before any climbs to the next, so that the stronger evidence wins whatever the order; several
    records that would take the same canonical record on the same rung are ambiguous, all of them. A doubtful hit waits for a
    better one on a lower rung, and is ambiguous without. `circumstances.taken` grows.
    """
    everyone = list(parties)
    ladder, undecided = _Ladder(known, circumstances), everyone
    for rung in rungs:
        undecided = ladder.stand(rung, undecided)
    return {key: ladder.outcome(key) for key in sorted(party.key for party in everyone)}


class _Ladder:
    """What became of the records so far."""

    def __init__(self, known: Known, circumstances: Circumstances) -> None:
        self._known, self._circumstances = known, circumstances
        self._decided: dict[str, Outcome] = {}
        self._doubtful: dict[str, Outcome] = {}
        self._vetoed: dict[str, dict[str, str]] = defaultdict(dict)

    def outcome(self, key: str) -> Outcome:
        """What a record came to, at the end."""
        found = self._decided.get(key) or self._doubtful.get(key) or UNMATCHED
        return replace(found, vetoed=self._vetoed[key]) if key in self._vetoed else found

    def stand(self, rung: str, parties: Sequence[Party]) -> list[Party]:
        """Everybody on one rung; returns who climbs on."""
        wanted: dict[str, list[tuple[Party, Hashable]]] = defaultdict(list)
        left = []
        for party in parties:
            possible, free = self._hits(rung, party)
            if not free:
                left.append(party)
            elif len(possible) > 1:
                agrees = min(_shown(key) for key in free.values())
                self._decided[party.key] = _ambiguous(
                    rung, possible, f"{len(possible)} canonical records match by {rung}", agrees
                )
            else:
                [(canonical, key)] = free.items()
                if why := doubt(rung, party, self._known.members[canonical], self._known.is_shared):
                    self._doubtful.setdefault(party.key, _ambiguous(rung, [canonical], why, _shown(key)))
                    left.append(party)
                else:
                    wanted[canonical].append((party, key))
        for canonical, claimants in wanted.items():
            self._take(rung, canonical, claimants)
        return left

    def _take(self, rung: str, canonical: str, claimants: Sequence[tuple[Party, Hashable]]) -> None:
        for party, key in claimants:
            if len(claimants) > 1:
                self._decided[party.key] = _ambiguous(
                    rung,
                    [canonical],
                    f"{len(claimants)} records of {party.source} match it by {rung}",
                    _shown(key),
                )
            else:
                self._decided[party.key] = Outcome(
                    "link", rung, canonical, (canonical,), {"rung": rung, "agrees": _shown(key)}
                )
        self._circumstances.taken.add(canonical)

    def _hits(self, rung: str, party: Party) -> tuple[list[str], dict[str, Hashable]]:
        """The records it may mean, and those of them it may be linked to."""
        possible: list[str] = []
        free: dict[str, Hashable] = {}
        for canonical, key in self._known.hits(rung, party).items():
            members = self._known.members[canonical]
            if why := self._circumstances.hard_veto(party, canonical, members):
                self._vetoed[party.key][canonical] = why
                continue
            possible.append(canonical)
            if why := self._circumstances.soft_veto(party, canonical, members):
                self._vetoed[party.key][canonical] = why
            else:
                free[canonical] = key
        return possible, free


def _ambiguous(rung: str, candidates: Iterable[str], why: str, agrees: str) -> Outcome:
    return Outcome(
        "ambiguous", rung, None, tuple(sorted(candidates)), {"rung": rung, "why": why, "agrees": agrees}
    )


def _shown(key: Hashable) -> str:
    return " ".join(str(k) for k in key if k is not None) if isinstance(key, tuple) else str(key)


def suggest(
    parties: Iterable[Party],
    known: Known,
    circumstances: Circumstances,
    *,
    limit: int = 3,
    threshold: float = SUGGEST_FROM,
) -> list[Suggestion]:
    """The likest canonical records of each record, best first; what a veto forbids for good is not suggested."""
    blocks: dict[Hashable, list[Party]] = defaultdict(list)
    for members in known.members.values():
        for member in members:
            for block in _blocks(member):
                blocks[block].append(member)
    found: list[Suggestion] = []
    for party in parties:
        likest: dict[str, tuple[float, dict[str, Any]]] = {}
        for member in _neighbours(party, blocks):
            canonical, score = str(member.canonical), likeness(party, member)
            likest[canonical] = max(
                likest.get(canonical, score), score, key=lambda s: (s[0], sorted(s[1].items()))
            )
        allowed = [
            Suggestion(party.key, canonical, score, evidence) for canonical, (score, evidence) in likest.items()
            if score >= threshold and canonical not in circumstances.taken and not circumstances.hard_veto(party, canonical, known.members[canonical])
        ]  # fmt: skip
        found += sorted(allowed, key=lambda s: (-s.score, s.canonical))[:limit]
    return found


def _neighbours(party: Party, blocks: Mapping[Hashable, Sequence[Party]]) -> Iterable[Party]:
    """Everybody in the blocks of a party that are not too large, once."""
    found: dict[int, Party] = {}
    for block in _blocks(party):
        there = blocks.get(block, ())
        if len(there) <= BLOCK_LIMIT:
            found.update((id(member), member) for member in there)
    return found.values()


def _blocks(party: Party) -> Iterator[Hashable]:
    """Records that share none of these are not compared."""
    name = name_and_form(party.name)[0] if party.name else ""
    said = (
        postcode_of(party.postcode),
        phone_digits(party.phone),
        name.replace(" ", "")[:6],
        max(name.split(), key=len, default=""),
    )
    yield from ((kind, value, party.within) for kind, value in enumerate(said) if value)
