"""What is read of a simulated agreement, and the drafts of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import httpx
import msgspec

from connectors.economic.connector import Economic
from mappings.toolkit.normaliser import ShapeNormaliser
from sync_engine.plugins import mapping_plugin
from sync_engine.records import Cursor, RawRecord
from tests.simulators.economic import Books
from tests.simulators.economic.errors import Answered
from tests.simulators.economic.server import Fault


def pulled(connector: Economic, entity: str, since: Cursor | None = None) -> dict[str, RawRecord]:
    """What a pull gives, by key."""
    return {record.key: record for batch in connector.pull(entity, since) for record in batch.records}


def cursor_of(connector: Economic, entity: str) -> Cursor | None:
    """The cursor at the end of a sweep."""
    return [batch.resume_from for batch in connector.pull(entity, None)][-1]


def row(record: RawRecord) -> dict[str, Any]:
    """A payload as it was received."""
    found: dict[str, Any] = msgspec.json.decode(record.payload)
    return found


def aged(books: Books) -> None:
    """So many more entries, settled ones, that the others are far behind by number."""
    for _ in range(250):
        books.entry(5, Decimal(0), 101)


def mapped(entity: str, records: Sequence[RawRecord]) -> dict[str, dict[str, Any]]:
    """What becomes of records, by key."""
    plugin = mapping_plugin("economic")
    normaliser = plugin.normaliser("economic", plugin.settings())
    assert isinstance(normaliser, ShapeNormaliser)
    out = normaliser.normalise(entity, [(record.key, record.payload) for record in records])
    assert out.failed == []
    return {draft.key: draft.values for draft in out.drafts}


def lines_of(record: RawRecord) -> list[dict[str, Any]]:
    """What becomes of the lines of an invoice."""
    plugin = mapping_plugin("economic")
    found = plugin.normaliser("economic", plugin.settings()).normalise(
        "invoices", [(record.key, record.payload)]
    )
    return [dict(line) for draft in found.drafts for line in draft.lines]


def failing(part: str, answer: Callable[[], Answered], times: int = 1_000) -> Fault:
    """A fault of all addresses with this part, so many times."""
    left = [times]

    def fault(request: httpx.Request) -> Answered | None:
        if part not in str(request.url) or left[0] == 0:
            return None
        left[0] -= 1
        return answer()

    return fault
