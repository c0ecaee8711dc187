"""docs/reader-contract.md is what the schema is, and every table and column of it says what it means."""

from __future__ import annotations

from pathlib import Path

import psycopg

from sync_engine.platform.urls import psycopg_url
from sync_engine.store.schema.descriptions import ALIKE, COLUMNS, TABLES
from tests.docs import reader_contract

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reader-contract.md"


def silent(url: str) -> list[str]:
    """Tables, views and columns that say nothing of themselves."""
    found = reader_contract.relations(url)
    return [r.name for r in found if not r.purpose] + [
        f"{r.name}.{c.name}" for r in found for c in r.columns if not c.meaning
    ]


def test_the_page_is_current(database: str) -> None:
    """What `make docs` would write is what is committed."""
    assert PAGE.read_text(encoding="utf-8") == reader_contract.page(database), "run `make docs`"


def test_everything_says_what_it_means(database: str) -> None:
    """Tables, views and all their columns."""
    assert silent(database) == []


def test_a_column_that_nobody_described_is_found(database: str) -> None:
    """The search can fail."""
    with psycopg.connect(psycopg_url(database), autocommit=True) as connection:
        connection.execute("ALTER TABLE canonical.debtor ADD COLUMN shoe_size text")
    assert silent(database) == ["debtor.shoe_size"]


def test_nothing_is_described_that_is_not_there(database: str) -> None:
    """A description of a column that was renamed or dropped would mislead the next reader."""
    found = {
        r.name: {c.name for c in r.columns} for r in reader_contract.relations(database) if not r.is_view
    }
    there = {f"{name}.{column}" for name, columns in found.items() for column in columns}
    assert set(TABLES) <= set(found)
    assert sorted(set(COLUMNS) - there) == []
    assert sorted(set(ALIKE) - {c for columns in found.values() for c in columns}) == []


def test_the_references_are_drawn(database: str) -> None:
    """What hangs on what, as the descriptions say; an application names both tables its ends may be in."""
    tables = [r for r in reader_contract.relations(database) if not r.is_view]
    drawn = set(reader_contract.references(tables))
    assert {
        ("document", "debtor_id", "debtor"),
        ("instalment", "document_id", "document"),
        ("application", "to_id", "document"),
        ("application", "to_id", "payment"),
        ("debtor", "parent_id", "debtor"),
        ("certificate", "cut_id", "cut"),
    } <= drawn
