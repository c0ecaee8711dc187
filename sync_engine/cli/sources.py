"""`sources`: what is configured, whether it is well, and which companies a login can see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sync_engine.cli import output
from sync_engine.cli.app import app, command, group
from sync_engine.cli.context import open_runtime, open_store
from sync_engine.cli.output import ago, give, table

if TYPE_CHECKING:
    from rich.console import Console

    from sync_engine.ops.sources.doctor import Finding

READABLE = "readable"
"""What connectors say of something that needs no word."""

sources = group(
    "The installations this engine reads: what is configured, whether it is well, which more there are."
)
app.add_typer(sources, name="sources")


@command(sources, "list")
def list_sources() -> None:
    """Every source of the defs folder and of the store, with its last run and its freshness."""
    from sync_engine.ops.inspect import overview
    from sync_engine.ops.runs.environment import configured

    runtime = open_runtime()
    found = overview.sources(runtime.store, configured())
    give(
        {"sources": found},
        lambda screen: screen.print(
            table(
                "Sources",
                ("source", "connector", "role", "schedule", "freshness", "last asked", "last run", "cut"),
                [
                    (
                        s.source,
                        s.connector,
                        s.role,
                        s.schedule,
                        s.freshness,
                        ago(s.age),
                        s.outcome,
                        s.state.cut_id if s.state else None,
                    )
                    for s in found
                ],
                right=("cut",),
                nothing="No source is configured. Write a defs.yaml, see README.",
            )
        ),
    )


@command(sources)
def doctor(
    source: Annotated[
        str | None, typer.Argument(help="Only this source; every configured one when left out.")
    ] = None,
) -> None:
    """Looks at sources from setting to permission: what works, what does not, what is lost without it, what to do.

    The exit code is that of the first thing that is ill; what is merely degraded is no error.
    """
    from sync_engine.ops.runs.environment import configured, source_named
    from sync_engine.ops.sources import doctor as ops
    from sync_engine.platform.clock import SystemClock

    configs = [source_named(source)] if source else list(configured().values())
    place = ops.place()
    store = (
        open_store()
        if all(finding.verdict == "well" for finding in place if finding.about == "database")
        else None
    )
    found = []
    with output.progress("doctor") as report:
        for config in configs:
            report("examining", config.source, 0)
            found.append(ops.examine(config, SystemClock(), store))

    def draw(screen: Console) -> None:
        screen.print(_findings("This installation of the engine", place))
        for one in found:
            screen.print(_findings(f"{one.source}: {one.verdict}", one.findings))

    give(
        {
            "place": place,
            "sources": [{"source": f.source, "verdict": f.verdict, "findings": f.findings} for f in found],
        },
        draw,
    )
    code = next((f.exit_code or 1 for f in place if f.verdict == "ill"), 0) or next(
        (f.exit_code for f in found if f.exit_code), 0
    )
    if code:
        raise typer.Exit(code)


def _findings(title: str, findings: list[Finding]) -> object:
    """What is worst first; what can simply be read is one line."""
    order = {"ill": 0, "unknown": 1, "degraded": 2, "well": 3}
    plain = [f.about for f in findings if f.verdict == "well" and f.detail == READABLE and not f.todo]
    rows = [
        (f.about, f.verdict, f.detail, f.todo)
        for f in sorted(findings, key=lambda f: order[f.verdict])
        if f.about not in plain
    ]
    if plain:
        rows.append((READABLE, "well", ", ".join(plain), ""))
    return table(title, ("what", "state", "detail", "what is lost, what to do"), rows)


@command(sources)
def accept(
    source: Annotated[str, typer.Argument(help="A source that does not offer any more what it offered.")],
    entity: Annotated[
        list[str] | None, typer.Option("--entity", "-e", help="Only this wire entity; may be repeated.")
    ] = None,
    apply: Annotated[
        bool,
        typer.Option("--apply", help="Accept it. Without it, what is missing is shown and nothing changes."),
    ] = False,
    why: Annotated[str | None, typer.Option("--reason", help="Why, for the audit.")] = None,
    by: Annotated[
        str | None, typer.Option("--by", help="Who decides; your login name when left out.")
    ] = None,
) -> None:
    """Shows what a source offered and does not any more; with --apply its runs do without it, and a ledger is read by the next best route."""
    import getpass

    from sync_engine.ops.sources import offers

    store = open_store()
    found = (
        offers.accept(store, source, entity or (), by=by or getpass.getuser(), why=why)
        if apply
        else offers.missing(store, source)
    )
    rows = [(one.entity, one.since, one.why) for one in found]
    said = (
        "Accepted: the next run does without it."
        if apply
        else "Nothing was changed; with --apply the runs do without it."
    )

    def draw(screen: Console) -> None:
        screen.print(
            table(
                f"What {source} offered and does not any more",
                ("entity", "since", "why"),
                rows,
                nothing="Nothing is missing.",
            )
        )
        if found:
            screen.print(said, markup=False)

    give({"source": source, "accepted": apply, "missing": found}, draw)


@command(sources)
def discover(
    source: Annotated[str, typer.Argument(help="A configured source whose login looks around.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing, only tell.")] = False,
) -> None:
    """Finds the companies a login can see and writes a YAML for each that is not configured yet; they share the login and take turns."""
    from sync_engine.ops.runs.environment import configured, source_named
    from sync_engine.ops.sources.discovery import discover as find
    from sync_engine.platform.clock import SystemClock
    from sync_engine.platform.home import defs_folder

    found = find(source_named(source), configured(), defs_folder(), SystemClock(), write=not dry_run)
    give(
        {"companies": found},
        lambda screen: screen.print(
            table(
                f"Companies the login of {source} can see",
                ("environment", "company", "version", "outcome", "source", "file or reason"),
                [(c.environment, c.company, c.version, c.outcome, c.source, c.path or c.why) for c in found],
            )
        ),
    )
