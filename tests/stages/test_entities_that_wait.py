"""One look tells of which entities something is to be normalised: those in which a look at each finds something."""

from __future__ import annotations

import pytest

from sync_engine.stages.normalise import entities_that_wait, normalise
from sync_engine.stages.pull import pull
from sync_engine.stages.source_run import SourceRun
from sync_engine.store.db import fetch, run_sql, transaction
from sync_engine.store.runs import open_run
from tests.stages.support import Rig

OF_CUSTOMERS = "stream_id = (SELECT stream_id FROM engine.stream WHERE entity = 'customers')"
ALL_GONE = "UPDATE engine.source_record SET deleted_at = now() WHERE {0}"
DAMAGED = "UPDATE engine.lake_manifest SET normalised_as = NULL, damage = 'altered' WHERE {0}"
ANOTHER = "UPDATE engine.lake_manifest SET normalised_as = 'another' WHERE {0}"
ODD = """
    INSERT INTO engine.quarantine (stream_id, key, stage, error, message, retry_requested)
    SELECT stream_id, min(key), 'normalise', 'MappingFailed', 'odd', {asked} FROM engine.source_record WHERE {0} GROUP BY 1"""
HELD = """
    INSERT INTO engine.sweep_hold (stream_id, run_id, known, seen, missing, sample, look_alikes)
    SELECT stream_id, gen_random_uuid(), 1, 1, 1, '[]', {kept} FROM engine.source_record WHERE {0} GROUP BY 1"""
SOMETHING: dict[str, tuple[bool, tuple[str, ...]]] = {
    "a batch is landed": (True, ("UPDATE engine.lake_manifest SET normalised_as = NULL WHERE {0}",)),
    "a batch is landed, and its file damaged": (True, (DAMAGED,)),
    "so it is, and all its records are gone": (False, (DAMAGED, ALL_GONE)),
    "another mapping normalised it": (True, (ANOTHER,)),
    "so it did, and all its records are gone": (False, (ANOTHER, ALL_GONE)),
    "a person asks to try a record again": (True, (ODD.replace("{asked}", "true"),)),
    "nobody asks": (False, (ODD.replace("{asked}", "false"),)),
    "a held sweep keeps a record out": (
        True,
        (HELD.replace("{kept}", "jsonb_build_object(min(key), 'another')"),),
    ),
    "a held sweep keeps none out": (False, (HELD.replace("{kept}", "jsonb_build_object()"),)),
}
"""What may have happened to the customers: whether they wait then, and how it happens."""


@pytest.mark.parametrize("happened", SOMETHING)
def test_an_entity_waits_when_something_of_it_is_to_be_done(rig: Rig, happened: str) -> None:
    """Customers alone; and without waiting for it nothing of them changes."""
    waits, statements = SOMETHING[happened]
    rig.run()
    with rig.source_run(open_run(rig.store, "bc", "changes", "test", rig.config.digest)) as source_run:
        assert entities_that_wait(source_run) == set()
        with transaction(rig.store, "something happens") as connection:
            for statement in statements:
                run_sql(connection, statement.format(OF_CUSTOMERS))
        assert entities_that_wait(source_run) == ({"customers"} if waits else set())
        before = _of_customers(source_run)
        normalise(source_run, "customers")
        assert (_of_customers(source_run) != before) == waits


def test_what_was_just_landed_waits(rig: Rig) -> None:
    """Until it is normalised."""
    with rig.source_run(open_run(rig.store, "bc", "changes", "test", rig.config.digest)) as source_run:
        for entity in ("customers", "contacts"):
            pull(source_run, entity)
        for left in ({"customers", "contacts"}, {"contacts"}):
            assert entities_that_wait(source_run) == left
            normalise(source_run, min(left, key=("customers", "contacts").index))
        assert entities_that_wait(source_run) == set()


def _of_customers(source_run: SourceRun) -> list[object]:
    """What normalising may change: how the batches are marked, the records' state, who is in quarantine."""
    found = []
    with transaction(source_run.store, "looking") as connection:
        for columns, table in (
            ("batch_id, normalised_as, damage", "lake_manifest"),
            ("key, state, reason", "source_record"),
            ("key, error, retry_requested", "quarantine"),
        ):
            found += list(
                fetch(connection, f"SELECT {columns} FROM engine.{table} WHERE {OF_CUSTOMERS} ORDER BY 1")
            )
    return found
