"""A disk without room, really: the run fails with a sentence, nothing is lost, and with room the next run heals."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import psutil
import pytest

from sync_engine.errors import StoreError
from sync_engine.platform import migrate
from sync_engine.platform.postgres import EmbeddedPostgres
from tests.stages.full_disk import NO_SPACE, Disk, disk_on
from tests.stages.happenings import small
from tests.stages.snapshots import snapshot
from tests.stages.support import Rig, bench_of, rig_on
from tests.stages.truth import assert_sound, assert_true

KINDS = pytest.mark.parametrize("kind", ["mount", "limit"])
LITTLE = {"shared_buffers": "32MB", "max_wal_size": "64MB", "min_wal_size": "32MB"}


def _much_happens(rig: Rig) -> None:
    rig.advance(hours=1)
    customer = rig.company.create_customer("New & Son")
    for number in range(60):
        rig.company.post_invoice(customer.id, Decimal(number + 1))


@KINDS
def test_the_disk_of_the_lake_is_full(
    monkeypatch: pytest.MonkeyPatch, database: str, tmp_path: Path, kind: str
) -> None:
    """Nothing of the batch is recorded, half a file is not left behind, and what was there is there."""
    with (
        disk_on(tmp_path / "disk", 4, kind=kind) as disk,
        rig_on(bench_of(monkeypatch, world=small), database, disk.folder / "lake") as rig,
    ):
        rig.run()
        before, files = snapshot(rig.store), set(rig.files())
        _much_happens(rig)
        disk.fill()
        with pytest.raises(StoreError, match=rf"the lake could not be written \(({NO_SPACE})\)") as failure:
            rig.run_whole()
        disk.free()
        assert "SYNC_ENGINE_HOME" in failure.value.todo
        assert failure.value.exit_code == 5
        assert rig.rows("SELECT outcome, error_class FROM engine.run ORDER BY started_at DESC LIMIT 1") == [
            ("failed", "StoreError")
        ]
        assert snapshot(rig.store) == before
        assert set(rig.files()) == files
        rig.run()
        assert_true(rig)
        assert_sound(rig)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder outside pytest's own, which every other session of pytest closes to other accounts, the server's among them."""
    folder = Path(tempfile.mkdtemp(prefix="se-disk-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@KINDS
def test_the_disk_of_the_database_is_full(
    monkeypatch: pytest.MonkeyPatch, place: Path, tmp_path: Path, kind: str
) -> None:
    """PostgreSQL cannot write a page, or not even its log and ends: the cut is rolled back whole, and with room all of it is published."""
    bench = bench_of(monkeypatch, world=small)
    with disk_on(place / "disk", 250, kind=kind) as disk:
        server = EmbeddedPostgres(disk.folder, settings=LITTLE)
        try:
            migrate.upgrade(server.start())
            with rig_on(bench, server.start(), tmp_path / "lake") as rig:
                rig.run()
                before = snapshot(rig.store)
                _much_happens(rig)
                _fill(disk, server, rig)
                with pytest.raises(
                    StoreError, match=rf"out of room|{NO_SPACE}|the connection to the database was lost"
                ) as failure:
                    rig.run_whole()
                rig.store.dispose()
                disk.free()
            assert "the transaction was rolled back" in failure.value.todo.lower()
            if not disk.is_mounted:
                _end(server)
            with rig_on(bench, server.start(), tmp_path / "lake") as rig:
                assert snapshot(rig.store) == before
                rig.run()
                assert_true(rig)
                assert_sound(rig)
        finally:
            disk.free()
            if not disk.is_mounted:
                _end(server)
            server.remove()


def _end(server: EmbeddedPostgres) -> None:
    """A server that was started under a limit keeps it: it ends as in a power cut, and the next one recovers."""
    pid = server.pid
    if pid is not None:
        os.kill(pid, signal.SIGQUIT)
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).wait(30)


def _fill(disk: Disk, server: EmbeddedPostgres, rig: Rig) -> None:
    """Without a mount the server is started again under the limit, at the beginning of a file of its log, of which it may write a megabyte."""
    if not disk.is_mounted:
        rig.execute("SELECT pg_switch_wal()")
        rig.store.dispose()
        server.stop()
        disk.fill(room=1 << 20)
        server.start()
        return
    disk.fill()
