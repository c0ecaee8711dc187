"""What goes wrong at night: each failure says what, whose and what to do; nothing is lost, and the next run heals."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from connectors.business_central.connector import BusinessCentral
from sync_engine.errors import AuthenticationFailed, CursorExpired, StoreError, SyncError
from sync_engine.records import Cursor, RecordBatch
from sync_engine.stages.pull import pull
from sync_engine.store.controls import Check, completeness, settlement
from sync_engine.store.controls.context import Ground
from sync_engine.store.publishing import documents
from sync_engine.store.runs import open_run
from tests.simulators.business_central.faults import ExpiresToken, ServerBusy
from tests.stages.conftest import RigMaker
from tests.stages.snapshots import snapshot
from tests.stages.support import SECRET, Rig
from tests.stages.truth import assert_sound, assert_true


def _change(rig: Rig) -> None:
    rig.advance(hours=1)
    invoice = next(x for x in rig.company.invoices.values() if x.posted and rig.company.remaining_of(x))
    rig.company.pay_invoice(invoice.id, Decimal(3))
    rig.company.post_invoice(invoice.customer_id, Decimal(41))
    rig.company.edit_customer(invoice.customer_id, name="Renamed")


def _heals(rig: Rig) -> None:
    rig.run()
    assert_true(rig)
    assert_sound(rig)


@pytest.mark.parametrize("file", [1, 3, 5])
def test_the_disk_of_the_lake_is_full(rig: Rig, monkeypatch: pytest.MonkeyPatch, file: int) -> None:
    """ENOSPC at any file: the run fails with what to free, canonical stays as it was, no cursor moved past what is missing."""
    rig.run()
    before = snapshot(rig.store)
    _change(rig)
    inner, written = rig.lake._put, []

    def full(path: str, data: bytes) -> None:
        written.append(path)
        if len(written) >= file:
            raise OSError(errno.ENOSPC, "No space left on device")
        inner(path, data)

    monkeypatch.setattr(rig.lake, "_put", full)
    with pytest.raises(
        StoreError, match=r"the lake could not be written \(No space left on device\)"
    ) as failure:
        rig.run()
    assert failure.value.whose == "bc"
    assert "SYNC_ENGINE_HOME" in failure.value.todo
    assert failure.value.exit_code == 5
    assert rig.rows("SELECT outcome, error_class FROM engine.run ORDER BY started_at DESC LIMIT 1") == [
        ("failed", "StoreError")
    ]
    assert snapshot(rig.store) == before
    monkeypatch.undo()
    monkeypatch.setenv(SECRET, rig.simulator.world.installation.client_secret)
    _heals(rig)


def test_a_full_disk_half_way_through_a_file(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written of a file before the disk was full is never taken for the file."""
    rig.run()
    _change(rig)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _raising(OSError(errno.ENOSPC, "No space left on device")))
        with pytest.raises(StoreError, match="No space left on device"):
            rig.run()
    _heals(rig)


def test_one_of_the_two_connections_of_a_certificate_is_lost(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was published stays published, no half of a certificate is written, and the next run certifies."""
    rig.run()
    _change(rig)
    sessions: set[object] = set()
    last = "SELECT k.verdict FROM canonical.certificate k WHERE k.cut_id = (SELECT max(cut_id) FROM canonical.cut)"
    inner = settlement.roll_forward_holds

    def adds_up(ground: Ground) -> Check:
        sessions.update(ground.rows("SELECT pg_backend_pid()"))
        return inner(ground)

    def is_lost(ground: Ground, _documents: object) -> Check:
        sessions.update(ground.rows("SELECT pg_backend_pid()"))
        ground.rows("SELECT pg_terminate_backend(pg_backend_pid())")
        raise AssertionError("the session outlived its end")

    with monkeypatch.context() as patch:
        patch.setattr(settlement, "roll_forward_holds", adds_up)
        patch.setattr(completeness, "records_are_accounted_for", is_lost)
        with pytest.raises(
            StoreError, match="the connection to the database was lost while counting the cut"
        ):
            rig.run_whole()
    assert len(sessions) == 2
    assert rig.rows(last) == []
    rig.run_whole()
    verdicts = {verdict for (verdict,) in rig.rows(last)}
    assert "holds" in verdicts
    assert "breaks" not in verdicts
    _heals(rig)


def _raising(error: BaseException) -> Callable[..., Any]:
    def raising(*_: Any, **__: Any) -> Any:
        raise error

    return raising


@pytest.mark.parametrize("name", ["merge_documents", "merge_lines", "clear_staging"])
def test_the_database_goes_away_in_the_middle_of_publish(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The session is ended by an administrator: the cut rolls back whole, the sentence says so, the next run publishes it."""
    rig.run()
    before = snapshot(rig.store)
    _change(rig)
    inner = getattr(documents, name)

    def ended(cut: Any) -> Any:
        pid = cut.rows("SELECT pg_backend_pid()")[0][0]
        rig.execute("SELECT pg_terminate_backend(:pid)", pid=pid)
        return inner(cut)

    with monkeypatch.context() as patch:
        patch.setattr(documents, name, ended)
        with pytest.raises(
            StoreError, match="the connection to the database was lost while publishing the cut"
        ) as failure:
            rig.run()
    assert "the next run continues" in failure.value.todo
    assert snapshot(rig.store) == before
    _heals(rig)


def test_the_session_that_holds_the_lock_is_ended(rig: Rig) -> None:
    """A run whose lock session dies does not hang the next one."""
    rig.run()
    with rig.store.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    _change(rig)
    _heals(rig)


@dataclass
class Skewed:
    """The engine's clock, wrong by some minutes against the ERP's."""

    right: Callable[[], datetime]
    by: timedelta

    def now(self) -> datetime:
        return self.right() + self.by

    def sleep(self, seconds: float) -> None:
        return None


@pytest.mark.parametrize("minutes", [-5, 5])
def test_the_clocks_differ_by_five_minutes(rig: Rig, minutes: int) -> None:
    """Cursors are the ERP's own stamps, so an engine that is early or late misses nothing, run after run."""
    rig.clock = Skewed(rig.bench.hands.now, timedelta(minutes=minutes))
    rig.run()
    for _ in range(3):
        rig.bench.hands.time.advance(timedelta(minutes=2))
        rig.company.post_invoice(next(iter(rig.company.customers.values())).id, Decimal(12))
        _heals(rig)


def test_a_wrong_secret(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The login is refused: one sentence that names the source and what to look at, without the secret; no request is repeated for it."""
    rig.run()
    before = snapshot(rig.store)
    _change(rig)
    monkeypatch.setenv(SECRET, "not~the~secret")
    with pytest.raises(AuthenticationFailed) as failure:
        rig.run()
    assert failure.value.whose.startswith("bc")
    assert failure.value.todo
    assert "not~the~secret" not in str(failure.value)
    assert failure.value.exit_code == 4
    assert snapshot(rig.store) == before
    assert (
        rig.one("SELECT error_class FROM engine.run ORDER BY started_at DESC LIMIT 1")
        == "AuthenticationFailed"
    )
    monkeypatch.setenv(SECRET, rig.simulator.world.installation.client_secret)
    _heals(rig)


@pytest.mark.parametrize("after", [0, 7, 23])
def test_a_token_that_expires_in_mid_run(make_rig: RigMaker, after: int) -> None:
    """Every token is worthless after some requests, again and again: the connector signs in anew and the run does not notice."""
    rig = make_rig(connection={"page_size": 4, "document_page_size": 5})
    rig.simulator.inject(ExpiresToken(after=after, every=9, times=6))
    rig.run()
    assert_true(rig)
    assert_sound(rig)


def test_a_failed_entity_does_not_stop_the_others(rig: Rig) -> None:
    """One entity cannot be read: the others arrive, the run is partial, and its own cursor waits for the next run."""
    rig.run()
    _change(rig)
    rig.simulator.inject(ServerBusy(503, match=r"/salesCreditMemos(\?|$)"))
    ran = rig.run_whole()
    assert (ran.outcome, set(ran.failures)) == ("partial", {"salesCreditMemos"})
    assert "bc salesCreditMemos: not able to answer now" in str(next(iter(ran.failures.values())))
    rig.simulator.heal()
    _heals(rig)


@pytest.mark.parametrize(
    ("match", "missed"),
    [
        (r"/customerLedgerEntries(\?|$)", "ledgerEntriesApi"),
        (r"/detailedCustomerLedgerEntries(\?|$)", "detailedEntriesApi"),
        (r"/companyInformation(\?|$)", "companyInformation"),
    ],
)
def test_a_probe_that_is_not_answered_does_not_fail_the_run(rig: Rig, match: str, missed: str) -> None:
    """A ledger route or the company's card is busy while we look around: partial, by the same route, and the next run heals."""
    rig.run()
    _change(rig)
    rig.simulator.inject(ServerBusy(503, match=match))
    ran = rig.run_whole()
    assert (ran.outcome, set(ran.failures)) == ("partial", {missed})
    assert ran.published is not None
    assert {
        name for (name,) in rig.rows("SELECT entity FROM engine.stream WHERE canonical = 'ledger_entry'")
    } == {"ledgerEntriesApi"}
    rig.simulator.heal()
    _heals(rig)


def test_nothing_can_be_read_at_all(rig: Rig) -> None:
    """The whole host is down: the run fails as something to try again, and nothing changed."""
    rig.run()
    before = snapshot(rig.store)
    rig.simulator.inject(ServerBusy(503))
    with pytest.raises(SyncError) as failure:
        rig.run_whole()
    assert failure.value.exit_code == 75
    assert snapshot(rig.store) == before
    rig.simulator.heal()
    _heals(rig)


def test_a_source_that_forgot_what_changed_is_read_whole(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """An expired cursor costs one whole reading, with its sweep: what changed and what is gone since is found, and the step says why."""
    rig.run()
    _change(rig)
    linked = rig.rows("SELECT external_id FROM canonical.link WHERE entity = 'contact' ORDER BY 1")
    rig.company.delete_contact(next(str(key) for (key,) in linked if key in rig.company.contacts))
    pull, asked = BusinessCentral.pull, list[tuple[str, bool]]()

    def forgetful(self: BusinessCentral, entity: str, since: Cursor | None) -> Iterator[RecordBatch]:
        asked.append((entity, since is None))
        if since is not None and entity in ("contacts", "customers"):
            raise CursorExpired("no longer knows what changed", whose="bc", key=entity)
        yield from pull(self, entity, since)

    monkeypatch.setattr(BusinessCentral, "pull", forgetful)
    ran = rig.run_whole()
    assert ran.failures == {}
    assert [whole for entity, whole in asked if entity == "contacts"] == [False, True]
    assert {name for name, said in ran.notes.items() if "everything was read again" in said} == {
        "contacts",
        "customers",
    }
    assert rig.one("SELECT count(*) FROM canonical.contact WHERE deleted_at IS NOT NULL") == 1
    assert_true(rig)
    assert_sound(rig)


def test_a_step_that_is_tried_again_keeps_what_it_landed(rig: Rig) -> None:
    """Dagster tries a step again within one run: the files that it landed before stay what they were."""
    run_id = open_run(rig.store, rig.config.source, "changes", "test", rig.config.digest)
    with rig.source_run(run_id) as source_run:
        pull(source_run, "customers")
        rig.advance(hours=1)
        rig.company.edit_customer(next(iter(rig.company.customers.values())).number, name="Renamed")
        pull(source_run, "customers")
    landed = rig.rows("SELECT path, checksum, bytes FROM engine.lake_manifest WHERE run_id = :r", r=run_id)
    assert len(landed) == 2
    assert [rig.lake.damage_of(*file) for file in landed] == [None, None]
