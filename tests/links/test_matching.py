"""The ladder as pure functions: what is levelled, what agrees, what forbids, what is left to people, and that order does not matter."""

from __future__ import annotations

import random
from typing import Any, get_args

import pytest

from sync_engine.config import LinkSettings, Rung
from sync_engine.matching.ladder import (
    CONFIDENCE,
    RUNGS,
    Circumstances,
    Known,
    Outcome,
    climb,
    suggest,
)
from sync_engine.matching.similarity import Company, Party
from tests.links.parties import HANSEN, ROLES, crm, outcome


@pytest.mark.parametrize(("said", "rung", "agrees", "confidence"), [
    pytest.param({"foreign": (("erp", "E1"),), "name": "anything"}, "foreign_id", "erp E1", 1.0, id="the other side's id"),
    pytest.param({"number": " 10000 ", "name": "Hansen & Soen"}, "number", "10000", 0.95, id="number, name alike"),
    pytest.param({"number": "10000"}, "number", "10000", 0.95, id="number, no name"),
    pytest.param({"number": "10000", "name": "Trading name", "phone": "12345678"}, "number", "10000", 0.95, id="number, phone agrees"),
    pytest.param({"external_number": "10000", "name": "Hansen Søn"}, "external_number", "number 10000", 0.95, id="its external number is our number"),
    pytest.param({"number": "LEV-7", "name": "Hansen Søn"}, "external_number", "external lev-7", 0.95, id="its number is our external number"),
    pytest.param({"external_number": "lev-7"}, "external_number", "external lev-7", 0.95, id="one external number"),
    pytest.param({"vat_no": "DK-31 41 59 26", "name": "HANSENS SØN"}, "registration", "DK 31415926", 0.98, id="a VAT number is a registration number"),
    pytest.param({"email": "info@HANSEN.dk", "name": "Hansen og Søn"}, "email_and_name", "hansen.dk hansen son", 0.9, id="domain and name"),
])  # fmt: skip
def test_one_hit_links(said: dict[str, Any], rung: str, agrees: str, confidence: float) -> None:
    """Each rung, with its evidence and confidence."""
    found = outcome(crm(**said), HANSEN._replace(external_number="LEV-7"))
    assert found == Outcome("link", rung, "one", ("one",), {"rung": rung, "agrees": agrees})
    assert found.confidence == confidence


def test_an_id_stored_on_the_other_side_links_too() -> None:
    """The ERP's record carries the CRM's id."""
    found = outcome(crm(key="C7"), HANSEN._replace(foreign=(("crm", "C7"),)))
    assert found == Outcome(
        "link", "foreign_id", "one", ("one",), {"rung": "foreign_id", "agrees": "back crm C7"}
    )


@pytest.mark.parametrize("said", [
    pytest.param({}, id="nothing"), pytest.param({"number": "", "external_number": " "}, id="blanks"),
    pytest.param({"registration_no": "31415926"}, id="a number of no country"), pytest.param({"registration_no": "31415926", "country": "SE"}, id="of another"),
    pytest.param({"name": "Hansen & Søn"}, id="a name alone"), pytest.param({"email": "info@hansen.dk"}, id="a mail domain alone"),
    pytest.param({"name": "Jensen VVS"}, id="a name, and an address on neither side"),
    pytest.param({"email": "info@hansen.dk", "name": "Hansen & Sønner"}, id="a domain and another name"),
    pytest.param({"email": "info@hansen.dk", "name": "***"}, id="a domain and no name to speak of"),
    pytest.param({"name": "Hansen & Søn", "postcode": "8000", "phone": "12345678"}, id="a likeness, however great"),
    pytest.param({"foreign": (("erp", "E2"), ("desk", "E1"))}, id="the id of another"), pytest.param({"number": "LEV-7"}, id="another number"),
])  # fmt: skip
def test_what_agrees_in_nothing_is_left_alone(said: dict[str, Any]) -> None:
    """No hit on any rung, and nothing was in the way."""
    nameless = Party("erp", "E3", "three", email="x@hansen.dk", name="***", registration_no="31415926")
    found = outcome(crm(**said), HANSEN, nameless, Party("erp", "E4", "four", name="Jensen VVS"))
    assert found == Outcome("unmatched")
    assert found.confidence is None


@pytest.mark.parametrize(("said", "rung", "why", "agrees"), [
    pytest.param(
        {"number": "10000", "name": "Somebody Else Ltd"}, "number", "the numbers agree and nothing else does", "10000", id="a number and another name",
    ),
    pytest.param({"vat_no": "DK31415926", "name": "Hansen Holding"}, "registration",
                 "the VAT number agrees and the names do not, it may be another company of a group", "DK 31415926", id="a VAT number and another name"),
    pytest.param({"email": "a@hansen.dk", "name": "Hansen & Søn ApS"}, "email_and_name", "the names differ in their legal form", "hansen.dk hansen son",
                 id="another legal form"),
])  # fmt: skip
def test_a_doubtful_hit_is_for_a_person(said: dict[str, Any], rung: str, why: str, agrees: str) -> None:
    """One candidate, listed with what agrees and what is doubtful, not linked."""
    assert outcome(crm(**said)) == Outcome(
        "ambiguous", rung, None, ("one",), {"rung": rung, "why": why, "agrees": agrees}
    )


def test_a_doubtful_hit_waits_for_a_better_one() -> None:
    """A number given again points at a stranger; the VAT number knows better. Without a better hit the first doubt is listed."""
    stranger = Party("erp", "E9", "nine", number="K-77", name="Quite Another")
    again = crm(number="K-77", name="Hansen og Søn", vat_no="DK31415926")
    assert outcome(again, HANSEN, stranger).canonical == "one"
    renamed = again._replace(name="Hansen Holding")
    found = outcome(renamed, HANSEN, stranger)
    assert (found.kind, found.rung, found.candidates) == ("ambiguous", "number", ("nine",))


def test_a_bookkeepers_mail_domain_and_phone_say_nothing() -> None:
    """Four clients have them: no fifth is found by them. Three may be a family."""
    for clients, kind in ((3, "link"), (4, "ambiguous")):
        known = [
            Party(
                "erp",
                f"E{n}",
                f"c{n}",
                number=f"{n}",
                name=f"Client {n}",
                email=f"{n}@bogholder.dk",
                phone="70707071",
            )
            for n in range(clients)
        ]
        assert outcome(crm(number="1", name="Quite Another", phone="70 70 70 71"), *known).kind == kind
        assert outcome(crm(number="1", name="Quite Another", email="info@bogholder.dk"), *known).kind == kind
        assert outcome(crm(name="Client 1", email="info@bogholder.dk"), *known).kind == kind
    two_sources = [known[0]._replace(source=s, key=f"{s}{n}") for s in ("erp", "desk") for n in range(4)]
    assert outcome(crm(number="0", name="Quite Another", phone="70707071"), *two_sources).kind == "link", (
        "counted by debtor, not by record"
    )


def test_what_agrees_is_told_alike_in_every_process() -> None:
    """A record with two official numbers that both agree shows the registration number: the hash of a plan covers it, and a set has no order."""
    for place in range(20):
        both: dict[str, Any] = {
            "registration_no": f"{81000000 + place}",
            "vat_no": f"DK{91000000 + place}",
            "country": "DK",
            "name": "Nordlys",
        }
        [found] = climb(
            [Party("crm", "A", **both)], Known([Party("erp", "1", "one", **both)]), Circumstances()
        ).values()
        assert found.evidence["agrees"] == f"DK {81000000 + place}"


def test_the_first_record_of_a_debtor_says_why_not() -> None:
    """By source, then by key, in whatever order they came, also where one came twice: a plan reads alike in every process."""
    asked = crm(number="10", country="DK", registration_no="31415926", vat_no="DK16180343")
    for first, second in ((("desk", "9"), ("erp", "1")), (("erp", "1"), ("erp", "2"))):
        later = Party(*second, "one", number="10", country="DK", vat_no="DK27182828")
        found = outcome(
            asked, later, Party(*first, "one", number="10", country="DK", registration_no="27182828")
        )
        assert found.vetoed == {"one": "different registration numbers"}
    assert outcome(asked, Party("erp", "1", "one", number="10"), Party("erp", "1", "one")).canonical == "one"


def test_several_hits_end_the_climb() -> None:
    """Two debtors of one number: ambiguous, and the e-mail that would decide is not asked."""
    other = HANSEN._replace(key="E2", canonical="two", email="x@other.dk", name="Other")
    for known in ([HANSEN, other], [other, HANSEN]):
        found = outcome(crm(vat_no="DK31415926", email="a@hansen.dk", name="Hansen & Søn"), *known)
        evidence = {
            "rung": "registration",
            "why": "2 canonical records match by registration",
            "agrees": "DK 31415926",
        }
        assert found == Outcome("ambiguous", "registration", None, ("one", "two"), evidence)


def test_several_hits_by_several_keys_show_one_of_them() -> None:
    """The first in order, whichever was found first."""
    one, two = Party("erp", "E1", "one", external_number="A"), Party("erp", "E2", "two", number="B")
    for known in ([one, two], [two, one]):
        assert outcome(crm(number="A", external_number="B"), *known).evidence["agrees"] == "external a"


@pytest.mark.parametrize(("said", "changes", "why"), [
    pytest.param({"number": "10000", "registration_no": "27182828", "country": "DK"}, {}, "different registration numbers", id="registration numbers"),
    pytest.param({"number": "10000", "vat_no": "DK27182828"}, {}, "different VAT numbers", id="VAT numbers of one country"),
    pytest.param({"number": "10000", "is_blocked": True}, {}, "blocked", id="blocked"),
    pytest.param({"number": "10000"}, {"negative": {("C1", "one")}}, "a person said they are not the same", id="a negative link"),
    pytest.param({"number": "10000"}, {"taken": {"one"}}, "linked to another record of this source", id="taken"),
    pytest.param({"number": "10000"}, {"companies": {"erp": Company("Nordlys A/S"), "crm": Company("Sydlys A/S")}}, "another company", id="another company"),
    pytest.param({"foreign": (("erp", "E1"),), "within": "another"}, {}, "another debtor", id="of another debtor"),
])  # fmt: skip
def test_a_veto_is_no_hit_and_is_told(said: dict[str, Any], changes: dict[str, Any], why: str) -> None:
    """The record stays unmatched, and what spoke against the link is kept; one of the linked records is enough."""
    expected = Outcome("unmatched", vetoed={"one": why})
    assert outcome(crm(**said), circumstances=Circumstances(roles=ROLES, **changes)) == expected
    assert (
        outcome(
            crm(**said),
            Party("desk", "T1", "one", within=said.get("within")),
            HANSEN,
            circumstances=Circumstances(roles=ROLES, **changes),
        )
        == expected
    )


def test_a_debtor_that_is_blocked_is_not_linked_to() -> None:
    """By any of its records."""
    desk = Party("desk", "T1", "one", is_blocked=True)
    for blocked in ([HANSEN._replace(is_blocked=True)], [desk, HANSEN], [HANSEN, desk]):
        assert outcome(crm(number="10000"), *blocked) == Outcome("unmatched", vetoed={"one": "blocked"})


def test_a_veto_on_one_rung_leaves_the_next() -> None:
    """A number of somebody else, forbidden; the VAT number finds the right one, and what was vetoed is told with the link. Nor is one veto all of them."""
    stranger = HANSEN._replace(key="E2", canonical="two", registration_no="27182828", vat_no=None, number="7")
    third = HANSEN._replace(key="E3", canonical="three", registration_no="16180343", vat_no=None, number="7")
    found = outcome(
        crm(number="7", vat_no="DK31415926", registration_no="31415926", name="Hansen"),
        HANSEN,
        stranger,
        third,
    )
    assert (found.kind, found.canonical) == ("link", "one")
    assert found.vetoed == {
        "two": "different registration numbers",
        "three": "different registration numbers",
    }
    right = HANSEN._replace(number="7")
    assert (
        outcome(crm(number="7", registration_no="31415926", country="DK"), stranger, right, third).canonical
        == "one"
    )


def test_a_duplicate_beside_a_taken_one_is_ambiguous() -> None:
    """Two ERP accounts of one company, one of them linked: the CRM's second record may mean either."""
    twin = HANSEN._replace(key="E2", canonical="two", number="10001")
    found = outcome(
        crm(registration_no="31415926", country="DK"),
        HANSEN,
        twin,
        circumstances=Circumstances(roles=ROLES, taken={"one"}),
    )
    assert (found.kind, found.candidates) == ("ambiguous", ("one", "two"))
    assert found.vetoed == {"one": "linked to another record of this source"}


def test_the_stronger_rung_wins_and_order_does_not_matter() -> None:
    """One record has the number, another only the domain: the number takes it, in whatever order they come. Equals are ambiguous, both."""
    strong, weak = (
        crm("Z9", number="10000", name="Hansen & Søn"),
        crm("A1", email="a@hansen.dk", name="Hansen & Søn"),
    )
    equals = [crm("B1", vat_no="DK31415926"), crm("B2", vat_no="DK31415926")]
    for parties in ([strong, weak], [weak, strong]):
        found = climb(parties, Known([HANSEN]), Circumstances(roles=ROLES))
        assert (found["Z9"].kind, found["A1"].kind) == ("link", "unmatched")
    found = climb(equals, Known([HANSEN]), Circumstances(roles=ROLES))
    evidence = {
        "rung": "registration",
        "why": "2 records of crm match it by registration",
        "agrees": "DK 31415926",
    }
    assert found["B1"] == found["B2"] == Outcome("ambiguous", "registration", None, ("one",), evidence)


def test_what_a_record_takes_is_taken() -> None:
    """For lower rungs, for the next climb, and for suggestions; also when several wanted it."""
    for parties in ([crm("B1", number="10000")], [crm("B1", number="10000"), crm("B2", number="10000")]):
        circumstances, known = Circumstances(roles=ROLES), Known([HANSEN])
        climb(parties, known, circumstances)
        assert circumstances.taken == {"one"}
        assert suggest([crm("C1", name="Hansen & Søn", postcode="8000")], known, circumstances) == []


def test_any_order_of_records_and_candidates_gives_the_same() -> None:
    """A hundred shuffles of a small crowd."""
    rng = random.Random(1)
    known = [
        HANSEN._replace(
            key=f"E{n}",
            canonical=f"c{n}",
            number=f"{n % 7}",
            name=f"Firm {n % 5}",
            email=f"a@firm{n % 4}.dk",
            registration_no=None,
            vat_no=None,
        )
        for n in range(12)
    ]
    parties = [
        crm(f"C{n}", number=f"{n % 9}", name=f"Firm {n % 5}", email=f"b@firm{n % 4}.dk") for n in range(12)
    ]
    assert list(climb(reversed(parties), Known(known), Circumstances(roles=ROLES))) == sorted(
        p.key for p in parties
    )
    expected = climb(parties, Known(known), Circumstances(roles=ROLES))
    for _ in range(100):
        rng.shuffle(known)
        rng.shuffle(parties)
        assert climb(parties, Known(known), Circumstances(roles=ROLES)) == expected


def test_rungs_are_configuration() -> None:
    """A source whose numbers mean nothing leaves them out."""
    found = climb(
        [crm(number="10000", name="Hansen & Søn")],
        Known([HANSEN]),
        Circumstances(roles=ROLES),
        ("registration",),
    )
    assert found["C1"].kind == "unmatched"


def stand(party: Party, rungs: tuple[str, ...], *known: Party, **said: Any) -> Outcome:
    """What becomes of one record on other rungs than the usual ones."""
    return climb([party], Known(known or (HANSEN,)), Circumstances(roles=ROLES, **said), rungs)[party.key]


STRANGER = crm(
    number="10000",
    name="Trading name",
    phone="99887766",
    email="a@elsewhere.se",
    postcode="11122",
    country="SE",
)


@pytest.mark.parametrize(("alone", "said", "agrees"), [
    ("number_alone", STRANGER, "10000"),
    ("external_number_alone", STRANGER._replace(number=None, external_number="10000"), "number 10000"),
    ("external_number_alone", STRANGER._replace(number="LEV-7"), "external lev-7"),
])  # fmt: skip
def test_a_number_alone_links_where_it_is_configured(alone: str, said: Party, agrees: str) -> None:
    """What the usual rung holds for a person is linked by the rung that trusts the number; alone, or below the others."""
    known = HANSEN._replace(external_number="LEV-7")
    usual = stand(said, RUNGS, known)
    assert (usual.kind, usual.evidence["why"]) == ("ambiguous", "the numbers agree and nothing else does")
    for rungs in ((alone,), (*RUNGS, alone)):
        found = stand(said, rungs, known)
        assert found == Outcome("link", alone, "one", ("one",), {"rung": alone, "agrees": agrees})
        assert found.confidence == 0.8


@pytest.mark.parametrize(("said", "circumstances", "why"), [
    ({"registration_no": "27182828", "country": "DK"}, {}, "different registration numbers"),
    ({}, {"negative": {("C1", "one")}}, "a person said they are not the same"),
    ({}, {"taken": {"one"}}, "linked to another record of this source"), ({"is_blocked": True}, {}, "blocked"),
    ({"source": "second"}, {}, "another company"),
])  # fmt: skip
def test_vetoes_hold_for_a_number_alone(
    said: dict[str, Any], circumstances: dict[str, Any], why: str
) -> None:
    """The number is trusted to say who is meant, not to overrule what forbids a link."""
    found = stand(STRANGER._replace(**said), ("number_alone",), **circumstances)
    assert (found.kind, found.vetoed) == ("unmatched", {"one": why})


def test_a_number_alone_that_several_have_is_ambiguous() -> None:
    """Two records of one number, or two claimants of one record: nobody guesses."""
    assert stand(
        STRANGER, ("number_alone",), HANSEN, HANSEN._replace(key="E2", canonical="two")
    ).candidates == ("one", "two")
    both = climb(
        [STRANGER, STRANGER._replace(key="C2")],
        Known([HANSEN]),
        Circumstances(roles=ROLES),
        ("number_alone",),
    )
    assert {o.kind for o in both.values()} == {"ambiguous"}


def test_every_rung_can_be_configured() -> None:
    """The ladder, its confidence and the settings of a source name the same rungs; the usual ones trust no number alone."""
    assert set(get_args(Rung)) == set(CONFIDENCE) == {*RUNGS, "number_alone", "external_number_alone"}
    assert LinkSettings().rungs == RUNGS


def test_contacts_match_inside_one_debtor_by_whole_address() -> None:
    """The same mailbox at another debtor, or a colleague of the same domain, is somebody else."""
    anna = Party("erp", "K1", "anna", name="Anna Hansen", email="anna@hansen.dk", within="one")
    assert outcome(crm(name="anna hansen", email="ANNA@hansen.dk", within="one"), anna).kind == "link"
    assert outcome(crm(name="anna hansen", email="ANNA@hansen.dk", within="two"), anna).kind == "unmatched"
    assert outcome(crm(name="anna hansen", email="info@hansen.dk", within="one"), anna).kind == "unmatched"
    assert outcome(crm(name="Bo Søn", email="anna@hansen.dk", within="one"), anna).kind == "unmatched"
    elsewhere = anna._replace(key="K2", canonical="also anna", within="two")
    assert outcome(crm(name="anna hansen", email="ANNA@hansen.dk", within="one"), elsewhere, anna) == Outcome(
        "link",
        "email_and_name",
        "anna",
        ("anna",),
        {"rung": "email_and_name", "agrees": "anna@hansen.dk anna hansen one"},
    )
