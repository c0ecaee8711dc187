"""Linking by hand: what a plan shows, what an application does, and that every decision can be taken back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from sync_engine.errors import ConfigurationError, TransientError
from sync_engine.ops.decisions import links
from sync_engine.ops.decisions import operations as ops
from sync_engine.ops.decisions.plan import apply, do
from sync_engine.ops.decisions.plan_view import Plan, kept
from sync_engine.ops.decisions.suggestions import suggestions
from sync_engine.store.db import one_at_a_time, transaction
from sync_engine.store.runs import source_lock
from tests.links.support import World


def carry_out(world: World, planned: Plan) -> Plan:
    """Applies a plan."""
    return apply(world.runtime, planned.hash, by="ada", why="seen by ada")


def test_the_walk_through(running: World) -> None:
    """Mode none, suggestions, a plan, apply, the CRM is master of its groups, the ERP's edit is overruled, unlink and undo give all back."""
    world, before = running, running.state()
    hansen = world.debtor_of("erp", "E1")
    found = suggestions(world.runtime, "crm")
    assert {s.key: s.record for s in reversed(found)} == {"C1": hansen, "C2": world.debtor_of("erp", "E2")}

    planned = links.adopt(world.runtime, "crm", "C1", str(hansen), by="ada")
    assert world.state() == before, "a plan changes nothing"
    assert {(f.field, f.old, f.new) for f in planned.fields if f.entity == "debtor"} >= {
        ("name", "HANSEN & SØN A/S", "Hansen & Soen"),
        ("phone", "+45 12 34 56 78", "87654321"),
    }
    assert ("name", "erp", "crm") in {(m.field, m.old, m.new) for m in planned.masters}
    carry_out(world, planned)
    linked = world.state()
    assert world.field(hansen, "name") == "Hansen & Soen"
    assert world.master(hansen, "name") == "crm"
    assert world.master(hansen, "credit_limit") == "erp"

    world.say(
        "erp",
        "debtors",
        "E1",
        **{**world.records["erp"]["debtors"]["E1"], "name": "HANSEN INTERNATIONAL A/S"},
    )
    world.run("erp")
    assert world.field(hansen, "name") == "Hansen & Soen"
    overruled = world.rows(
        "SELECT source, said, believed, believed_source FROM canonical.overruled WHERE record_id = CAST(:id AS uuid) AND field = 'name'",
        id=hansen,
    )
    assert [tuple(r) for r in overruled] == [("erp", "HANSEN INTERNATIONAL A/S", "Hansen & Soen", "crm")]

    world.say("erp", "debtors", "E1", **{**world.records["erp"]["debtors"]["E1"], "name": "HANSEN & SØN A/S"})
    world.run("erp")
    assert world.state() == linked
    carry_out(world, links.unlink(world.runtime, "crm", "C1", by="ada"))
    assert world.state() == before, "unlink gives everything back"
    carry_out(world, links.undo(world.runtime, by="ada"))
    assert world.state() == linked, "undo of the unlink restores identical rows"
    assert (
        world.one(
            "SELECT count(*) FROM canonical.change WHERE entity = 'link' AND actor_kind = 'user' AND actor = 'ada' AND reason = 'seen by ada'"
        )
        >= 3
    )


def test_documents_contacts_and_balances_follow(running: World) -> None:
    """An ERP duplicate moved to the debtor it means takes its invoice along, and brings it back."""
    world, before = running, running.state()
    hansen, old = world.debtor_of("erp", "E1"), world.debtor_of("erp", "E4")
    with pytest.raises(ConfigurationError, match="merge the two canonical records"):
        carry_out(world, links.relink(world.runtime, "erp", "E4", str(hansen), by="ada"))
    planned = links.merge(world.runtime, str(old), str(hansen), by="ada")
    assert planned.counts["documents"] == 1
    assert {(b.record, b.old, b.new) for b in planned.balances} == {
        (hansen, "350.5000", "390.5000"),
        (old, "40.0000", "0"),
    }
    carry_out(world, planned)
    assert (
        world.one(
            "SELECT sum(open_amount) FROM canonical.document WHERE debtor_id = CAST(:id AS uuid)", id=hansen
        )
        == 390.5
    )
    assert world.rows(
        "SELECT merged_into IS NOT NULL, deleted_at IS NOT NULL FROM canonical.debtor WHERE id = CAST(:id AS uuid)",
        id=old,
    )[0] == (True, True)
    world.run("erp")
    assert world.debtor_of("erp", "E4") == hansen, "a manual decision is not undone by a rule"
    merged = world.state()
    carry_out(world, links.unmerge(world.runtime, str(old), by="ada"))
    assert world.state() == before
    carry_out(world, links.undo(world.runtime, by="ada"))
    assert world.state() == merged
    carry_out(world, links.undo(world.runtime, by="ada"))
    assert world.state() == before


def test_an_erp_record_unlinked_stands_for_itself_again(running: World) -> None:
    """It is pinned there: the rules do not bring it back; undo does."""
    world = running
    hansen, old = world.debtor_of("erp", "E1"), world.debtor_of("erp", "E4")
    do(world.runtime, ops.Merge(losing=str(old), into=str(hansen)), by="ada")
    merged = world.state()
    carry_out(world, links.unlink(world.runtime, "erp", "E4", by="ada"))
    assert world.debtor_of("erp", "E4") == old
    world.run("erp")
    assert world.debtor_of("erp", "E4") == old
    carry_out(world, links.undo(world.runtime, by="ada"))
    assert world.state() == merged


def test_contacts_of_a_linked_crm_account_become_canonical(running: World) -> None:
    """Anna is the same mailbox and name in both systems: one contact; Bo is new; both leave with the account."""
    world, before = running, running.state()
    planned = links.link(world.runtime, "crm", "C1", "10000", by="ada")
    carry_out(world, planned)
    assert {
        (r[0], r[1])
        for r in world.rows("SELECT full_name, title FROM canonical.contact WHERE deleted_at IS NULL")
    } == {
        ("Anna Hansen", "CFO"),
        ("Bo Søn", "Owner"),
    }
    assert {
        r[0]
        for r in world.rows("SELECT rule FROM canonical.link WHERE entity = 'contact' AND source = 'crm'")
    } == {"email_and_name", "create_unmatched"}
    carry_out(world, links.unlink(world.runtime, "crm", "C1", by="ada"))
    assert world.state() == before


def test_a_veto_is_shown_and_can_be_overridden(running: World) -> None:
    """Different registration numbers are two debtors, until a person insists."""
    world = running
    world.say(
        "crm", "debtors", "C1", **{**world.records["crm"]["debtors"]["C1"], "registration_no": "27182828"}
    )
    world.run("crm")
    planned = links.link(world.runtime, "crm", "C1", "10000", by="ada")
    assert [v.why for v in planned.vetoed] == ["different registration numbers"]
    with pytest.raises(ConfigurationError, match="vetoed: different registration numbers"):
        carry_out(world, planned)
    carry_out(world, links.link(world.runtime, "crm", "C1", "10000", by="ada", force=True))
    assert world.debtor_of("crm", "C1") == world.debtor_of("erp", "E1")


def test_not_the_same_holds_against_rules_and_suggestions(running: World) -> None:
    """What a person separated, a plan of the rules leaves separate."""
    world = running
    carry_out(world, links.not_the_same(world.runtime, "crm", "C1", "10000", by="ada"))
    assert [s.key for s in suggestions(world.runtime, "crm") if s.number == "10000"] == []
    planned = links.go_automatic(world.runtime, world.configs["crm"], by="ada")
    assert ("C1", "vetoed") in {(c.key, c.outcome) for c in planned.cases}


def test_what_has_moved_is_told_and_nothing_is_done(running: World) -> None:
    """A plan made before the ERP spoke again is refused with what is different."""
    world = running
    planned = links.link(world.runtime, "crm", "C1", "10000", by="ada")
    world.say(
        "erp",
        "debtors",
        "E1",
        **{**world.records["erp"]["debtors"]["E1"], "name": "HANSEN INTERNATIONAL A/S"},
    )
    world.run("erp")
    before = world.state()
    with pytest.raises(ConfigurationError, match=r"has moved.*name of debtor 10000") as refused:
        carry_out(world, planned)
    assert "INTERNATIONAL" not in str(refused.value), "an error ends in logs, where no name belongs"
    assert world.state() == before


def test_of_two_people_one_wins_and_one_is_told(running: World) -> None:
    """The second application of a plan says who was first; a competing plan says what moved."""
    world = running
    mine, theirs = (
        links.link(world.runtime, "crm", "C1", "10000", by="ada"),
        links.link(world.runtime, "crm", "C1", "10001", by="bo"),
    )
    carry_out(world, mine)
    with pytest.raises(ConfigurationError, match="ada applied it"):
        apply(world.runtime, mine.hash, by="bo")
    with pytest.raises(ConfigurationError, match="moved"):
        apply(world.runtime, theirs.hash, by="bo")


def test_no_decision_while_a_touched_source_runs(running: World) -> None:
    """Half of a run must not show through a decision; asking again later is enough."""
    world = running
    planned = links.link(world.runtime, "crm", "C1", "10000", by="ada")
    with (
        source_lock(world.store, "erp", wait=False),
        pytest.raises(TransientError, match="run of this source"),
    ):
        carry_out(world, planned)
    carry_out(world, planned)


def test_undo_refuses_what_was_decided_again(running: World) -> None:
    """Later decisions are undone first."""
    world = running
    first = carry_out(world, links.link(world.runtime, "crm", "C1", "10000", by="ada"))
    carry_out(world, links.link(world.runtime, "crm", "C1", "10001", by="bo", force=True))
    with pytest.raises(ConfigurationError, match="decided again"):
        links.undo(world.runtime, first.hash, by="ada")


def test_the_same_decision_twice_is_two_plans(running: World) -> None:
    """Linked, undone, linked again: the plan of the second time is not the applied one of the first."""
    world = running
    first = carry_out(world, links.link(world.runtime, "crm", "C1", "10000", by="ada"))
    carry_out(world, links.undo(world.runtime, by="ada"))
    again = links.link(world.runtime, "crm", "C1", "10000", by="ada")
    assert again.hash != first.hash
    carry_out(world, again)


def test_waiting_for_a_run_holds_nothing_that_the_run_needs(running: World) -> None:
    """The run goes on to publish while the decision waits for it; then the decision is carried out."""
    world = running
    planned = links.link(world.runtime, "crm", "C1", "10000", by="ada")
    with ThreadPoolExecutor(1) as pool, source_lock(world.store, "erp", wait=False):
        waiting = pool.submit(apply, world.runtime, planned.hash, by="ada", wait=True)
        with pytest.raises(TimeoutError):
            waiting.result(1.5)  # longer than the server waits before it looks for a deadlock
        with transaction(world.store, "publishing") as connection:
            one_at_a_time(connection)
        assert not waiting.done()
    assert waiting.result(30).hash == planned.hash
    assert world.debtor_of("crm", "C1") == world.debtor_of("erp", "E1")


def test_a_plan_can_be_looked_at_again(running: World) -> None:
    """By its hash, as it was shown, with what became of it; the records in it are named as people name them."""
    world = running
    planned = links.link(world.runtime, "crm", "C1", "10000", by="ada")
    found = kept(world.runtime, planned.hash[:12])
    assert (found.plan.links, found.plan.fields, found.plan.masters, found.plan.counts) == (
        planned.links,
        planned.fields,
        planned.masters,
        planned.counts,
    )
    assert (found.made_by, found.applied_at) == ("ada", None)
    assert found.plan.named[str(world.debtor_of("erp", "E1"))].number == "10000"
    carry_out(world, planned)
    carry_out(world, links.undo(world.runtime, by="bo"))
    found = kept(world.runtime, planned.hash)
    assert (found.applied_by, found.undone_by is None) == ("ada", False)
    with pytest.raises(ConfigurationError, match="no plan has this hash"):
        kept(world.runtime, "0123456789ab")


def test_nothing_is_decided_about_a_source_nobody_pulled(running: World) -> None:
    """A mistyped name says so, and says which names there are; nobody decides anonymously."""
    world = running
    for asked in (
        lambda: suggestions(world.runtime, "crn"), lambda: links.link(world.runtime, "crn", "C1", "10000", by="ada"),
        lambda: links.adopt(world.runtime, "crn", "C1", "10000", by="ada"),
    ):  # fmt: skip
        with pytest.raises(
            ConfigurationError, match=r"source 'crn' was pulled yet\. Known: crm, dunning, erp"
        ):
            asked()
    with pytest.raises(ConfigurationError, match="nobody is named"):
        links.link(world.runtime, "crm", "C1", "10000", by="")
