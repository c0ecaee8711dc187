"""`erase`: a person leaves the database and the lake, and does not come back with the next run."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from sync_engine.cli.app import app, command, group
from sync_engine.cli.context import open_runtime
from sync_engine.cli.output import give, table

if TYPE_CHECKING:
    from rich.console import Console

    from sync_engine.ops.erase import Erased, ErasePlan

erase = group("Takes a person out of everything the engine keeps, by plan and hash.")
app.add_typer(erase, name="erase")


@command(erase)
def contact(
    person: Annotated[
        str, typer.Argument(help="Id, number, key in the ERP, exact name or e-mail.", show_default=False)
    ],
    apply: Annotated[
        str | None,
        typer.Option(
            "--apply", metavar="HASH", help="Carry out the plan with this hash; there is no way back."
        ),
    ] = None,
    because: Annotated[
        str, typer.Option("--because", help="Which request this answers. It is kept: no personal data.")
    ] = "",
    by: Annotated[str | None, typer.Option("--by", help="Who decides; your account when left out.")] = None,
) -> None:
    """Erases a contact: rows, claims, landed records, quarantine, decisions, inbox, audit values. Without --apply it shows the plan."""
    from sync_engine.ops import erase as erasing

    runtime = open_runtime()
    if apply is None:
        planned = erasing.plan(runtime, person)
        give(planned, lambda screen: _draw_plan(screen, planned))
        return
    done = erasing.apply(runtime, person, apply, by=by or getpass.getuser(), why=because)
    give(done, lambda screen: _draw_done(screen, done))


def _draw_plan(screen: Console, planned: ErasePlan) -> None:
    screen.print(
        table(
            f"Records of contact {planned.record_id}",
            ("source and entity", "records"),
            list(planned.records.items()),
        )
    )
    screen.print(
        f"{planned.files:,} landed files would be written again, {planned.audit_rows:,} rows of the audit emptied. Nothing was changed.\n"
        f"Carry it out with --apply {planned.hash[:12]} --because '...'; there is no way back.",
        markup=False,
        soft_wrap=True,
    )


def _draw_done(screen: Console, done: Erased) -> None:
    screen.print(
        table(f"Erased of contact {done.plan.record_id}", ("where", "rows"), list(done.rows.items()))
    )
    screen.print(f"{done.files:,} landed files were written again.", markup=False)
    for where, n in done.in_sources.items():
        screen.print(f"The source still holds {n:,} records: {where}. They are not read again.", markup=False)
    for where, n in done.elsewhere.items():
        screen.print(
            f"Named in {n:,} other records: {where}. Correct them in the source.",
            style="yellow",
            markup=False,
        )
