"""Two machines with one database: together they keep to what one login may, and a killed process gives its place back."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from sqlalchemy import Engine

from connectors.toolkit.http.call_budget import Budget, Urgency
from connectors.toolkit.http.concurrency import Slots
from sync_engine.ports import SharesLogins
from sync_engine.store.db import open_engine
from sync_engine.store.login_limits import StoredLimits, shared_limits
from tests.connectors.support import Hands

ROOT = Path(__file__).parents[2]
MACHINE = """
import sys
import threading
from connectors.toolkit.http.client import HttpClient, Limits
from sync_engine.platform.clock import SystemClock
from sync_engine.store.db import open_engine
from sync_engine.store.login_limits import StoredLimits

database, server, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
client = HttpClient(whose="erp", clock=SystemClock(), shared="login", limits=Limits(concurrent=2, calls_per_window=20, window=3.0))
client.share_login(StoredLimits(open_engine(database)))
ask = lambda: [client.get(server, key="x") for _ in range(calls)]
threads = [threading.Thread(target=ask) for _ in range(4)]
[t.start() for t in threads]
[t.join() for t in threads]
"""
HOLD = """
import sys
import time
from connectors.toolkit.http.concurrency import Slots
from sync_engine.platform.clock import SystemClock
from sync_engine.store.db import open_engine
from sync_engine.store.login_limits import StoredLimits

with Slots(1, SystemClock(), "login", everywhere=StoredLimits(open_engine(sys.argv[1]))).one():
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def machines(database: str) -> Iterator[tuple[Engine, Engine]]:
    """Two engines of one database, as two machines have them."""
    both = open_engine(database), open_engine(database)
    yield both
    for engine in both:
        engine.dispose()


class Counting(ThreadingHTTPServer):
    """Answers after a while; notes how many were asked at once, and when each began."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lock, self.inside, self.most, self.began = threading.Lock(), 0, 0, list[float]()


class _Handler(BaseHTTPRequestHandler):
    server: Counting

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.inside += 1
            self.server.most = max(self.server.most, self.server.inside)
            self.server.began.append(time.monotonic())
        time.sleep(0.02)
        with self.server.lock:
            self.server.inside -= 1
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_request(self, *_: object) -> None:
        """Nothing: the tests look at the counts."""


def started(script: str, home: Path, *args: str) -> subprocess.Popen[bytes]:
    """A process of a machine of its own: nothing but the database is shared."""
    home.mkdir()
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(home), "SYNC_ENGINE_HOME": str(home)}
    return subprocess.Popen([sys.executable, "-c", script, *args], env=surroundings, stdout=subprocess.PIPE)


def test_two_machines_keep_to_the_limits_of_one_login(database: str, tmp_path: Path) -> None:
    """Eight threads in two homes: never more than two calls at once, and no more in a window than the share of the lane."""
    server = Counting()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    both = [started(MACHINE, tmp_path / name, database, address, "6") for name in ("here", "there")]
    for machine in both:
        machine.communicate(timeout=60)
    assert [machine.returncode for machine in both] == [0, 0]
    server.shutdown()
    server.server_close()
    assert len(server.began) == 2 * 4 * 6
    assert server.most <= 2
    # a call is counted before it is sent, and forgotten up to a thirtieth of the window late
    began = sorted(server.began)
    assert min(later - first for first, later in zip(began, began[19:], strict=False)) > 2.5


def test_a_killed_machine_gives_its_place_back(
    database: str, machines: tuple[Engine, Engine], tmp_path: Path
) -> None:
    """The only place of the login is held elsewhere until that process dies."""
    holder = started(HOLD, tmp_path / "there", database)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with StoredLimits(machines[0]).place(Slots(1, Hands(), "login")._mark, 1) as held:
        assert not held
    holder.kill()
    holder.wait()
    waited = Hands()
    with Slots(1, waited, "login", everywhere=StoredLimits(machines[0])).one():
        pass
    holder.stdout.close()


def test_a_window_is_shared(machines: tuple[Engine, Engine]) -> None:
    """What one machine spent, the other cannot; another login is not concerned, and a pause asked for holds both."""
    here, there = (Budget(10, Hands(), "login", everywhere=StoredLimits(engine)) for engine in machines)
    for _ in range(6):
        here.spend(Urgency.ONE_DEBTOR)
    clock = Hands()
    there = Budget(10, clock, "login", everywhere=StoredLimits(machines[1]))
    for _ in range(4):
        there.spend(Urgency.ONE_DEBTOR)
    assert clock.slept == []
    with pytest.raises(Waited):
        Budget(10, Stops(), "login", everywhere=StoredLimits(machines[1])).spend(Urgency.ONE_DEBTOR)
    Budget(10, clock, "another", everywhere=StoredLimits(machines[1])).spend(Urgency.ONE_DEBTOR)
    Budget(10, clock, "third", everywhere=StoredLimits(machines[0])).hold(30)
    with pytest.raises(Waited):
        Budget(10, Stops(), "third", everywhere=StoredLimits(machines[1])).spend(Urgency.ONE_DEBTOR)


class Waited(Exception):
    """Somebody would have waited."""


class Stops(Hands):
    """A clock that nobody may wait by."""

    def sleep(self, seconds: float) -> None:
        raise Waited


def test_places_are_as_many_as_the_login_has(machines: tuple[Engine, Engine]) -> None:
    """Three of three, over both machines; the one given back is free again."""
    here, there = map(StoredLimits, machines)
    with ExitStack() as stack:
        assert [stack.enter_context(x.place("login", 3)) for x in (here, there, here)] == [True, True, True]
        with there.place("login", 3) as fourth:
            assert not fourth
        with there.place("another", 3) as other:
            assert other
    with there.place("login", 1) as again:
        assert again


@pytest.mark.parametrize(
    ("url", "is_shared"),
    [
        ("postgresql+psycopg://u@db.example/x", True),
        ("postgresql+psycopg://u@127.0.0.1:5432/x", True),
        ("postgresql+psycopg://u@/x?host=/var/run/postgresql", False),
        ("postgresql+psycopg://u@/x", False),
        ("postgresql+psycopg://u@/x?host=a.example&host=b.example", True),
    ],
)
def test_a_server_is_what_several_machines_reach(url: str, is_shared: bool) -> None:
    """Behind a socket there is this machine alone."""
    assert (shared_limits(open_engine(url)) is not None) is is_shared


def test_every_connector_with_a_login_shares_it() -> None:
    """A connector that speaks HTTP counts its calls with the other machines."""
    speaking = {
        package.name
        for package in (ROOT / "connectors").iterdir()
        if package.name != "toolkit"
        and any("HttpClient(" in path.read_text(encoding="utf-8") for path in package.glob("*.py"))
    }
    assert speaking
    for name in sorted(speaking):
        (found,) = entry_points(group="sync_engine.connectors", name=name)
        module = __import__(found.module + ".connector", fromlist=["connector"])
        ours = [
            value
            for value in vars(module).values()
            if isinstance(value, type) and value.__module__ == module.__name__
        ]
        assert any(issubclass(kind, SharesLogins) for kind in ours), f"{name} has no share_login"
