"""What is red, what stays green, what is asked again, and what a failure says."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit
from uuid import UUID

import dagster as dg
import pytest

from dagster_project import stage_step
from dagster_project.families import FAMILIES, canonical_key, certificate_key, normalised_key, pulled_key
from dagster_project.in_process import QUIET
from dagster_project.resources import OpenRuntime
from sync_engine.errors import Unreachable
from sync_engine.ops.runs.environment import open_runtime
from sync_engine.stages import run
from sync_engine.stages.pull import Pulled
from sync_engine.stages.source_run import SourceRun
from sync_engine.store.queries.source_status import holds, runs
from sync_engine.store.runs import steps_of
from tests.connectors.support import SECRET
from tests.dagster.conftest import Installation, Said
from tests.simulators.business_central.faults import Fault, ServerBusy
from tests.simulators.business_central.spoiled_answers import ShortSweep

CONTACTS = r"/companies\([^)]*\)/contacts($|\?)"


class Watches(Fault):
    """Does nothing but count the requests it sees."""

    def before(self, request: object) -> None:
        self.strikes(request)  # type: ignore[arg-type]


def outcome_of(result: dg.ExecuteInProcessResult) -> tuple[str | None, str | None]:
    """How the engine's own run ended."""
    shop = open_runtime()
    with shop.store.connect() as connection:
        found = {str(run.run_id): run for run in runs(connection, "bc", 20)}[result.run_id]
    shop.store.dispose()
    return found.outcome, found.error


def times_pulled(result: dg.ExecuteInProcessResult, entity: str) -> int:
    """How often a wire entity was asked for in a run."""
    shop = open_runtime()
    with shop.store.connect() as connection:
        found = [
            row
            for row in steps_of(connection, UUID(result.run_id))
            if row["stage"] == "pull" and row["entity"] == entity
        ]
    shop.store.dispose()
    return len(found)


def failed_checks(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str], str]:
    """Asset and name of each failed check, with what it says."""
    return {
        (a.asset_key.to_user_string(), a.check_name): a.description or ""
        for a in result.get_asset_check_evaluations()
        if not a.passed
    }


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries do not wait."""
    monkeypatch.setattr(stage_step, "PAUSE", 0.0)


def test_a_family_that_cannot_be_read_is_red_and_the_rest_is_published(
    installation: Installation, failures: Said
) -> None:
    """The family's check fails with our sentence, everything else goes on, and the run ends red and says the same."""
    installation.bench.simulator.world.installation.denied_entities = frozenset({"contacts"})
    result = installation.run()
    made = {event.asset_key for event in result.get_asset_materialization_events()}
    said = failed_checks(result)
    assert not result.success
    assert set(failures(result)) == {"bc__certificate"}
    assert "bc contacts" in failures(result)["bc__certificate"]
    assert "Everything else was published as cut 1" in failures(result)["bc__certificate"]
    assert "permission" in said["bc/pulled/contacts", "every_stream_was_read"]
    assert {canonical_key("bc", f) for f in FAMILIES} < made
    assert outcome_of(result)[0] == "partial"

    installation.bench.simulator.world.installation.denied_entities = frozenset()
    healed = installation.run()
    assert healed.success
    assert ("bc/pulled/contacts", "every_stream_was_read") not in failed_checks(healed)


def test_a_family_read_alone_is_red_itself(installation: Installation, failures: Said) -> None:
    """Where nothing in the run waits for the step, it says by itself what the last step would say."""
    installation.bench.simulator.world.installation.denied_entities = frozenset({"contacts"})
    result = installation.materialise(pulled_key("bc", "contacts"))
    assert set(failures(result)) == {"bc__pulled__contacts"}
    assert "permission" in failures(result)["bc__pulled__contacts"]
    assert outcome_of(result)[0] == "partial"


def test_parts_of_the_lane_close_their_run(installation: Installation) -> None:
    """A person materialises what they choose; the engine's run ends with the last of it."""
    assert installation.run().success
    for keys in (
        [pulled_key("bc", "dimensions")],
        [normalised_key("bc", "dimensions")],
        [canonical_key("bc", f) for f in FAMILIES],
        [certificate_key("bc")],
    ):
        result = installation.materialise(*keys)
        assert result.success
        assert outcome_of(result) == ("succeeded", None)


def test_only_a_transient_error_is_asked_again(installation: Installation, failures: Said) -> None:
    """A busy server is asked once and three times more, a refusal once; after the last time the rest goes on."""
    busy = ServerBusy(match=CONTACTS)
    installation.bench.simulator.inject(busy)
    result = installation.run()
    assert times_pulled(result, "contacts") == 1 + stage_step.RETRIES
    assert times_pulled(result, "customers") == 1
    assert busy.struck
    assert (
        len([e for e in result.all_events if e.event_type_value == "STEP_UP_FOR_RETRY"]) == stage_step.RETRIES
    )
    assert set(failures(result)) == {"bc__certificate"}
    assert outcome_of(result)[0] == "partial"

    installation.bench.simulator.faults.clear()
    installation.bench.simulator.world.installation.denied_entities = frozenset({"contacts"})
    result = installation.run()
    assert times_pulled(result, "contacts") == 1
    assert not [e for e in result.all_events if e.event_type_value == "STEP_UP_FOR_RETRY"]


def test_an_outage_that_ends_is_no_failure(installation: Installation) -> None:
    """The step is repeated, but not what of it had worked."""
    installation.bench.simulator.inject(ServerBusy(match=CONTACTS, times=2))
    result = installation.run()
    assert result.success
    assert outcome_of(result) == ("succeeded", None)


def test_a_refused_login_is_tried_once_and_stops_the_source(
    installation: Installation, failures: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong secret must not lock the account: one family finds out, the others are told. Nothing is published, nothing is shown."""
    monkeypatch.setenv("BC_TEST_SECRET", "not~the~secret")
    asked = Watches(match="/oauth2/v2.0/token")
    installation.bench.simulator.inject(asked)
    with dg.DagsterInstance.ephemeral(settings=QUIET) as instance:
        result = installation.run(instance=instance)
        kept = "\n".join(repr(entry) for entry in instance.all_logs(result.run_id))
    assert set(failures(result)) == {f"bc__pulled__{f}" for f in FAMILIES}
    assert asked.struck <= 1
    assert len(set(failures(result).values())) == 1
    assert outcome_of(result)[0] == "failed"
    assert "not~the~secret" not in kept
    assert SECRET not in kept


def test_nothing_read_is_nothing_published(installation: Installation, failures: Said) -> None:
    """A cut says as of when it is; without any answer of the source there is none."""
    assert installation.run().success
    installation.bench.simulator.inject(ServerBusy(match=r"/companies\([^)]*\)/"))
    result = installation.run()
    assert not result.success
    assert not {event.asset_key for event in result.get_asset_materialization_events()} & {
        canonical_key("bc", f) for f in FAMILIES
    }
    assert outcome_of(result)[0] == "failed"
    assert failures(result)


def test_a_suspicious_sweep_stops_the_cut_until_a_person_agrees(
    installation: Installation, failures: Said
) -> None:
    """The extract that ends early: its check blocks, nothing is deleted or published; the form's tick publishes it."""
    assert installation.run().success
    short = ShortSweep(keep=2, match=r"/companies\([^)]*\)/customers($|\?)")
    installation.bench.simulator.inject(short)
    result = installation.run("full_resync")
    made = {event.asset_key for event in result.get_asset_materialization_events()}
    assert set(failures(result)) == {"bc__pulled__debtors"}
    assert "customers: the sweep saw 2 records" in failures(result)["bc__pulled__debtors"]
    assert (
        "customers: the sweep saw"
        in failed_checks(result)["bc/pulled/debtors", "sweep_not_suspiciously_small"]
    )
    assert normalised_key("bc", "contacts") in made
    assert not made & {
        normalised_key("bc", "debtors"),
        certificate_key("bc"),
        *(canonical_key("bc", f) for f in FAMILIES),
    }
    assert outcome_of(result)[0] == "held"
    assert held() == ["customers"]

    agreed = installation.run("full_resync", run_config={"accept_deletes": True})
    assert ("bc/pulled/debtors", "sweep_not_suspiciously_small") not in failed_checks(agreed)
    assert held() == []


def held() -> list[str]:
    """The wire entities whose sweep waits for a person."""
    shop = open_runtime()
    with shop.store.connect() as connection:
        found = [hold.entity for hold in holds(connection, "bc") if hold.approved_at is None]
    shop.store.dispose()
    return found


def test_a_defect_is_told_without_the_data_it_stumbled_over(
    installation: Installation, failures: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error nobody raised on purpose: its place is shown, its message, which quotes a customer, is not; and it is not repeated."""
    calls = []

    def stumbles(source_run: SourceRun, entity: str, *, full: bool = False, row: object) -> Pulled:
        calls.append((source_run.source, entity, full))
        raise ValueError("anna.berg@example.com owes 100")

    monkeypatch.setattr(run, "pull", stumbles)
    with dg.DagsterInstance.ephemeral(settings=QUIET) as instance:
        result = installation.run(instance=instance)
        kept = "\n".join(repr(entry) for entry in instance.all_logs(result.run_id))
    assert "ValueError in stumbles: a defect of the engine" in failures(result)["bc__pulled__debtors"]
    assert "anna.berg" not in kept
    assert len(calls) == len(FAMILIES)


def test_a_runtime_opens_nothing_before_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run whose environment is wrong fails in the step that needs it, with a sentence, not when Dagster makes its resources."""
    monkeypatch.setenv("SYNC_ENGINE_DATABASE_URL", "mysql://nowhere")
    OpenRuntime().close()


def test_an_erp_that_is_not_there_is_given_up_within_a_minute(
    installation: Installation, failures: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody listens: no step waits for a retry, the first says why, a later run since when; what follows asks nobody."""
    monkeypatch.setattr(stage_step, "PAUSE", 60.0)
    asked: list[str] = []
    monkeypatch.setattr("time.sleep", lambda seconds: asked.append(f"slept {seconds}"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    nobody = f"http://127.0.0.1:{free}"
    connection = installation.attributes["connection"]
    moved = {
        name: urlsplit(connection[name])._replace(scheme="http", netloc=urlsplit(nobody).netloc).geturl()
        for name in ("base_url", "authority")
    }
    installation.configure(connection=connection | moved)
    first = installation.run()
    said = failures(first)
    assert not first.success
    assert all("no connection to 127.0.0.1: it was refused" in sentence for sentence in said.values())
    assert {f"bc__pulled__{family}" for family in FAMILIES} == set(said)
    assert not asked
    second = failures(installation.run())
    assert all("bc has failed since" in sentence and "(2 runs)" in sentence for sentence in second.values())


def test_a_short_silence_is_waited_out_and_a_long_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the transport has waited counts: a database that restarts is asked once more, a host that was asked for long is not."""
    monkeypatch.setattr(stage_step, "PAUSE", 20.0)

    class Step:
        retry_number = 0

    class Named:
        source = "bc"

    def asks_again(waited: float, retry: int = 0) -> bool:
        step = Step()
        step.retry_number = retry
        error = Unreachable("nobody", waited=waited)
        return stage_step.may_retry(step, Named(), OpenRuntime(), error)  # type: ignore[arg-type]

    assert [asks_again(0), asks_again(20), asks_again(31), asks_again(0, retry=1)] == [
        True,
        True,
        False,
        False,
    ]
