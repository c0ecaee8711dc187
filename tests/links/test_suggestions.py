"""What is suggested to a person: scored, the likest first, never what a veto forbids."""

from __future__ import annotations

from typing import Any

import pytest

from sync_engine.matching.ladder import (
    Circumstances,
    Known,
    Suggestion,
    suggest,
)
from sync_engine.matching.similarity import Party
from tests.links.parties import HANSEN, ROLES, crm


def suggested(party: Party, *known: Party, **more: Any) -> list[Suggestion]:
    """What is suggested for one record."""
    return suggest([party], Known(known), Circumstances(roles=ROLES), **more)


def test_suggestions_are_scored_and_never_vetoed_ones() -> None:
    """With the evidence; what a person separated, or another record of the source has, is not suggested."""
    party = crm(name="Hansen og Soen", postcode="8000", phone="12345678")
    assert suggested(party, HANSEN) == [
        Suggestion("C1", "one", 1.0, {"name": 1.0, "postcode": 1.0, "phone": 1.0})
    ]
    for forbidden in (
        Circumstances(roles=ROLES, negative={("C1", "one")}),
        Circumstances(roles=ROLES, taken={"one"}),
    ):
        assert suggest([party], Known([HANSEN]), forbidden) == []
    assert [
        s.key
        for s in suggest(
            [party, crm("C2", name="Bianchi"), crm("C3", name="Hansen")],
            Known([HANSEN]),
            Circumstances(roles=ROLES),
        )
    ] == ["C1", "C3"]


@pytest.mark.parametrize(("ours", "theirs", "is_compared"), [
    pytest.param({"name": "Ab", "postcode": "8000"}, {"name": "Ba", "postcode": "80 00"}, True, id="postcode"),
    pytest.param({"name": "Ab", "phone": "12345678"}, {"name": "Ba", "phone": "+45 12345678"}, True, id="phone"),
    pytest.param({"name": "Han Sen-Byg"}, {"name": "Hansens Vin"}, True, id="the first six letters"),
    pytest.param({"name": "Han Seby"}, {"name": "Hansen"}, False, id="the first five letters"),
    pytest.param({"name": "The Hansen Co"}, {"name": "Hansen of Old"}, True, id="the longest word"),
    pytest.param({"name": "Zo Hansen"}, {"name": "Zo Müllers"}, False, id="another word"),
    pytest.param({}, {}, False, id="nothing is said"),
    pytest.param({"name": "Ab"}, {"name": "Ba"}, False, id="nothing"), pytest.param({"name": "***"}, {"name": "!!!"}, False, id="no letters"),
    pytest.param({"phone": "12345678"}, {"name": "Ba", "phone": "12345678"}, True, id="phone, no name"),
    pytest.param({"name": "Ab", "postcode": "12345678"}, {"name": "Ba", "phone": "12345678"}, False, id="a postcode is no phone"),
    pytest.param({"name": "Hansen"}, {"name": "Ba", "postcode": "hansen"}, False, id="a name is no postcode"),
    pytest.param({"name": "Hansen", "within": "a"}, {"name": "Hansen", "within": "b"}, False, id="at another debtor"),
    pytest.param({"name": "Ab", "postcode": "8000", "within": "a"}, {"name": "Ba", "postcode": "8000", "within": "b"}, False, id="postcode at another debtor"),
    pytest.param({"name": "Ab", "phone": "12345678", "within": "a"}, {"name": "Ba", "phone": "12345678", "within": "b"}, False, id="phone at another debtor"),
])  # fmt: skip
def test_who_is_compared(ours: dict[str, str], theirs: dict[str, str], is_compared: bool) -> None:
    """Whoever shares a town, a phone, the beginning of the name or its longest word, however little alike."""
    found = suggested(crm(**ours), Party("erp", "E1", "one", **theirs), threshold=0.0)  # type: ignore[arg-type]
    assert bool(found) is is_compared


def test_the_likest_are_suggested_first() -> None:
    """Three at most, each canonical record once, by its likest record; equals in order of their ids."""
    names = ("Hansen Byg", "Hansen Bygg", "Hansen Byg", "Hansen Vin", "Hansen Byg Syd")
    known = [Party("erp", f"E{n}", f"c{n}", name=name, postcode="8000") for n, name in enumerate(names)]
    known += [
        Party("desk", "T1", "c3", name="Hansen Byg", phone="87654321", postcode="2100"),
        Party("desk", "T2", "c4", name="Hansen Byg", postcode="8000"),
    ]
    found = suggested(crm(name="Hansen Byg", postcode="8000", phone="12345678"), *known)
    assert [(s.canonical, s.score) for s in found] == [("c0", 1.0), ("c2", 1.0), ("c4", 1.0)]
    assert suggested(crm(name="Hansen Byg", postcode="8000", phone="12345678"), *reversed(known)) == found
    assert len(suggested(crm(name="Hansen Byg", postcode="8000"), *known, limit=9)) == 5


def test_of_several_records_of_one_debtor_the_likest_is_shown() -> None:
    """The mistyped one in the same town before the very name elsewhere; of two equals always the same one, whichever was read first."""
    party = crm(name="Hansem Byg", postcode="8000", phone="12345678")
    elsewhere = Party("erp", "E1", "one", name="Hansem Byg", postcode="2100")
    mistyped = Party("erp", "E2", "one", name="Hansen Byg", postcode="8000")
    phone = Party("erp", "E3", "one", name="Hansem Byg", postcode="2100", phone="12345678")
    town = Party("erp", "E4", "one", name="Hansem Byg", postcode="8000", phone="87654321")
    for known, shown in (
        ([elsewhere, mistyped], Suggestion("C1", "one", 0.925, {"name": 0.9, "postcode": 1.0})),
        ([phone, town], Suggestion("C1", "one", 0.8, {"name": 1.0, "postcode": 0.0, "phone": 1.0})),
    ):
        assert suggested(party, *known) == suggested(party, *reversed(known)) == [shown]


def test_a_town_is_counted_at_one_debtor() -> None:
    """Four hundred and one contacts of another debtor live in Aarhus: that says nothing of the two at this one."""
    crowd = [
        Party("erp", f"K{n}", f"c{n}", name=f"{n:04d}", postcode="8000", within="another") for n in range(401)
    ]
    lars = Party("erp", "K", "lars", name="Lars", postcode="8000", within="one")
    assert [
        s.canonical
        for s in suggested(crm(name="Bo", postcode="8000", within="one"), *crowd, lars, threshold=0.0)
    ] == ["lars"]


def test_what_is_little_alike_is_not_suggested() -> None:
    """From seven in ten on."""
    hansen = Party("erp", "E1", "one", name="abcdefghijklmnopqrst", postcode="8000")
    scores = {
        name: suggested(crm(name=name, postcode="2100"), hansen)
        for name in ("abcdefghijklmnopqrst", "abcdefghijklmnopqrsX", "abcdefghijklmnopqrXX")
    }
    assert [[s.score for s in found] for found in scores.values()] == [[0.75], [0.712], []]
    assert suggested(crm(name="abcdefghijklmnopqrst", postcode="2100"), hansen, threshold=0.75) != []


def test_a_town_where_everybody_lives_says_too_little() -> None:
    """Blocks of four hundred are compared, larger ones are not; a phone still finds."""
    for size, found in ((400, 3), (401, 0)):
        town = [Party("erp", f"E{n}", f"c{n}", name=f"{n:04d}", postcode="8000") for n in range(size)]
        assert len(suggested(crm(name="Hansen", postcode="8000"), *town, threshold=0.0)) == found
    lars = Party("erp", "E", "lars", name="Lars", postcode="8000", phone="12345678")
    assert [
        s.canonical for s in suggested(crm(name="Lars", postcode="8000", phone="12345678"), *town, lars)
    ] == ["lars"]
