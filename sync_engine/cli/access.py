"""`access`: which database login reads which company."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from sync_engine.cli.app import app, command, group
from sync_engine.cli.context import open_store
from sync_engine.cli.output import give, table

if TYPE_CHECKING:
    from sync_engine.ops.access import Access

access = group("Which database login reads which company.")
app.add_typer(access, name="access")
Login = Annotated[
    str, typer.Argument(help="A login of the database, or a role that logins belong to.", show_default=False)
]
By = Annotated[str | None, typer.Option("--by", help="Who decides; your account when left out.")]


@command(access)
def grant(
    login: Login,
    company: Annotated[
        list[str] | None, typer.Option("--company", help="A company by name; may be repeated.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every company, those to come and debtors of none too.")
    ] = False,
    by: By = None,
) -> None:
    """Lets a login read a company. The first grant closes the store: a reader to whom nothing was granted then sees nothing."""
    from sync_engine.ops import access as granting

    if everything == bool(company):
        raise typer.BadParameter("say either --company or --all")
    store = open_store()
    wanted: list[str | None] = [*company] if company else [None]
    for one in wanted:
        now = granting.grant(store, login, one, by=by or getpass.getuser())
    _show(now)


@command(access)
def revoke(
    login: Login,
    company: Annotated[
        str | None, typer.Option("--company", help="Only this one; left out: all that was granted.")
    ] = None,
    by: By = None,
) -> None:
    """Takes back what was granted. The store stays closed, whoever is left."""
    from sync_engine.ops import access as granting

    _show(granting.revoke(open_store(), login, company, by=by or getpass.getuser()))


@command(access, "list")
def listed() -> None:
    """Who reads what, and which readers see nothing."""
    from sync_engine.ops import access as granting

    _show(granting.state(open_store()))


def _show(now: Access) -> None:
    if not now.restricted:
        give(
            now,
            lambda screen: screen.print(
                "Nothing is restricted: every reader sees every company.", soft_wrap=True
            ),
        )
        return
    rows = [
        (g.login, g.company or "all", ", ".join(g.sources) or ("" if g.company is None else "no such company now"), g.granted_by)
        for g in now.grants
    ]  # fmt: skip
    lines = [f"{login} was granted nothing and sees nothing." for login in now.see_nothing]
    give(
        now,
        lambda screen: screen.print(
            table("Who reads which company", ("login", "company", "sources", "granted by"), rows, nothing="Nobody reads anything."),
            *lines,
            sep="\n",
            markup=False,
        ),
    )  # fmt: skip
