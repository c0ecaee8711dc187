"""A run that is killed, and one whose machine dies: the settings that are shipped give the source's slot back by themselves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import dagster as dg
import psutil
import pytest
import yaml

from dagster_project import instance as places
from sync_engine.store.db import open_engine
from tests.conftest import _TEMPLATE, new_database
from tests.dagster.conftest import Installation
from tests.simulators.business_central.faults import Fault
from tests.simulators.business_central.http import Request, Response
from tests.stages.snapshots import difference, snapshot

LIMIT = 240.0
"""Seconds until something that never comes is called missing."""
FINISHED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
BEFORE = """\
# Dagster's own instance for one machine, copied to SYNC_ENGINE_HOME/dagster the first time; a file that is there is left alone.
telemetry:
  enabled: false
nux: # a dialog that would cover the first visit
  enabled: false

# A pool is a login at an ERP: one step at a time uses it, whichever run the step belongs to.
concurrency:
  pools:
    default_limit: 1
    granularity: op

run_monitoring: # a run whose process is gone is told so, instead of running for ever
  enabled: true

# Events are kept in SQLite files beside this one. Several machines, or several runs at once, want a server:
#
# storage:
#   postgres:
#     postgres_url:
#       env: DAGSTER_POSTGRES_URL # write postgresql+psycopg2://..., the driver Dagster's SQL is made for
"""
"""What the first version shipped."""


class Stalls(Fault):
    """The ERP takes a question and does not answer until it is let go."""

    def __init__(self) -> None:
        super().__init__(match="/customers", times=1)
        self.asked, self.go = threading.Event(), threading.Event()

    def before(self, request: Request) -> Response | None:
        if self.strikes(request):
            self.asked.set()
            self.go.wait(LIMIT)
        return None


@dataclass
class Machine:
    """One machine with Dagster's daemon and the code servers it starts."""

    home: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """What its programs see."""
        return os.environ | {"DAGSTER_HOME": str(self.home)}

    def settings(self, **monitoring: int) -> None:
        """The shipped settings, with intervals short enough for a test."""
        path = self.home / places.SETTINGS
        shipped = yaml.safe_load(path.read_text(encoding="utf-8"))
        shipped["run_monitoring"] |= {
            name: seconds for name, seconds in monitoring.items() if name in shipped["run_monitoring"]
        }
        path.write_text(yaml.safe_dump(shipped), encoding="utf-8")

    def boot(self) -> None:
        """Starts the daemon, as `dagster dev` does, in a session of its own."""
        with (self.home / "daemon.log").open("ab") as log:
            command = [sys.executable, "-m", "dagster._daemon", "run", "-m", "dagster_project.definitions"]
            self.processes.append(
                subprocess.Popen(
                    command, env=self.environment, stdout=log, stderr=log, start_new_session=True
                )
            )

    def die(self) -> None:
        """Everything on it at once, without a word."""
        for process in self.processes:
            family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            for one in family:
                one.kill()
            psutil.wait_procs(family, timeout=20)
            process.wait()
        self.processes.clear()

    def launch(self, job: str, **tags: str) -> str:
        """Puts a run of a job into the queue; returns its id."""
        run_id = str(uuid4())
        launch = [sys.executable, "-m", "dagster", "job", "launch", "-m", "dagster_project.definitions"]
        command = [*launch, "-j", job, "--run-id", run_id, "--tags", json.dumps(tags)]
        subprocess.run(command, env=self.environment, check=True, capture_output=True, timeout=LIMIT)
        return run_id


@pytest.fixture
def machine(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """A machine whose schedule does not start anything by itself."""
    monkeypatch.setenv("SYNC_ENGINE_DEFS", str(installation.folder))
    installation.configure(schedule="0 0 1 1 *")
    there = Machine(places.instance_home())
    yield there
    there.die()


@contextmanager
def instance_of(machine: Machine) -> Iterator[dg.DagsterInstance]:
    """What Dagster remembers, as somebody sees it from outside."""
    with dg.DagsterInstance.from_config(str(machine.home)) as found:
        yield found


def until(what: str, happens: Callable[[], bool], machine: Machine) -> None:
    """Waits; says what the daemon said when it never comes."""
    deadline = time.monotonic() + LIMIT
    while not happens():
        assert time.monotonic() < deadline, (
            f"{what} never came. {(machine.home / 'daemon.log').read_text(encoding='utf-8')[-3000:]}"
        )
        time.sleep(0.2)


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    """What Dagster calls a run now."""
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def worker_of(instance: dg.DagsterInstance, run_id: str) -> int:
    """The process that does a run."""
    [pid] = {
        e.dagster_event.engine_event_data.metadata["pid"].value
        for e in instance.all_logs(run_id)
        if e.dagster_event
        and e.dagster_event.event_type_value == "ENGINE_EVENT"
        and "pid" in e.dagster_event.engine_event_data.metadata
    }
    return int(str(pid))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("fate", ["the run's process is killed", "the machine dies and comes back"])
def test_the_next_run_of_the_source_gets_its_slot(
    fate: str,
    machine: Machine,
    installation: Installation,
    migrated_template: str,
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Killed in the middle of a pull step, with the login's pool in its hand: the next run goes on and ends equal to a fresh load.

    For the machine, half a day has passed when it comes back; the next run says by its tag that it may take long.
    """
    machine.settings(poll_interval_seconds=1, free_slots_after_run_end_seconds=1)
    stall = Stalls()
    installation.bench.simulator.inject(stall)
    machine.boot()
    first = machine.launch("bc_lane")
    assert stall.asked.wait(LIMIT), (machine.home / "daemon.log").read_text(encoding="utf-8")[-3000:]
    with instance_of(machine) as instance:
        if fate.startswith("the machine"):
            machine.die()
            machine.settings(max_runtime_seconds=1)
            machine.boot()
        else:
            os.kill(worker_of(instance, first), signal.SIGKILL)
        stall.go.set()
        installation.bench.simulator.faults.clear()
        second = machine.launch("bc_lane", **{"dagster/max_runtime_seconds": "43200"})
        until("the next run", lambda: status(instance, second) in FINISHED, machine)
        assert (status(instance, first), status(instance, second)) == (
            dg.DagsterRunStatus.FAILURE,
            dg.DagsterRunStatus.SUCCESS,
        )
        assert instance.event_log_storage.get_concurrency_run_ids() == set()
    ours = open_engine(database)
    with new_database(migrated_template, _TEMPLATE) as fresh:
        monkeypatch.setenv("SYNC_ENGINE_DATABASE_URL", fresh)
        monkeypatch.setenv("SYNC_ENGINE_LAKE", str(tmp_path / "fresh lake"))
        assert installation.run().success
        theirs = open_engine(fresh)
        assert difference(snapshot(ours), snapshot(theirs)) == {}
        theirs.dispose()
    ours.dispose()


def test_settings_nobody_edited_follow_the_project(home: Path) -> None:
    """A home of an earlier version takes the new settings; one with a person's own line keeps it."""
    settings = places.instance_home() / places.SETTINGS
    shipped = settings.read_text(encoding="utf-8")
    assert {"free_slots_after_run_end_seconds", "max_runtime_seconds"} <= set(
        yaml.safe_load(shipped)["run_monitoring"]
    )
    settings.write_text("telemetry: {enabled: false} # ours\n", encoding="utf-8")
    places.instance_home()
    assert settings.read_text(encoding="utf-8") == "telemetry: {enabled: false} # ours\n"
    settings.write_bytes(BEFORE.encode())
    places.instance_home()
    assert settings.read_text(encoding="utf-8") == shipped
