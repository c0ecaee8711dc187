"""`hints`: notifications of sources that wake their lanes before the schedule does. Polling stays the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sync_engine.cli.app import app, command, group
from sync_engine.cli.output import give, say, table

if TYPE_CHECKING:
    from rich.console import Console

    from sync_engine.ops.sources.webhooks import Subscription

hints = group(
    "Notifications of sources that wake their lanes before the schedule does; what they tell is always read, never believed."
)
app.add_typer(hints, name="hints")


@command(hints)
def serve(
    host: Annotated[
        str,
        typer.Option(
            "--host", help="Address to listen on; the proxy in front of it speaks https to the world."
        ),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port to listen on.")] = 8099,
) -> None:
    """Receives notifications for every source whose YAML has connection.hints, and keeps their subscriptions alive. Runs until stopped."""
    from sync_engine.ops.runs.environment import configured
    from sync_engine.ops.sources import webhooks
    from sync_engine.platform.clock import SystemClock

    configs, clock = configured(), SystemClock()
    with webhooks.listening(webhooks.application(webhooks.receivers(configs, clock)), host, port) as address:
        say(f"Listening at {address}. Dagster's sensors of the sources start their lanes.")
        while True:
            for one in webhooks.subscribe(configs, clock):
                if one.outcome != "kept":
                    say(f"{one.source} {one.resource}: {one.outcome} {one.why}".rstrip())
            clock.sleep(webhooks.RENEW_EVERY)


@command(hints)
def subscribe() -> None:
    """Makes and renews the subscriptions now. The receiver must be reachable: the source asks it at once. `hints serve` does it by itself."""
    from sync_engine.ops.runs.environment import configured
    from sync_engine.ops.sources import webhooks
    from sync_engine.platform.clock import SystemClock

    found = webhooks.subscribe(configured(), SystemClock())
    give({"subscriptions": found}, lambda screen: _draw(screen, found))
    if any(one.outcome == "refused" for one in found):
        raise typer.Exit(6)


def _draw(screen: Console, found: list[Subscription]) -> None:
    rows = [(one.source, one.resource, one.outcome, one.why) for one in found]
    screen.print(
        table(
            "Subscriptions",
            ("source", "resource", "outcome", "why"),
            rows,
            nothing="No source asks for notifications (connection.hints).",
        )
    )
