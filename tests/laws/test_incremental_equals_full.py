"""The law of incremental runs: whatever happens in the ERP, a chain of them leaves what a fresh full load would give.

PROPERTY_EXAMPLES sets how many sequences are tried.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st

from sync_engine.errors import SyncError
from tests.stages.happenings import HAPPENINGS, happen, small
from tests.stages.support import (
    ROUTES,
    Rig,
    another_database,
    assert_sound,
    assert_true,
    bench_of,
    difference,
    living,
    open_invoices,
    rig_on,
    true_open_invoices,
)

EXAMPLES = int(os.environ.get("PROPERTY_EXAMPLES", "3"))
RUN = ("run", 0, 0)
Step = tuple[str, int, int]

steps = st.lists(
    st.one_of(st.just(RUN), st.tuples(st.sampled_from(sorted(HAPPENINGS)), st.integers(0, 40), st.integers(1, 400))), min_size=3, max_size=24,
).filter(lambda found: sum(step == RUN for step in found) <= 3)


def _run(rig: Rig) -> None:
    """An incremental run; what the source refuses today is read tomorrow."""
    try:
        rig.run(tolerant=True)
    except SyncError as error:
        note(f"run: {error}")
    rig.simulator.heal()


def _chain(rig: Rig, found: list[Step]) -> None:
    _run(rig)
    for step in found:
        if step == RUN:
            _run(rig)
        else:
            happen(rig.bench, *step)
    _run(rig)
    rig.advance(hours=30)
    rig.run()


@settings(
    max_examples=EXAMPLES, deadline=None, print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(route=st.sampled_from(ROUTES), found=steps)
@example(route="custom_api", found=[("delete value", 0, 1), RUN, ("unapply", 0, 1), ("delete posted", 1, 1), RUN, ("negative invoice", 0, 9), ("cancel", 2, 1)])
@example(route="custom_api", found=[RUN, ("pay", 38, 46), ("delete customer", 23, 13), ("negative invoice", 22, 302)])
def test_a_chain_of_incremental_runs_equals_a_fresh_load(monkeypatch: pytest.MonkeyPatch, migrated_template: str, route: str, found: list[Step]) -> None:
    """Edits, postings, payments, un-applications, renames, deletions and faults, in any order, read by any ledger route."""
    with tempfile.TemporaryDirectory() as folder, another_database(migrated_template) as one, another_database(migrated_template) as other:
        bench, config = bench_of(monkeypatch, world=small), {"route": route, "sweep": {"brake": 1}}
        with rig_on(bench, one, Path(folder) / "one", **config) as chained, rig_on(bench, other, Path(folder) / "other", **config) as fresh:
            _chain(chained, found)
            fresh.run()
            assert difference(living(chained.store), living(fresh.store)) == {}
            assert_sound(chained)
            if route in ("custom_api", "odata_page", "analytics"):
                assert_true(chained)
            assert open_invoices(chained) == true_open_invoices(chained.company)
