"""`links`: who is who. Every decision is planned first; `links apply HASH` does exactly what the plan showed."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sync_engine.cli.app import app, command, group
from sync_engine.cli.context import open_runtime
from sync_engine.cli.output import give
from sync_engine.cli.plans import answer, counted, draw_sections, tell

if TYPE_CHECKING:
    from rich.console import Console

    from sync_engine.ops.decisions.plan_view import Kept

links_group = group(
    "Who is who: source records and the canonical records they mean. A decision is planned, looked at, and applied by its hash."
)
app.add_typer(links_group, name="links")
Entity = Literal["debtor", "contact"]
EntityOption = Annotated[Entity, typer.Option("--entity", "-e", help="debtor or contact.")]
Who = Annotated[
    str | None,
    typer.Option("--as", metavar="WHO", help="Who decides, for the audit; the login name when left out."),
]
Why = Annotated[str | None, typer.Option("--why", help="Why, for the audit.")]
Now = Annotated[bool, typer.Option("--apply", help="Apply at once what was planned.")]
Force = Annotated[bool, typer.Option("--force", help="Although a veto speaks against it.")]
Source = Annotated[str, typer.Argument(help="The source of the record.", show_default=False)]
Key = Annotated[str, typer.Argument(help="The record's id in its source.", show_default=False)]
Record = Annotated[
    str,
    typer.Argument(help="A canonical record: id, number, a source's id, or exact name.", show_default=False),
]


@command(links_group, "plan")
def plan_source(source: Source, entity: EntityOption = "debtor", who: Who = None) -> None:
    """What the rules would do with everything a source holds unlinked: the gate to mode automatic, and the dry run of an import."""
    from sync_engine.ops.decisions import links
    from sync_engine.ops.runs import environment

    runtime = open_runtime()
    answer(
        runtime,
        links.go_automatic(
            runtime, environment.source_named(source), entity=entity, by=who or getpass.getuser()
        ),
        who,
        None,
        now=False,
    )


@command(links_group, "apply")
def apply_plan(
    plan_hash: Annotated[str, typer.Argument(metavar="HASH", help="The hash of a plan, or its first characters.", show_default=False)],
    who: Who = None, why: Why = None, wait: Annotated[bool, typer.Option("--wait", help="Wait for a run that is going on.")] = False,
) -> None:  # fmt: skip
    """Does exactly what a plan showed, or refuses and says what has moved."""
    from sync_engine.ops.decisions.plan import apply

    done = apply(open_runtime(), plan_hash, by=who or getpass.getuser(), why=why, wait=wait)
    tell(done, applied=True)


@command(links_group)
def show(
    plan_hash: Annotated[
        str,
        typer.Argument(
            metavar="HASH", help="The hash of a plan, or its first characters.", show_default=False
        ),
    ],
) -> None:
    """A plan as it was shown when it was made, by the command line or by a Dagster job; and what became of it."""
    from sync_engine.ops.decisions.plan_view import kept

    found = kept(open_runtime(), plan_hash)
    give(found, lambda screen: _draw_kept(screen, found))


def _draw_kept(screen: Console, found: Kept) -> None:
    draw_sections(screen, found.plan)
    screen.print(
        ", ".join(counted(n, what) for what, n in found.plan.counts.items() if n) or "It changes nothing.",
        markup=False,
    )
    became = (
        f"applied by {found.applied_by} at {found.applied_at:%Y-%m-%d %H:%M} UTC"
        if found.applied_at
        else "not applied"
    )
    undone = f", undone by plan {found.undone_by[:12]}" if found.undone_by else ""
    screen.print(f"Plan {found.plan.hash}, made by {found.made_by}: {became}{undone}.", markup=False)


@command(links_group)
def link(
    source: Source,
    key: Key,
    to: Record,
    entity: EntityOption = "debtor",
    force: Force = False,
    now: Now = False,
    who: Who = None,
    why: Why = None,
) -> None:
    """This source record means that canonical record."""
    from sync_engine.ops.decisions import links

    runtime = open_runtime()
    answer(
        runtime,
        links.link(runtime, source, key, to, entity=entity, force=force, by=who or getpass.getuser()),
        who,
        why,
        now,
    )


@command(links_group)
def relink(
    source: Source,
    key: Key,
    to: Record,
    entity: EntityOption = "debtor",
    force: Force = False,
    now: Now = False,
    who: Who = None,
    why: Why = None,
) -> None:
    """Moves a source record to another canonical record; its documents and contacts go along."""
    link(source, key, to, entity, force, now, who, why)


@command(links_group)
def unlink(
    source: Source,
    key: Key,
    entity: EntityOption = "debtor",
    now: Now = False,
    who: Who = None,
    why: Why = None,
) -> None:
    """This source record does not mean what it is linked to."""
    from sync_engine.ops.decisions import links

    runtime = open_runtime()
    answer(
        runtime,
        links.unlink(runtime, source, key, entity=entity, by=who or getpass.getuser()),
        who,
        why,
        now,
    )


@command(links_group)
def merge(
    losing: Record,
    into: Record,
    entity: EntityOption = "debtor",
    force: Force = False,
    now: Now = False,
    who: Who = None,
    why: Why = None,
) -> None:
    """Two canonical records are one."""
    from sync_engine.ops.decisions import links

    runtime = open_runtime()
    answer(
        runtime,
        links.merge(runtime, losing, into, entity=entity, force=force, by=who or getpass.getuser()),
        who,
        why,
        now,
    )


@command(links_group)
def unmerge(
    record: Record, entity: EntityOption = "debtor", now: Now = False, who: Who = None, why: Why = None
) -> None:
    """A record that was merged away stands for itself again."""
    from sync_engine.ops.decisions import links

    runtime = open_runtime()
    answer(runtime, links.unmerge(runtime, record, entity=entity, by=who or getpass.getuser()), who, why, now)


@command(links_group, "not-the-same")
def not_the_same(
    source: Source,
    key: Key,
    record: Record,
    entity: EntityOption = "debtor",
    now: Now = False,
    who: Who = None,
    why: Why = None,
) -> None:
    """No rule ever links this source record to that canonical record."""
    from sync_engine.ops.decisions import links

    runtime = open_runtime()
    answer(
        runtime,
        links.not_the_same(runtime, source, key, record, entity=entity, by=who or getpass.getuser()),
        who,
        why,
        now,
    )


@command(links_group)
def adopt(
    source: Source,
    key: Key,
    record: Record,
    entity: EntityOption = "debtor",
    now: Now = False,
    who: Who = None,
    why: Why = None,
) -> None:
    """Links what a suggestion proposed, and keeps its score as evidence."""
    from sync_engine.ops.decisions import links

    runtime = open_runtime()
    answer(
        runtime,
        links.adopt(runtime, source, key, record, entity=entity, by=who or getpass.getuser()),
        who,
        why,
        now,
    )


@command(links_group)
def bulk(file: Annotated[Path, typer.Argument(help="CSV: source, external_id, to; and where wanted action and entity.", show_default=False)],
         now: Now = False, who: Who = None, why: Why = None) -> None:  # fmt: skip
    """Many decisions from a file: one plan, one transaction."""
    from sync_engine.ops.decisions import links

    runtime = open_runtime()
    answer(runtime, links.bulk(runtime, file, by=who or getpass.getuser()), who, why, now)


@command(links_group)
def pin(
    record: Record, field: Annotated[str, typer.Argument(help="The field.")],
    value: Annotated[str | None, typer.Argument(help="The value; left out: empty.")] = None,
    entity: EntityOption = "debtor", until: Annotated[str | None, typer.Option("--until", help="Last day it holds, as 2026-12-31.")] = None,
    until_source_changes: Annotated[bool, typer.Option("--until-source-changes", help="Until a source says something else.")] = False,
    now: Now = False, who: Who = None, why: Why = None,
) -> None:  # fmt: skip
    """A field has this value, whatever the sources say."""
    from sync_engine.ops.decisions import links, names

    last = names.day(until) if until else None
    runtime = open_runtime()
    planned = links.pin(
        runtime,
        record,
        field,
        value,
        entity=entity,
        until=last,
        until_source_changes=until_source_changes,
        by=who or getpass.getuser(),
    )
    answer(runtime, planned, who, why, now)


@command(links_group)
def unpin(
    record: Record,
    field: Annotated[str, typer.Argument(help="The field.")],
    entity: EntityOption = "debtor",
    now: Now = False,
    who: Who = None,
    why: Why = None,
) -> None:
    """The sources decide about a field again."""
    from sync_engine.ops.decisions import links

    runtime = open_runtime()
    answer(
        runtime,
        links.unpin(runtime, record, field, entity=entity, by=who or getpass.getuser()),
        who,
        why,
        now,
    )


@command(links_group)
def undo(
    plan_hash: Annotated[str, typer.Argument(metavar="HASH", help="The applied plan; the latest when left out.")] = "last",
    now: Now = False, who: Who = None, why: Why = None,
) -> None:  # fmt: skip
    """Takes an applied plan back: the state from before it."""
    from sync_engine.ops.decisions import links

    runtime = open_runtime()
    answer(runtime, links.undo(runtime, plan_hash, by=who or getpass.getuser()), who, why, now)
