"""The outbox: what waits to be written back and why, what a person decides about it, and delivering it without a run."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine

from sync_engine.config import SourceConfig
from sync_engine.errors import ConfigurationError
from sync_engine.ops.runs.source_run import Runtime, open_connector, open_lane, registered
from sync_engine.ports import Connector
from sync_engine.stages.deliver import Delivered, deliver, refuse_elsewhere
from sync_engine.store.db import rehearsal, transaction
from sync_engine.store.outbox.reading import Row, Waiting, decide, rows, waiting
from sync_engine.store.runs import close_run, open_run, source_lock

DECISIONS = {
    "approve": ("approved", ("pending",)),
    "retry": ("approved", ("refused", "unknown", "discarded")),
    "discard": ("discarded", ("pending", "approved", "refused", "unknown")),
}
"""What a person may do -> the state of the row afterwards, and in which states it can be done."""
DONE = {"approve": "approved", "retry": "retried", "discard": "discarded"}


def listed(store: Engine, source: str | None = None, *, settled: bool = False) -> list[Row]:
    """The rows that are not settled, oldest first; with `settled` all of them."""
    with transaction(store, "reading the outbox") as connection:
        return rows(connection, source=source, settled=settled)


def waits(store: Engine) -> dict[str, Waiting]:
    """How much waits, by source."""
    with transaction(store, "counting what waits") as connection:
        return waiting(connection)


def shown(store: Engine, number: int) -> Row:
    """One row. Raises ConfigurationError where there is none of this number."""
    with transaction(store, "reading the outbox") as connection:
        found = rows(connection, ids=[number], settled=True)
    if not found:
        raise ConfigurationError(
            f"there is no row {number} in the outbox", todo="`sync-engine outbox list` shows what is there."
        )
    return found[0]


def decided(
    store: Engine, decision: str, *, by: str, numbers: Sequence[int] = (), source: str | None = None
) -> list[Row]:
    """Approves, retries or discards rows, by their numbers or all of a source that wait for it; returns them. Raises ConfigurationError."""
    to, before = DECISIONS[decision]
    if not numbers and source is None:
        raise ConfigurationError(
            "say which rows", todo="Give their numbers, or name a source to mean all that wait for this."
        )
    with transaction(store, "deciding about the outbox") as connection:
        found = rows(connection, source=source, ids=numbers, states=before)
        if decision == "approve":
            found = [row for row in found if row.strategy == "hold"]
        if missing := sorted(set(numbers) - {row.outbox_id for row in found}):
            raise ConfigurationError(
                f"{', '.join(map(str, missing))} cannot be {DONE[decision]}: no row of this number is {' or '.join(before)}"
                + (" and waits for a person" if decision == "approve" else ""),
                todo="`sync-engine outbox list` shows what can.",
            )
        changed = set(decide(connection, [row.outbox_id for row in found], to=to, by=by))
    return [row for row in found if row.outbox_id in changed]


def deliver_source(
    runtime: Runtime,
    config: SourceConfig,
    *,
    dry_run: bool = False,
    wait: bool = False,
    triggered_by: str = "person",
    connector: Connector | None = None,
    actor: str = "sync-engine",
) -> Delivered:
    """Delivers what waits for a source, without pulling it first. `dry_run` reads the records and tells each request; nothing is kept of it.

    Raises ConfigurationError where nothing is writable, or where this engine must not write to this source; else what `run_source` raises.
    """
    connector = connector or open_connector(config, runtime.clock, runtime.store)
    with source_lock(runtime.store, config.source, wait=wait):
        if dry_run:
            with rehearsal(runtime.store, "rehearsing a delivery") as store:
                return _delivered(
                    Runtime(store, runtime.lake, runtime.clock, runtime.policy),
                    config,
                    connector,
                    "rehearsal",
                    actor,
                    dry_run=True,
                )
        return _delivered(runtime, config, connector, triggered_by, actor, dry_run=False)


def _delivered(
    runtime: Runtime,
    config: SourceConfig,
    connector: Connector,
    triggered_by: str,
    actor: str,
    *,
    dry_run: bool,
) -> Delivered:
    run_id = open_run(runtime.store, config.source, "deliver", triggered_by, config.digest)
    try:
        lane = open_lane(runtime, config, run_id, actor=actor, connector=connector)
        with registered(lane) as source_run:
            if not source_run.written:
                raise ConfigurationError(
                    "nothing of this source is writable",
                    whose=config.source,
                    todo="Name fields under `writable` in its YAML.",
                )
            refuse_elsewhere(config)
            done = deliver(source_run, dry_run=dry_run)
    except BaseException as error:
        if not dry_run:
            close_run(runtime.store, run_id, "failed", error)
        raise
    cut_id = done.published.cut_id if done.published else None
    close_run(runtime.store, run_id, "held" if done.refused else "succeeded", cut_id=cut_id)
    return done
