"""Looking: how fresh each source is, what its runs came to, what waits for a person, what the store says about receivables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal, NamedTuple

from sqlalchemy import Connection, Engine

from sync_engine.config import SourceConfig
from sync_engine.errors import ConfigurationError
from sync_engine.store.claims.causes import Cause, causes
from sync_engine.store.controls import GRADES, TROUBLE, checked
from sync_engine.store.db import transaction
from sync_engine.store.landing import damage
from sync_engine.store.landing.damage import LandedBatch
from sync_engine.store.outbox.reading import Waiting, waiting
from sync_engine.store.queries import receivables as reports
from sync_engine.store.queries import source_status
from sync_engine.store.queries.source_status import (
    EntityOutcome,
    EntityState,
    Failing,
    Gap,
    Hold,
    RunState,
    SourceState,
)

SHOWN = 5
"""Causes of missing records that `status` tells; `quarantine list` tells all."""
CLOCKS_AGREE = 3600
"""Seconds by which a moment in the store may lie ahead of its clock; more, and nobody can tell how fresh a source is."""
Freshness = Literal["fresh", "stale", "never read", "not configured"]


class SourceOverview(NamedTuple):
    """A source as YAML and store know it together. `age` is the seconds since everything was last asked for, by the clock of the store."""

    source: str
    connector: str
    role: str
    schedule: str | None
    freshness: Freshness
    age: int | None
    outcome: str | None
    state: SourceState | None
    failing: Failing | None = None
    """Why its last runs failed and since when; None where the last one that ended did not fail."""
    writes: Waiting = Waiting()
    """What waits to be written back."""
    is_late: bool = False
    """Whether something has waited to be written back for longer than the source may go unread."""

    @property
    def needs_a_person(self) -> bool:
        """Stale, failed, partial, held, graded C or D, short of what it offered, with landed bytes lost, or with writes that are refused or late: worth
        a page in the night, by choice."""
        state = self.state
        waits = state is not None and (
            state.held > 0
            or state.damaged > 0
            or state.n_missing > 0
            or state.last_outcome in ("failed", "died", "held", "partial")
            or state.grade in TROUBLE
        )
        return self.freshness in ("stale", "never read") or waits or self.writes.refused > 0 or self.is_late


class Status(NamedTuple):
    """The answer to 'is everything all right?'."""

    sources: list[SourceOverview]
    entities: list[EntityState]
    runs: list[RunState]
    holds: list[Hold]
    causes: list[Cause]
    damaged: list[LandedBatch]


class Certificate(NamedTuple):
    """A cut with its grade and its checks. `since`: what is wrong with its source now and is in none of the checks, of a last cut."""

    cut: reports.CutLine
    checks: list[reports.CheckLine]
    since: tuple[str, ...] = ()

    @property
    def proof(self) -> str:
        """What the grade means and how much was checked; empty where the cut is not certified, or was by an older version."""
        cut = self.cut
        if cut.grade is None or cut.answered is None or cut.checked is None:
            return ""
        return (
            f"Grade {cut.grade}: {GRADES[cut.grade]}. {checked(cut.answered, cut.checked, cut.money_tied)}."
        )


class Receivables(NamedTuple):
    """What a collections team opens first."""

    portfolios: list[reports.PortfolioLine]
    positions: list[reports.PositionLine]
    ageing: list[reports.AgeingLine]


def sources(
    store: Engine, configs: Mapping[str, SourceConfig], source: str | None = None
) -> list[SourceOverview]:
    """Every source that is configured or has rows in the store."""
    with transaction(store, "reading the sources") as connection:
        known = {s.source: s for s in source_status.sources(connection)}
        failing = {one.source: one for one in source_status.failing(connection)}
        writes = waiting(connection)
    names = [n for n in dict.fromkeys([*configs, *known]) if source in (None, n)]
    found = [_overview(n, configs.get(n), known.get(n))._replace(failing=failing.get(n)) for n in names]
    return [_with_writes(one, writes.get(one.source, Waiting()), configs.get(one.source)) for one in found]


def _with_writes(one: SourceOverview, writes: Waiting, config: SourceConfig | None) -> SourceOverview:
    is_late = config is not None and writes.is_late(timedelta(hours=config.freshness_hours))
    return one._replace(writes=writes, is_late=is_late)


def _overview(name: str, config: SourceConfig | None, state: SourceState | None) -> SourceOverview:
    age = state.age if state else None
    if config is None:
        assert state is not None
        return SourceOverview(
            name, state.connector, state.role, None, "not configured", age, state.outcome, state
        )
    limit = timedelta(hours=config.freshness_hours).total_seconds()
    freshness: Freshness = (
        "never read" if age is None else "fresh" if -CLOCKS_AGREE <= age <= limit else "stale"
    )
    return SourceOverview(
        name,
        config.connector,
        config.role,
        config.schedule,
        freshness,
        age,
        state.outcome if state else None,
        state,
    )


def status(
    store: Engine,
    configs: Mapping[str, SourceConfig],
    source: str | None = None,
    runs: int = 5,
) -> Status:
    """Freshness, entities, last runs and holds, of everything or of one source. Raises ConfigurationError for an unknown source."""
    overviews = sources(store, configs, source)
    if source is not None and not overviews:
        raise ConfigurationError(
            f"there is no source {source!r}", todo=f"There are: {', '.join(configs) or 'none'}."
        )
    with transaction(store, "reading the status") as connection:
        return Status(
            overviews,
            source_status.entities(connection, source),
            source_status.runs(connection, source, runs),
            source_status.holds(connection, source),
            causes(connection, source, limit=SHOWN),
            damage.damaged(connection, source),
        )


def outcomes(store: Engine, run: RunState) -> list[EntityOutcome]:
    """What a run came to per entity."""
    with transaction(store, "reading a run") as connection:
        return source_status.outcomes(connection, run.run_id)


def last_run(store: Engine, source: str) -> RunState | None:
    """The newest run of a source."""
    with transaction(store, "reading the last run") as connection:
        return next(iter(source_status.runs(connection, source, 1)), None)


def failing(store: Engine, source: str) -> Failing | None:
    """Why and since when the last runs of a source failed; None where the last one that ended did not."""
    with transaction(store, "reading the last runs") as connection:
        return next(iter(source_status.failing(connection, source)), None)


def gaps(store: Engine, source: str | None = None) -> list[Gap]:
    """Codes no rule knows."""
    with transaction(store, "reading the code gaps") as connection:
        return source_status.gaps(connection, source)


def holds(store: Engine, source: str | None = None) -> list[Hold]:
    """Sweeps that wait for a person."""
    with transaction(store, "reading held sweeps") as connection:
        return source_status.holds(connection, source)


def approve_sweep(store: Engine, source: str, entity: str, by: str) -> Hold:
    """Approves a held sweep: the next one may remove what it does not see. Raises ConfigurationError when none is held."""
    with transaction(store, "approving a sweep") as connection:
        if not source_status.approve_hold(connection, source, entity, by):
            held = ", ".join(f"{h.source} {h.entity}" for h in source_status.holds(connection)) or "none"
            raise ConfigurationError("no sweep is held", whose=source, key=entity, todo=f"Held: {held}.")
        return next(h for h in source_status.holds(connection, source) if h.entity == entity)


def certificates(store: Engine, of: str | None = None) -> list[Certificate]:
    """The certificate of a cut (a number), of the last cut of a source, or of the last cut of every source. Raises ConfigurationError."""
    cut_id = int(of) if of is not None and of.isdecimal() else None
    with transaction(store, "reading certificates") as connection:
        cuts = reports.cut_lines(connection, source=of, cut_id=cut_id)
        now = {state.cut_id: state for state in source_status.sources(connection)} if cuts else {}
        writes = waiting(connection) if cuts else {}
        found = [
            _certificate(connection, cut, now.get(cut.cut_id), writes.get(cut.source, Waiting()))
            for cut in cuts
        ]
    if of is not None and not found:
        raise ConfigurationError(
            f"there is no cut of {of!r}" if cut_id is None else f"there is no cut {of}",
            todo="`sync-engine status` lists sources and their cuts.",
        )
    return found


def _certificate(
    connection: Connection, cut: reports.CutLine, now: SourceState | None, writes: Waiting
) -> Certificate:
    checks = reports.checks(connection, cut.cut_id)
    since = [now.since] if now and now.since else []
    if now and now.held:
        since.append(
            f"{now.held} sweeps are held, and what they missed is still here (`sync-engine sweep list`)"
        )
    if now and now.damaged and not any(c.check == "C15" for c in checks):
        since.append(f"{now.damaged} landed files are damaged (`sync-engine lake verify`)")
    if now and writes.refused:
        since.append(
            f"{writes.refused} writes are refused by the source (`sync-engine outbox list {now.source}`)"
        )
    return Certificate(cut, checks, tuple(since))


def receivables(store: Engine, source: str | None = None) -> Receivables:
    """Portfolios, positions and ageing, as of the last cut."""
    with transaction(store, "reading receivables") as connection:
        return Receivables(
            reports.portfolios(connection, source),
            reports.positions(connection),
            reports.ageing(connection, source),
        )


def newest_change(store: Engine) -> int:
    """Where the change feed ends now."""
    with transaction(store, "reading the change feed") as connection:
        return reports.last_seq(connection)


def changes_since(store: Engine, seq: int) -> list[reports.Change]:
    """What changed after a place of the feed."""
    with transaction(store, "reading the change feed") as connection:
        return reports.changes_since(connection, seq)
