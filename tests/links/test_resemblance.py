"""What makes two parties two, and what makes a person look first: company registers, VAT groups, branches, sisters, bookkeepers, chance."""

from __future__ import annotations

from typing import Any

import pytest

from sync_engine.matching.similarity import (
    Company,
    Party,
    different_company,
    different_numbers,
    doubt,
    likeness,
    official_numbers,
)

HANSEN = Party(
    "erp",
    "E1",
    "one",
    number="10000",
    country="DK",
    name="HANSEN & SØN A/S",
    email="bogholderi@hansen.dk",
    phone="+45 12 34 56 78",
    postcode="8000",
)
ROLES = {"erp": "erp", "crm": "crm", "second": "erp"}


def crm(**said: Any) -> Party:
    """A record of the CRM."""
    return Party("crm", "C1", **said)


def nobody(what: str, value: str) -> bool:
    """No phone or mailbox is shared."""
    return False


def everybody(what: str, value: str) -> bool:
    """Every phone and mailbox is shared."""
    return True


def test_what_a_party_does_not_say_is_not_said() -> None:
    """A source and a key are no claim to anything; least of all is a record blocked that nobody blocked."""
    assert Party("crm", "C1")[2:] == (None,) * 10 + (False, (), None)


@pytest.mark.parametrize(("ours", "theirs", "different"), [
    pytest.param(None, None, True, id="nobody knows"), pytest.param(Company("Nordlys A/S"), None, True, id="one is unknown"),
    pytest.param(None, Company("Nordlys A/S"), True, id="the other is unknown"),
    pytest.param(Company("Nordlys A/S"), Company("NORDLYS AS"), False, id="one name"),
    pytest.param(Company("Nordlys A/S"), Company("Nordlys ApS"), True, id="two forms"),
    pytest.param(Company("A", "DK", "10203058"), Company("B", "DK", "DK10203058"), False, id="one register number, two names"),
    pytest.param(Company("A", "DK", "10203058"), Company("A", "DK", "20304057"), True, id="two register numbers, one name"),
    pytest.param(Company("A", "DK", "10203058", "DK1"), Company("B", "SE", "10203058"), False, id="register numbers are compared bare"),
    pytest.param(Company("A", "DK", None, "DK50607089"), Company("B", "DK", None, "50607089"), False, id="one VAT number"),
    pytest.param(Company("A", "DK", None, "DK50607089"), Company("A", "DK", None, "55555559"), True, id="two VAT numbers"),
    pytest.param(Company("A", "DK", "10203058"), Company("A", "DK", None, "50607089"), False, id="nothing to compare but the name"),
    pytest.param(Company("A", "DK", "DK10203058"), Company("B", "DK", "10203058"), False, id="with a prefix and without"),
    pytest.param(Company("A", "SE", "556036079301"), Company("B", "SE", "5560360793"), False, id="read as their country writes"),
    pytest.param(Company("A", "SE", "5560360793"), Company("B", "SE", "556036079301"), False, id="read as the other's country writes"),
    pytest.param(Company("A", "DK", "10203058"), Company("A", "DK", "10203085"), False, id="a register number, mistyped, one name"),
    pytest.param(Company("A", "DK", "10203085"), Company("A", "DK", "10203058"), False, id="the other's register number, mistyped"),
    pytest.param(Company("A", "GB", None, "GB980780684"), Company("A", "GB", None, "GB980780685"), False, id="a VAT number, mistyped, one name"),
    pytest.param(Company("A", "GB", None, "GB980780685"), Company("A", "GB", None, "GB980780684"), False, id="the other's VAT number, mistyped"),
    pytest.param(Company("A", "DK", "10203085"), Company("B", "DK", "10203085"), False, id="a number that is none, in common"),
    pytest.param(Company(), Company("A"), True, id="no name"), pytest.param(Company("A"), Company(), True, id="no other name"),
])  # fmt: skip
def test_two_erps_are_different_companies_until_proven_the_same(
    ours: Company | None, theirs: Company | None, different: bool
) -> None:
    """By registration number, else by VAT number, else by name; without a word, different."""
    companies = {s: c for s, c in (("erp", ours), ("second", theirs)) if c is not None}
    assert different_company("erp", "second", companies, ROLES) is different


def test_a_crm_belongs_to_whom_it_is_asked_about() -> None:
    """Unless it says whose it is. One source is one company."""
    nordlys, sydlys = Company("Nordlys A/S"), Company("Sydlys A/S")
    assert different_company("erp", "crm", {"erp": nordlys}, ROLES) is False
    assert different_company("crm", "erp", {}, ROLES) is False
    assert different_company("erp", "crm", {"erp": nordlys, "crm": sydlys}, ROLES) is True
    assert different_company("erp", "erp", {"erp": nordlys}, ROLES) is False
    assert different_company("desk", "crm", {}, {}) is False
    assert different_company("second", "second", {}, ROLES) is False


@pytest.mark.parametrize(("ours", "theirs", "why"), [
    pytest.param({"registration_no": "31415926"}, {"registration_no": "27182828"}, "different registration numbers", id="two companies"),
    pytest.param({"registration_no": "31415926"}, {"registration_no": "3141 5926"}, None, id="one company"),
    pytest.param({"registration_no": "31415926", "vat_no": "DK55555559"}, {"registration_no": "27182828", "vat_no": "DK55555559"},
                 "different registration numbers", id="two companies of a VAT group"),
    pytest.param({"registration_no": "31415926", "vat_no": "DK16161616"}, {"registration_no": "31415926", "vat_no": "DK27182828"}, None,
                 id="one company, registered twice for VAT"),
    pytest.param({"vat_no": "DK31415926"}, {"vat_no": "DK27182828"}, "different VAT numbers", id="two VAT numbers"),
    pytest.param({"vat_no": "DK31415926"}, {"vat_no": "SE556036079301"}, None, id="VAT numbers of two countries"),
    pytest.param({"registration_no": "31415926"}, {"vat_no": "DK31415926"}, None, id="a VAT number made of the other's registration number"),
    pytest.param({"registration_no": "31415926"}, {"vat_no": "DK27182828"}, None, id="nothing to compare"),
    pytest.param({"registration_no": "31415926", "vat_no": "DK16161616"}, {"vat_no": "DK31415926"}, None, id="one of two numbers agrees"),
    pytest.param({}, {"vat_no": "DK27182828"}, None, id="only one says something"),
    pytest.param({"registration_no": "31415926"}, {"registration_no": "31415962"}, None, id="a register number, mistyped"),
    pytest.param({"vat_no": "DK31415926"}, {"vat_no": "DK31415962"}, None, id="a VAT number, mistyped"),
    pytest.param({"registration_no": "31415926", "vat_no": "DK31415926"}, {"registration_no": "31415962", "vat_no": "DK27182828"}, "different VAT numbers",
                 id="a register number mistyped, two VAT numbers"),
    pytest.param({"registration_no": "31415962", "vat_no": "DK31415926"}, {"registration_no": "31415962", "vat_no": "DK27182828"}, None,
                 id="a number that is none, in common"),
    pytest.param({"registration_no": "CVR-nr. 31415926"}, {"registration_no": "31415926.0"}, None, id="one number, with a label and from a spreadsheet"),
    pytest.param({"vat_no": "GB980780684"}, {"vat_no": "GB980780685"}, None, id="a British VAT number, mistyped"),
    pytest.param({"vat_no": "GB980780684001"}, {"vat_no": "GB980780684"}, None, id="a British branch"),
    pytest.param({"vat_no": "SE556036079301"}, {"vat_no": "SE556036079302"}, None, id="Swedish branches"),
    pytest.param({"vat_no": "NL123456782B01"}, {"vat_no": "NL123456782B02"}, None, id="Dutch branches"),
    pytest.param({"registration_no": "CHE-101.654.423 HR/MWST"}, {"vat_no": "CHE-101.654.423 TVA"}, None, id="one Swiss company in two languages"),
])  # fmt: skip
def test_what_makes_two_parties_two(ours: dict[str, str], theirs: dict[str, str], why: str | None) -> None:
    """A registration number is one company's; a VAT number may be a group's. Said both ways round."""
    a, b = crm(**ours, country="DK"), Party("erp", "E1", **theirs, country="DK")  # type: ignore[arg-type]
    assert different_numbers(a, b) == different_numbers(b, a) == why


def test_official_numbers_are_read_with_their_country() -> None:
    """Registration number and VAT number, where they say something."""
    assert official_numbers(crm(registration_no="31415926", vat_no="n/a", country="DK")) == {
        "registration": ("DK", "31415926")
    }
    assert official_numbers(crm(registration_no="12345678", vat_no="27182828", country="SE")) == {
        "vat": ("SE", "27182828")
    }
    assert official_numbers(crm()) == {}


CHANCE = "the numbers agree and nothing else does"


@pytest.mark.parametrize("rung", ["number", "external_number"])
@pytest.mark.parametrize(("said", "why"), [
    pytest.param({}, None, id="no name"),
    pytest.param({"name": "Hansen og Soen"}, None, id="the name"),
    pytest.param({"name": "Hansen og Soen AS"}, None, id="the name and its legal form"),
    pytest.param({"name": "Hansen Sonn"}, None, id="the name, mistyped"),
    pytest.param({"name": "Hansen & Søn", "postcode": "2100"}, None, id="the name, moved"),
    pytest.param({"name": "Hansen & Søn", "postcode": "2100", "phone": "12345678"}, None, id="the name, moved with the phone"),
    pytest.param({"name": "Hansen & Søn", "postcode": "2100", "phone": "87654321"}, CHANCE, id="the name, all else differs"),
    pytest.param({"name": "Hansen & Søn", "postcode": "8000", "phone": "87654321", "email": "x@y.dk"}, None, id="the name and the town"),
    pytest.param({"name": "Hansen & Søn", "country": "SE"}, CHANCE, id="the name in another country"),
    pytest.param({"name": "Hansen & Søn", "country": "dk"}, None, id="the country in small letters"),
    pytest.param({"name": "Hansen & Søn", "country": "Sverige"}, CHANCE, id="another country in words"),
    pytest.param({"name": "Hansen & Søn", "country": "Tanska"}, None, id="the country in other words"),
    pytest.param({"name": "Hansen & Søn", "country": "Atlantis"}, None, id="a country that there is not"),
    pytest.param({"name": "Hansen & Søn ApS"}, CHANCE, id="another legal form"),
    pytest.param({"name": "Hansen & Søn ApS", "postcode": "8000"}, None, id="another legal form in the same town"),
    pytest.param({"name": "Hansen"}, CHANCE, id="a part of the name"),
    pytest.param({"name": "Hansen", "postcode": "8000"}, None, id="a part of the name in the same town"),
    pytest.param({"name": "Hansen", "postcode": "2100"}, CHANCE, id="a part of the name in another town"),
    pytest.param({"name": "Hansen", "postcode": "8000", "phone": "87654321"}, CHANCE, id="a part of the name in the same town, another phone"),
    pytest.param({"name": "Hansen ApS", "postcode": "8000"}, CHANCE, id="a part of the name in the same town, another form"),
    pytest.param({"name": "Quite Another", "postcode": "8000"}, CHANCE, id="another name in the same town"),
    pytest.param({"name": "Quite Another"}, CHANCE, id="another name"),
    pytest.param({"name": "Hansem & Son", "postcode": "2100", "phone": "12345679"}, CHANCE, id="the name, mistyped, all else differs"),
    pytest.param({"name": "Hanzem & Son"}, CHANCE, id="the name, mistyped twice"),
    pytest.param({"name": "Quite Another", "phone": "12345678", "country": "SE"}, None, id="another name, the phone"),
    pytest.param({"name": "Quite Another", "email": "ada@hansen.dk"}, None, id="another name, the mail domain"),
    pytest.param({"name": "Quite Another", "registration_no": "31415926"}, None, id="another name, the VAT number"),
])  # fmt: skip
def test_a_number_may_agree_by_chance(rung: str, said: dict[str, Any], why: str | None) -> None:
    """Two systems count from 10000: something else must agree, and the more the less alike the names are."""
    party, known = crm(number="10000", **{"country": "DK", **said}), HANSEN._replace(vat_no="DK31415926")
    assert doubt(rung, party, [known], nobody) == why
    stranger = Party("desk", "T1", "one", name="Somebody Else")
    assert doubt(rung, party, [stranger, known], nobody) == why, "one of its members is enough"


@pytest.mark.parametrize("rung", ["number", "external_number", "registration"])
def test_a_name_that_nobody_wrote_is_no_other_name(rung: str) -> None:
    """A record without a name is believed by its number, on whichever side the name is missing, and however far the town."""
    named, nameless = crm(name="Quite Another ApS", country="SE", postcode="2100"), HANSEN._replace(name=None)
    assert doubt(rung, named, [nameless], nobody) is None
    assert doubt(rung, nameless, [named], nobody) is None


@pytest.mark.parametrize("rung", ["number", "registration", "email_and_name"])
@pytest.mark.parametrize(
    "said",
    [{"name": "Hansen & Søn"}, {"country": None}, {"country": "Danmark"}],
    ids=["form", "country", "country in words"],
)
def test_what_only_one_of_them_writes_is_no_difference(rung: str, said: dict[str, Any]) -> None:
    """A CRM rarely knows the legal form or the country: who leaves it out does not contradict who has it, either way round."""
    full, short = crm(name="HANSEN & SØN A/S", country="DK", email="ada@hansen.dk"), HANSEN._replace(**said)
    assert doubt(rung, full, [short._replace(phone=None, email="bo@hansen.dk")], nobody) is None
    assert doubt(rung, short, [full], nobody) is None
    assert doubt(rung, full._replace(email=None), [short], nobody) is None


def test_a_phone_that_many_have_says_nothing() -> None:
    """The bookkeeper's phone and mail domain; but one that differs still differs, and their own phone is theirs."""
    party = crm(number="10000", name="Quite Another", phone="12345678", email="ada@hansen.dk")
    assert doubt("number", party, [HANSEN], everybody) == CHANCE
    assert (
        doubt("number", party, [HANSEN], lambda what, value: (what, value) == ("phone", "12345678")) is None
    )
    assert (
        doubt("number", party, [HANSEN], lambda what, value: (what, value) == ("email", "hansen.dk")) is None
    )
    assert (
        doubt(
            "number",
            party._replace(email=None),
            [HANSEN],
            lambda what, value: (what, value) == ("phone", "12345678"),
        )
        == CHANCE
    )
    assert (
        doubt(
            "number",
            party._replace(phone=None),
            [HANSEN],
            lambda what, value: (what, value) == ("email", "hansen.dk"),
        )
        == CHANCE
    )
    assert (
        doubt(
            "number",
            party._replace(name="Hansen & Søn", phone="87654321", postcode="2100"),
            [HANSEN],
            everybody,
        )
        == CHANCE
    )


@pytest.mark.parametrize(("ours", "theirs", "is_doubtful"), [
    pytest.param({"name": "Hansen Holding", "vat_no": "DK31415926"}, {}, True, id="another name"),
    pytest.param({"name": "Hansen", "vat_no": "DK31415926"}, {}, True, id="a part of the name"),
    pytest.param({"name": "Hansenn og Soen", "vat_no": "DK31415926"}, {}, False, id="the name, mistyped"),
    pytest.param({"name": "Hansen & Søn ApS", "vat_no": "DK31415926"}, {}, True, id="another legal form"),
    pytest.param({"vat_no": "DK31415926"}, {}, False, id="no name"),
    pytest.param({"name": "Hansen Holding", "vat_no": "DK31415926"}, {"name": None}, False, id="no name there"),
    pytest.param({"name": "Hansen Holding", "registration_no": "27182828"}, {"registration_no": "27182828"}, False, id="one registration number"),
    pytest.param({"name": "Hansen Holding", "registration_no": "31415926"}, {}, True, id="a registration number and a VAT number"),
    pytest.param({"name": "Hansen Holding", "vat_no": "DK31415926"}, {"registration_no": "27182828"}, True, id="a registration number on one side only"),
])  # fmt: skip
def test_a_vat_number_may_be_that_of_a_group(
    ours: dict[str, Any], theirs: dict[str, Any], is_doubtful: bool
) -> None:
    """One VAT number, two names: another company of the group, unless the register says that they are one."""
    known = HANSEN._replace(vat_no="DK31415926", **theirs)
    why = (
        "the VAT number agrees and the names do not, it may be another company of a group"
        if is_doubtful
        else None
    )
    assert doubt("registration", crm(**ours, country="DK"), [known], nobody) == why
    assert (
        doubt("registration", crm(**ours, country="DK"), [HANSEN._replace(name="Müller"), known], nobody)
        == why
    ), "one of its members is enough"


BRANCH, ALONE = (
    "the postcodes differ, it may be another branch",
    "the name and a mail domain agree and nothing else does, it may be another branch",
)


@pytest.mark.parametrize(("said", "why"), [
    pytest.param({}, None, id="name and domain alone"),
    pytest.param({"name": "Hansen & Søn ApS"}, "the names differ in their legal form", id="a sister company"),
    pytest.param({"country": "SE"}, "the countries differ", id="another country"),
    pytest.param({"postcode": "2100"}, BRANCH, id="another town"),
    pytest.param({"postcode": "2100", "phone": "12345678"}, BRANCH, id="another town, the switchboard"),
    pytest.param({"postcode": "2100", "email": "BOGHOLDERI@hansen.dk"}, BRANCH, id="another town, the head office's address"),
    pytest.param({"postcode": "8000", "phone": "87654321"}, None, id="another phone in the same town"),
    pytest.param({"phone": "87654321"}, ALONE, id="another phone"),
    pytest.param({"phone": "87654321", "email": "Bogholderi@HANSEN.dk"}, None, id="another phone, the same address"),
])  # fmt: skip
def test_an_equal_name_and_domain_may_be_a_branch_or_a_sister(said: dict[str, Any], why: str | None) -> None:
    """What else both say decides."""
    party = crm(**{"name": "Hansen & Søn", "email": "ada@hansen.dk", **said})
    assert doubt("email_and_name", party, [HANSEN], nobody) == why
    assert doubt("email_and_name", party, [party, HANSEN], nobody) == why, (
        "doubt about one of its members is doubt"
    )
    assert doubt("email_and_name", party, [Party("desk", "T1", "one"), HANSEN], nobody) == why, (
        "one that says nothing is none"
    )


def test_a_domain_that_many_have_needs_something_more() -> None:
    """A town or a phone of their own, or the very address."""
    party = crm(name="Hansen & Søn", email="ada@hansen.dk")
    shared = [("email", "hansen.dk")]
    assert doubt("email_and_name", party, [HANSEN], lambda *had: had in shared) == ALONE
    assert (
        doubt("email_and_name", party._replace(postcode="8000"), [HANSEN], lambda *had: had in shared) is None
    )
    assert (
        doubt("email_and_name", party._replace(phone="12345678"), [HANSEN], lambda *had: had in shared)
        is None
    )
    assert doubt("email_and_name", party._replace(phone="12345678"), [HANSEN], everybody) == ALONE
    assert doubt("email_and_name", party._replace(email="bogholderi@hansen.dk"), [HANSEN], everybody) is None


def test_an_id_is_not_doubted() -> None:
    """Somebody stored it on purpose."""
    assert doubt("foreign_id", crm(name="Quite Another", country="SE"), [HANSEN], nobody) is None


@pytest.mark.parametrize(("said", "score", "evidence"), [
    pytest.param({"name": "Hansen og Soen", "postcode": "8000", "phone": "12345678"}, 1.0, {"name": 1.0, "postcode": 1.0, "phone": 1.0}, id="all agrees"),
    pytest.param({"name": "Hansen og Soen"}, 0.85, {"name": 1.0}, id="a name alone says little"),
    pytest.param({"name": "Hansen og Soen", "postcode": "2100"}, 0.75, {"name": 1.0, "postcode": 0.0}, id="another town"),
    pytest.param({"name": "Hansen og Soen", "email": "x@hansen.dk", "phone": "87654321"}, 0.8, {"name": 1.0, "phone": 0.0, "email": 1.0}, id="another phone"),
    pytest.param({"name": "Søn Hansen", "postcode": "8000"}, 1.0, {"name": 1.0, "postcode": 1.0}, id="words in another order"),
    pytest.param({"name": "Hansen", "postcode": "8000"}, 0.963, {"name": 0.95, "postcode": 1.0}, id="a word less"),
    pytest.param({"name": "Hansem & Søn", "postcode": "8000"}, 0.925, {"name": 0.9, "postcode": 1.0}, id="mistyped"),
    pytest.param({"name": "Hansemm Sön", "postcode": "2100"}, 0.643, {"name": 0.857, "postcode": 0.0}, id="three figures are enough"),
    pytest.param({"postcode": "8000"}, 0.0, {}, id="no name"),
    pytest.param({"name": "***", "postcode": "8000"}, 0.25, {"name": 0.0, "postcode": 1.0}, id="stars"),
])  # fmt: skip
def test_likeness_is_scored(said: dict[str, Any], score: float, evidence: dict[str, float]) -> None:
    """Between 0 and 1, weighed by what both sides say, and what it was made of; the same both ways round."""
    assert likeness(crm(**said), HANSEN) == likeness(HANSEN, crm(**said)) == (score, evidence)


def test_names_without_letters_are_not_alike() -> None:
    """Stars and exclamation marks name nobody."""
    assert likeness(crm(name="***"), crm(name="!!!")) == (0.0, {"name": 0.0})


@pytest.mark.parametrize(
    ("name", "is_alike"),
    [("abcdefghijklmnopqrst", True), ("abcdefghijklmnopqXYZ", True), ("abcdefghijklmnopWXYZ", False)],
)
def test_names_are_alike_from_85_in_a_hundred(name: str, is_alike: bool) -> None:
    """Three letters of twenty may be mistyped, four are another name."""
    assert (doubt("number", crm(name=name), [crm(name="abcdefghijklmnopqrst")], nobody) is None) is is_alike


def test_branch_12_is_not_branch_13() -> None:
    """Figures in a name are compared whole; a name without any may still be the branch."""
    twelve = crm(name="Hansens Bageri 12")
    assert likeness(twelve, crm(name="Hansens Bageri 13")) == (0.51, {"name": 0.6})
    assert likeness(twelve, crm(name="Hansens Bageri 12")) == (0.85, {"name": 1.0})
    assert likeness(twelve, crm(name="Hansens Bageri"))[0] > 0.8
    assert likeness(crm(name="Hansens Bageri"), twelve)[0] > 0.8
    assert likeness(crm(name="Zoo 1"), crm(name="Hansen 2"))[0] < 0.3
    assert doubt("number", twelve, [crm(name="Hansens Bageri 13")], nobody) == CHANCE
