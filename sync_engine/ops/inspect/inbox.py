"""The claims inbox as people look at it: what applications said, and what became of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Engine

from sync_engine.canonical.inbox import Refusal, plain
from sync_engine.store.db import transaction
from sync_engine.store.publishing.inbox import listed


class InboxRow(NamedTuple):
    """One row: what was said about which record by whom, and the answer (taken, overruled, refused; None while it waits for the next cut)."""

    inbox_id: int
    entity: str
    record: str
    field: str
    value: Any
    said_by: str
    said_at: datetime
    answer: str | None
    why: str | None
    answered_at: datetime | None


def inbox(store: Engine, *, waiting_only: bool = False, limit: int = 50) -> list[InboxRow]:
    """The newest rows of the inbox."""
    with transaction(store, "reading the inbox") as connection:
        rows = listed(connection, waiting_only=waiting_only, limit=limit)
    return [InboxRow._make([*row[:4], _shown(row[4]), *row[5:]]) for row in rows]


def _shown(value: str | None) -> Any:
    """A value as it was said; one that was refused because nobody can read it, as the text it is."""
    try:
        return None if value is None else plain(value)
    except Refusal:
        return value
