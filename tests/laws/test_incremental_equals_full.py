"""The law of incremental runs: whatever happens in the ERP, a chain of them leaves what a fresh full load would give.

PROPERTY_EXAMPLES sets how many sequences are tried.
"""

from __future__ import annotations

import os
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st

from sync_engine.errors import SyncError
from sync_engine.store.publishing.orphans import HISTORY
from tests.simulators.business_central.records import Customer
from tests.stages.happenings import HAPPENINGS, happen, small
from tests.stages.snapshots import another_database, difference, living
from tests.stages.support import ROUTES, Rig, bench_of, rig_on
from tests.stages.truth import assert_sound, assert_true, open_invoices, true_open_invoices

EXAMPLES = int(os.environ.get("PROPERTY_EXAMPLES", "3"))
RUN = ("run", 0, 0)
Step = tuple[str, int, int]

steps = st.lists(
    st.one_of(
        st.just(RUN), st.tuples(st.sampled_from(sorted(HAPPENINGS)), st.integers(0, 40), st.integers(1, 400))
    ),
    min_size=3,
    max_size=24,
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
    max_examples=EXAMPLES,
    deadline=None,
    print_blob=True,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
@given(route=st.sampled_from(ROUTES), found=steps)
@example(
    route="custom_api",
    found=[
        ("delete value", 0, 1),
        RUN,
        ("unapply", 0, 1),
        ("delete posted", 1, 1),
        RUN,
        ("negative invoice", 0, 9),
        ("cancel", 2, 1),
    ],
)
@example(route="invoices", found=[RUN, ("release", 0, 1)])
@example(route="reports_finance", found=[RUN, ("release", 0, 1)])
@example(
    route="custom_api",
    found=[RUN, ("pay", 38, 46), ("delete customer", 23, 13), ("negative invoice", 22, 302)],
)
def test_a_chain_of_incremental_runs_equals_a_fresh_load(
    monkeypatch: pytest.MonkeyPatch, migrated_template: str, route: str, found: list[Step]
) -> None:
    """Edits, postings, payments, un-applications, renames, deletions and faults, in any order, read by any ledger route.

    Without any ledger a released invoice says Open as a posted one does; doctor and certificate (C13) name that.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        another_database(migrated_template) as one,
        another_database(migrated_template) as other,
    ):
        bench, config = bench_of(monkeypatch, world=small), {"route": route, "sweep": {"brake": 1}}
        with (
            rig_on(bench, one, Path(folder) / "one", **config) as chained,
            rig_on(bench, other, Path(folder) / "other", **config) as fresh,
        ):
            _chain(chained, found)
            fresh.run()
            assert difference(living(chained.store), living(fresh.store)) == {}
            assert_sound(chained)
            if route in ("custom_api", "odata_page", "analytics"):
                assert_true(chained)
            assert open_invoices(chained) == true_open_invoices(chained.company, released=route == "invoices")


@pytest.mark.parametrize("route", ROUTES)
def test_a_deleted_debtor_is_history_to_those_who_knew_it(
    monkeypatch: pytest.MonkeyPatch, migrated_template: str, tmp_path: Path, route: str
) -> None:
    """The chain keeps what it saw under a tombstone; a fresh load excludes it and says why. What lives, what is open, every figure is the same.

    Deliberate (CANONICAL, rules of the data): history is not thrown away, and nobody is invented to attach it to.
    """
    with another_database(migrated_template) as one, another_database(migrated_template) as other:
        bench, config = bench_of(monkeypatch, world=small), {"route": route, "sweep": {"brake": 1}}
        with (
            rig_on(bench, one, tmp_path / "one", **config) as chained,
            rig_on(bench, other, tmp_path / "other", **config) as fresh,
        ):
            customer = _settled_and_known(chained)
            bench.company.delete_customer(customer.number)
            chained.advance(hours=30)
            for rig in (chained, fresh):
                rig.run_whole()
            assert difference(living(chained.store), living(fresh.store)) == {}
            theirs = "SELECT count(*) FROM canonical.document d JOIN canonical.debtor b ON b.id = d.debtor_id WHERE b.external_no = :n AND d.deleted_at IS NULL"
            assert (chained.one(theirs, n=customer.number) > 0, fresh.one(theirs, n=customer.number)) == (
                True,
                0,
            )
            assert (
                chained.one(
                    "SELECT deleted_at IS NOT NULL FROM canonical.debtor WHERE external_no = :n",
                    n=customer.number,
                )
                is True
            )
            assert {
                reason
                for (reason,) in fresh.rows(
                    "SELECT DISTINCT reason FROM engine.source_record WHERE reason LIKE '%debtor%'"
                )
            } == {HISTORY}
            for rig in (chained, fresh):
                assert rig.rows("SELECT message FROM engine.quarantine") == []
                assert_sound(rig)
            for figures in ("open_items", "debtor_balance", "ageing_summary", "debtor_metrics", "grade"):
                assert _figures(chained, figures) == _figures(fresh, figures), figures
            fresh.run()
            assert fresh.one("SELECT count(*) FROM canonical.document WHERE debtor_id IS NULL") == 0


def _settled_and_known(rig: Rig) -> Customer:
    """A customer with a paid invoice, a refunded payment and an applied credit memo, all of it read."""
    company = rig.company
    customer = company.create_customer("Short-lived Ltd")
    invoice = company.post_invoice(customer.id, Decimal(100))
    company.post_credit_memo(customer.id, Decimal(40), applies_to=invoice.number)
    company.pay_invoice(invoice.id)
    money = company.post_payment(customer.id, Decimal(7))
    company.post_refund(customer.id, Decimal(7), apply_to=money.entry_no)
    rig.run()
    return customer


def _figures(rig: Rig, view: str) -> set[tuple[object, ...]]:
    """A view without what tells when, which cut, and how much history was left out."""
    columns = [
        c
        for (c,) in rig.rows(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'canonical' AND table_name = :v",
            v=view,
        )
    ]
    apart = {"cut_id", "as_of", "published_at", "n_excluded", "ledger_date", "first_seen_at", "changed_at"}
    listed = ", ".join(f"CAST({c} AS text)" for c in columns if c not in apart)
    alive = " WHERE out_because IS DISTINCT FROM 'debtor_deleted'" if "out_because" in columns else ""
    return {tuple(row) for row in rig.rows(f"SELECT {listed} FROM canonical.{view}{alive}")}
