"""An ERP in a database and a CRM in both of its services, each told what the other is master of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
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
WRITE = {
    "statement": """UPDATE "Kunde" SET "Name" = :name, "Ort" = :city, "Geändert" = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000+00:00'
        WHERE "Kd Nr" = :key AND "Geändert" = :version""",
    "columns": {"name": "Name", "city": "Ort"},
}
ERP_TAKES = {"debtor": {"name": "both", "city": "both"}}
CRM_TAKES = {"debtor": {"name": "both", "credit_limit": "out"}}


@dataclass
class House:
    """Both systems and the store between them."""

    crm: CrmStage
    erp: Erp
    store: Engine
    lake: str
    crm_takes: dict[str, Any]
    erp_takes: dict[str, Any]

    def run(self, *sources: str) -> Ran:
        """Runs, an hour apart; what the last one came to."""
        for source in sources:
            self.crm.crm.sleep(3600)
            runtime = Runtime(self.store, Lake(self.lake), self.crm.crm, CRM_FIRST)
            if source == "erp":
                entities = {
                    **CONNECTION["entities"],
                    "debtor": {**CONNECTION["entities"]["debtor"], "write": WRITE},
                }
                config = {
                    "source": "erp",
                    "connector": "sql",
                    "connection": {**CONNECTION, "entities": entities, "url": self.erp.admin.url},
                    "mapping": MAPPING,
                    "writable": self.erp_takes,
                }
                ran = run_source(runtime, SourceConfig.model_validate(config))
            else:
                config = {
                    "source": "crm",
                    "connector": "dynamics_crm",
                    "role": "crm",
                    "connection": self.crm.settings(declared={}),
                    "links": {
                        "debtor": {"mode": "automatic", "create_unmatched": False, "rungs": ["number_alone"]}
                    },
                    "writable": self.crm_takes,
                }
                ran = run_source(
                    runtime, SourceConfig.model_validate(config), connector=self.crm.open(declared={})
                )
        return ran

    def in_erp(self, number: str) -> tuple[Any, ...]:
        """Name and credit limit in the ERP."""
        return self.erp.admin.run('SELECT "Name", "order" FROM "Kunde" WHERE "Kd Nr" = ?', number)[0]

    def in_crm(self, place: int) -> dict[str, Any]:
        """An account."""
        return self.crm.crm.rows["account"][self.crm.account(place)]

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """All rows of a statement."""
        with self.store.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    @property
    def changes(self) -> list[str]:
        """The requests that would change something in the CRM."""
        return [asked for asked in self.crm.transport.asked if not asked.startswith("GET")]


@pytest.fixture(params=["web_api", "organization_data"])
def house(
    request: pytest.FixtureRequest, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    """Eleven customers in both, under the same numbers, with other names; both ran."""
    crm = stage(request.param)(monkeypatch)
    for place, key in enumerate(list(crm.crm.rows["account"])):
        crm.crm.touch(
            "account",
            key,
            AccountNumber=f"{10000 + place * 10:06}",
            CreditLimit=Decimal(place * 1000) + Decimal("0.50"),
        )
    erp = Erp(sqlite_file(tmp_path)).furnish()
    for place in range(11):
        erp.admin.run(
            'UPDATE "Kunde" SET "Name" = ?, "Ort" = ?, "Gesperrt" = 0 WHERE "Kd Nr" = ?',
            f"O'Neill & Søn {place}",
            "Bern",
            f"{10000 + place * 10:06}",
        )
    engine = open_engine(database)
    there = House(crm, erp, engine, str(tmp_path / "lake"), {}, {})
    there.run("erp", "crm", "erp")
    yield there
    engine.dispose()


def test_nothing_is_written_where_nothing_is_named(house: House) -> None:
    """Both sides differ, and every request to the CRM is a GET, every statement to the ERP a SELECT in a session that only reads."""
    house.crm.crm.touch("account", house.crm.account(2), Name="ANOTHER NAME")
    before = house.erp.admin.run('SELECT * FROM "Kunde" ORDER BY 1')
    house.run("crm", "erp", "crm")
    assert (house.changes, house.rows("SELECT count(*) FROM engine.outbox")) == ([], [(0,)])
    assert house.erp.admin.run('SELECT * FROM "Kunde" ORDER BY 1') == before


def test_a_name_goes_from_the_crm_into_the_erp(house: House) -> None:
    """One row of one customer is changed, and nothing else of it; its echo settles the write."""
    house.erp_takes = ERP_TAKES
    house.run("erp")
    before = house.in_erp("010020")
    house.crm.crm.touch("account", house.crm.account(2), Name='ANOTHER "NAME"')
    ran = house.run("crm", "erp")
    assert ran.delivered.sent == 1
    assert house.in_erp("010020") == ('ANOTHER "NAME"', before[1])
    ran = house.run("erp", "crm", "erp")
    assert (ran.delivered.sent, house.rows("SELECT state FROM engine.outbox WHERE settled_at IS NULL")) == (
        0,
        [],
    )


def test_a_credit_limit_goes_from_the_erp_into_the_crm(house: House) -> None:
    """`out`: what the CRM says of it is never believed, though nobody else may say it. Money is exact."""
    house.crm_takes = CRM_TAKES
    house.run("crm")
    house.erp.admin.run(
        'UPDATE "Kunde" SET "order" = ?, "Geändert" = ? WHERE "Kd Nr" = ?',
        "12345.67",
        house.erp.tick(),
        "010020",
    )
    house.run("erp")
    assert house.run("crm").delivered.sent == 1
    assert house.in_crm(2)["CreditLimit"] == Decimal("12345.67")
    house.crm.crm.touch("account", house.crm.account(2), CreditLimit=Decimal(1))
    house.run("crm")
    assert house.in_crm(2)["CreditLimit"] == Decimal("12345.67")
    assert len(house.changes) == 2


def test_a_lost_answer_of_the_crm_is_not_sent_twice(house: House) -> None:
    """The change was taken, and the connection broke: the next run reads, finds it, and sends nothing."""
    house.crm_takes = {"debtor": {"credit_limit": "out"}}
    house.run("crm")
    house.erp.admin.run(
        'UPDATE "Kunde" SET "order" = ?, "Geändert" = ? WHERE "Kd Nr" = ?',
        "777.00",
        house.erp.tick(),
        "010020",
    )
    house.run("erp")
    house.crm.transport.lost = 1
    assert house.run("crm").delivered.unknown == 1
    house.run("crm", "crm")
    assert (len(house.changes), house.in_crm(2)["CreditLimit"]) == (1, Decimal("777.00"))
    house.erp.admin.run(
        'UPDATE "Kunde" SET "order" = ?, "Geändert" = ? WHERE "Kd Nr" = ?',
        "888.00",
        house.erp.tick(),
        "010020",
    )
    house.run("erp")
    house.crm.transport.silent = 1
    assert house.run("crm").delivered.unknown == 1
    house.run("crm")
    assert (len(house.changes), house.in_crm(2)["CreditLimit"]) == (3, Decimal("888.00"))


def test_an_edit_in_the_same_moment_is_not_written_over(house: House) -> None:
    """Somebody saves the account between our reading and our writing: a 412 from Dataverse, and the write goes to the new version."""
    house.crm_takes = {"debtor": {"credit_limit": "out"}}
    house.run("crm")
    house.erp.admin.run(
        'UPDATE "Kunde" SET "order" = ?, "Geändert" = ? WHERE "Kd Nr" = ?',
        "777.00",
        house.erp.tick(),
        "010020",
    )
    house.run("erp")
    if house.crm.dialect == "web_api":
        house.crm.transport.edited = lambda: house.crm.crm.touch(
            "account", house.crm.account(2), Telephone1="+41 1"
        )
        ran = house.run("crm")
        assert (ran.delivered.conflicts, ran.delivered.sent) == (1, 1)
        assert house.in_crm(2)["Telephone1"] == "+41 1"
    else:
        assert house.run("crm").delivered.sent == 1
    assert house.in_crm(2)["CreditLimit"] == Decimal("777.00")


def test_a_refusal_is_told_with_the_words_of_the_crm(house: House) -> None:
    """The account is inactive, which makes it read only: the run is held, the words are kept, and the other accounts are written."""
    house.crm_takes = {"debtor": {"credit_limit": "out"}}
    house.run("crm")
    house.crm.crm.touch("account", house.crm.account(2), StateCode=Option(1), StatusCode=Option(2))
    for number in ("010020", "010030"):
        house.erp.admin.run(
            'UPDATE "Kunde" SET "order" = ?, "Geändert" = ? WHERE "Kd Nr" = ?',
            "777.00",
            house.erp.tick(),
            number,
        )
    house.run("erp")
    ran = house.run("crm")
    assert (ran.outcome, ran.delivered.refused, ran.delivered.sent) == ("held", 1, 1)
    [(state, answer)] = house.rows(
        "SELECT state, answer FROM engine.outbox WHERE settled_at IS NULL AND state = 'refused'"
    )
    assert (state, "inactive and can not be changed" in answer) == ("refused", True)
    assert "outbox list crm" in " ".join(ran.warnings)
