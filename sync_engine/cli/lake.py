"""`lake`: the landed files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sync_engine.cli import output
from sync_engine.cli.app import app, command, group
from sync_engine.cli.context import open_store
from sync_engine.cli.output import give

if TYPE_CHECKING:
    from rich.console import Console

    from sync_engine.ops.runs.lake_verification import Verified

DAMAGED = 5
"""Exit code when a landed file that somebody needs is not what was landed: that of the error a replay would meet."""
SHOWN = 20
lake = group("The landed files: whether each is what was landed.")
app.add_typer(lake, name="lake")


@command(lake)
def verify(
    source: Annotated[
        str | None, typer.Argument(help="Only this source; everything that landed when left out.")
    ] = None,
) -> None:
    """Compares every landed file with the manifest: missing, cut short, altered; and lists files that no batch knows.

    Exit code 5 while living records lie in a damaged file. `sync-engine run SOURCE --full` lands them again.
    """
    from sync_engine.lake import Lake
    from sync_engine.ops.runs.lake_verification import verify as compare
    from sync_engine.platform.home import lake_url

    store = open_store()
    with output.progress("lake") as report:
        found = compare(store, Lake(lake_url()), source, report)
    give({**found._asdict(), "holds": not found.damaged}, lambda screen: _draw(screen, found))
    if found.damaged:
        raise typer.Exit(DAMAGED)


def _draw(screen: Console, found: Verified) -> None:
    for sentence in found.told:
        screen.print(sentence, style="red", markup=False, soft_wrap=True)
    for one in found.lost[:SHOWN]:
        screen.print(
            f"{one.source}: {one.path} {one.damage}; nobody needs it, its records were landed again or replaced.",
            markup=False,
            soft_wrap=True,
        )
    for path in found.orphans[:SHOWN]:
        screen.print(
            f"{path} belongs to no batch: a run that was cut short left it. It is harmless.",
            markup=False,
            soft_wrap=True,
        )
    screen.print(
        f"{found.files:,} landed files: {len(found.damaged):,} damaged and needed, {len(found.lost):,} damaged and not needed; "
        f"{len(found.orphans):,} files of no batch.", markup=False, soft_wrap=True,
    )  # fmt: skip
