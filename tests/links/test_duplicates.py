"""Duplicates inside one source: pairs that agree in what identifies a company, pairs that are alike, and none that differ officially."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest

from sync_engine.errors import ConfigurationError
from sync_engine.matching.duplicates import duplicates
from sync_engine.matching.similarity import Party
from sync_engine.ops.decisions import links
from sync_engine.ops.decisions.duplicates import find_duplicates, write_merges
from sync_engine.ops.decisions.plan import apply
from tests.links.support import World, three_sources

NORDLYS = Party("erp", "1", number="10000", registration_no="12345674", country="DK", name="Nordlys A/S", email="post@nordlys.dk", postcode="2100")  # fmt: skip


def found(*parties: Party) -> list[tuple[str, str, str]]:
    """Pairs, and what they were found by."""
    return [(d.first, d.second, next(iter(d.evidence))) for d in duplicates(parties)]


def test_an_official_number_makes_two_one() -> None:
    """However it is written, and whatever the names are."""
    other = NORDLYS._replace(key="2", number="10001", registration_no="CVR 12 34 56 74", name="NORDLYS DANMARK", email=None, postcode=None)  # fmt: skip
    assert found(NORDLYS, other) == [("1", "2", "registration")]


def test_mail_domain_and_name_make_two_one() -> None:
    """The legal form does not count, the domain does."""
    other = Party("erp", "2", number="77", name="Nordlys ApS", email="bogholderi@nordlys.dk")
    assert found(NORDLYS._replace(registration_no=None), other) == [("1", "2", "email_and_name")]


def test_official_numbers_that_differ_keep_two_apart() -> None:
    """Same name, same street, two companies."""
    assert found(NORDLYS, NORDLYS._replace(key="2", registration_no="24256790")) == []


def test_likeness_is_told_with_its_parts() -> None:
    """A typing error in the name, the same postcode and phone."""
    one = Party("erp", "1", name="Jensen & Sønner Byg", postcode="8000", phone="+45 86 12 34 56")
    other = Party("erp", "2", name="Jensen og Sønner Byg", postcode="8000", phone="86123456")
    (pair,) = duplicates([one, other])
    assert (pair.first, pair.second) == ("1", "2")
    assert pair.score >= 0.85
    assert found(one, other._replace(name="Helt andre varer", phone=None)) == []


def test_records_of_one_debtor_are_no_duplicates() -> None:
    """They were merged, or linked, already."""
    assert found(NORDLYS._replace(canonical="x"), NORDLYS._replace(key="2", canonical="x")) == []


def test_nothing_depends_on_the_order() -> None:
    """Shuffled, the same pairs with the same scores."""
    parties = [
        NORDLYS,
        NORDLYS._replace(key="2"),
        NORDLYS._replace(key="3", registration_no=None),
        Party("erp", "4", name="Berg A/S"),
    ]
    first = duplicates(parties)
    assert len(first) == 3
    for seed in range(5):
        random.Random(seed).shuffle(parties)
        assert duplicates(parties) == first


def test_duplicates_become_merges_by_plan_and_undo(world: World, tmp_path: Path) -> None:
    """Found, written as a file of merges, planned in bulk, applied, and taken back."""
    three_sources(world)
    world.say(
        "erp",
        "debtors",
        "E7",
        number="70000",
        name="Solvang Byg A/S",
        registration_no="12345674",
        country="DK",
    )
    world.say(
        "erp", "debtors", "E8", number="70001", name="SOLVANG BYG", registration_no="DK12345674", country="DK"
    )
    world.run("erp")

    def sure() -> list[tuple[str | None, str | None]]:
        pairs = find_duplicates(world.runtime, "erp")
        return [(p.first.number, p.second.number) for p in pairs if "registration" in p.evidence]

    assert sure() == [("70000", "70001")]
    file = tmp_path / "merges.csv"
    write_merges([p for p in find_duplicates(world.runtime, "erp") if "registration" in p.evidence], file)
    with file.open(encoding="utf-8") as lines:
        assert [row["action"] for row in csv.DictReader(lines)] == ["merge"]
    with pytest.raises(ConfigurationError, match="there already"):
        write_merges([], file)
    apply(world.runtime, links.bulk(world.runtime, file, by="ada").hash, by="ada")
    assert sure() == []
    apply(world.runtime, links.undo(world.runtime, by="ada").hash, by="ada")
    assert sure() == [("70000", "70001")]
