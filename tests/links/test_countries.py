"""Countries as people write them, in the languages of the systems that are read."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sync_engine.canonical.countries import country_of, is_country, names


@pytest.mark.parametrize(("text", "code"), [
    ("DK", "DK"), ("dk", "DK"), (" dk ", "DK"), ("Denmark", "DK"), ("DANMARK", "DK"), ("Dänemark", "DK"), ("Daenemark", "DK"), ("Danemark", "DK"),
    ("Tanska", "DK"), ("Denemarken", "DK"), ("DNK", "DK"), ("Sverige", "SE"), ("Ruotsi", "SE"), ("Norge", "NO"), ("Deutschland", "DE"), ("Schweiz", "CH"),
    ("Suisse", "CH"), ("Sveits", "CH"), ("Österreich", "AT"), ("Oesterreich", "AT"),
    ("Türkei", "TR"), ("Turkei", "TR"), ("Kingdom of Denmark", "DK"), ("Bolivia", "BO"),
    ("Turkey", "TR"), ("Côte d'Ivoire", "CI"),
    ("The Netherlands", "NL"), ("Holland", "NL"), ("Storbritannien", "GB"), ("UK", "GB"), ("uk", "GB"), ("U.K.", "GB"), ("U.S.A.", "US"), ("U S A", "US"),
    ("EL", "GR"), ("XI", "GB"), ("Kosovo", "XK"), ("Færøerne", "FO"), ("Łotwa", None), ("D", None), ("Nowhere", None), ("?!", None), ("", None), (None, None),
    ("D.K.", None), ("12", None), ("ÆØ", None), ("ZZ", "ZZ"),
])  # fmt: skip
def test_a_country_is_understood(text: str | None, code: str | None) -> None:
    """By its letters or its name; what names none is not guessed, and two letters are a system's own code."""
    assert country_of(text) == code


def test_no_name_is_that_of_two_countries() -> None:
    """In whatever language it is said: a name that two have in two languages could not be understood."""
    said: dict[str, set[str]] = {}
    for name, code in names():
        said.setdefault(name.casefold(), set()).add(code)
    assert {name: codes for name, codes in said.items() if len(codes) > 1} == {}
    assert [name for name, code in names() if country_of(name) != code] == []


def test_letters_are_those_of_a_country_there_is() -> None:
    """Kosovo's are in use though no standard has them."""
    assert [is_country(code) for code in ("DK", "XK", "ZZ", "UK")] == [True, True, False, False]


STARTING = """
import sys
from sync_engine.matching import ladder
from sync_engine.canonical.countries import country_of
from sync_engine.matching.phones import phone_digits
country_of("DK"), country_of(None), phone_digits("12 34 56 78")
print([name for name in ("pycountry", "phonenumbers", "stdnum", "rapidfuzz") if name in sys.modules])
"""


def test_the_list_is_read_when_it_is_needed() -> None:
    """Two letters and a plain number cost no list: who starts the engine does not pay for the names and phones of the world, nor for likeness."""
    found = subprocess.run(
        [sys.executable, "-c", STARTING], check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert found.stdout.strip() == "[]"
