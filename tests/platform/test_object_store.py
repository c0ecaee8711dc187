"""A lake on an object store: what has to be installed is named, and whatever a store's package raises is one of our errors."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from sync_engine.errors import ConfigurationError, LandedFileDamaged, StoreError
from sync_engine.lake import Lake
from sync_engine.ops.runs.environment import open_runtime
from sync_engine.ops.sources.doctor import _lake as looked_at
from sync_engine.platform.object_store import EXTRAS
from sync_engine.records import RawRecord

ROOT = Path(__file__).resolve().parents[2]
RECORDS = [RawRecord("k1", b'{"a": 1}', None), RawRecord("k2", b'{"b": "x"}', None)]


@pytest.fixture
def none_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an installation without extras, also where a developer has one of the packages."""
    for package, _ in EXTRAS.values():
        monkeypatch.setitem(sys.modules, package, None)
    for protocol in EXTRAS:
        monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, protocol, raising=False)


@pytest.mark.usefixtures("none_installed")
@pytest.mark.parametrize("protocol", EXTRAS)
def test_the_extra_that_is_missing_is_named(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any source is asked: which package it is, and what to type."""
    package, extra = EXTRAS[protocol]
    monkeypatch.setenv("SYNC_ENGINE_LAKE", f"{protocol}://bucket/lake")
    with pytest.raises(ConfigurationError, match=f"the package {package}, which is not installed") as caught:
        open_runtime()
    assert f"pip install 'sync-engine[{extra}]'" in caught.value.todo
    assert caught.value.exit_code == 2
    with pytest.raises(ConfigurationError, match=package):
        looked_at(f"{protocol}://bucket/lake")


def test_other_packages_are_named_by_fsspec_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """What we have no extra for is told as fsspec tells it; a protocol that nobody knows is a typing mistake."""
    monkeypatch.setitem(sys.modules, "ocifs", None)
    with pytest.raises(ConfigurationError, match="Install ocifs"):
        Lake("oci://bucket/lake")
    with pytest.raises(ConfigurationError, match=r"nobody knows files at s33://.*s3://, "):
        Lake("s33://bucket/lake")


def test_extras_are_declared_and_not_locked() -> None:
    """Each extra that a message names is one of pyproject's, and brings that package; no lock carries them for everybody."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    locks = [(ROOT / name).read_text() for name in ("requirements.lock", "requirements-dev.lock")]
    for package, extra in EXTRAS.values():
        assert [line.partition(">")[0] for line in extras[extra]] == [package]
        assert not any(f"\n{package}==" in lock for lock in locks)


def test_an_object_store_holds_what_a_folder_holds() -> None:
    """Written, read, listed and looked after, below any prefix."""
    lake = Lake(f"memory://{uuid4().hex}/some/lake/")
    landed = [lake.write("bc", "customers", uuid4(), n, RECORDS) for n in range(2)]
    assert lake.read(landed[0].path, landed[0].checksum) == [(r.key, r.payload) for r in RECORDS]
    assert sorted(lake.files("bc")) == sorted(one.path for one in landed)
    assert lake.damage_of(landed[1].path, landed[1].checksum, landed[1].bytes) is None
    with pytest.raises(LandedFileDamaged, match="is missing"):
        lake.read("bc/customers/nobody/000000.ndjson.zst")
    assert looked_at(lake.root) == "can be written"


class CloudSays(Exception):
    """As the packages of the stores raise them: no kin of OSError."""


class Faulty(MemoryFileSystem):  # type: ignore[misc]
    """A store whose every answer is an error of its own."""

    protocol = "faulty"
    error: Exception = CloudSays("https://bucket.example.com/?signature=s3cret")

    def open(self, *_: Any, **__: Any) -> Any:
        raise self.error

    def find(self, *_: Any, **__: Any) -> Any:
        raise self.error


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake on it."""
    monkeypatch.setitem(sys.modules["fsspec.registry"]._registry, "faulty", Faulty)
    return Lake("faulty://bucket/lake")


@pytest.mark.parametrize(
    "error", [CloudSays("s3cret"), OSError("s3cret"), TimeoutError("s3cret"), ValueError("s3cret")]
)
def test_no_error_of_a_store_escapes(faulty: Lake, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a failure of the lake (exit code 5) that names the kind and not the text; nothing speaks of a disk."""
    monkeypatch.setattr(Faulty, "error", error)
    with pytest.raises(StoreError, match=type(error).__name__) as written:
        faulty.write("bc", "customers", uuid4(), 0, RECORDS)
    with pytest.raises(LandedFileDamaged, match="cannot be read") as read:
        faulty.read("bc/customers/x/000000.ndjson.zst")
    with pytest.raises(StoreError, match=type(error).__name__) as seen:
        looked_at(faulty.root)
    with pytest.raises(StoreError) as listed:
        list(faulty.files("bc"))
    for one in (written, read, seen, listed):
        assert "s3cret" not in str(one.value)
        assert one.value.exit_code == 5
    assert "disk" not in str(written.value)
    assert "SYNC_ENGINE_LAKE" in str(written.value)
