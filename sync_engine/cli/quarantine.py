"""`quarantine`: records that could not be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sync_engine.cli.app import app, command, group
from sync_engine.cli.context import open_store
from sync_engine.cli.output import give, table

if TYPE_CHECKING:
    from rich.console import Console

records = group("Records that could not be used: which, why, and trying them again.")
app.add_typer(records, name="quarantine")
SourceOption = Annotated[str | None, typer.Option("--source", "-s", help="Only this source.")]
EntityOption = Annotated[str | None, typer.Option("--entity", "-e", help="Only this wire entity or family.")]


@command(records, "list")
def list_records(
    source: Annotated[str | None, typer.Argument(help="Only this source.")] = None,
    entity: EntityOption = None,
    each: Annotated[
        bool,
        typer.Option(
            "--each", help="A line for every record, oldest first, also for those that only wait for another."
        ),
    ] = False,
) -> None:
    """Everything in quarantine by its cause: what cannot be used and what waits for it, told once."""
    from sync_engine.ops.runs.quarantine import quarantined, told_once

    store = open_store()
    found, causes = quarantined(store, source, entity), told_once(store, source, entity)

    def draw(screen: Console) -> None:
        screen.print(
            table(
                "Quarantine",
                ("no.", "source", "entity", "key", "why", "waiting for it", "attempts", "since", "retry"),
                [
                    (
                        c.quarantine_id,
                        c.source,
                        c.entity,
                        c.key,
                        c.message,
                        c.waits or None,
                        c.attempts,
                        c.since,
                        c.retry_requested,
                    )
                    for c in causes
                ],
                right=("no.", "attempts"),
                nothing="Nothing is in quarantine.",
            )
        )

    def draw_each(screen: Console) -> None:
        screen.print(
            table(
                "Quarantine",
                ("no.", "source", "entity", "key", "stage", "why", "attempts", "since", "retry"),
                [
                    (
                        r.quarantine_id,
                        r.source,
                        r.entity,
                        r.key,
                        r.stage,
                        r.message,
                        r.attempts,
                        r.first_at,
                        r.retry_requested,
                    )
                    for r in found
                ],
                right=("no.", "attempts"),
                nothing="Nothing is in quarantine.",
            )
        )

    give({"quarantine": found, "causes": causes}, draw_each if each else draw)


@command(records)
def show(
    key: Annotated[str, typer.Argument(help="The record's key, or its number in the list.")],
    record: Annotated[
        bool,
        typer.Option("--record", help="Also what the source sent, as landed; it may hold personal data."),
    ] = False,
) -> None:
    """One record: what is wrong with it, since when, and what would help."""
    from sync_engine.lake import Lake
    from sync_engine.ops.runs import quarantine
    from sync_engine.platform.home import lake_url

    found = quarantine.show(open_store(), Lake(lake_url()), key, with_payload=record)

    def draw(screen: Console) -> None:
        for one, payload, lost in found:
            screen.print(
                f"{one.source} {one.entity} {one.key}: {one.error} in {one.stage}", style="bold", markup=False
            )
            screen.print(f"  {one.message}", markup=False)
            screen.print(
                f"  {one.attempts} attempts from {one.first_at:%Y-%m-%d %H:%M} to {one.last_at:%Y-%m-%d %H:%M}; landed in {one.path or 'no file'}",
                markup=False,
            )
            if payload is not None:
                screen.print(payload, markup=False, soft_wrap=True)
            if lost is not None:
                screen.print(
                    f"  What the source sent is lost: {lost}", style="red", markup=False, soft_wrap=True
                )

    give({"quarantine": found}, draw)


@command(records)
def retry(
    key: Annotated[
        str | None,
        typer.Argument(
            help="The record's key or its number in the list; every record that fits the options when left out."
        ),
    ] = None,
    source: SourceOption = None,
    entity: EntityOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Every record in quarantine.")] = False,
) -> None:
    """Lets the next run try records again, without waiting for the record, its parent or the mapping to change."""
    from sync_engine.ops.runs import quarantine

    found = quarantine.retry(open_store(), key=key, source=source, entity=entity, everything=everything)
    names = sorted({r.source for r in found})
    give(
        {"retried": found},
        lambda screen: screen.print(
            f"{len(found):,} records are tried again by the next run: {', '.join(f'sync-engine run {n}' for n in names)}",
            markup=False,
        ),
    )
