"""One primary contact per debtor, whoever calls whom so: which one it is, that the others are explained, and that order does not matter."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from sync_engine.ops.decisions import links
from sync_engine.ops.decisions.operations import Link
from sync_engine.ops.inspect.explain import explain
from tests.conftest import _TEMPLATE, new_database
from tests.links.support import CRM_FIRST, World, open_world

PEOPLE = ("A", "B", "C")
DEBTORS = ("1", "2")


def two_sources(world: World) -> World:
    """An ERP and a CRM of the same two debtors, each with three people of its own at each; the CRM is believed first about contacts."""
    world.policy = CRM_FIRST
    world.add("erp", "erp")
    world.add("crm", "crm", links={
        "debtor": {"mode": "automatic", "create_unmatched": False, "rungs": ["number_alone"]}, "contact": {"mode": "automatic", "create_unmatched": True},
    })  # fmt: skip
    for source in ("erp", "crm"):
        for debtor in DEBTORS:
            world.say(
                source, "debtors", debtor, number=f"1000{debtor}", name=f"Kunde {debtor}", status="active"
            )
            for who in PEOPLE:
                call(world, source, f"{debtor}{who}", None)
    return world


def call(world: World, source: str, key: str, primary: bool | None, **said: Any) -> None:
    """A source calls one of its people primary, or not, or says nothing about it."""
    world.say(
        source,
        "contacts",
        key,
        **{
            "debtor_key": key[0],
            "full_name": f"{source} {key}",
            "email": f"{key}@{source}.dk",
            "is_primary": primary,
        }
        | said,
    )


@pytest.fixture
def people(database: str, tmp_path: Path) -> Iterator[World]:
    """Both sources, never run."""
    there = two_sources(open_world(database, tmp_path / "lake"))
    yield there
    there.store.dispose()


def primaries(world: World) -> dict[str, list[str]]:
    """The primary contacts of each debtor by name."""
    rows = world.rows("""
        SELECT d.number, c.full_name FROM canonical.contact c JOIN canonical.debtor d ON d.id = c.debtor_id
        WHERE c.is_primary AND c.deleted_at IS NULL ORDER BY 1, 2""")
    found: dict[str, list[str]] = {}
    for number, name in rows:
        found.setdefault(number, []).append(name)
    return found


def both(world: World) -> World:
    """A run of each source."""
    world.run("erp")
    world.run("crm")
    return world


def test_of_several_one_is_primary_and_the_others_are_explained(people: World) -> None:
    """One source calls all three primary: the first by key is; what was said about the others is overruled, and their story says by what."""
    for who in PEOPLE:
        call(people, "erp", f"1{who}", True)
    both(people)
    assert primaries(people) == {"10001": ["erp 1A"]}
    assert people.rows("""
        SELECT field, source, external_id, said, believed, believed_source FROM canonical.overruled WHERE entity = 'contact' ORDER BY 3
        """) == [("is_primary", "erp", f"1{who}", True, False, "another contact") for who in ("B", "C")]
    [told] = explain(people.store, "contact", "erp 1B", "is_primary").fields
    assert (told.value, told.master, [(c.value, c.believed) for c in told.claims]) == (
        False,
        "another contact",
        [(True, False)],
    )
    [told] = explain(people.store, "contact", "erp 1A", "is_primary").fields
    assert (told.value, told.master, [c.believed for c in told.claims]) == (True, "erp", [True])


def test_the_source_that_is_believed_first_names_the_primary_one(people: World) -> None:
    """The CRM ranks before the ERP for contacts, whichever is read first; without a word of the CRM the ERP's is."""
    call(people, "erp", "1A", True)
    call(people, "crm", "1B", True)
    both(people)
    assert primaries(people) == {"10001": ["crm 1B"]}
    since = people.one("SELECT since FROM canonical.overruled WHERE believed_source = 'another contact'")
    call(people, "erp", "1A", True, phone="12345678")
    people.run("erp")
    assert people.rows("SELECT since FROM canonical.overruled WHERE believed_source = 'another contact'") == [
        (since,)
    ]
    call(people, "crm", "1B", False)
    people.run("crm")
    assert primaries(people) == {"10001": ["erp 1A"]}
    assert people.rows("SELECT field FROM canonical.overruled WHERE entity = 'contact'") == []


@pytest.mark.parametrize("leaves", ["deleted", "called off", "moved", "unlinked"])
def test_when_the_primary_one_leaves_the_next_takes_its_place(people: World, leaves: str) -> None:
    """Nothing changed about the next one itself; the audit tells both."""
    call(people, "erp", "1A", True)
    call(people, "erp", "1B", True)
    both(people)
    before = people.one("SELECT max(cut_id) FROM canonical.cut")
    if leaves == "deleted":
        del people.records["erp"]["contacts"]["1A"]
    elif leaves == "moved":
        call(people, "erp", "1A", True, debtor_key="2")
    elif leaves == "called off":
        call(people, "erp", "1A", None)
    if leaves == "unlinked":
        people.configs["erp"] = people.configs["erp"].model_copy(update={"links": {}})
        links.do(
            people.runtime, Link(entity="contact", source="erp", key="1A", to="crm 2A", force=True), by="ada"
        )
    else:
        people.run("erp")
    assert primaries(people)["10001"] == ["erp 1B"]
    told = people.rows(
        """
        SELECT ch.old, ch.new FROM canonical.change ch JOIN canonical.contact c ON c.id = ch.record_id
        WHERE ch.field = 'is_primary' AND c.full_name = 'erp 1B' AND (ch.cut_id > :cut OR ch.cut_id IS NULL)""",
        cut=before,
    )
    assert told == [(False, True)]


def test_a_person_moves_it_and_is_told_who_loses_it(people: World) -> None:
    """Pinned by hand the primary one is another; the plan names the one that loses it; undone, all is as before; the later of two pins counts."""
    call(people, "erp", "1A", True)
    both(people)
    before = people.state()
    plan = links.pin(people.runtime, "erp 1B", "is_primary", "yes", by="ada", entity="contact")
    assert {(plan.named[f.record].name, f.old, f.new) for f in plan.fields if f.field == "is_primary"} == {
        ("erp 1A", True, False),
        ("erp 1B", None, True),
    }
    links.apply(people.runtime, plan.hash, by="ada")
    assert primaries(people) == {"10001": ["erp 1B"]}
    with_b = people.state()
    for who, now in (("crm 1C", "crm 1C"), ("erp 1B", "erp 1B")):
        links.apply(
            people.runtime,
            links.pin(people.runtime, who, "is_primary", True, by="bo", entity="contact").hash,
            by="bo",
        )
        assert primaries(people) == {"10001": [now]}
    people.run("erp")
    assert primaries(people) == {"10001": ["erp 1B"]}
    for _ in range(2):
        links.apply(people.runtime, links.undo(people.runtime, by="bo").hash, by="bo")
    assert people.state() == with_b
    links.apply(people.runtime, links.undo(people.runtime, by="ada").hash, by="ada")
    assert people.state() == before


def test_a_pin_that_is_over_gives_it_back(people: World) -> None:
    """Pinned until a day: the run after that day, in which no contact changed, gives it to whom the sources say."""
    call(people, "erp", "1A", True)
    both(people)
    today = people.clock.now().date()
    links.apply(
        people.runtime,
        links.pin(people.runtime, "erp 1B", "is_primary", True, by="ada", entity="contact", until=today).hash,
        by="ada",
    )
    assert primaries(people) == {"10001": ["erp 1B"]}
    people.clock.sleep(48 * 3600)
    people.run("erp")
    assert primaries(people) == {"10001": ["erp 1A"]}


def test_merged_debtors_have_one_and_parted_ones_have_theirs_again(people: World) -> None:
    """Both debtors have a primary contact; merged, one of them keeps it, also where both are pinned; unmerged, each has its own."""
    call(people, "erp", "1B", True)
    call(people, "erp", "2A", True)
    both(people)
    for pinned in (False, True):
        if pinned:
            for who in ("erp 2A", "erp 1B"):
                links.apply(
                    people.runtime,
                    links.pin(people.runtime, who, "is_primary", True, by="ada", entity="contact").hash,
                    by="ada",
                )
        before = people.state()
        links.apply(people.runtime, links.merge(people.runtime, "10002", "10001", by="ada").hash, by="ada")
        assert primaries(people) == {"10001": ["erp 1B"]}, pinned
        lost = people.one("SELECT CAST(id AS text) FROM canonical.debtor WHERE number = '10002'")
        links.apply(people.runtime, links.unmerge(people.runtime, lost, by="ada").hash, by="ada")
        assert primaries(people) == {"10001": ["erp 1B"], "10002": ["erp 2A"]}
        assert people.state() == before


def said_by_the_rule(world: World) -> dict[str, list[str]]:
    """Who must be primary by what the sources hold now: the CRM's first by key, else the ERP's first by key."""
    found = {}
    for debtor in DEBTORS:
        called = [(source, key) for source in ("crm", "erp") for key, c in sorted(world.records[source]["contacts"].items())
                  if c["is_primary"] and c["debtor_key"] == debtor]  # fmt: skip
        if called:
            found[f"1000{debtor}"] = [" ".join(called[0])]
    return found


@pytest.mark.parametrize("seed", range(2))
def test_many_small_loads_and_a_fresh_one_keep_the_same(
    people: World, seed: int, migrated_template: str, tmp_path: Path
) -> None:
    """People are called primary and no more, move and leave, in any order: after every run the rule holds, and a fresh load in another order agrees."""
    rng = random.Random(seed)
    both(people)
    for _ in range(8):
        source, key = rng.choice(("erp", "crm")), rng.choice(DEBTORS) + rng.choice(PEOPLE)
        if rng.random() < 0.2:
            people.records[source]["contacts"].pop(key, None)
        else:
            call(people, source, key, rng.choice((True, True, False, None)), debtor_key=rng.choice(DEBTORS))
        people.run(source)
        assert primaries(people) == said_by_the_rule(people)
    with new_database(migrated_template, _TEMPLATE) as url:
        fresh = two_sources(open_world(url, tmp_path / "fresh"))
        fresh.records = people.records
        for source in ("erp", "crm"):
            fresh.run(source)
        shown = "SELECT full_name, is_primary, provenance ->> 'is_primary' FROM canonical.contact WHERE deleted_at IS NULL ORDER BY 1"
        overruled = "SELECT source, external_id, said, believed_source FROM canonical.overruled WHERE field = 'is_primary' ORDER BY 1, 2"
        same = [(people.rows(sql), fresh.rows(sql)) for sql in (shown, overruled)]
        fresh.store.dispose()
    assert all(ours == theirs for ours, theirs in same)


def test_a_run_without_contacts_looks_for_no_primary_one(people: World) -> None:
    """What no contact changed costs no statement."""
    both(people)
    asked: list[str] = []
    event.listen(people.store, "before_cursor_execute", lambda *said: asked.append(said[2]))
    people.say("erp", "debtors", "1", number="10001", name="Kunde 1 A/S", status="active")
    people.run("erp")
    assert asked
    assert [sql for sql in asked if "primary" in sql] == []
