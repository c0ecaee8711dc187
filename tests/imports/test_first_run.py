"""`run SOURCE --dry-run`: what a first run would make of the debtors, told before anything is written."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from sync_engine.config import SourceConfig
from sync_engine.ops.runs.first_run import FirstRun, plan_first_run
from tests.imports.support import Desk
from tests.imports.test_command_line import run
from tests.simulators.files import write_csv

CARDS = [
    ["c1", "10001", "Hansen & Søn 1"],
    ["c2", "", "HANSEN & SØN 2"],
    ["c3", "20000", "Brand new A/S"],
    ["c4", "20001", "Brand new A/S"],
    ["c5", "10005", "Somebody else altogether"],
    ["c6", "20002", ""],
]


def crm(**more: Any) -> SourceConfig:
    """A CRM whose accounts stand in a file."""
    return SourceConfig.model_validate(
        {
            "source": "crm",
            "role": "crm",
            "connector": "files",
            "connection": {
                "folder": "crm",
                "company": {"name": "OUR COMPANY", "base_currency": "DKK"},
                "entities": {"debtor": {"path": "accounts.csv", "key": "Id"}},
            },
            "mapping": {"entities": {"debtor": {"fields": {"number": "No", "name": {"column": "Name"}}}}},
            **more,
        }
    )


def planned(desk: Desk, config: SourceConfig) -> FirstRun:
    """The plan, with the CRM's file as it is."""
    write_csv(desk.folder / "crm" / "accounts.csv", (["Id", "No", "Name"], CARDS))
    return plan_first_run(desk.runtime, config)


def test_a_first_run_is_told_and_changes_nothing(desk: Desk) -> None:
    """Who is new, known by number, in doubt, and twice in the source itself; afterwards the store is as it was."""
    before = desk.snapshot()
    plan = planned(desk, crm())
    assert desk.snapshot() == before
    assert desk.rows("SELECT FROM engine.source WHERE source = 'crm'") == []
    assert desk.rows("SELECT FROM engine.run WHERE source = 'crm'") == []
    assert plan.read == len(CARDS)
    outcomes = {p.key: (p.outcome, p.rung, p.called) for p in plan.decided}
    assert outcomes["c1"] == ("matched", "number", ("10001 HANSEN & SØN 1",))
    assert outcomes["c5"][0] == "ambiguous"
    assert (
        plan.read
        == plan.new
        + plan.matched
        + plan.ambiguous
        + plan.vetoed
        + plan.already_linked
        + plan.quarantined
        + plan.excluded
    )
    assert [(t.first_number, t.second_number) for t in plan.twins if t.first_name == "Brand new A/S"] == [
        ("20000", "20001")
    ]
    assert (plan.mode, plan.creates) == ("none", False)


def test_the_plan_is_what_the_run_does(desk: Desk) -> None:
    """Automatic and creating: as many debtors more as were new, as many links as were matched."""
    config = crm(links={"debtor": {"mode": "automatic", "create_unmatched": True}})
    plan = planned(desk, config)
    before = desk.one("SELECT count(*) FROM canonical.debtor")
    from sync_engine.ops.runs.source_run import run_source

    run_source(desk.runtime, config)
    links = desk.rows(
        "SELECT external_id, method FROM canonical.link WHERE source = 'crm' AND entity = 'debtor'"
    )
    assert desk.one("SELECT count(*) FROM canonical.debtor") - before == plan.new
    assert len(links) == plan.new + plan.matched
    again = planned(desk, config)
    assert again.already_linked == plan.new + plan.matched
    assert again.new == again.matched == 0


def test_the_command_draws_it(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, home: Any
) -> None:
    """Counts and lists, and every figure with --json."""
    planned(desk, crm())
    folder = desk.folder / "dagster_project" / "defs" / "crm"
    folder.mkdir(parents=True)
    monkeypatch.setenv("SYNC_ENGINE_DEFS", str(folder.parent))
    attributes = crm().model_dump(mode="json", exclude_defaults=True)
    (folder / "defs.yaml").write_text(
        yaml.safe_dump({"type": "dagster_project.components.ErpSource", "attributes": attributes})
    )
    code, out, err = run(capsys, "run", "crm", "--dry-run")
    assert code == 0, err
    assert "6 debtors read, links are made none" in " ".join(out.split())
    assert "Twice in the source itself" in out
    code, out, _ = run(capsys, "run", "crm", "--dry-run", "--json")
    assert json.loads(out)["matched"] == 1
    code, _, err = run(capsys, "run", "crm", "--dry-run", "--full")
    assert (code, "goes with neither --entity nor --full" in err) == (2, True)
