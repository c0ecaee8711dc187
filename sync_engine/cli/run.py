"""`run`: one source, end to end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_engine.cli import output
from sync_engine.cli.app import app, command
from sync_engine.cli.context import open_runtime
from sync_engine.cli.output import give, shown, table

if TYPE_CHECKING:
    from rich.console import Console

    from sync_engine.config import SourceConfig
    from sync_engine.ops.runs.rehearsal import Rehearsed
    from sync_engine.ops.runs.source_run import Ran, Runtime
    from sync_engine.store.controls import Check
    from sync_engine.store.queries.receivables import Change
    from sync_engine.store.queries.source_status import EntityOutcome

INCOMPLETE = 6
"""Exit code of a run that ended, but partial or held."""
NOISE = ("source_modified_at",)
"""Fields that say only that something else changed."""


@command(app)
def run(
    source: Annotated[str, typer.Argument(help="Name of the source.")],
    entity: Annotated[
        list[str] | None,
        typer.Option(
            "--entity",
            "-e",
            help="Only this wire entity or family (debtors, documents, ...); may be repeated.",
        ),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Read everything again, and find what was deleted.")
    ] = False,
    debtor: Annotated[
        str | None,
        typer.Option(
            "--debtor",
            help="Only this debtor with its contacts, documents and payments: number, key in the ERP, or id.",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Change nothing: with --debtor show what would change, else what a first run would do with the debtors.",
        ),
    ] = False,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait", help="Wait while another run of the source goes on, instead of being refused."
        ),
    ] = False,
    accept_deletes: Annotated[
        bool,
        typer.Option(
            "--accept-deletes", help="Believe a sweep that misses more records than the brake allows."
        ),
    ] = False,
    accept_moves: Annotated[
        bool, typer.Option("--accept-moves", help="Let more debtors change portfolio than the brake allows.")
    ] = False,
) -> None:
    """Pulls what changed in a source, publishes it as one cut, and certifies it."""
    from sync_engine.errors import ConfigurationError
    from sync_engine.ops.inspect import overview
    from sync_engine.ops.runs.environment import source_named
    from sync_engine.ops.runs.source_run import run_source

    if debtor is not None and (entity or full):
        raise ConfigurationError(
            "--debtor goes with neither --entity nor --full", todo="A debtor is always read whole."
        )
    if dry_run and (entity or full):
        raise ConfigurationError(
            "--dry-run goes with neither --entity nor --full",
            todo="Alone it plans a first run, with --debtor it rehearses one debtor.",
        )
    config, runtime = source_named(source), open_runtime()
    if dry_run:
        if debtor is None:
            _plan(runtime, config, wait=wait)
        else:
            _rehearse(runtime, config, debtor, wait=wait)
        return
    before = overview.newest_change(runtime.store)
    with _since_when_told(runtime, source), output.progress(source) as report:
        ran = run_source(
            runtime,
            config,
            entities=tuple(entity or ()),
            full=full,
            debtor=debtor,
            wait=wait,
            accept_deletes=accept_deletes,
            accept_moves=accept_moves,
            progress=report,
        )
    last = overview.last_run(runtime.store, source)
    outcomes = overview.outcomes(runtime.store, last) if last else []
    changes = overview.newest_change(runtime.store) - before
    give(
        {
            "source": source,
            "run_id": ran.run_id,
            "outcome": ran.outcome,
            "cut_id": ran.published.cut_id if ran.published else None,
            "changes": changes,
            "counts": ran.published.counts if ran.published else {},
            "entities": outcomes,
            "failures": ran.failures,
            "warnings": ran.warnings,
            "notes": ran.notes,
            "untold": ran.untold,
            "delivered": ran.delivered.figures,
            **_proof(ran),
        },
        lambda screen: draw(screen, source, ran, outcomes),
    )
    if ran.outcome in ("partial", "held"):
        raise typer.Exit(INCOMPLETE)


@contextmanager
def _since_when_told(runtime: Runtime, source: str) -> Iterator[None]:
    """Beside the error of a run that is not the first to fail: since when that is so."""
    from sync_engine.errors import SyncError
    from sync_engine.ops.inspect import overview

    try:
        yield
    except SyncError:
        with suppress(SyncError):
            failing = overview.failing(runtime.store, source)
            if failing is not None and failing.runs > 1:
                output.say(f"{failing.for_how_long}.")
        raise


def _proof(ran: Ran) -> dict[str, Any]:
    """The certificate in short: its grade, how much was checked, whether money tied, what is missing."""
    made = ran.certificate
    if made is None:
        return {"grade": None, "answered": None, "checks": None, "money_tied": None, "missing": None}
    missing = made.missing
    return {
        "grade": made.grade,
        "answered": made.answered,
        "checks": len(made.counting),
        "money_tied": made.money_tied,
        "missing": missing.difference if missing else None,
    }


def _plan(runtime: Runtime, config: SourceConfig, *, wait: bool) -> None:
    from sync_engine.cli.first_run import draw_first_run
    from sync_engine.ops.runs.first_run import plan_first_run

    with output.progress(config.source) as report:
        found = plan_first_run(runtime, config, wait=wait, progress=report)
    give(found, lambda screen: draw_first_run(screen, found))


def _rehearse(runtime: Runtime, config: SourceConfig, debtor: str, *, wait: bool) -> None:
    from sync_engine.ops.runs.rehearsal import rehearse_debtor

    with output.progress(config.source) as report:
        found = rehearse_debtor(runtime, config, debtor, wait=wait, progress=report)
    give(found, lambda screen: _draw_rehearsed(screen, found))


def _draw_rehearsed(screen: Console, found: Rehearsed) -> None:
    asked = ", ".join(f"{entity} {n:,}" for entity, n in found.read.items() if n)
    screen.print(
        f"{found.source} was asked for debtor {found.debtor}: {asked or 'it knows nothing of it'}.",
        markup=False,
    )
    draw_changes(screen, found.changes, title="What a resync would change")
    for warning in found.warnings:
        screen.print(warning, style="yellow", markup=False)
    screen.print("Nothing was changed; without --dry-run it is.", markup=False)


@command(app)
def replay(
    source: Annotated[str, typer.Argument(help="Name of the source.")],
    entity: Annotated[
        list[str] | None,
        typer.Option("--entity", "-e", help="Only this wire entity or family; may be repeated."),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait while a run of the source goes on, instead of being refused.")
    ] = False,
    accept_moves: Annotated[
        bool, typer.Option("--accept-moves", help="Let more debtors change portfolio than the brake allows.")
    ] = False,
) -> None:
    """Normalises what was landed again and publishes it, without asking the source. Where nothing differs nothing is written."""
    from sync_engine.ops.inspect import overview
    from sync_engine.ops.runs.environment import source_named
    from sync_engine.ops.runs.replay import replay_source

    config, runtime = source_named(source), open_runtime()
    before = overview.newest_change(runtime.store)
    with output.progress(source) as report:
        ran = replay_source(
            runtime,
            config,
            entities=tuple(entity or ()),
            wait=wait,
            accept_moves=accept_moves,
            progress=report,
        )
    changes = overview.changes_since(runtime.store, before)
    cut = ran.published.cut_id if ran.published else None
    give(
        {
            "source": source,
            "run_id": ran.run_id,
            "outcome": ran.outcome,
            "cut_id": cut,
            "changes": changes,
            "failures": ran.failures,
            "warnings": ran.warnings,
        },
        lambda screen: _draw_replayed(screen, ran, changes),
    )
    if ran.outcome in ("held", "partial"):
        raise typer.Exit(INCOMPLETE)


def _draw_replayed(screen: Console, ran: Ran, changes: list[Change]) -> None:
    draw_changes(screen, changes)
    for name, error in ran.failures.items():
        screen.print(f"{name} was not read whole: {error}", style="red", markup=False, soft_wrap=True)
    for warning in ran.warnings:
        screen.print(warning, style="yellow", markup=False)


def draw(
    screen: Console, source: str, ran: Ran, outcomes: list[EntityOutcome], *, only_moved: bool = False
) -> None:
    """What a run came to: a line per wire entity, the canonical rows written, what a person should look at."""
    lines = [
        o
        for o in outcomes
        if o.entity != "cut"
        and not (only_moved and o.outcome == "succeeded" and not (o.changed or o.deleted))
    ]
    screen.print(
        table(
            f"Run of {source}: {ran.outcome}",
            (
                "entity",
                "outcome",
                "read",
                "changed",
                "quarantined",
                "excluded",
                "deleted",
                "calls",
                "seconds",
            ),
            [
                (
                    o.entity,
                    o.outcome,
                    o.read,
                    o.changed,
                    o.quarantined,
                    o.excluded,
                    o.deleted,
                    o.calls,
                    f"{o.seconds:.2f}",
                )
                for o in lines
            ],
            right=("read", "changed", "quarantined", "excluded", "deleted", "calls", "seconds"),
            nothing="Nothing had changed.",
        )
    )
    if ran.published is not None:
        written = {
            name: row
            for name, row in ran.published.counts.items()
            if any(row.get(k) for k in ("created", "updated", "deleted"))
        }
        told = ", ".join(
            f"{name} {' '.join(f'{k} {n:,}' for k, n in row.items() if n)}" for name, row in written.items()
        )
        screen.print(f"Cut {ran.published.cut_id}: {told or 'nothing to write'}.", markup=False)
    if ran.delivered.is_anything:
        from sync_engine.cli.outbox import draw_delivered

        draw_delivered(screen, source, ran.delivered)
    for name, error in ran.failures.items():
        screen.print(f"{name} was not read: {error}", style="red", markup=False, soft_wrap=True)
    for sentence in dict.fromkeys(ran.notes.values()):
        about = ", ".join(entity for entity, said in ran.notes.items() if said == sentence)
        screen.print(f"Note: {about}: {sentence}.", style="yellow", markup=False)
    for note in ran.untold:
        screen.print(f"Note: {note}", style="yellow", markup=False)
    for warning in ran.warnings:
        screen.print(warning, style="yellow", markup=False)
    if ran.certificate is not None:
        screen.print(
            ran.certificate.sentence, style="red" if ran.certificate.is_trouble else "", markup=False
        )
        _draw_missing(screen, ran.certificate.missing)


def _draw_missing(screen: Console, check: Check | None) -> None:
    if check is None or check.verdict == "holds":
        return
    for sentence in (*((check.note,) if check.note else ()), *check.figures["causes"][:5]):
        screen.print(f"{check.code}: {sentence}", style="yellow", markup=False)


def draw_changes(
    screen: Console, found: list[Change], *, title: str = "What changed, from canonical.change"
) -> None:
    """The change feed, a line per record: what it was, what it is."""
    records: dict[tuple[str, Any], list[Change]] = {}
    for change in found:
        records.setdefault((change.entity, change.record_id), []).append(change)
    rows = []
    for (entity, _), changes in records.items():
        ops = "+".join(dict.fromkeys(c.op for c in changes))
        what = "; ".join(
            f"{c.field}: {_brief(c.old)} -> {_brief(c.new)}"
            for c in changes
            if c.field and c.field not in (*NOISE, "deleted_at")
        )
        rows.append((entity, changes[0].record, ops, what))
    if not rows:
        screen.print(f"{title}: nothing.", markup=False)
        return
    screen.print(
        table(
            f"{title}: {len(found)} rows about {len(records)} records",
            ("entity", "record", "op", "fields"),
            rows,
        )
    )


def _brief(value: Any) -> str:
    text = shown(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
