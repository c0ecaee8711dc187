"""What a folder of YAMLs becomes, before anything runs."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from dagster_project.assets import lane_assets
from dagster_project.components import ErpSource
from dagster_project.definitions import definitions, load
from dagster_project.families import FAMILIES, canonical_key, certificate_key, delivered_key
from sync_engine.config import SourceConfig, load_sources
from sync_engine.errors import ConfigurationError, SyncError
from tests.dagster.conftest import write_yaml

PACKAGED = Path(__file__).resolve().parents[2] / "dagster_project" / "defs"
CONNECTION: dict[str, Any] = {
    "environment": "production", "tenant_id": "contoso.example", "company": "0100", "auth": {"client_id": "app", "client_secret": "env:BC"},
}  # fmt: skip
COMPANY: dict[str, Any] = {"source": "bc", "connector": "business_central", "connection": CONNECTION}
DEFINED = """
asset bc/canonical/contacts eager [business_central canonical postgres] after bc/normalised/contacts bc/normalised/debtors
asset bc/canonical/debtors eager [business_central canonical postgres] after bc/normalised/debtors bc/normalised/dimensions
asset bc/canonical/dimensions eager [business_central canonical postgres] after bc/normalised/dimensions
asset bc/canonical/documents eager [business_central canonical postgres] after bc/normalised/debtors bc/normalised/documents bc/normalised/payments
asset bc/canonical/payments eager [business_central canonical postgres] after bc/normalised/debtors bc/normalised/documents bc/normalised/payments
asset bc/certificate eager [business_central certificate postgres] after all of bc/canonical
asset bc/normalised/contacts eager [business_central normalised postgres] after bc/pulled/contacts
asset bc/normalised/debtors eager [business_central normalised postgres] after bc/pulled/debtors
asset bc/normalised/dimensions eager [business_central normalised postgres] after bc/pulled/dimensions
asset bc/normalised/documents eager [business_central normalised postgres] after bc/pulled/documents
asset bc/normalised/payments eager [business_central normalised postgres] after bc/pulled/payments
asset bc/pulled/contacts on_cron(*/15 * * * *, UTC) [business_central lake pulled]
asset bc/pulled/debtors on_cron(*/15 * * * *, UTC) [business_central lake pulled]
asset bc/pulled/dimensions on_cron(*/15 * * * *, UTC) [business_central lake pulled]
asset bc/pulled/documents on_cron(*/15 * * * *, UTC) [business_central lake pulled]
asset bc/pulled/payments on_cron(*/15 * * * *, UTC) [business_central lake pulled]
check bc/canonical/contacts ambiguous_links
check bc/canonical/contacts overruled_by_entity
check bc/canonical/debtors ambiguous_links
check bc/canonical/debtors overruled_by_entity
check bc/canonical/documents every_document_has_its_debtor
check bc/certificate control_totals_agree
check bc/certificate nothing_is_missing
check bc/normalised/contacts landed_files_are_whole
check bc/normalised/contacts no_code_gaps
check bc/normalised/contacts nothing_quarantined
check bc/normalised/debtors landed_files_are_whole
check bc/normalised/debtors no_code_gaps
check bc/normalised/debtors nothing_quarantined
check bc/normalised/dimensions landed_files_are_whole
check bc/normalised/dimensions no_code_gaps
check bc/normalised/dimensions nothing_quarantined
check bc/normalised/documents landed_files_are_whole
check bc/normalised/documents no_code_gaps
check bc/normalised/documents nothing_quarantined
check bc/normalised/payments landed_files_are_whole
check bc/normalised/payments no_code_gaps
check bc/normalised/payments nothing_quarantined
check bc/pulled/contacts every_stream_was_read
check bc/pulled/contacts sweep_not_suspiciously_small blocking
check bc/pulled/debtors every_stream_was_read
check bc/pulled/debtors sweep_not_suspiciously_small blocking
check bc/pulled/dimensions every_stream_was_read
check bc/pulled/dimensions sweep_not_suspiciously_small blocking
check bc/pulled/documents every_stream_was_read
check bc/pulled/documents sweep_not_suspiciously_small blocking
check bc/pulled/payments every_stream_was_read
check bc/pulled/payments sweep_not_suspiciously_small blocking
job bc_first_run_plan
job bc_full_resync
job bc_lane
job bc_one_debtor
job bc_one_entity
pool bc: bc__certificate bc__pulled__contacts bc__pulled__debtors bc__pulled__dimensions bc__pulled__documents bc__pulled__payments
sensor bc_automation RUNNING of group:"bc"
"""


def described(loaded: dg.Definitions) -> list[str]:
    """Everything defined, a line each."""
    repository = loaded.get_repository_def()
    assets = {assets.op.name: assets for assets in repository.assets_defs_by_key.values()}
    lines = [f"asset {_asset(spec)}" for found in assets.values() for spec in found.specs]
    for found in assets.values():
        lines += [
            f"check {spec.asset_key.to_user_string()} {spec.name}{' blocking' if spec.blocking else ''}"
            for spec in found.check_specs
        ]
    lines += [f"job {job.name}" for job in repository.get_all_jobs() if not job.name.startswith("__")]
    lines += [f"schedule {schedule.name}" for schedule in repository.schedule_defs]
    for sensor in repository.sensor_defs:
        assert isinstance(sensor, dg.AutomationConditionSensorDefinition)
        lines.append(f"sensor {sensor.name} {sensor.default_status.value} of {sensor.asset_selection}")
    pools: dict[str, list[str]] = {}
    for name, found in assets.items():
        for pool in found.op.pools:
            pools.setdefault(pool, []).append(name)
    return sorted([*lines, *(f"pool {pool}: {' '.join(sorted(names))}" for pool, names in pools.items())])


def _asset(spec: dg.AssetSpec) -> str:
    assert spec.automation_condition is not None
    after = " ".join(sorted(dep.asset_key.to_user_string() for dep in spec.deps))
    if {dep.asset_key for dep in spec.deps} == {canonical_key("bc", family) for family in FAMILIES}:
        after = "all of bc/canonical"
    return f"{spec.key.to_user_string()} {spec.automation_condition.get_label()} [{' '.join(sorted(spec.kinds))}]{' after ' if after else ''}{after}"


def test_a_yaml_becomes_this_lane(tmp_path: Path) -> None:
    """Assets with their conditions and kinds, checks, jobs, the sensor and the pool: change this list on purpose."""
    write_yaml(tmp_path, "bc", COMPANY)
    assert "\n".join(described(load(tmp_path))) == DEFINED.strip()


STORE = """
asset canonical_store/links
asset canonical_store/ownership_policy
job ops_accept_missing
job ops_adopt
job ops_apply_plan
job ops_group
job ops_import
job ops_link
job ops_links_from_file
job ops_merge
job ops_not_the_same
job ops_parent
job ops_pin
job ops_relink
job ops_replay
job ops_retry_quarantined
job ops_switch_to_automatic
job ops_undo
job ops_undo_import
job ops_unlink
job ops_unmerge
job ops_unpin
job ops_verify_lake
"""


def test_the_store_brings_what_people_do_across_sources() -> None:
    """Its assets and the jobs of its operations: change this list on purpose."""
    loaded = load(PACKAGED / "canonical_store")
    found = [f"asset {spec.key.to_user_string()}" for spec in loaded.resolve_all_asset_specs()]
    found += [f"job {job.name}" for job in loaded.resolve_all_job_defs() if not job.name.startswith("__")]
    assert "\n".join(sorted(found)) == STORE.strip()


@pytest.mark.parametrize("path", sorted(PACKAGED.glob("**/defs.yaml")), ids=lambda path: path.parent.name)
def test_each_packaged_yaml_loads_alone(path: Path, tmp_path: Path) -> None:
    """One installation needs no other."""
    (tmp_path / path.parent.name).mkdir()
    (tmp_path / path.parent.name / "defs.yaml").write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    dg.Definitions.validate_loadable(load(tmp_path))


def test_the_configured_folder_is_what_dagster_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SYNC_ENGINE_DEFS is read when Dagster asks, and sources do not share a run."""
    write_yaml(tmp_path, "north", COMPANY | {"source": "north"})
    write_yaml(tmp_path, "south", COMPANY | {"source": "south", "pool": "north"})
    monkeypatch.setenv("SYNC_ENGINE_DEFS", str(tmp_path))
    loaded = definitions()
    assert isinstance(loaded, dg.Definitions)
    assert sorted(sensor.name for sensor in loaded.get_repository_def().sensor_defs) == [
        "north_automation",
        "south_automation",
    ]


def test_loading_asks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No network, no database, no secret: definitions load where nothing of that is."""
    monkeypatch.setenv("SYNC_ENGINE_DATABASE_URL", "nonsense")

    def refused(*_: Any) -> None:
        raise AssertionError("loading opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refused)
    write_yaml(tmp_path, "bc", COMPANY)
    dg.Definitions.validate_loadable(load(tmp_path))


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        pytest.param({**COMPANY, "shedule": "@daily"}, "broken/defs.yaml.*shedule", id="a key nobody reads"),
        pytest.param(
            {**COMPANY, "freshness_hours": 0}, "broken/defs.yaml.*freshness_hours", id="a value out of range"
        ),
        pytest.param(
            {**COMPANY, "connector": "bussiness_central"},
            "no connector 'bussiness_central'.*business_central",
            id="a mistyped connector",
        ),
        pytest.param(
            {**COMPANY, "connection": {**CONNECTION, "compny": "x"}},
            "bc connection.*compny",
            id="a mistyped setting",
        ),
        pytest.param({**COMPANY, "mapping": {"draft": True}}, "bc mapping.*draft", id="a mistyped rule"),
    ],
)
def test_a_broken_yaml_says_where_and_what(tmp_path: Path, attributes: dict[str, Any], said: str) -> None:
    """File and key, in one sentence, instead of a stack of Dagster's."""
    write_yaml(tmp_path, "broken", attributes)
    with pytest.raises(ConfigurationError, match=said):
        load(tmp_path)


def test_a_secret_in_the_open_is_refused_and_not_shown(tmp_path: Path) -> None:
    """The YAML names secrets; one that holds a secret does not load, and the message does not repeat it."""
    connection = {**CONNECTION, "auth": {"client_id": "app", "client_secret": "hunter2~S3cret"}}
    write_yaml(tmp_path, "bc", {**COMPANY, "connection": connection})
    with pytest.raises(SyncError, match="client_secret") as refusal:
        load(tmp_path)
    assert "hunter2" not in str(refusal.value)


def test_a_name_used_twice_is_refused(tmp_path: Path) -> None:
    """Two sources of one name would write over each other."""
    write_yaml(tmp_path, "one", COMPANY)
    write_yaml(tmp_path, "two", COMPANY)
    with pytest.raises(ConfigurationError, match="source 'bc' is defined twice"):
        load(tmp_path)


def test_values_are_taken_as_they_stand(tmp_path: Path) -> None:
    """Dagster renders texts as templates, which makes a number of company "0100"; ours stay what they are, as the command line reads them."""
    write_yaml(tmp_path, "bc", {**COMPANY, "mapping": {"intercompany": ["{{ 1 + 1 }}"]}})
    tree = load(tmp_path).component_tree
    assert tree is not None
    (component,) = tree.get_all_components(ErpSource)
    assert component.connection["company"] == "0100"
    assert component.mapping == {"intercompany": ["{{ 1 + 1 }}"]}
    assert component.model_dump() == load_sources(tmp_path)["bc"].model_dump()


def test_the_component_has_the_fields_of_the_configuration() -> None:
    """One description of a source, for Dagster and the command line."""
    assert ErpSource.model() is SourceConfig
    assert ErpSource.model_fields.keys() == SourceConfig.model_fields.keys()


def test_a_deployer_may_add_owners_to_the_yaml(tmp_path: Path) -> None:
    """What Dagster offers every component works on ours."""
    owned = {"assets": [{"target": "*", "attributes": {"owners": ["team:receivables"]}}]}
    write_yaml(tmp_path, "bc", COMPANY, post_processing=owned)
    assert (
        yaml.safe_load((tmp_path / "bc" / "defs.yaml").read_text(encoding="utf-8"))["post_processing"]
        == owned
    )
    specs = load(tmp_path).resolve_all_asset_specs()
    assert {owner for spec in specs for owner in spec.owners} == {"team:receivables"}


def test_what_is_writable_has_an_asset_between_the_cut_and_its_certificate() -> None:
    """`delivered`, with checks of its own; nothing of it where nothing is written."""
    found = {
        direction: {
            key: asset
            for asset in lane_assets(
                SourceConfig.model_validate({**COMPANY, "writable": {"debtor": {"name": direction}}})
            )
            for key in asset.keys
        }
        for direction in ("in", "both")
    }
    delivered, certificate = delivered_key("bc"), certificate_key("bc")
    assert delivered not in found["in"]
    written = found["both"]
    assert written[delivered].asset_deps[delivered] == {canonical_key("bc", family) for family in FAMILIES}
    assert delivered in written[certificate].asset_deps[certificate]
    assert sorted(check.name for check in written[delivered].check_specs) == [
        "nothing_refused",
        "nothing_waits_too_long",
    ]
