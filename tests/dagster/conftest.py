"""A small company served on loopback, and the defs folder that points at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import pytest
import yaml

from dagster_project.definitions import load
from dagster_project.in_process import QUIET, Job, run_lane
from tests.conftest import new_database
from tests.connectors.support import Bench, bench
from tests.dagster.office import Office, furnish, open_office
from tests.simulators.business_central.server import serve
from tests.simulators.business_central.settings import settings as facts_of

TYPE = "dagster_project.components.ErpSource"


@dataclass
class Installation:
    """A simulated company, its YAML, and how to run its lane."""

    bench: Bench
    folder: Path
    attributes: dict[str, Any]

    def run(self, job: Job = "lane", **given: Any) -> dg.ExecuteInProcessResult:
        """One run; with an instance its events are kept."""
        return run_lane("bc", job=job, folder=self.folder, **given)

    def materialise(self, *keys: dg.AssetKey) -> dg.ExecuteInProcessResult:
        """What the button in the UI does with some chosen assets."""
        job = load(self.folder).resolve_implicit_global_asset_job_def()
        with dg.DagsterInstance.ephemeral(settings=QUIET) as instance:
            return job.execute_in_process(asset_selection=list(keys), raise_on_error=False, instance=instance)

    def configure(self, **changes: Any) -> None:
        """Writes the YAML again with other attributes."""
        self.attributes.update(changes)
        write_yaml(self.folder, "bc", self.attributes)


def write_yaml(folder: Path, name: str, attributes: dict[str, Any], **more: Any) -> Path:
    """`<folder>/<name>/defs.yaml`."""
    path = folder / name / "defs.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        yaml.safe_dump({"type": TYPE, "attributes": attributes, **more}, allow_unicode=True), encoding="utf-8"
    )
    return path


def open_installation(patch: pytest.MonkeyPatch, folder: Path) -> Iterator[Installation]:
    """Serves the company until the caller is done."""
    there = bench(patch)
    there.hands.time.advance(
        datetime.now(UTC) - there.hands.now()
    )  # the engine ages receivables by the real calendar
    with serve(there.simulator, tls=False) as server:
        facts = facts_of(there.simulator, server.url)
        attributes = {
            "source": "bc", "connector": "business_central", "environment": "test", "portfolio": {"dimension": "CUSTOMERGROUP"},
            "connection": {
                "base_url": facts.base_url, "authority": facts.authority, "environment": facts.environment, "company": there.company.name, "attempts": 1,
                "auth": {"client_id": facts.client_id, "client_secret": "env:BC_TEST_SECRET"},
                "ledger": {"custom": {"publisher": "contoso", "group": "receivables", "version": "v1.0"}},
            },
        }  # fmt: skip
        write_yaml(folder, "bc", attributes)
        yield Installation(there, folder, attributes)


@pytest.fixture
def installation(
    home: Path, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    """A company of the test's own, with an empty store."""
    yield from open_installation(monkeypatch, tmp_path / "defs")


Said = Callable[[dg.ExecuteInProcessResult], dict[str, str]]


@pytest.fixture
def failures() -> Said:
    """The steps of a run that failed, with what they said."""

    def said(result: dg.ExecuteInProcessResult) -> dict[str, str]:
        found = {}
        for event in result.get_step_failure_events():
            data = event.step_failure_data
            told = data.user_failure_data.description if data.user_failure_data else None
            found[str(event.step_key)] = told or (data.error.message if data.error else "")
        return found

    return said


class Furnished(NamedTuple):
    """An office after its first runs, that nobody is connected to."""

    url: str
    folder: Path
    definitions: dg.Definitions


@pytest.fixture(scope="session")
def furnished(migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Furnished]:
    """Both sources published once."""
    folder = tmp_path_factory.mktemp("office")
    defs = furnish(folder)
    with pytest.MonkeyPatch.context() as patch, new_database(migrated_template, "migrated") as url:
        for name, value in (("HOME", str(folder)), ("DEFS", str(defs)), ("DATABASE_URL", url)):
            patch.setenv(f"SYNC_ENGINE_{name}", value)
        for source in ("erp", "crm"):
            assert run_lane(source, folder=defs).success
        yield Furnished(url, folder, load(defs))


@pytest.fixture
def office(furnished: Furnished, server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """A copy of the office, to be changed."""
    yield from open_office(
        monkeypatch,
        server,
        furnished.url.rpartition("/")[2].partition("?")[0],
        furnished.folder,
        furnished.definitions,
    )
