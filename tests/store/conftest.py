"""A small book of one source."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine

from tests.store.book import Book


@pytest.fixture
def book(database: str) -> Iterator[Book]:
    """A ledger of the debtor HANSEN."""
    engine = create_engine(database)
    with engine.connect() as connection:
        yield Book(connection)
    engine.dispose()
