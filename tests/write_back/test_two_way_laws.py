"""Laws of two ways over random histories: edits on both sides, lost answers, conflicts, and crashes between any two steps."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from sync_engine.errors import TransientError
from sync_engine.stages import deliver
from sync_engine.store.outbox import sending
from tests.write_back.support import TwoWays

HISTORIES = max(4, int(os.environ.get("SYNC_ENGINE_FUZZ", "500")) // 60)
STEPS = 40
CRM, ERP = ("name", "phone"), ("city", "language", "status")
"""Fields by their master."""
FIELDS = {"debtor": dict.fromkeys((*CRM, *ERP), "both")}
STATES = ("active", "blocked", "inactive")
DEBTORS = ("1", "2", "3")
FAULTS = ("lost", "silent", "conflict", "throttled")


class Crash(Exception):
    """The process died here."""


@dataclass
class Brittle:
    """Dies when so many steps were taken; None: never."""

    steps: int | None = None

    def step(self) -> None:
        if self.steps is None:
            return
        self.steps -= 1
        if self.steps < 0:
            self.steps = None
            raise Crash

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, with a chance to die before and after it."""

        def brittle(*args: Any, **more: Any) -> Any:
            self.step()
            made = function(*args, **more)
            self.step()
            return made

        return brittle


@pytest.fixture
def brittle(monkeypatch: pytest.MonkeyPatch) -> Brittle:
    """The steps of a delivery, each in a transaction of its own or a request."""
    there = Brittle()
    for name in ("land_one", "normalise", "publish"):
        monkeypatch.setattr(deliver, name, there.around(getattr(deliver, name)))
    for name in ("begin", "note"):
        monkeypatch.setattr(sending, name, there.around(getattr(sending, name)))
    return there


@dataclass
class History:
    """What people did, and what the masters said last."""

    world: TwoWays
    chance: random.Random
    brittle: Brittle
    edits: int = 0
    told: list[str] = field(default_factory=list)
    last: dict[tuple[str, str], Any] = field(default_factory=dict)

    def begin(self) -> None:
        """Three debtors, the same in both."""
        for key in DEBTORS:
            for source in ("erp", "crm"):
                said = {
                    "number": f"7{key}000",
                    "name": f"DEBTOR {key}",
                    "phone": None,
                    "city": "Aarhus",
                    "language": "da",
                    "status": "active",
                }
                self.world.records[source]["debtors"][f"{source}-{key}"] = dict(said)
                self.last |= {(key, name): value for name, value in said.items()}
        for source in ("erp", "crm"):
            self.world.configure(source, writable=FIELDS)
        for peer in self.world.peers.values():
            peer.push, peer.current = self.brittle.around(peer.push), self.brittle.around(peer.current)  # type: ignore[method-assign]
        self.run("erp", "crm", "erp", "crm")

    def step(self) -> None:
        """Something happens."""
        what = self.chance.random()
        if what < 0.45:
            self.edit()
            return
        source = self.chance.choice(("erp", "crm"))
        peer = self.world.peers[source]
        peer.faults = self.chance.choices(FAULTS, k=self.chance.randrange(4))
        self.brittle.steps = self.chance.randrange(14) if what > 0.75 else None
        entities = () if self.chance.random() < 0.2 else None
        self.told.append(
            f"run {source}, faults {peer.faults}, dies after {self.brittle.steps}, reads {entities is None}"
        )
        try:
            self.world.go(source, entities=entities)
        except (Crash, TransientError):
            self.told.append("... died")
        self.brittle.steps, peer.faults = None, []

    def edit(self) -> None:
        """A user types something in one of the two."""
        source, key, name = (
            self.chance.choice(("erp", "crm")),
            self.chance.choice(DEBTORS),
            self.chance.choice((*CRM, *ERP)),
        )
        value = (
            self.chance.choice(STATES)
            if name == "status"
            else self.chance.choice((None, f"{name} {self.edits}", f"{name} {self.edits}"))
        )
        if name in ("name", "language") and value is None:
            return
        self.edits += 1
        self.world.peers[source].save("debtors", f"{source}-{key}", **{name: value})
        if source == ("crm" if name in CRM else "erp"):
            self.last[key, name] = value
        self.told.append(f"{source} {key}: {name} = {value}")

    def run(self, *sources: str) -> None:
        """Whole runs."""
        for source in sources:
            self.world.go(source)

    def says(self, source: str) -> dict[tuple[str, str], Any]:
        """What a system says."""
        return {
            (key, name): self.world.records[source]["debtors"][f"{source}-{key}"].get(name)
            for key in DEBTORS
            for name in (*CRM, *ERP)
        }

    def wanted(self) -> dict[tuple[str, str], Any]:
        """What the masters said last."""
        return {place: value for place, value in self.last.items() if place[1] in (*CRM, *ERP)}


def noops(history: History) -> Iterator[str]:
    """Writes that were taken though the record said so already: a write that was doubled."""
    for peer in history.world.peers.values():
        yield from peer.doubled


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_two_ways_converge(pair: TwoWays, brittle: Brittle, seed: int) -> None:
    """In the end both systems say what each field's master said last, with no more writes than edits, none of them twice, and nothing moves any more."""
    history = History(pair, random.Random(f"two ways {seed}"), brittle)
    history.begin()
    for _ in range(STEPS):
        history.step()
    history.run("erp", "crm", "erp", "crm", "erp")
    story = "\n".join(history.told)
    assert history.says("erp") == history.says("crm") == history.wanted(), story
    peers = pair.peers.values()
    conflicts = sum(told.count("conflict") for told in history.told)
    assert sum(len(peer.applied) for peer in peers) <= history.edits + conflicts, story
    assert list(noops(history)) == [], story
    keys = [key for peer in peers for *_, key in peer.applied]
    assert len(keys) == len(set(keys)), story
    assert pair.outbox() == [], story
    before = [peer.writes for peer in peers]
    history.run("crm", "erp", "crm")
    assert [peer.writes for peer in peers] == before, story
