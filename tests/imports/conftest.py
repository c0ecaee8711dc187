"""The small ERP, published once a session; every test gets a copy of that database and folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_engine.platform.urls import database_of
from sync_engine.store.db import open_engine
from tests.conftest import new_database
from tests.imports.support import Desk


@pytest.fixture(scope="session")
def published(migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The URL of a database with the ERP's first cut in it, and the folder with its files and lake. Nobody stays connected."""
    folder = tmp_path_factory.mktemp("published")
    with new_database(migrated_template, "migrated") as url, pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        store = open_engine(url)
        Desk(store, folder).run()
        store.dispose()
        yield url, folder


@pytest.fixture
def desk(published: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Eight customers in one portfolio, two owners, two contacts and two invoices each."""
    url, folder = published
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    with new_database(database_of(url, "postgres"), url.rpartition("/")[2].partition("?")[0]) as mine:
        monkeypatch.setenv("SYNC_ENGINE_DATABASE_URL", mine)
        store = open_engine(mine)
        try:
            yield Desk(store, tmp_path)
        finally:
            store.dispose()
