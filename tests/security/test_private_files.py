"""What the engine writes is its owner's alone, whatever the umask: another account of the machine reads nothing."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from dagster_project.instance import instance_home
from sync_engine.lake import Lake
from sync_engine.ops.decisions.duplicates import write_merges
from sync_engine.platform.home import private_file
from sync_engine.records import RawRecord

OTHERS = stat.S_IRWXG | stat.S_IRWXO
SOMEBODY = 65534
BERG = RawRecord("1", b'{"name": "Berg"}', None)


@pytest.fixture(autouse=True)
def careless() -> Iterator[None]:
    """A umask that gives everything to everybody."""
    before = os.umask(0)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> list[str]:
    """What others may read, write or enter of a folder and all below it."""
    return [str(p.relative_to(folder)) for p in (folder, *folder.rglob("*")) if not p.is_symlink() and p.stat().st_mode & OTHERS]  # fmt: skip


def others_read(path: Path) -> bool:
    """Whether another account of the machine can read a file: as root one tries, else the permissions say it."""
    if os.geteuid() != 0:
        way = all(folder.stat().st_mode & stat.S_IXOTH for folder in path.parents)
        return way and bool(path.stat().st_mode & stat.S_IROTH)
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(SOMEBODY)
            os.setuid(SOMEBODY)
            path.read_bytes()
            os._exit(0)
        except OSError:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_landed_files(tmp_path: Path) -> None:
    """Wherever the lake is, in folders that were not there before."""
    lake = tmp_path / "elsewhere" / "lake"
    landed = Lake(str(lake)).write("erp", "customers", uuid4(), 1, [BERG])
    assert (lake / landed.path).is_file()
    assert open_to_others(tmp_path / "elsewhere") == []


def test_exports(tmp_path: Path) -> None:
    """New ones, and one over a file that was open to all."""
    write_merges([], tmp_path / "merges.csv")
    (tmp_path / "audit.csv").touch(mode=0o666)
    with private_file(tmp_path / "audit.csv", "wb") as out:
        out.write(b"seq\n")
    assert sorted(open_to_others(tmp_path)) == []


def test_dagsters_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster's own files have wide permissions: nobody else gets to them."""
    monkeypatch.setenv("SYNC_ENGINE_HOME", str(tmp_path / "home"))
    folder = instance_home()
    assert folder.stat().st_mode & OTHERS == 0


def test_another_account_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As root the home can be walked through, for the database server's account: what lies in it still cannot be read."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        control = folder / "control"
        control.write_bytes(b"for all")
        assert others_read(control)
        monkeypatch.setenv("SYNC_ENGINE_HOME", str(folder / "home"))
        dagster = instance_home()
        lake = folder / "home" / "lake"
        landed = Lake(str(lake)).write("erp", "customers", uuid4(), 1, [BERG])
        files = [path for path in dagster.rglob("*") if path.is_file()] + [lake / landed.path]
        assert len(files) > 2
        assert [path for path in files if others_read(path)] == []
