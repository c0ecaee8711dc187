"""The outbox and the stage that delivers it, one thing at a time."""

from __future__ import annotations

import pytest

from sync_engine.errors import AuthenticationFailed
from sync_engine.ops.decisions import links
from sync_engine.ops.decisions.plan import apply
from tests.write_back.support import TwoWays

NAMES = {"debtor": {"name": "both", "phone": "both"}}


def both_run(pair: TwoWays) -> None:
    """Two runs of each."""
    for source in ("erp", "crm", "erp", "crm"):
        pair.go(source)


@pytest.fixture
def writable(pair: TwoWays) -> TwoWays:
    """The ERP takes names and phones; both ran once."""
    pair.configure("erp", writable=NAMES)
    both_run(pair)
    pair.peers["erp"].asked.clear()
    return pair


def test_an_edit_of_the_master_arrives_in_the_other_system(writable: TwoWays) -> None:
    """The CRM is master of the name: the next run of the ERP writes it there, once, and its echo settles the row."""
    writable.peers["crm"].save("debtors", "C1", name="HANSEN A/S")
    writable.go("crm")
    assert writable.outbox() == [("erp", "E1", "pending", {"name": "HANSEN A/S"})]
    done = writable.go("erp")
    assert (done.sent, writable.says("erp", "E1", "name")) == (1, "HANSEN A/S")
    assert writable.outbox() == [("erp", "E1", "delivered", {"name": "HANSEN A/S"})]
    writable.go("erp")
    writable.go("crm")
    assert (writable.outbox(), writable.history(), writable.peers["erp"].writes) == ([], ["delivered"], 1)


def test_the_master_is_never_written(writable: TwoWays) -> None:
    """The CRM takes names too, and is their master: an edit of the ERP's is put right there, and the CRM is left alone."""
    writable.configure("crm", writable=NAMES)
    both_run(writable)
    writable.peers["erp"].save("debtors", "E1", name="TYPED WRONGLY")
    both_run(writable)
    assert writable.says("erp", "E1", "name") == writable.says("crm", "C1", "name") == "HANSEN & SOEN"
    assert (writable.peers["crm"].writes, writable.peers["erp"].writes) == (0, 1)


def test_what_the_master_left_empty_is_emptied(writable: TwoWays) -> None:
    """Null of a master counts as a value, in both directions."""
    writable.peers["crm"].save("debtors", "C1", phone=None)
    both_run(writable)
    assert writable.says("erp", "E1", "phone") is None
    writable.peers["crm"].save("debtors", "C1", phone="+4522222222")
    both_run(writable)
    assert writable.says("erp", "E1", "phone") == "+4522222222"


def test_a_newer_wish_supersedes_the_older(writable: TwoWays) -> None:
    """Three edits before the ERP runs are one write of the last state, not three."""
    for name in ("ONE", "TWO", "THREE"):
        writable.peers["crm"].save("debtors", "C1", name=name)
        writable.go("crm")
    assert writable.outbox() == [("erp", "E1", "pending", {"name": "THREE"})]
    assert writable.history() == ["superseded", "superseded"]
    writable.go("erp")
    assert [fields for _, _, fields, _ in writable.peers["erp"].applied] == [{"name": "THREE"}]


def test_an_edit_that_is_taken_back_is_not_written(writable: TwoWays) -> None:
    """The master says again what the ERP says: nothing is wanted any more."""
    writable.peers["crm"].save("debtors", "C1", name="ANOTHER")
    writable.go("crm")
    writable.peers["crm"].save("debtors", "C1", name="HANSEN & SOEN")
    writable.go("crm")
    writable.go("erp")
    assert (writable.outbox(), writable.peers["erp"].writes) == ([], 0)


@pytest.mark.parametrize("fault", ["lost", "silent"])
def test_after_a_time_out_the_record_is_read_before_anything_is_sent(writable: TwoWays, fault: str) -> None:
    """Lost: it was taken, and is not sent again. Silent: it was not, and is sent again under the same key."""
    erp = writable.peers["erp"]
    writable.peers["crm"].save("debtors", "C1", name="HANSEN A/S")
    writable.go("crm")
    erp.faults = [fault]
    assert writable.go("erp", entities=()).unknown == 1
    assert writable.outbox()[0][2] == "unknown"
    first = writable.one("SELECT idempotency_key FROM engine.outbox WHERE settled_at IS NULL")
    erp.asked.clear()
    writable.go("erp", entities=())
    assert erp.asked[0] == "read debtors E1"
    assert erp.asked.count("write debtors E1") == (0 if fault == "lost" else 1)
    assert [key for *_, key in erp.applied] == [str(first)]
    writable.go("erp")
    assert (writable.says("erp", "E1", "name"), writable.outbox()) == ("HANSEN A/S", [])


def test_a_refused_write_is_told_and_stops_nobody(writable: TwoWays) -> None:
    """The words of the system stay with the row, the neighbour is written, and the refused one is not tried again by itself."""
    for number, key in (("20000", "2"), ("30000", "3")):
        for source, name in (("erp", "OLD"), ("crm", "NEW")):
            writable.say(source, "debtors", f"{source[0].upper()}{key}", number=number, name=name)
    writable.peers["erp"].faults = ["refused"]
    both_run(writable)
    writable.go("erp")
    assert [row[2] for row in writable.outbox()] == ["refused"]
    assert writable.one("SELECT answer FROM engine.outbox WHERE state = 'refused'") == "the field is locked"
    assert sorted(writable.says("erp", key, "name") for key in ("E2", "E3")) == ["NEW", "OLD"]
    writes = writable.peers["erp"].writes
    both_run(writable)
    assert writable.peers["erp"].writes == writes
    refused = writable.outbox()[0][1]
    writable.peers["crm"].save("debtors", refused.replace("E", "C"), name="NEWER")
    both_run(writable)
    writable.go("erp")
    assert (writable.says("erp", refused, "name"), writable.outbox()) == ("NEWER", [])


def test_a_record_that_changed_meanwhile_is_folded_again_first(writable: TwoWays) -> None:
    """Somebody edits the ERP between its pull and the write: his edit is pulled, overruled by the fold, and only then written over."""
    erp = writable.peers["erp"]
    writable.peers["crm"].save("debtors", "C1", name="HANSEN A/S")
    writable.go("crm")
    erp.save("debtors", "E1", name="TYPED IN BETWEEN", city="Odense")
    done = writable.go("erp", entities=())
    assert (done.conflicts, done.sent) == (1, 1)
    assert (writable.says("erp", "E1", "name"), writable.says("erp", "E1", "city")) == (
        "HANSEN A/S",
        "Odense",
    )
    assert writable.field(writable.debtor_of("erp", "E1"), "city") == "Odense"


def test_a_version_that_moved_is_a_conflict_and_tried_again(writable: TwoWays) -> None:
    """Another field was saved in the very moment: nothing is written to that version, and the next round writes to the new one."""
    erp = writable.peers["erp"]
    writable.peers["crm"].save("debtors", "C1", name="HANSEN A/S")
    writable.go("crm")
    erp.faults = ["conflict"]
    done = writable.go("erp")
    assert (done.conflicts, done.sent, len(erp.applied)) == (1, 1, 1)
    assert writable.says("erp", "E1", "website").startswith("https://")


def test_what_the_system_stores_otherwise_is_refused_and_not_written_for_ever(writable: TwoWays) -> None:
    """A name that is cut off comes back as another one, which is no reason to write it at every run."""
    erp = writable.peers["erp"]
    writable.peers["crm"].save("debtors", "C1", name="HANSEN A/S OF AARHUS")
    writable.go("crm")
    erp.faults = ["cut"]
    writable.go("erp")
    assert "states something else now: name" in writable.one(
        "SELECT answer FROM engine.outbox WHERE state = 'refused'"
    )
    both_run(writable)
    assert erp.writes == 1


def test_an_edit_after_the_delivery_is_written_over_again(writable: TwoWays) -> None:
    """A user puts the old name back before the echo was pulled: the master's stands in the end, under a key of its own."""
    erp = writable.peers["erp"]
    writable.peers["crm"].save("debtors", "C1", name="HANSEN A/S")
    writable.go("crm")
    writable.go("erp")
    erp.save("debtors", "E1", name="HANSEN & SOEN")
    both_run(writable)
    assert writable.says("erp", "E1", "name") == "HANSEN A/S"
    assert len({key for *_, key in erp.applied}) == len(erp.applied) == 2


def test_a_record_that_is_gone_is_refused_until_the_pull_tells(writable: TwoWays) -> None:
    """Nothing is made again that somebody deleted."""
    writable.peers["crm"].save("debtors", "C1", name="HANSEN A/S")
    writable.go("crm")
    del writable.records["erp"]["debtors"]["E1"]
    assert writable.go("erp", entities=()).refused == 1
    writable.go("erp")
    assert (writable.outbox(), writable.peers["erp"].writes) == ([], 0)


def test_silence_leaves_the_rest_for_the_next_run(writable: TwoWays) -> None:
    """A source that does not answer is not asked for each row; a refused login ends the run, and nothing is lost."""
    erp = writable.peers["erp"]
    writable.peers["crm"].save("debtors", "C1", name="HANSEN A/S")
    writable.go("crm")
    erp.is_silent = True
    assert "no answer" in writable.go("erp").stopped
    erp.is_silent, erp.faults = False, ["throttled"]
    assert "too many requests" in writable.go("erp").stopped
    erp.faults = ["login"]
    with pytest.raises(AuthenticationFailed):
        writable.go("erp")
    writable.go("erp")
    assert (writable.says("erp", "E1", "name"), len(erp.applied)) == ("HANSEN A/S", 1)


def test_a_dry_run_tells_each_request_and_writes_nothing(writable: TwoWays) -> None:
    """The request as it would be sent; the outbox and the system stay as they are."""
    writable.peers["crm"].save("debtors", "C1", name="HANSEN A/S")
    writable.go("crm")
    before = writable.outbox()
    planned = writable.go("erp", dry_run=True).planned
    assert [(p.request.where, dict(p.request.fields)) for p in planned if p.request] == [
        ("debtors/E1", {"w_name": "HANSEN A/S"})
    ]
    assert (writable.outbox(), writable.peers["erp"].writes) == (before, 0)


def test_an_unlinked_record_is_not_written(writable: TwoWays) -> None:
    """What waits for a record that is linked no more is superseded: mastership went back with the link."""
    writable.peers["crm"].save("debtors", "C1", name="HANSEN A/S")
    writable.go("crm")
    planned = links.unlink(writable.runtime, "crm", "C1", by="ada")
    apply(writable.runtime, planned.hash, by="ada", why="another company")
    writable.go("erp")
    assert (writable.outbox(), writable.peers["erp"].writes) == ([], 0)
    assert writable.field(writable.debtor_of("erp", "E1"), "name") == "HANSEN & SOEN"
