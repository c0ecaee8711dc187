"""The small ERP, published once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_engine.store.db import open_engine
from tests.imports.support import Desk


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[Desk]:
    """Eight customers in one portfolio, two owners, two contacts and two invoices each."""
    store = open_engine(database)
    try:
        made = Desk(store, tmp_path)
        made.run()
        yield made
    finally:
        store.dispose()
