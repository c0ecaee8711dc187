"""The law of decisions: whatever people, sources and time did, a debtor is what the design says, as an oracle of its own works it out.

LAW_HISTORIES=500 pytest tests/laws/test_decisions.py      # more histories; LAW_SEED begins elsewhere
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from pathlib import Path

import pytest

from tests.conftest import new_database
from tests.laws.decisions_histories import Event, history_of
from tests.laws.decisions_player import History
from tests.laws.decisions_rules import KEYS, SOURCES, first_words, policy_of
from tests.links.support import World, open_world

HISTORIES, SEED = int(os.environ.get("LAW_HISTORIES", "8")), int(os.environ.get("LAW_SEED", "1"))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(36000)]


Worlds = Callable[[], AbstractContextManager[World]]


@pytest.fixture(scope="module")
def worlds(migrated_template: str, server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    """Copies of a world published once: two ERPs that create debtors, a CRM and a collections tool that wait for people."""
    with new_database(migrated_template, "migrated") as url:
        lake = tmp_path_factory.mktemp("lake")
        original = open_world(url, lake)
        original.policy = policy_of(0)
        for source, role in SOURCES.items():
            links = {} if role == "erp" else {"links": {"debtor": {"mode": "manual"}}}
            original.add(source, role, **links)
            original.records[source] = {"debtors": {}}
            for key in KEYS:
                original.say(source, "debtors", f"{source}-{key}", **first_words(source, key))
            original.run(source)
        original.store.dispose()

        @contextmanager
        def another() -> Iterator[World]:
            with new_database(server, url.rpartition("/")[2].partition("?")[0]) as copy:
                there = open_world(copy, Path(lake))
                there.clock, there.policy = deepcopy(original.clock), original.policy
                there.configs, there.records = dict(original.configs), deepcopy(original.records)
                try:
                    yield there
                finally:
                    there.store.dispose()

        yield another


def first_difference(
    worlds: Worlds, drawer: Path, events: list[Event], done: Counter[str] | None = None
) -> tuple[int, str] | None:
    """The place of the event after which the engine and the oracle differ, and in what."""
    with worlds() as world:
        history = History(world, drawer)
        for place, event in enumerate(events):
            try:
                history.go(event)
                history.check()
            except AssertionError as wrong:
                return place, str(wrong)
        try:
            history.check_stories()
            history.check_overruled()
        except AssertionError as wrong:
            return len(events) - 1, str(wrong)
        if done is not None:
            done.update(history.done)
    return None


def shortest(worlds: Worlds, drawer: Path, events: list[Event], patience: int = 60) -> list[Event]:
    """A history that still goes wrong, with everything left out that can be."""
    size = max(1, len(events) // 2)
    while size and patience > 0:
        place = 0
        while place < len(events) and patience > 0:
            without, patience = events[:place] + events[place + size :], patience - 1
            found = first_difference(worlds, drawer, without)
            if found is None:
                place += size
            else:
                events = without[: found[0] + 1]
        size //= 2
    return events


def test_every_history_ends_as_the_oracle_says(worlds: Worlds, tmp_path: Path) -> None:
    """Pulls, deletions, time, policies, links, merges, pins of every kind, parents, groups, inbox, imports, and undo of any of it, after every step."""
    done: Counter[str] = Counter()
    for seed in range(SEED, SEED + HISTORIES):
        events = history_of(seed)
        found = first_difference(worlds, tmp_path, events, done)
        if found is not None:
            short = shortest(worlds, tmp_path, events[: found[0] + 1])
            told = "\n".join(f"    {event!r}," for event in short)
            why = first_difference(worlds, tmp_path, short)
            pytest.fail(
                f"seed {seed}, event {found[0]}; the shortest history that goes wrong:\n{told}\n{why[1] if why else found[1]}",
                pytrace=False,
            )
    assert HISTORIES < 8 or len(done) >= 14, f"too little was done: {done}"
