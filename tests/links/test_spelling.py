"""What is levelled before it is compared: HANSEN & SØN A/S and Hansen og Soen AS, Info@HANSEN.dk and hansen.dk."""

from __future__ import annotations

import pytest

from sync_engine.matching.text import STATES, level_digits, mailbox, name_and_form, plain, postcode_of, words


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
    ("Dubois S.à r.l.", "dubois", {"sarl"}), ("Dubois S. à r.l.", "dubois", {"sarl"}), ("Dubois S.à.r.l.", "dubois", {"sarl"}),
    ("Krause e.K.", "krause", {"ek"}), ("Krause e. K.", "krause", {"ek"}), ("Krause e. Kfr.", "krause", {"ek"}), ("Krause e.Kfm.", "krause", {"ek"}),
    ("K/S Havneparken", "havneparken", {"ks"}), ("Karhu Abp", "karhu", {"oyj"}), ("Karhu Oyj Abp", "karhu", {"oyj"}), ("Volvo AB (publ)", "volvo", {"ab"}),
    ("Hansen ApS i likvidation", "hansen", {"aps"}), ("HANSEN & SØN A/S under konkurs", "hansen son", {"as"}), ("Müller GmbH i.L.", "muller", {"gmbh"}),
    ("Hansen A/S under tvangsopløsning", "hansen", {"as"}), ("Hansen A/S under frivillig likvidation", "hansen", {"as"}), ("Under Bro", "under bro", set()),
    ("S.à r.l. Dubois", "dubois", {"sarl"}), ("Sp. z o.o. Nowak", "nowak", {"spzoo"}), ("I/S Brdr. Hansen", "brdr hansen", {"is"}),
    ("P/S Havneparken", "havneparken", {"ps"}), ("ApS af 1. maj", "af 1 maj", {"aps"}), ("Is og Kaffe", "is kaffe", set()), ("I/S", "is", set()),
    ("E. K. Hansen", "k hansen", set()), ("S.à r.l.", "", {"sarl"}), ("Hansen A/S (konkurs)", "hansen", {"as"}),
    ("Dubois SAS en liquidation judiciaire", "dubois", {"sas"}), ("Nowak Sp. z o.o. w likwidacji", "nowak", {"spzoo"}),
    ("***", "", set()), ("", "", set()), ("Hansen ApS ApS", "hansen", {"aps"}), ("Kaffe og", "kaffe", set()),
])  # fmt: skip
def test_the_legal_form_is_told_apart_from_the_name(name: str, levelled: str, form: set[str]) -> None:
    """In front or behind, short or spelled out; words that say nothing fall away, unless there is no other."""
    assert name_and_form(name) == (levelled, frozenset(form))


@pytest.mark.parametrize(("email", "box"), [
    (" Info@HANSEN.dk ", "hansen.dk"), ("Ada@GMAIL.com", "ada@gmail.com"), ("ada@mail.hansen.dk", "mail.hansen.dk"), ("a@b@hansen.dk", "hansen.dk"),
    ("@hansen.dk", None), ("hansen.dk", None), ("root@localhost", None), ("", None), (None, None),
])  # fmt: skip
def test_a_mailbox_is_a_domain_or_an_address_at_a_provider(email: str | None, box: str | None) -> None:
    """Colleagues share it, strangers do not."""
    assert mailbox(email) == box


@pytest.mark.parametrize(("text", "levelled"), [
    ("+45 12 34", "+45 12 34"), ("４５−１２", "45−12"), ("٠١٢٣٤٥", "012345"), ("१२", "12"), ("Fåborg é1", "Faborg e1"), ("²", "2"), ("", ""),
])  # fmt: skip
def test_digits_are_levelled(text: str, levelled: str) -> None:
    """Digits of any script and width are plain ones; letters lose their accents and keep their case."""
    assert level_digits(text) == levelled


def test_human_numbers_and_postcodes() -> None:
    """Trimmed and levelled; leading zeros of a debtor number tell something."""
    assert [plain(n) for n in (" K-0010 ", "Straße", "  ", "", None)] == [
        "k-0010",
        "strasse",
        None,
        None,
        None,
    ]
    assert [postcode_of(p) for p in ("8000", " sw1a 1aa", "D-20095", "-", "", None)] == [
        "8000",
        "SW1A1AA",
        "D20095",
        None,
        None,
        None,
    ]


def test_what_becomes_of_a_company_is_written_as_names_are_levelled() -> None:
    """A phrase that the levelling would spell otherwise could never be found at the end of a name."""
    assert [state for state in STATES if words(" ".join(state)) != state] == []
    assert all(
        name_and_form(f"Hansen ApS {' '.join(state)}") == ("hansen", frozenset({"aps"})) for state in STATES
    )
