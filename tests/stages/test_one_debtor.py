"""Resync of one debtor: its closure arrives at once, and neither cursors nor sweeps notice."""

from __future__ import annotations

from decimal import Decimal

from tests.stages.support import Rig, assert_sound, assert_true, open_amounts, true_open_amounts


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
