"""Spreadsheets behind a lane: a whole ERP out of CSV, a collections team's sheet beside it, and deliveries that fail."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from sync_engine.config import SourceConfig
from sync_engine.errors import ConfigurationError, SourceError
from sync_engine.lake import Lake
from sync_engine.ops.runs.source_run import Ran, Runtime, run_source
from sync_engine.platform.clock import SystemClock
from sync_engine.store.db import open_engine
from tests.connectors.files.support import MAPPING, Shelf
from tests.simulators.files import DIRTY, Flaws, write_csv

WITH_BRAKE = {"sweep": {"brake_from": 50}}


@pytest.fixture
def store(database: str) -> Iterator[Engine]:
    """The test's own database."""
    engine = open_engine(database)
    yield engine
    engine.dispose()


def config(shelf: Shelf, source: str = "books", **changes: Any) -> SourceConfig:
    """The YAML of the shelf."""
    return SourceConfig.model_validate(
        {
            "source": source,
            "connector": "files",
            "connection": shelf.settings(),
            "mapping": MAPPING,
            **WITH_BRAKE,
        }
        | changes
    )


def run(store: Engine, shelf: Shelf, settings: SourceConfig | None = None) -> Ran:
    """One run of the whole source."""
    return run_source(
        Runtime(store, Lake(str(shelf.folder.parent / "lake")), SystemClock()), settings or config(shelf)
    )


def rows(store: Engine, statement: str) -> list[tuple[Any, ...]]:
    """All rows of a statement."""
    with store.connect() as connection:
        return [tuple(r) for r in connection.execute(text(statement))]


OPEN = "SELECT sum(CASE kind WHEN 'credit_note' THEN -open_amount ELSE open_amount END) FROM canonical.document WHERE deleted_at IS NULL"


@pytest.mark.parametrize("flaws", [Flaws(), DIRTY], ids=["tidy", "as people send"])
def test_a_csv_export_is_a_whole_erp(store: Engine, tmp_path: Path, flaws: Flaws) -> None:
    """Customers, persons and open items tie to the truth; what is edited, added and gone in the files is so in canonical."""
    (tmp_path / "exports").mkdir()
    shelf = Shelf(tmp_path / "exports", flaws=flaws).write()
    ran = run(store, shelf)
    assert (ran.outcome, ran.failures) == ("succeeded", {})
    assert rows(store, OPEN) == [(shelf.books.open_amount,)]
    assert dict(rows(store, "SELECT number, credit_limit FROM canonical.debtor")) == {
        c.number: c.limit for c in shelf.books.customers
    }
    people = rows(
        store,
        "SELECT c.email, d.number FROM canonical.contact c JOIN canonical.debtor d ON d.id = c.debtor_id",
    )
    assert set(people) == {(p.email, p.customer) for p in shelf.books.persons}
    assert rows(
        store, "SELECT DISTINCT currency, open_amount_base = open_amount FROM canonical.document"
    ) == [("DKK", True)]
    shelf.books.customers[2].city = "Århus"
    gone = shelf.books.invoices.pop(1)
    shelf.books.invoices[3].open = Decimal("0.01")
    shelf.write()
    second = run(store, shelf)
    assert rows(store, OPEN) == [(shelf.books.open_amount,)]
    assert rows(store, "SELECT city FROM canonical.debtor WHERE number = '10020'") == [("Århus",)]
    assert rows(
        store, f"SELECT deleted_at IS NOT NULL FROM canonical.document WHERE external_no = '{gone.number}'"
    ) == [(True,)]
    assert second.published is not None
    third = run(store, shelf)
    assert third.published is not None
    assert third.published.changes == 0


def test_a_broken_delivery_stops_one_entity_and_deletes_nothing(store: Engine, tmp_path: Path) -> None:
    """The list of persons arrives empty: persons fail with a sentence, customers and invoices go on, nobody is deleted."""
    (tmp_path / "exports").mkdir()
    shelf = Shelf(tmp_path / "exports").write()
    run(store, shelf)
    (shelf.folder / "persons.csv").write_text(
        "Customer No.,First name,Last name,E-mail,Title\n", encoding="utf-8"
    )
    ran = run(store, shelf)
    assert ran.outcome == "partial"
    assert "there are no rows in persons.csv" in str(ran.failures["contact"])
    assert rows(store, "SELECT count(*) FROM canonical.contact WHERE deleted_at IS NOT NULL") == [(0,)]
    shelf.folder.rename(shelf.folder.with_name("elsewhere"))
    with pytest.raises(SourceError, match="there is no folder"):
        run(store, shelf)
    assert rows(store, "SELECT count(*) FROM canonical.debtor WHERE deleted_at IS NOT NULL") == [(0,)]


def test_contradicting_rows_are_quarantined_and_keep_what_was_known(store: Engine, tmp_path: Path) -> None:
    """A customer that stands twice with two names keeps the one it had, and is in quarantine with both lines until the file is mended."""
    (tmp_path / "exports").mkdir()
    shelf = Shelf(tmp_path / "exports").write()
    run(store, shelf)
    heading, body = shelf.books.customer_rows()
    write_csv(
        shelf.folder / "customers.csv", (heading, [*body, [*body[2][:1], "ANOTHER NAME", *body[2][2:]]])
    )
    run(store, shelf)
    assert rows(
        store, "SELECT message LIKE '%customers.csv line%, customers.csv line%' FROM engine.quarantine"
    ) == [(True,)]
    assert rows(store, "SELECT name, deleted_at FROM canonical.debtor WHERE number = '10020'") == [
        (shelf.books.customers[2].name, None)
    ]
    shelf.write()
    run(store, shelf)
    assert rows(store, "SELECT count(*) FROM engine.quarantine") == [(0,)]


def test_a_missing_column_publishes_nothing(store: Engine, tmp_path: Path) -> None:
    """A column that left the export is a setting to correct, not a field to empty."""
    (tmp_path / "exports").mkdir()
    shelf = Shelf(tmp_path / "exports").write()
    run(store, shelf)
    heading, body = shelf.books.customer_rows()
    write_csv(shelf.folder / "customers.csv", (["Customer No.", "Name", "Note", "Limit", *heading[4:]], body))
    with pytest.raises(ConfigurationError, match="no column 'credit limit'"):
        run(store, shelf)
    assert rows(store, "SELECT count(*) FROM canonical.debtor WHERE credit_limit IS NULL") == [(0,)]


def test_a_collections_sheet_adds_to_the_erps_debtors(store: Engine, tmp_path: Path) -> None:
    """Role collections, linked by number, creating nobody: its pauses are believed, its cities are overruled, blanks say nothing."""
    (tmp_path / "exports").mkdir()
    (tmp_path / "team").mkdir()
    shelf = Shelf(tmp_path / "exports").write()
    run(store, shelf)
    write_csv(
        tmp_path / "team" / "paused.csv",
        (
            ["Customer", "City", "Pause", "Why"],
            [["10010", "Skagen", "x", "waiting"], ["99999", "", "x", ""], ["10020", "", "", ""]],
        ),
    )
    team = SourceConfig.model_validate(
        {
            "source": "team",
            "connector": "files",
            "role": "collections",
            "links": {"debtor": {"mode": "automatic", "create_unmatched": False, "rungs": ["number"]}},
            "connection": {
                "folder": str(tmp_path / "team"),
                "entities": {"debtor": {"path": "paused.csv", "key": "Customer"}},
            },
            "mapping": {
                "entities": {
                    "debtor": {
                        "fields": {
                            "number": "Customer",
                            "city": {"column": "City", "blank": "nothing"},
                            "chasing_paused": {"column": "Pause", "blank": "nothing"},
                            "pause_reason": {"column": "Why", "blank": "nothing"},
                        }
                    }
                }
            },
        }
    )
    run(store, shelf, team)
    assert rows(
        store,
        "SELECT number, chasing_paused, pause_reason, city FROM canonical.debtor WHERE chasing_paused IS NOT NULL",
    ) == [("10010", True, "waiting", "Odense")]
    assert rows(store, "SELECT field, source FROM canonical.overruled") == [("city", "team")]
    assert rows(store, "SELECT count(*) FROM canonical.debtor WHERE number = '99999'") == [(0,)]
