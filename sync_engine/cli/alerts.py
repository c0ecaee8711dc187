"""`alerts`: telling people elsewhere what is not well, once per change."""

from __future__ import annotations

from typing import Annotated

import typer

from sync_engine.cli.app import app, command, group
from sync_engine.cli.context import open_store
from sync_engine.cli.output import give, table

alerts = group("What is not well, told where people look: a webhook, Slack, Teams, e-mail.")
app.add_typer(alerts, name="alerts")


@command(alerts)
def send(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be told; nothing is sent or remembered.")
    ] = False,
) -> None:
    """Tells what became stale, failed, held, of another grade or broken since the last time, and what is over, to SYNC_ENGINE_ALERTS."""
    from sync_engine.ops.inspect import alerts as telling
    from sync_engine.ops.runs.environment import configured
    from sync_engine.platform.clock import SystemClock

    store = open_store()
    told = (
        telling.Sent(telling.pending(store, configured()), 0)
        if dry_run
        else telling.send(store, configured(), SystemClock())
    )
    title = "Would be told" if dry_run else f"Told to {told.addresses} addresses"
    give(
        {"alerts": told.alerts, "addresses": told.addresses},
        lambda screen: screen.print(
            table(
                title,
                ("source", "about", "what"),
                [(a.source, a.kind, a.sentence) for a in told.alerts],
                nothing="Nothing has changed since the last time.",
            )
        ),
    )
