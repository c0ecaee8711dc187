"""The law of incremental runs for NetSuite: whatever happens there, a chain of them leaves what a fresh full load would give.

PROPERTY_EXAMPLES sets how many histories are tried.
"""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st

from sync_engine.errors import SyncError
from tests.connectors.netsuite.account import InTheStore, in_the_store
from tests.connectors.netsuite.happenings import HAPPENINGS, happen, heal
from tests.connectors.netsuite.stage import NetSuiteStage, keys_into
from tests.stages.snapshots import another_database, difference, living

EXAMPLES = int(os.environ.get("PROPERTY_EXAMPLES", "3"))
RUN = ("run", 0, 0)
Step = tuple[str, int, int]
NIGHTS = {
    "an ordinary day": datetime(2026, 3, 3, 6, 0, tzinfo=UTC),
    "the night the clocks go back in America": datetime(2026, 11, 1, 7, 30, tzinfo=UTC),
    "the night the clocks go forward in America": datetime(2026, 3, 8, 8, 30, tzinfo=UTC),
    "the night the clocks go back in Europe": datetime(2026, 10, 24, 23, 30, tzinfo=UTC),
}
steps = st.lists(
    st.one_of(
        st.just(RUN), st.tuples(st.sampled_from(sorted(HAPPENINGS)), st.integers(0, 40), st.integers(1, 300))
    ),
    min_size=3,
    max_size=20,
).filter(lambda found: sum(step == RUN for step in found) <= 4)


def _run(account: InTheStore) -> None:
    """An incremental run; what is refused or not shown today is read tomorrow."""
    try:
        account.run(hours=0.2)
    except SyncError as error:
        note(f"run: {error}")


def _chain(account: InTheStore, found: list[Step]) -> None:
    _run(account)
    for step in found:
        if step == RUN:
            _run(account)
        else:
            happen(account.stage.books, *step)
    _run(account)
    heal(account.stage.books)
    account.run()


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    print_blob=True,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
@given(night=st.sampled_from(sorted(NIGHTS)), found=steps)
@example(night="an ordinary day", found=[("pay", 1, 40), RUN, ("unapply", 2, 1), RUN, ("merge", 1, 3)])
@example(
    night="an ordinary day",
    found=[("restrict", 2, 1), ("pay", 3, 50), RUN, ("restrict", 2, 1), RUN, ("void", 3, 1)],
)
@example(
    night="the night the clocks go back in America",
    found=[("rename", 1, 9), RUN, ("rename", 2, 30), ("pay", 1, 70), RUN, ("zone", 2, 1), ("rename", 3, 70)],
)
def test_a_chain_of_incremental_runs_equals_a_fresh_load(
    monkeypatch: pytest.MonkeyPatch, migrated_template: str, night: str, found: list[Step]
) -> None:
    """Payments and their undoing, voids, merges, moves, persons, currencies, roles, time zones, features, in any order and any night."""
    keys_into(monkeypatch)
    stage = NetSuiteStage()
    stage.books.time.at = NIGHTS[night]
    config = {"portfolio": {"dimension": "custentity_region", "move_brake": 1}, "sweep": {"brake": 1}}
    with (
        tempfile.TemporaryDirectory() as folder,
        another_database(migrated_template) as one,
        another_database(migrated_template) as other,
        in_the_store(stage, one, Path(folder) / "one", **config) as chained,
        in_the_store(stage, other, Path(folder) / "other", **config) as fresh,
    ):
        _chain(chained, found)
        fresh.run()
        assert difference(living(chained.store), living(fresh.store)) == {}
        assert chained.open_documents() == chained.true_open_documents()
        assert (
            chained.rows(
                "SELECT DISTINCT source FROM engine.source_record JOIN engine.stream USING (stream_id) WHERE dirty"
            )
            == []
        )
