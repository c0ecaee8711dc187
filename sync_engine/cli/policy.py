"""`policy` and `audit export`: who is believed for which field, what another policy would change, and who changed what."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_engine.cli.app import app, command, group
from sync_engine.cli.context import open_runtime
from sync_engine.cli.database import audit
from sync_engine.cli.output import give, say, table
from sync_engine.cli.plans import counted

if TYPE_CHECKING:
    from rich.console import Console

    from sync_engine.ops.policy import Difference

policy_group = group("Who is believed for which field, by the YAML of the canonical store.")
app.add_typer(policy_group, name="policy")
File = Annotated[
    Path | None, typer.Argument(help="A policy YAML; the configured one when left out.", show_default=False)
]


@command(policy_group)
def show(file: File = None) -> None:
    """Every field with its ranking, best first."""
    from sync_engine.ops import policy
    from sync_engine.platform.home import defs_folder

    chosen = policy.from_file(file) if file else policy.configured(defs_folder())
    found = policy.show(chosen)
    columns = ("entity", "field", "group", "company", "mode", "ranking")
    give({"digest": chosen.digest, "fields": found}, lambda screen: screen.print(table(f"Policy {chosen.digest}", columns, [
        (s.entity, s.field, s.group, s.company, s.mode, " > ".join(s.ranking)) for s in found
    ])))  # fmt: skip


@command(policy_group)
def check(file: File = None) -> None:
    """Whether a policy reads, decides about every field, and names only who is there. Exit code 6 when something is odd."""
    from sync_engine.ops import policy
    from sync_engine.ops.runs import environment
    from sync_engine.platform.home import defs_folder

    chosen = policy.from_file(file) if file else policy.configured(defs_folder())
    odd = policy.check(chosen, environment.configured())
    give(
        {"digest": chosen.digest, "odd": odd},
        lambda screen: screen.print("\n".join(odd) or "The policy is sound.", markup=False),
    )
    if odd:
        raise typer.Exit(6)


@command(policy_group)
def diff(file: File = None) -> None:
    """Which values and masters would change if a policy were applied. Nothing is written, no ERP is asked."""
    from sync_engine.ops import policy

    runtime = open_runtime()
    chosen = policy.from_file(file) if file else runtime.policy
    found = policy.diff(runtime, chosen)
    rows = [(f.entity, f.label, f.field or f.op, f.old, f.new, None) for f in found.fields] + [
        (m.entity, m.label, m.field, m.old, m.new, "master") for m in found.masters
    ]
    give(found, lambda screen: _draw_difference(screen, found, rows))


def _draw_difference(screen: Console, found: Difference, rows: list[tuple[Any, ...]]) -> None:
    what = ", ".join(counted(n, what) for what, n in found.counts.items() if n) or "nothing"
    screen.print(f"Policy {found.in_force or 'none'} -> {found.digest} would change {what}.", markup=False)
    for sentence in found.odd:
        screen.print(f"Note: {sentence}", style="yellow", markup=False)
    if rows:
        screen.print(table(None, ("entity", "record", "field", "before", "after", "what"), rows[:100]))


@command(audit)
def export(
    file: Annotated[Path, typer.Argument(help="Where to: .csv or .parquet.", show_default=False)],
    debtor: Annotated[
        str | None,
        typer.Option(
            "--debtor",
            help="Only this debtor and what belongs to it: id, number, a source's id, or exact name.",
        ),
    ] = None,
) -> None:
    """Writes the audit to a file: who changed what, from what to what, when and why."""
    from sync_engine.ops.inspect.audit_export import export_audit

    written = export_audit(open_runtime(), file, debtor=debtor)
    give(
        {"file": str(file), "changes": written},
        lambda screen: screen.print(f"{written:,} changes written to {file}.", markup=False),
    )
    if not written:
        say("There is no change to export.")
