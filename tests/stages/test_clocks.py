"""Stamps from the future and clocks that are wrong: nothing stops for good, and both are told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.stages.conftest import RigMaker
from tests.stages.happenings import small
from tests.stages.support import Ahead, Rig

FAR = datetime(2031, 5, 1, tzinfo=UTC)


def test_a_customer_stamped_in_2031_hides_no_other(rig: Rig) -> None:
    """What others change is read in the next run, and the stamp is told in the run and in its step."""
    odd, other, *_ = rig.company.customers.values()
    odd.modified_at = FAR
    assert "stamped later" in rig.run_whole().notes["customers"]
    rig.advance(hours=1)
    rig.company.edit_customer(other.number, name="Renamed Ltd")
    ran = rig.run_whole()
    assert ran.outcome == "succeeded"
    assert rig.debtor(other.number)["name"] == "Renamed Ltd"
    assert "stamped later" in rig.one(
        "SELECT error FROM engine.run_step WHERE run_id = :r AND stage = 'pull' AND entity = 'customers'",
        r=ran.run_id,
    )


def test_a_cursor_that_stands_in_the_future_is_not_believed(rig: Rig) -> None:
    """A store whose cursor followed such a stamp already heals by reading everything once."""
    rig.run()
    rig.execute(
        "UPDATE engine.stream SET cursor = '{\"at\":\"2031-05-01T00:00:00Z\"}' WHERE entity = 'customers'"
    )
    rig.advance(hours=1)
    other = next(iter(rig.company.customers.values()))
    rig.company.edit_customer(other.number, name="Renamed Ltd")
    rig.run()
    assert rig.debtor(other.number)["name"] == "Renamed Ltd"


@pytest.mark.parametrize("route", ["custom_api", "odata_page"])
def test_a_closing_date_in_the_future_that_a_cursor_followed_is_not_believed(
    make_rig: RigMaker, route: str
) -> None:
    """A store whose ledger cursor followed a payment dated 2031 heals by reading the whole ledger once, and stands on a day of the server's then."""
    rig = make_rig(world=small, route=route)
    rig.run()
    where = "engine.stream WHERE entity LIKE 'ledgerEntries%' AND canonical = 'ledger_entry'"
    cursor = json.loads(rig.one(f"SELECT cursor FROM {where}"))
    rig.execute(
        f"UPDATE {where.replace('WHERE', 'SET cursor = :c WHERE')}",
        c=json.dumps(cursor | {"closed": "2031-05-01"}),
    )
    rig.run()
    assert json.loads(rig.one(f"SELECT cursor FROM {where}")).get("closed", "") < "2031"


@pytest.mark.parametrize("route", ["custom_api", "reports_finance"])
def test_an_entry_stamped_in_2031_hides_no_payment(make_rig: RigMaker, route: str) -> None:
    """The ledger goes on by stamps of its own that are believed."""
    rig = make_rig(world=small, route=route)
    first, *_ = rig.company.entries.values()
    first.modified_at = FAR
    rig.run()
    rig.advance(hours=1)
    owed = next(
        invoice
        for invoice in rig.company.invoices.values()
        if invoice.posted and rig.company.remaining_of(invoice)
    )
    rig.company.pay_invoice(owed.id)
    rig.run()
    assert rig.document(owed.number)["open_amount"] == 0


def test_a_clock_400_days_ahead_for_one_run_stops_no_sweep(rig: Rig) -> None:
    """The source's own time is used, the clock is told, and the next day's sweep finds what was deleted."""
    rig.run_whole()
    rig.clock = Ahead(rig.bench.hands, timedelta(days=400))
    ran = rig.run_whole(full=True)
    assert "400 days ahead of the source's" in ran.notes["customers"]
    assert rig.one("SELECT max(swept_at) FROM engine.stream") <= rig.bench.hands.now()
    assert rig.one("SELECT max(as_of) FROM canonical.cut") <= rig.bench.hands.now()
    rig.clock = None
    gone = rig.company.create_customer("Gone Ltd")
    rig.run_whole()
    rig.company.delete_customer(gone.number)
    rig.advance(hours=25)
    rig.run_whole()
    assert (
        rig.one("SELECT deleted_at IS NOT NULL FROM canonical.debtor WHERE number = :n", n=gone.number)
        is True
    )


def test_a_sweep_in_the_future_is_due(rig: Rig) -> None:
    """A store that a wrong clock wrote to before heals: what was swept tomorrow is swept again."""
    rig.run()
    rig.execute("UPDATE engine.stream SET swept_at = swept_at + interval '400 days'")
    gone = rig.company.create_customer("Gone Ltd")
    rig.run()
    rig.company.delete_customer(gone.number)
    rig.execute("UPDATE engine.stream SET swept_at = swept_at + interval '400 days'")
    rig.run()
    assert (
        rig.one("SELECT deleted_at IS NOT NULL FROM canonical.debtor WHERE number = :n", n=gone.number)
        is True
    )
