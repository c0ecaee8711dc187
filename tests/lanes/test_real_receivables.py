"""Real receivables through the whole lane: the ERP's wire, the lake, the cut, and the figures read from the canonical views."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from tests.connectors.support import Bench, Hands
from tests.lanes.support import LaneMaker, SourceRun
from tests.simulators.business_central import (
    BusinessCentralSimulator,
    Installation,
    World,
    find_histories,
    from_late_payment_histories,
)

MID_2013 = date(2013, 6, 30)


@pytest.fixture
def source_run(monkeypatch: pytest.MonkeyPatch, make_lane: LaneMaker) -> SourceRun:
    """A lane over the histories, run once."""
    found = find_histories()
    if found is None:
        pytest.skip("optional data: late_payment_histories.csv is not beside the checkout")
    hands, installation = Hands(), Installation()
    monkeypatch.setenv("BC_TEST_SECRET", installation.client_secret)
    world = World(hands.time, seed=7, installation=installation)
    company = from_late_payment_histories(world, found)
    source_run = make_lane(
        there=Bench(BusinessCentralSimulator(world, sleep=hands.sleep), company, hands), dimension="COUNTRY"
    )
    assert source_run.run().outcome == "succeeded"
    return source_run


def test_the_answers_that_the_file_itself_gives(source_run: SourceRun) -> None:
    """Total, disputes, mean days late, mean days to settlement, portfolios; half-way, what is open is what the ledger had open then."""
    assert source_run.one(
        "SELECT sum(total) FROM canonical.document WHERE kind = 'invoice' AND deleted_at IS NULL"
    ) == Decimal("147703.18")
    assert source_run.one("SELECT count(*) FROM canonical.document WHERE dispute_reason IS NOT NULL") == 561
    metrics = dict(
        source_run.rows(
            "SELECT metric, value FROM canonical.metrics WHERE scope = 'overall' AND value IS NOT NULL"
        )
    )
    assert float(metrics["mean_days_late"]) == pytest.approx(3.442416869424169, abs=1e-12)
    assert float(metrics["avg_days_invoice_to_payment"]) == pytest.approx(26.4448499594485, abs=1e-12)
    assert source_run.rows("SELECT * FROM canonical.open_items") == []
    assert source_run.rows(
        "SELECT portfolio, count(debtor_id) FROM canonical.portfolio_members GROUP BY 1 ORDER BY 1"
    ) == sorted(
        (value.name, sum(1 for x in source_run.company.default_dimensions.values() if x.value_id == value.id))
        for value in source_run.company.dimension_values.values()
    )
    ageing = source_run.one("SELECT sum(open_amount) FROM canonical.ageing_at(:t)", t=MID_2013)
    assert ageing == sum(source_run.company.ageing(MID_2013).values())
    assert source_run.one("SELECT grade FROM canonical.grade") == "A"
