"""Pins outlive merges and their undo, end on their day, and watch the source they were told to."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sync_engine.ops.decisions import operations as ops
from sync_engine.ops.imports import apply_import, undo_import
from sync_engine.ownership.policy import Policy, Rule
from tests.links.life import (
    PHONE,
    change,
    decide,
    everything,
    ids,
    pinned,
)
from tests.links.support import World


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
