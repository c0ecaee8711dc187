"""What people do about who reads which company: grant, revoke, look."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, Engine

from sync_engine.errors import ConfigurationError
from sync_engine.ops.decisions.names import somebody
from sync_engine.store import access
from sync_engine.store.access import Grant
from sync_engine.store.db import transaction


class Access(NamedTuple):
    """Who reads what. Not restricted: every reader everything. `see_nothing`: logins of readers without a grant."""

    restricted: bool
    grants: list[Grant]
    see_nothing: list[str]


def state(store: Engine) -> Access:
    """Who reads what now."""
    with transaction(store, "reading who may read") as connection:
        return _state(connection)


def grant(store: Engine, login: str, company: str | None, *, by: str) -> Access:
    """Lets a login, or all logins that belong to a role, read a company; None: all of them. Raises ConfigurationError for unknown names."""
    by = somebody(by)
    with transaction(store, "granting a company") as connection:
        if not access.is_role(connection, login):
            raise ConfigurationError(
                f"the database has no role {login}",
                key="login",
                todo=f'Make it first: CREATE ROLE "{login}" LOGIN IN ROLE sync_engine_reader',
            )
        if company is not None:
            known = access.companies(connection)
            named = [name for name in known if name.lower() == company.lower()]
            if not named:
                raise ConfigurationError(
                    f"no source keeps the books of {company}",
                    key="company",
                    todo=f"There are: {', '.join(known) or 'none yet, run a source first'}.",
                )
            company = named[0]
        access.grant(connection, login, company, by)
        return _state(connection)


def revoke(store: Engine, login: str, company: str | None, *, by: str) -> Access:
    """Takes back one company, or everything that was granted to this very role. Raises ConfigurationError where nothing was."""
    by = somebody(by)
    with transaction(store, "revoking a company") as connection:
        if not access.revoke(connection, login, company, by, everything=company is None):
            raise ConfigurationError(
                f"nothing like it was granted to {login}",
                key="login",
                todo="`sync-engine access list` shows what was.",
            )
        return _state(connection)


def _state(connection: Connection) -> Access:
    return Access(
        access.is_restricted(connection), access.grants(connection), access.readers_without(connection)
    )
