"""Runs one source: pull, normalise, publish, reconcile, with what each entity came to. The same steps the Dagster lane takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from sqlalchemy import Engine

from sync_engine.config import SourceConfig, connector_plugin, mapping_plugin, settings_of
from sync_engine.errors import (
    AuthenticationFailed,
    ConfigurationError,
    LandedFileDamaged,
    SourceError,
    SyncError,
    TransientError,
)
from sync_engine.lake import Lake
from sync_engine.ownership.policy import DEFAULT_POLICY, Policy
from sync_engine.ports import Clock, Connector, Normaliser, SharesLogins
from sync_engine.stages.normalise import Follower, normalise, remember_version
from sync_engine.stages.publish import Published, publish
from sync_engine.stages.pull import note_damage, pull, pull_debtor
from sync_engine.stages.reconcile import reconcile
from sync_engine.stages.source_run import Progress, SourceRun, no_progress, nobody_waits
from sync_engine.store.controls import Certificate
from sync_engine.store.db import transaction
from sync_engine.store.landing.sources import key_by_number
from sync_engine.store.login_limits import shared_limits
from sync_engine.store.runs import Counts, close_run, open_run, source_lock

Outcome = Literal["succeeded", "partial", "held", "failed"]


@dataclass(slots=True)
class Ran:
    """What a run came to. `failures` are entities that could not be read, or whose landed files are damaged, while others went on."""

    run_id: UUID
    outcome: Outcome = "succeeded"
    published: Published | None = None
    certificate: Certificate | None = None
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


@contextmanager
def lane_for(
    runtime: Runtime,
    config: SourceConfig,
    run_id: UUID,
    *,
    actor: str = "sync-engine",
    progress: Progress = no_progress,
    accept_held: bool = False,
    connector: Connector | None = None,
) -> Iterator[SourceRun]:
    """A registered lane; its connector is closed at the end."""
    source_run = SourceRun(
        config=config,
        store=runtime.store,
        lake=runtime.lake,
        normaliser=open_normaliser(config),
        connector=connector or open_connector(config, runtime.clock, runtime.store),
        clock=runtime.clock,
        run_id=run_id,
        policy=runtime.policy,
        actor=actor,
        accept_held=accept_held,
        progress=progress,
    )
    try:
        source_run.register()
        yield source_run
    finally:
        source_run.connector.close()


def run_source(
    runtime: Runtime,
    config: SourceConfig,
    *,
    entities: tuple[str, ...] = (),
    full: bool = False,
    debtor: str | None = None,
    triggered_by: str = "person",
    wait: bool = False,
    accept_held: bool = False,
    accept_moves: bool = False,
    progress: Progress = no_progress,
    connector: Connector | None = None,
    actor: str = "sync-engine",
    run_id: UUID | None = None,
) -> Ran:
    """Runs a source end to end and records it. `accept_held` believes suspicious sweeps, `accept_moves` suspicious portfolio moves.

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
            with lane_for(
                runtime,
                config,
                run_id,
                actor=actor,
                progress=progress,
                accept_held=accept_held,
                connector=connector,
            ) as source_run:
                with _normalised_meanwhile(source_run) as follower:
                    if debtor is not None:
                        pull_debtor(source_run, debtor_key(source_run, debtor))
                    else:
                        _pull_all(source_run, _chosen(source_run, entities), ran, full=full)
                ran.failures = {**normalise_all(source_run, follower.counts), **ran.failures}
                source_run.accept_held = accept_moves
                ran.published = publish(source_run)
                ran.certificate = reconcile(source_run, ran.published.cut_id)
                ran.warnings, ran.notes = source_run.warnings, source_run.notes
                ran.outcome, why = concluded(ran.failures, ran.certificate, is_held=bool(source_run.warnings))
        except BaseException as error:
            ran.outcome = "failed"
            _close_quietly(runtime.store, run_id, error)
            raise
        close_run(runtime.store, run_id, ran.outcome, why, ran.published.cut_id)
    return ran


def concluded(
    failures: Mapping[str, SyncError], certificate: Certificate | None, *, is_held: bool
) -> tuple[Outcome, SyncError | None]:
    """What a run came to that ended, and the sentence that says why it is no success.

    Partial when something could not be read or the certificate is graded C or D, held when a brake wants a person.
    """
    if failures:
        return "partial", next(iter(failures.values()))
    doubt = (
        SyncError(certificate.sentence, todo=f"`sync-engine certificate {certificate.source}` lists it.")
        if certificate is not None and certificate.is_trouble
        else None
    )
    return "held" if is_held else "partial" if doubt else "succeeded", doubt


def _close_quietly(store: Engine, run_id: UUID, error: BaseException) -> None:
    """Closes a failed run; when the database itself is gone, the next run of the source marks this one as died."""
    try:
        close_run(store, run_id, "failed", error)
    except SyncError:
        return


def _chosen(source_run: SourceRun, entities: tuple[str, ...]) -> list[str]:
    """Wire entities, by their own name or by family. Raises ConfigurationError for a name nobody knows."""
    families = source_run.to_pull()
    known = set(families) | set(families.values())
    if unknown := sorted(set(entities) - known):
        raise ConfigurationError(
            f"there is no entity {', '.join(unknown)}",
            whose=source_run.source,
            todo=f"It offers: {', '.join(sorted(known))}.",
        )
    return [e for e, family in families.items() if not entities or e in entities or family in entities]


def _pull_all(source_run: SourceRun, chosen: list[str], ran: Ran, *, full: bool) -> None:
    if full:
        note_damage(source_run, chosen)
    rows = source_run.streams()
    for entity in chosen:
        try:
            pull(source_run, entity, full=full, row=rows[entity])
        except AuthenticationFailed:
            raise
        except (SourceError, TransientError) as error:
            ran.failures[entity] = error
    if chosen and set(ran.failures) == set(chosen):
        raise next(iter(ran.failures.values()))


@contextmanager
def _normalised_meanwhile(source_run: SourceRun) -> Iterator[Follower]:
    """What is landed inside is normalised by a second thread while the source is asked for more."""
    follower = Follower(source_run)
    source_run.landed = follower.landed
    try:
        yield follower
    finally:
        source_run.landed = nobody_waits
        follower.finish()


def debtor_key(source_run: SourceRun, given: str) -> str:
    """A debtor's key by its number, where the store knows one with it; else what was given is taken for the key."""
    with transaction(source_run.store, "looking for the debtor") as connection:
        return key_by_number(connection, source_run.source, given) or given


def normalise_all(
    source_run: SourceRun, before: Mapping[str, Counts] | None = None
) -> dict[str, LandedFileDamaged]:
    """Normalises everything that waits; `before` is what a follower already did, by entity.

    Returns the entities of which a landed file is damaged: what it holds waits, everything else went on.
    """
    done = [
        normalise(source_run, entity, (before or {}).get(entity), row)
        for entity, row in source_run.streams().items()
    ]
    remember_version(source_run)
    return {one.entity: one.damage for one in done if one.damage is not None}
