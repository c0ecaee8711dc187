"""A plan on the screen: its sections, what it comes to, and how to carry it out."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Any

import typer

from sync_engine.cli.output import give, plain, shown, table

if TYPE_CHECKING:
    from rich.console import Console

    from sync_engine.ops.decisions.plan_view import DecisionChange, Plan
    from sync_engine.ops.runs.source_run import Runtime

SHOWN = 30
"""Rows of a section on the screen; --json has them all."""
WAITS_FOR_A_PERSON = 6
"""Exit code of a plan that leaves something ambiguous or vetoed."""


def answer(runtime: Runtime, planned: Plan, who: str | None, why: str | None, now: bool) -> None:
    """Shows a plan; applies it when asked. Exit code 6 when something waits for a person."""
    from sync_engine.ops.decisions.plan import apply

    if now:
        planned = apply(runtime, planned.hash, by=who or getpass.getuser(), why=why)
    tell(planned, applied=now)
    if planned.counts["ambiguous"] or planned.counts["vetoed"]:
        raise typer.Exit(WAITS_FOR_A_PERSON)


def tell(planned: Plan, *, applied: bool) -> None:
    """The plan, as tables or as one JSON document."""
    give({**plain(planned), "applied": applied}, lambda screen: draw(screen, planned, applied=applied))


def draw(screen: Console, planned: Plan, *, applied: bool) -> None:
    """The plan, section by section; long ones are cut and say so."""
    draw_sections(screen, planned)
    screen.print(
        ", ".join(counted(n, what) for what, n in planned.counts.items() if n) or "It changes nothing.",
        markup=False,
    )
    if applied:
        screen.print(f"Applied. To take it back: `sync-engine links undo {planned.hash[:12]}`.", markup=False)
    else:
        screen.print(
            f"Plan {planned.hash}; carry it out with `sync-engine links apply {planned.hash[:12]}`.",
            markup=False,
        )


def draw_sections(screen: Console, planned: Plan) -> None:
    """What it does, section by section."""

    def name(record: str | None) -> str:
        found = planned.named.get(record or "")
        return record or "" if found is None else " ".join(part for part in found if part) or str(record)

    sections: list[tuple[str, tuple[str, ...], list[tuple[Any, ...]]]] = [
        ("Links", ("entity", "source", "record", "meant", "means", "rule"), [
            (x.entity, x.source, x.key, name(x.old), name(x.new), x.rule) for x in planned.links]),
        ("Vetoed", ("entity", "source", "record", "would mean", "why not"), [(v.entity, v.source, v.key, name(v.record), v.why) for v in planned.vetoed]),
        ("For a person", ("source", "record", "outcome", "rung", "candidates"), [
            (c.source, c.key, c.outcome, c.rung, "; ".join(map(name, c.candidates))) for c in planned.cases]),
        ("Values", ("record", "field", "before", "after"), [
            (f.label, f.field or f.op, _value(f.old, name), _value(f.new, name)) for f in planned.fields if f.op != "create"]),
        ("Masters", ("record", "field", "before", "after"), [(m.label, m.field, m.old, m.new) for m in planned.masters]),
        ("Balances", ("debtor", "currency", "before", "after"), [(b.label, b.currency, b.old, b.new) for b in planned.balances]),
    ]  # fmt: skip
    for title, columns, rows in sections:
        if rows:
            screen.print(table(title, columns, rows[:SHOWN]))
            if len(rows) > SHOWN:
                screen.print(f"and more; {len(rows):,} in all, --json has them.", markup=False)
    for line in planned.decisions[:SHOWN]:
        screen.print(said(line, name), markup=False)


def _value(value: Any, name: Any) -> str:
    return name(value) if isinstance(value, str) else shown(value)


def counted(n: int, what: str) -> str:
    """`1 link`, `2 links`."""
    return f"{n:,} {what.removesuffix('s') if n == 1 else what}"


def said(decision: DecisionChange, name: Any) -> str:
    """A decision that is no link, as a sentence."""
    key, old, new = decision.key, decision.old, decision.new
    match decision.kind:
        case "negative_link":
            return (
                f"No rule links {key[2]} {key[3]} to {name(key[1])}."
                if new
                else f"The rules may link {key[2]} {key[3]} to {name(key[1])} again."
            )
        case "pin" if new is not None:
            until = (
                f" until {new['until']}"
                if new.get("until")
                else " until a source says something else"
                if new.get("while_claimed") is not None
                else ""
            )
            return f"{key[2].removesuffix('_key')} of {name(key[1])} is set by hand{until}."
        case "pin":
            return f"The sources decide about {key[2].removesuffix('_key')} of {name(key[1])} again."
        case "tag":
            return f"{name(key[1])} {'has' if new else 'has no longer'} the tag {key[2]}."
        case "merged":
            return (
                f"{name(key[1])} is merged into {name(str(new['merged_into']))}."
                if new
                else f"{name(key[1])} stands for itself again."
            )
        case "member":
            here, gone = (name(str(row["group_id"])) if row else None for row in (new, old))
            return f"{name(key[0])} {f'joins {here}' if here else ''}{' and ' if here and gone else ''}{f'leaves {gone}' if gone else ''}."
        case "group":
            about = new or old or {}
            limit = f", limit {about['credit_limit']}" if about.get("credit_limit") is not None else ""
            return f"Group {about.get('name')}{limit}{' is dissolved' if new is None or new.get('dissolved') else ''}."
        case _:
            before, after = (
                f"{row['mode']}{', creating what finds no match' if row['rungs'].get('create_unmatched') else ''}"
                if row
                else "nothing"
                for row in (old, new)
            )
            return f"{key[1].capitalize()} links of {key[0]}: {before} -> {after}."
