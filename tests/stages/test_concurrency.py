"""Readers, second runs and pollers beside a run: nobody sees half a cut, nobody runs twice, nobody misses a change."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import pytest
from sqlalchemy import Engine, text

from sync_engine.errors import ConfigurationError
from sync_engine.store.change_feed import changes
from sync_engine.store.db import open_engine
from sync_engine.store.publishing import cut as cuts
from sync_engine.store.publishing import documents, settlements
from sync_engine.store.runs import source_lock
from tests.connectors.support import Bench
from tests.simulators.business_central.clock import SimulatorClock
from tests.simulators.business_central.world import Company
from tests.stages.conftest import RigMaker
from tests.stages.happenings import small
from tests.stages.snapshots import snapshot
from tests.stages.support import Rig, rig_on
from tests.stages.truth import assert_true

PATIENCE = 60.0

STATE = """
    SELECT (SELECT coalesce(max(cut_id), 0) FROM canonical.cut),
        (SELECT coalesce(sum(open_amount), 0) FROM canonical.document WHERE deleted_at IS NULL),
        (SELECT coalesce(sum(unapplied_amount), 0) FROM canonical.payment), (SELECT count(*) FROM canonical.debtor),
        (SELECT count(*) FROM canonical.document_line),
        (SELECT count(*) FROM canonical.document d WHERE NOT EXISTS (SELECT FROM canonical.debtor x WHERE x.id = d.debtor_id)),
        (SELECT coalesce(max(seq), 0) FROM canonical.change)
"""

HELD = r"bc: another run of this source is going on \(held since [\d :-]+ UTC by sync-engine, session \d+ of the database, role postgres\)\. Try again when it has ended; `sync-engine run bc --wait` waits"  # noqa: E501


class Watch:
    """A reader in a thread of its own; `pause` lets a publish wait until it has read again."""

    def __init__(self, store: Engine) -> None:
        self.states: list[tuple[Any, ...]] = []
        self._store, self._stop, self._read = store, threading.Event(), threading.Condition()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(PATIENCE)

    def pause(self) -> None:
        """Two whole readings from now."""
        with self._read:
            wanted = len(self.states) + 2
            assert self._read.wait_for(lambda: len(self.states) >= wanted, PATIENCE)

    def _watch(self) -> None:
        with self._store.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            while not self._stop.is_set():
                state = tuple(connection.execute(text(STATE)).one())
                connection.rollback()
                with self._read:
                    self.states.append(state)
                    self._read.notify_all()
                time.sleep(0.005)


def test_a_reader_sees_the_old_cut_or_the_new_one(
    rig: Rig, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held up at many places inside the publish, a reader still finds the whole old cut; after it, the whole new one; nothing between."""
    rig.run()
    rig.advance(hours=1)
    customer = rig.company.create_customer("New & Son")
    rig.company.pay_invoice(rig.company.post_invoice(customer.id, Decimal(300)).id, Decimal(100))
    rig.company.post_payment(customer.id, Decimal(5))
    reading = open_engine(database)
    with Watch(reading) as watch:
        watch.pause()
        for module, name in (
            (documents, "merge_documents"),
            (documents, "merge_lines"),
            (settlements, "publish_payments"),
            (documents, "clear_staging"),
        ):
            _pausing(monkeypatch, module, name, watch)
        outcome = rig.run()
        watch.pause()
    reading.dispose()
    cut_ids = sorted({state[0] for state in watch.states})
    assert cut_ids[-1] == outcome.cut.cut_id
    assert len(cut_ids) == 2
    assert {state[0]: state for state in watch.states} == {
        state[0]: state for state in reversed(watch.states)
    }, "one cut, two states"
    assert len(set(watch.states)) == 2
    assert {state[5] for state in watch.states} == {0}


def _pausing(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, watch: Watch) -> None:
    inner = getattr(module, name)

    def paused(cut: Any) -> Any:
        watch.pause()
        found = inner(cut)
        watch.pause()
        return found

    monkeypatch.setattr(module, name, paused)


def test_a_second_run_of_the_same_source_is_refused(rig: Rig) -> None:
    """Two runs of one source at once: the second says so and touches nothing."""
    with source_lock(rig.store, "bc", wait=False), pytest.raises(ConfigurationError, match=HELD):
        rig.run()
    assert rig.one("SELECT count(*) FROM engine.run") == 0
    rig.run()


def test_a_second_run_waits_when_told_to(rig: Rig, database: str) -> None:
    """With wait=True the second starts when the first is done."""
    other = open_engine(database)
    with ThreadPoolExecutor(1) as pool:
        with source_lock(other, "bc", wait=False):
            second = pool.submit(rig.run_whole, wait=True)
            time.sleep(0.5)
            assert not second.done()
            assert rig.one("SELECT count(*) FROM engine.run") == 0
        assert second.result(PATIENCE).outcome in ("succeeded", "held")
    other.dispose()
    assert_true(rig)


def second_company(bench: Bench) -> Bench:
    """Another company of the same installation, with numbers of its own."""
    company: Company = bench.simulator.world.add_company(
        "ÅKESSON AB", "Åkesson", local_currency="SEK", country="SE"
    )
    company.numbers["customer"] = 70000
    small(company, SimulatorClock(bench.hands.now()))
    return Bench(bench.simulator, company, bench.hands)


@contextmanager
def two(make_rig: RigMaker, database: str, tmp_path: Path) -> Iterator[tuple[Rig, Rig]]:
    """Two sources in one store."""
    one = make_rig(world=small)
    with rig_on(second_company(one.bench), database, tmp_path / "lake", source="nordic") as other:
        yield one, other


def test_two_sources_leave_each_other_alone(make_rig: RigMaker, database: str, tmp_path: Path) -> None:
    """Rows of one source do not move when another is loaded, changed, swept and deleted from."""
    with two(make_rig, database, tmp_path) as (one, other):
        one.run()
        before = snapshot(one.store)
        other.run()
        between = snapshot(one.store)
        assert all(rows <= between[table] for table, rows in before.items())
        theirs = snapshot(one.store, source="nordic")
        assert not any(theirs[table] & rows for table, rows in snapshot(one.store, source="bc").items())
        one.advance(hours=30)
        one.company.post_invoice(next(iter(one.company.customers.values())).id, Decimal(7))
        one.company.delete_contact(
            next(x.number for x in one.company.contacts.values() if x.type == "Person")
        )
        one.run()
        assert snapshot(one.store, source="nordic") == theirs
        assert other.run().cut.changes == 0


def test_a_poller_misses_nothing_while_two_sources_publish(
    make_rig: RigMaker, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`seq > :last` is enough: the cut that numbered its changes first commits first, however slow it is."""
    inner, slow = changes.flush_changes, threading.Event()

    def flushing(*given: Any, **named: Any) -> int:
        written = inner(*given, **named)
        if not slow.is_set():
            slow.set()
            time.sleep(1.0)  # numbered, not committed: the other source arrives here now
        return written

    monkeypatch.setattr(cuts, "flush_changes", flushing)
    with (
        two(make_rig, database, tmp_path) as (one, other),
        Feed(database) as feed,
        ThreadPoolExecutor(2) as pool,
    ):
        for run in [pool.submit(one.run), pool.submit(other.run)]:
            run.result(PATIENCE)
        feed.wait_until_quiet()
        everything = [seq for (seq,) in one.rows("SELECT seq FROM canonical.change ORDER BY seq")]
    assert feed.seen == everything


class Feed:
    """An application that follows the change feed by its number."""

    def __init__(self, url: str) -> None:
        self.seen: list[int] = []
        self._store, self._stop = open_engine(url), threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(PATIENCE)
        self._store.dispose()

    def wait_until_quiet(self) -> None:
        """A moment in which nothing new came."""
        count = -1
        while count != len(self.seen):
            count = len(self.seen)
            time.sleep(0.3)

    def _poll(self) -> None:
        while not self._stop.is_set():
            with self._store.connect() as connection:
                last = self.seen[-1] if self.seen else 0
                self.seen += [
                    seq
                    for (seq,) in connection.execute(
                        text("SELECT seq FROM canonical.change WHERE seq > :last ORDER BY seq"),
                        {"last": last},
                    )
                ]
            time.sleep(0.01)
