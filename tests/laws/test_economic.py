"""The law of incremental runs for e-conomic: whatever happened in the books, a chain of runs leaves what a fresh load would give.

PROPERTY_EXAMPLES sets how many histories are tried.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st

from sync_engine.errors import SyncError
from sync_engine.store.db import open_engine
from tests.connectors.economic.happenings import HAPPENINGS, heal
from tests.connectors.economic.stage import EconomicStage, stage
from tests.connectors.economic.support import Company
from tests.stages.snapshots import another_database, difference, living

EXAMPLES = int(os.environ.get("PROPERTY_EXAMPLES", "3"))
RUN = ("run", 0, 0)
Step = tuple[str, int, int]
steps = st.lists(
    st.one_of(
        st.just(RUN), st.tuples(st.sampled_from(sorted(HAPPENINGS)), st.integers(0, 20), st.integers(1, 90))
    ),
    min_size=4,
    max_size=24,
).filter(lambda found: sum(step == RUN for step in found) <= 3)


@contextmanager
def company_of(there: EconomicStage, url: str, lake: Path) -> Iterator[Company]:
    """A company over these books, with a database and a lake of its own."""
    store = open_engine(url)
    try:
        yield Company(there, store, lake)
    finally:
        store.dispose()


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
@given(found=steps)
@example(
    found=[("pay", 0, 20), ("pay", 2, 30), RUN, ("unmatch", 1, 1), ("match", 2, 1), ("book in a hole", 3, 40), RUN, ("credit", 4, 50), ("match", 4, 1)],
)  # fmt: skip
@example(
    found=[("new customer", 1, 5), RUN, ("delete customer", 0, 1), ("new customer", 1, 6), ("switch module", 0, 0), RUN,
           ("raise version", 0, 0), ("book", 2, 9)],
)  # fmt: skip
@example(
    found=[
        ("new customer", 1, 5),
        RUN,
        ("renumber", 0, 3),
        ("renumber", 4, 2),
        RUN,
        ("book", 0, 9),
        ("delete customer", 0, 1),
    ]
)
@example(found=[("book", 17, 45), ("raise version", 0, 0), RUN, ("book", 2, 9), RUN])
@example(
    found=[
        ("withdraw token", 0, 0),
        RUN,
        ("contacts", 1, 2),
        ("edit", 3, 8),
        RUN,
        ("regroup", 3, 2),
        ("other entry", 2, 20),
    ]
)
def test_a_chain_of_runs_equals_a_fresh_load_and_the_books(
    monkeypatch: pytest.MonkeyPatch, migrated_template: str, found: list[Step]
) -> None:
    """Bookings, holes, payments in part and at other rates, matching and un-matching, other numbers, deletes and re-use, faults and what heals them."""
    with (
        tempfile.TemporaryDirectory() as folder,
        another_database(migrated_template) as one,
        another_database(migrated_template) as other,
    ):
        there = stage(monkeypatch)
        with (
            company_of(there, one, Path(folder) / "one") as chained,
            company_of(there, other, Path(folder) / "other") as fresh,
        ):
            chained.run()
            for what, n, amount in found:
                if what != "run":
                    there.books.time.sleep(60)
                    HAPPENINGS[what](there, n, amount)
                    continue
                try:
                    chained.run()
                except SyncError as failure:
                    note(f"run: {failure}")
                heal(there)
            heal(there)
            chained.run()
            while chained.settle():
                chained.run()
            assert chained.open_items() == chained.true_open_items()
            assert chained.settled() == chained.true_settled()
            chained.run(hours=30)
            fresh.run()
            assert difference(living(chained.store), living(fresh.store)) == {}
            for reader in (chained, fresh):
                assert reader.open_items() == reader.true_open_items()
                assert reader.settled() == reader.true_settled()
                assert reader.portfolios() == reader.true_portfolios()
            again = chained.run()
            assert again.published is not None
            assert again.published.changes == 0
            assert again.certificate is not None
            assert again.certificate.grade == "A", again.certificate.sentence
