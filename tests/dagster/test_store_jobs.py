"""Jobs besides decisions: quarantine, replay, imports; and the checks that look at links and at what is not believed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dagster_project.definitions import load
from dagster_project.in_process import run_lane
from sync_engine.ops.decisions import operations as ops
from sync_engine.ops.decisions.plan import do
from sync_engine.ops.runs import environment
from tests.conftest import _TEMPLATE
from tests.dagster.office import PERSONAL, Office, crm_yaml, furnish, kept, open_office, refusal
from tests.imports.support import DaysAhead

ADA = {"who": "ada", "why": "the team's list"}
ACCOUNTS = "Id,Name,Phone,Postcode,Country,Registration\n"


@pytest.fixture
def office(migrated_template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """An office of the test's own, before its first run."""
    furnish(tmp_path)
    yield from open_office(monkeypatch, migrated_template, _TEMPLATE, tmp_path, load(tmp_path / "defs"))


def run(office: Office, source: str) -> dg.ExecuteInProcessResult:
    """A run of a source's lane."""
    return run_lane(source, folder=office.folder / "defs", instance=office.instance)


def answers(result: dg.ExecuteInProcessResult, name: str) -> dict[str, tuple[bool, str]]:
    """Whether a check passed, by asset, and what it says."""
    return {
        a.asset_key.to_user_string(): (a.passed, a.description or "")
        for a in result.get_asset_check_evaluations()
        if a.check_name == name
    }


def test_a_quarantined_record_is_tried_again_by_the_next_run(office: Office) -> None:
    """An invoice over no amount anybody can read waits; a retry is asked for in the form, and the next run tries."""
    (office.folder / "books" / "invoices.csv").write_text(
        "No,Customer,Date,Due,Amount\n9,10000,2026-01-15,2026-02-15,much\n", encoding="utf-8"
    )
    passed, says = answers(run(office, "erp"), "nothing_quarantined")["erp/normalised/documents"]
    assert (passed, says.split(",")[0]) == (False, "1 record waits in quarantine")
    told = office.told("ops_retry_quarantined", source="erp", entity="documents")
    assert told["records"] == 1
    assert told["to be tried again"] == [
        {"source": "erp", "stream": "document", "key": "9", "stage": "normalise", "attempts": 1}
    ]
    assert told["next"] == "Launch erp_lane, or wait for its schedule."
    run(office, "erp")
    assert office.rows("SELECT attempts FROM engine.quarantine") == [(2,)]
    assert "say which records" in (refusal(office.launch("ops_retry_quarantined")).description or "")
    assert "nothing in quarantine fits" in (
        refusal(office.launch("ops_retry_quarantined", source="crm")).description or ""
    )


def test_a_replay_brings_back_what_the_lake_says_and_asks_nobody(office: Office) -> None:
    """Claims lost to a wrong hand come back with the files gone; where nothing differs nothing is written."""
    run(office, "erp")
    assert "nothing is in quarantine" in (
        refusal(office.launch("ops_retry_quarantined", everything=True)).description or ""
    )
    published = office.state()
    assert "tables" not in office.told("ops_replay", source="erp")
    for statement in (
        "UPDATE engine.source_record SET claim = claim - 'name' WHERE key = '10000' AND claim ? 'name'",
        "UPDATE canonical.debtor SET name = NULL WHERE number = '10000'",
        "UPDATE canonical.document SET open_amount = 0",
    ):
        office.do(statement)
    for file in (office.folder / "books").iterdir():
        file.unlink()
    told = office.told("ops_replay", source="erp", entities=["debtors", "documents"])
    assert {row["table"]: row["updated"] for row in told["tables"]} == {"debtor": 1, "document": 2}
    assert office.state() == published
    assert office.rows("SELECT kind, outcome FROM engine.run ORDER BY started_at DESC LIMIT 1") == [
        ("replay", "succeeded")
    ]
    assert "there is no entity invoices" in (
        refusal(office.launch("ops_replay", source="erp", entities=["invoices"])).description or ""
    )
    assert "nothing of this source was landed yet" in (
        refusal(office.launch("ops_replay", source="crm")).description or ""
    )


def test_a_damaged_landed_file_is_found_told_and_healed(office: Office) -> None:
    """The job names the batch, the lane's check is red and so is a replay; the next run of the lane lands it again by itself."""
    run(office, "erp")
    assert office.told("ops_verify_lake")["files"] == len(list((office.folder / "lake").rglob("*.zst")))
    [file] = (office.folder / "lake" / "erp" / "debtor").rglob("*.zst")
    file.unlink()
    said = refusal(office.launch("ops_verify_lake", source="erp"))
    assert f"the landed file {file.relative_to(office.folder / 'lake')}" in (said.description or "")
    assert "is missing" in (refusal(office.launch("ops_replay", source="erp")).description or "")
    assert office.rows("SELECT outcome FROM engine.run ORDER BY started_at DESC LIMIT 1") == [("partial",)]
    healed = run(office, "erp")
    assert healed.success
    assert answers(healed, "landed_files_are_whole")["erp/normalised/debtors"][0]
    assert office.told("ops_verify_lake")["damaged and not needed"] == 1
    assert office.launch("ops_replay", source="erp").success


def test_an_import_and_its_undo_go_by_the_clock_of_the_installation(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pin for some days is over once that clock says so, whatever the machine's says."""
    run(office, "erp")
    runtime, phone = environment.open_runtime(), "SELECT phone FROM canonical.debtor WHERE number = '10000'"
    before, until = office.rows(phone), datetime.now(UTC).date() + timedelta(days=5)
    (debtor,) = office.rows("SELECT id FROM canonical.debtor WHERE number = '10000'")[0]
    tags = office.folder / "tags.csv"
    tags.write_text("customer;tag\n10000;vip\n", encoding="utf-8")
    monkeypatch.setattr(environment, "SystemClock", DaysAhead)
    for job, form in (
        ("ops_import", {"kind": "debtor-tags", "file": str(tags), "apply": True}),
        ("ops_undo_import", {"number": 1}),
    ):
        value = f"+45 87 65 43 {20 + len(job)}"
        do(runtime, ops.PinField(record=str(debtor), field="phone", value=value, until=until), by="ada")
        assert office.rows(phone) != before
        office.told(job, **form, **ADA)
        assert office.rows(phone) == before
    runtime.store.dispose()


def test_an_import_is_judged_applied_and_taken_back(office: Office) -> None:
    """Dry by default; good rows in, bad ones told by line and column and never by what they hold; the undo gives all back."""
    run(office, "erp")
    before, file = office.state(), office.folder / "parents.csv"
    file.write_text("customer;parent_customer\n10003;10000\nBianchi S.p.A.;Nobody Ltd\n", encoding="utf-8")
    form: dict[str, Any] = {"kind": "groups", "file": str(file), **ADA}
    judged = office.told("ops_import", **form)
    assert (judged["state"], judged["rows that would be applied"], judged["rows refused"]) == (
        "planned, nothing was changed",
        1,
        1,
    )
    assert (
        judged["next"]
        == "Look at the counts, then launch it again with apply: true; what is refused stays out until the file is corrected"
    )
    assert [(row["line"], row["column"]) for row in judged["refused"]] == [(3, "parent_customer")]
    assert office.state() == before
    done = office.told("ops_import", **form, apply=True)
    assert done["next"] == f"Done. To take it back, launch ops_undo_import with number: {done['import']}"
    assert office.rows("SELECT count(*) FROM canonical.debtor WHERE parent_id IS NOT NULL") == [(1,)]
    assert office.told("ops_undo_import", number=done["import"], **ADA) == {"decisions put back": 1}
    assert office.state() == before
    everything = kept(office.instance)
    for never in (*PERSONAL, "Nobody Ltd"):
        assert never not in everything
    wrong = office.launch("ops_import", **form | {"file": str(office.folder / "books" / "invoices.csv")})
    assert "the column parent_customer is missing" in (refusal(wrong).description or "")
    assert "nobody is named" in (
        refusal(office.launch("ops_import", **form | {"who": ""}, apply=True)).description or ""
    )


def test_a_dry_resync_of_one_debtor_shows_the_difference_and_changes_nothing(office: Office) -> None:
    """The customer was renamed in the ERP: which field differs is told, no file is landed, no row is written; then it is resynced."""
    run(office, "erp")
    landed, tables = (
        sorted(p for p in (office.folder / "lake").rglob("*") if p.is_file()),
        office.everything(),
    )
    books = office.folder / "books" / "customers.csv"
    books.write_text(
        books.read_text(encoding="utf-8").replace("Bianchi S.p.A.", "Bianchi Italia"), encoding="utf-8"
    )
    told = office.told("erp_one_debtor", debtor="10002", dry_run=True)
    assert (told["state"], told["changes it would make"]) == ("a dry run, nothing was changed", 1)
    assert told["difference"] == [{"entity": "debtor", "op": "update", "field": "name", "records": 1}]
    assert sorted(p for p in (office.folder / "lake").rglob("*") if p.is_file()) == landed
    assert office.everything() == tables
    resynced = office.launch("erp_one_debtor", debtor="10002")
    [said] = [e.step_output_data.metadata for e in resynced.all_events if e.is_successful_output]
    assert (said["changes"].value, said["grade"].value) == (1, "B"), (
        "these files state nothing, so no money tied"
    )
    assert office.rows("SELECT name FROM canonical.debtor WHERE number = '10002'") == [("Bianchi Italia",)]
    assert office.told("erp_one_debtor", debtor="10002", dry_run=True)["changes it would make"] == 0


def test_the_plan_of_a_first_run_is_told_and_changes_nothing(office: Office) -> None:
    """A CRM beside the ERP: which account is known by its number, which is new, and nobody's name."""
    run(office, "erp")
    crm_yaml(office.folder, links={"debtor": {"mode": "automatic", "create_unmatched": True}})
    (office.folder / "books" / "accounts.csv").write_text(
        f"{ACCOUNTS}C1,Hansen,,,DK,31415926\nC2,Somebody,,,DK,\n", encoding="utf-8"
    )
    before = office.everything()
    told = office.told("crm_first_run_plan")
    assert (told["state"], told["debtors read"], told["new"] + told["matched"] + told["ambiguous"]) == (
        "a plan, nothing was changed",
        2,
        2,
    )
    assert told["matched"] == 1
    assert "Hansen" not in str(told)
    assert office.everything() == before


def test_ambiguous_records_turn_a_check_yellow_until_a_person_decides(office: Office) -> None:
    """Two accounts of one registration number: the ERP's customer waits, the check says how many and how to decide."""
    crm_yaml(office.folder, links={"debtor": {"mode": "automatic", "create_unmatched": True}})
    (office.folder / "books" / "accounts.csv").write_text(
        f"{ACCOUNTS}C1,One,,,DK,31415926\nC2,Two,,,DK,31415926\n", encoding="utf-8"
    )
    run(office, "crm")
    first = run(office, "erp")
    passed, says = answers(first, "ambiguous_links")["erp/canonical/debtors"]
    assert (passed, says.split(".")[0]) == (False, "1 record waits for a person")
    assert [a.severity for a in first.get_asset_check_evaluations() if a.check_name == "ambiguous_links"] == [
        dg.AssetCheckSeverity.WARN
    ] * 2
    [one] = office.rows("SELECT id FROM canonical.debtor WHERE name = 'One'")
    office.told("ops_link", source="erp", key="10000", to=str(one[0]), apply=True, **ADA)
    assert answers(run(office, "erp"), "ambiguous_links") == {
        f"erp/canonical/{family}": (True, "No record waits for a person.")
        for family in ("debtors", "contacts")
    }


def test_what_is_not_believed_turns_a_check_yellow(office: Office) -> None:
    """The CRM is master of names while linked: the ERP's run says what of it is overruled, by field, and no longer once it is unlinked."""
    run(office, "erp")
    run(office, "crm")
    office.told("ops_link", source="crm", key="C1", to="10000", apply=True, **ADA)
    result = run(office, "erp")
    assert result.success
    assert answers(result, "overruled_by_entity")["erp/canonical/contacts"][0]
    passed, says = answers(result, "overruled_by_entity")["erp/canonical/debtors"]
    assert not passed
    assert says.startswith("3 values of erp are overruled")
    [failed] = [
        a
        for a in result.get_asset_check_evaluations()
        if a.check_name == "overruled_by_entity" and not a.passed
    ]
    assert isinstance(shown := failed.metadata["by field"], dg.TableMetadataValue)
    assert [dict(r.data) for r in shown.records] == [
        {"entity": "debtor", "field": field, "believed": "crm", "records": 1}
        for field in ("name", "phone", "registration_no")
    ]
    office.told("ops_unlink", source="crm", key="C1", apply=True, **ADA)
    assert answers(run(office, "erp"), "overruled_by_entity")["erp/canonical/debtors"][0]
