"""Four calls at once and no more, whoever makes them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from connectors.toolkit.http.concurrency import Slots
from tests.connectors.support import Hands

HOLD = """
import sys, time
from pathlib import Path
from connectors.toolkit.http.concurrency import Slots
with Slots(2, None, "login", Path(sys.argv[1])).one():
    print("held", flush=True)
    time.sleep(60)
"""


class Waits(Hands):
    """A clock that really sleeps, briefly."""

    def sleep(self, seconds: float) -> None:
        time.sleep(0.005)


def test_threads_share_the_places() -> None:
    """Ten threads, three places."""
    slots, inside, most, lock = Slots(3, Waits()), [0], [0], threading.Lock()

    def call() -> None:
        with slots.one():
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            time.sleep(0.005)
            with lock:
                inside[0] -= 1

    threads = [threading.Thread(target=call) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [3]


def test_processes_share_the_places_and_a_killed_one_gives_its_own_back(tmp_path: Path) -> None:
    """Two processes hold both places of a login; a third waits until one of them dies. Another login does not wait."""
    root = str(Path(__file__).parents[3])
    holders = [
        subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": root},
        )
        for _ in range(2)
    ]
    try:
        assert [holder.stdout.readline() for holder in holders if holder.stdout] == [b"held\n", b"held\n"]
        got = threading.Event()

        def want() -> None:
            with Slots(2, Waits(), "login", tmp_path).one():
                got.set()

        waiting = threading.Thread(target=want)
        waiting.start()
        with Slots(2, Waits(), "another login", tmp_path).one():
            assert not got.wait(0.1)
        holders[0].kill()
        assert got.wait(10)
        waiting.join()
    finally:
        for holder in holders:
            holder.kill()
            holder.communicate()


def test_without_a_folder_the_limit_holds_in_this_process(tmp_path: Path) -> None:
    """A folder that vanished stops nobody."""
    with Slots(1, Waits(), "login", tmp_path / "nowhere").one():
        pass


def test_a_routine_leaves_one_place(tmp_path: Path) -> None:
    """With all but one place taken a backfill waits; what is urgent does not."""
    first, second, third = (Slots(2, Waits(), "login", tmp_path) for _ in range(3))
    done: list[str] = []
    with first.one():
        waiting = threading.Thread(target=lambda: _held(third, done))
        waiting.start()
        with second.one():
            time.sleep(0.05)
            assert done == []
    waiting.join(5)
    assert done == ["routine"]


def _held(slots: Slots, done: list[str]) -> None:
    with slots.one(leave_one=True):
        done.append("routine")
