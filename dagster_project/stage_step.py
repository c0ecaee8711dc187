"""A stage inside a Dagster step: the source's lock, the engine's run, the lane, and every error as Dagster should see it.

One Dagster run is one run of the engine and has its id. Only `TransientError` is asked again. No exception of a library leaves
a step: its message may quote a row or an address, and Dagster would keep it.
"""

from __future__ import annotations

import re
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from uuid import UUID

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter

from dagster_project.resources import OpenRuntime
from sync_engine.config import SourceConfig
from sync_engine.errors import (
    AuthenticationFailed,
    ConfigurationError,
    RateLimited,
    SyncError,
    TransientError,
    Unreachable,
)
from sync_engine.ops.inspect import overview
from sync_engine.ops.runs.source_run import open_lane
from sync_engine.stages.run import close_failed, concluded, doubt_of, last_steps
from sync_engine.stages.source_run import Progress, SourceRun
from sync_engine.store.controls import Certificate
from sync_engine.store.db import transaction
from sync_engine.store.runs import close_run, open_run, source_lock
from sync_engine.store.staging import ensure_staging, normalise_again_what_was_lost

RETRIES = 3
PAUSE = 20.0
"""Seconds before the first retry of a step, doubled each time. The transport has asked several times itself before that."""
SILENCE = 45.0
"""Seconds for which a source of which nothing at all is heard is asked in a run, the transport's own patience included."""
QUIET = 15.0
"""Seconds between two progress lines of one stream."""
SOURCE_TAG = "sync_engine/source"
_OPTION = re.compile(r"`(?:[a-z-]+ )+--([a-z]+(?:-[a-z]+)*)`|(?<![\w-])--([a-z]+(?:-[a-z]+)*)")
_GOING_ON = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
Context = dg.AssetExecutionContext | dg.OpExecutionContext


@contextmanager
def stage(
    context: Context,
    config: SourceConfig,
    runtime: OpenRuntime,
    *,
    asks_source: bool = False,
    full: bool = False,
    families: tuple[str, ...] = (),
    accept_deletes: bool = False,
    accept_moves: bool = False,
) -> Iterator[SourceRun]:
    """The lane of a source for one step; of `families`, where it reads only some.

    `asks_source` registers what the source offers now, which asks it; other steps work on what is already here.
    Raises dg.Failure (never retried) with our sentence, or dg.RetryRequested when asking again may help.
    """
    with failures_told(context, config, runtime):
        store = runtime.runtime.store
        with _turn(context, config, runtime):
            run_id = UUID(context.run.run_id)
            open_run(
                store,
                config.source,
                "full" if full else "changes",
                triggered_by(context),
                config.digest,
                run_id,
                alive=_alive(context),
                entities=families,
            )
            if asks_source and config.source in runtime.refusals:
                raise runtime.refusals[config.source]
            source_run = open_lane(
                runtime.runtime,
                config,
                run_id,
                actor="dagster",
                progress=progress_of(context),
                accept_deletes=accept_deletes,
                accept_moves=accept_moves,
                connector=runtime.connector(config),
            )
            if asks_source or not source_run.streams():
                source_run.register()
            else:
                _heal(source_run)
            yield source_run


@contextmanager
def failures_told(context: Context, config: SourceConfig, runtime: OpenRuntime) -> Iterator[None]:
    """Every error raised inside becomes a dg.Failure that says what, whose, which key and what to do, or a dg.RetryRequested."""
    try:
        yield
    except (dg.Failure, dg.RetryRequested):
        raise
    except TransientError as error:
        if may_retry(context, config, runtime, error):
            raise retry(context, error) from _without_cause(error)
        runtime.silent.add(config.source)
        if isinstance(error, Unreachable):
            runtime.refusals[config.source] = error
        _close_failed(context, config, runtime, error)
        raise failure(error, _since_when(config, runtime)) from None
    except SyncError as error:
        if isinstance(error, AuthenticationFailed):
            runtime.refusals[config.source] = error
        _close_failed(context, config, runtime, error)
        raise failure(error, _since_when(config, runtime)) from None
    except Exception as error:  # noqa: BLE001 - raised again, without its message
        _close_failed(context, config, runtime, error)
        raise _defect(error) from None
    except BaseException as interrupt:  # a person stopped the run
        _close_failed(context, config, runtime, interrupt)
        raise


@contextmanager
def refusals_told() -> Iterator[None]:
    """The same for what belongs to no lane: a decision or a retry that cannot be, with our sentence. Asking again is a person's turn."""
    try:
        yield
    except SyncError as error:
        raise failure(error) from None
    except Exception as error:  # noqa: BLE001 - raised again, without its message
        raise _defect(error) from None


def may_retry(
    context: Context, config: SourceConfig, runtime: OpenRuntime, error: TransientError | None = None
) -> bool:
    """Whether this step may ask again: not for ever, and not where another step has just found the source silent.

    A source of which nothing at all was heard is given up within a minute: its worker is free for others, and people are told.
    """
    n = context.retry_number
    if isinstance(error, Unreachable) and error.waited + PAUSE * (2 ** (n + 1) - 1) > SILENCE:
        return False
    return n < RETRIES and config.source not in runtime.silent


def retry(context: Context, error: TransientError) -> dg.RetryRequested:
    """Asks Dagster to run the step again, after what the source asked for or a pause that doubles."""
    wait = PAUSE * 2**context.retry_number
    if isinstance(error, RateLimited) and error.retry_after is not None:
        wait = max(wait, error.retry_after)
    context.log.warning(
        "%s Trying again in %.0f s (%d of %d).", error, wait, context.retry_number + 1, RETRIES
    )
    return dg.RetryRequested(max_retries=RETRIES, seconds_to_wait=wait)


def failure(error: SyncError, since: str = "") -> dg.Failure:
    """Our sentence as Dagster shows it; never retried. `since` says for how long that has been so."""
    said = {
        "what": error.what,
        "whose": error.whose,
        "key": error.key,
        "todo": as_fields(error.todo),
        "kind": type(error).__name__,
        "since": since,
    }
    return dg.Failure(
        f"{as_fields(str(error))} {since}".strip(),
        metadata={name: text for name, text in said.items() if text},
        allow_retries=False,
    )


def as_fields(sentence: str) -> str:
    """A sentence of the engine, which speaks of options of its command line: a switch is a field of the same name in the form here.

    A whole command with a switch, in backticks, becomes the field alone: the form is that command's.
    """
    return _OPTION.sub(lambda option: f"{(option[1] or option[2]).replace('-', '_')}: true", sentence)


def _without_cause(error: TransientError) -> TransientError:
    """The same again for the log, without what a library said."""
    return TransientError(error.what, whose=error.whose, key=error.key, todo=error.todo)


def _defect(error: Exception) -> dg.Failure:
    """An error nobody raised on purpose: where it happened, and not its message, which may quote data."""
    frames = traceback.extract_tb(error.__traceback__)
    where = "\n".join(f"{f.filename}:{f.lineno} in {f.name}" for f in frames)
    last = frames[-1] if frames else None
    return dg.Failure(
        f"{type(error).__name__} in {last.name if last else 'an unknown place'}: a defect of the engine. What was committed stays; "
        "report it with the places below.",
        metadata={"kind": type(error).__name__, "where": dg.MetadataValue.text(where)},
        allow_retries=False,
    )


def _close_failed(context: Context, config: SourceConfig, runtime: OpenRuntime, error: BaseException) -> None:
    """Closes the engine's run; when the database itself is gone, the next run of the source marks this one as died."""
    told = (
        error
        if isinstance(error, SyncError)
        else ConfigurationError(f"{type(error).__name__} ended the run", whose=config.source)
    )
    if not close_failed(runtime.runtime.store, UUID(context.run.run_id), told):
        context.log.warning("The engine's run could not be closed; the next run of this source does it.")


def _since_when(config: SourceConfig, runtime: OpenRuntime) -> str:
    """For how long runs of the source have failed, where this is not the first; empty where the database does not tell."""
    try:
        failing = overview.failing(runtime.runtime.store, config.source)
    except SyncError:
        return ""
    return f"{failing.for_how_long}." if failing is not None and failing.runs > 1 else ""


@contextmanager
def _turn(context: Context, config: SourceConfig, runtime: OpenRuntime) -> Iterator[None]:
    """One step of a source at a time, across processes and also against the command line."""
    store = runtime.runtime.store
    with ExitStack() as held:
        try:
            held.enter_context(source_lock(store, config.source, wait=False))
        except ConfigurationError:
            context.log.info("Another run of %s is at work; waiting for it.", config.source)
            held.enter_context(source_lock(store, config.source, wait=True))
        yield


def _alive(context: Context) -> list[UUID]:
    """Dagster's runs that are going on: not to be taken for dead because they hold no lock between two steps."""
    return [UUID(run.run_id) for run in context.instance.get_runs(RunsFilter(statuses=_GOING_ON), limit=200)]


def triggered_by(context: Context) -> str:
    """Who started the run, as the run ledger shows it."""
    tags = context.run.tags
    automatic = any(
        name in tags
        for name in ("dagster/from_automation_condition", "dagster/sensor_name", "dagster/schedule_name")
    )
    return "dagster automation" if automatic else "dagster"


def _heal(source_run: SourceRun) -> None:
    """A database that crashed between two steps has emptied the unlogged staging: its batches are normalised again."""
    with transaction(source_run.store, "looking after the staging tables") as connection:
        if ensure_staging(connection, source_run.source):
            normalise_again_what_was_lost(connection, source_run.source)


def progress_of(context: Context) -> Progress:
    """Long work says where it is, not at every batch."""
    said: dict[tuple[str, str], float] = {}

    def progress(verb: str, entity: str, done: int) -> None:
        now = time.monotonic()
        if now - said.setdefault((verb, entity), now) >= QUIET:
            said[verb, entity] = now
            context.log.info("%s %s: %d records so far", verb, entity, done)

    return progress


def unread(source_run: SourceRun) -> dict[str, str]:
    """Wire entities that could not be read in this run, with the sentence that says why."""
    return {
        entity: str(row["error"])
        for (verb, entity), row in last_steps(source_run).items()
        if verb == "pull" and row["outcome"] == "failed"
    }


def lost(source_run: SourceRun) -> dict[str, str]:
    """Wire entities of which a landed file is damaged, with the sentence that says which."""
    return {
        entity: str(row["error"])
        for (verb, entity), row in last_steps(source_run).items()
        if verb == "normalise" and row["outcome"] == "failed"
    }


def is_followed(context: dg.AssetExecutionContext, keys: Iterable[dg.AssetKey]) -> bool:
    """Whether this run goes on to any of these assets; a job's run names none and goes on to all."""
    chosen = context.run.asset_selection
    return not chosen or not chosen.isdisjoint(keys)


def conclude(
    source_run: SourceRun, cut_id: int | None = None, certificate: Certificate | None = None
) -> dg.Failure | None:
    """Closes the engine's run; the failure that the last step of a run owes when something could not be read, is held, or is graded C or D.

    The step of a family whose source fails stays green, so that what depends on it goes on with what is there: publishing is
    not blocked by one family. The run itself must be red, and its last step is what can say so without stopping anything.
    """
    missing = lost(source_run) | unread(source_run)
    outcome, why = concluded(
        source_run,
        {entity: SyncError(said) for entity, said in missing.items()},
        None if certificate is None else doubt_of(certificate),
    )
    close_run(source_run.store, source_run.run_id, outcome, why, cut_id)
    if not missing:
        return None if why is None else failure(why)
    done = (
        f"Everything else was published as cut {cut_id}."
        if cut_id is not None
        else "Everything else was read."
    )
    return dg.Failure(
        f"{source_run.source}: {len(missing)} of its streams could not be read whole. {done}\n"
        + "\n".join(dict.fromkeys(missing.values())),
        metadata={"not read": ", ".join(missing), **({"cut": cut_id} if cut_id is not None else {})},
        allow_retries=False,
    )
