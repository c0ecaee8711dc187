"""A folder of files, the settings that declare them, and connectors opened on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connectors.files import Files, plugin
from mappings.files import plugin as mapping
from mappings.toolkit.columns import ColumnsNormaliser
from sync_engine.platform.clock import SystemClock
from sync_engine.records import RawRecord
from tests.simulators.files import Books, Flaws, small_books, write_csv

CUSTOMERS: dict[str, Any] = {"path": "customers.csv", "key": "Customer No."}
PERSONS: dict[str, Any] = {"path": "persons.csv", "key": ["Customer No.", "E-mail"], "debtor": "Customer No."}
INVOICES: dict[str, Any] = {"path": "open-items", "key": ["Invoice No."], "debtor": "Customer No."}
MAPPING: dict[str, Any] = {
    "entities": {
        "debtor": {
            "fields": {
                "number": "customer no",
                "name": "Name",
                "credit_limit": "Credit limit",
                "city": "City",
                "country": "Country",
                "status": {"column": "Blocked", "codes": {"yes": "blocked", "no": "active"}},
            },
            "custom": {"note": "Note"},
        },
        "contact": {
            "fields": {
                "debtor_key": "Customer No.",
                "first_name": "First name",
                "last_name": "Last name",
                "email": "E-mail",
                "title": "Title",
            }
        },
        "document": {
            "fields": {
                "number": "Invoice No.",
                "debtor_key": "Customer No.",
                "issue_date": "Issued",
                "due_date": "Due",
                "total": "Total",
                "open_amount": "Open",
                "currency": {"value": "DKK"},
            }
        },
    },
}


@dataclass
class Shelf:
    """A folder with the books of a small company in it."""

    folder: Path
    books: Books = field(default_factory=small_books)
    flaws: Flaws = field(default_factory=Flaws)

    def write(self) -> Shelf:
        """Writes all files; again after the books changed."""
        write_csv(self.folder / "customers.csv", self.books.customer_rows(), self.flaws)
        write_csv(self.folder / "persons.csv", self.books.person_rows(), self.flaws)
        heading, rows = self.books.invoice_rows()
        half = len(rows) // 2
        write_csv(self.folder / "open-items" / "1.csv", (heading, rows[:half]), self.flaws)
        write_csv(self.folder / "open-items" / "2.csv", (heading, rows[half:]), self.flaws)
        return self

    def settings(self, **changes: Any) -> dict[str, Any]:
        """The connection part of the YAML."""
        return {
            "folder": str(self.folder),
            "entities": {"document": INVOICES, "contact": PERSONS, "debtor": CUSTOMERS},
            "company": {"name": "HANSEN & SØN's A/S", "base_currency": "DKK", "country": "DK"},
            **changes,
        }

    def open(self, **changes: Any) -> Files:
        """A fresh connector."""
        return plugin.open("books", plugin.settings.model_validate(self.settings(**changes)), SystemClock())


def one(folder: Path, entity: str = "debtor", **declared: Any) -> Files:
    """A connector on one declared entity."""
    return plugin.open(
        "books",
        plugin.settings.model_validate(
            {"folder": str(folder), "entities": {entity: {"key": "No", **declared}}}
        ),
        SystemClock(),
    )


def records(connector: Files, entity: str = "debtor") -> list[RawRecord]:
    """All records of one pull."""
    return [record for batch in connector.pull(entity, None) for record in batch.records]


def normaliser(**settings: Any) -> ColumnsNormaliser:
    """A normaliser of declared entities."""
    return mapping.normaliser("books", mapping.settings.model_validate(settings))
