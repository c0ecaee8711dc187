"""A CRM beside an ERP: accounts linked by number are believed while they are linked, and a token that expired loses no deletion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from sync_engine.config import SourceConfig
from sync_engine.lake import Lake
from sync_engine.ops.runs.source_run import Ran, Runtime, run_source
from sync_engine.ownership.policy import DEFAULT_POLICY, Policy, Rule
from sync_engine.store.db import open_engine
from tests.connectors.dynamics_crm.stage import CrmStage, stage
from tests.simulators.dynamics_crm import Option
from tests.simulators.sql import CONNECTION, MAPPING, Erp, sqlite_file

CRM_FIRST = Policy(
    rules=(
        Rule(entity="debtor", fields=("name",), groups=("billing_address",), ranking=("crm", "erp")),
        *DEFAULT_POLICY.rules,
    )
)
GROUPS = {"new_customergroup": "_new_customergroupid_value", "customertypecode": "customertypecode"}
DECLARED = {
    "entities": {
        "activity_complaints": {
            "fields": {
                "debtor_key": "@syncEngine.account",
                "kind": {"value": "complaint"},
                "text": "title",
                "at": "resolveby",
            }
        },
        "dimension_value_group": {
            "fields": {
                "dimension_key": {"value": "new_customergroup"},
                "code": "new_code",
                "name": "new_name",
            }
        },
    }
}


@dataclass
class House:
    """An ERP in a file, a CRM beside it, and what canonical says of both."""

    crm: CrmStage
    erp: Erp
    store: Engine
    lake: str

    def run(self, source: str) -> Ran:
        """One run of one of them, an hour after the last one."""
        self.crm.crm.sleep(3600)
        runtime = Runtime(self.store, Lake(self.lake), self.crm.crm, CRM_FIRST)
        if source == "erp":
            given = {
                "connector": "sql",
                "connection": {**CONNECTION, "url": self.erp.admin.url},
                "mapping": MAPPING,
            }
            return run_source(runtime, SourceConfig.model_validate({"source": "erp", **given}))
        given = {
            "connector": "dynamics_crm",
            "role": "crm",
            "connection": self.crm.settings(),
            "mapping": {"groups": GROUPS, "declared": DECLARED},
            "links": {
                "debtor": {"mode": "automatic", "create_unmatched": False, "rungs": ["number_alone"]},
                "contact": {"mode": "automatic", "create_unmatched": True},
            },
        }
        return run_source(
            runtime, SourceConfig.model_validate({"source": "crm", **given}), connector=self.crm.open()
        )

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """All rows of a statement."""
        with self.store.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    def names(self) -> dict[str, str]:
        """Number -> name of the debtors."""
        return dict(self.rows("SELECT number, name FROM canonical.debtor WHERE deleted_at IS NULL"))


@pytest.fixture(params=["web_api", "organization_data"])
def house(
    request: pytest.FixtureRequest, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    """Eleven customers in both, under the same numbers."""
    crm = stage(request.param)(monkeypatch)
    for place, key in enumerate(list(crm.crm.rows["account"])):
        crm.crm.touch("account", key, AccountNumber=f"{10000 + place * 10:06}")
    engine = open_engine(database)
    yield House(crm, Erp(sqlite_file(tmp_path)).furnish(), engine, str(tmp_path / "lake"))
    engine.dispose()


def test_a_crm_is_believed_where_it_is_linked(house: House) -> None:
    """Names come from the CRM; an edit there arrives; a merged account claims nothing any more. What the ERP has blocked, a person links."""
    house.run("erp")
    ran = house.run("crm")
    assert (ran.outcome in ("succeeded", "partial"), ran.failures) == (True, {})
    assert house.names()["010020"] == "O'Neill & Søn 2"
    assert house.rows("SELECT count(*) FROM canonical.link WHERE source = 'crm' AND entity = 'debtor'") == [
        (9,)
    ]
    assert house.rows(
        "SELECT count(*) FROM canonical.activity WHERE source = 'crm' AND deleted_at IS NULL"
    ) == [(11,)]
    house.crm.crm.touch("account", house.crm.account(2), Name="ANOTHER NAME")
    house.crm.crm.merge(house.crm.account(3), house.crm.account(4))
    house.run("crm")
    assert house.names()["010020"] == "ANOTHER NAME"
    assert house.names()["010030"].startswith('O\'Neill "Ltd"')


def test_an_expired_token_loses_no_deletion(house: House) -> None:
    """Nobody ran for eight days: everything is read again, and who is gone is gone."""
    house.run("erp")
    house.run("crm")
    contact = list(house.crm.crm.rows["contact"])[3]
    house.crm.crm.sleep(8 * 86400)
    house.crm.crm.delete("contact", contact)
    ran = house.run("crm")
    assert ran.failures == {}
    found = house.rows("SELECT full_name FROM canonical.contact WHERE deleted_at IS NOT NULL")
    assert found == [("Anna Berg3",)]
    if house.crm.dialect == "web_api":
        assert "no longer knows what changed" in ran.notes["contacts"]


def test_an_account_that_is_made_again_finds_its_debtor(house: House) -> None:
    """Deleted and typed in once more under the same number: another id, the same customer."""
    house.run("erp")
    house.run("crm")
    before = house.rows("SELECT id FROM canonical.debtor WHERE number = '010020'")
    house.crm.crm.delete("account", house.crm.account(2))
    house.crm.crm.sleep(2 * 86400)
    house.crm.crm.add("account", Name="MADE AGAIN", AccountNumber="010020", Merged=False, StateCode=Option(0))
    house.run("crm")
    assert house.names()["010020"] == "MADE AGAIN"
    assert house.rows("SELECT id FROM canonical.debtor WHERE number = '010020'") == before
