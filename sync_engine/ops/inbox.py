"""The claims inbox as people look at it: what applications said, and what became of it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Engine

from sync_engine.store.db import transaction
from sync_engine.store.inbox import listed


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
    return [InboxRow._make([*row[:4], None if row[4] is None else json.loads(row[4]), *row[5:]]) for row in rows]
