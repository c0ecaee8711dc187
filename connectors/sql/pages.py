"""Some rows of an answer, and what several rows of one key come to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from connectors.toolkit.declared import NOTHING
from sync_engine.records import RawRecord


class Page(NamedTuple):
    """Some rows: the records among them, the keys that are marked as deleted, and the latest stamp or version that was seen."""

    records: list[RawRecord]
    deleted: list[str]
    latest: datetime | int | None


@dataclass
class Twice:
    """What stands in the rows of a key that is in several. Rows that are marked as deleted count only where all are."""

    is_deleted: bool = False
    payloads: set[bytes] = field(default_factory=set)
    records: list[RawRecord] = field(default_factory=list)

    def add(self, record: RawRecord) -> None:
        """Keeps the first two that differ."""
        if record.payload not in self.payloads and len(self.payloads) < 2:
            self.payloads.add(record.payload)
            self.records.append(record)

    @property
    def record(self) -> RawRecord:
        """The one record they are: identical rows are one, contradicting ones say so."""
        first = self.records[0]
        if len(self.payloads) == 1:
            return first
        return RawRecord(
            first.key,
            NOTHING,
            None,
            "stands in several rows that say different things; name more columns as `key`, or mend the query",
        )
