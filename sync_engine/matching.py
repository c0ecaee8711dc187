"""Which canonical record a source record means: the ladder of exact rungs, what forbids a link, and scored suggestions.

    rung             what agrees                                                  confidence
    (a link)         decided already; no rung is tried
    foreign_id       the other side's unique id, stored on either record          1.0
    number           the debtor number                                            0.95
    external_number  the external debtor number with a number or its like         0.95
    registration     registration or VAT number, normalised, within a country     0.98
    email_and_name   e-mail domain (the whole address at a mail provider) + name  0.9

One hit on a rung is a link, several are ambiguous and end the climb, none goes to the next rung. A vetoed hit is no hit.
Likeness of name, postcode and phone is a suggestion with a score, never a link. Nothing here depends on order.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from rapidfuzz import fuzz

RUNGS = ("foreign_id", "number", "external_number", "registration", "email_and_name")
CONFIDENCE = {"foreign_id": 1.0, "number": 0.95, "external_number": 0.95, "registration": 0.98, "email_and_name": 0.9}
SUGGEST_FROM = 0.7
ALIKE = 0.85
"""Names less alike than this, under one debtor number and with nothing else in common, are for a person to judge."""
BLOCK_LIMIT = 400
"""A block (records that share a postcode, say) larger than this says too little to compare everyone in it."""
MAIL_PROVIDERS = frozenset((
    "gmail.com", "googlemail.com", "hotmail.com", "outlook.com", "live.com", "live.dk", "msn.com", "yahoo.com", "yahoo.de", "icloud.com", "me.com",
    "mac.com", "gmx.de", "gmx.net", "gmx.ch", "web.de", "t-online.de", "bluewin.ch", "mail.dk", "jubii.dk", "aol.com", "proton.me", "protonmail.com",
        "orange.fr",
    "free.fr", "wanadoo.fr", "laposte.net", "libero.it", "telia.com", "online.no", "mail.com", "yandex.ru", "qq.com", "163.com",
))  # fmt: skip
LEGAL_FORMS = {
    **dict.fromkeys(("as", "aps", "is", "ks", "ps", "ivs", "amba", "asa", "ans", "enk", "ab", "hb", "oy", "oyj"), ""),
    **dict.fromkeys(("gmbh", "ag", "kg", "kgaa", "ohg", "ug", "ev", "se", "llc", "llp", "lp", "plc", "ltd", "inc", "corp"), ""),
    **dict.fromkeys(("bv", "nv", "vof", "sarl", "sas", "sasu", "sa", "srl", "spa", "sl", "slu", "lda", "sro", "kft", "doo", "pty", "pvt", "scrl", "eurl"), ""),
    "limited": "ltd",
    "incorporated": "inc",
    "corporation": "corp",
    "aktieselskab": "as",
    "anpartsselskab": "aps",
    "aktiebolag": "ab",
    "aktiengesellschaft": "ag",
    "mbh": "gmbh",
}
UNTOLD_FORMS = frozenset(("co", "company", "cie", "and", "og", "und", "et", "och", "y", "e"))
LEADING_FORMS = frozenset(("ab", "oy", "sa", "as"))
SPECIAL = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})
VAT_PREFIX = {"EL": "GR", "XI": "GB"}
VAT_COUNTRIES = frozenset((
    "AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "GB", "GR", "HR", "HU", "IE", "IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL",
    "NO", "PL", "PT", "RO", "SE", "SI", "SK", "XI",
))  # fmt: skip
JUNK_NUMBERS = frozenset(("12345", "123456", "1234567", "12345678", "123456789", "1234567890", "987654321"))

Kind = Literal["link", "ambiguous", "unmatched"]


class Party(NamedTuple):
    """What one source record says about who it is; `canonical` is the record it is linked to, None while it is not.

    `within` limits matching to records of the same whole: contacts match only inside one debtor.
    """

    source: str
    key: str
    canonical: str | None = None
    number: str | None = None
    external_number: str | None = None
    registration_no: str | None = None
    vat_no: str | None = None
    country: str | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    postcode: str | None = None
    is_blocked: bool = False
    foreign: tuple[tuple[str, str], ...] = ()
    within: str | None = None


class Company(NamedTuple):
    """The legal entity a source belongs to."""

    name: str | None = None
    country: str | None = None
    registration_no: str | None = None
    vat_no: str | None = None


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
        return CONFIDENCE.get(self.rung or "")


class Suggestion(NamedTuple):
    """A likeness for people to judge."""

    key: str
    canonical: str
    score: float
    evidence: dict[str, Any]


@lru_cache(maxsize=65536)
def words(text: str) -> tuple[str, ...]:
    """Case, accents, punctuation and the spelling of umlauts levelled: `HANSEN & SØN's A/S` and `Hansen Soens AS` give the same."""
    level = unicodedata.normalize("NFKD", text.casefold().translate(SPECIAL))
    level = "".join(c for c in level if not unicodedata.combining(c))
    level = re.sub(r"[./'’`´]", "", level)
    return tuple(_short_vowels(w) for w in re.findall(r"\w+", level.replace("_", " ")))


def _short_vowels(word: str) -> str:
    return word.replace("ae", "a").replace("oe", "o").replace("ue", "u").replace("aa", "a")


@lru_cache(maxsize=65536)
def name_and_form(name: str) -> tuple[str, frozenset[str]]:
    """The levelled name without its legal form, and the form where it tells something: (`hansen son`, {`as`})."""
    left, forms = list(words(name)), set()
    if len(left) > 1 and left[0] in LEADING_FORMS:
        forms.add(left.pop(0))
    if left[-3:] == ["sp", "z", "oo"]:
        left, forms = left[:-3], {"spzoo"}
    while len(left) > 1 and (left[-1] in LEGAL_FORMS or left[-1] in UNTOLD_FORMS):
        word = left.pop()
        if word in LEGAL_FORMS:
            forms.add(LEGAL_FORMS[word] or word)
    return " ".join(w for w in left if w not in UNTOLD_FORMS) or " ".join(left), frozenset(forms)


@lru_cache(maxsize=1 << 17)
def official_number(number: str | None, country: str | None) -> tuple[str | None, str] | None:
    """(country, digits and letters) of a registration or VAT number; None for what identifies nobody (blank, zeros, 12345678)."""
    bare = re.sub(r"[^0-9A-Z]", "", (number or "").upper())
    where = country.upper() if country and len(country) == 2 else None
    if bare.startswith("CHE") and bare[3:4].isdigit():
        where, bare = "CH", bare[3:]
    elif bare[:2] in VAT_COUNTRIES and any(c.isdigit() for c in bare[2:4]):
        where, bare = VAT_PREFIX.get(bare[:2], bare[:2]), bare[2:]
    bare = re.sub(r"(MVA|MWST|TVA|IVA|VAT)$", "", bare).lstrip("0")
    if sum(c.isdigit() for c in bare) < 5 or len(set(bare)) < 2 or bare in JUNK_NUMBERS:
        return None
    return where, bare


def official_numbers(party: Party) -> dict[str, tuple[str | None, str]]:
    """Registration and VAT number of a party, normalised, where they say something."""
    found = (("registration", official_number(party.registration_no, party.country)), ("vat", official_number(party.vat_no, party.country)))
    return {kind: number for kind, number in found if number is not None}


def plain(number: str | None) -> str | None:
    """A human number as it is compared: trimmed, case-folded; leading zeros tell something and stay."""
    return number.strip().casefold() or None if number else None


def phone_digits(phone: str | None) -> str | None:
    """The last eight digits: what is left when country codes and trunk zeros are written as people please."""
    digits = re.sub(r"\D", "", phone or "")
    return digits[-8:] if len(digits) >= 7 and len(set(digits)) > 2 else None


def mailbox(email: str | None) -> str | None:
    """The domain of an address, or the whole address at a provider where strangers share the domain."""
    address = (email or "").strip().casefold()
    local, _, domain = address.rpartition("@")
    if not local or "." not in domain:
        return None
    return address if domain in MAIL_PROVIDERS else domain


def _postcode(party: Party) -> str | None:
    return re.sub(r"\W", "", party.postcode).upper() or None if party.postcode else None


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
        yield from {n for n in official_numbers(party).values() if n[0]}
    elif rung == "email_and_name" and party.name and (box := mailbox(party.email) if party.within is None else plain(party.email)):
        yield box, name_and_form(party.name)[0], party.within


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


class Known:
    """The linked records of other sources, by canonical record, indexed per rung when a rung is first asked."""

    def __init__(self, parties: Iterable[Party]) -> None:
        self.members: dict[str, list[Party]] = defaultdict(list)
        for party in parties:
            if party.canonical is not None:
                self.members[party.canonical].append(party)
        self._index: dict[str, dict[Hashable, tuple[str, ...]]] = {}

    def hits(self, rung: str, party: Party) -> dict[str, Hashable]:
        """Canonical records that agree with a party on a rung, and the key they agree in."""
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


def different_company(ours: str, theirs: str, companies: Mapping[str, Company], roles: Mapping[str, str]) -> bool:
    """Whether two sources keep the books of different companies. Two ERPs are different until proven the same."""
    if ours == theirs:
        return False
    a, b = companies.get(ours), companies.get(theirs)
    if a is not None and b is not None:
        for kind in ("registration_no", "vat_no"):
            x, y = official_number(getattr(a, kind), a.country), official_number(getattr(b, kind), b.country)
            if x and y:
                return x[1] != y[1]
        if a.name and b.name:
            return name_and_form(a.name) != name_and_form(b.name)
    return roles.get(ours) == roles.get(theirs) == "erp"


def different_numbers(ours: Party, theirs: Party) -> str | None:
    """Two parties with different official numbers are two parties, unless one number of the one is a number of the other."""
    a, b = official_numbers(ours), official_numbers(theirs)
    if {n[1] for n in a.values()} & {n[1] for n in b.values()}:
        return None
    if "registration" in a and "registration" in b:
        return "different registration numbers"
    if "vat" in a and "vat" in b and a["vat"][0] == b["vat"][0]:
        return "different VAT numbers"
    return None


def doubt(rung: str, party: Party, members: Sequence[Party]) -> str | None:
    """A single hit that a person should see first: a bare number agrees and nothing else does, or an equal name hides another form or country."""
    if rung == "email_and_name":
        for member in members:
            ours, theirs = name_and_form(party.name or "")[1], name_and_form(member.name or "")[1]
            if ours and theirs and ours != theirs:
                return "the names differ in their legal form"
            if party.country and member.country and party.country.upper() != member.country.upper():
                return "the countries differ"
            here, there = _postcode(party), _postcode(member)
            if here and there and here != there and not _same_phone(party, member):
                return "the postcodes differ, it may be another branch"
    if rung in ("number", "external_number") and all(_strangers(party, m) for m in members):
        return "the numbers agree and nothing else does"
    return None


def _same_phone(ours: Party, theirs: Party) -> bool:
    return (phone_digits(ours.phone) or 0) == (phone_digits(theirs.phone) or 1)


def _strangers(ours: Party, theirs: Party) -> bool:
    if not ours.name or not theirs.name:
        return False
    agreeing = (
        {n[1] for n in official_numbers(ours).values()} & {n[1] for n in official_numbers(theirs).values()}
        or (mailbox(ours.email) or 0) == (mailbox(theirs.email) or 1) or _same_phone(ours, theirs)
        or (_postcode(ours) or 0) == (_postcode(theirs) or 1)
    )  # fmt: skip
    return not agreeing and _name_likeness(ours.name, theirs.name) < ALIKE


def climb(parties: Iterable[Party], known: Known, circumstances: Circumstances, rungs: Sequence[str] = RUNGS) -> dict[str, Outcome]:
    """The outcome of every unlinked record of one source, by key.

    All records stand on a rung before any climbs to the next, so that the stronger evidence wins whatever the order; several
    records that would take the same canonical record on the same rung are ambiguous, all of them. `circumstances.taken` grows.
    """
    undecided = sorted(parties, key=lambda p: p.key)
    vetoed: dict[str, dict[str, str]] = defaultdict(dict)
    outcomes: dict[str, Outcome] = {}
    for rung in rungs:
        wanted: dict[str, list[tuple[Party, Hashable]]] = defaultdict(list)
        still = []
        for party in undecided:
            step = _step(rung, party, known, circumstances, vetoed)
            if step is None:
                still.append(party)
            elif isinstance(step, Outcome):
                outcomes[party.key] = step
            else:
                wanted[step[0]].append((party, step[1]))
        for canonical, claimants in wanted.items():
            for party, key in claimants:
                evidence = {"rung": rung, "agrees": _shown(key)}
                if len(claimants) > 1:
                    evidence["why"] = f"{len(claimants)} records of {party.source} match it by {rung}"
                    outcomes[party.key] = Outcome("ambiguous", rung, None, (canonical,), evidence, vetoed.get(party.key, {}))
                else:
                    outcomes[party.key] = Outcome("link", rung, canonical, (canonical,), evidence, vetoed.get(party.key, {}))
            circumstances.taken.add(canonical)
        undecided = still
    for party in undecided:
        outcomes[party.key] = Outcome("unmatched", vetoed=vetoed.get(party.key, {}))
    return outcomes


def _step(rung: str, party: Party, known: Known, circumstances: Circumstances, vetoed: dict[str, dict[str, str]]) -> Outcome | tuple[str, Hashable] | None:
    """One record on one rung: decided, a canonical record it would take, or None for the next rung."""
    hits = known.hits(rung, party)
    possible = {}
    for canonical, key in hits.items():
        if why := circumstances.hard_veto(party, canonical, known.members[canonical]):
            vetoed[party.key][canonical] = why
        else:
            possible[canonical] = key
    free = {}
    for canonical, key in possible.items():
        if why := circumstances.soft_veto(party, canonical, known.members[canonical]):
            vetoed[party.key][canonical] = why
        else:
            free[canonical] = key
    if not free:
        return None
    if len(possible) > 1:
        evidence = {"rung": rung, "why": f"{len(possible)} canonical records match by {rung}", "agrees": _shown(min(free.values(), key=repr))}
        return Outcome("ambiguous", rung, None, tuple(sorted(possible)), evidence, vetoed.get(party.key, {}))
    [(canonical, key)] = free.items()
    if why := doubt(rung, party, known.members[canonical]):
        return Outcome("ambiguous", rung, None, (canonical,), {"rung": rung, "why": why, "agrees": _shown(key)}, vetoed.get(party.key, {}))
    return canonical, key


def _shown(key: Hashable) -> str:
    return " ".join(str(k) for k in key if k is not None) if isinstance(key, tuple) else str(key)


def _name_likeness(a: str, b: str) -> float:
    x, y = name_and_form(a)[0], name_and_form(b)[0]
    score = max(fuzz.token_sort_ratio(x, y), 0.95 * fuzz.token_set_ratio(x, y)) / 100
    figures, others = ({w for w in n.split() if w.isdigit()} for n in (x, y))
    return min(score, 0.6) if figures and others and figures != others else score  # branch 12 is not branch 13


def likeness(ours: Party, theirs: Party) -> tuple[float, dict[str, Any]]:
    """A score between 0 and 1 for name, postcode and phone, weighed by what both sides say, and what it was made of."""
    if not ours.name or not theirs.name:
        return 0.0, {}
    parts: dict[str, tuple[float, float]] = {"name": (0.6, _name_likeness(ours.name, theirs.name))}
    for what, weight, a, b in (
        ("postcode", 0.2, _postcode(ours), _postcode(theirs)), ("phone", 0.2, phone_digits(ours.phone), phone_digits(theirs.phone)),
        ("email", 0.2, mailbox(ours.email), mailbox(theirs.email)),
    ):  # fmt: skip
        if a and b:
            parts[what] = (weight, 1.0 if a == b else 0.0)
    score = sum(w * s for w, s in parts.values()) / sum(w for w, _ in parts.values())
    if len(parts) == 1:
        score *= 0.85  # a name alone says little
    return round(score, 3), {what: round(s, 3) for what, (_, s) in parts.items()}


def suggest(parties: Iterable[Party], known: Known, circumstances: Circumstances, *, limit: int = 3, threshold: float = SUGGEST_FROM) -> list[Suggestion]:
    """The likest canonical records of each record, best first; what a veto forbids for good is not suggested."""
    blocks: dict[Hashable, list[Party]] = defaultdict(list)
    for members in known.members.values():
        for member in members:
            for block in _blocks(member):
                blocks[block].append(member)
    found: list[Suggestion] = []
    for party in parties:
        best: dict[str, Suggestion] = {}
        for member in {id(m): m for b in _blocks(party) if len(blocks.get(b, ())) <= BLOCK_LIMIT for m in blocks.get(b, ())}.values():
            canonical = str(member.canonical)
            score, evidence = likeness(party, member)
            if score < threshold or (canonical in best and best[canonical].score >= score):
                continue
            if circumstances.hard_veto(party, canonical, known.members[canonical]) is None and canonical not in circumstances.taken:
                best[canonical] = Suggestion(party.key, canonical, score, evidence)
        found += sorted(best.values(), key=lambda s: (-s.score, s.canonical))[:limit]
    return found


def _blocks(party: Party) -> Iterator[Hashable]:
    """Records that share none of these are not compared."""
    if postcode := _postcode(party):
        yield "postcode", postcode, party.within
    if phone := phone_digits(party.phone):
        yield "phone", phone, party.within
    if party.name:
        name = name_and_form(party.name)[0]
        yield "name", name.replace(" ", "")[:6], party.within
        if longest := max(name.split(), key=len, default=""):
            yield "word", longest, party.within
