"""Row versions of an API page of one's own: a cursor that no late commit and no missing stamp can slip past.

A row version is given when a row is written, and a long transaction commits it later. So the cursor is not the highest version
seen, but the highest of a row that was written longer ago than the overlap. [D:developer/devenv-table-system-fields.md]
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec

from connectors.business_central.catalogue import Entity
from connectors.toolkit.damaged_rows import DECODING
from sync_engine.records import RawRecord

_MANY = 4096


class RowVersions:
    """Takes in the records of a reading and tells up to which row version everything was seen."""

    def __init__(self, entity: Entity) -> None:
        number = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
        row = msgspec.defstruct(
            "Versioned",
            [("version", number, 0)],
            rename={"version": entity.version or "@syncEngine.none"},
            gc=False,
        )
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(row)
        self._entity = entity
        self._highest: dict[int, int] = {}

    def note(self, records: Sequence[RawRecord]) -> None:
        """Remembers the highest version per minute of stamps."""
        if not self._entity.version:
            return
        for record in records:
            if record.changed_at is not None:
                minute = int(record.changed_at.timestamp() // 60)
                self._highest[minute] = max(self._highest.get(minute, 0), self._version(record))
        if len(self._highest) > _MANY:
            oldest = sorted(self._highest)[: _MANY // 2]
            self._highest[oldest[-1]] = max(self._highest.pop(minute) for minute in oldest)

    def safe(self, latest: datetime | None, before: int) -> int:
        """The version to go on from; never less than `before`."""
        if latest is None:
            return before
        until = (latest - self._entity.stream.overlap).timestamp() // 60
        return max([before, *(version for minute, version in self._highest.items() if minute < until)])

    def _version(self, record: RawRecord) -> int:
        try:
            return int(self._decoder.decode(record.payload).version)
        except DECODING:
            return 0
