"""The connector keeps the contract every connector keeps, on every database that a test can have without a server of its own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.connectors import contract as c
from tests.connectors.sql.support import SqlStage
from tests.simulators.sql import Admin, Erp, duckdb_file, postgres, sqlite_file


def in_a_file(make: Callable[[Path], Admin]) -> Callable[[pytest.MonkeyPatch], SqlStage]:
    """Makes a stage whose database is one file."""

    def stage(monkeypatch: pytest.MonkeyPatch) -> SqlStage:
        folder = Path(tempfile.mkdtemp(prefix="sql-", dir=os.environ["SYNC_ENGINE_TEST_FOLDER"]))
        return SqlStage(Erp(make(folder)).furnish(), monkeypatch)

    return stage


test_sqlite = c.contract(in_a_file(sqlite_file))
test_duckdb = c.contract(in_a_file(duckdb_file))


@pytest.mark.parametrize("rule", c.RULES, ids=lambda rule: rule.__name__)
def test_postgresql(rule: c.Rule, second_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same on a second PostgreSQL."""
    rule(SqlStage(Erp(postgres(second_database)).furnish(), monkeypatch))
