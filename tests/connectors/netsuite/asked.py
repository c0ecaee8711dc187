"""What is read of a simulated account, and the drafts of it."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from connectors.netsuite import NetSuite
from mappings.netsuite import plugin as mapping
from sync_engine.records import Cursor, RecordBatch

Row = dict[str, Any]


def batches(connector: NetSuite, entity: str, since: Cursor | None = None) -> list[RecordBatch]:
    """One pull."""
    return list(connector.pull(entity, since))


def pulled(connector: NetSuite, entity: str, since: Cursor | None = None) -> dict[str, Row]:
    """Key -> what a record says."""
    return {
        record.key: msgspec.json.decode(record.payload)
        for batch in batches(connector, entity, since)
        for record in batch.records
    }


def cursor(connector: NetSuite, entity: str) -> Cursor:
    """Where a sweep ends."""
    found = batches(connector, entity)[-1].resume_from
    assert found is not None
    return found


def drafts(entity: str, rows: dict[str, Row]) -> dict[str, Row]:
    """Key -> what the mapping makes of it."""
    told = mapping.normaliser("netsuite", mapping.settings()).normalise(
        entity, [(key, json.dumps(row).encode()) for key, row in rows.items()]
    )
    return {draft.key: draft.values for draft in told.drafts}
