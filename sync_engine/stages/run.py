"""A run: what follows on what, which failure stops what, and what it came to. The command line and Dagster take the same steps.

pull each entity > normalise each > publish > reconcile > concluded. One entity that cannot be read stops no other; a refused login, a wrong
setting and a lost database stop the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Engine

from sync_engine.errors import (
    AuthenticationFailed,
    ConfigurationError,
    SourceError,
    SyncError,
    TransientError,
)
from sync_engine.stages.normalise import (
    Follower,
    Normalisation,
    entities_that_wait,
    normalise,
    remember_version,
)
from sync_engine.stages.pull import Pulled, note_damage, pull
from sync_engine.stages.source_run import SourceRun, nobody_waits
from sync_engine.store.controls import Certificate
from sync_engine.store.db import transaction
from sync_engine.store.runs import Counts, close_run, steps_of

Outcome = Literal["succeeded", "partial", "held", "failed"]
Unread = SourceError | TransientError
Listener = Callable[[str, Pulled | Unread], None]
"""Called with each wire entity and what became of its pull."""


def nobody_listens(entity: str, became: Pulled | Unread) -> None:
    """What became of it is found in the steps of the run."""


def chosen(source: str, families: Mapping[str, str], wanted: Iterable[str]) -> list[str]:
    """Of the wire entities with their families, those that are wanted by their own name or by their family; all where nothing is.

    Raises ConfigurationError for a name nobody knows.
    """
    wanted = set(wanted)
    known = families.keys() | set(families.values())
    if unknown := sorted(wanted - known):
        raise ConfigurationError(
            f"there is no entity {', '.join(unknown)}",
            whose=source,
            todo=f"It offers: {', '.join(sorted(known))}.",
        )
    return [entity for entity, family in families.items() if not wanted or wanted & {entity, family}]


def pull_each(
    source_run: SourceRun, entities: Sequence[str], *, full: bool = False, listener: Listener = nobody_listens
) -> dict[str, Unread]:
    """Pulls wire entities one by one; returns those that could not be read, and why. Raises AuthenticationFailed, which they share."""
    if full:
        note_damage(source_run, entities)
    rows = source_run.streams()
    failed: dict[str, Unread] = {}
    for entity in entities:
        became: Pulled | Unread
        try:
            became = pull(source_run, entity, full=full, row=rows[entity])
        except AuthenticationFailed:
            raise
        except (SourceError, TransientError) as error:
            became = failed[entity] = error
        listener(entity, became)
    return failed


@contextmanager
def normalised_meanwhile(source_run: SourceRun) -> Iterator[Follower]:
    """What is landed inside is normalised by a second thread while the source is asked for more."""
    follower = Follower(source_run)
    source_run.landed = follower.landed
    try:
        yield follower
    finally:
        source_run.landed = nobody_waits
        follower.finish()


def normalise_each(source_run: SourceRun, before: Mapping[str, Counts] | None = None) -> dict[str, SyncError]:
    """Normalises everything that waits; `before` is what a follower already did, by entity.

    Returns the entities of which a landed file is damaged: what it holds waits, everything else went on.
    """
    waits = entities_that_wait(source_run)
    done = [
        normalise(source_run, entity, (before or {}).get(entity), row, waits=entity in waits)
        for entity, row in source_run.streams().items()
    ]
    remember_version(source_run)
    return damaged(done)


def damaged(done: Iterable[Normalisation]) -> dict[str, SyncError]:
    """Wire entities of which a landed file is damaged, with the sentence that says which."""
    return {one.entity: one.damage for one in done if one.damage is not None}


def last_steps(source_run: SourceRun) -> dict[tuple[str, str], dict[str, Any]]:
    """The last word of this run on each (stage, wire entity)."""
    with transaction(source_run.store, "reading the run's steps") as connection:
        return {(row["stage"], row["entity"]): row for row in steps_of(connection, source_run.run_id)}


def held_by(source_run: SourceRun) -> list[str]:
    """Why steps of this run want a person: a sweep that is not believed, a number of two debtors."""
    return [str(row["error"]) for row in last_steps(source_run).values() if row["outcome"] == "held"]


def doubt_of(certificate: Certificate) -> SyncError | None:
    """The sentence of a certificate that is graded C or D; None for a better one."""
    if not certificate.is_trouble:
        return None
    return SyncError(certificate.sentence, todo=f"`sync-engine certificate {certificate.source}` lists it.")


def concluded(
    source_run: SourceRun, failures: Mapping[str, SyncError], doubt: SyncError | None = None
) -> tuple[Outcome, SyncError | None]:
    """What a run came to that ended, and the sentence that says why it is no success.

    Partial when something could not be read or `doubt` speaks of a bad certificate or of too much that is missing, held when a step wants a person.
    """
    if failures:
        return "partial", next(iter(failures.values()))
    held = held_by(source_run)
    if held and doubt is None:
        doubt = SyncError("a person is wanted", whose=source_run.source, todo=" ".join(held))
    return "held" if held else "partial" if doubt else "succeeded", doubt


def close_failed(store: Engine, run_id: UUID, error: BaseException) -> bool:
    """Closes a failed run; false where the database itself is gone: the next run of the source marks this one as died."""
    try:
        close_run(store, run_id, "failed", error)
    except SyncError:
        return False
    return True
