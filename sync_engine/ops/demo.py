"""The demonstration: a simulated Business Central as a program of its own, a home of its own, and changes worth looking at."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Engine

from sync_engine.errors import ConfigurationError, SyncError
from sync_engine.platform.home import home, made, project_root
from sync_engine.platform.postgres import EmbeddedPostgres
from sync_engine.store.db import transaction
from sync_engine.store.queries.samples import Picks, picks

SOURCE = "demo"
STORE = "canonical_store"
SECRET = "SYNC_ENGINE_DEMO_SECRET"  # noqa: S105 - the name of a variable
SIMULATOR = "tests.simulators.business_central"
PATIENCE = 60.0
"""Seconds the simulator may take to seed its world."""


class Simulator:
    """A running simulator, its addresses and its admin API."""

    def __init__(self, ready: dict[str, Any]) -> None:
        self.ready = ready
        self._trust = ssl.create_default_context(cafile=ready["ca_file"])

    def act(self, action: str, **arguments: object) -> Any:
        """A business action in the simulated company, as its people would do it. Raises SyncError when it is refused."""
        return self._post("act", {"action": action, **arguments})

    def inject(self, kind: str, **arguments: object) -> Any:
        """A fault."""
        return self._post("faults", {"kind": kind, **arguments})

    def _post(self, what: str, body: dict[str, object]) -> Any:
        request = urllib.request.Request(  # noqa: S310 - loopback, from the ready file of our own child
            f"{self.ready['url']}/_admin/{what}",
            data=json.dumps(body, default=str).encode(),
            headers={"Content-Type": "application/json"},
            method="POST",
        )
        try:
            with urllib.request.urlopen(request, timeout=30, context=self._trust) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as refusal:
            raise SyncError(
                f"the simulator refused ({refusal.read().decode(errors='replace')[:300]})",
                key=str(body.get("action", what)),
            ) from None


def demo_home() -> Path:
    """The demo's folder in the home: its lake, its database and its YAML touch nothing else."""
    return home() / "demo"


def fresh_home() -> Path:
    """Forgets the last demo and points this process, and the children it starts, at an empty home."""
    folder = demo_home()
    EmbeddedPostgres(folder).remove()
    shutil.rmtree(folder, ignore_errors=True)
    made(folder)
    os.environ.update({"SYNC_ENGINE_HOME": str(folder), "SYNC_ENGINE_DEFS": str(folder / "defs")})
    for elsewhere in ("SYNC_ENGINE_DATABASE_URL", "SYNC_ENGINE_LAKE"):
        os.environ.pop(elsewhere, None)
    return folder


@contextmanager
def simulator(folder: Path, *, customers: int = 40, seed: int = 7) -> Iterator[Simulator]:
    """A simulator over HTTPS on a free port of this machine, stopped at the end. Its secret is in our environment, never in a file of ours.

    Raises ConfigurationError outside a clone of the repository, SyncError when it does not come up.
    """
    root = project_root()
    if root is None or not (root / SIMULATOR.replace(".", "/") / "__main__.py").is_file():
        raise ConfigurationError(
            "the simulator is part of the repository, not of the installed package",
            key="demo",
            todo="Clone the repository and run `make demo` in it.",
        )
    ready_file, log = folder / "simulator.json", folder / "simulator.log"
    command = [
        sys.executable,
        "-m",
        SIMULATOR,
        "--tls",
        "--customers",
        str(customers),
        "--seed",
        str(seed),
        "--ready-file",
        str(ready_file),
    ]
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command, cwd=root, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        running = Simulator(_ready(process, ready_file, log))
        os.environ[SECRET] = str(running.ready["client_secret"])
        _write_yaml(folder / "defs" / SOURCE / "defs.yaml", root, running.ready)
        yield running
    finally:
        _stop(process)
        ready_file.unlink(missing_ok=True)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ends our child; the simulator would also end by itself when we do."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _ready(process: subprocess.Popen[bytes], ready_file: Path, log: Path) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE
    while not ready_file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            tail = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:] or [
                "it said nothing"
            ]
            raise SyncError(f"the simulator did not come up ({tail[0]})", todo=f"Its log is {log}.")
        time.sleep(0.05)
    found: dict[str, Any] = json.loads(ready_file.read_text(encoding="utf-8"))
    return found


def _write_yaml(target: Path, root: Path, ready: dict[str, Any]) -> None:
    """The demo's YAML of the repository with the addresses of this simulator, and the ownership policy beside it."""
    body = yaml.safe_load(
        (root / "dagster_project" / "defs" / SOURCE / "defs.yaml").read_text(encoding="utf-8")
    )
    body["attributes"]["connection"] |= {
        "base_url": ready["base_url"],
        "authority": ready["authority"],
        "verify": ready["ca_file"],
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    store = target.parent.with_name(STORE) / target.name
    store.parent.mkdir(exist_ok=True)
    shutil.copyfile(root / "dagster_project" / "defs" / STORE / target.name, store)
    target.write_text(yaml.safe_dump(body, sort_keys=False, allow_unicode=True), encoding="utf-8")


def change_the_company(running: Simulator, store: Engine) -> list[str]:
    """A morning in the simulated company; what was done, in sentences. Raises SyncError when the data offers nothing to change."""
    chosen = choose(store)
    part = (chosen.open_amount / 4).quantize(Decimal("0.01"))
    running.act("pay_invoice", invoice=chosen.invoice, amount=part)
    running.act(
        "rename_dimension_value",
        dimension="CUSTOMERGROUP",
        value=chosen.portfolio_code,
        code=chosen.portfolio_code,
        name=f"{chosen.portfolio} (regional)",
    )
    running.act("retitle_contact", contact=chosen.contact_id, title="Head of Treasury")
    made_invoice = running.act("post_invoice", customer=chosen.debtor, amount=Decimal("1250.00"))
    running.act("delete_contact", contact=chosen.leaving_id)
    running.act(
        "set_default_dimension", customer=chosen.moving, dimension="CUSTOMERGROUP", value=chosen.to_code
    )
    return [
        f"{chosen.debtor_name} ({chosen.debtor}) paid {part:,.2f} of the {chosen.open_amount:,.2f} {chosen.currency} open on invoice {chosen.invoice}",
        f"dimension value {chosen.portfolio_code} was renamed from {chosen.portfolio!r} to '{chosen.portfolio} (regional)'",
        f"{chosen.contact}, {chosen.title!r} until now, is 'Head of Treasury'",
        f"invoice {made_invoice.get('number', '')} over 1,250.00 before tax was posted for {chosen.debtor_name}",
        f"{chosen.leaving} left: the contact was deleted",
        f"{chosen.moving_name} ({chosen.moving}) moved from {chosen.moving_from!r} to {chosen.to_portfolio!r}",
    ]


def choose(store: Engine) -> Picks:
    """What the demo talks about. Raises SyncError when the store does not offer it."""
    with transaction(store, "choosing what to change") as connection:
        found = picks(connection, SOURCE)
    if found is None:
        raise SyncError(
            "the store holds nothing that suits a demonstration",
            whose=SOURCE,
            todo="See `sync-engine status`.",
        )
    return found


def end_in_order() -> None:
    """However we are told to end, we stop what we started. Said again after Dagster ran: it puts handlers of its own there."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def stop_database(folder: Path) -> None:
    """Stops the demo's database; the next command that needs it starts it again."""
    EmbeddedPostgres(folder).stop()


def run_through_dagster(job: str = "lane", *, is_kept: bool = False, **decisions: object) -> None:
    """Executes one of the source's jobs in this process, as its schedule would; one that is kept shows in the UI afterwards.

    Raises SyncError with Dagster's words when it fails. Dagster stands above the engine, which knows nothing of it: the demo finds it by name.
    """
    with warnings.catch_warnings(), ExitStack() as opened:
        warnings.simplefilter("ignore")  # Dagster's own notes on its preview features
        running = importlib.import_module("dagster_project.in_process")
        instance = opened.enter_context(_instance()) if is_kept else None
        result = running.run_lane(SOURCE, job=job, run_config=decisions, instance=instance)
    if not result.success:
        failed = [event for event in result.all_events if event.is_step_failure]
        said = [
            str(event.step_failure_data.error.message).strip().splitlines()[-1]
            for event in failed
            if event.step_failure_data.error
        ]
        raise SyncError(
            f"the Dagster run failed: {'; '.join(dict.fromkeys(said)) or 'no step said why'}",
            whose=SOURCE,
            todo="See `sync-engine status`.",
        )


def _instance() -> Any:
    """The instance whose runs the UI shows."""
    folder = importlib.import_module("dagster_project.instance").instance_home()
    return importlib.import_module("dagster").DagsterInstance.from_config(str(folder))


def dagster_ui(port: int) -> None:
    """Dagster's UI on the demo's sources, in the foreground until Ctrl-C; what it started ends with it."""
    instance = importlib.import_module("dagster_project.instance")
    end_in_order()
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        instance.ui_command(port), env=instance.ui_environment(), start_new_session=True
    )
    try:
        process.wait()
    except KeyboardInterrupt:
        pass
    finally:
        _stop_group(process)


def _stop_group(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and its children, which would outlive it."""
    for last_word in (signal.SIGINT, signal.SIGKILL):
        try:
            os.killpg(process.pid, last_word)
            process.wait(15)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
