"""A long history that nobody watched, read at once: what canonical says is owed is what the ledger says. HISTORIES=50 tries more of them."""

from __future__ import annotations

import os
import random
from datetime import timedelta
from pathlib import Path

import pytest

from tests.stages.happenings import HAPPENINGS, happen, small
from tests.stages.snapshots import another_database
from tests.stages.support import bench_of, rig_on
from tests.stages.truth import assert_sound, assert_true, true_open_amounts

HAPPENED = 300
READ = """
    SELECT d.external_id, i.currency, sum(i.balance_effect), sum(i.balance_effect_base) FROM canonical.open_items i
    JOIN canonical.link d ON d.entity = 'debtor' AND d.canonical_id = i.debtor_id GROUP BY 1, 2
    """
"""What an application that reads the views takes for owed."""


@pytest.mark.parametrize("seed", range(1, 1 + int(os.environ.get("HISTORIES", "3"))))
def test_a_long_history_ties_to_the_ledger(
    monkeypatch: pytest.MonkeyPatch, migrated_template: str, tmp_path: Path, seed: int
) -> None:
    """Hundreds of happenings in any order: postings, corrections and what takes them back pile up as they do in years."""
    chance, bench = random.Random(seed), bench_of(monkeypatch, world=small)
    for _ in range(HAPPENED):
        happen(
            bench,
            chance.choice(sorted(set(HAPPENINGS) - {"fault"})),
            chance.randrange(40),
            chance.randrange(1, 400),
        )
    bench.hands.time.advance(timedelta(hours=30))
    with (
        another_database(migrated_template) as url,
        rig_on(
            bench, url, tmp_path / "lake", dimension=None, portfolio={"dimension": "CUSTOMERGROUP"}
        ) as rig,
    ):
        rig.run()
        assert {
            (debtor, currency): (amount, base)
            for debtor, currency, amount, base in rig.rows(READ)
            if amount or base
        } == true_open_amounts(rig.company)
        assert_true(rig)
        assert_sound(rig)
