"""Loading everything, and loading it again."""

from __future__ import annotations

from tests.stages.support import Rig, assert_sound, assert_true, snapshot


def test_a_full_load_ties_to_the_ledger(rig: Rig) -> None:
    """Open amounts per debtor, currency and in base currency, debtors, portfolios and positions are the simulator's own."""
    rig.run()
    assert_true(rig)
    assert_sound(rig)


def test_a_second_run_writes_nothing(rig: Rig) -> None:
    """No canonical row moves, no audit row is added, no file lands when nothing changed."""
    rig.run()
    before, files = snapshot(rig.store), rig.files()
    moved = rig.one("SELECT max(changed_at) FROM canonical.document")
    seq = rig.one("SELECT max(seq) FROM canonical.change")
    outcome = rig.run()
    assert snapshot(rig.store) == before
    assert rig.files() == files
    assert rig.one("SELECT max(changed_at) FROM canonical.document") == moved
    assert rig.one("SELECT max(seq) FROM canonical.change") == seq
    assert outcome.total("changed") == 0
    assert outcome.cut.changes == 0
