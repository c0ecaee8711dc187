"""Decisions outlive merges and time: pins, groups, parents, tags, inbox statements and links after a merge, an unmerge, an undo, a deletion, an expiry."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sync_engine.errors import ConfigurationError
from sync_engine.ops.decisions import operations as ops
from sync_engine.ops.decisions.plan import do, plan
from sync_engine.ops.imports import apply_import, undo_import
from sync_engine.ops.inspect.explain import explain
from sync_engine.ownership.policy import Policy, Rule
from sync_engine.ownership.resolve import INBOX
from sync_engine.store.db import run_sql, transaction
from tests.links.support import CRM_FIRST, World

PHONE = "+45 87 65 43 21"


def decide(world: World, *operations: ops.Operation) -> None:
    """Ada decides, one after the other."""
    for operation in operations:
        do(world.runtime, operation, by="ada")


def ids(world: World, *keys: str) -> list[str]:
    """The canonical debtors of ERP records."""
    return [str(world.debtor_of("erp", key)) for key in keys]


def change(world: World, source: str, key: str, **values: Any) -> None:
    """A debtor says something else, and its source is pulled; a value of `...` is no longer said."""
    said = {**world.records[source]["debtors"][key], **values}
    world.say(source, "debtors", key, **{name: value for name, value in said.items() if value is not ...})
    world.run(source)


def state_word(world: World, debtor: str, field: str, value: Any) -> None:
    """An application says something about a debtor; None takes back what was said."""
    with transaction(world.store, "saying") as connection:
        run_sql(
            connection,
            "INSERT INTO canonical.claim_inbox (entity, record_id, field, value, said_by) VALUES ('debtor', CAST(:id AS uuid), :field, "
            "CAST(:value AS jsonb), 'dunning')",
            id=debtor,
            field=field,
            value=None if value is None else json.dumps(value),
        )


def everything(world: World) -> dict[str, frozenset[str]]:
    """What readers see and what people decided."""
    return world.state() | world.decided()


def parents(world: World, column: str = "parent_id") -> dict[str, str | None]:
    """Number of every living debtor -> the number of its parent, or of its ultimate one."""
    return dict(
        world.rows(
            f"SELECT d.number, p.number FROM canonical.debtor d LEFT JOIN canonical.debtor p ON p.id = d.{column} WHERE d.deleted_at IS NULL"
        )
    )


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


# --- groups


def group_of(world: World, debtor: str) -> str | None:
    """The name of a debtor's group."""
    rows = world.rows(
        "SELECT g.name FROM canonical.debtor d JOIN canonical.debtor_group g ON g.id = d.group_id WHERE d.id = CAST(:id AS uuid)",
        id=debtor,
    )
    return str(rows[0][0]) if rows else None


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


# --- pins through merges


def pinned(world: World, debtor: str) -> list[tuple[str, Any]]:
    """Field and value of what is pinned on a debtor."""
    return [
        tuple(r)
        for r in world.rows(
            "SELECT field, value FROM engine.pin WHERE canonical_id = CAST(:id AS uuid) ORDER BY 1", id=debtor
        )
    ]


def test_a_pin_undone_after_a_merge_leaves_the_survivor_too(running: World) -> None:
    """Pin, merge, undo of the pin: nobody has it; unmerge: still nobody."""
    hansen, old = ids(running, "E1", "E4")
    before = everything(running)
    decide(running, ops.PinField(record=old, field="phone", value=PHONE))
    pin = str(running.one("SELECT plan_hash FROM engine.link_plan WHERE applied_at IS NOT NULL"))
    decide(running, ops.Merge(losing=old, into=hansen))
    assert running.field(hansen, "phone") == PHONE
    decide(running, ops.Undo(plan=pin))
    assert (running.field(hansen, "phone"), pinned(running, hansen), pinned(running, old)) == (
        "+45 12 34 56 78",
        [],
        [],
    )
    decide(running, ops.Unmerge(record=old))
    assert everything(running) == before


def test_a_survivors_own_pin_is_never_taken_for_the_one_that_came_along(running: World) -> None:
    """Pinned on the survivor again after the merge, to the same value: that is its own, and stays when the first is undone and they are parted."""
    hansen, old = ids(running, "E1", "E4")
    decide(running, ops.PinField(record=old, field="phone", value=PHONE))
    pin = str(running.one("SELECT plan_hash FROM engine.link_plan WHERE applied_at IS NOT NULL"))
    decide(
        running,
        ops.Merge(losing=old, into=hansen),
        ops.PinField(record=hansen, field="phone", value=PHONE),
        ops.Undo(plan=pin),
    )
    decide(running, ops.Unmerge(record=old))
    assert (pinned(running, hansen), pinned(running, old)) == ([("phone", PHONE)], [])


# --- until the source changes


def test_a_pin_until_the_source_changes_does_not_rise_again(running: World) -> None:
    """Bianchi is renamed in the ERP, and then named as before: what was pinned is over for good."""
    [bianchi] = ids(running, "E3")
    decide(
        running,
        ops.PinField(record=bianchi, field="name", value="Bianchi (in lite)", until_source_changes=True),
    )
    change(running, "erp", "E3", name="Bianchi Italia S.p.A.")
    change(running, "erp", "E3", name="Bianchi S.p.A.")
    assert (running.field(bianchi, "name"), running.master(bianchi, "name")) == ("Bianchi S.p.A.", "erp")
    assert (
        running.rows(
            "SELECT pinned_by FROM canonical.explained WHERE record_id = CAST(:id AS uuid) AND field = 'name'",
            id=bianchi,
        )[0][0]
        is None
    )


def test_a_pin_until_the_source_changes_does_not_end_with_a_link(running: World) -> None:
    """The CRM is linked, unlinked, and speaks for itself; a merge brings a third record: the ERP, whom the pin watches, said nothing new."""
    hansen, old = ids(running, "E1", "E4")
    decide(
        running,
        ops.PinField(record=hansen, field="name", value="HANSEN (by hand)", until_source_changes=True),
    )
    decide(running, ops.Link(source="crm", key="C1", to=hansen))
    assert running.field(hansen, "name") == "HANSEN (by hand)"
    change(running, "crm", "C1", name="Hansen, as the CRM knows it")
    decide(running, ops.Merge(losing=old, into=hansen))
    assert running.field(hansen, "name") == "HANSEN (by hand)"
    decide(running, ops.Unlink(source="crm", key="C1"), ops.Unmerge(record=old))
    assert running.field(hansen, "name") == "HANSEN (by hand)"
    change(running, "erp", "E1", name="HANSEN INTERNATIONAL A/S")
    assert running.field(hansen, "name") == "HANSEN INTERNATIONAL A/S"


def test_a_pin_that_came_along_still_watches_its_own_source(running: World) -> None:
    """Pinned on the record merged away until its source changes: it holds for the survivor until that record, not the survivor's, says something else."""
    hansen, old = ids(running, "E1", "E4")
    decide(
        running,
        ops.PinField(record=old, field="phone", value=PHONE, until_source_changes=True),
        ops.Merge(losing=old, into=hansen),
    )
    change(running, "erp", "E1", phone="1")
    assert running.field(hansen, "phone") == PHONE
    change(running, "erp", "E4", phone="2")
    assert running.master(hansen, "phone") == "erp"


def test_a_record_deleted_and_created_again_with_the_same_words_said_nothing_new(running: World) -> None:
    """Gone for a day and back: the pin that watches it holds; back with another name it ends."""
    [bianchi] = ids(running, "E3")
    decide(
        running,
        ops.PinField(record=bianchi, field="name", value="Bianchi (in lite)", until_source_changes=True),
    )
    card = running.records["erp"]["debtors"].pop("E3")
    running.run("erp")
    running.records["erp"]["debtors"]["E3"] = card
    running.run("erp")
    assert running.field(bianchi, "name") == "Bianchi (in lite)"
    del running.records["erp"]["debtors"]["E3"]
    running.run("erp")
    running.records["erp"]["debtors"]["E3"] = {**card, "name": "Bianchi II"}
    running.run("erp")
    assert running.field(bianchi, "name") == "Bianchi II"


# --- expiry


def test_an_expired_pin_ends_with_the_next_cut_of_any_source_also_after_a_change_of_policy(
    running: World,
) -> None:
    """The policy changed and the CRM was pulled first: the ERP's debtor does not keep what was pinned until yesterday."""
    [bianchi] = ids(running, "E3")
    today = running.clock.time.date()
    decide(running, ops.PinField(record=bianchi, field="credit_limit", value="0", until=today))
    running.policy = Policy(rules=(Rule(ranking=("erp", "crm", "collections")),))
    running.run("erp")
    assert running.field(bianchi, "credit_limit") == 0
    running.clock.time += timedelta(days=2)
    running.run("crm")
    assert running.field(bianchi, "credit_limit") == 1000


def test_an_import_ends_no_pin_before_its_day_is_over(running: World, tmp_path: Path) -> None:
    """A file and its undo fold on the day of the clock that everything else goes by."""
    [hansen] = ids(running, "E1")
    tomorrow = running.clock.time.date() + timedelta(days=1)
    decide(running, ops.PinField(record=hansen, field="phone", value=PHONE, until=tomorrow))
    tags = tmp_path / "tags.csv"
    tags.write_text("customer,tag\n10000,vip\n", encoding="utf-8")
    number = apply_import(running.store, "debtor-tags", tags, who="mia", clock=running.clock).import_id or 0
    assert running.field(hansen, "phone") == PHONE
    undo_import(running.store, number, who="mia", clock=running.clock)
    assert running.field(hansen, "phone") == PHONE
    running.clock.time += timedelta(days=2)
    apply_import(running.store, "debtor-tags", tags, who="mia", clock=running.clock)
    assert running.field(hansen, "phone") == "+45 12 34 56 78"


def test_an_expired_pin_of_a_contact_ends_although_no_contact_changed(running: World) -> None:
    """Nothing is read anew, and the day is over all the same."""
    contact = str(running.one("SELECT id FROM canonical.contact WHERE full_name = 'Anna Hansen'"))
    decide(
        running,
        ops.PinField(
            entity="contact", record=contact, field="phone", value=PHONE, until=running.clock.time.date()
        ),
    )
    running.clock.time += timedelta(days=2)
    running.run("erp")
    assert running.one("SELECT phone FROM canonical.contact WHERE id = CAST(:id AS uuid)", id=contact) is None


def test_an_expired_pin_neither_comes_along_nor_stands_in_the_way(running: World) -> None:
    """The survivor's own pin is over: the other one's, which holds, is taken along."""
    hansen, old = ids(running, "E1", "E4")
    decide(
        running,
        ops.PinField(record=hansen, field="phone", value="+45 11 11 11 11", until=running.clock.time.date()),
    )
    decide(running, ops.PinField(record=old, field="city", value="Over", until=running.clock.time.date()))
    running.clock.time += timedelta(days=2)
    running.run("erp")
    before = everything(running)
    decide(running, ops.PinField(record=old, field="phone", value=PHONE), ops.Merge(losing=old, into=hansen))
    assert [running.field(hansen, f) for f in ("phone", "city")] == [PHONE, None]
    decide(running, ops.Undo(plan="last"), ops.Undo(plan="last"))
    assert everything(running) == before


# --- parents


def test_merging_an_ancestor_into_its_descendant_closes_no_circle(running: World) -> None:
    """10000 over 10001 over 10002 by the ERP; 10000 merged into 10002: no circle, and unmerge gives the chain back."""
    change(running, "erp", "E2", parent_key="E1")
    change(running, "erp", "E3", parent_key="E2")
    before = everything(running)
    top, _, bottom = ids(running, "E1", "E2", "E3")
    decide(running, ops.Merge(losing=top, into=bottom, force=True))
    assert_no_circle(running)
    running.run("erp")
    assert_no_circle(running)
    decide(running, ops.Unmerge(record=top))
    assert everything(running) == before
    assert parents(running, "ultimate_parent_id")["10002"] == "10000"


def assert_no_circle(world: World) -> None:
    """Nobody stands under itself."""
    above = {
        str(d): str(p)
        for d, p in world.rows("SELECT id, parent_id FROM canonical.debtor WHERE parent_id IS NOT NULL")
    }
    for start in above:
        seen, now = [start], above.get(start)
        while now is not None:
            assert now not in seen, f"a circle: {seen}"
            seen.append(now)
            now = above.get(now)


def test_an_erp_parent_that_contradicts_a_pinned_one_is_not_believed(running: World) -> None:
    """Ada put 10000 under 10001; later the ERP says the opposite: hers stands, the ERP's waits, and holds when hers is gone."""
    decide(running, ops.SetParent(debtor="10000", parent="10001"))
    change(running, "erp", "E2", parent_key="E1")
    assert (parents(running)["10000"], parents(running)["10001"]) == ("10001", None)
    assert running.rows("SELECT said FROM canonical.overruled WHERE field = 'parent_id'")[0][0] == "E1"
    decide(running, ops.UnpinField(record="10000", field="parent"))
    assert (parents(running)["10000"], parents(running)["10001"]) == (None, "10000")
    decide(running, ops.Undo(plan="last"))
    assert (parents(running)["10000"], parents(running)["10001"]) == ("10001", None)


def test_a_circle_of_the_erp_itself_is_nobodys_parent_until_the_erp_mends_it(running: World) -> None:
    """Which of them is wrong would be a guess; who stands below the circle keeps its parent."""
    change(running, "erp", "E1", parent_key="E2")
    change(running, "erp", "E3", parent_key="E1")
    change(running, "erp", "E2", parent_key="E1")
    assert parents(running) | parents(running) == {
        "10000": None,
        "10001": None,
        "10002": "10000",
        "10003": None,
    }
    change(running, "erp", "E2", parent_key=None)
    assert parents(running) == {"10000": "10001", "10001": None, "10002": "10000", "10003": None}
    assert parents(running, "ultimate_parent_id")["10002"] == "10001"


def test_pins_alone_that_a_merge_closes_to_a_circle_are_shown_as_left_out(running: World) -> None:
    """10000 under 10002 under 10003, all by hand; 10003 becomes 10000: the plan shows who loses a parent, and unmerge gives all back."""
    hansen, old = ids(running, "E1", "E4")
    decide(
        running, ops.SetParent(debtor="10000", parent="10002"), ops.SetParent(debtor="10002", parent="10003")
    )
    before = everything(running)
    shown = plan(running.runtime, ops.Merge(losing=old, into=hansen), by="ada")
    assert {f.label.partition(" ")[0] for f in shown.fields if f.field == "parent_id" and f.new is None} == {
        "10000",
        "10002",
    }
    decide(running, ops.Merge(losing=old, into=hansen))
    assert_no_circle(running)
    decide(running, ops.Unmerge(record=old))
    assert everything(running) == before


def test_every_change_of_an_ultimate_parent_is_in_the_change_feed(running: World) -> None:
    """10002 under 10001; then 10001 goes under 10000: the feed tells that the top of 10002 is another one, as a pull and as a decision."""
    change(running, "erp", "E3", parent_key="E2")
    last = running.one("SELECT max(seq) FROM canonical.change")
    change(running, "erp", "E2", parent_key="E1")
    hansen, mueller, bianchi = ids(running, "E1", "E2", "E3")
    told = "SELECT record_id, old, new FROM canonical.change WHERE seq > :last AND field = 'ultimate_parent_id' ORDER BY seq"
    assert {(str(r), old, new) for r, old, new in running.rows(told, last=last)} == {
        (mueller, None, hansen),
        (bianchi, mueller, hansen),
    }
    last = running.one("SELECT max(seq) FROM canonical.change")
    decide(running, ops.SetParent(debtor="10001", parent=None))
    assert {(str(r), old, new) for r, old, new in running.rows(told, last=last)} == {
        (mueller, hansen, None),
        (bianchi, hansen, mueller),
    }


def test_a_parent_is_named_by_the_number_of_a_record_merged_away(running: World) -> None:
    """The ERP still calls it 10003; it is 10000 now."""
    hansen, old = ids(running, "E1", "E4")
    decide(
        running,
        ops.Merge(losing=old, into=hansen),
        ops.PinField(record="10001", field="parent", value="10003"),
    )
    assert parents(running)["10001"] == "10000"


# --- companies, vetoes, balances


def two_companies(world: World) -> World:
    """Nordlys believes its own ERP alone about names; one customer in the books of each, and Nordlys' ERP before Sydlys' in order."""
    world.policy = Policy.model_validate(
        {"rules": [{"company": "Nordlys", "fields": ["name"], "ranking": ["nordlys"]}, {"ranking": ["erp"]}]}
    )
    for company in ("Sydlys", "Nordlys"):
        world.add(company.casefold(), "erp")
        world.say(company.casefold(), "companies", "1", name=company, base_currency="DKK")
        world.say(
            company.casefold(),
            "debtors",
            "1",
            number=company,
            name=f"Hansen of {company}",
            erp_balance="100.00",
        )
        world.run(company.casefold())
    return world


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
