"""What every lane of this process shares: database, lake, clock, and one open connector per source for the length of a run.

Nothing is opened at import or when a run starts: settings are read from the environment when a step first asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import dagster as dg

from sync_engine.config import SourceConfig
from sync_engine.errors import AuthenticationFailed, Unreachable
from sync_engine.ops.runs.environment import open_runtime
from sync_engine.ops.runs.source_run import Runtime, open_connector
from sync_engine.ports import Connector


class OpenRuntime:
    """Store, lake and clock, opened on first use. `refusals` and `silent` spare a source that refused or did not answer in this run."""

    def __init__(self) -> None:
        self._connectors: dict[str, Connector] = {}
        self.refusals: dict[str, AuthenticationFailed | Unreachable] = {}
        self.silent: set[str] = set()

    @cached_property
    def runtime(self) -> Runtime:
        """Database, lake and clock. Raises ConfigurationError, StoreError, TransientError."""
        return open_runtime()

    def connector(self, config: SourceConfig) -> Connector:
        """The connector of a source; opening sends nothing, and steps of a run in one process share it."""
        if config.source not in self._connectors:
            self._connectors[config.source] = open_connector(config, self.runtime.clock, self.runtime.store)
        return self._connectors[config.source]

    def close(self) -> None:
        """Releases what was opened."""
        for connector in self._connectors.values():
            connector.close()
        if "runtime" in self.__dict__:
            self.runtime.store.dispose()


@dg.resource(
    description="Database, lake and clock of the engine, from SYNC_ENGINE_DATABASE_URL, SYNC_ENGINE_LAKE and SYNC_ENGINE_HOME."
)
def runtime(_context: dg.InitResourceContext) -> Iterator[OpenRuntime]:
    """One a run (a step, where steps have processes of their own)."""
    opened = OpenRuntime()
    try:
        yield opened
    finally:
        opened.close()
