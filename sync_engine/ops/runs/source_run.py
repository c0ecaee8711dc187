"""Runs one source from end to end under its lock, and what is opened for it: its connector, its normaliser, its lane."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Engine

from sync_engine.config import SourceConfig, settings_of
from sync_engine.errors import SyncError
from sync_engine.lake import Lake
from sync_engine.ownership.policy import DEFAULT_POLICY, Policy
from sync_engine.plugins import connector_plugin, mapping_plugin
from sync_engine.ports import Clock, Connector, Normaliser, SharesLogins
from sync_engine.stages.deliver import Delivered, deliver
from sync_engine.stages.publish import Published, publish
from sync_engine.stages.pull import pull_debtor
from sync_engine.stages.reconcile import reconcile
from sync_engine.stages.run import (
    Outcome,
    chosen,
    close_failed,
    concluded,
    doubt_of,
    normalise_each,
    normalised_meanwhile,
    pull_each,
)
from sync_engine.stages.source_run import Progress, SourceRun, no_progress
from sync_engine.store.controls import Certificate
from sync_engine.store.db import transaction
from sync_engine.store.landing.sources import key_by_number
from sync_engine.store.login_limits import shared_limits
from sync_engine.store.runs import close_run, open_run, source_lock


@dataclass(slots=True)
class Ran:
    """What a run came to. `failures` are entities that could not be read, or whose landed files are damaged, while others went on."""

    run_id: UUID
    outcome: Outcome = "succeeded"
    published: Published | None = None
    certificate: Certificate | None = None
    delivered: Delivered = field(default_factory=Delivered)
    failures: dict[str, SyncError] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    """What was odd and is no failure, by wire entity."""

    @property
    def untold(self) -> list[str]:
        """What the source does not tell, as the certificate of the cut says it (C13)."""
        return [
            note for note in (self.certificate.notes if self.certificate else ()) if note.startswith("C13")
        ]


@dataclass(frozen=True, slots=True)
class Runtime:
    """What is the same for every source of this installation of the engine."""

    store: Engine
    lake: Lake
    clock: Clock
    policy: Policy = DEFAULT_POLICY


def open_connector(config: SourceConfig, clock: Clock, store: Engine | None = None) -> Connector:
    """The connector of a source; with a store that several machines use, its login keeps to its limits on all of them together.

    A rehearsal opens its connector with the real store: what is counted there is not taken back.

    Raises ConfigurationError for wrong settings or an unknown connector.
    """
    plugin = connector_plugin(config.connector)
    connector = plugin.open(
        config.source, settings_of(plugin.settings, config.connection, f"{config.source} connection"), clock
    )
    if store is not None and isinstance(connector, SharesLogins) and (limits := shared_limits(store)):
        connector.share_login(limits)
    return connector


def open_normaliser(config: SourceConfig) -> Normaliser:
    """The normaliser of a source. Raises ConfigurationError."""
    plugin = mapping_plugin(config.connector)
    return plugin.normaliser(
        config.source, settings_of(plugin.settings, config.mapping, f"{config.source} mapping")
    )


def open_lane(
    runtime: Runtime,
    config: SourceConfig,
    run_id: UUID,
    *,
    actor: str = "sync-engine",
    progress: Progress = no_progress,
    accept_deletes: bool = False,
    accept_moves: bool = False,
    connector: Connector | None = None,
) -> SourceRun:
    """A lane that is not registered: registering asks the source what it offers. Raises ConfigurationError."""
    return SourceRun(
        config=config,
        store=runtime.store,
        lake=runtime.lake,
        normaliser=open_normaliser(config),
        connector=connector or open_connector(config, runtime.clock, runtime.store),
        clock=runtime.clock,
        run_id=run_id,
        policy=runtime.policy,
        actor=actor,
        accept_deletes=accept_deletes,
        accept_moves=accept_moves,
        progress=progress,
    )


@contextmanager
def registered(lane: SourceRun) -> Iterator[SourceRun]:
    """The lane, registered; its connector is closed at the end."""
    try:
        lane.register()
        yield lane
    finally:
        lane.connector.close()


def run_source(
    runtime: Runtime,
    config: SourceConfig,
    *,
    entities: tuple[str, ...] = (),
    full: bool = False,
    debtor: str | None = None,
    triggered_by: str = "person",
    wait: bool = False,
    accept_deletes: bool = False,
    accept_moves: bool = False,
    progress: Progress = no_progress,
    connector: Connector | None = None,
    actor: str = "sync-engine",
    run_id: UUID | None = None,
) -> Ran:
    """Runs a source end to end and records it. `accept_deletes` believes suspicious sweeps, `accept_moves` suspicious portfolio moves.

    An entity whose source fails does not stop the others; a login that is refused, a wrong setting and a lost database do.
    Raises ConfigurationError, AuthenticationFailed, StoreError, TransientError (when nothing at all could be read).
    """
    with source_lock(runtime.store, config.source, wait=wait):
        run_id = open_run(
            runtime.store,
            config.source,
            "debtor" if debtor else "full" if full else "changes",
            triggered_by,
            config.digest,
            run_id,
            entities=entities,
        )
        ran = Ran(run_id)
        try:
            lane = open_lane(
                runtime,
                config,
                run_id,
                actor=actor,
                progress=progress,
                accept_deletes=accept_deletes,
                accept_moves=accept_moves,
                connector=connector,
            )
            with registered(lane) as source_run:
                with normalised_meanwhile(source_run) as follower:
                    if debtor is not None:
                        pull_debtor(source_run, debtor_key(source_run, debtor))
                    else:
                        ran.failures = _pulled(source_run, entities, full=full)
                ran.failures = {**normalise_each(source_run, follower.counts), **ran.failures}
                ran.published = publish(source_run)
                ran.delivered = deliver(source_run)
                ran.published = ran.delivered.published or ran.published
                ran.certificate = reconcile(source_run, ran.published.cut_id)
                ran.warnings, ran.notes = source_run.warnings, source_run.notes
                ran.outcome, why = concluded(source_run, ran.failures, doubt_of(ran.certificate))
        except BaseException as error:
            ran.outcome = "failed"
            close_failed(runtime.store, run_id, error)
            raise
        close_run(runtime.store, run_id, ran.outcome, why, ran.published.cut_id)
    return ran


def _pulled(source_run: SourceRun, entities: tuple[str, ...], *, full: bool) -> dict[str, SyncError]:
    """Pulls what is wanted; what could not be read. Raises its failure where that is all."""
    wanted = chosen(source_run.source, source_run.to_pull(), entities)
    failed = pull_each(source_run, wanted, full=full)
    if wanted and failed.keys() == set(wanted):
        raise failed[wanted[0]]
    return {**failed}


def debtor_key(source_run: SourceRun, given: str) -> str:
    """A debtor's key by its number, where the store knows one with it; else what was given is taken for the key."""
    with transaction(source_run.store, "looking for the debtor") as connection:
        return key_by_number(connection, source_run.source, given) or given
