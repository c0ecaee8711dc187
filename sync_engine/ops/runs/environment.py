"""Where commands work: the configured sources, and the store, lake and clock they share."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from sqlalchemy import Engine

from sync_engine.config import SourceConfig, load_policy, load_sources
from sync_engine.errors import ConfigurationError, StoreError
from sync_engine.lake import Lake
from sync_engine.ops.runs.source_run import Runtime
from sync_engine.platform.clock import SystemClock
from sync_engine.platform.home import defs_folder, lake_url
from sync_engine.platform.postgres import database_url
from sync_engine.platform.server import check_server
from sync_engine.store.db import open_engine, transaction
from sync_engine.store.queries.source_status import is_migrated, revision
from sync_engine.store.schema import UNRELEASED


def configured() -> dict[str, SourceConfig]:
    """Every source in the defs folder, by name. Raises ConfigurationError."""
    return load_sources(defs_folder())


def source_named(name: str) -> SourceConfig:
    """One configured source. Raises ConfigurationError that lists the ones there are."""
    known = configured()
    if name not in known:
        raise ConfigurationError(
            f"there is no source {name!r}",
            todo=f"Configured in {defs_folder()}: {', '.join(known) or 'none'}. Or set SYNC_ENGINE_DEFS to the folder you mean.",
        )
    return known[name]


def open_runtime() -> Runtime:
    """Store, lake, clock and ownership policy of this installation. Raises ConfigurationError, StoreError, TransientError."""
    lake = Lake(lake_url())
    return Runtime(open_store(), lake, SystemClock(), load_policy(defs_folder()))


def open_store() -> Engine:
    """The migrated store. An embedded database is ours alone and is brought to the newest version; on a server a person decides when.

    Raises ConfigurationError when a server's tables are missing, older or newer, TransientError when nobody answers.
    """
    embedded = is_embedded()
    url = database_url()
    store = open_engine(url)
    try:
        _judge(store, url, embedded=embedded)
    except BaseException as failure:
        store.dispose()
        if isinstance(failure, StoreError) and not embedded:
            check_server(url)  # knows why, where that can be known
        raise
    return store


def _judge(store: Engine, url: str, *, embedded: bool) -> None:
    """Sees to it that the tables are the ones this engine knows."""
    with transaction(store, "looking at the version of the tables") as connection:
        at = revision(connection) if is_migrated(connection) else None
    newest = newest_revision()
    if at == newest:
        return
    if at is not None and at > newest and at != UNRELEASED:
        raise ConfigurationError(
            f"the tables are at version {at}, newer than this engine, which knows {newest}",
            todo="Install the newer engine; tables made before the first release, of another version than"
            f" {UNRELEASED}, are not brought along: begin with an empty database.",
        )
    if not embedded:
        check_server(url)
        state = (
            "there are no tables of the engine in the database"
            if at is None
            else f"the tables are at version {at} and this engine needs {newest}"
        )
        raise ConfigurationError(state, todo="Run `sync-engine migrate`.")
    from sync_engine.platform.migrate import upgrade

    upgrade(url)


def is_embedded() -> bool:
    """Whether the database is the engine's own, not a configured server."""
    return not os.environ.get("SYNC_ENGINE_DATABASE_URL", "").strip()


def newest_revision() -> str:
    """The newest migration, read from the file names: asking alembic costs a start-up a quarter of a second."""
    spec = importlib.util.find_spec("migrations")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError("the package migrations is not installed", todo="Install the engine again.")
    versions = Path(spec.submodule_search_locations[0]) / "versions"
    return max(path.name.partition("_")[0] for path in versions.glob("[0-9]*_*.py"))
