"""`outbox`: what waits to be written back, what became of it, and a person's word about it."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_engine.cli import output
from sync_engine.cli.app import app, command, group
from sync_engine.cli.context import open_runtime, open_store
from sync_engine.cli.output import give, shown, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from sync_engine.stages.deliver import Delivered, Planned
    from sync_engine.store.outbox.reading import Row

INCOMPLETE = 6
outbox = group("What is written back to sources: what waits, what was refused and why, a person's word.")
app.add_typer(outbox, name="outbox")
Numbers = Annotated[
    list[int] | None,
    typer.Argument(help="Numbers of the rows, as `outbox list` shows them.", show_default=False),
]
SourceOption = Annotated[
    str | None, typer.Option("--source", "-s", help="All rows of this source that wait for it.")
]
Who = Annotated[
    str | None,
    typer.Option("--as", metavar="WHO", help="Who decides, for the audit; the login name when left out."),
]


@command(outbox, "list")
def list_rows(
    source: Annotated[str | None, typer.Argument(help="Only this source.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what is settled.")] = False,
) -> None:
    """What waits to be written back, is refused, or was sent and has not come back yet."""
    from sync_engine.ops.runs import outbox as ops

    found = ops.listed(open_store(), source, settled=everything)
    give({"outbox": found}, lambda screen: _draw_rows(screen, found))


@command(outbox, "show")
def show_row(number: Annotated[int, typer.Argument(help="Number of the row.")]) -> None:
    """One row: what the record should say, what was answered, when."""
    from sync_engine.ops.runs import outbox as ops

    found = ops.shown(open_store(), number)
    give({"row": found}, lambda screen: _draw_row(screen, found))


@command(outbox)
def approve(numbers: Numbers = None, source: SourceOption = None, who: Who = None) -> None:
    """Lets held writes go out with the next run."""
    _decide("approve", numbers, source, who)


@command(outbox)
def retry(numbers: Numbers = None, source: SourceOption = None, who: Who = None) -> None:
    """Sends refused, discarded or unanswered writes again with the next run; each record is read first."""
    _decide("retry", numbers, source, who)


@command(outbox)
def discard(numbers: Numbers = None, source: SourceOption = None, who: Who = None) -> None:
    """Leaves writes alone until something else is wanted of their records."""
    _decide("discard", numbers, source, who)


@command(outbox)
def deliver(
    source: Annotated[str, typer.Argument(help="Name of the source.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read the records and show each request; send nothing.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait while a run of the source goes on, instead of being refused.")
    ] = False,
) -> None:
    """Writes what waits for a source now, without a run; `run` does it at its end."""
    from sync_engine.ops.runs.environment import source_named
    from sync_engine.ops.runs.outbox import deliver_source

    config, runtime = source_named(source), open_runtime()
    with output.progress(source):
        done = deliver_source(runtime, config, dry_run=dry_run, wait=wait)
    give(
        {"source": source, "delivered": done.figures, "planned": done.planned, "stopped": done.stopped},
        lambda screen: draw_delivered(screen, source, done, dry_run=dry_run),
    )
    if done.refused or done.stopped:
        raise typer.Exit(INCOMPLETE)


def _decide(decision: str, numbers: list[int] | None, source: str | None, who: str | None) -> None:
    from sync_engine.ops.runs import outbox as ops

    found = ops.decided(
        open_store(), decision, by=who or getpass.getuser(), numbers=numbers or (), source=source
    )
    word = {"approve": "approved", "retry": "tried again by the next run", "discard": "left alone"}[decision]
    count = f"{len(found):,} {'write is' if len(found) == 1 else 'writes are'}"
    give({"decided": found}, lambda screen: screen.print(f"{count} {word}.", markup=False))


def draw_delivered(screen: Console, source: str, done: Delivered, *, dry_run: bool = False) -> None:
    """What a delivery came to."""
    if dry_run:
        for one in done.planned:
            _draw_planned(screen, one)
        screen.print("Nothing was sent." if done.planned else f"Nothing waits for {source}.", markup=False)
        return
    said = ", ".join(f"{n:,} {what}" for what, n in done.figures.items() if n)
    screen.print(f"Written back to {source}: {said or 'nothing'}.", markup=False)
    if done.stopped:
        screen.print(done.stopped, style="yellow", markup=False)


def _draw_planned(screen: Console, one: Planned) -> None:
    screen.print(f"{one.outbox_id} {one.entity} {one.key}", style="bold", markup=False)
    if one.request is None:
        screen.print(f"  nothing: {one.why}", markup=False)
        return
    screen.print(f"  {one.request.what} {one.request.where}", markup=False, soft_wrap=True)
    for name, value in one.request.conditions.items():
        screen.print(f"  {name}: {value}", markup=False, soft_wrap=True)
    for name, value in one.request.fields.items():
        screen.print(f"  {name} = {shown(value)}", markup=False, soft_wrap=True)


def _wanted(fields: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}: {shown(value)}" for name, value in fields.items())


def _draw_rows(screen: Console, found: list[Row]) -> None:
    screen.print(
        table(
            "Outbox",
            ("no.", "source", "entity", "record", "state", "wanted", "answer", "attempts", "since"),
            [
                (
                    r.outbox_id,
                    r.source,
                    r.entity,
                    r.record or r.key,
                    "held" if r.state == "pending" and r.strategy == "hold" else r.state,
                    _wanted(r.wanted),
                    r.answer,
                    r.attempts,
                    r.made_at,
                )
                for r in found
            ],
            right=("no.", "attempts"),
            nothing="Nothing waits to be written back.",
        )
    )


def _draw_row(screen: Console, row: Row) -> None:
    screen.print(
        f"{row.source} {row.entity} {row.key} ({row.record or 'of no debtor or contact'}): {row.state}",
        style="bold",
        markup=False,
    )
    screen.print(f"  should say {_wanted(row.wanted)}", markup=False, soft_wrap=True)
    screen.print(
        f"  {row.strategy}; {row.attempts} attempts; since {row.made_at:%Y-%m-%d %H:%M}", markup=False
    )
    for what, at in (("sent", row.sent_at), ("settled", row.settled_at)):
        if at is not None:
            screen.print(f"  {what} at {at:%Y-%m-%d %H:%M}", markup=False)
    if row.decided_by:
        screen.print(f"  decided by {row.decided_by}", markup=False)
    if row.answer:
        screen.print(f"  {row.source} said: {row.answer}", markup=False, soft_wrap=True)
