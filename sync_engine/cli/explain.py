"""`explain`: why a value is what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sync_engine.cli.app import app, command, group
from sync_engine.cli.context import open_runtime
from sync_engine.cli.output import give, shown, table

if TYPE_CHECKING:
    from rich.console import Console

    from sync_engine.ops.inspect.explain import Entity, FieldStory, Story

Key = Annotated[str, typer.Argument(help="Number, name, the ERP's id, or the canonical id.")]
FieldOption = Annotated[
    str | None, typer.Option("--field", "-f", help="Only this field, with its whole history.")
]

MASTERS = {"person": "a person", "inbox": "the inbox"}
DECIDED = {"pin": "set by hand", "unpin": "left to the sources again"}

explain_group = group("Why a value is what it is: its master, the rule, every claim, its history.")
app.add_typer(explain_group, name="explain")


@command(explain_group, "debtor")
def explain_debtor(key: Key, field: FieldOption = None) -> None:
    """Explains a debtor, or one field of it."""
    _explain("debtor", key, field)


@command(explain_group, "contact")
def explain_contact(key: Key, field: FieldOption = None) -> None:
    """Explains a contact, or one field of it."""
    _explain("contact", key, field)


@command(explain_group, "document")
def explain_document(key: Key, field: FieldOption = None) -> None:
    """Explains an invoice or credit note, or one field of it."""
    _explain("document", key, field)


def _explain(entity: Entity, key: str, field: str | None) -> None:
    from sync_engine.ops.inspect.explain import explain

    runtime = open_runtime()
    story = explain(runtime.store, entity, key, field)
    give(story, lambda screen: draw_story(screen, story, in_depth=field is not None))


def draw_story(screen: Console, story: Story, *, in_depth: bool = False) -> None:
    """A line per field, or one field with claims and history."""
    gone = (
        f" (merged into {story.merged_into})"
        if story.merged_into
        else " (deleted)"
        if story.is_deleted
        else ""
    )
    linked = ", ".join(f"{source} {key}" for source, key in story.links)
    screen.print(
        f"{story.entity.capitalize()} {story.label}{gone}, {story.id}, made of {linked or 'nothing'}",
        style="bold",
        markup=False,
    )
    if in_depth:
        for field in story.fields:
            _draw_field(screen, field)
    else:
        screen.print(
            table(
                None,
                ("field", "value", "master", "rule", "said by"),
                [
                    (
                        f.field,
                        shown(f.shown),
                        MASTERS.get(str(f.master), f.master),
                        f.rule,
                        ", ".join(dict.fromkeys(c.entity for c in f.claims if c.believed)),
                    )
                    for f in story.fields
                ],
            )
        )
    for entry in story.ledger:
        state = "open" if entry.get("is_open") else "closed"
        screen.print(
            f"Ledger entry {entry.get('entry_no')}: amount {entry.get('amount')}, remaining {entry.get('remaining')}, {state}",
            markup=False,
        )
    for change in story.waiting:
        screen.print(
            f"Waiting to be written back to {change['source']}: {change['state']} {change.get('answer') or ''}",
            style="yellow",
            markup=False,
        )


def _draw_field(screen: Console, field: FieldStory) -> None:
    screen.print(f"{field.field} = {shown(field.shown)}", markup=False)
    screen.print(
        f"  master {MASTERS.get(str(field.master), field.master) or 'nobody'}; rule {field.rule}",
        markup=False,
    )
    if field.pinned is not None:
        until = f" until {field.pinned.until}" if field.pinned.until else ""
        screen.print(
            f"  set by {field.pinned.by} on {field.pinned.at:%Y-%m-%d}{until}: {field.pinned.reason or 'no reason given'}",
            markup=False,
        )
    for claim in field.claims:
        at = f", {claim.said_at:%Y-%m-%d %H:%M}" if claim.said_at else ""
        screen.print(
            f"  {claim.source} says {shown(claim.value)} ({claim.entity} {claim.key}{at}){' - believed' if claim.believed else ''}",
            markup=False,
        )
    for change in field.history:
        why = f": {change.reason}" if change.reason else ""
        by = change.actor if change.cut_id is None else f"{change.actor}, cut {change.cut_id}"
        what = DECIDED.get(change.op) or f"{shown(change.old)} -> {shown(change.new)}"
        screen.print(f"  {change.at:%Y-%m-%d %H:%M} {what} ({by}){why}", markup=False)
