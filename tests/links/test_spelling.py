"""What is levelled before it is compared: HANSEN & SØN A/S and Hansen og Soen AS, DK 31 41 59 26 and 31415926, +45 and 0045."""

from __future__ import annotations

import pytest

from sync_engine.matching.text import country_of, mailbox, name_and_form, official_number, phone_digits, plain, postcode_of, words


@pytest.mark.parametrize(("text", "levelled"), [
    ("Søren Ærø", ("soren", "aro")), ("Soeren Aeroe", ("soren", "aro")), ("Ångström", ("angstrom",)), ("AAngstroem", ("angstrom",)),
    ("Müller-Lüdenscheidt", ("muller", "ludenscheidt")), ("Mueller", ("muller",)), ("Weiß & Söhne", ("weiss", "sohne")), ("L'Oréal", ("loreal",)),
    ("d’Or `x´", ("dor", "x")), ("Łódź Œuvre", ("lodz", "ouvre")), ("Đorđe Ðórr Þór", ("dorde", "dorr", "thor")), ("ılıman", ("iliman",)),
    ("A/S Nr. 5_7", ("as", "nr", "5", "7")), ("Газпром", ("газпром",)), ("東京", ("東京",)), ("---", ()), ("", ()), ("J. Hansen", ("j", "hansen")),
])  # fmt: skip
def test_letters_are_levelled(text: str, levelled: tuple[str, ...]) -> None:
    """Case, accents, points and the spelling of umlauts; letters that Latin does not know stay."""
    assert words(text) == levelled


@pytest.mark.parametrize(("name", "levelled", "form"), [
    ("HANSEN & SØN A/S", "hansen son", {"as"}), ("Hansen og Soen AS", "hansen son", {"as"}), ("Müller GmbH & Co. KG", "muller", {"gmbh", "kg"}),
    ("Mueller Gmbh", "muller", {"gmbh"}), ("AB Volvo", "volvo", {"ab"}), ("Oy Karhu Ab", "karhu", {"oy", "ab"}), ("Nowak sp. z o.o.", "nowak", {"spzoo"}),
    ("L'Oréal S.A.", "loreal", {"sa"}), ("Ltd", "ltd", set()), ("AB", "ab", set()), ("Weiß Papier", "weiss papier", set()),
    ("Acme Incorporated", "acme", {"inc"}), ("Acme Limited", "acme", {"ltd"}), ("Hansen Aktieselskab", "hansen", {"as"}),
    ("The Company", "the", set()), ("Smith and Sons Ltd", "smith sons", {"ltd"}), ("Co & Co", "co", set()), ("And Company", "and", set()),
    ("Dubois et Fils SARL", "dubois fils", {"sarl"}), ("Se AG", "se", {"ag"}), ("Sp. z o.o.", "", {"spzoo"}), ("ab sp z oo", "", {"spzoo"}),
    ("***", "", set()), ("", "", set()), ("Hansen ApS ApS", "hansen", {"aps"}), ("Kaffe og", "kaffe", set()),
])  # fmt: skip
def test_the_legal_form_is_told_apart_from_the_name(name: str, levelled: str, form: set[str]) -> None:
    """In front or behind, short or spelled out; words that say nothing fall away, unless there is no other."""
    assert name_and_form(name) == (levelled, frozenset(form))


@pytest.mark.parametrize(("number", "country", "found"), [
    ("DK 31 41 59 26", None, ("DK", "31415926")), ("31415926", "DK", ("DK", "31415926")), ("31415926", "dk", ("DK", "31415926")),
    ("dk31415926", "SE", ("DK", "31415926")), ("31415926", None, (None, "31415926")), ("31415926", "Denmark", (None, "31415926")),
    ("CHE-123.456.788 MWST", None, ("CH", "123456788")), ("CHE-123.456.788", "DE", ("CH", "123456788")), ("CHEMIE 31415", "DE", ("DE", "CHEMIE31415")),
    ("NO 999 888 777 MVA", "NO", ("NO", "999888777")),
    ("FR-TVA 987654320 TVA", None, (None, "FRTVA987654320")), ("IT12345670017IVA", None, ("IT", "12345670017")),
    ("GB 314159265 VAT", None, ("GB", "314159265")), ("XI314159265", None, ("GB", "314159265")), ("EL094259216", "GR", ("GR", "94259216")),
    ("ATU31415926", None, ("AT", "U31415926")), ("ESB31415926", None, ("ES", "B31415926")), ("01234589", "GB", ("GB", "1234589")),
    ("DELTA 31415", "DK", ("DK", "DELTA31415")), ("SE556036079301", None, ("SE", "5560360793")), ("556036-0793", "SE", ("SE", "5560360793")),
    ("556036079302", "SE", ("SE", "556036079302")), ("FR 83 404 833 048", None, ("FR", "404833048")), ("404 833 048 00022", "FR", ("FR", "404833048")),
    ("404833048", "FR", ("FR", "404833048")), ("FN 123456a", "AT", ("AT", "FN123456A")), ("Hamburg HRB 31415", "DE", ("DE", "HAMBURGHRB31415")),
    ("31415", "DK", ("DK", "31415")), ("X1234567L", "ES", ("ES", "X1234567L")), ("27272722", "DK", ("DK", "27272722")),
    ("HRB 31415", "DE", None), ("HRA 31415 B", "DE", None), ("GnR 31415", None, None), ("VR 314159", None, None), ("PR 31415", "DE", None),
    ("3141", "DK", None), ("00000000", "DK", None), ("12345678", "DK", None), ("0123456789", "DK", None), ("n/a", "DK", None), ("", "DK", None),
    (None, "DK", None), ("99999999", "DK", None), ("DK", None, None),
])  # fmt: skip
def test_official_numbers_are_levelled(number: str | None, country: str | None, found: tuple[str | None, str] | None) -> None:
    """Prefixes, suffixes, points and leading zeros fall away; what identifies nobody, or somebody at one court only, is no number."""
    assert official_number(number, country) == found


@pytest.mark.parametrize(("phone", "digits"), [
    ("+45 12 34 56 78", "12345678"), ("0045-12345678", "12345678"), ("12345678", "12345678"), ("(030) 314 15", "03031415"), ("3141592", "3141592"),
    ("314159", None), ("1122112", None), ("1123112", "1123112"), ("11111111", None), ("", None), (None, None),
])  # fmt: skip
def test_phones_are_compared_by_their_end(phone: str | None, digits: str | None) -> None:
    """Country codes are written as people please; a number of two digits only is none."""
    assert phone_digits(phone) == digits


@pytest.mark.parametrize(("email", "box"), [
    (" Info@HANSEN.dk ", "hansen.dk"), ("Ada@GMAIL.com", "ada@gmail.com"), ("ada@mail.hansen.dk", "mail.hansen.dk"), ("a@b@hansen.dk", "hansen.dk"),
    ("@hansen.dk", None), ("hansen.dk", None), ("root@localhost", None), ("", None), (None, None),
])  # fmt: skip
def test_a_mailbox_is_a_domain_or_an_address_at_a_provider(email: str | None, box: str | None) -> None:
    """Colleagues share it, strangers do not."""
    assert mailbox(email) == box


def test_a_country_is_two_letters() -> None:
    """In capitals; one written out in words is not compared with one that is not."""
    assert [country_of(c) for c in ("DK", "dk", "Danmark", "D", "", None)] == ["DK", "DK", None, None, None, None]


def test_human_numbers_and_postcodes() -> None:
    """Trimmed and levelled; leading zeros of a debtor number tell something."""
    assert [plain(n) for n in (" K-0010 ", "Straße", "  ", "", None)] == ["k-0010", "strasse", None, None, None]
    assert [postcode_of(p) for p in ("8000", " sw1a 1aa", "D-20095", "-", "", None)] == ["8000", "SW1A1AA", "D20095", None, None, None]
