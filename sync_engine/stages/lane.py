"""The lane: one source with everything its stages need, opened once and passed along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Engine

from sync_engine.config import SourceConfig
from sync_engine.lake import Lake
from sync_engine.ownership.policy import DEFAULT_POLICY, Policy
from sync_engine.ports import Clock, Connector, Normaliser
from sync_engine.store.db import transaction
from sync_engine.store.landing.sources import StreamRow, register_source, register_streams, streams_of
from sync_engine.store.staging import ensure_staging, normalise_again_what_was_lost

Progress = Callable[[str, str, int], None]
"""Called with (stage, entity, records so far) on long work."""


Landing = Callable[[str], None]
"""Called with the entity each time a batch of it was landed and committed."""


def nobody_waits(entity: str) -> None:
    """Normalising is somebody else's turn."""


def no_progress(stage: str, entity: str, done: int) -> None:
    """Says nothing."""


@dataclass(slots=True)
class Lane:
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
    accept_held: bool = False
    progress: Progress = no_progress
    landed: Landing = nobody_waits
    position: int = 0
    warnings: list[str] = field(default_factory=list)

    @property
    def source(self) -> str:
        """The source's name."""
        return self.config.source

    def register(self) -> None:
        """Makes the source, its streams and its staging tables known to the store; heals staging lost in a database crash."""
        with transaction(self.store, "registering the source", repeatable=True) as connection:
            register_source(
                connection, source=self.source, connector=self.config.connector, role=self.config.role, environment=self.config.environment,
                config=self.config.model_dump(mode="json"), config_hash=self.config.digest, position=self.position,
            )
            register_streams(connection, self.source, self.connector.streams.values())
            if ensure_staging(connection, self.source):
                normalise_again_what_was_lost(connection, self.source)

    def streams(self) -> dict[str, StreamRow]:
        """The streams of this source as the store knows them, parents first."""
        with transaction(self.store, "reading the streams") as connection:
            return streams_of(connection, self.source)
