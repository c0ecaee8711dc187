"""A small ERP made of CSV files, published; files to import into it; what canonical says before and after."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from sync_engine.config import SourceConfig
from sync_engine.lake import Lake
from sync_engine.ops.imports import Report, apply_import, plan_import
from sync_engine.ops.runs.source_run import Ran, Runtime, run_source
from sync_engine.ownership.policy import DEFAULT_POLICY, Policy
from sync_engine.platform.clock import SystemClock
from sync_engine.ports import Clock
from sync_engine.store.imports import Outcome
from tests.simulators.files import Flaws, write_csv
from tests.stages.snapshots import Snapshot, snapshot

ENTITIES = {
    "account_owner": {"number": "Code", "name": "Name", "email": "E-mail"},
    "dimension": {"code": "Code", "name": "Name"},
    "dimension_value": {"dimension_key": "Dimension", "code": "Code", "name": "Name"},
    "debtor": {
        "number": "No",
        "name": "Name",
        "owner_code": "Owner",
        "credit_limit": "Limit",
        "parent_key": {"column": "Parent", "optional": True},
    },
    "debtor_dimension": {
        "debtor_key": "Customer",
        "dimension_key": "Dimension",
        "dimension_value_key": "Value",
    },
    "contact": {"debtor_key": "Customer", "full_name": "Name", "email": "E-mail", "title": "Title"},
    "document": {
        "debtor_key": "Customer",
        "number": "No",
        "issue_date": "Issued",
        "due_date": "Due",
        "total": "Total",
        "open_amount": "Open",
        "dispute_reason": "Dispute",
        "promised_date": "Promised",
    },
}
KEYS = {
    "account_owner": "Code",
    "dimension": "Code",
    "dimension_value": "Code",
    "debtor": "Id",
    "debtor_dimension": "Customer",
    "contact": "Id",
    "document": "Id",
}
Rows = list[list[str]]


def world(customers: int = 8, *, peopled: int | None = None) -> dict[str, tuple[list[str], Rows]]:
    """File -> heading and rows. Customers 3 and 4 share a name; every customer has two contacts and two invoices (the first
    `peopled` ones only, where that is said), and the invoice number R-1 occurs twice."""
    ids, busy = range(customers), range(customers if peopled is None else peopled)
    names = {4: "HANSEN & SØN 3"}
    return {
        "account_owner": (
            ["Code", "Name", "E-mail"],
            [["JO", "Jo Berg", "jo@example.com"], ["ANN", "Ann Dahl", "ann@example.com"]],
        ),
        "dimension": (["Code", "Name"], [["GROUP", "Customer group"]]),
        "dimension_value": (
            ["Dimension", "Code", "Name"],
            [["GROUP", "SMALL", "Small ones"], ["GROUP", "LARGE", "Large ones"]],
        ),
        "debtor": (
            ["Id", "No", "Name", "Owner", "Limit", "Parent"],
            [
                [
                    f"erp-{i}",
                    str(10000 + i),
                    names.get(i, f"HANSEN & SØN {i}"),
                    "JO",
                    "1000",
                    "erp-0" if i == 7 else "",
                ]
                for i in ids
            ],
        ),
        "debtor_dimension": (
            ["Customer", "Dimension", "Value"],
            [[f"erp-{i}", "GROUP", "SMALL"] for i in ids],
        ),
        "contact": (
            ["Id", "Customer", "Name", "E-mail", "Title"],
            [
                [
                    f"c-{i}-{n}",
                    f"erp-{i}",
                    f"Person {n} of {i}",
                    f"p{n}@c{i}.example.com",
                    ("Controller", "CFO")[n],
                ]
                for i in busy
                for n in range(2)
            ],
        ),
        "document": (
            ["Id", "Customer", "No", "Issued", "Due", "Total", "Open", "Dispute", "Promised"],
            [
                [
                    f"d-{i}-{n}",
                    f"erp-{i}",
                    "R-1" if i < 2 and n == 0 else f"R-{i}-{n}",
                    "2026-01-05",
                    "2026-02-05",
                    "100.00",
                    "100.00",
                    "",
                    "",
                ]
                for i in busy
                for n in range(2)
            ],
        ),
    }


class DaysAhead(SystemClock):
    """A clock that is nine days ahead of the machine's."""

    def now(self) -> datetime:
        """Nine days from now."""
        return super().now() + timedelta(days=9)


@dataclass
class Desk:
    """The ERP, the engine's database, and a drawer for files to import."""

    store: Engine
    folder: Path
    tables: dict[str, tuple[list[str], Rows]] = field(default_factory=world)
    policy: Policy = DEFAULT_POLICY
    clock: Clock = field(default_factory=SystemClock)

    @property
    def config(self) -> SourceConfig:
        """The YAML of the ERP."""
        return SourceConfig.model_validate(
            {
                "source": "erp",
                "connector": "files",
                "portfolio": {"dimension": "GROUP"},
                "connection": {
                    "folder": "erp",
                    "company": {"name": "OUR COMPANY", "base_currency": "DKK"},
                    "entities": {name: {"path": f"{name}.csv", "key": key} for name, key in KEYS.items()},
                },
                "mapping": {"entities": {name: {"fields": fields} for name, fields in ENTITIES.items()}},
            }
        )

    @property
    def runtime(self) -> Runtime:
        """What runs and decisions work with."""
        return Runtime(self.store, Lake(str(self.folder / "lake")), self.clock, self.policy)

    def run(self) -> Ran:
        """The ERP's files as they are now, through all stages."""
        for name, table in self.tables.items():
            write_csv(self.folder / "erp" / f"{name}.csv", table)
        return run_source(self.runtime, self.config)

    def edit(self, name: str, key: str, column: str, value: str) -> None:
        """Changes a cell of the ERP."""
        heading, rows = self.tables[name]
        row = next(r for r in rows if r[heading.index(KEYS[name])] == key)
        row[heading.index(column)] = value

    def drop(self, name: str, heading: list[str], rows: Rows, flaws: Flaws = Flaws()) -> Path:  # noqa: B008 - frozen
        """A file in the drawer."""
        return write_csv(self.folder / "drawer" / name, (heading, rows), flaws)

    def plan(self, kind: str, heading: list[str], rows: Rows, **options: Any) -> Report:
        """A dry run of a file with these rows."""
        return plan_import(self.store, kind, self.drop(f"{kind}.csv", heading, rows), **options)

    def apply(self, kind: str, heading: list[str], rows: Rows, **options: Any) -> Report:
        """An import of a file with these rows, by Mia."""
        return apply_import(
            self.store,
            kind,
            self.drop(f"{kind}.csv", heading, rows),
            who="mia",
            clock=self.clock,
            why="spring cleaning",
            **options,
        )

    def snapshot(self) -> Snapshot:
        """Every canonical table as a set of rows, and what people decided."""
        found = snapshot(self.store)
        found["pin"] = set(
            self.rows(
                "SELECT entity, canonical_id, field, CAST(value AS text), until, pinned_by, CAST(pinned_at AS text), reason FROM "
                "engine.pin"
            )
        )
        found["source_record"] = set(
            self.rows(
                "SELECT s.source, s.entity, r.key, CAST(r.claim AS text), r.deleted_at IS NULL FROM engine.source_record r "
                "JOIN engine.stream s USING (stream_id)"
            )
        )
        return found

    def rows(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """All rows of a statement."""
        with self.store.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement), values)]

    def one(self, statement: str, **values: Any) -> Any:
        """The single value of a statement."""
        return self.rows(statement, **values)[0][0]

    def execute(self, statement: str, **values: Any) -> None:
        """One statement, committed."""
        with self.store.begin() as connection:
            connection.execute(text(statement), values)

    def debtors(self, column: str) -> dict[str, Any]:
        """Number -> a column of living debtors, references by their name."""
        named = {
            "owner": "(SELECT email FROM canonical.account_owner o WHERE o.id = d.owner_id)",
            "portfolio": "(SELECT name FROM canonical.portfolio p WHERE p.id = d.portfolio_id)",
            "parent": "(SELECT number FROM canonical.debtor p WHERE p.id = d.parent_id)",
            "top": "(SELECT number FROM canonical.debtor p WHERE p.id = d.ultimate_parent_id)",
        }
        return dict(
            self.rows(
                f"SELECT number, {named.get(column, column)} FROM canonical.debtor d WHERE deleted_at IS NULL"
            )
        )

    def contacts(self, column: str) -> dict[str, Any]:
        """E-mail -> a column of living contacts."""
        named = {
            "position": "(SELECT name FROM canonical.contact_position p WHERE p.id = c.position_id)",
            "debtor": "(SELECT number FROM canonical.debtor d WHERE d.id = c.debtor_id)",
        }
        return dict(
            self.rows(
                f"SELECT email_normalised, {named.get(column, column)} FROM canonical.contact c WHERE deleted_at IS NULL"
            )
        )


def by_line(report: Report) -> dict[int, Outcome]:
    """Line -> what came of it."""
    return {row.line: row for row in report.rows}


def refused(report: Report) -> dict[int, tuple[str | None, str | None]]:
    """Line -> column and reason, of the refused rows."""
    return {row.line: (row.column, row.what) for row in report.rows if row.outcome == "refused"}
