"""Imports that outlive merges: customers and contacts merged away, and taking an import back before, after and between."""

from __future__ import annotations

import pytest

from sync_engine.errors import ConfigurationError
from sync_engine.ops.decisions import operations as ops
from sync_engine.ops.decisions.plan import do
from sync_engine.ops.imports import past_imports, undo_import
from tests.imports.support import Desk, refused
from tests.stages.snapshots import difference


def decide(desk: Desk, *operations: ops.Operation) -> None:
    """Ola decides."""
    for operation in operations:
        do(desk.runtime, operation, by="ola")


def test_a_customer_merged_away_is_known_by_the_number_and_name_its_erp_still_exports(desk: Desk) -> None:
    """10002 was merged into 10001: rows that say 10002, or its name, mean 10001; the id did already; and two rows about one are told."""
    decide(desk, ops.Merge(losing="10002", into="10001"))
    heading = ["customer", "tag"]
    report = desk.apply(
        "debtor-tags", heading, [["10002", "by number"], ["HANSEN & SØN 2", "by name"], ["erp-2", "by id"]]
    )
    assert refused(report) == {}
    assert {
        r[0]
        for r in desk.rows(
            "SELECT t.name FROM canonical.tag t JOIN canonical.debtor d ON d.id = t.owner_id WHERE d.number = '10001'"
        )
    } == {"by number", "by name", "by id"}
    twice = desk.plan(
        "owners",
        ["customer_id", "email_address"],
        [["10001", "ann@example.com"], ["10002", "jo@example.com"]],
    )
    assert {why for _, why in refused(twice).values()} == {"lines 2, 3 say different things about the same"}


def test_the_number_the_erp_gives_today_counts_not_the_one_of_the_day_of_the_merge(desk: Desk) -> None:
    """Merged away as 10002, renumbered 20002 in the ERP since: 20002 is known, and 10002, given to nobody, is not."""
    decide(desk, ops.Merge(losing="10002", into="10001"))
    desk.edit("debtor", "erp-2", "No", "20002")
    desk.run()
    report = desk.plan("debtor-tags", ["customer", "tag"], [["20002", "a"], ["10002", "b"]])
    assert [r.outcome for r in report.rows] == ["applied", "refused"]


def test_a_contact_merged_away_is_known_by_the_address_its_erp_still_exports(desk: Desk) -> None:
    """Two contacts of one customer were merged: the row that says the other address means the one that is left."""
    decide(
        desk, ops.Merge(entity="contact", losing="p1@c1.example.com", into="p0@c1.example.com", force=True)
    )
    report = desk.apply(
        "positions",
        ["customer_ref", "email_address", "position_name"],
        [["10001", "p1@c1.example.com", "CFO"]],
    )
    assert refused(report) == {}
    assert desk.contacts("position")["p0@c1.example.com"] == "CFO"


@pytest.mark.parametrize("apart", [False, True], ids=["undone while merged", "undone after unmerge"])
def test_an_import_undone_after_a_merge_leaves_the_survivor_too(desk: Desk, apart: bool) -> None:
    """The owner imported for the customer merged away came along; taken back, the survivor has it no longer, merged or parted."""
    before = desk.snapshot()
    done = desk.apply("owners", ["customer_id", "email_address"], [["10002", "ann@example.com"]])
    decide(desk, ops.Merge(losing="10002", into="10001"))
    assert desk.debtors("owner")["10001"] == "ann@example.com"
    assert done.import_id is not None
    if apart:
        decide(desk, ops.Unmerge(record="10002"))
    undo_import(desk.store, done.import_id, who="mia", clock=desk.clock)
    assert desk.debtors("owner")["10001"] == "jo@example.com"
    if not apart:
        decide(desk, ops.Unmerge(record="10002"))
    assert desk.debtors("owner")["10001"] == "jo@example.com"
    assert desk.rows("SELECT field FROM engine.pin") == []
    found = difference(before, desk.snapshot())
    assert {t: d for t, d in found.items() if t in ("debtor", "pin", "contact", "document", "link")} == {}


def test_a_partly_undone_import_can_be_undone_further(desk: Desk) -> None:
    """What somebody had decided since stays; once that is taken back, the rest of the import can be too, and then there is nothing left."""
    before = desk.snapshot()
    heading = ["customer_id", "email_address"]
    first = (
        desk.apply("owners", heading, [["10000", "ann@example.com"], ["10001", "ann@example.com"]]).import_id
        or 0
    )
    second = desk.apply("owners", heading, [["10001", "jo@example.com"]]).import_id or 0
    assert undo_import(desk.store, first, who="ola", clock=desk.clock).restored == 1
    again = undo_import(desk.store, first, who="ola", clock=desk.clock)
    assert (again.restored, [x.line for x in again.left]) == (0, [3])
    assert {d.import_id: d.remaining for d in past_imports(desk.store)} == {first: 1, second: 1}
    undo_import(desk.store, second, who="mia", clock=desk.clock)
    last = undo_import(desk.store, first, who="mia", clock=desk.clock)
    assert (last.restored, last.left) == (1, [])
    assert difference(before, desk.snapshot()) == {}
    with pytest.raises(ConfigurationError, match="undone by mia already"):
        undo_import(desk.store, first, who="ola", clock=desk.clock)


@pytest.mark.parametrize("apart", [False, True], ids=["undone while merged", "undone after unmerge"])
def test_an_imported_tag_counts_for_the_survivor_and_is_taken_back_from_it(desk: Desk, apart: bool) -> None:
    """Tagged, merged: the survivor has the tag, and has it no longer when the import is undone; its own tag of the same name stays."""
    heading = ["customer", "tag"]
    desk.apply("debtor-tags", heading, [["10005", "post"]])
    before = desk.snapshot()
    tagged = desk.apply("debtor-tags", heading, [["10003", "vip"], ["10003", "post"]]).import_id or 0
    decide(desk, ops.Merge(losing="10003", into="10005"))
    assert tags(desk) == {("10005", "vip"), ("10005", "post")}
    if apart:
        decide(desk, ops.Unmerge(record="10003"))
        assert tags(desk) == {("10003", "vip"), ("10003", "post"), ("10005", "post")}
    assert undo_import(desk.store, tagged, who="mia", clock=desk.clock).left == []
    assert tags(desk) == {("10005", "post")}
    if not apart:
        decide(desk, ops.Unmerge(record="10003"))
    assert {t for t in difference(before, desk.snapshot()) if t in ("debtor", "tag", "pin", "link")} == set()


def tags(desk: Desk) -> set[tuple[str, str]]:
    """Number and tag, as readers see them."""
    return {
        (number, name)
        for number, name in desk.rows(
            "SELECT d.number, t.name FROM canonical.tag t JOIN canonical.debtor d ON d.id = t.owner_id"
        )
    }
