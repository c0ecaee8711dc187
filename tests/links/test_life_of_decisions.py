"""Decisions outlive merges and time: pins, groups, parents, tags, inbox statements and links after a merge, an unmerge, an undo, a deletion, an expiry."""

from __future__ import annotations

from typing import Any

import pytest

from sync_engine.errors import ConfigurationError
from sync_engine.ops.decisions import operations as ops
from sync_engine.ops.decisions.plan import do, plan
from sync_engine.ops.inspect.explain import explain
from sync_engine.ownership.resolve import INBOX
from tests.links.life import (
    PHONE,
    change,
    decide,
    everything,
    group_of,
    ids,
    state_word,
    two_companies,
)
from tests.links.support import CRM_FIRST, World

# --- the inbox


def test_after_a_merge_the_last_statement_counts_not_the_one_about_the_record_merged_away(
    running: World,
) -> None:
    """Paused long ago, then merged, then "chase again" about the survivor: it is chased; the answer says taken."""
    hansen, old = ids(running, "E1", "E4")
    state_word(running, old, "chasing_paused", True)
    running.run("erp")
    decide(running, ops.Merge(losing=old, into=hansen))
    assert running.field(hansen, "chasing_paused") is True
    state_word(running, hansen, "chasing_paused", False)
    running.run("erp")
    assert running.field(hansen, "chasing_paused") is False
    assert (
        running.rows("SELECT answer FROM canonical.claim_inbox ORDER BY inbox_id DESC LIMIT 1")[0][0]
        == "taken"
    )


def test_a_newer_statement_about_the_record_merged_away_beats_an_older_one_about_the_survivor(
    running: World,
) -> None:
    """Whatever was linked first: the survivor was to be chased, then the other one was paused, then they were merged."""
    hansen, old = ids(running, "E1", "E4")
    for debtor, is_paused in ((hansen, False), (old, True)):
        state_word(running, debtor, "chasing_paused", is_paused)
        running.run("erp")
    decide(running, ops.Merge(losing=old, into=hansen))
    assert running.field(hansen, "chasing_paused") is True
    decide(running, ops.Unmerge(record=old))
    assert [running.field(d, "chasing_paused") for d in (hansen, old)] == [False, True]


def test_a_statement_taken_back_after_a_merge_is_taken_back_for_both(running: World) -> None:
    """Nothing of what was said before rises again while they are one; apart, what was taken back about the survivor was not about the other one."""
    hansen, old = ids(running, "E1", "E4")
    state_word(running, old, "pause_reason", "waits for goods")
    running.run("erp")
    decide(running, ops.Merge(losing=old, into=hansen))
    state_word(running, hansen, "pause_reason", None)
    running.run("erp")
    assert running.field(hansen, "pause_reason") is None
    state_word(running, hansen, "pause_until", "2026-12-01")
    running.run("erp")
    decide(running, ops.Unmerge(record=old))
    assert [running.field(d, "pause_reason") for d in (hansen, old)] == [None, "waits for goods"]
    assert [str(running.field(d, "pause_until")) for d in (hansen, old)] == ["2026-12-01", "None"]


def test_of_several_words_of_the_inbox_the_last_one_is_told_and_believed(running: World) -> None:
    """Paused, chased again about another debtor, merged: story and view know one word, the one that holds; taken back, none; parted, both."""

    def told(debtor: str) -> tuple[Any, list[tuple[Any, bool]]]:
        [story] = explain(running.store, "debtor", debtor, "chasing_paused").fields
        return story.value, [(c.value, c.believed) for c in story.claims if c.source == INBOX]

    hansen, old = ids(running, "E1", "E4")
    state_word(running, old, "chasing_paused", True)
    state_word(running, hansen, "chasing_paused", False)
    running.run("erp")
    decide(running, ops.Merge(losing=old, into=hansen))
    assert told(hansen) == (False, [(False, True)])
    assert running.rows("SELECT * FROM canonical.overruled WHERE source = :inbox", inbox=INBOX) == []
    decide(running, ops.Unmerge(record=old))
    assert (told(hansen), told(old)) == ((False, [(False, True)]), (True, [(True, True)]))
    decide(running, ops.Merge(losing=old, into=hansen))
    state_word(running, hansen, "chasing_paused", None)
    running.run("erp")
    assert told(hansen) == (None, [])


def test_an_undo_that_would_close_a_circle_of_merges_is_refused(running: World) -> None:
    """An unmerge that moved nothing, taken back after the other one was merged the other way round: each would have become the other."""
    hansen, mueller, old = ids(running, "E1", "E2", "E4")
    decide(
        running,
        ops.Merge(losing=old, into=hansen, force=True),
        ops.Link(source="erp", key="E4", to=mueller, force=True),
    )
    unmerged = do(running.runtime, ops.Unmerge(record=old), by="ada").hash
    decide(
        running,
        ops.Link(source="erp", key="E4", to=old, force=True),
        ops.Merge(losing=hansen, into=old, force=True),
        ops.Link(source="erp", key="E1", to=mueller, force=True),
        ops.Link(source="erp", key="E4", to=mueller, force=True),
    )
    before = everything(running)
    with pytest.raises(ConfigurationError, match="circle"):
        decide(running, ops.Undo(plan=unmerged))
    assert everything(running) == before


def test_a_merge_takes_the_group_along_and_says_so(running: World) -> None:
    """The survivor without a group joins; as top debtor of the group it takes the other one's place; unmerge and undo give all back."""
    hansen, old = ids(running, "E1", "E4")
    decide(
        running,
        ops.SetGroup(name="Hansen Gruppe", members=(old, "10001"), top_debtor=old, credit_limit="500"),
    )
    before = everything(running)
    shown = plan(running.runtime, ops.Merge(losing=old, into=hansen), by="ada")
    assert {(f.record, f.new is not None) for f in shown.fields if f.field == "group_id"} == {
        (hansen, True),
        (old, False),
    }
    decide(running, ops.Merge(losing=old, into=hansen))
    assert (group_of(running, hansen), group_of(running, old)) == ("Hansen Gruppe", None)
    assert str(running.one("SELECT top_debtor_id FROM canonical.debtor_group")) == hansen
    merged = everything(running)
    decide(running, ops.Unmerge(record=old))
    assert everything(running) == before
    decide(running, ops.Undo(plan="last"))
    assert everything(running) == merged
    decide(running, ops.Undo(plan="last"))
    assert everything(running) == before


def test_of_two_groups_the_survivors_holds_and_the_plan_says_which_one_is_left(running: World) -> None:
    """Nothing is dropped in silence; a group dissolved meanwhile is not joined again by unmerging."""
    hansen, old = ids(running, "E1", "E4")
    decide(running, ops.SetGroup(name="Nord", members=(hansen,)), ops.SetGroup(name="Syd", members=(old,)))
    shown = plan(running.runtime, ops.Merge(losing=old, into=hansen), by="ada")
    assert [(f.record, f.new) for f in shown.fields if f.field == "group_id"] == [(old, None)]
    decide(running, ops.Merge(losing=old, into=hansen))
    assert group_of(running, hansen) == "Nord"
    decide(running, ops.SetGroup(name="Syd", dissolve=True), ops.Unmerge(record=old))
    assert (group_of(running, hansen), group_of(running, old)) == ("Nord", None)


def test_a_record_that_moved_on_takes_its_words_back_from_the_debtor_it_became(running: World) -> None:
    """Merged, moved on to a third, then unlinked: it stands for itself, and what was said and decided about it leaves the one it was merged into."""
    hansen, mueller, old = ids(running, "E1", "E2", "E4")
    state_word(running, old, "pause_reason", "waits for goods")
    running.run("erp")
    decide(
        running,
        ops.PinField(record=old, field="phone", value=PHONE),
        ops.SetGroup(name="Syd", members=(old,)),
        ops.Merge(losing=old, into=hansen),
    )
    assert running.field(hansen, "pause_reason") == "waits for goods"
    decide(
        running,
        ops.Link(source="erp", key="E4", to=mueller, force=True),
        ops.Unlink(source="erp", key="E4"),
    )
    told = [
        (running.field(d, "pause_reason"), running.field(d, "phone"), group_of(running, d))
        for d in (hansen, mueller, old)
    ]
    assert told == [(None, "+45 12 34 56 78", None), (None, None, None), ("waits for goods", PHONE, "Syd")]


@pytest.mark.parametrize("joined", ["merged", "linked"])
def test_a_forced_join_across_companies_keeps_the_survivors_company_and_its_rules(
    empty_world: World, joined: str
) -> None:
    """Nordlys' customer is merged into, or linked to, Sydlys' by force: Sydlys' rules decide, and the debtor stays in Sydlys' books."""
    world = two_companies(empty_world)
    into, losing = str(world.debtor_of("sydlys", "1")), str(world.debtor_of("nordlys", "1"))
    company = world.field(into, "company_id")
    decide(
        world,
        ops.Merge(losing=losing, into=into, force=True)
        if joined == "merged"
        else ops.Link(source="nordlys", key="1", to=into, force=True),
    )
    world.policy = world.policy.model_copy(update={"sources": ("nordlys", "sydlys")})
    world.run("sydlys")
    assert world.field(into, "company_id") == company
    assert world.one(
        "SELECT ranking FROM canonical.explained WHERE record_id = CAST(:id AS uuid) AND field = 'name'",
        id=into,
    ) == ["erp"]
    world.policy = world.policy.model_copy(update={"sources": ("sydlys", "nordlys")})
    world.run("sydlys")
    assert world.field(into, "name") == "Hansen of Sydlys"


def test_the_link_of_a_deleted_record_does_not_veto_its_successor(empty_world: World) -> None:
    """The CRM account is deleted and created again under another id: the rules link it to the debtor it was; by hand it needs no force either."""
    world = empty_world
    world.policy = CRM_FIRST
    world.add("erp", "erp")
    world.say("erp", "debtors", "1", number="10000", name="HANSEN & SØN A/S")
    world.run("erp")
    world.add("crm", "crm", links={"debtor": {"mode": "automatic", "create_unmatched": False}})
    world.say(
        "crm",
        "debtors",
        "old",
        number="10000",
        name="HANSEN & SØN A/S",
        registration_no="31415926",
        country="DK",
    )
    world.run("crm")
    debtor = world.debtor_of("crm", "old")
    assert debtor == world.debtor_of("erp", "1")
    del world.records["crm"]["debtors"]["old"]
    world.say("crm", "debtors", "new", number="10000", name="HANSEN & SØN A/S")
    world.run("crm")
    assert world.debtor_of("crm", "new") == debtor
    del world.records["crm"]["debtors"]["new"]
    world.say(
        "crm", "debtors", "by hand", number="K-1", name="HANSEN", registration_no="27182818", country="DK"
    )
    world.run("crm")
    decide(world, ops.Link(source="crm", key="by hand", to=str(debtor)))
    assert world.debtor_of("crm", "by hand") == debtor


def test_a_person_who_said_they_are_not_the_same_is_heard_before_a_merge(running: World) -> None:
    """E4 is not 10000, said Ada; merging the two canonical records would say the opposite, so it needs force."""
    hansen, old = ids(running, "E1", "E4")
    decide(running, ops.NotTheSame(source="erp", key="E4", record=hansen))
    with pytest.raises(ConfigurationError, match="not the same"):
        decide(running, ops.Merge(losing=old, into=hansen))
    decide(running, ops.Merge(losing=old, into=hansen, force=True))
    assert running.debtor_of("erp", "E4") == hansen


def test_the_balance_of_a_merged_debtor_is_the_sum_of_its_records(running: World) -> None:
    """Two ERP records: both balances; one that states none: the sum of the others, and how many are unknown; deleted ones owe nothing more."""
    hansen, old = ids(running, "E1", "E4")
    change(running, "erp", "E1", erp_balance="350.50")
    change(running, "erp", "E4", erp_balance="40.00")
    decide(running, ops.Merge(losing=old, into=hansen))
    assert balance(running, hansen) == ("390.5000", 0)
    assert running.rows("SELECT 1 FROM canonical.overruled WHERE field = 'erp_balance'") == []
    change(running, "erp", "E4", erp_balance=None)
    assert balance(running, hansen) == ("350.5000", 1)
    change(running, "erp", "E4", erp_balance=...)
    assert balance(running, hansen) == ("350.5000", 1)
    change(running, "erp", "E1", erp_balance=None)
    assert balance(running, hansen) == (None, 2)
    change(running, "erp", "E1", erp_balance="350.50")
    del running.records["erp"]["debtors"]["E4"]
    running.run("erp")
    assert balance(running, hansen) == ("350.5000", 0)


def balance(world: World, debtor: str) -> tuple[str | None, int]:
    """What the ERP says is owed, and by how many of its records it is not said."""
    [(stated, unknown)] = world.rows(
        "SELECT CAST(erp_balance AS text), erp_balance_unknown FROM canonical.debtor WHERE id = CAST(:id AS uuid)",
        id=debtor,
    )
    return stated, unknown


def test_balances_in_different_currencies_are_not_added(empty_world: World) -> None:
    """Kroner and euro make no sum: the survivor's own company's counts, the other record's is called unknown."""
    world = two_companies(empty_world)
    world.say("nordlys", "companies", "1", name="Nordlys", base_currency="EUR")
    world.run("nordlys")
    into, losing = str(world.debtor_of("sydlys", "1")), str(world.debtor_of("nordlys", "1"))
    decide(world, ops.Merge(losing=losing, into=into, force=True))
    assert balance(world, into) == ("100.0000", 1)
