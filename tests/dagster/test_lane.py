"""A whole lane in process against a simulator: twice, one family of it, one debtor of it; what it says and what it never says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import dagster as dg
import pytest
from sqlalchemy import text

from dagster_project.families import FAMILIES, canonical_key, certificate_key, normalised_key, pulled_key
from dagster_project.in_process import QUIET
from dagster_project.run_jobs import OneEntity
from sync_engine.store.db import open_engine
from sync_engine.store.queries.source_status import RunState, runs
from tests.conftest import new_database
from tests.connectors.support import SECRET
from tests.dagster.conftest import Installation, open_installation


class Story(NamedTuple):
    """A first run, a second one with nothing new, one family, one debtor; and everything Dagster has kept of all that."""

    first: dg.ExecuteInProcessResult
    second: dg.ExecuteInProcessResult
    family: dg.ExecuteInProcessResult
    debtor: dg.ExecuteInProcessResult
    ledger: dict[str, RunState]
    kept: str
    personal: set[str]
    counted: set[str]


@pytest.fixture(scope="module")
def story(migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Told once; the tests below look at it."""
    folder = tmp_path_factory.mktemp("story")
    with pytest.MonkeyPatch.context() as patch, new_database(migrated_template, "migrated") as url:
        patch.setenv("SYNC_ENGINE_HOME", str(folder))
        patch.setenv("SYNC_ENGINE_DATABASE_URL", url)
        for installation in open_installation(patch, folder / "defs"):
            with dg.DagsterInstance.ephemeral(settings=QUIET) as instance:
                yield _tell(installation, instance, url)


def _tell(installation: Installation, instance: dg.DagsterInstance, url: str) -> Story:
    first = installation.run(instance=instance)
    second = installation.run(instance=instance)
    family = installation.run(
        "one_entity", run_config={"family": "contacts", "full": True}, instance=instance
    )
    debtor = installation.run("one_debtor", run_config={"debtor": "10040"}, instance=instance)
    engine = open_engine(url)
    with engine.connect() as connection:
        ledger = {str(run.run_id): run for run in runs(connection, "bc")}
        personal = {
            str(row[0])
            for row in connection.execute(
                text("""
            SELECT name FROM canonical.debtor UNION SELECT full_name FROM canonical.contact UNION SELECT email FROM canonical.contact
            UNION SELECT email FROM canonical.account_owner UNION SELECT name FROM canonical.account_owner UNION SELECT address_line1 FROM canonical.debtor
            """)
            )
            if row[0] and len(str(row[0])) > 5
        }
        counted = {
            str(row[0])
            for row in connection.execute(
                text("SELECT DISTINCT jsonb_object_keys(counts) FROM canonical.cut")
            )
        }
    engine.dispose()
    kept = "\n".join(
        repr(entry) for run in instance.get_runs() for entry in (run, *instance.all_logs(run.run_id))
    )
    return Story(first, second, family, debtor, ledger, kept, personal, counted)


def metadata(result: dg.ExecuteInProcessResult, key: dg.AssetKey) -> dict[str, object]:
    """What an asset said in a run."""
    (event,) = [e for e in result.get_asset_materialization_events() if e.asset_key == key]
    return {name: value.value for name, value in event.materialization.metadata.items()}


def test_everything_is_materialised_and_checked(story: Story) -> None:
    """Sixteen assets in twelve steps, every check answered, none failed."""
    families = list(FAMILIES)
    made = {event.asset_key for event in story.first.get_asset_materialization_events()}
    assert story.first.success
    assert made == {
        certificate_key("bc"),
        *(key("bc", f) for key in (pulled_key, normalised_key, canonical_key) for f in families),
    }
    answers = story.first.get_asset_check_evaluations()
    assert len(answers) == 32
    assert [
        (a.asset_key.to_user_string(), a.check_name, a.description) for a in answers if not a.passed
    ] == []


def test_parents_are_read_before_children(story: Story) -> None:
    """And everything is read before anything is normalised, so that the families of a cut are read close together."""
    steps = [str(event.step_key) for event in story.first.get_step_success_events()]
    assert steps == [
        *(f"bc__pulled__{f}" for f in FAMILIES),
        *(f"bc__normalised__{f}" for f in FAMILIES),
        "bc__canonical",
        "bc__certificate",
    ]


def test_a_step_says_what_it_did(story: Story) -> None:
    """Counts, calls, bytes and durations; a cut and its certificate point at each other."""
    pulled = metadata(story.first, pulled_key("bc", "debtors"))
    assert pulled["records read"] == pulled["records changed"] != 0
    assert {"API calls", "bytes landed", "seconds", "streams"} <= pulled.keys()
    documents, certificate = (
        metadata(story.first, canonical_key("bc", "documents")),
        metadata(story.first, certificate_key("bc")),
    )
    assert documents["rows written"] != 0
    assert documents["certificate"] == certificate_key("bc")
    assert documents["cut"] == certificate["cut"]
    assert certificate["grade"] == "A"
    for family, facts in FAMILIES.items():
        [made] = [
            e
            for e in story.first.get_asset_materialization_events()
            if e.asset_key == canonical_key("bc", family)
        ]
        shown = made.materialization.metadata["tables"]
        assert isinstance(shown, dg.TableMetadataValue)
        assert [row.data["table"] for row in shown.records] == list(facts.tables), (
            "also those the cut did not touch"
        )


def test_one_dagster_run_is_one_run_of_the_engine(story: Story) -> None:
    """With the same id, closed, with its cut."""
    for result in (story.first, story.second, story.family, story.debtor):
        run = story.ledger[result.run_id]
        assert (run.outcome, run.error) == ("succeeded", None)
        assert run.finished_at is not None
        assert run.cut_id is not None
    assert len(story.ledger) == 4


def test_a_second_run_reports_that_nothing_changed(story: Story) -> None:
    """Nothing differs, nothing is landed, nothing is written."""
    assert story.second.success
    for family in FAMILIES:
        assert metadata(story.second, pulled_key("bc", family))["records changed"] == 0
        assert metadata(story.second, pulled_key("bc", family))["bytes landed"] == 0
        assert metadata(story.second, normalised_key("bc", family))["records normalised"] == 0
        assert metadata(story.second, canonical_key("bc", family))["changes in the whole cut"] == 0


@pytest.mark.parametrize("which", ["family", "debtor"])
def test_a_part_is_read_without_making_the_whole_look_fresh(story: Story, which: str) -> None:
    """One family, or one debtor by its number: observed on the canonical assets, so that nothing runs after it by itself."""
    result: dg.ExecuteInProcessResult = getattr(story, which)
    assert result.success
    assert not result.get_asset_materialization_events()
    observed = {
        event.asset_observation_data.asset_observation.asset_key
        for event in result.get_asset_observation_events()
    }
    assert observed == {certificate_key("bc"), *(canonical_key("bc", f) for f in FAMILIES)}


def test_nothing_secret_or_personal_is_kept_by_dagster(story: Story) -> None:
    """Not the secret, no token, no query of a URL, no name and no address of anybody."""
    assert len(story.personal) > 20
    assert "bc__certificate" in story.kept
    for never in (SECRET, "Bearer", "access_token", "$filter", "$select", "?tenant", *story.personal):
        assert never not in story.kept


def test_every_table_of_a_cut_is_told(story: Story) -> None:
    """What a cut counts belongs to some family."""
    assert story.counted
    told = {name for facts in FAMILIES.values() for name in facts.tables}
    assert story.counted <= told


def test_a_form_refuses_what_it_does_not_know() -> None:
    """The Launchpad offers the families and nothing else."""
    with pytest.raises(ValueError, match="invoices"):
        OneEntity.model_validate({"family": "invoices"})


def test_what_the_ledger_does_not_tell_is_told(installation: Installation) -> None:
    """In full beside the grade: a person who reads only Dagster knows what no check can see."""
    connection = installation.attributes["connection"]
    installation.configure(connection=connection | {"ledger": {"route": "invoices"}})
    said = metadata(installation.run(), certificate_key("bc"))
    assert "ledger route invoices: payments, applications, journal-posted invoices" in str(said["notes"])


def test_a_source_that_tells_everything_says_nothing_of_it(story: Story) -> None:
    """No empty line where there is nothing to say."""
    assert "notes" not in metadata(story.first, certificate_key("bc"))
