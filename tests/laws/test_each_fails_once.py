"""The law of what comes late: each endpoint fails once, each record is put aside once; one clean run later all is as in a fresh load.

Here both happen at the first load. Endpoints come from the simulator's catalogue, records from what was landed: a new one is in it by
itself. LATE_CASES=all tries every failure at every endpoint, and every record; without it each endpoint fails in one way, and of each
kind one record is put aside.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from sync_engine.ops.runs import quarantine
from sync_engine.stages.pull import pull
from tests.laws.late import (
    ALL,
    FAILURES,
    FIRST,
    INSTALLED,
    Failure,
    PutsAside,
    asked,
    endpoints,
    fresh,
    rig_for,
    told,
    try_run,
)
from tests.stages.snapshots import another_database, difference, living
from tests.stages.support import Rig, rig_on

pytestmark = pytest.mark.timeout(1800)  # a whole route of endpoints is one case
PARTS = [
    (route, part, parts)
    for route in INSTALLED
    for parts in [6 if route == FIRST else 1]
    for part in range(parts)
]
"""The first route tries what all routes ask as well: its cases are spread over several tests."""


def cases(route: str, names: Sequence[str]) -> list[tuple[str, Failure]]:
    """(endpoint, failure). What all routes ask is tried by the first of them, each in one way, unless all is wanted."""
    own = [name for name in names if ALL or route == FIRST or not name.startswith("v2.0 ") or "sales" in name]
    return [
        (name, kind)
        for place, name in enumerate(own)
        for number, kind in enumerate(FAILURES)
        if ALL or number == place % len(FAILURES)
    ]


@pytest.mark.parametrize(("route", "part", "parts"), PARTS)
def test_an_endpoint_that_failed_at_the_first_load_is_made_up_for(
    monkeypatch: pytest.MonkeyPatch,
    migrated_template: str,
    tmp_path: Path,
    route: str,
    part: int,
    parts: int,
) -> None:
    """Whatever could not be read at the first load, one clean run later nothing tells that it ever failed."""
    wrong: dict[str, Any] = {}
    with (
        another_database(migrated_template) as url,
        rig_for(monkeypatch, url, tmp_path / "whole", route) as rig,
    ):
        rig.run()
        whole, names, patterns = living(rig.store), asked(rig), endpoints(rig.bench)
        assert names
        for number, (name, kind) in enumerate(cases(route, names)[part::parts]):
            with (
                another_database(migrated_template) as other,
                rig_on(rig.bench, other, tmp_path / str(number)) as late,
            ):
                late.config = rig.config
                rig.simulator.inject(kind(patterns[name]))
                try_run(late)
                rig.simulator.heal()
                late.run()
                if found := difference(living(late.store), whole):
                    wrong[f"{name} {number}"] = found
    assert wrong == {}


def records_of(rig: Rig, route: str) -> list[tuple[str, str]]:
    """(wire entity, key) of what was landed: of each kind the first, or all. What all routes read is tried by the first of them."""
    chosen = "" if ALL else "DISTINCT ON (t.rank)"
    only = "" if ALL or route == FIRST else "WHERE t.family = 'payments' OR t.canonical = 'document'"
    return [
        (e, k)
        for e, k in rig.rows(f"""
        SELECT {chosen} t.entity, r.key FROM engine.source_record r JOIN engine.stream t USING (stream_id) {only} ORDER BY t.rank, r.key
        """)
    ]


@pytest.mark.parametrize(("route", "part", "parts"), PARTS)
def test_a_record_that_was_put_aside_at_the_first_load_is_made_up_for(
    monkeypatch: pytest.MonkeyPatch,
    migrated_template: str,
    tmp_path: Path,
    route: str,
    part: int,
    parts: int,
) -> None:
    """Whatever the first cut had to do without, the next one has, and all that refers to it."""
    wrong: dict[str, Any] = {}
    with another_database(migrated_template) as url:
        with rig_for(monkeypatch, url, tmp_path / "lake", route) as rig:
            with rig.source_run(uuid4()) as source_run:
                for entity in source_run.connector.streams:
                    pull(source_run, entity)
            records = records_of(rig, route)[part::parts]
        whole = fresh(rig, migrated_template, tmp_path / "fresh")
        assert records
        for entity, key in records:
            with (
                another_database(migrated_template, like=urlsplit(url).path.strip("/")) as other,
                rig_on(rig.bench, other, tmp_path / "lake") as late,
            ):
                late.config = rig.config
                late.wrap = partial(PutsAside, these=[(entity, key)])
                late.run(entities=())
                late.wrap = None
                assert [aside.key for aside in quarantine.retry(late.store, entity=entity, key=key)] == [key]
                late.run(entities=())
                if found := told(difference(living(late.store), whole)):
                    wrong[f"{entity} {key}"] = found
    assert wrong == {}
