"""A database behind a lane: a whole ERP out of its tables, read again by what changed, and a table that shrinks by accident."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from sync_engine.config import SourceConfig
from sync_engine.lake import Lake
from sync_engine.ops.runs.source_run import Ran, Runtime, run_source
from sync_engine.platform.clock import SystemClock
from sync_engine.store.db import open_engine
from tests.connectors.sql.support import SECRET
from tests.simulators.sql import MAPPING, Admin, Erp


@pytest.fixture
def store(database: str) -> Iterator[Engine]:
    """The engine's own database."""
    engine = open_engine(database)
    yield engine
    engine.dispose()


def run(store: Engine, erp: Erp, folder: Path) -> Ran:
    """One run of the whole source."""
    reached = {"url": erp.admin.url, **({"password": f"env:{SECRET}"} if erp.admin.password else {})}
    config = SourceConfig.model_validate(
        {"source": "erp", "connector": "sql", "connection": {**erp.connection, **reached}, "mapping": MAPPING}
    )
    return run_source(Runtime(store, Lake(str(folder / "lake")), SystemClock()), config)


def rows(store: Engine, statement: str) -> list[tuple[Any, ...]]:
    """All rows of a statement."""
    with store.connect() as connection:
        return [tuple(r) for r in connection.execute(text(statement))]


def owed(store: Engine) -> dict[str, Decimal]:
    """What canonical says is owed by document, credit notes below nought."""
    said = "SELECT external_no, CASE kind WHEN 'credit_note' THEN -open_amount ELSE open_amount END FROM canonical.document WHERE deleted_at IS NULL"
    return {str(number): amount for number, amount in rows(store, said)}


@pytest.mark.parametrize("database_of", ["pg", "sqlite", "duck"])
def test_a_database_is_a_whole_erp(
    database_of: str, request: pytest.FixtureRequest, store: Engine, tmp_path: Path
) -> None:
    """What is owed ties after the first run, after edits, cancellations and rows that are gone; a run without news writes nothing."""
    admin: Admin = request.getfixturevalue(database_of)
    erp = Erp(admin).furnish()
    first = run(store, erp, tmp_path)
    assert (first.outcome, first.failures) == ("succeeded", {})
    assert first.certificate is not None
    assert owed(store) == erp.open_amounts()
    assert rows(
        store, "SELECT number, name, status, credit_limit FROM canonical.debtor WHERE number = '010040'"
    ) == [("010040", "Müller\u00a0& Co 4", "blocked", Decimal("4000.50"))]
    erp.rename("010020", "ANOTHER NAME")
    erp.cancel("R010030-1")
    erp.bill("G1", "010050", Decimal("-12.34"))
    second = run(store, erp, tmp_path)
    assert (second.outcome, second.failures) == ("succeeded", {})
    assert owed(store) == erp.open_amounts()
    assert rows(store, "SELECT name FROM canonical.debtor WHERE number = '010020'") == [("ANOTHER NAME",)]
    read = dict(
        rows(
            store,
            f"SELECT entity, read FROM engine.run_step WHERE run_id = '{second.run_id}' AND stage = 'pull'",
        )
    )
    assert (read["debtor"], read["contact"]) == (2, 11)
    assert 0 < read["document"] < 5
    erp.remove_person(3)
    third = run(store, erp, tmp_path)
    assert third.outcome == "succeeded"
    assert rows(store, "SELECT full_name FROM canonical.contact WHERE deleted_at IS NOT NULL") == [
        ("Anna Berg3",)
    ]
    fourth = run(store, erp, tmp_path)
    assert fourth.published is not None
    assert fourth.published.changes == 0


def test_a_table_that_is_empty_by_accident_deletes_nobody(store: Engine, pg: Admin, tmp_path: Path) -> None:
    """A nightly copy that is cut short looks like an ERP without customers: it is held until somebody says so."""
    erp = Erp(pg).furnish()
    run(store, erp, tmp_path)
    pg.run('DELETE FROM "Person"')
    held = run(store, erp, tmp_path)
    assert held.outcome == "held"
    assert rows(store, "SELECT count(*) FROM canonical.contact WHERE deleted_at IS NOT NULL") == [(0,)]
    pg.run('ALTER TABLE "Beleg" RENAME COLUMN "Offen" TO "Rest"')
    with pytest.raises(Exception, match="'offen'"):
        run(store, erp, tmp_path)
    assert len(owed(store)) == len(erp.admin.run('SELECT 1 FROM "Beleg" WHERE "Storniert" IS NULL'))
