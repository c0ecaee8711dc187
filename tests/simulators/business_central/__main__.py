"""Runs a simulator for the demo: `python -m tests.simulators.business_central --port 0 --ready-file ready.json`."""

import argparse
import json
import os
import signal
import stat
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.simulators.business_central.app import BusinessCentralSimulator
from tests.simulators.business_central.clock import SimulatorClock
from tests.simulators.business_central.late_payments import find_histories, from_late_payment_histories
from tests.simulators.business_central.seeds import generate
from tests.simulators.business_central.server import serve
from tests.simulators.business_central.settings import settings
from tests.simulators.business_central.world import World


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulators.business_central")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--tls", action="store_true", help="serve https with a fresh certificate authority")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--customers", type=int, default=40)
    parser.add_argument("--contacts", type=int, help="three a customer by default")
    parser.add_argument("--invoices", type=int, help="ten a customer by default")
    parser.add_argument(
        "--histories", action="store_true", help="also the real payment histories, as a company"
    )
    parser.add_argument(
        "--version", type=int, default=26, help="Business Central version: 22, 24, 25, 26, 28"
    )
    parser.add_argument("--clock", help="freeze time at this instant (ISO 8601); otherwise it runs")
    parser.add_argument(
        "--ready-file", type=Path, help="written when the simulator answers; holds the client secret"
    )
    return parser.parse_args()


def build(given: argparse.Namespace) -> BusinessCentralSimulator:
    """A simulator with a seeded world."""
    start = datetime.fromisoformat(given.clock).astimezone(UTC) if given.clock else None
    world = World(SimulatorClock(start), seed=given.seed)
    world.installation.version = given.version
    generate(world, given.customers, given.contacts, given.invoices, given.seed)
    if given.histories:
        found = find_histories()
        if found is None:
            raise SystemExit(
                "The payment histories are not there; set SYNC_ENGINE_TEST_DATA to their folder."
            )
        from_late_payment_histories(world, found)
    return BusinessCentralSimulator(world)


def write_ready(path: Path, body: dict[str, object]) -> None:
    """Whole or not at all, and readable by its owner only: it holds the secret."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(body, indent=2), encoding="utf-8")
    draft.replace(path)


def watch_parent(stop: threading.Event) -> None:
    """Stop when the parent is gone, or when the pipe that is our standard input is closed."""
    parent = os.getppid()

    def by_process() -> None:
        while not stop.is_set():
            if os.getppid() != parent:
                stop.set()
            time.sleep(0.5)

    def by_pipe() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        stop.set()

    threading.Thread(target=by_process, daemon=True).start()
    if sys.stdin is not None and not sys.stdin.closed and _is_pipe(sys.stdin.fileno()):
        threading.Thread(target=by_pipe, daemon=True).start()


def _is_pipe(number: int) -> bool:
    return stat.S_ISFIFO(os.fstat(number).st_mode)


def main() -> None:
    """Serve until told to stop."""
    given = arguments()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    simulator = build(given)
    with serve(simulator, given.port, tls=given.tls) as handle:
        client = settings(simulator, handle.url, handle.ca_file)
        token_url = f"{client.authority}/oauth2/v2.0/token"
        if given.ready_file:
            write_ready(given.ready_file, {**client.as_json(), "token_url": token_url, "pid": os.getpid()})
        sys.stdout.write(f"Business Central simulator at {client.base_url} ({', '.join(client.companies)})\n")
        sys.stdout.flush()
        watch_parent(stop)
        stop.wait()


main()
