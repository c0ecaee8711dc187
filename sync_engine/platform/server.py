"""Whether the database server will do: it answers, is new enough, keeps text in UTF-8, keeps a session, and lets us make schemas."""

from __future__ import annotations

from typing import Any

import psycopg
from sqlalchemy import Engine, event

from sync_engine.errors import ConfigurationError, SyncError, TransientError
from sync_engine.platform.urls import psycopg_url, shown

OLDEST = 15
"""The first PostgreSQL with what the store uses: MERGE, NULLS NOT DISTINCT, security_invoker views."""

ENDED = {
    "57014": "the server ended a statement",
    "25P03": "the server ended a session that waited inside a transaction",
    "57P05": "the server ended a session that waited",
    "25P04": "the server ended a transaction that took long",
    "57P01": "an administrator ended the session, or the server is shutting down",
}
"""What the server says, by SQLSTATE, when it ends our work because of a limit or a person."""
NEEDED = {
    "timezone": "UTC", "datestyle": "ISO, MDY", "intervalstyle": "postgres", "bytea_output": "hex", "extra_float_digits": "1",
    "standard_conforming_strings": "on", "default_transaction_isolation": "read committed", "jit": "off",
    "statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0", "idle_session_timeout": "0",
}  # fmt: skip
"""What every session of ours is set to: a role or a database may prefer other notations, and limits made for people's queries."""
SINCE_17 = {"transaction_timeout": "0"}
_ROUNDS = 3
_SETTING = "Correct SYNC_ENGINE_DATABASE_URL, or unset it to use the embedded server."


def check_server(url: str) -> None:
    """Connects and looks. Raises ConfigurationError for what a person must mend, TransientError when nobody answers."""
    try:
        with psycopg.connect(psycopg_url(url), connect_timeout=10, client_encoding="UTF8") as connection:
            settle(connection)
            version = connection.info.server_version // 10_000
            row = connection.execute(
                "SELECT has_database_privilege(current_database(), 'CREATE') OR to_regnamespace('engine') IS NOT NULL, current_database(), current_user"
            ).fetchone()
    except psycopg.Error as error:
        raise refusal(error, url) from error
    if version < OLDEST:
        raise ConfigurationError(
            f"the server {shown(url)} is PostgreSQL {version}", todo=f"The store needs {OLDEST} or newer."
        )
    if row is not None and not row[0]:
        raise ConfigurationError(
            f"role {row[2]} may not make schemas in database {row[1]}",
            todo=f'As its owner run: GRANT CREATE ON DATABASE "{row[1]}" TO "{row[2]}"',
        )


def settled(engine: Engine) -> Engine:
    """The engine, every new session of which is settled."""
    event.listen(engine, "connect", _settle_or_close)
    return engine


def _settle_or_close(connection: psycopg.Connection[Any], _record: object) -> None:
    try:
        settle(connection)
    except BaseException:
        connection.close()  # SQLAlchemy does not know it yet
        raise


def settle(connection: psycopg.Connection[Any]) -> None:
    """Sets what a session of ours needs, by statements: a pool of connections refuses settings it does not know when connecting.

    Raises ConfigurationError for a database that does not keep text in UTF-8, and behind a pool that gives every transaction
    another session: neither settings nor temporary tables would stay.
    """
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise ConfigurationError(
            f"the database {connection.info.dbname} on {connection.info.host or 'this machine'} keeps text in {encoding}, which cannot hold every name",
            todo=f"Make one in UTF-8 and move to it: CREATE DATABASE {connection.info.dbname}_utf8 ENCODING 'UTF8' TEMPLATE template0",
        )
    needed = NEEDED | (SINCE_17 if connection.info.server_version >= 170_000 else {})
    chosen = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in needed.items())
    row = connection.execute(f"SELECT pg_backend_pid(), {chosen}").fetchone()
    connection.commit()
    if row is not None and row[0] != connection.info.backend_pid and _is_shared(connection):
        raise ConfigurationError(
            f"a pool of connections stands before the database {connection.info.dbname}, and gives every transaction another session",
            todo="Point SYNC_ENGINE_DATABASE_URL at the server itself, or at a pool that keeps a session (PgBouncer: pool_mode = session).",
        )


def _is_shared(first: psycopg.Connection[Any]) -> bool:
    """Whether one connection is answered by several sessions of the server, or two by one: what a pool does between two transactions."""
    with psycopg.connect(first.info.dsn, password=first.info.password or None, connect_timeout=10) as second:
        for _ in range(_ROUNDS):
            ours, again, theirs = _session(first), _session(first), _session(second)
            if ours != again or ours == theirs:
                return True
    return False


def _session(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    connection.commit()
    assert row is not None
    return int(row[0])


def refusal(error: psycopg.Error, url: str) -> SyncError:
    """What an error of psycopg means to the caller, for connecting and for what a role may do.

    libpq gives no error code for a refused connection, so its words are all there is; words we do not know mean try again.
    """
    said = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return ConfigurationError(
            f"the role in {shown(url)} may not do this ({said})",
            todo="Grant it, or run the migration as the owner of the schemas.",
        )
    if error.sqlstate in ENDED:
        return TransientError(
            f"{ENDED[error.sqlstate]} of {shown(url)} ({said})", todo="Nothing was changed; run it again."
        )
    signs = (
        "unsupported startup parameter",
        "authentication failed",
        "does not exist",
        "no pg_hba.conf entry",
        "no password supplied",
        "not permitted to log in",
    )
    if any(sign in said for sign in signs):
        return ConfigurationError(f"the server refused {shown(url)} ({said})", todo=_SETTING)
    if "could not translate host name" in said or "resolve host" in said:
        return ConfigurationError(f"there is no host of that name: {shown(url)}", todo=_SETTING)
    return TransientError(
        f"the database {shown(url)} does not answer ({said})",
        todo="See whether the server runs; run it again when it does.",
    )
