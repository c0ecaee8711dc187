"""Rehearsing the resync of one debtor: everything is done, the difference is read, and all of it is rolled back."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from sync_engine.config import SourceConfig
from sync_engine.lake import KeptInMemory
from sync_engine.ops.runs.source_run import Runtime, debtor_key, open_connector, open_lane, registered
from sync_engine.ports import Connector
from sync_engine.stages.publish import publish
from sync_engine.stages.pull import pull_debtor
from sync_engine.stages.run import normalise_each
from sync_engine.stages.source_run import Progress, no_progress
from sync_engine.store.db import rehearsal, transaction
from sync_engine.store.queries import receivables
from sync_engine.store.queries.receivables import Change
from sync_engine.store.runs import open_run, source_lock


class Rehearsed(NamedTuple):
    """What a resync would do: records read by wire entity, and the changes readers would see."""

    source: str
    debtor: str
    read: dict[str, int]
    changes: list[Change]
    warnings: list[str]


def rehearse_debtor(
    runtime: Runtime,
    config: SourceConfig,
    debtor: str,
    *,
    wait: bool = False,
    progress: Progress = no_progress,
    connector: Connector | None = None,
    actor: str = "sync-engine",
) -> Rehearsed:
    """Asks the source for one debtor with its contacts, open documents, ledger entries and dimensions, and tells what publishing them would change.

    One transaction, rolled back; nothing is landed. What already waits for the next cut of this source is part of the difference, as it would be of
    the resync. Raises what `run_source` raises.
    """
    connector = connector or open_connector(config, runtime.clock, runtime.store)
    with (
        source_lock(runtime.store, config.source, wait=wait),
        rehearsal(runtime.store, "rehearsing a resync") as store,
    ):
        shop = replace(runtime, store=store, lake=KeptInMemory(runtime.lake))
        run_id = open_run(store, config.source, "debtor", "rehearsal", config.digest)
        lane = open_lane(shop, config, run_id, actor=actor, progress=progress, connector=connector)
        with registered(lane) as source_run:
            pulled = pull_debtor(source_run, debtor_key(source_run, debtor))
            normalise_each(source_run)
            with transaction(store, "reading the change feed") as connection:
                before = receivables.last_seq(connection)
            publish(source_run)
            with transaction(store, "reading the change feed") as connection:
                changes = receivables.changes_since(connection, before, limit=100_000)
        read: dict[str, int] = {}
        for part in pulled:
            read[part.entity] = read.get(part.entity, 0) + part.counts.read
        return Rehearsed(config.source, debtor, read, changes, source_run.warnings)
