"""Which logins may read which company: kept here, asked by the row-level security of `canonical` (migrations/row_security.py)."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from sync_engine.store.db import fetch, run_sql


class Grant(NamedTuple):
    """A role of the database and a company it reads, null: every one. `sources`: whose books that is now; none: there is no such company."""

    login: str
    company: str | None
    sources: list[str]
    granted_by: str
    granted_at: datetime


def grants(connection: Connection) -> list[Grant]:
    """What is granted now."""
    rows = fetch(
        connection,
        """
        SELECT g.login, g.company, ARRAY(SELECT DISTINCT c.source FROM canonical.company c WHERE lower(c.name) = lower(g.company) ORDER BY 1),
            g.granted_by, g.granted_at
        FROM engine.access_grant g WHERE g.revoked_at IS NULL ORDER BY g.login, g.company NULLS FIRST, g.grant_id
        """,
    )
    return [Grant(*row) for row in rows]


def is_restricted(connection: Connection) -> bool:
    """Whether anybody was ever granted a company: from then on a login reads what it was granted, and without a grant nothing."""
    return bool(fetch(connection, "SELECT EXISTS (SELECT FROM engine.access_grant)")[0][0])


def companies(connection: Connection) -> list[str]:
    """Names of the companies there are."""
    rows = fetch(
        connection, "SELECT DISTINCT name FROM canonical.company WHERE name IS NOT NULL ORDER BY name"
    )
    return [row[0] for row in rows]


def is_role(connection: Connection, login: str) -> bool:
    """Whether the database has this role."""
    return bool(
        fetch(connection, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = :login)", login=login)[0][0]
    )


def grant(connection: Connection, login: str, company: str | None, by: str) -> None:
    """Lets a role read a company, null: all. Nothing happens where it may already."""
    run_sql(
        connection,
        """
        INSERT INTO engine.access_grant (login, company, granted_by) SELECT :login, CAST(:company AS text), :by WHERE NOT EXISTS (
            SELECT FROM engine.access_grant WHERE login = :login AND revoked_at IS NULL AND lower(company) IS NOT DISTINCT FROM lower(CAST(:company AS text)))
        """,
        login=login,
        company=company,
        by=by,
    )


def revoke(connection: Connection, login: str, company: str | None, by: str, *, everything: bool) -> int:
    """Takes back one grant, or all of a role; how many."""
    return run_sql(
        connection,
        """
        UPDATE engine.access_grant SET revoked_at = now(), revoked_by = :by WHERE login = :login AND revoked_at IS NULL
            AND (:everything OR lower(company) = lower(CAST(:company AS text)))
        """,
        login=login,
        company=company,
        by=by,
        everything=everything,
    )


def readers_without(connection: Connection) -> list[str]:
    """Logins that may read `canonical`, not `engine`, and see nothing now: nothing was granted to them or to a role they belong to."""
    rows = fetch(
        connection,
        """
        SELECT r.rolname FROM pg_roles r
        WHERE r.rolcanlogin AND EXISTS (SELECT FROM engine.access_grant) AND has_schema_privilege(r.oid, 'canonical', 'USAGE')
          AND has_table_privilege(r.oid, 'canonical.debtor', 'SELECT') AND NOT has_table_privilege(r.oid, 'engine.source_record', 'SELECT')
          AND NOT EXISTS (SELECT FROM engine.access_grant g JOIN pg_roles o ON o.rolname = g.login
              WHERE g.revoked_at IS NULL AND pg_has_role(r.oid, o.oid, 'USAGE'))
        ORDER BY 1
        """,
    )
    return [row[0] for row in rows]
