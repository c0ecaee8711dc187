"""Full sweeps: what is gone is noticed, what only looks gone is held."""

from __future__ import annotations

import pytest

from sync_engine.errors import SyncError
from tests.laws.late import try_run
from tests.simulators.business_central.faults import Refuses
from tests.simulators.business_central.spoiled_answers import ShortSweep
from tests.stages.snapshots import snapshot
from tests.stages.support import Rig
from tests.stages.truth import assert_sound, assert_true


def _held(rig: Rig) -> list[tuple[object, ...]]:
    return rig.rows(
        "SELECT entity, known, seen, missing, stated, approved_at IS NOT NULL FROM engine.sweep_hold JOIN engine.stream USING (stream_id)"
    )


def _owed(rig: Rig) -> set[str]:
    """Families of which a sweep is wanted."""
    return {
        family
        for (family,) in rig.rows("SELECT family FROM engine.stream WHERE sweep_started_at IS NOT NULL")
    }


def _empty_cards(rig: Rig, count: int) -> None:
    """Customers without postings, which may be deleted."""
    for number in range(count):
        rig.company.create_customer(f"Card {number}")


def test_a_truncated_sweep_deletes_nothing(rig: Rig) -> None:
    """A list that ends early is told by the source's own count: nothing is deleted, and the next whole sweep clears the hold."""
    rig.run()
    before = snapshot(rig.store)
    rig.simulator.inject(ShortSweep(keep=2, match=r"/(customers|salesInvoices|contacts)(\?|$)"))
    rig.advance(hours=1)
    outcome = rig.run(full=True)
    assert {row[0] for row in _held(rig)} == {"customers", "contacts", "salesInvoices"}
    assert any(
        "the source says it has 11 records, the sweep saw 2; nothing was deleted" in warning
        for warning in outcome.warnings
    )
    assert snapshot(rig.store) == before
    assert (
        rig.one(
            "SELECT outcome FROM engine.run_step WHERE run_id = :r AND stage = 'pull' AND entity = 'customers'",
            r=outcome.run_id,
        )
        == "held"
    )
    rig.simulator.heal()
    rig.run(full=True)
    assert _held(rig) == []
    assert_true(rig)
    assert_sound(rig)


def test_an_empty_answer_closes_nothing(rig: Rig) -> None:
    """The classic: the ledger comes back empty. No invoice is closed, no payment vanishes."""
    rig.run()
    rig.simulator.inject(ShortSweep(keep=0, match=r"(LedgerEntries|salesInvoices|customers)(\?|$)"))
    before = snapshot(rig.store)
    rig.run(full=True)
    assert snapshot(rig.store) == before


def test_a_truncated_first_load_is_read_again_by_itself(rig: Rig) -> None:
    """Nothing known is missing yet, but far fewer came than the source says it has: the next run does not trust the cursor."""
    rig.simulator.inject(ShortSweep(keep=2, match=r"/customers(\?|$)"))
    outcome = rig.run()
    assert any("the next run reads everything again" in warning for warning in outcome.warnings)
    told = rig.rows(
        "SELECT outcome, error FROM engine.run_step WHERE stage = 'pull' AND entity = 'customers'"
    )
    assert told == [("held", "the source says it has 11 records, the sweep saw 2")]
    rig.simulator.heal()
    rig.run()
    assert_true(rig)


def test_the_brake_holds_what_really_vanished_until_a_person_says_so(rig: Rig) -> None:
    """More than the share of records gone at once: held; approved, the next sweep deletes them."""
    _empty_cards(rig, 8)
    rig.run()
    for customer in [x for x in rig.company.customers.values() if x.name.startswith("Card")]:
        rig.company.delete_customer(customer.id)
    rig.run(full=True)
    assert [row[:4] for row in _held(rig) if row[0] == "customers"] == [("customers", 19, 11, 8)]
    assert (
        rig.one(
            "SELECT jsonb_array_length(sample) FROM engine.sweep_hold JOIN engine.stream USING (stream_id) WHERE entity = 'customers'"
        )
        == 8
    )
    assert rig.one("SELECT count(*) FROM canonical.debtor WHERE deleted_at IS NULL") == 19
    rig.execute("UPDATE engine.sweep_hold SET approved_at = now(), approved_by = 'ops'")
    rig.run(full=True)
    assert _held(rig) == []
    assert_true(rig)


def test_an_approval_covers_what_was_shown_and_no_more(rig: Rig) -> None:
    """Approved were eight; when a later sweep misses fifteen, it is held again."""
    _empty_cards(rig, 16)
    rig.run()
    cards = [x for x in rig.company.customers.values() if x.name.startswith("Card")]
    for customer in cards[:8]:
        rig.company.delete_customer(customer.id)
    rig.run(full=True)
    rig.execute("UPDATE engine.sweep_hold SET approved_at = now(), approved_by = 'ops'")
    for customer in cards[8:15]:
        rig.company.delete_customer(customer.id)
    rig.run(full=True)
    assert [row[3:] for row in _held(rig) if row[0] == "customers"] == [(15, 12, False)]


def test_a_few_deletions_need_nobody(rig: Rig) -> None:
    """Fewer than the brake's floor are believed: deleted cards become tombstones with the sweep."""
    _empty_cards(rig, 2)
    rig.run()
    for customer in [x for x in rig.company.customers.values() if x.name.startswith("Card")]:
        rig.company.delete_customer(customer.id)
    rig.run(full=True)
    assert _held(rig) == []
    assert rig.one("SELECT count(*) FROM canonical.debtor WHERE deleted_at IS NOT NULL") == 2
    assert_true(rig)


@pytest.mark.parametrize(("hours", "swept"), [(2, False), (25, True)])
def test_a_sweep_is_made_when_it_is_due(rig: Rig, hours: int, swept: bool) -> None:
    """Deletions are found a day later at the latest, without anybody asking for a full run."""
    customer = rig.company.create_customer("Short-lived Ltd")
    rig.run()
    rig.company.delete_customer(customer.id)
    rig.advance(hours=hours)
    rig.run()
    assert (
        rig.one("SELECT deleted_at IS NOT NULL FROM canonical.debtor WHERE name = 'Short-lived Ltd'") is swept
    )


@pytest.mark.parametrize("pattern", [r"/companies(\?|$)", r"\$metadata"], ids=["companies", "metadata"])
@pytest.mark.parametrize("status", [403, 500])
def test_a_full_run_that_was_refused_is_made_good_by_the_next(rig: Rig, pattern: str, status: int) -> None:
    """Nothing of an entity was read, or of any: what somebody wanted swept is swept as soon as it can be."""
    _empty_cards(rig, 1)
    rig.run()
    rig.company.delete_customer(next(x.number for x in rig.company.customers.values() if x.name == "Card 0"))
    rig.company.delete_posted(next(x.id for x in rig.company.invoices.values() if x.posted))
    rig.advance(hours=1)
    rig.simulator.inject(Refuses(status, match=pattern))
    try_run(rig, full=True)
    rig.simulator.heal()
    rig.run()
    assert_true(rig)
    assert _owed(rig) == set()


def test_a_refused_full_run_of_some_owes_no_more_than_those(rig: Rig) -> None:
    """Nobody asked to read the others again."""
    rig.run()
    rig.simulator.inject(Refuses(403, match=r"/companies(\?|$)"))
    with pytest.raises(SyncError):
        rig.run_whole(full=True, entities=("contacts",))
    assert _owed(rig) == {"contacts"}


def test_records_made_during_a_sweep_are_not_judged_by_it(rig: Rig) -> None:
    """A record that lands between the start of a sweep and its end was seen by nobody, and is not gone."""
    rig.run()
    with rig.store.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE engine.stream SET sweep_started_at = now() - interval '1 hour' WHERE entity = 'customers'"
        )
    rig.advance(hours=1)
    rig.company.create_customer("Made in between")
    rig.run()
    rig.run(full=True)
    assert_true(rig)
