"""Odd answers through a whole run into PostgreSQL: it ends as runs end, counts tie, neighbours stay, and one clean run heals all.

Of SYNC_ENGINE_FUZZ mutated answers a fifth is tried here, several in each run; SYNC_ENGINE_FUZZ_SEED is where chance begins.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

import pytest

from sync_engine.errors import SyncError
from tests.connectors.business_central.fuzzing import Mutation
from tests.simulators.business_central.catalogue import catalogues
from tests.stages.snapshots import another_database, difference, living
from tests.stages.support import Rig, bench_of, rig_on

TRIED = int(os.environ.get("SYNC_ENGINE_FUZZ", "500")) // 5
SEED = os.environ.get("SYNC_ENGINE_FUZZ_SEED", "HANSEN & SØN")
TOGETHER = 5
"""Mutated answers in one run."""
LIVING = {
    "debtor": "number FROM canonical.debtor WHERE NOT excluded AND",
    "contact": "number FROM canonical.contact WHERE",
    "document": "external_id FROM canonical.document WHERE",
    "payment": "external_id FROM canonical.payment WHERE",
}


def asked_sets(rig: Rig) -> list[str]:
    """The entity sets that the runs so far were answered from."""
    names = {name for found in catalogues(rig.simulator.world.installation).values() for name in found.sets}
    asked = {word for logged in rig.simulator.log for word in re.findall(r"/(\w+)(?=[(?/]|$)", logged.target)}
    return sorted(names & asked)


def living_keys(rig: Rig) -> dict[str, set[str]]:
    """Per table, what names the rows that live."""
    return {
        name: {key for (key,) in rig.rows(f"SELECT {what} deleted_at IS NULL")}
        for name, what in LIVING.items()
    }


def untied(rig: Rig) -> list[tuple[object, ...]]:
    """Steps of the last run of which read is not changed + unchanged + quarantined + excluded."""
    return rig.rows("""
        SELECT stage, entity, read, changed, unchanged, quarantined, excluded FROM engine.run_step
        WHERE run_id = (SELECT run_id FROM engine.run ORDER BY started_at DESC LIMIT 1)
          AND read <> changed + unchanged + quarantined + excluded AND outcome <> 'failed'
        """)


@pytest.mark.timeout(300 + TRIED * 3)
def test_odd_answers_cost_what_is_odd_to_the_end(
    monkeypatch: pytest.MonkeyPatch, migrated_template: str, tmp_path: Path
) -> None:
    """Every entity set in turn; no more rows go than answers were odd, and one clean run makes all as it was."""
    struck, ended = 0, Counter[str]()
    config = {"sweep": {"brake": 1}, "portfolio": {"dimension": "CUSTOMERGROUP", "move_brake": 1}}
    with (
        another_database(migrated_template) as url,
        rig_on(bench_of(monkeypatch), url, tmp_path / "lake", dimension=None, **config) as rig,
    ):
        rig.run_whole()
        whole, before, sets = living(rig.store), living_keys(rig), asked_sets(rig)
        for number in range(0, TRIED, TOGETHER):
            mutations = [
                Mutation(sets[n % len(sets)], f"{SEED} {n}") for n in range(number, number + TOGETHER)
            ]
            rig.simulator.inject(*mutations)
            try:
                how = str(rig.run_whole(full=True).outcome)
            except SyncError as failure:
                how = type(failure).__name__
            ended[how] += 1
            rig.simulator.heal()
            hit = [mutation for mutation in mutations if mutation.struck]
            struck += len(hit)
            story = f"{SEED} {number}: {how} after {[mutation.said for mutation in hit]}"
            assert untied(rig) == [], story
            after = living_keys(rig)
            gone = {name: before[name] - after[name] for name in LIVING if before[name] - after[name]}
            assert all(len(keys) <= len(hit) for keys in gone.values()), f"{story}, gone: {gone}"
            rig.advance(minutes=1)
            rig.run_whole(full=True)
            assert difference(living(rig.store), whole) == {}, story
    assert struck > TRIED // 2, f"{struck} answers were mutated, {ended}"
