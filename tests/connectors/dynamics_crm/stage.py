"""A simulated CRM, and connectors opened on both of its services."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from connectors.dynamics_crm import DynamicsCrm, plugin
from sync_engine.records import RawRecord
from tests.simulators.dynamics_crm import PASSWORD, SECRET, Crm, CrmTransport, furnished

DECLARED = {
    "activity_complaints": {
        "key": "IncidentId",
        "columns": ["Title"],
        "dates": ["ResolveBy"],
        "account": "CustomerId",
    },
    "dimension_value_group": {"key": "new_CustomerGroupId", "columns": ["new_Name", "new_Code"]},
}
SETS = {
    "web_api": {"activity_complaints": "incidents", "dimension_value_group": "new_customergroups"},
    "organization_data": {
        "activity_complaints": "IncidentSet",
        "dimension_value_group": "new_CustomerGroupSet",
    },
}
COMMON: dict[str, Any] = {
    "time_zone": "Europe/Zurich",
    "page_size": 4,
    "sets": {"accounts": {"columns": ["new_VatNumber", "NumberOfEmployees", "OpenDeals_Date"], "lookups": ["new_CustomerGroupId"]},
             "contacts": {"dates": ["BirthDate"]}},
}  # fmt: skip
CONNECTION: dict[str, dict[str, Any]] = {
    "web_api": {
        **COMMON,
        "base_url": "https://crm.example.com",
        "authority": "https://crm.example.com/contoso",
        "auth": {"tenant_id": "contoso", "client_id": "an-app", "client_secret": "env:CRM_SECRET"},
        "option_sets": {"CustomerTypeCode": {}},
    },
    "organization_data": {
        **COMMON,
        "base_url": "https://crm.example.com/Contoso",
        "dialect": "organization_data",
        "auth": {"kind": "basic", "user": "CONTOSO\\reader", "password": "env:CRM_PASSWORD"},
        "option_sets": {"CustomerTypeCode": {"1": "Competitor", "3": "Customer", "8": "Prospect"}},
    },
}


@dataclass
class CrmStage:
    """An organisation as the contract wants it."""

    dialect: str
    crm: Crm = field(default_factory=furnished)
    secrets: tuple[str, ...] = (SECRET, PASSWORD)
    unresumable: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.transport = CrmTransport(self.crm)
        self.transport.organization_data.page = 4

    def settings(self, **changes: Any) -> dict[str, Any]:
        """The connection part of the YAML."""
        declared = {name: {**one, "set": SETS[self.dialect][name]} for name, one in DECLARED.items()}
        return {**CONNECTION[self.dialect], "declared": declared, **changes}

    def open(self, **changes: Any) -> DynamicsCrm:
        settings = plugin.settings.model_validate(self.settings(**changes))
        return plugin.open("crm", settings, self.crm, self.transport)

    def account(self, place: int) -> str:
        """The id of the account that was made as the so-manieth."""
        return list(self.crm.rows["account"])[place]

    def edit(self) -> tuple[str, str]:
        self.crm.sleep(3600)
        return "accounts", self.crm.touch("account", self.account(2), Name="Another name")

    def delete(self) -> tuple[str, str]:
        self.crm.sleep(3600)
        key = list(self.crm.rows["contact"])[3]
        self.crm.delete("contact", key)
        return "contacts", key

    def refuse(self) -> None:
        self.transport.secret = self.transport.password = "another one"

    def debtor(self) -> str:
        return self.account(5)


def stage(dialect: str) -> Callable[[pytest.MonkeyPatch], CrmStage]:
    """Makes a stage of one service, its secrets in the environment."""

    def make(monkeypatch: pytest.MonkeyPatch) -> CrmStage:
        monkeypatch.setenv("CRM_SECRET", SECRET)
        monkeypatch.setenv("CRM_PASSWORD", PASSWORD)
        return CrmStage(dialect)

    return make


def records(connector: DynamicsCrm, entity: str, since: Any = None) -> dict[str, RawRecord]:
    """Key -> record of one pull."""
    return {record.key: record for batch in connector.pull(entity, since) for record in batch.records}


def rows(connector: DynamicsCrm, entity: str, since: Any = None) -> dict[str, dict[str, Any]]:
    """Key -> row of one pull."""
    return {
        key: msgspec.json.decode(record.payload) for key, record in records(connector, entity, since).items()
    }
