"""Decisions launched as jobs: what a run shows, what it changes, what it refuses, and what of it Dagster keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dagster_project.decision_jobs import JOBS
from dagster_project.families import LINKS
from dagster_project.in_process import run_lane
from tests.dagster.conftest import Furnished
from tests.dagster.office import PERSONAL, Office, kept, open_office, refusal, source_yaml, told_by

ADA = {"who": "ada", "why": "I called them"}


def hansen_in_crm(office: Office) -> dict[str, Any]:
    """The plan that C1 of the CRM is 10000."""
    return office.told("ops_link", source="crm", key="C1", to="10000", **ADA)


def test_a_link_is_planned_looked_at_applied_and_undone(office: Office) -> None:
    """The first run changes nothing and shows the plan; its hash carries it out; undoing restores identical rows."""
    before = office.state()
    planned = hansen_in_crm(office)
    assert office.state() == before
    assert planned["state"] == "planned, nothing was changed"
    assert planned["links"] == [
        {
            "entity": "debtor",
            "source": "crm",
            "record": "C1",
            "means before": "not linked",
            "means after": "10000",
            "because of": "link",
        }
    ]
    assert {
        "entity": "debtor",
        "record": "10000",
        "field": "name",
        "master before": "erp",
        "master after": "crm",
    } in planned["masters"]
    assert planned["in short"] == "1 decision, 1 link, 3 fields, 3 masters"
    assert f'launch ops_apply_plan with plan: "{planned["plan"][:12]}" ' in planned["next"]
    applied = office.told("ops_apply_plan", plan=planned["plan"][:12], **ADA)
    assert (applied["plan"], applied["state"], applied["links"]) == (
        planned["plan"],
        "applied",
        planned["links"],
    )
    assert office.means("crm", "C1") == "10000"
    assert office.rows(
        "SELECT DISTINCT actor, reason FROM canonical.change WHERE entity = 'link' AND op = 'link' AND actor_kind = 'user'"
    ) == [("ada", "I called them")]
    undone = office.told("ops_undo", apply=True, **ADA)
    assert (undone["state"], undone["takes back"]) == ("applied", f"plan {planned['plan'][:12]}")
    assert office.state() == before


def test_a_decision_shows_on_the_asset_of_links(office: Office) -> None:
    """A plan is an observation, an applied one a materialisation, and its run is found by the plan's hash."""
    plan = hansen_in_crm(office)["plan"]
    result = office.launch("ops_apply_plan", plan=plan, **ADA)
    [made] = result.get_asset_materialization_events()
    assert (made.asset_key, made.materialization.metadata["plan"].value) == (LINKS, plan)
    runs = office.instance.get_runs(dg.RunsFilter(tags={"sync_engine/plan": plan[:12]}))
    assert [run.job_name for run in runs] == ["ops_apply_plan", "ops_link"]
    assert office.instance.get_latest_materialization_event(LINKS) is not None


def csv_of(text: str) -> Callable[[Office], str]:
    """A file in the office."""

    def written(office: Office) -> str:
        path = office.folder / f"{abs(hash(text))}.csv"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return written


LAUNCHES: dict[str, tuple[dict[str, Any], str]] = {
    "ops_link": ({"source": "crm", "key": "C1", "to": "10000"}, "links"),
    "ops_relink": ({"source": "erp", "key": "10003", "to": "10002", "force": True}, "balances that move"),
    "ops_unlink": ({"source": "crm", "key": "C2"}, "links"),
    "ops_merge": ({"losing": "10003", "into": "10000"}, "balances that move"),
    "ops_unmerge": ({"record": "10002"}, "links"),
    "ops_not_the_same": ({"source": "crm", "key": "C3", "record": "10002"}, "decisions"),
    "ops_adopt": ({"source": "crm", "key": "C1", "record": "10000"}, "masters"),
    "ops_links_from_file": ({"file": csv_of("source;external_id;to\ncrm;C1;10000\ncrm;C3;10002\n")}, "links"),
    "ops_pin": (
        {"record": "10001", "field": "credit_limit", "value": "0", "until": "2027-01-31"},
        "decisions",
    ),
    "ops_unpin": ({"record": "10000", "field": "phone"}, "decisions"),
    "ops_parent": ({"debtor": "10003", "parent": "10000"}, "decisions"),
    "ops_group": (
        {"name": "Hansen Gruppe", "credit_limit": "500", "members": ["10000", "10003"]},
        "decisions",
    ),
    "ops_undo": ({}, "links"),
}
"""Each decision that is made with a form, and a table that its plan must show."""


@pytest.fixture(scope="module")
def decided(furnished: Furnished, server: str) -> Iterator[str]:
    """The office after a merge, a link and a pin, so that there is something to take back; a database to copy."""
    with pytest.MonkeyPatch.context() as patch:
        name = furnished.url.rpartition("/")[2].partition("?")[0]
        for office in open_office(patch, server, name, furnished.folder, furnished.definitions):
            for job, form in (
                ("ops_pin", {"record": "10000", "field": "phone", "value": "112"}), ("ops_merge", {"losing": "10002", "into": "10001"}),
                ("ops_link", {"source": "crm", "key": "C2", "to": "10001"}),
            ):  # fmt: skip
                office.told(job, **form, apply=True, **ADA)
            yield office.url.rpartition("/")[2].partition("?")[0]


AFTERWARDS = ("ops_unlink", "ops_unmerge", "ops_unpin", "ops_undo")
"""Launches that take something back."""


@pytest.mark.parametrize("job", LAUNCHES)
def test_every_decision_plans_applies_and_undoes(
    job: str, furnished: Furnished, decided: str, server: str, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """By the form of its job: a plan that changes nothing and shows its table, its application, and its undo that gives all back."""
    template = decided if job in AFTERWARDS else furnished.url.rpartition("/")[2].partition("?")[0]
    for office in open_office(monkeypatch, server, template, furnished.folder, furnished.definitions):
        form, shows = LAUNCHES[job]
        filled = {name: value(office) if callable(value) else value for name, value in form.items()} | ADA
        before = office.state()
        planned = office.told(job, **filled)
        assert planned[shows]
        assert office.state() == before
        applied = office.told(job, **filled, apply=True)
        assert (applied["plan"], applied["state"]) == (planned["plan"], "applied")
        assert office.rows("SELECT count(*) FROM canonical.change WHERE actor = 'ada'") != [(0,)]
        office.told("ops_undo", plan=applied["plan"], apply=True, **ADA)
        assert office.state() == before


def test_a_groups_limit_can_be_taken_away(office: Office) -> None:
    """`none` in the form is no limit, as on the command line; left out, the limit stays."""
    for limit, stays in (({"credit_limit": "500"}, 500), ({}, 500), ({"credit_limit": "none"}, None)):
        office.told("ops_group", name="Hansen Gruppe", members=["10000"], **limit, apply=True, **ADA)
        assert office.rows("SELECT credit_limit FROM canonical.debtor_group") == [(stays,)]


def test_a_veto_is_shown_and_force_overrides_it(office: Office) -> None:
    """Two registration numbers are two debtors, until a person insists; nothing is applied by the way."""
    office.told("ops_pin", record="10001", field="phone", value="112", apply=True, **ADA)
    (office.folder / "books" / "accounts.csv").write_text(
        "Id,Name,Phone,Postcode,Country,Registration\nC1,Hansen,1,8000,DK,27182828\n", encoding="utf-8"
    )
    assert run_lane("crm", folder=office.folder / "defs").success
    planned = hansen_in_crm(office)
    assert [v["why not"] for v in planned["vetoed"]] == ["different registration numbers"]
    assert "force: true" in planned["next"]
    refused = office.launch("ops_apply_plan", plan=planned["plan"], **ADA)
    assert (refusal(refused).description or "").endswith(
        "it is vetoed: different registration numbers. Nothing was done. If it is right all the same, plan it with force: true."
    )
    office.told("ops_link", source="crm", key="C1", to="10000", force=True, apply=True, **ADA)
    assert office.means("crm", "C1") == "10000"


def test_the_switch_to_automatic_wants_the_hash_of_a_current_plan(office: Office, tmp_path: Path) -> None:
    """Without a hash it only plans; with the hash of another plan it refuses; with the right one it does exactly what was shown."""
    source_yaml(
        tmp_path, "crm", role="crm", links={"debtor": {"mode": "automatic", "create_unmatched": True}}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNC_ENGINE_DEFS", str(tmp_path))
        planned = office.told("ops_switch_to_automatic", source="crm", **ADA)
        assert (planned["state"], len(planned["links"])) == ("planned, nothing was changed", 3)
        assert {
            "what": "link mode",
            "about": "debtors of crm: automatic",
            "what happens": "changed",
        } in planned["decisions"]
        assert "launch ops_switch_to_automatic with" in planned["next"]
        other = hansen_in_crm(office)["plan"]
        refused = office.launch("ops_switch_to_automatic", source="crm", plan=other, **ADA)
        assert "this plan does not switch debtor links of crm to automatic" in (
            refusal(refused).description or ""
        )
        assert office.rows("SELECT count(*) FROM canonical.link WHERE source = 'crm'") == [(0,)]
        assert (
            office.told("ops_switch_to_automatic", source="crm", plan=planned["plan"], **ADA)["state"]
            == "applied"
        )
        assert office.rows(
            "SELECT DISTINCT mode FROM engine.link_rule WHERE source = 'crm' AND entity = 'debtor' ORDER BY 1"
        ) == [("automatic",), ("none",)]
        assert office.rows("SELECT count(*) FROM canonical.link WHERE source = 'crm'") == [(3,)]


def test_dagster_keeps_no_name_and_no_figure_of_a_plan(office: Office) -> None:
    """Links, merges, pins and a refusal of several candidates: ids, numbers, field names and counts are all that stays in its events."""
    hansen_in_crm(office)
    for job in ("ops_merge", "ops_adopt", "ops_pin", "ops_links_from_file"):
        form = {name: value(office) if callable(value) else value for name, value in LAUNCHES[job][0].items()}
        told_by(office.launch(job, **form, **ADA))
    everything = kept(office.instance)
    assert "10000" in everything
    for never in (*PERSONAL, "350.5", "390.5"):
        assert never not in everything, never


def test_every_form_says_what_it_asks(furnished: Furnished) -> None:
    """Each job has a description, each field of its form too, and none applies anything unless told to."""
    names = {job.name for job in furnished.definitions.resolve_all_job_defs()}
    assert set(JOBS) <= names
    for name, (form, says) in JOBS.items():
        assert furnished.definitions.resolve_job_def(name).description == says
        silent = [field for field, info in form.model_fields.items() if not info.description]
        assert silent == [], name
        assert (
            form.model_fields["apply"].default is False
            if "apply" in form.model_fields
            else "plan" in form.model_fields
        )
