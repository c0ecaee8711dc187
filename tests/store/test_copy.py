"""Rows of text as one block: what COPY gives a meaning of its own arrives as it was."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine, text

from sync_engine.store.db import copy_texts

ODD = {
    "plain": ["10000", "Ærø", "日本"],
    "a tab": ["a\tb", "plain"],
    "a line": ["a\nb", "plain"],
    "a return": ["a\rb", "plain"],
    "a backslash": ["a\\b", "a\\tb", "plain"],
    "what means null": ["\\N", "plain"],
    "what ends a copy": ["\\.", "plain"],
    "a quote": ['"', "'", "plain"],
    "a tab for a line": ["a\tb\tc", "d"],
    "blank": ["", " ", "plain"],
    "one": ["plain"],
    "none": [],
}


@pytest.mark.parametrize("keys", ODD.values(), ids=ODD.keys())
def test_texts_arrive_as_they_were(database: str, keys: list[str]) -> None:
    """With the column beside them, in order."""
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text("CREATE TEMP TABLE copied (place int, key text)"))
        rows = [(str(place), key) for place, key in enumerate(keys)]
        copy_texts(connection, "copied", ("place", "key"), rows)
        found = connection.execute(text("SELECT place, key FROM copied ORDER BY place")).all()
    engine.dispose()
    assert [(str(place), key) for place, key in found] == rows
