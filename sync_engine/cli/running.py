"""`run`: one source, end to end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sync_engine.cli import output
from sync_engine.cli.app import app, command
from sync_engine.cli.output import give, table
from sync_engine.cli.place import open_workshop

if TYPE_CHECKING:
    from rich.console import Console

    from sync_engine.ops.running import Ran
    from sync_engine.store.readings import EntityOutcome

INCOMPLETE = 6
"""Exit code of a run that ended, but partial or held."""


@command(app)
def run(
    source: Annotated[str, typer.Argument(help="Name of the source.")],
    entity: Annotated[
        list[str] | None, typer.Option("--entity", "-e", help="Only this wire entity or family (debtors, documents, ...); may be repeated.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Read everything again, and find what was deleted.")] = False,
    debtor: Annotated[
        str | None, typer.Option("--debtor", help="Only this debtor with its contacts, documents and payments: number, key in the ERP, or id.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait while another run of the source goes on, instead of being refused.")] = False,
    accept_deletes: Annotated[bool, typer.Option("--accept-deletes", help="Believe a sweep that misses more records than the brake allows.")] = False,
    accept_moves: Annotated[bool, typer.Option("--accept-moves", help="Let more debtors change portfolio than the brake allows.")] = False,
) -> None:
    """Pulls what changed in a source, publishes it as one cut, and certifies it."""
    from sync_engine.errors import ConfigurationError
    from sync_engine.ops import looking
    from sync_engine.ops.running import run_source
    from sync_engine.ops.workplace import source_named

    if debtor is not None and (entity or full):
        raise ConfigurationError("--debtor goes with neither --entity nor --full", todo="A debtor is always read whole.")
    config, workshop = source_named(source), open_workshop()
    before = looking.newest_change(workshop.store)
    with output.progress(source) as report:
        ran = run_source(
            workshop, config, entities=tuple(entity or ()), full=full, debtor=debtor, wait=wait,
            accept_held=accept_deletes, accept_moves=accept_moves, progress=report,
        )
    last = looking.last_run(workshop.store, source)
    outcomes = looking.outcomes(workshop.store, last) if last else []
    changes = looking.newest_change(workshop.store) - before
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
        },
        lambda screen: draw(screen, source, ran, outcomes),
    )
    if ran.outcome in ("partial", "held"):
        raise typer.Exit(INCOMPLETE)


def draw(screen: Console, source: str, ran: Ran, outcomes: list[EntityOutcome], *, only_moved: bool = False) -> None:
    """What a run came to: a line per wire entity, the canonical rows written, what a person should look at."""
    lines = [o for o in outcomes if o.entity != "cut" and not (only_moved and o.outcome == "succeeded" and not (o.changed or o.deleted))]
    screen.print(
        table(
            f"Run of {source}: {ran.outcome}",
            ("entity", "outcome", "read", "changed", "quarantined", "excluded", "deleted", "calls", "seconds"),
            [(o.entity, o.outcome, o.read, o.changed, o.quarantined, o.excluded, o.deleted, o.calls, f"{o.seconds:.2f}") for o in lines],
            right=("read", "changed", "quarantined", "excluded", "deleted", "calls", "seconds"),
            nothing="Nothing had changed.",
        )
    )
    if ran.published is not None:
        written = {name: row for name, row in ran.published.counts.items() if any(row.get(k) for k in ("created", "updated", "deleted"))}
        told = ", ".join(f"{name} {' '.join(f'{k} {n:,}' for k, n in row.items() if n)}" for name, row in written.items())
        screen.print(f"Cut {ran.published.cut_id}: {told or 'nothing to write'}.", markup=False)
    for name, error in ran.failures.items():
        screen.print(f"{name} was not read: {error}", style="red", markup=False)
    for warning in ran.warnings:
        screen.print(warning, style="yellow", markup=False)
