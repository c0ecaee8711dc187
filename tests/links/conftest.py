"""The worlds of these tests; the published one is made once and copied."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest

from tests.conftest import _TEMPLATE, new_database
from tests.links.support import CRM_FIRST, World, open_world, three_sources


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


@pytest.fixture(scope="session")
def published(
    migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, World]]:
    """All three sources published once, the CRM ranked before the ERP for general data; nobody connected, so that it can be copied."""
    with new_database(migrated_template, _TEMPLATE) as url:
        there = three_sources(open_world(url, tmp_path_factory.mktemp("lake")))
        there.policy = CRM_FIRST
        for source in ("erp", "crm", "dunning"):
            there.run(source)
        there.store.dispose()
        yield url, there


@pytest.fixture
def running(published: tuple[str, World], server: str) -> Iterator[World]:
    """A copy of the published world, to be changed."""
    url, original = published
    with new_database(server, url.rpartition("/")[2].partition("?")[0]) as copy:
        there = open_world(copy, Path(original.lake.root))
        there.clock, there.policy = deepcopy(original.clock), original.policy
        there.configs, there.records = dict(original.configs), deepcopy(original.records)
        yield there
        there.store.dispose()
