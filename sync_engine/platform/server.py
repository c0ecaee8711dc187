"""Whether the database server will do: it answers, is new enough, and lets us make schemas."""

from __future__ import annotations

import psycopg

from sync_engine.errors import ConfigurationError, SyncError, TransientError
from sync_engine.platform.urls import psycopg_url, shown

OLDEST = 15
"""The first PostgreSQL with what the store uses: MERGE, NULLS NOT DISTINCT, security_invoker views."""

_SETTING = "Correct SYNC_ENGINE_DATABASE_URL, or unset it to use the embedded server."


def check_server(url: str) -> None:
    """Connects and looks. Raises ConfigurationError for what a person must mend, TransientError when nobody answers."""
    try:
        with psycopg.connect(psycopg_url(url), connect_timeout=10) as connection:
            version = connection.info.server_version // 10_000
            row = connection.execute(
                "SELECT has_database_privilege(current_database(), 'CREATE') OR to_regnamespace('engine') IS NOT NULL, current_database(), current_user"
            ).fetchone()
    except psycopg.Error as error:
        raise refusal(error, url) from error
    if version < OLDEST:
        raise ConfigurationError(f"the server {shown(url)} is PostgreSQL {version}", todo=f"The store needs {OLDEST} or newer.")
    if row is not None and not row[0]:
        raise ConfigurationError(
            f"role {row[2]} may not make schemas in database {row[1]}",
            todo=f'As its owner run: GRANT CREATE ON DATABASE "{row[1]}" TO "{row[2]}"',
        )


def refusal(error: psycopg.Error, url: str) -> SyncError:
    """What an error of psycopg means to the caller, for connecting and for what a role may do.

    libpq gives no error code for a refused connection, so its words are all there is; words we do not know mean try again.
    """
    said = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return ConfigurationError(
            f"the role in {shown(url)} may not do this ({said})", todo="Grant it, or run the migration as the owner of the schemas."
        )
    signs = ("authentication failed", "does not exist", "no pg_hba.conf entry", "no password supplied", "not permitted to log in")
    if any(sign in said for sign in signs):
        return ConfigurationError(f"the server refused {shown(url)} ({said})", todo=_SETTING)
    if "could not translate host name" in said or "resolve host" in said:
        return ConfigurationError(f"there is no host of that name: {shown(url)}", todo=_SETTING)
    return TransientError(f"the database {shown(url)} does not answer ({said})", todo="See whether the server runs; run it again when it does.")
