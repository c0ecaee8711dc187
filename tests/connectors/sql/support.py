"""Databases of an ERP, and connectors opened on them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from connectors.sql import Sql, plugin
from mappings.sql import plugin as mapping
from mappings.toolkit.columns import ColumnsNormaliser
from sync_engine.records import RawRecord
from tests.simulators.sql import Admin, Erp

SECRET = "SQL_TEST_PASSWORD"


@dataclass
class Noon:
    """A clock that stands still."""

    at: datetime = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing waits here")


@dataclass
class SqlStage:
    """An ERP as the contract wants it; refusing is a password that was changed, a role that may not log in any more, or a file that is gone."""

    erp: Erp
    monkeypatch: pytest.MonkeyPatch
    unresumable: frozenset[str] = frozenset()
    secrets: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.secrets = (self.erp.admin.password or "nothing here is secret",)
        self.monkeypatch.setenv(SECRET, self.erp.admin.password)

    def open(self, **changes: Any) -> Sql:
        return opened(self.erp.admin, **{**self.erp.connection, **changes})

    def edit(self) -> tuple[str, str]:
        self.erp.rename("010020", "ANOTHER NAME")
        return "debtor", "010020"

    def delete(self) -> tuple[str, str]:
        self.erp.cancel("R010030-1")
        return "document", "R010030-1"

    def refuse(self) -> None:
        admin = self.erp.admin
        if admin.product == "postgresql":  # on its socket nobody is asked for a password
            admin.run(f"ALTER ROLE reader_{make_url(admin.url).database} NOLOGIN")
        elif admin.password:
            self.monkeypatch.setenv(SECRET, f"{admin.password} of yesterday")
        else:
            admin.place.rename(admin.place.with_name("elsewhere"))

    def debtor(self) -> str:
        return "010040"


def opened(admin: Admin, **declared: Any) -> Sql:
    """A connector on a database."""
    given = {"url": admin.url, **({"password": f"env:{SECRET}"} if admin.password else {}), **declared}
    return plugin.open("erp", plugin.settings.model_validate(given), Noon())


def one(admin: Admin, entity: str = "debtor", **declared: Any) -> Sql:
    """A connector on one declared entity."""
    more = {name: declared.pop(name) for name in ("time_zone", "isolation", "fetch") if name in declared}
    return opened(admin, entities={entity: {"key": "id", **declared}}, **more)


def records(connector: Sql, entity: str = "debtor", since: Any = None) -> list[RawRecord]:
    """All records of one pull."""
    return [record for batch in connector.pull(entity, since) for record in batch.records]


def rows(connector: Sql, entity: str = "debtor", since: Any = None) -> dict[str, Any]:
    """Key -> row, numbers as their text; of a record that cannot be used, why."""
    return {
        r.key: r.unreadable or json.loads(r.payload, parse_float=str, parse_int=str)
        for r in records(connector, entity, since)
    }


def normaliser(**settings: Any) -> ColumnsNormaliser:
    """A normaliser of declared entities."""
    return mapping.normaliser("erp", mapping.settings.model_validate(settings))
