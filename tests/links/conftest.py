"""The worlds of these tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.links.support import World, open_world, three_sources


@pytest.fixture
def world(database: str, tmp_path: Path) -> Iterator[World]:
    """Three sources that were never run."""
    there = three_sources(open_world(database, tmp_path / "lake"))
    yield there
    there.store.dispose()


@pytest.fixture
def empty_world(database: str, tmp_path: Path) -> Iterator[World]:
    """No source at all."""
    there = open_world(database, tmp_path / "lake")
    yield there
    there.store.dispose()
