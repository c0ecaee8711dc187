"""A desk to run commands at: a defs folder, a database, a simulated company behind the connector, and what a command said."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import yaml

from connectors.business_central import BusinessCentral, Settings
from connectors.business_central.connector import Plugin
from sync_engine.cli import main
from sync_engine.ports import Clock
from tests.simulators.business_central.app import BusinessCentralSimulator
from tests.simulators.business_central.settings import settings as facts_of
from tests.simulators.business_central.world import Company

SECRET = "DESK_SECRET"


class Said(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Its one JSON document."""
        return json.loads(self.out)


@dataclass
class Desk:
    """Where commands run. `simulator` is the ERP, `company` the configured one."""

    simulator: BusinessCentralSimulator
    company: Company
    defs: Path
    capture: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch

    def run(self, *arguments: str) -> Said:
        """One command, in this process."""
        self.capture.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        out, err = self.capture.readouterr()
        return Said(int(ended.value.code or 0), out, " ".join(err.split()))

    def json(self, *arguments: str) -> Any:
        """The JSON document of a command that succeeds."""
        said = self.run(*arguments, "--json")
        assert said.code == 0, said.err
        return said.document

    def configure(
        self,
        name: str = "bc",
        *,
        dimension: str = "CUSTOMERGROUP",
        more: dict[str, Any] | None = None,
        **connection: Any,
    ) -> None:
        """Writes the YAML of a source."""
        facts = facts_of(self.simulator, "https://localhost")
        given = {
            "base_url": facts.base_url,
            "authority": facts.authority,
            "environment": facts.environment,
            "company": self.company.name,
            "auth": {"client_id": facts.client_id, "client_secret": f"env:{SECRET}"},
        }
        attributes = {
            "source": name,
            "connector": "business_central",
            "portfolio": {"dimension": dimension},
            "connection": given | connection,
            **(more or {}),
        }
        path = self.defs / name / "defs.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            yaml.safe_dump({"type": "dagster_project.components.ErpSource", "attributes": attributes}),
            encoding="utf-8",
        )


def wire(patch: pytest.MonkeyPatch, simulator: BusinessCentralSimulator) -> None:
    """Puts the simulator where the connector would find the network."""

    def opened(_self: Plugin, source: str, settings: Settings, clock: Clock) -> BusinessCentral:
        return BusinessCentral(
            source, settings, clock, httpx.WSGITransport(app=simulator, raise_app_exceptions=True)
        )

    patch.setattr(Plugin, "open", opened)
