"""A document that cannot be used, on every ledger route: its receivable is kept by its ledger entry, or told as missing with its money."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from sync_engine.store.controls import Check
from tests.simulators.business_central.faults import Fault
from tests.simulators.business_central.spoiled_answers import InnerLink, MalformedRecord
from tests.stages.conftest import RigMaker
from tests.stages.support import ROUTES, Rig
from tests.stages.truth import assert_sound, open_amounts, true_open_amounts

CAUSES: dict[str, tuple[Callable[[str], Fault], str]] = {
    "lines are missing": (
        lambda number: InnerLink("salesInvoiceLines", keep=2, told=False, match="/salesInvoices"),
        "lines are missing",
    ),
    "its rest is blank": (
        lambda number: MalformedRecord("remainingAmount", None, record_id=number, match="/salesInvoices"),
        "remainingAmount is blank",
    ),
}
TELLS_WHAT_REMAINS = ("custom_api", "odata_page", "analytics")
OWED = Decimal(1250)
"""The only receivable of this amount."""


def posted(rig: Rig) -> str:
    """The number of an invoice of its own customer, with three lines."""
    customer = rig.company.create_customer("Waiting & Co")
    lines: list[dict[str, object]] = [
        {"description": f"line {n}", "quantity": n, "unit_price": 125} for n in (3, 5, 2)
    ]
    return rig.company.post_invoice(customer.id, lines=lines).number


def missing(rig: Rig) -> Check:
    """C14 of a run."""
    certificate = rig.run_whole().certificate
    assert certificate is not None
    assert certificate.missing is not None
    return certificate.missing


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("route", ROUTES)
def test_the_receivable_of_a_document_that_waits_is_not_lost(
    make_rig: RigMaker, route: str, cause: str
) -> None:
    """With a ledger that tells amounts the balance ties by the entry alone; without one the debtor owes less, and C14 says by how much."""
    rig = make_rig(route=route)
    number, (fault, says) = posted(rig), CAUSES[cause]
    rig.simulator.inject(fault(number))
    check = missing(rig)
    assert says in " ".join(message for (message,) in rig.rows("SELECT message FROM engine.quarantine"))
    assert (
        rig.one(
            "SELECT count(*) FROM canonical.document WHERE external_no = :n AND external_id NOT LIKE 'ledger/%'",
            n=number,
        )
        == 0
    )
    kept = rig.rows(
        "SELECT open_amount FROM canonical.document WHERE external_no = :n AND deleted_at IS NULL", n=number
    )
    if route in TELLS_WHAT_REMAINS:
        assert kept == [(OWED,)]
        assert open_amounts(rig) == true_open_amounts(rig.company)
        assert check.figures["money"] == {}
    else:
        assert kept in ([], [(None,)])
        assert check.figures["money"] == {"GBP": "1250.00"}
    rig.simulator.heal()
    rig.run(full=True)
    assert rig.rows("SELECT count(*) FROM engine.quarantine") == [(0,)]
    assert rig.document(number)["open_amount"] == OWED
    assert_sound(rig)
