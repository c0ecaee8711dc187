"""`migrate`, `sql` and `audit`: the database itself."""

from __future__ import annotations

from typing import Annotated

import typer

from sync_engine.cli.app import app, command, group
from sync_engine.cli.context import open_store
from sync_engine.cli.output import give, table


@command(app)
def migrate(
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Change nothing; exit code 1 when the tables are not as this engine declares them.",
        ),
    ] = False,
    down: Annotated[
        str | None,
        typer.Option(
            "--down",
            metavar="REVISION",
            help="Go back to a revision; `base` removes every table and what is in it.",
        ),
    ] = None,
) -> None:
    """Brings the tables to the newest version. Several machines may do it at once; the others wait."""
    from sync_engine.platform import migrate as migrations
    from sync_engine.platform.postgres import database_url

    url = database_url()
    if down is not None:
        migrations.downgrade(url, down)
    elif not check:
        migrations.upgrade(url)
    at, newest = migrations.current(url), migrations.head()
    differs = (
        (
            [f"the tables are at {at or 'nothing'}, the newest is {newest}"]
            if at != newest
            else migrations.check(url)
        )
        if check
        else []
    )
    give(
        {"revision": at, "newest": newest, "differs": differs},
        lambda screen: screen.print(
            "\n".join(differs) or f"The tables are at {at or 'nothing'}; the newest is {newest}.",
            markup=False,
        ),
    )
    if differs:
        raise typer.Exit(1)


@command(app)
def sql(
    statement: Annotated[
        str,
        typer.Argument(
            help="One statement. `canonical.<table or view>` is PostgreSQL; `<source>.<entity>` is what landed, through DuckDB."
        ),
    ],
    limit: Annotated[int, typer.Option("--limit", help="At most this many rows; 0 for all.")] = 1000,
) -> None:
    """Asks canonical tables, landed records, or both in one query. Nothing can be changed with it.

    `sync-engine sql "SELECT status, count(*) FROM bc.salesInvoices WHERE is_latest GROUP BY status"`
    """
    from sync_engine.lake import Lake
    from sync_engine.ops.inspect.sql import query
    from sync_engine.platform.home import lake_url

    answer = query(open_store(), Lake(lake_url()), statement, limit or None)
    give(
        {"columns": answer.columns, "rows": answer.rows},
        lambda screen: screen.print(table(None, answer.columns, answer.rows, nothing="No rows.")),
    )


audit = group("The audit: every change, who made it, and whether it is still what was written.")
app.add_typer(audit, name="audit")


@command(audit)
def verify(
    head: Annotated[
        str | None,
        typer.Option(
            "--head",
            metavar="DIGEST",
            help="Digest of a newest seal of before, kept elsewhere: it must be there.",
        ),
    ] = None,
) -> None:
    """Recomputes the hash chain over the change feed. Exit code 1 when a change was altered, removed or slipped in.

    Whoever cuts off the newest changes and their seals leaves a whole chain: keep the digest this prints, and give it the next time.
    """
    from sync_engine.ops.inspect.audit import verify as compute

    found = compute(open_store(), head=head)
    lines = [f"seal {s.seal_id} (changes {s.first_seq} to {s.last_seq}): {s.wrong}" for s in found.broken]
    lines += [f"{found.outside:,} changes are under no seal"] if found.outside else []
    lines += (
        [
            f"the seal {found.lost} is not there: the newest changes were cut off, or this is the audit of another engine"
        ]
        if found.lost
        else []
    )
    holds = f"The chain holds: {found.changes:,} changes under {found.seals:,} seals. The last is {found.head or 'none yet'}."
    give(
        {**found._asdict(), "holds": found.holds},
        lambda screen: screen.print(
            "\n".join(lines) or holds, style="red" if lines else "", markup=False, soft_wrap=True
        ),
    )
    if not found.holds:
        raise typer.Exit(1)
