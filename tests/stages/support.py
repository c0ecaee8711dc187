"""The stages over the simulator in process: runs with a fresh connector each, what they leave, and the simulator's own truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import Engine, text

from connectors.business_central import BusinessCentral, Settings, plugin
from sync_engine.config import SourceConfig
from sync_engine.errors import AuthenticationFailed, SourceError, SyncError, TransientError
from sync_engine.lake import Lake
from sync_engine.ops.runs.source_run import Ran, Runtime, open_lane, registered, run_source
from sync_engine.ports import Clock, Connector, Normaliser
from sync_engine.records import Offered, Stream
from sync_engine.stages.normalise import Normalisation, normalise, remember_version
from sync_engine.stages.publish import Published, publish
from sync_engine.stages.pull import Pulled, pull
from sync_engine.stages.source_run import SourceRun
from sync_engine.store.db import open_engine
from sync_engine.store.runs import close_run, open_run, source_lock
from tests.connectors.support import Bench, Hands, furnish
from tests.simulators.business_central.app import BusinessCentralSimulator
from tests.simulators.business_central.clock import SimulatorClock
from tests.simulators.business_central.settings import settings as facts_of
from tests.simulators.business_central.world import Company, Installation, World

ROUTES = ("custom_api", "odata_page", "analytics", "reports_finance", "invoices")
SECRET = "BC_TEST_SECRET"


@dataclass
class Outcome:
    """What one run came to, stage by stage."""

    run_id: UUID
    pulled: dict[str, Pulled] = field(default_factory=dict)
    normalised: dict[str, Normalisation] = field(default_factory=dict)
    published: Published | None = None
    failures: dict[str, SyncError] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def cut(self) -> Published:
        """The published cut of a run that got that far."""
        assert self.published is not None
        return self.published

    def total(self, name: str, *, stage: str = "pulled") -> int:
        """A figure of the counts summed over all entities."""
        return sum(int(getattr(step.counts, name)) for step in getattr(self, stage).values())


class Ahead:
    """A clock that is ahead of the simulated one by a fixed time."""

    def __init__(self, hands: Hands, by: timedelta) -> None:
        self._hands, self._by = hands, by

    def now(self) -> datetime:
        """The wrong time."""
        return self._hands.now() + self._by

    def sleep(self, seconds: float) -> None:
        """Waits."""
        self._hands.sleep(seconds)


class Narrow:
    """A connector of which only some entities are offered: tests that run many times need few of them."""

    def __init__(self, whole: BusinessCentral, only: tuple[str, ...]) -> None:
        self._whole, self._only = whole, only

    @property
    def streams(self) -> dict[str, Stream]:
        """The offered ones."""
        return {name: stream for name, stream in self._whole.streams.items() if name in self._only}

    @property
    def offered(self) -> Offered:
        """The test alone decides what is offered."""
        return Offered(by_settings=True)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)


@dataclass
class Rig:
    """One source: a simulated company, the engine's database and lake, and how to run it."""

    bench: Bench
    store: Engine
    lake: Lake
    config: SourceConfig
    wrap: Callable[[Normaliser], Normaliser] | None = None
    only: tuple[str, ...] = ()
    clock: Clock | None = None

    @property
    def company(self) -> Company:
        """The simulated company, to change."""
        return self.bench.company

    @property
    def simulator(self) -> BusinessCentralSimulator:
        """The simulator, to inject faults into."""
        return self.bench.simulator

    def advance(self, **by: float) -> None:
        """Moves the simulated time."""
        self.bench.hands.time.advance(timedelta(**by))

    @property
    def runtime(self) -> Runtime:
        """The engine's side: store, lake and clock (the simulator's own, unless the test sets another)."""
        return Runtime(self.store, self.lake, self.clock or self.bench.hands)

    def connector(self) -> Connector:
        """A fresh connector on the simulator, of some entities only where the test wants that."""
        transport = httpx.WSGITransport(app=self.simulator, raise_app_exceptions=True)
        whole = plugin.open(
            self.config.source,
            Settings.read(self.config.connection),
            self.clock or self.bench.hands,
            transport,
        )
        return Narrow(whole, self.only) if self.only else whole

    @contextmanager
    def source_run(
        self, run_id: UUID, *, accept_deletes: bool = False, accept_moves: bool = False
    ) -> Iterator[SourceRun]:
        """A registered lane with a fresh connector."""
        lane = open_lane(
            self.runtime,
            self.config,
            run_id,
            connector=self.connector(),
            accept_deletes=accept_deletes,
            accept_moves=accept_moves,
        )
        with registered(lane) as source_run:
            if self.wrap is not None:
                source_run.normaliser = self.wrap(source_run.normaliser)
            yield source_run

    def run(
        self,
        *,
        full: bool = False,
        entities: tuple[str, ...] | None = None,
        accept_deletes: bool = False,
        accept_moves: bool = False,
        tolerant: bool = False,
    ) -> Outcome:
        """All stages in order, as the command line runs them; `tolerant` goes on past an entity that cannot be read.

        `entities` are the ones pulled, all without it; normalising and publishing take up whatever is there.
        """
        with source_lock(self.store, self.config.source, wait=False):
            outcome = Outcome(
                open_run(
                    self.store, self.config.source, "full" if full else "changes", "test", self.config.digest
                )
            )
            try:
                with self.source_run(
                    outcome.run_id, accept_deletes=accept_deletes, accept_moves=accept_moves
                ) as source_run:
                    self._stages(source_run, outcome, full=full, entities=entities, tolerant=tolerant)
                    outcome.warnings = source_run.warnings
            except SyncError as error:
                close_run(self.store, outcome.run_id, "failed", error)
                raise
            close_run(self.store, outcome.run_id, "partial" if outcome.failures else "succeeded")
        return outcome

    def run_whole(self, **options: Any) -> Ran:
        """The run that the command line and Dagster make, with its second thread and its certificate."""
        return run_source(self.runtime, self.config, connector=self.connector(), **options)

    def _stages(
        self,
        source_run: SourceRun,
        outcome: Outcome,
        *,
        full: bool,
        entities: tuple[str, ...] | None,
        tolerant: bool,
    ) -> None:
        for entity in source_run.to_pull() if entities is None else entities:
            try:
                outcome.pulled[entity] = pull(source_run, entity, full=full)
            except AuthenticationFailed:
                raise
            except (SourceError, TransientError) as error:
                if not tolerant:
                    raise
                outcome.failures[entity] = error
        for entity in source_run.streams():
            outcome.normalised[entity] = normalise(source_run, entity)
        remember_version(source_run)
        outcome.published = publish(source_run)

    def beside(self, store: Engine, lake: Path, **changes: Any) -> Rig:
        """The same company read into another database, or as another source."""
        return replace(self, store=store, lake=Lake(str(lake)), config=self.config.model_copy(update=changes))

    def rows(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """All rows of a statement."""
        with self.store.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement), values)]

    def one(self, statement: str, **values: Any) -> Any:
        """The single value of a statement."""
        return self.rows(statement, **values)[0][0]

    def execute(self, statement: str, **values: Any) -> None:
        """One statement, committed."""
        with self.store.begin() as connection:
            connection.execute(text(statement), values)

    def document(self, number: str) -> dict[str, Any]:
        """One living canonical document by its number."""
        with self.store.connect() as connection:
            found = (
                connection.execute(
                    text(
                        "SELECT * FROM canonical.document WHERE source = :s AND external_no = :n AND deleted_at IS NULL"
                    ),
                    {"s": self.config.source, "n": number},
                )
                .mappings()
                .all()
            )
        assert len(found) == 1, f"{len(found)} documents {number}"
        return dict(found[0])

    def debtor(self, number: str) -> dict[str, Any]:
        """One living canonical debtor by its number."""
        with self.store.connect() as connection:
            found = (
                connection.execute(
                    text("SELECT * FROM canonical.debtor WHERE number = :n AND deleted_at IS NULL"),
                    {"n": number},
                )
                .mappings()
                .all()
            )
        assert len(found) == 1, f"{len(found)} debtors {number}"
        return dict(found[0])

    def record(self, entity: str, key: str) -> dict[str, Any]:
        """What the engine remembers of one source record."""
        statement = text(
            "SELECT r.* FROM engine.source_record r JOIN engine.stream s USING (stream_id) WHERE s.source = :s AND s.entity = :e AND r.key = :k"
        )
        with self.store.connect() as connection:
            return dict(
                connection.execute(statement, {"s": self.config.source, "e": entity, "k": key})
                .mappings()
                .one()
            )

    def files(self) -> list[str]:
        """What the lake holds of this source."""
        return sorted(self.lake.files(self.config.source))


def bench_of(
    monkeypatch: pytest.MonkeyPatch,
    *,
    world: Callable[[Company, SimulatorClock], None] = furnish,
    **installed: Any,
) -> Bench:
    """A simulator with one company on an installation of one's choice."""
    installation = Installation(**installed)
    monkeypatch.setenv(SECRET, installation.client_secret)
    hands = Hands()
    there = World(hands.time, seed=7, installation=installation)
    company = there.add_company("HANSEN & SØN's A/S", "Hansen & Søn")
    world(company, hands.time)
    return Bench(BusinessCentralSimulator(there, sleep=hands.sleep), company, hands)


def config_of(
    bench: Bench,
    *,
    source: str = "bc",
    route: str = "custom_api",
    dimension: str | None = "CUSTOMERGROUP",
    **changes: Any,
) -> SourceConfig:
    """The YAML of the bench's company, as it would be read."""
    facts = facts_of(bench.simulator, "https://localhost")
    publisher, group, version = facts.custom_api.strip("/").split("/")[-3:]
    ledger: dict[str, Any] = {"route": route}
    if route == "custom_api":
        ledger["custom"] = {"publisher": publisher, "group": group, "version": version}
    connection = {
        "base_url": facts.base_url,
        "authority": facts.authority,
        "environment": facts.environment,
        "company": bench.company.name,
        "auth": {"client_id": facts.client_id, "client_secret": f"env:{SECRET}"},
        "ledger": ledger,
        "page_size": 50,
        "document_page_size": 25,
    }
    connection |= changes.pop("connection", {})
    portfolio = {"dimension": dimension} if dimension else None
    return SourceConfig.model_validate(
        {"source": source, "connector": "business_central", "connection": connection, "portfolio": portfolio}
        | changes
    )


@contextmanager
def rig_on(bench: Bench, url: str, lake: Path, **changes: Any) -> Iterator[Rig]:
    """A rig over a migrated database."""
    store = open_engine(url)
    try:
        yield Rig(bench, store, Lake(str(lake)), config_of(bench, **changes))
    finally:
        store.dispose()
