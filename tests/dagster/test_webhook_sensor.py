"""From a change in Business Central to a lane that starts: over HTTP, through the receiver, by the sensor."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
import pytest

from dagster_project.definitions import load
from dagster_project.in_process import QUIET
from dagster_project.stage_step import SOURCE_TAG
from sync_engine.cli import main
from sync_engine.errors import ConfigurationError
from sync_engine.ops.runs.environment import configured
from sync_engine.ops.sources import webhooks
from sync_engine.platform import notifications
from sync_engine.platform.clock import SystemClock
from tests.dagster.conftest import Installation


def asked(url: str, body: bytes) -> tuple[int, bytes]:
    """What Business Central does: an empty body is the handshake."""
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, data=body, method="POST"), timeout=10
        ) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, b""


@pytest.fixture
def receiver(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The receiver of source bc on loopback, which the simulated company notifies."""
    monkeypatch.setenv("BC_HINT_SECRET", "what only we know")
    monkeypatch.setenv("SYNC_ENGINE_DEFS", str(installation.folder))
    connection = installation.attributes["connection"]
    installation.configure(
        connection=connection | {"hints": {"url": "http://127.0.0.1:1/", "secret": "env:BC_HINT_SECRET"}}
    )
    with webhooks.listening(
        webhooks.application(webhooks.receivers(configured(), SystemClock())), "127.0.0.1", 0
    ) as address:
        installation.configure(
            connection=connection | {"hints": {"url": f"{address}/hints", "secret": "env:BC_HINT_SECRET"}}
        )
        installation.bench.simulator.webhooks.notify = asked
        yield address


def test_a_change_in_the_source_starts_its_lane(installation: Installation, receiver: str) -> None:
    """Subscribed on the command line; told, heard, asked for once; while the lane is at work hints wait; nothing heard, nothing done."""
    with pytest.raises(SystemExit) as ended:
        main(["hints", "subscribe"])
    assert ended.value.code == 0
    installation.bench.company.edit_customer("10000", city="Odense")
    assert asked(f"{receiver}/elsewhere?validationToken=x", b"") == (404, b"")
    assert installation.bench.simulator.webhooks.deliver() == 1
    assert set(notifications.waiting("bc")) == {"customers"}
    sensor = load(installation.folder).get_repository_def().get_sensor_def("bc_hints")
    assert sensor.job_name == "bc_lane"
    with dg.DagsterInstance.ephemeral(settings=QUIET) as instance:
        busy = instance.create_run_for_job(
            load(installation.folder).resolve_job_def("bc_lane"),
            tags={SOURCE_TAG: "bc"},
            status=dg.DagsterRunStatus.STARTED,
        )
        waits = sensor(dg.build_sensor_context(instance=instance))
        assert isinstance(waits, dg.SkipReason)
        assert "goes on" in str(waits.skip_message)
        instance.report_run_canceled(busy)
        woken = sensor(dg.build_sensor_context(instance=instance))
        assert isinstance(woken, dg.SensorResult)
        (request,) = woken.run_requests or []
        assert request.tags["sync_engine/heard_of"] == "customers"
        assert request.run_key == woken.cursor
        assert set(notifications.waiting("bc")) == {"customers"}, (
            "taken only when the request is known to be kept"
        )
        after = sensor(dg.build_sensor_context(instance=instance, cursor=woken.cursor))
        assert isinstance(after, dg.SkipReason)
        assert notifications.waiting("bc") == {}


def test_what_is_heard_of_again_is_looked_at_again(installation: Installation, receiver: str) -> None:
    """A hint younger than the last request makes another one."""
    sensor = load(installation.folder).get_repository_def().get_sensor_def("bc_hints")
    notifications.leave("bc", "payments")
    with dg.DagsterInstance.ephemeral(settings=QUIET) as instance:
        again = sensor(
            dg.build_sensor_context(instance=instance, cursor=datetime(2026, 1, 1, tzinfo=UTC).isoformat())
        )
    assert isinstance(again, dg.SensorResult)
    assert len(again.run_requests or []) == 1


def test_a_source_that_only_polls_has_no_such_sensor(installation: Installation) -> None:
    """Nothing is received for it either, and the sentence says what to write."""
    assert [s.name for s in load(installation.folder).sensors or []] == ["bc_automation"]
    with pytest.raises(ConfigurationError, match=r"connection\.hints"):
        webhooks.receivers({}, SystemClock())


def test_a_port_that_is_taken(receiver: str) -> None:
    """A sentence, not a traceback."""
    port = int(receiver.rpartition(":")[2])
    with (
        pytest.raises(ConfigurationError, match=f"port {port}"),
        webhooks.listening(webhooks.application({}), "127.0.0.1", port),
    ):
        pass
