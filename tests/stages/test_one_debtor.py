"""Resync of one debtor: its closure arrives at once, and neither cursors nor sweeps notice."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sync_engine.errors import ConfigurationError
from sync_engine.ops.inspect import overview
from sync_engine.ops.runs.rehearsal import rehearse_debtor
from sync_engine.ops.runs.replay import replay_source
from sync_engine.store.runs import source_lock
from tests.stages.snapshots import difference, snapshot
from tests.stages.support import Rig
from tests.stages.truth import assert_sound, assert_true, open_amounts, true_open_amounts


def test_one_debtor_is_brought_up_to_date_at_once(rig: Rig) -> None:
    """Card, contacts, dimensions, documents and money of that debtor; the others wait for their run, and miss nothing."""
    rig.run()
    one, other = list(rig.company.customers.values())[1:3]
    rig.advance(hours=1)
    for customer in (one, other):
        rig.company.edit_customer(customer.id, name=f"{customer.name} renamed")
        rig.company.pay_invoice(rig.company.post_invoice(customer.id, Decimal(60)).id, Decimal(10))
        rig.company.set_default_dimension(customer.number, "CUSTOMERGROUP", "LARGE")
        rig.company.create_contact("Nya Namn", customer=customer.number, job_title="CFO")
    rig.run_whole(debtor=one.number)
    mine = {key: figures for key, figures in true_open_amounts(rig.company).items() if key[0] == one.id}
    assert {key: figures for key, figures in open_amounts(rig).items() if key[0] == one.id} == mine
    assert rig.debtor(one.number)["name"].endswith("renamed")
    assert not rig.debtor(other.number)["name"].endswith("renamed")
    rig.run()
    assert_true(rig)
    assert_sound(rig)


def test_a_debtor_that_is_gone_is_told(rig: Rig) -> None:
    """Asking for a deleted customer buries it without waiting for a sweep."""
    customer = rig.company.create_customer("Short-lived Ltd")
    rig.run()
    rig.company.delete_customer(customer.id)
    rig.run_whole(debtor=customer.id)
    assert rig.one("SELECT deleted_at IS NOT NULL FROM canonical.debtor WHERE name = 'Short-lived Ltd'")
    rig.run(full=True)
    assert_true(rig)


def test_a_rehearsal_tells_what_the_resync_then_does_and_changes_nothing(rig: Rig) -> None:
    """Card, contact, invoice, money, portfolio: the same changes as afterwards for real; until then no row, no file, no cursor is another."""
    rig.run()
    one = list(rig.company.customers.values())[1]
    rig.advance(hours=1)
    rig.company.edit_customer(one.id, name=f"{one.name} renamed")
    rig.company.pay_invoice(rig.company.post_invoice(one.id, Decimal(60)).id, Decimal(10))
    rig.company.set_default_dimension(one.number, "CUSTOMERGROUP", "LARGE")
    rig.company.create_contact("Nya Namn", customer=one.number, job_title="CFO")
    before, files, cursors = (
        snapshot(rig.store),
        rig.files(),
        rig.rows("SELECT * FROM engine.stream ORDER BY 1"),
    )
    found = rehearse_debtor(rig.runtime, rig.config, one.number, connector=rig.connector())
    assert difference(before, snapshot(rig.store)) == {}
    assert (rig.files(), rig.rows("SELECT * FROM engine.stream ORDER BY 1")) == (files, cursors)
    assert {"customers", "salesInvoices", "ledgerEntriesApi", "contacts", "defaultDimensions"} <= set(
        found.read
    )
    last = overview.newest_change(rig.store)
    rig.run_whole(debtor=one.number)
    real = overview.changes_since(rig.store, last)
    told = {(c.entity, c.op, c.field, str(c.old), str(c.new)) for c in found.changes}
    assert told == {(c.entity, c.op, c.field, str(c.old), str(c.new)) for c in real}
    assert {
        ("debtor", "name"),
        ("debtor", "portfolio_id"),
        ("document", None),
        ("payment", None),
        ("contact", None),
    } <= {(e, f) for e, _, f, *_ in told}
    assert rehearse_debtor(rig.runtime, rig.config, one.number, connector=rig.connector()).changes == []


def test_a_rehearsal_waits_its_turn(rig: Rig) -> None:
    """While a run goes on it is refused, as a run would be."""
    rig.run()
    with (
        source_lock(rig.store, "bc", wait=False),
        pytest.raises(ConfigurationError, match="another run of this source"),
    ):
        rehearse_debtor(rig.runtime, rig.config, "10000", connector=rig.connector())


def test_a_rehearsal_of_a_debtor_nobody_knows_changes_nothing_either(rig: Rig) -> None:
    """The source knows nothing of it, and that is what is said."""
    rig.run()
    before = snapshot(rig.store)
    found = rehearse_debtor(
        rig.runtime, rig.config, "00000000-0000-0000-0000-00000000abcd", connector=rig.connector()
    )
    assert (sum(found.read.values()), found.changes) == (0, [])
    assert difference(before, snapshot(rig.store)) == {}


def test_a_replay_writes_nothing_where_nothing_differs(rig: Rig) -> None:
    """Of every record the latest landed version counts, although older ones were landed too."""
    rig.run()
    for customer in list(rig.company.customers.values())[:3]:
        rig.advance(hours=1)
        rig.company.edit_customer(customer.id, name=f"{customer.name} renamed")
        rig.company.pay_invoice(rig.company.post_invoice(customer.id, Decimal(60)).id, Decimal(10))
        rig.run()
    before = snapshot(rig.store)
    replayed = replay_source(rig.runtime, rig.config)
    assert replayed.published is not None
    assert replayed.published.changes == 0
    assert difference(before, snapshot(rig.store)) == {}
    assert_true(rig)
    assert_sound(rig)
