"""One login, two processes and a real server: what a person waits for goes before what nobody waits for."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from connectors.toolkit.http.call_budget import Urgency
from connectors.toolkit.http.client import HttpClient
from connectors.toolkit.http.limits import Limits
from tests.connectors.support import Hands

LIMITS = Limits(concurrent=4, calls_per_window=40)
BACKFILL = """
import sys, threading
from connectors.toolkit.http.call_budget import Urgency
from connectors.toolkit.http.client import HttpClient
from sync_engine.platform.clock import SystemClock
from tests.connectors.toolkit.test_priority import LIMITS

client = HttpClient("backfill", SystemClock(), limits=LIMITS, shared="login", urgency=Urgency.BACKFILL)
def ask():
    while True:
        client.get(sys.argv[1] + "/backfill")
for _ in range(8):
    threading.Thread(target=ask, daemon=True).start()
sys.stdin.read()
"""


class Now(Hands):
    """The time of this machine; waiting is noted and passes at once."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class Server(ThreadingHTTPServer):
    """Counts who asks, and keeps a backfill waiting for its answer until it may go on."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.begun: Counter[str] = Counter()
        self.may_go_on = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def waits_for(self, number: int) -> bool:
        """Whether so many calls of the backfill come, and no more of them for a while."""
        until = time.monotonic() + 20
        while self.begun["/backfill"] < number and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(0.3)
        return self.begun["/backfill"] == number


class Handler(BaseHTTPRequestHandler):
    """Answers everything, a backfill when it may go on."""

    server: Server

    def do_GET(self) -> None:
        self.server.begun[self.path] += 1
        if self.path == "/backfill":
            self.server.may_go_on.wait(30)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def served() -> Iterator[Server]:
    """A server on this machine, stopped at the end."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.may_go_on.set()
            server.shutdown()
            thread.join()


@contextmanager
def backfilling(url: str, folder: Path) -> Iterator[None]:
    """A process of the same login that asks as often and as much at once as it is let."""
    root = str(Path(__file__).parents[3])
    process = subprocess.Popen(
        [sys.executable, "-c", BACKFILL, url],
        stdin=subprocess.PIPE,
        env={"PYTHONPATH": root, "TMPDIR": str(folder)},
    )
    try:
        yield
    finally:
        process.kill()
        process.communicate()


def test_a_person_waits_neither_for_a_place_nor_for_the_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backfill in another process takes three places of four and seven tenths of 40 calls; the fourth place and the other calls are there at once."""
    monkeypatch.setattr("connectors.toolkit.http.concurrency.tempfile.gettempdir", lambda: str(tmp_path))
    clock = Now()
    person = HttpClient("person", clock, limits=LIMITS, shared="login", urgency=Urgency.ONE_DEBTOR)
    with served() as server, backfilling(server.url, tmp_path), person:
        assert server.waits_for(3), "all but one place"
        person.get(f"{server.url}/person")
        server.may_go_on.set()
        assert server.waits_for(27), (
            "seven tenths of the window with the one of the person, and then it waits"
        )
        for _ in range(12):
            person.get(f"{server.url}/person")
        assert clock.slept == []
        assert server.begun == {"/backfill": 27, "/person": 13}
