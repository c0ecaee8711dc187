"""Registration and VAT numbers as people and systems write them: DK 31 41 59 26, CVR 12345674, CHE-123.456.788 HR/MWST, 12345674.0."""

from __future__ import annotations

import pytest

from sync_engine.matching.company_numbers import CHECKED, CHECKED_VAT, Kind, is_sound, official_number


@pytest.mark.parametrize(("number", "country", "found"), [
    ("DK 31 41 59 26", None, ("DK", "31415926")), ("31415926", "DK", ("DK", "31415926")), ("31415926", "dk", ("DK", "31415926")),
    ("dk31415926", "SE", ("DK", "31415926")), ("31415926", None, (None, "31415926")), ("31415926", "Denmark", ("DK", "31415926")),
    ("CHE-123.456.788 MWST", None, ("CH", "123456788")), ("CHE-123.456.788", "DE", ("CH", "123456788")), ("CHEMIE 31415", "DE", ("DE", "CHEMIE31415")),
    ("NO 999 888 777 MVA", "NO", ("NO", "999888777")),
    ("FR-TVA 987654320 TVA", None, (None, "FRTVA987654320")), ("IT12345670017IVA", None, ("IT", "12345670017")),
    ("GB 314159265 VAT", None, ("GB", "314159265")), ("XI314159265", None, ("GB", "314159265")), ("EL094259216", "GR", ("GR", "94259216")),
    ("ATU31415926", None, ("AT", "U31415926")), ("ESB31415926", None, ("ES", "B31415926")), ("01234589", "GB", ("GB", "1234589")),
    ("DELTA 31415", "DK", ("DK", "DELTA31415")), ("SE556036079301", None, ("SE", "5560360793")), ("556036-0793", "SE", ("SE", "5560360793")),
    ("556036079302", "SE", ("SE", "5560360793")), ("FR 83 404 833 048", None, ("FR", "404833048")), ("404 833 048 00022", "FR", ("FR", "404833048")),
    ("404833048", "FR", ("FR", "404833048")), ("FN 123456a", "AT", ("AT", "FN123456A")), ("Hamburg HRB 31415", "DE", ("DE", "HAMBURGHRB31415")),
    ("31415", "DK", ("DK", "31415")), ("X1234567L", "ES", ("ES", "X1234567L")), ("27272722", "DK", ("DK", "27272722")),
    ("HRB 31415", "DE", None), ("HRA 31415 B", "DE", None), ("GnR 31415", None, None), ("VR 314159", None, None), ("PR 31415", "DE", None),
    ("EIN 12-3456780", "US", ("US", "123456780")), ("ABN 83 914 571 673", "AU", ("AU", "83914571673")), ("IČO: 25596641", "CZ", ("CZ", "25596641")),
    ("１２３４５６７４", "DK", ("DK", "12345674")), ("CVR ١٢٣٤٥٦٧٤", "DK", ("DK", "12345674")),
    ("CVR 12345674", "DK", ("DK", "12345674")), ("CVR-nr. 12345674", "DK", ("DK", "12345674")), ("CVRnr12345674", "DK", ("DK", "12345674")),
    ("12345674.0", "DK", ("DK", "12345674")), (" 12345674.0 ", "DK", ("DK", "12345674")), ("0123.456.749", "BE", ("BE", "123456749")),
    ("Org.nr 556036-0793", "SE", ("SE", "5560360793")), ("165560360793", "SE", ("SE", "5560360793")), ("161212121201", "SE", ("SE", "1612121212")),
    ("CHE-123.456.788 HR/MWST", None, ("CH", "123456788")), ("CHE-123.456.788 TVA", None, ("CH", "123456788")),
    ("NO 999 888 777 MVA Foretaksregisteret", None, ("NO", "999888777")), ("999888777MVA", "NO", ("NO", "999888777")),
    ("NO 999888777MVA", None, ("NO", "999888777")), ("No. 31415926", "DK", ("DK", "31415926")), ("No. DK31415926", None, ("DK", "31415926")),
    ("BTW BE 0123.456.749", None, ("BE", "123456749")), ("VATBE0123456749", None, ("BE", "123456749")), ("USt-IdNr. DE136695976", None, ("DE", "136695976")),
    ("SE 12345674", "DK", ("DK", "12345674")), ("SE12345674", None, ("DK", "12345674")), ("SE-nr. 12345674", "DK", ("DK", "12345674")),
    ("SE12345674", "SE", ("SE", "12345674")), ("GB 314 1592 65 001", None, ("GB", "314159265")), ("NL123456782B01", None, ("NL", "123456782")),
    ("NL123456782B02", None, ("NL", "123456782")), ("P.IVA 00743110157", "IT", ("IT", "743110157")), ("P IVA 00743110157", "IT", ("IT", "743110157")),
    ("N° TVA FR 83 404 833 048", None, ("FR", "404833048")), ("SIRET 404 833 048 00022", "FR", ("FR", "404833048")),
    ("Y-tunnus 2077474-0", "FI", ("FI", "20774740")), ("HR 12345678903", None, ("HR", "12345678903")), ("VAT 999888777", "NO", ("NO", "999888777")),
    ("Moms", "DK", None), ("MVA", None, None),
    ("3141", "DK", None), ("00000000", "DK", None), ("12345678", "DK", None), ("0123456789", "DK", None), ("n/a", "DK", None), ("", "DK", None),
    (None, "DK", None), ("99999999", "DK", None), ("DK", None, None),
])  # fmt: skip
def test_official_numbers_are_levelled(
    number: str | None, country: str | None, found: tuple[str | None, str] | None
) -> None:
    """Prefixes, suffixes, points and leading zeros fall away; what identifies nobody, or somebody at one court only, is no number."""
    assert official_number(number, country) == found


@pytest.mark.parametrize(("where", "bare", "mistyped"), [
    ("BE", "100001258", "100001259"), ("CH", "10001248", "10001249"), ("DK", "12345674", "12345675"), ("FI", "1001240", "1001241"),
    ("FR", "10001238", "10001239"), ("NO", "10001234", "10001235"), ("SE", "100001239", "100001238"),
])  # fmt: skip
def test_a_companys_one_number_is_sound_by_its_check_digits(where: str, bare: str, mistyped: str) -> None:
    """As its country makes them, with the zeros in front that levelling took away; register and VAT alike."""
    kinds: tuple[Kind, ...] = ("registration", "vat")
    assert [is_sound(kind, where, number) for kind in kinds for number in (bare, mistyped)] == [
        True,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(("where", "bare", "mistyped"), [
    ("AT", "U13585627", "U13585628"), ("DE", "136695976", "136695977"), ("ES", "A13585625", "A13585626"), ("GB", "10001283", "10001284"),
    ("GR", "10001237", "10001238"), ("IT", "743110157", "743110158"), ("LU", "1001244", "1001245"), ("PL", "100001246", "100001247"),
    ("PT", "501964843", "501964844"),
])  # fmt: skip
def test_a_vat_number_is_sound_where_a_register_number_is_believed(
    where: str, bare: str, mistyped: str
) -> None:
    """A register number there may be of a kind that nobody describes."""
    assert [is_sound("vat", where, number) for number in (bare, mistyped)] == [True, False]
    assert is_sound("registration", where, mistyped)


@pytest.mark.parametrize("where", ["LI", "ZZ", None])
def test_what_nobody_can_check_is_believed(where: str | None) -> None:
    """Also a number whose country nobody knows."""
    assert is_sound("vat", where, "31415")
    assert is_sound("registration", where, "31415")


def test_every_country_that_is_checked_is_tried_above() -> None:
    """A module that the library does not have would stop a run at the first two numbers that differ."""
    assert (set(CHECKED), set(CHECKED_VAT)) == (
        {"BE", "CH", "DK", "FI", "FR", "NO", "SE"},
        {"AT", "DE", "ES", "GB", "GR", "IT", "LU", "PL", "PT"},
    )
