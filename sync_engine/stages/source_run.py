"""The lane: one source with everything its stages need, opened once and passed along."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, Engine

from sync_engine.config import SourceConfig
from sync_engine.errors import ConfigurationError
from sync_engine.lake import Lake
from sync_engine.ownership.policy import DEFAULT_POLICY, Policy
from sync_engine.ports import (
    Clock,
    Connector,
    CountsCalls,
    Normaliser,
    NotesOddities,
    RemembersOffers,
    TellsFields,
    TellsTime,
)
from sync_engine.records import Offered
from sync_engine.stages.written import Written, unheard, written
from sync_engine.store.db import transaction
from sync_engine.store.landing import offers
from sync_engine.store.landing.sources import (
    StreamRow,
    register_directions,
    register_source,
    register_streams,
    streams_of,
)
from sync_engine.store.staging import ensure_staging, normalise_again_what_was_lost

Progress = Callable[[str, str, int], None]
"""Called with (stage, entity, records so far) on long work."""


Landing = Callable[[str], None]
"""Called with the entity each time a batch of it was landed and committed."""


def nobody_waits(entity: str) -> None:
    """Normalising is somebody else's turn."""


def no_progress(stage: str, entity: str, done: int) -> None:
    """Says nothing."""


CLOCKS_AGREE = timedelta(hours=1)
IS_NEW = "is offered for the first time, and read from now on"
"""The sentence about a wire entity that was not there when its source was looked at before."""


def wrong_clock(ahead: timedelta) -> str:
    """The sentence about a clock that is not the source's."""
    by = f"{abs(ahead).days} days" if abs(ahead).days else f"{abs(ahead).seconds // 60} minutes"
    return f"this machine's clock is {by} {'ahead of' if ahead > timedelta(0) else 'behind'} the source's, whose time is used"


def offered_by(connector: Connector) -> Offered:
    """What a connector says it offers; one that says nothing offers what its settings declare."""
    return connector.offered if isinstance(connector, RemembersOffers) else Offered(by_settings=True)


def ahead_of(connector: Connector) -> timedelta | None:
    """How far our clock is ahead of the source's; None where it does not tell."""
    return connector.ahead if isinstance(connector, TellsTime) else None


def fields_read(normaliser: Normaliser, entities: Iterable[str]) -> dict[str, frozenset[str]]:
    """The fields that a mapping reads, by wire entity; empty for one that does not tell."""
    if isinstance(normaliser, TellsFields):
        return {entity: normaliser.reads(entity) for entity in entities}
    return dict.fromkeys(entities, frozenset())


def other_company(source: str, before: str, now: str) -> ConfigurationError:
    """Why a source whose company has another id is not read."""
    return ConfigurationError(
        f"behind the same name is another company now: its id was {before} and is {now}",
        whose=source,
        key="company",
        todo="Nothing was read, so that no debtor of one stands beside those of the other. Put the id of the company that is meant into `company`, "
        "or give the new one a source of its own.",
    )


@dataclass(slots=True)
class SourceRun:
    """One source in one run. `store` is the database, `lake` the landed files."""

    config: SourceConfig
    store: Engine
    lake: Lake
    normaliser: Normaliser
    connector: Connector
    clock: Clock
    run_id: UUID
    policy: Policy = DEFAULT_POLICY
    actor: str = "sync-engine"
    accept_deletes: bool = False
    """A person believes sweeps that miss suspiciously much."""
    accept_moves: bool = False
    """A person believes cuts that move suspiciously many debtors to another portfolio."""
    progress: Progress = no_progress
    landed: Landing = nobody_waits
    position: int = 0
    warnings: list[str] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    """What was odd and is no failure, by wire entity."""
    missing: dict[str, str] = field(default_factory=dict)
    """Wire entities that were offered before and are not now, or lack fields; and why."""
    held_back: frozenset[str] = frozenset()
    """Wire entities of another ledger route, which are not read instead of what is missing."""
    new: frozenset[str] = frozenset()
    """Wire entities that are offered since this run, and were not when the source was looked at before."""
    written: Written = field(default_factory=dict)
    """What is written back, by canonical entity and field; known once the source is registered."""

    @property
    def source(self) -> str:
        """The source's name."""
        return self.config.source

    def now(self) -> datetime:
        """Our clock's time; the source's own where the two are far apart: one run with a wrong clock must not stop sweeps, or end pins, for good."""
        ahead = self.ahead
        return self.clock.now() - (ahead if abs(ahead) > CLOCKS_AGREE else timedelta(0))

    @property
    def ahead(self) -> timedelta:
        """How far our clock is ahead of the source's; nought where the source does not tell."""
        return ahead_of(self.connector) or timedelta(0)

    @property
    def calls(self) -> int:
        """Requests sent to the source so far; nought where the connector does not count them."""
        return self.connector.calls if isinstance(self.connector, CountsCalls) else 0

    def oddity(self, entity: str) -> str:
        """What was odd or new about an entity, or odd about our clock, and is no failure; empty when nothing was."""
        found = [self.connector.oddities.get(entity, "")] if isinstance(self.connector, NotesOddities) else []
        if entity in self.new:
            found.append(IS_NEW)
        if abs(self.ahead) > CLOCKS_AGREE:
            found.append(wrong_clock(self.ahead))
        return "; ".join(filter(None, found))

    def register(self) -> None:
        """Makes the source, its streams and its staging tables known to the store; heals staging lost in a database crash."""
        with transaction(self.store, "registering the source", repeatable=True) as connection:
            register_source(
                connection,
                source=self.source,
                connector=self.config.connector,
                role=self.config.role,
                environment=self.config.environment,
                config=self.config.model_dump(mode="json"),
                config_hash=self.config.digest,
                position=self.position,
            )
            self._compare_offer(connection)
            self.written = written(self.config, self.connector, self.normaliser)
            register_directions(connection, self.source, self.written, unheard(self.config))
            register_streams(
                connection,
                self.source,
                [s for name, s in self.connector.streams.items() if name not in self.held_back],
            )
            if ensure_staging(connection, self.source):
                normalise_again_what_was_lost(connection, self.source)
            offers.retire_replaced(connection, self.source)

    def _compare_offer(self, connection: Connection) -> None:
        """What is offered now against what was. Raises ConfigurationError for another company behind the same name."""
        offered, known = offered_by(self.connector), offers.remembered(connection, self.source)
        streams, read = self.connector.streams, fields_read(self.normaliser, self.connector.streams)
        found = offers.compare(known, offered, streams, read)
        if found.other_company:
            raise other_company(self.source, found.other_company, offered.company)
        offers.remember(connection, self.source, known, offered, streams, read, found)
        self.missing, self.held_back = found.missing, found.held_back
        if not offered.by_settings:
            self.new = offers.first_offered(connection, self.source, self.run_id)

    def to_pull(self) -> dict[str, str]:
        """Wire entity -> family, of all that has to be read: what is offered, parents first, then what was offered and is missing."""
        offered = {
            name: stream.family
            for name, stream in self.connector.streams.items()
            if name not in self.held_back
        }
        gone = (
            {name: row.family for name, row in self.streams().items() if name in self.missing}
            if self.missing
            else {}
        )
        return offered | gone

    def streams(self) -> dict[str, StreamRow]:
        """The streams of this source as the store knows them, parents first."""
        with transaction(self.store, "reading the streams") as connection:
            return streams_of(connection, self.source)
