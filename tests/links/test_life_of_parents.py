"""Parents after merges, pins and the ERP's own circles."""

from __future__ import annotations

from sync_engine.ops.decisions import operations as ops
from sync_engine.ops.decisions.plan import plan
from tests.links.life import (
    change,
    decide,
    everything,
    ids,
    parents,
)
from tests.links.support import World

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
