"""The ladder as pure functions: what is levelled, what agrees, what forbids, what is left to people, and that order does not matter."""

from __future__ import annotations

import random
from typing import Any

import pytest

from sync_engine.matching import (
    Circumstances,
    Company,
    Known,
    Outcome,
    Party,
    climb,
    different_company,
    likeness,
    name_and_form,
    official_number,
    phone_digits,
    suggest,
)

HANSEN = Party("erp", "E1", "one", number="10000", registration_no="31415926", vat_no="DK31415926", country="DK", name="HANSEN & SØN A/S",
               email="bogholderi@hansen.dk", phone="+45 12 34 56 78", postcode="8000")  # fmt: skip
ROLES = {"erp": "erp", "crm": "crm", "second": "erp"}


def crm(key: str = "C1", **said: Any) -> Party:
    """A record of the CRM without a link."""
    return Party("crm", key, **said)


def outcome(party: Party, *known: Party, circumstances: Circumstances | None = None) -> Outcome:
    """What becomes of one record."""
    return climb([party], Known(known or (HANSEN,)), circumstances or Circumstances(roles=ROLES))[party.key]


@pytest.mark.parametrize(("name", "levelled", "form"), [
    ("HANSEN & SØN A/S", "hansen son", {"as"}), ("Hansen og Soen AS", "hansen son", {"as"}), ("Müller GmbH & Co. KG", "muller", {"gmbh", "kg"}),
    ("Mueller Gmbh", "muller", {"gmbh"}), ("AB Volvo", "volvo", {"ab"}), ("Nowak sp. z o.o.", "nowak", {"spzoo"}), ("L'Oréal S.A.", "loreal", {"sa"}),
    ("Ltd", "ltd", set()), ("Weiß Papier", "weiss papier", set()), ("Acme Incorporated", "acme", {"inc"}), ("The Company", "the", set()),
])  # fmt: skip
def test_names_are_levelled(name: str, levelled: str, form: set[str]) -> None:
    """Case, accents, umlauts, connectors and the legal form are told apart from the name."""
    assert name_and_form(name) == (levelled, frozenset(form))


@pytest.mark.parametrize(("number", "country", "found"), [
    ("DK 31 41 59 26", None, ("DK", "31415926")), ("31415926", "DK", ("DK", "31415926")), ("CHE-123.456.788 MWST", None, ("CH", "123456788")),
    ("NO 999 888 777 MVA", "NO", ("NO", "999888777")), ("EL094259216", "GR", ("GR", "94259216")), ("01234589", "GB", ("GB", "1234589")),
    ("31415926", None, (None, "31415926")),
    ("00000000", "DK", None), ("12345678", "DK", None), ("n/a", "DK", None), ("", "DK", None), (None, "DK", None), ("99999999", "DK", None),
])  # fmt: skip
def test_official_numbers_are_levelled(number: str | None, country: str | None, found: tuple[str | None, str] | None) -> None:
    """Prefixes, suffixes, points and leading zeros fall away; what identifies nobody is no number."""
    assert official_number(number, country) == found


@pytest.mark.parametrize(
    ("phone", "digits"), [("+45 12 34 56 78", "12345678"), ("0045-12345678", "12345678"), ("12345678", "12345678"), ("11111111", None), ("123", None)]
)
def test_phones_are_compared_by_their_end(phone: str, digits: str | None) -> None:
    """Country codes are written as people please."""
    assert phone_digits(phone) == digits


@pytest.mark.parametrize(("said", "rung"), [
    pytest.param({"foreign": (("erp", "E1"),), "name": "anything"}, "foreign_id", id="the other side's id"),
    pytest.param({"number": " 10000 ", "name": "Hansen & Soen"}, "number", id="number, name alike"),
    pytest.param({"number": "10000"}, "number", id="number, no name"),
    pytest.param({"number": "10000", "name": "Trading name", "phone": "12345678"}, "number", id="number, phone agrees"),
    pytest.param({"external_number": "10000", "name": "Hansen Søn"}, "external_number", id="external number"),
    pytest.param({"vat_no": "DK-31 41 59 26", "name": "somebody"}, "registration", id="a VAT number is a registration number"),
    pytest.param({"email": "info@HANSEN.dk", "name": "Hansen og Søn"}, "email_and_name", id="domain and name"),
])  # fmt: skip
def test_one_hit_links(said: dict[str, Any], rung: str) -> None:
    """Each rung, with its evidence and confidence."""
    found = outcome(crm(**said))
    assert (found.kind, found.rung, found.canonical) == ("link", rung, "one")
    assert found.evidence["agrees"]
    assert found.confidence is not None


def test_an_id_stored_on_the_other_side_links_too() -> None:
    """The ERP's record carries the CRM's id."""
    assert outcome(crm(key="C7"), HANSEN._replace(foreign=(("crm", "C7"),))).rung == "foreign_id"


@pytest.mark.parametrize(("said", "why"), [
    pytest.param({"number": "10000", "name": "Somebody Else Ltd"}, "nothing else does", id="a number and another name"),
    pytest.param({"email": "a@hansen.dk", "name": "Hansen & Søn ApS"}, "legal form", id="another legal form"),
    pytest.param({"email": "a@hansen.dk", "name": "Hansen & Søn", "country": "SE"}, "countries differ", id="another country"),
    pytest.param({"email": "a@hansen.dk", "name": "Hansen & Søn", "postcode": "2100"}, "another branch", id="another branch"),
])  # fmt: skip
def test_a_doubtful_hit_is_for_a_person(said: dict[str, Any], why: str) -> None:
    """One candidate, listed, not linked."""
    found = outcome(crm(**said))
    assert (found.kind, found.candidates) == ("ambiguous", ("one",))
    assert why in found.evidence["why"]


def test_several_hits_end_the_climb() -> None:
    """Two debtors of one number: ambiguous, and the e-mail that would decide is not asked."""
    other = HANSEN._replace(key="E2", canonical="two", email="x@other.dk", name="Other")
    found = outcome(crm(vat_no="DK31415926", email="a@hansen.dk", name="Hansen & Søn"), HANSEN, other)
    assert (found.kind, found.rung, found.candidates) == ("ambiguous", "registration", ("one", "two"))


@pytest.mark.parametrize(("said", "changes", "why"), [
    pytest.param({"number": "10000", "registration_no": "27182818", "country": "DK"}, {}, "different registration numbers", id="registration numbers"),
    pytest.param({"number": "10000", "vat_no": "DK27182818"}, {}, "different VAT numbers", id="VAT numbers of one country"),
    pytest.param({"number": "10000", "is_blocked": True}, {}, "blocked", id="blocked"),
    pytest.param({"number": "10000"}, {"negative": {("C1", "one")}}, "a person said", id="a negative link"),
    pytest.param({"number": "10000"}, {"taken": {"one"}}, "another record of this source", id="taken"),
    pytest.param({"number": "10000"}, {"companies": {"erp": Company("Nordlys A/S"), "crm": Company("Sydlys A/S")}}, "another company", id="another company"),
])  # fmt: skip
def test_a_veto_is_no_hit_and_is_told(said: dict[str, Any], changes: dict[str, Any], why: str) -> None:
    """The record stays unmatched, and what spoke against the link is kept."""
    found = outcome(crm(**said), circumstances=Circumstances(roles=ROLES, **changes))
    assert found.kind == "unmatched"
    assert why in found.vetoed["one"]


def test_a_duplicate_beside_a_taken_one_is_ambiguous() -> None:
    """Two ERP accounts of one company, one of them linked: the CRM's second record may mean either."""
    twin = HANSEN._replace(key="E2", canonical="two", number="10001")
    found = outcome(crm(registration_no="31415926", country="DK"), HANSEN, twin, circumstances=Circumstances(roles=ROLES, taken={"one"}))
    assert (found.kind, found.candidates) == ("ambiguous", ("one", "two"))


@pytest.mark.parametrize(("ours", "theirs", "different"), [
    (None, None, True), (Company("Nordlys A/S"), None, True), (Company("Nordlys A/S"), Company("NORDLYS AS"), False),
    (Company("Nordlys A/S"), Company("Nordlys ApS"), True),
    (Company("A", "DK", "10203040"), Company("B", "DK", "DK10203040"), False), (Company("A", "DK", "10203040"), Company("A", "DK", "10203041"), True),
])  # fmt: skip
def test_two_erps_are_different_companies_until_proven_the_same(ours: Company | None, theirs: Company | None, different: bool) -> None:
    """By registration number, else by name; without a word, different. A CRM belongs to whom it is asked about."""
    companies = {s: c for s, c in (("erp", ours), ("second", theirs)) if c is not None}
    assert different_company("erp", "second", companies, ROLES) is different
    assert different_company("erp", "crm", companies, ROLES) is False


def test_the_stronger_rung_wins_and_order_does_not_matter() -> None:
    """One record has the number, another only the domain: the number takes it, in whatever order they come. Equals are ambiguous, both."""
    strong, weak = crm("Z9", number="10000", name="Hansen & Søn"), crm("A1", email="a@hansen.dk", name="Hansen & Søn")
    equals = [crm("B1", vat_no="DK31415926"), crm("B2", vat_no="DK31415926")]
    for parties in ([strong, weak], [weak, strong]):
        found = climb(parties, Known([HANSEN]), Circumstances(roles=ROLES))
        assert (found["Z9"].kind, found["A1"].kind) == ("link", "unmatched")
    found = climb(equals, Known([HANSEN]), Circumstances(roles=ROLES))
    assert {o.kind for o in found.values()} == {"ambiguous"}
    assert "2 records of crm" in found["B1"].evidence["why"]


def test_any_order_of_records_and_candidates_gives_the_same() -> None:
    """A hundred shuffles of a small crowd."""
    rng = random.Random(1)
    known = [
        HANSEN._replace(key=f"E{n}", canonical=f"c{n}", number=f"{n % 7}", name=f"Firm {n % 5}", email=f"a@firm{n % 4}.dk", registration_no=None, vat_no=None)
        for n in range(12)
    ]
    parties = [crm(f"C{n}", number=f"{n % 9}", name=f"Firm {n % 5}", email=f"b@firm{n % 4}.dk") for n in range(12)]
    expected = climb(parties, Known(known), Circumstances(roles=ROLES))
    for _ in range(100):
        rng.shuffle(known)
        rng.shuffle(parties)
        assert climb(parties, Known(known), Circumstances(roles=ROLES)) == expected


def test_rungs_are_configuration() -> None:
    """A source whose numbers mean nothing leaves them out."""
    found = climb([crm(number="10000", name="Hansen & Søn")], Known([HANSEN]), Circumstances(roles=ROLES), ("registration",))
    assert found["C1"].kind == "unmatched"


def test_contacts_match_inside_one_debtor_by_whole_address() -> None:
    """The same mailbox at another debtor, or a colleague of the same domain, is somebody else."""
    anna = Party("erp", "K1", "anna", name="Anna Hansen", email="anna@hansen.dk", within="one")
    assert outcome(crm(name="anna hansen", email="ANNA@hansen.dk", within="one"), anna).kind == "link"
    assert outcome(crm(name="anna hansen", email="ANNA@hansen.dk", within="two"), anna).kind == "unmatched"
    assert outcome(crm(name="anna hansen", email="info@hansen.dk", within="one"), anna).kind == "unmatched"


def test_suggestions_are_scored_and_never_vetoed_ones() -> None:
    """Name, postcode and phone weigh in; a name alone says little; what a person separated is not suggested."""
    party = crm(name="Hansen og Soen", postcode="8000", phone="12345678")
    score, evidence = likeness(party, HANSEN)
    assert score > 0.95
    assert set(evidence) == {"name", "postcode", "phone"}
    assert likeness(crm(name="Hansen og Soen"), HANSEN)[0] == pytest.approx(0.85)
    assert likeness(crm(name="Branch 12"), HANSEN._replace(name="Branch 13"))[0] < 0.7
    assert [s.canonical for s in suggest([party], Known([HANSEN]), Circumstances(roles=ROLES))] == ["one"]
    assert suggest([party], Known([HANSEN]), Circumstances(roles=ROLES, negative={("C1", "one")})) == []
