"""Loading everything, and loading it again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from connectors.business_central.connector import BusinessCentral
from sync_engine.records import Cursor, RecordBatch
from sync_engine.store.landing import records
from tests.stages.snapshots import snapshot
from tests.stages.support import Rig
from tests.stages.truth import assert_sound, assert_true


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


def test_a_first_load_compares_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to compare with; the next run compares all that it reads."""
    asked: list[int] = []
    compare = records.differing

    def counted(connection: object, stream: int, keys: Sequence[str], hashes: Sequence[str]) -> object:
        asked.append(len(keys))
        return compare(connection, stream, keys, hashes)  # type: ignore[arg-type]

    monkeypatch.setattr(records, "differing", counted)
    first = rig.run()
    assert asked == []
    rig.run(full=True)
    assert sum(asked) == first.total("changed")


def test_a_record_that_comes_twice_at_a_first_load_is_one(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages shift while they are read: what came with an earlier page is known when it comes again, and the rest of its page is new."""
    pull, twice = BusinessCentral.pull, 3

    def shifted(self: BusinessCentral, entity: str, since: Cursor | None) -> Iterator[RecordBatch]:
        batches = list(pull(self, entity, since))
        if entity == "customers":
            yield RecordBatch(entity, batches[0].records[:twice], (), None, complete=False)
        yield from batches

    monkeypatch.setattr(BusinessCentral, "pull", shifted)
    counts = rig.run().pulled["customers"].counts
    assert (counts.read, counts.changed, counts.unchanged) == (
        len(rig.company.customers) + twice,
        len(rig.company.customers),
        twice,
    )
    assert rig.one(
        "SELECT sum(records) FROM engine.lake_manifest m JOIN engine.stream USING (stream_id) WHERE entity = 'customers'"
    ) == len(rig.company.customers)
    assert_true(rig)
    assert_sound(rig)
