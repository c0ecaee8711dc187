"""Addresses, activities and attachments: published beside their debtor or document, and wherever the debtor's record goes, they go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from sync_engine.config import SourceConfig
from sync_engine.lake import Lake
from sync_engine.ops.decisions import links
from sync_engine.ops.decisions.plan import apply
from sync_engine.ops.runs.source_run import Ran, Runtime, run_source
from sync_engine.platform.clock import SystemClock
from tests.connectors.files.test_as_a_source import rows, store
from tests.simulators.files import write_csv

__all__ = ["store"]
HEADS = {
    "debtor": ["No", "Name"],
    "document": ["No", "Customer", "Total"],
    "address": ["No", "Customer", "Street"],
    "activity": ["No", "Customer", "When", "Note"],
    "attachment": ["No", "Customer", "Invoice", "File"],
}
FIELDS: dict[str, dict[str, Any]] = {
    "debtor": {"number": "No", "name": "Name"},
    "document": {"debtor_key": "Customer", "total": "Total", "currency": {"value": "DKK"}},
    "address": {"debtor_key": "Customer", "kind": {"value": "delivery"}, "address_line1": "Street"},
    "activity": {"debtor_key": "Customer", "kind": {"value": "call"}, "at": "When", "text": "Note"},
    "attachment": {"debtor_key": "Customer", "document_key": "Invoice", "name": "File"},
}


class Export:
    """A folder with a file for each kind of record."""

    def __init__(self, store: Engine, folder: Path) -> None:
        self.store, self.folder = store, folder
        self.cells: dict[str, list[list[str]]] = {
            "debtor": [["1", "HANSEN & SØN"], ["2", "BERG A/S"]],
            "document": [["R-1", "1", "100.00"]],
            "address": [["A-1", "1", "Havnen 3"], ["A-9", "9", "Nowhere 9"]],
            "activity": [
                ["7", "1", "2026-03-02T09:00:00Z", "Promised Friday"],
                ["8", "2", "", "Left a message"],
            ],
            "attachment": [["S-1", "", "R-1", "R-1.pdf"], ["S-2", "1", "", "contract.pdf"]],
        }

    @property
    def runtime(self) -> Runtime:
        """Where it runs."""
        return Runtime(self.store, Lake(str(self.folder.parent / "lake")), SystemClock())

    def run(self, **options: Any) -> Ran:
        """One night."""
        for entity, head in HEADS.items():
            write_csv(self.folder / f"{entity}.csv", (head, self.cells[entity]))
        config = {"source": "books", "connector": "files", "sweep": {"brake_from": 50},
                  "mapping": {"entities": {entity: {"fields": fields} for entity, fields in FIELDS.items()}},
                  "connection": {"folder": str(self.folder), "company": {"name": "OURS", "base_currency": "DKK"},
                                 "entities": {entity: {"path": f"{entity}.csv", "key": "No"} for entity in HEADS}}}  # fmt: skip
        return run_source(self.runtime, SourceConfig.model_validate(config), **options)

    def whose(self) -> set[tuple[str, str, str | None]]:
        """Kind of belonging, its key, and the number of its living owner."""
        return set(
            rows(
                self.store,
                """
                SELECT 'address', a.external_id, d.number FROM canonical.address a LEFT JOIN canonical.debtor d ON d.id = a.debtor_id
                WHERE a.deleted_at IS NULL
                UNION ALL SELECT 'activity', a.external_id, d.number FROM canonical.activity a LEFT JOIN canonical.debtor d ON d.id = a.debtor_id
                WHERE a.deleted_at IS NULL
                UNION ALL SELECT a.owner_table, a.external_id, coalesce(d.number, i.external_no) FROM canonical.attachment a
                LEFT JOIN canonical.debtor d ON d.id = a.owner_id LEFT JOIN canonical.document i ON i.id = a.owner_id WHERE a.deleted_at IS NULL
                """,
            )
        )


@pytest.fixture
def export(store: Engine, tmp_path: Path) -> Export:
    """The export of the first night, published."""
    found = Export(store, tmp_path / "erp")
    ran = found.run()
    assert ran.certificate is not None
    assert {c.code: c.verdict for c in ran.certificate.checks}["C1"] == "holds"
    return found


FIRST = {
    ("address", "A-1", "1"),
    ("address", "A-9", None),
    ("activity", "7", "1"),
    ("activity", "8", "2"),
    ("document", "S-1", "R-1"),
    ("debtor", "S-2", "1"),
}


def test_they_are_published_beside_their_owners(export: Export) -> None:
    """With what was said; one whose debtor nobody knows waits for it in sight, and finds it when it comes."""
    assert export.whose() == FIRST
    assert rows(
        export.store, "SELECT kind, address_line1 FROM canonical.address WHERE external_id = 'A-1'"
    ) == [("delivery", "Havnen 3")]
    assert rows(export.store, "SELECT kind, text FROM canonical.activity WHERE external_id = '7'") == [
        ("call", "Promised Friday")
    ]
    export.cells["debtor"].append(["9", "LATER ApS"])
    export.run()
    assert export.whose() == (FIRST - {("address", "A-9", None)}) | {("address", "A-9", "9")}
    quiet = export.run()
    assert quiet.published is not None
    assert quiet.published.changes == 0


def test_they_change_and_end_with_their_records(export: Export) -> None:
    """A corrected owner moves it, a deleted record is a tombstone, and both are told in the change feed."""
    export.cells["address"] = [["A-1", "2", "Havnen 4"]]
    del export.cells["activity"][0]
    export.run(full=True, accept_deletes=True)
    assert export.whose() == {
        ("address", "A-1", "2"),
        ("activity", "8", "2"),
        ("document", "S-1", "R-1"),
        ("debtor", "S-2", "1"),
    }
    told = rows(
        export.store,
        "SELECT entity, field, op FROM canonical.change WHERE entity IN ('address', 'activity') AND op <> 'create'",
    )
    assert {("address", "debtor_id", "update"), ("address", "address_line1", "update"), ("address", "deleted_at", "delete"),
            ("activity", "deleted_at", "delete")} <= set(told)  # fmt: skip


def test_they_follow_a_merge_and_its_undo(export: Export) -> None:
    """Whose record it was decides, not whose debtor it has become."""
    apply(export.runtime, links.merge(export.runtime, "1", "2", by="ada", force=True).hash, by="ada")
    assert {(kind, key, owner) for kind, key, owner in export.whose() if key in ("A-1", "7", "S-2")} == {
        ("address", "A-1", "2"),
        ("activity", "7", "2"),
        ("debtor", "S-2", "2"),
    }
    apply(export.runtime, links.undo(export.runtime, by="ada").hash, by="ada")
    assert export.whose() == FIRST
