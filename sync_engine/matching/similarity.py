"""What two parties have in common, what makes them two, and what makes one doubt: the judgement under the ladder of `matching`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sync_engine.canonical.countries import country_of
from sync_engine.matching.company_numbers import KINDS, Kind, is_sound, official_number
from sync_engine.matching.phones import phone_digits
from sync_engine.matching.text import mailbox, name_and_form, plain, postcode_of

ALIKE = 0.85
"""Names less alike than this, under one debtor number and with nothing else in common, are for a person to judge."""
Shared = Callable[[str, str], bool]
"""Whether so many records have this (kind of address, value) that it is a bookkeeper's, a provider's or a switchboard's."""


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


def official_numbers(party: Party) -> dict[Kind, tuple[str | None, str]]:
    """Registration and VAT number of a party, normalised, where they say something."""
    said: tuple[tuple[Kind, str | None], ...] = (
        ("registration", party.registration_no),
        ("vat", party.vat_no),
    )
    return {kind: number for kind, text in said if (number := official_number(text, party.country))}


def different_company(
    ours: str, theirs: str, companies: Mapping[str, Company], roles: Mapping[str, str]
) -> bool:
    """Whether two sources keep the books of different companies. Two ERPs are different until proven the same."""
    a, b = companies.get(ours), companies.get(theirs)
    if a is not None and b is not None:
        for kind in KINDS:
            x, y = (official_number(getattr(company, kind + "_no"), company.country) for company in (a, b))
            if x and y and (x[1] == y[1] or (is_sound(kind, *x) and is_sound(kind, *y))):
                return x[1] != y[1]
        if a.name and b.name:
            return name_and_form(a.name) != name_and_form(b.name)
    return ours != theirs and roles.get(ours) == roles.get(theirs) == "erp"


def different_numbers(ours: Party, theirs: Party) -> str | None:
    """Why two parties are two by their official numbers. Companies of a group may share a VAT number, never a registration number.

    What cannot be a number, by its check digits, is somebody's typing error and speaks against nobody.
    """
    a, b = official_numbers(ours), official_numbers(theirs)
    common = _one_in_common(a, b)
    sound, other = (
        {kind: number for kind, number in numbers.items() if is_sound(kind, *number)} for numbers in (a, b)
    )
    if (
        "registration" in sound
        and "registration" in other
        and sound["registration"][1] != other["registration"][1]
    ):
        return "different registration numbers"
    if not common and "vat" in sound and "vat" in other and sound["vat"][0] == other["vat"][0]:
        return "different VAT numbers"
    return None


def _one_in_common(
    ours: Mapping[Kind, tuple[str | None, str]], theirs: Mapping[Kind, tuple[str | None, str]]
) -> bool:
    return any(mine[1] == other[1] for mine in ours.values() for other in theirs.values())


def doubt(rung: str, party: Party, members: Sequence[Party], shared: Shared) -> str | None:
    """Why a person should see a single hit first; None when it may be linked."""
    if rung == "registration" and all(_other_of_a_group(party, m) for m in members):
        return "the VAT number agrees and the names do not, it may be another company of a group"
    if rung in ("number", "external_number") and all(_strangers(party, m, shared) for m in members):
        return "the numbers agree and nothing else does"
    if rung == "email_and_name":
        return next((why for m in members if (why := _other_house(party, m, shared))), None)
    return None


def _other_of_a_group(ours: Party, theirs: Party) -> bool:
    """Whether a VAT number in common may be that of a group: the names differ, and no registration number says that they are one."""
    registered = all("registration" in official_numbers(p) for p in (ours, theirs))
    return bool(
        ours.name
        and theirs.name
        and not registered
        and (_other_form(ours, theirs) or not _alike(ours.name, theirs.name))
    )


def _strangers(ours: Party, theirs: Party, shared: Shared) -> bool:
    """Whether a number in common may be chance: two systems count from 10000, and numbers are given again."""
    agrees = _compared(ours, theirs, shared)
    is_known = (
        agrees.get("phone")
        or agrees.get("email")
        or _one_in_common(official_numbers(ours), official_numbers(theirs))
    )
    other_form, abroad = _other_form(ours, theirs), _other_country(ours, theirs)
    return bool(
        ours.name
        and theirs.name
        and not is_known
        and (abroad or _too_little(agrees, ours.name, theirs.name, other_form=other_form))
    )


def _too_little(agrees: Mapping[str, bool], a: str, b: str, *, other_form: bool) -> bool:
    """Whether what agrees beside a number is too little; the less alike the names are, the more must."""
    if _alike(a, b):
        return not any(agrees.values()) and (len(agrees) > 1 or other_form)
    return agrees != {"postcode": True} or not _alike(a, b, in_part=True) or other_form


def _other_house(ours: Party, theirs: Party, shared: Shared) -> str | None:
    """Why an equal name and mail domain may be those of a sister company, of a branch, or of many."""
    if _other_form(ours, theirs):
        return "the names differ in their legal form"
    if _other_country(ours, theirs):
        return "the countries differ"
    agrees = _compared(ours, theirs, shared)
    if agrees.get("postcode") is False:
        return "the postcodes differ, it may be another branch"
    if plain(ours.email) == plain(theirs.email) or any(agrees.get(what) for what in ("postcode", "phone")):
        return None
    if agrees.get("phone") is False or shared("email", str(mailbox(ours.email))):
        return "the name and a mail domain agree and nothing else does, it may be another branch"
    return None


def _other_form(ours: Party, theirs: Party) -> bool:
    here, there = (name_and_form(p.name)[1] if p.name else None for p in (ours, theirs))
    return bool(here and there) and here != there


def _other_country(ours: Party, theirs: Party) -> bool:
    here, there = country_of(ours.country), country_of(theirs.country)
    return bool(here and there) and here != there


def _compared(ours: Party, theirs: Party, shared: Shared) -> dict[str, bool]:
    """Whether phone, mailbox and postcode agree, each where both sides say it; a phone or mailbox that many have says nothing by agreeing."""
    pairs = (
        ("phone", phone_digits(ours.phone), phone_digits(theirs.phone)), ("email", mailbox(ours.email), mailbox(theirs.email)),
        ("postcode", postcode_of(ours.postcode), postcode_of(theirs.postcode)),
    )  # fmt: skip
    return {what: x == y for what, x, y in pairs if x and y and not (x == y and shared(what, x))}


def _alike(a: str, b: str, *, in_part: bool = False) -> bool:
    return _name_likeness(a, b, in_part=in_part) >= ALIKE


def _name_likeness(a: str, b: str, *, in_part: bool) -> float:
    """Between 0 and 1; `in_part` a name that lacks some words of the other is nearly the same. Branch 12 is not branch 13."""
    from rapidfuzz import fuzz  # a run in which nobody new appears compares no names, and starts without it

    x, y = name_and_form(a)[0], name_and_form(b)[0]
    if not x:
        return 0.0
    score = fuzz.token_sort_ratio(x, y) / 100
    if in_part:
        score = max(score, 0.95 * fuzz.token_set_ratio(x, y) / 100)
    figures, others = ({w for w in n.split() if w.isdigit()} for n in (x, y))
    return min(score, 0.6) if figures and others and figures != others else score


def likeness(ours: Party, theirs: Party) -> tuple[float, dict[str, Any]]:
    """A score between 0 and 1 for name, postcode and phone, weighed by what both sides say, and what it was made of."""
    if not ours.name or not theirs.name:
        return 0.0, {}
    parts: dict[str, tuple[float, float]] = {
        "name": (0.6, _name_likeness(ours.name, theirs.name, in_part=True))
    }
    for what, weight, a, b in (
        ("postcode", 0.2, postcode_of(ours.postcode), postcode_of(theirs.postcode)), ("phone", 0.2, phone_digits(ours.phone), phone_digits(theirs.phone)),
        ("email", 0.2, mailbox(ours.email), mailbox(theirs.email)),
    ):  # fmt: skip
        if a and b:
            parts[what] = (weight, 1.0 if a == b else 0.0)
    score = sum(w * s for w, s in parts.values()) / sum(w for w, _ in parts.values())
    if len(parts) == 1:
        score *= 0.85  # a name alone says little
    return round(score, 3), {what: round(s, 3) for what, (_, s) in parts.items()}
