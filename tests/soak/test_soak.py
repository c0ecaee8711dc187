"""A long life in short: incremental runs with random happenings, troubles, faults and kills. SOAK_RUNS=200 is the long version."""

from __future__ import annotations

import gc
import os
import random
import tracemalloc
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from sync_engine.errors import SyncError
from sync_engine.ops.runs.lake_verification import verify
from tests.soak.troubles import TROUBLES, no_trouble
from tests.stages.happenings import HAPPENINGS, happen, small
from tests.stages.killing import Executioner, Killed
from tests.stages.snapshots import another_database, difference, living
from tests.stages.support import Rig, bench_of, rig_on
from tests.stages.truth import assert_sound, assert_true

RUNS = int(os.environ.get("SOAK_RUNS", "20"))
SEED = int(os.environ.get("SOAK_SEED", "20260302"))
EVERY = 2
"""Of so many runs one has a trouble; all kinds in turn, in an order of chance."""
OURS = ("*/sync_engine/*", "*/connectors/*", "*/mappings/*")
GROWTH = 2_000_000
"""Bytes that what the engine's own modules allocated may have grown between the first quarter and the end; the rest is the simulator's world."""


def _one_run(rig: Rig, chance: random.Random) -> str:
    """A run that may be killed; what came of it."""
    at = chance.randrange(1, 240) if chance.random() < 0.3 else None
    Executioner(rig.store, rig.lake, at=at)
    try:
        outcome = rig.run_whole().outcome
    except Killed:
        return "killed"
    except SyncError as error:
        return type(error).__name__
    return outcome


def _allocated() -> int:
    """Bytes held now by what our modules allocated."""
    gc.collect()
    kept = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, pattern) for pattern in OURS])
    return sum(trace.size for trace in kept.traces)


@pytest.mark.slow
@pytest.mark.timeout(60 + 30 * RUNS)
def test_many_runs_with_faults_and_kills(
    monkeypatch: pytest.MonkeyPatch, migrated_template: str, tmp_path: Path
) -> None:
    """At the end: equal to a fresh load, tied to the ledger, no orphan, no open run, no file without its row but harmless ones, memory flat."""
    chance, bench = random.Random(SEED), bench_of(monkeypatch, world=small)
    outcomes: list[str] = []
    config = {
        "sweep": {"brake": 1},
        "portfolio": {"dimension": "CUSTOMERGROUP", "move_brake": 1},
        "dimension": None,
    }
    tracemalloc.start()
    try:
        with another_database(migrated_template) as url, another_database(migrated_template) as other:
            sizes: list[int] = []
            troubles: list[str] = []
            for number in range(RUNS):
                for _ in range(chance.randrange(6)):
                    happen(
                        bench,
                        chance.choice(sorted(HAPPENINGS)),
                        chance.randrange(40),
                        chance.randrange(1, 400),
                    )
                troubles = troubles or chance.sample(sorted(TROUBLES), len(TROUBLES))
                trouble = TROUBLES[troubles.pop()] if number % EVERY == 0 else no_trouble
                with rig_on(bench, url, tmp_path / "lake", **config) as rig:
                    end = trouble(rig, chance.randrange(40), chance.randrange(1, 400))
                    outcomes.append(_one_run(rig, chance))
                    end()
                bench.simulator.heal()
                if number in (max(2, RUNS // 4), RUNS - 1):
                    sizes.append(_allocated())
            bench.hands.time.advance(timedelta(hours=30))
            with (
                rig_on(bench, url, tmp_path / "lake", **config) as rig,
                rig_on(bench, other, tmp_path / "other", **config) as fresh,
            ):
                verify(rig.store, rig.lake)
                rig.run()
                fresh.run()
                assert difference(living(rig.store), living(fresh.store)) == {}
                assert_true(rig)
                assert_sound(rig)
            assert sizes[-1] - sizes[0] < GROWTH, f"{sizes} bytes after {outcomes}"
            counted = {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))}
            print(f"{RUNS} runs: {counted}, RSS {psutil.Process().memory_info().rss >> 20} MB")  # noqa: T201
    finally:
        tracemalloc.stop()
    assert "killed" in outcomes
