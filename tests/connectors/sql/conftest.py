"""Databases without a server of their own, and one more on the session's PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import new_database
from tests.connectors.sql.support import SECRET
from tests.simulators.sql import Admin, duckdb_file, postgres, sqlite_file


@pytest.fixture
def second_database(server: str) -> Iterator[str]:
    """A database that is not the engine's."""
    with new_database(server, "template0") as url:
        yield url


@pytest.fixture
def pg(second_database: str, monkeypatch: pytest.MonkeyPatch) -> Admin:
    """A second PostgreSQL."""
    admin = postgres(second_database)
    monkeypatch.setenv(SECRET, admin.password)
    return admin


@pytest.fixture
def sqlite(tmp_path: Path) -> Admin:
    """A file of SQLite's."""
    return sqlite_file(tmp_path)


@pytest.fixture
def duck(tmp_path: Path) -> Admin:
    """A file of DuckDB's."""
    return duckdb_file(tmp_path)
