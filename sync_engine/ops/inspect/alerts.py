"""Alerts: what is not well about a source, told once when it begins, once when it becomes another, once when it is over.

A message says what `status` says: names of sources, grades, checks, counts, and the sentences of errors, which hold no personal data.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from sync_engine.config import SourceConfig
from sync_engine.errors import ConfigurationError
from sync_engine.ops.inspect import overview
from sync_engine.ops.inspect.overview import SourceOverview
from sync_engine.plugins import alert_sender
from sync_engine.ports import Clock, SendsAlerts
from sync_engine.store.db import transaction
from sync_engine.store.queries import alert_states, receivables
from sync_engine.store.queries.alert_states import States

ADDRESSES = "SYNC_ENGINE_ALERTS"
GRADE, GOOD = "grade", ("A", "B")
OVER = {
    "stale": "is read in time again",
    "failed": "does not fail any more",
    "held": "has nothing held any more",
    "break": "agrees with its source again",
}
LONGEST = 300
"""Characters of an error's sentence."""


class Alert(NamedTuple):
    """Something about a source that is not what was told last. `state` is empty where it is well again."""

    source: str
    kind: str
    state: str
    sentence: str

    @property
    def is_trouble(self) -> bool:
        """Whether somebody should look; else it is news that something is over."""
        return bool(self.state) and not (self.kind == GRADE and self.state in GOOD)


class Sent(NamedTuple):
    """What was told, and to how many addresses; none in a rehearsal."""

    alerts: list[Alert]
    addresses: int


class _Trouble(NamedTuple):
    """What is not well: `state` is what makes it another trouble than before."""

    state: str
    sentence: str


def addresses() -> list[str]:
    """Where alerts go: addresses in SYNC_ENGINE_ALERTS, with blanks or line breaks between them."""
    return os.environ.get(ADDRESSES, "").split()


def pending(store: Engine, configs: Mapping[str, SourceConfig]) -> list[Alert]:
    """What would be told now. Sends nothing and remembers nothing."""
    with transaction(store, "reading what was told") as connection:
        return _changes(alert_states.told(connection), _troubles(store, configs, connection))


def send(
    store: Engine, configs: Mapping[str, SourceConfig], clock: Clock, sender: SendsAlerts | None = None
) -> Sent:
    """Tells what changed, in one message to every address, and remembers it once all have taken it.

    Where one does not, nothing is remembered and all of it is told again the next time: rather twice than never.
    Raises ConfigurationError where no address is configured or understood, and what sending raises.
    """
    places = addresses()
    if not places:
        raise ConfigurationError(
            "there is no address for alerts",
            key=ADDRESSES,
            todo="Set it to a webhook (https://...) or an address of apprise, such as slack://...; several with blanks between them.",
        )
    with transaction(store, "sending alerts") as connection:
        troubles = _troubles(store, configs, connection)
        alerts = _changes(alert_states.told(connection), troubles)
        if alerts:
            for place in places:
                (sender or alert_sender()).send(place, _title(alerts), [a.sentence for a in alerts], clock)
        alert_states.remember(connection, {key: trouble.state for key, trouble in troubles.items()})
    return Sent(alerts, len(places) if alerts else 0)


def _title(alerts: Sequence[Alert]) -> str:
    troubled = sorted({a.source for a in alerts if a.is_trouble})
    well = sorted({a.source for a in alerts} - set(troubled))
    parts = [f"needs a look: {', '.join(troubled)}"] if troubled else []
    parts += [f"better: {', '.join(well)}"] if well else []
    return f"sync-engine, {'; '.join(parts)}"


def _changes(told: States, now: Mapping[tuple[str, str], _Trouble]) -> list[Alert]:
    """What differs from what was told, by source and kind."""
    found = [
        Alert(source, kind, trouble.state, trouble.sentence)
        for (source, kind), trouble in now.items()
        if told.get((source, kind)) != trouble.state
        and not (kind == GRADE and (source, kind) not in told and trouble.state in GOOD)
    ]
    found += [
        Alert(source, kind, "", f"{source} {OVER[kind]}.")
        for source, kind in told
        if (source, kind) not in now and kind in OVER
    ]
    return sorted(found)


def _troubles(
    store: Engine, configs: Mapping[str, SourceConfig], connection: Connection
) -> dict[tuple[str, str], _Trouble]:
    found: dict[tuple[str, str], _Trouble] = {}
    for one in overview.sources(store, configs):
        if one.freshness != "not configured":
            for kind, trouble in _of_source(one, connection).items():
                found[one.source, kind] = trouble
    return found


def _of_source(one: SourceOverview, connection: Connection) -> dict[str, _Trouble]:
    found: dict[str, _Trouble] = {}
    name, state = one.source, one.state
    if one.freshness == "stale":
        hours = "" if one.age is None else f", last asked {one.age / 3600:.0f} hours ago"
        found["stale"] = _Trouble("stale", f"{name}: stale{hours}.")
    if one.failing is not None:
        since = one.failing.since.isoformat()
        said = (one.failing.error or "without a reason").strip()[:LONGEST]
        found["failed"] = _Trouble(f"since {since}", f"{one.failing.for_how_long}: {said}")
    if state is None:
        return found
    if state.held or state.last_outcome == "held":
        found["held"] = _Trouble(
            f"{state.held} sweeps",
            f"{name}: held, {state.held} sweeps wait for a person (`sync-engine sweep list`).",
        )
    if state.grade is not None:
        said = f"{name}: the grade of its certificate is {state.grade} (`sync-engine certificate {name}`)."
        found[GRADE] = _Trouble(state.grade, said)
    if state.cut_id is not None:
        broken = [c for c in receivables.checks(connection, state.cut_id) if c.verdict == "breaks"]
        if broken:
            listed = ", ".join(f"{c.check} {c.title}" for c in broken)
            found["break"] = _Trouble(
                " ".join(c.check for c in broken), f"{name}: does not agree with its source: {listed}."
            )
    return found
