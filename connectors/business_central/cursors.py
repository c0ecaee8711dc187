"""Cursors of Business Central: JSON that nobody else reads."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from sync_engine.records import Cursor


class Mark(msgspec.Struct, omit_defaults=True):
    """Where a stream stands. `at`: the latest stamp seen, never the clock (a replica may lag behind it). [facts: Incremental]

    For ledger entries: `entry` the highest number seen, `closed` the latest closing date seen, `open` the open entries,
    `version` a row version up to which everything was seen. `signal`: how the ledger stood when all of it was read; for
    contactsInformation the companies no customer knew.
    """

    v: int = 1
    at: datetime | None = None
    entry: int = 0
    closed: str = ""
    open: str = ""
    version: int = 0
    signal: str = ""

    @classmethod
    def read(cls, cursor: Cursor | None) -> Mark | None:
        """The mark in a cursor; None where there is none or it is not ours, which means reading everything."""
        if not cursor:
            return None
        try:
            mark = msgspec.json.decode(cursor, type=cls)
        except msgspec.MsgspecError:
            return None
        if mark.at is not None and mark.at.tzinfo is None:
            mark.at = mark.at.replace(tzinfo=UTC)
        return mark if mark.v == 1 else None

    def write(self) -> Cursor:
        """The cursor of this mark."""
        return Cursor(msgspec.json.encode(self).decode())
