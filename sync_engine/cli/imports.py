"""`import` and `inbox`: files people bring, and what applications said."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sync_engine.cli.app import app, command, group
from sync_engine.cli.context import open_runtime, open_store
from sync_engine.cli.output import give, shown, table
from sync_engine.cli.plans import counted

if TYPE_CHECKING:
    from rich.console import Console

    from sync_engine.ops.imports import Report, Undone
    from sync_engine.store.imports import Done

SHOWN = 50
"""Rows a person is shown; --json has all."""
Answer = Literal["yes", "no"]


@command(app, "import")
def import_file(
    kind: Annotated[
        str | None,
        typer.Argument(
            help="owners, portfolios, positions, primary, groups, debtor-tags, invoice-tags, persons; or `list` for the imports there were.",
            show_default=False,
        ),
    ] = None,
    file: Annotated[
        Path | None, typer.Argument(help="CSV in any delimiter and encoding, or Excel.", show_default=False)
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say row by row what would happen; change nothing.")
    ] = False,
    undo: Annotated[
        int | None, typer.Option("--undo", metavar="NUMBER", help="Take an import back.", show_default=False)
    ] = None,
    who: Annotated[
        str | None,
        typer.Option("--as", metavar="WHO", help="Who imports, for the audit; the login name when left out."),
    ] = None,
    why: Annotated[str | None, typer.Option("--why", help="Why, for the audit.")] = None,
    primary: Annotated[
        Answer,
        typer.Option(
            "--primary", help="For `primary`: whether the file says who is (yes) or who is not (no)."
        ),
    ] = "yes",
    sheet: Annotated[
        str | None, typer.Option("--sheet", help="Sheet of a workbook; the first when left out.")
    ] = None,
    delimiter: Annotated[str | None, typer.Option("--delimiter", help="Found out, when left out.")] = None,
    encoding: Annotated[
        str | None, typer.Option("--encoding", help="UTF-8, else Windows' Western European, when left out.")
    ] = None,
) -> None:
    """Imports a file people made: owners, portfolios, positions, primary contacts, groups, tags, persons.

    Good rows are applied, bad ones refused with line, column and what to do; then the exit code is 6. Values are decisions of a
    person: no pull undoes them, --undo does. A customer is named by an ERP's id, by number, or by exact name.
    """
    from sync_engine.errors import ConfigurationError
    from sync_engine.ops import imports as ops

    if undo is not None:
        runtime = open_runtime()
        undone = ops.undo_import(
            runtime.store, undo, who=who or getpass.getuser(), why=why, clock=runtime.clock
        )
        give(undone, lambda screen: _draw_undone(screen, undone))
        raise typer.Exit(6 if undone.left else 0)
    if kind == "list":
        past = ops.past_imports(open_store())
        give({"imports": past}, lambda screen: _draw_past(screen, past))
        return
    if kind is None or file is None:
        raise ConfigurationError(
            "say what to import", todo=f"`sync-engine import KIND FILE`; kinds: {', '.join(ops.KINDS)}."
        )
    written = ops.Written(encoding, delimiter, sheet)
    if dry_run:
        report = ops.plan_import(open_store(), kind, file, primary=primary == "yes", written=written)
    else:
        runtime = open_runtime()
        report = ops.apply_import(
            runtime.store,
            kind,
            file,
            who=who or getpass.getuser(),
            clock=runtime.clock,
            why=why,
            primary=primary == "yes",
            written=written,
        )
    give(report, lambda screen: _draw_report(screen, report, dry_run=dry_run))
    if report.refused:
        raise typer.Exit(6)


@command(app)
def tag(
    name: Annotated[str, typer.Argument(help="The tag.", show_default=False)],
    from_sql: Annotated[
        Path, typer.Option("--from-sql", metavar="FILE", help="A question in SQL whose answer names debtors, in a column debtor_id.", show_default=False)
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say whom it would tag; change nothing.")] = False,
    who: Annotated[
        str | None,
        typer.Option("--as", metavar="WHO", help="Who tags, for the audit; the login name when left out."),
    ] = None,
    why: Annotated[str | None, typer.Option("--why", help="Why, for the audit.")] = None,
) -> None:  # fmt: skip
    """Tags every debtor that a question answers: a campaign list. It is an import like others: `import --undo` takes it back."""
    from sync_engine.errors import ConfigurationError
    from sync_engine.ops import tagging

    try:
        statement = from_sql.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"the file cannot be read ({type(error).__name__})",
            key=str(from_sql),
            todo="Name a file of SQL in UTF-8.",
        ) from None
    runtime = open_runtime()
    if dry_run:
        report = tagging.plan_tag(runtime, name, statement, name=from_sql.name)
    else:
        report = tagging.apply_tag(
            runtime, name, statement, name=from_sql.name, who=who or getpass.getuser(), why=why
        )
    give(report, lambda screen: _draw_report(screen, report, dry_run=dry_run))
    if report.refused:
        raise typer.Exit(6)


def _draw_report(screen: Console, report: Report, *, dry_run: bool) -> None:
    rows = [r for r in report.rows if r.outcome != "unchanged"]
    rows.sort(key=lambda r: r.outcome != "refused")
    screen.print(
        table(
            f"{report.file}: {report.kind}",
            ("line", "outcome", "record", "before", "after", "column", "what", "what to do"),
            [
                (
                    r.line,
                    "would apply" if dry_run and r.outcome == "applied" else r.outcome,
                    r.record or r.customer,
                    r.before,
                    r.after,
                    r.column,
                    r.what,
                    r.todo,
                )
                for r in rows[:SHOWN]
            ],
            right=("line",),
            nothing="No row asks for anything that is not so already.",
        )
    )
    if len(rows) > SHOWN:
        screen.print(f"and {len(rows) - SHOWN:,} more rows; --json has all.", markup=False)
    verb = "would be applied" if dry_run else "applied"
    screen.print(
        f"{report.read:,} rows read: {report.applied:,} {verb}, {report.unchanged:,} unchanged, {report.refused:,} refused.",
        markup=False,
    )
    if report.import_id is not None and report.applied:
        screen.print(
            f"Import {report.import_id}; take it back with `sync-engine import --undo {report.import_id}`.",
            markup=False,
        )


def _draw_undone(screen: Console, undone: Undone) -> None:
    screen.print(
        f"Import {undone.import_id} taken back; as it was before: {counted(undone.restored, 'decisions')}.",
        markup=False,
    )
    for left in undone.left:
        screen.print(
            f"line {left.line}, {left.field} of {left.entity} {left.record_id}: {left.why}; it stays",
            style="yellow",
            markup=False,
        )


def _draw_past(screen: Console, past: list[Done]) -> None:
    screen.print(
        table(
            "Imports",
            (
                "no.",
                "kind",
                "file",
                "by",
                "at",
                "read",
                "applied",
                "unchanged",
                "refused",
                "why",
                "undone by",
            ),
            [
                (
                    d.import_id,
                    d.kind,
                    d.file,
                    d.done_by,
                    d.done_at,
                    d.read,
                    d.applied,
                    d.unchanged,
                    d.refused,
                    d.reason,
                    f"{d.undone_by} ({d.remaining} left)" if d.undone_by and d.remaining else d.undone_by,
                )
                for d in past
            ],
            right=("no.", "read", "applied", "unchanged", "refused"),
            nothing="Nothing was imported yet.",
        )
    )


inbox_group = group(
    "What applications said about debtors and documents through canonical.claim_inbox, and what became of it."
)
app.add_typer(inbox_group, name="inbox")


@inbox_group.callback()
def inbox_commands() -> None:
    """What applications said about debtors and documents through canonical.claim_inbox, and what became of it."""


@command(inbox_group, "list")
def list_inbox(
    waiting: Annotated[bool, typer.Option("--waiting", help="Only rows that wait for the next cut.")] = False,
    limit: Annotated[int, typer.Option("--limit", help="At most this many rows.")] = 50,
) -> None:
    """The newest rows with their answers: taken, overruled or refused, and why."""
    from sync_engine.ops.inspect.inbox import inbox

    found = inbox(open_store(), waiting_only=waiting, limit=limit)
    give(
        {"inbox": found},
        lambda screen: screen.print(
            table(
                "Inbox",
                ("no.", "record", "field", "value", "said by", "said at", "answer", "why"),
                [
                    (
                        r.inbox_id,
                        f"{r.entity} {r.record}",
                        r.field,
                        shown(r.value),
                        r.said_by,
                        r.said_at,
                        r.answer or "waiting",
                        r.why,
                    )
                    for r in found
                ],
                right=("no.",),
                nothing="Nothing was said.",
            )
        ),
    )
