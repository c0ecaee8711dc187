"""An office with an ERP and a CRM in files and one policy: the folder Dagster loads, the store behind it, and how a job is launched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from sqlalchemy import text

from dagster_project.in_process import QUIET
from sync_engine.store.db import open_engine
from tests.conftest import new_database

CUSTOMERS = """No,Name,Phone,Postcode,Country,Registration
10000,HANSEN & SØN A/S,+45 12 34 56 78,8000,DK,31415926
10001,Müller GmbH,+49 40 123456,20095,DE,
10002,Bianchi S.p.A.,,00184,IT,
10003,Hansen og Søn (old),,8000,DK,
"""
INVOICES = """No,Customer,Date,Due,Amount
1,10000,2026-01-15,2026-02-15,350.50
2,10003,2026-01-15,2026-02-15,40.00
"""
ACCOUNTS = """Id,Name,Phone,Postcode,Country,Registration
C1,Hansen & Soen,87654321,8000,DK,
C2,Mueller Gmbh,,20095,DE,
C3,Prospekt & Partner,11223344,2100,DK,
"""
FIELDS = {
    "name": "Name",
    "phone": "Phone",
    "postcode": "Postcode",
    "country": "Country",
    "registration_no": "Registration",
}
PERSONAL = (
    "HANSEN",
    "Hansen",
    "Müller",
    "Mueller",
    "Bianchi",
    "Prospekt",
    "12 34 56 78",
    "87654321",
    "11223344",
)
"""What must not be kept by Dagster, unless somebody types it."""


@dataclass
class Office:
    """Where jobs are launched."""

    folder: Path
    url: str
    definitions: dg.Definitions
    instance: dg.DagsterInstance

    def launch(self, job: str, **form: Any) -> dg.ExecuteInProcessResult:
        """What the button in the Launchpad does with a filled-in form."""
        return self.definitions.resolve_job_def(job).execute_in_process(
            run_config=form, instance=self.instance, raise_on_error=False
        )

    def told(self, job: str, **form: Any) -> dict[str, Any]:
        """The metadata of the one step of a launch that succeeds."""
        result = self.launch(job, **form)
        assert result.success, refusal(result).description
        return told_by(result)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a statement finds."""
        engine = open_engine(self.url)
        with engine.connect() as connection:
            found = [tuple(r) for r in connection.execute(text(sql))]
        engine.dispose()
        return found

    def do(self, sql: str) -> None:
        """Something nobody does through the engine."""
        engine = open_engine(self.url)
        with engine.begin() as connection:
            connection.execute(text(sql))
        engine.dispose()

    def everything(self) -> dict[str, frozenset[str]]:
        """Every row of every table of both schemas."""
        tables = self.rows(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema IN ('canonical', 'engine') "
            "AND table_type = 'BASE TABLE'"
        )
        return {
            f"{s}.{t}": frozenset(
                str(r[0]) for r in self.rows(f"SELECT CAST(to_jsonb(x) AS text) FROM {s}.{t} x")
            )
            for s, t in tables
        }

    def state(self) -> dict[str, frozenset[str]]:
        """What readers see, as sets of rows, without when and in which cut."""
        tables = {
            t: f"SELECT CAST(to_jsonb(x) - '{{changed_at,cut_id,first_seen_at}}'::text[] AS text) FROM canonical.{t} x WHERE deleted_at IS NULL"
            for t in ("debtor", "document", "debtor_group")
        }
        tables |= {
            t: f"SELECT CAST(to_jsonb(x) - 'since' AS text) FROM canonical.{t} x"
            for t in ("link", "overruled")
        }
        return {name: frozenset(str(r[0]) for r in self.rows(sql)) for name, sql in tables.items()}

    def means(self, source: str, key: str) -> str | None:
        """The number of the debtor a source record is linked to."""
        found = self.rows(f"""
            SELECT d.number FROM canonical.link l JOIN canonical.debtor d ON d.id = l.canonical_id
            WHERE l.entity = 'debtor' AND l.source = '{source}' AND l.external_id = '{key}'""")
        return str(found[0][0]) if found else None


def told_by(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """What a launch says: about links in the event on their asset, else with the output of its step; tables as lists of rows."""
    said: list[Mapping[str, Any]] = [
        e.materialization.metadata for e in result.get_asset_materialization_events()
    ]
    said += [
        e.asset_observation_data.asset_observation.metadata for e in result.get_asset_observation_events()
    ]
    [metadata] = said or [e.step_output_data.metadata for e in result.all_events if e.is_successful_output]
    return {
        n: [dict(r.data) for r in v.records] if isinstance(v, dg.TableMetadataValue) else v.value
        for n, v in metadata.items()
    }


def refusal(result: dg.ExecuteInProcessResult) -> dg.Failure:
    """The failure of a launch that was refused."""
    [event] = result.get_step_failure_events()
    data = event.step_failure_data.user_failure_data
    assert data is not None, event.step_failure_data.error
    return dg.Failure(data.description, metadata=dict(data.metadata))


def source_yaml(folder: Path, source: str, **attributes: Any) -> None:
    """The YAML of a source of files."""
    write(
        folder,
        source,
        "ErpSource",
        {"source": source, "connector": "files", "environment": "test", **attributes},
    )


def crm_yaml(folder: Path, **attributes: Any) -> None:
    """The YAML of the CRM, with what a test says otherwise."""
    source_yaml(
        folder / "defs",
        "crm",
        role="crm",
        mapping={"entities": {"debtor": {"fields": FIELDS}}},
        **attributes,
        connection={
            "folder": str(folder / "books"),
            "entities": {"debtor": {"path": "accounts.csv", "key": "Id"}},
        },
    )


def write(folder: Path, name: str, component: str, attributes: dict[str, Any]) -> None:
    """`<folder>/<name>/defs.yaml`."""
    path = folder / name / "defs.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        yaml.safe_dump({"type": f"dagster_project.components.{component}", "attributes": attributes}),
        encoding="utf-8",
    )


def furnish(folder: Path) -> Path:
    """Files and YAMLs of the office; returns the defs folder."""
    books, defs = folder / "books", folder / "defs"
    books.mkdir(parents=True)
    for name, content in (("customers", CUSTOMERS), ("invoices", INVOICES), ("accounts", ACCOUNTS)):
        (books / f"{name}.csv").write_text(content, encoding="utf-8")
    source_yaml(
        defs, "erp",
        connection={
            "folder": str(books), "company": {"name": "Nordlys A/S", "base_currency": "DKK", "country": "DK"},
            "entities": {"debtor": {"path": "customers.csv", "key": "No"}, "document": {"path": "invoices.csv", "key": "No", "debtor": "Customer"}},
        },
        mapping={"entities": {
            "debtor": {"fields": FIELDS | {"number": "No"}},
            "document": {"fields": {
                "number": "No", "debtor_key": "Customer", "issue_date": "Date", "due_date": "Due", "total": "Amount", "open_amount": "Amount",
                "currency": {"value": "DKK"},
            }},
        }},
    )  # fmt: skip
    crm_yaml(folder)
    write(defs, "canonical_store", "CanonicalStore", {"rules": [
        {"groups": ["general"], "ranking": ["crm", "erp", "collections"]}, {"ranking": ["erp", "crm", "collections"]},
    ]})  # fmt: skip
    return defs


def open_office(
    patch: pytest.MonkeyPatch, server: str, template: str, folder: Path, definitions: dg.Definitions
) -> Iterator[Office]:
    """An office on a copy of a database, until the caller is done."""
    with new_database(server, template) as url, dg.DagsterInstance.ephemeral(settings=QUIET) as instance:
        patch.setenv("SYNC_ENGINE_HOME", str(folder))
        patch.setenv("SYNC_ENGINE_DEFS", str(folder / "defs"))
        patch.setenv("SYNC_ENGINE_DATABASE_URL", url)
        yield Office(folder, url, definitions, instance)


def kept(instance: dg.DagsterInstance) -> str:
    """Everything an instance has kept of what its runs said; not what was typed into their forms."""
    return "\n".join(repr(entry) for run in instance.get_runs() for entry in instance.all_logs(run.run_id))
