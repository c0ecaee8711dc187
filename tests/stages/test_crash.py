"""Killed at every commit and after every landed file, then run again: the result is that of an undisturbed run.

Dying before a commit leaves what dying after the one before it leaves, so every build dies after: at every commit of a run that
finds changes, at every third of a first load and of sweeps. CRASH_POINTS=all dies before and after, everywhere.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import psutil
import pytest
from sqlalchemy.engine import make_url

from sync_engine.platform import migrate
from sync_engine.platform.postgres import EmbeddedPostgres
from sync_engine.stages.normalise import normalise
from sync_engine.stages.pull import pull
from sync_engine.store.runs import open_run
from tests.connectors.support import Bench
from tests.stages.conftest import RigMaker
from tests.stages.happenings import small
from tests.stages.killing import Executioner, Killed
from tests.stages.snapshots import Snapshot, another_database, difference, snapshot
from tests.stages.support import Rig, bench_of, rig_on
from tests.stages.truth import assert_sound, assert_true

FEW = ("companyInformation", "customers", "salesInvoices", "ledgerEntriesApi", "detailedEntriesApi")
"""One entity of every way through the engine: one row, folded, staged with lines, ledger, applications."""
SHARES = 2
EVERYWHERE = os.environ.get("CRASH_POINTS") == "all"


def nothing(rig: Rig) -> None:
    """The first load: nothing is known."""


def changes(rig: Rig) -> None:
    """Two hours in which much is posted; found by cursors alone."""
    rig.run()
    rig.advance(hours=2)
    company = rig.company
    invoice = next(x for x in company.invoices.values() if x.posted)
    company.pay_invoice(invoice.id, Decimal(11))
    company.post_document(next(x for x in company.invoices.values() if not x.posted).id)
    customer = company.create_customer("New & Son")
    company.pay_invoice(company.post_invoice(customer.id, Decimal(300)).id, Decimal(100))
    company.edit_customer(invoice.customer_id, name="Renamed")
    company.post_journal_invoice(customer.id, Decimal(5))
    rig.advance(hours=1)


def deletions(rig: Rig) -> None:
    """A day later, with a customer and a document gone, an application undone: found by sweeps."""
    customer = rig.company.create_customer("Short-lived Ltd")
    rig.run()
    rig.company.delete_customer(customer.id)
    posted = [x for x in rig.company.invoices.values() if x.posted]
    rig.company.delete_posted(posted[0].id)
    rig.company.unapply(rig.company.applications_of(posted[1].entry_no or 0)[0])
    rig.advance(hours=30)


@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("scenario", [nothing, changes, deletions])
def test_killed_anywhere_the_next_run_makes_it_whole(
    monkeypatch: pytest.MonkeyPatch,
    migrated_template: str,
    tmp_path: Path,
    scenario: Callable[[Rig], None],
    share: int,
) -> None:
    """At each point the process dies and leaves everything as it is; the next run gives what an undisturbed one gives."""
    bench = bench_of(monkeypatch, world=small)
    with another_database(migrated_template) as base:
        with rig_on(bench, base, tmp_path / "lake", dimension=None) as rig:
            rig.only = FEW
            scenario(rig)
        (tmp_path / "lake").mkdir(exist_ok=True)
        points, whole = _undisturbed(bench, migrated_template, base, tmp_path)
        assert len(points) > 50, points
        deadly = [
            (number, point)
            for number, point in enumerate(points, 1)
            if EVERYWHERE or point.startswith("after")
        ]
        for number, point in deadly if EVERYWHERE or scenario is changes else deadly[::3]:
            if number % SHARES == share:
                _die_and_heal(bench, migrated_template, base, tmp_path, number, point, whole)


def _undisturbed(bench: Bench, server: str, base: str, folder: Path) -> tuple[list[str], Snapshot]:
    shutil.copytree(folder / "lake", folder / "whole")
    with (
        another_database(server, like=str(make_url(base).database)) as url,
        rig_on(bench, url, folder / "whole", dimension=None) as rig,
    ):
        rig.only = FEW
        watching = Executioner(rig.store, rig.lake)
        rig.run()
        assert_sound(rig)
        return watching.points, snapshot(rig.store)


def _die_and_heal(
    bench: Bench, server: str, base: str, folder: Path, number: int, point: str, whole: Snapshot
) -> None:
    where = f"killed at point {number}, {point}"
    lake = folder / str(number)
    shutil.copytree(folder / "lake", lake)
    with another_database(server, like=str(make_url(base).database)) as url:
        with rig_on(bench, url, lake, dimension=None) as victim:
            victim.only = FEW
            Executioner(victim.store, victim.lake, at=number)
            with pytest.raises(Killed):
                victim.run()
        with rig_on(bench, url, lake, dimension=None) as rig:
            rig.only = FEW
            rig.run()
            assert difference(snapshot(rig.store), whole) == {}, where
            assert_sound(rig)
    shutil.rmtree(lake)


VICTIM = """
import os, signal, sys
from pathlib import Path
import pytest
from tests.stages.happenings import small
from tests.stages.killing import Executioner
from tests.stages.support import bench_of, rig_on

url, lake, at = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
with pytest.MonkeyPatch.context() as patch, rig_on(bench_of(patch, world=small), url, lake) as rig:
    Executioner(rig.store, rig.lake, at=at, deed=lambda: os.kill(os.getpid(), signal.SIGKILL))
    rig.run_whole()
"""


@pytest.mark.slow
def test_a_killed_process_leaves_nothing_half_done(
    monkeypatch: pytest.MonkeyPatch, migrated_template: str, tmp_path: Path
) -> None:
    """SIGKILL, with its two threads at work: no open run, no lock and no orphan is left after the next run."""
    with another_database(migrated_template) as url:
        for at in (25, 120, 190):
            victim = [sys.executable, "-c", VICTIM, url, str(tmp_path / "lake"), str(at)]
            died = subprocess.run(victim, capture_output=True, text=True, timeout=240, check=False)
            assert died.returncode == -signal.SIGKILL, died.stderr[-2000:]
        with rig_on(bench_of(monkeypatch, world=small), url, tmp_path / "lake") as rig:
            assert rig.one("SELECT count(*) FROM engine.run WHERE finished_at IS NULL") == 1
            rig.run()
            assert_true(rig)
            assert_sound(rig)
            assert rig.one("SELECT count(*) FROM engine.run WHERE outcome = 'died'") == 3


@pytest.mark.slow
def test_a_crash_of_the_database_between_normalise_and_publish(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    tmp_path: Path,
) -> None:
    """PostgreSQL empties unlogged staging when it comes back; the epoch tells, and the lake is normalised again without the source."""
    home = tmp_path_factory.mktemp("pg")
    for folder in (home, *home.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/tmp"):  # noqa: S108 - its server's account must walk through
            folder.chmod(0o711)
    server = EmbeddedPostgres(home)
    try:
        url = server.start()
        migrate.upgrade(url)
        bench = bench_of(monkeypatch, world=small)
        with rig_on(bench, url, tmp_path / "lake") as rig:
            rig.run()
            rig.advance(hours=2)
            changes_again(rig)
            rig.run(entities=("detailedEntriesApi",))
            assert rig.one("SELECT count(*) FROM staging.bc__application") > 0
            with rig.source_run(
                open_run(rig.store, "bc", "changes", "test", rig.config.digest)
            ) as source_run:
                for entity in source_run.connector.streams:
                    pull(source_run, entity)
                for entity in source_run.streams():
                    normalise(source_run, entity)
            assert rig.one("SELECT count(*) FROM staging.bc__document") > 0
        _crash(server)
        with rig_on(bench, server.start(), tmp_path / "lake") as rig:
            assert (
                rig.one(
                    "SELECT (SELECT count(*) FROM staging.bc__document) + (SELECT count(*) FROM staging.bc__application)"
                )
                == 0
            )
            rig.run(entities=())
            assert_applications(rig)
            assert_true(rig)
            assert_sound(rig)
    finally:
        server.remove()


def assert_applications(rig: Rig) -> None:
    """Every application record that lives is a canonical row, and none waits."""
    missing = rig.rows("""
        SELECT r.key FROM engine.source_record r JOIN engine.stream s USING (stream_id)
        LEFT JOIN canonical.application a ON a.source = s.source AND a.external_id = r.key AND a.deleted_at IS NULL
        WHERE s.canonical = 'application' AND r.state = 0 AND r.deleted_at IS NULL AND a.id IS NULL
        """)
    assert missing == []
    assert rig.one("SELECT count(*) FROM staging.bc__application") == 0


@pytest.mark.parametrize(
    ("route", "applications"), [("custom_api", "detailedEntriesApi"), ("analytics", "ledgerEntriesAnalytics")]
)
def test_applications_that_waited_through_a_crash_come_back(
    make_rig: RigMaker, route: str, applications: str
) -> None:
    """A cut left one waiting for its entries, then the database loses what was staged, then the entries arrive."""
    rig = make_rig(route=route)
    rig.run()
    rig.advance(hours=2)
    invoice = next(x for x in rig.company.invoices.values() if x.posted)
    rig.company.pay_invoice(rig.company.post_invoice(invoice.customer_id, Decimal(300)).id, Decimal(100))
    rig.run(entities=(applications,))
    assert rig.one("SELECT count(*) FROM staging.bc__application") > 0
    for (table,) in rig.rows(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'staging' AND tablename LIKE 'bc\\_\\_%'"
    ):
        rig.execute(f"TRUNCATE staging.{table}")
    rig.run(entities=tuple(name for name in rig.connector().streams if name != applications))
    assert_applications(rig)
    assert_true(rig)
    assert_sound(rig)


def changes_again(rig: Rig) -> None:
    """Postings on an already loaded company."""
    invoice = next(x for x in rig.company.invoices.values() if x.posted)
    rig.company.pay_invoice(invoice.id, Decimal(11))
    rig.company.post_invoice(invoice.customer_id, Decimal(77))
    rig.company.edit_customer(invoice.customer_id, name="Renamed")


def _crash(server: EmbeddedPostgres) -> None:
    """What `pg_ctl stop -m immediate` does: everything dies at once, nothing is written first."""
    assert server.pid is not None
    postmaster = psutil.Process(server.pid)
    os.kill(postmaster.pid, signal.SIGQUIT)
    deadline = time.monotonic() + 30
    while (
        postmaster.is_running()
        and postmaster.status() != psutil.STATUS_ZOMBIE
        and time.monotonic() < deadline
    ):
        time.sleep(0.05)
