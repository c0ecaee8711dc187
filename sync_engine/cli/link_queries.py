"""`links`: what may be the same, what waits for a person, and what was decided."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sync_engine.cli.app import command
from sync_engine.cli.context import open_runtime
from sync_engine.cli.links import EntityOption, Source, links_group
from sync_engine.cli.output import give, table
from sync_engine.cli.plans import counted

if TYPE_CHECKING:
    from rich.console import Console

    from sync_engine.ops.decisions.duplicates import Pair

SHOWN = 50
"""Pairs a person is shown; --json has all."""


@command(links_group)
def suggestions(
    source: Source,
    entity: EntityOption = "debtor",
    limit: Annotated[int, typer.Option("--limit", help="At most this many.")] = 50,
) -> None:
    """The likest canonical records of what is not linked, with a score. Never a link; see `links adopt`."""
    from sync_engine.ops.decisions.suggestions import suggestions as suggest

    found = suggest(open_runtime(), source, entity=entity)
    give({"suggestions": found}, lambda screen: screen.print(table("Suggestions", ("record", "name", "may mean", "number", "named", "score", "because"), [
        (s.key, s.name, s.record, s.number, s.label, f"{s.score:.2f}", ", ".join(f"{k} {v:.2f}" for k, v in s.evidence.items())) for s in found[:limit]
    ], right=("score",), nothing="Nothing looks alike.")))  # fmt: skip


@command(links_group)
def duplicates(
    source: Source,
    threshold: Annotated[
        float, typer.Option("--from", min=0, max=1, help="Likenesses below this are left out.")
    ] = 0.85,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", metavar="FILE", help="Write them as merges, for `links bulk`; take out what is not meant."
        ),
    ] = None,
) -> None:
    """Debtors of one source that may be the same company, the surest first. Never a merge; see `links merge` and `links bulk`."""
    from sync_engine.ops.decisions.duplicates import find_duplicates, write_merges

    found = find_duplicates(open_runtime(), source, threshold)
    if to is not None:
        write_merges(found, to)
    give({"duplicates": found}, lambda screen: _draw_duplicates(screen, found, to))


def _draw_duplicates(screen: Console, found: list[Pair], to: Path | None) -> None:
    screen.print(
        table(
            "May be the same",
            ("debtor", "and", "score", "because"),
            [
                (
                    p.first.called,
                    p.second.called,
                    f"{p.score:.2f}",
                    ", ".join(f"{k} {v:.2f}" for k, v in p.evidence.items()),
                )
                for p in found[:SHOWN]
            ],
            right=("score",),
            nothing="No two look alike.",
        )
    )
    if len(found) > SHOWN:
        screen.print(f"and {len(found) - SHOWN:,} more; --json has all.", markup=False)
    if to is not None:
        screen.print(
            f"{counted(len(found), 'merges')} written to {to}; plan them with `sync-engine links bulk {to}`.",
            markup=False,
        )


@command(links_group)
def cases(source: Annotated[str | None, typer.Argument(help="Only this source.")] = None) -> None:
    """Records the rules left to people: several candidates, or a veto."""
    from sync_engine.ops.decisions.links import cases as waiting

    found = waiting(open_runtime(), source)
    give({"cases": found}, lambda screen: screen.print(table("For a person", ("source", "record", "outcome", "rung", "candidates", "why", "since"), [
        (c["source"], c["key"], c["outcome"], c["rung"], ", ".join(c["candidates"]),
         c["evidence"].get("why") or "; ".join(sorted(set(c["vetoed"].values()))), c["first_at"])
        for c in found[:300]
    ], nothing="Nothing waits.")))  # fmt: skip


@command(links_group)
def history(limit: Annotated[int, typer.Option("--limit", help="At most this many.")] = 20) -> None:
    """What was applied, latest first."""
    from sync_engine.ops.decisions.links import history as applied

    found = applied(open_runtime(), limit)
    give({"history": found}, lambda screen: screen.print(table("Decisions", ("plan", "what", "by", "at", "why", "undone by"), [
        (h.plan_hash[:12], h.what, h.by, h.at, h.why, (h.undone_by or "")[:12]) for h in found
    ], nothing="Nothing was decided.")))  # fmt: skip
