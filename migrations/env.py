"""How alembic reaches the database: from `alembic` on the command line and from `sync_engine.platform.migrate` alike."""

from __future__ import annotations

from typing import Literal

from alembic import context
from sqlalchemy import create_engine, exc, pool, text
from sqlalchemy.engine import Connection

from sync_engine.platform.postgres import database_url
from sync_engine.platform.server import settled
from sync_engine.platform.urls import sqlalchemy_url
from sync_engine.store.schema import canonical  # noqa: F401 - importing it declares its tables
from sync_engine.store.schema.engine import metadata

SCHEMAS = ("canonical", "engine")
ONE_AT_A_TIME = (
    "COMMENT ON SCHEMA engine IS 'private to the sync engine; other applications read schema canonical'"
)
"""It takes a lock on the schema that conflicts with itself, until the transaction ends, and only the schema's owner may."""


def is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """Other schemas of the database are none of our business, and neither is the default one (None)."""
    return name in SCHEMAS if kind == "schema" else True


def configured_url() -> str:
    """The URL the caller handed over, else the configured or embedded database."""
    given = context.config.attributes.get("url")
    return sqlalchemy_url(given) if given else database_url()


def migrate(connection: Connection) -> None:
    """Runs what is asked for in one transaction: a migration that fails leaves nothing behind.

    Two callers at once would both see the old version, so the lock comes before the version is read. Where there is no schema
    yet, the second waits for the first to make it, and is told that it is there.
    """
    context.configure(
        connection=connection, target_metadata=metadata, include_schemas=True, include_name=is_ours,
        version_table_schema="engine", compare_type=True, compare_server_default=True,
    )  # fmt: skip
    with context.begin_transaction():
        make_schema(connection)
        connection.execute(text(ONE_AT_A_TIME))
        context.run_migrations()


def make_schema(connection: Connection) -> None:
    """Where alembic keeps the version."""
    try:
        with connection.begin_nested():
            connection.execute(text("CREATE SCHEMA IF NOT EXISTS engine"))
    except exc.IntegrityError:  # another caller made it, and has committed
        return


def as_script() -> None:
    """Prints the SQL instead of running it, for a database administrator who runs it by hand."""
    dialect: Literal["postgresql"] = "postgresql"
    context.configure(
        dialect_name=dialect, target_metadata=metadata, literal_binds=True, version_table_schema="engine"
    )
    with context.begin_transaction():
        context.execute("CREATE SCHEMA IF NOT EXISTS engine")
        context.run_migrations()


if context.is_offline_mode():
    as_script()
else:
    with settled(
        create_engine(configured_url(), poolclass=pool.NullPool, connect_args={"client_encoding": "UTF8"})
    ).connect() as opened:
        migrate(opened)
