"""`links parent`, `links group` and `links groups`: who stands under whom, who shares a credit limit, how much of it is used."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from sync_engine.cli.app import command
from sync_engine.cli.context import open_runtime
from sync_engine.cli.links import Now, Record, Who, Why, links_group
from sync_engine.cli.output import give, table
from sync_engine.cli.plans import answer


@command(links_group)
def parent(
    debtor: Record,
    above: Annotated[str | None, typer.Argument(help="The parent; left out: none.")] = None,
    now: Now = False,
    who: Who = None,
    why: Why = None,
) -> None:
    """A debtor stands under another one. A circle is refused."""
    from sync_engine.ops.decisions import groups

    runtime = open_runtime()
    answer(runtime, groups.set_parent(runtime, debtor, above, by=who or getpass.getuser()), who, why, now)


@command(links_group)
def group(
    name: Annotated[str, typer.Argument(help="Name of the group; made when there is none of this name.", show_default=False)],
    add: Annotated[list[str] | None, typer.Option("--add", metavar="DEBTOR", help="A debtor that joins; may be repeated.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", metavar="DEBTOR", help="A debtor that leaves; may be repeated.")] = None,
    limit: Annotated[str | None, typer.Option("--limit", metavar="AMOUNT", help="Limit of all members together, in base currency; `none`: no limit.")] = None,
    top: Annotated[str | None, typer.Option("--top", metavar="DEBTOR", help="The debtor at the top.")] = None,
    dissolve: Annotated[bool, typer.Option("--dissolve", help="The group is no more.")] = False,
    now: Now = False, who: Who = None, why: Why = None,
) -> None:  # fmt: skip
    """A group of debtors with one credit limit: made, changed by what is given, or dissolved."""
    from sync_engine.ops.decisions import groups, names

    runtime = open_runtime()
    planned = groups.set_group(
        runtime, name, credit_limit=names.limit(limit), top_debtor=top, members=add or (),
        leaving=remove or (), dissolve=dissolve, by=who or getpass.getuser(),
    )  # fmt: skip
    answer(runtime, planned, who, why, now)


@command(links_group, "groups")
def list_groups(
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DATE", help="Exposure on this day; today when left out.")
    ] = None,
) -> None:
    """Every group: its members' exposure, its limit, and how much of it is used."""
    from sync_engine.ops.decisions import groups, names

    runtime = open_runtime()
    found = groups.utilisation(runtime, names.day(as_of) if as_of else runtime.clock.now().date())
    give({"groups": found}, lambda screen: screen.print(table("Groups", ("group", "members", "exposure", "limit", "used", ""), [
        (g.name, g.members, g.exposure, g.credit_limit, "" if g.utilisation is None else f"{g.utilisation:.0%}", (g.flag or "").replace("_", " "))
        for g in found
    ], right=("members", "exposure", "limit", "used"), nothing="There is no group.")))  # fmt: skip
