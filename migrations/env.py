"""How alembic reaches the database: from `alembic` on the command line and from `sync_engine.platform.migrate` alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

from alembic import context
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, exc, pool, text
from sqlalchemy.engine import Connection

from migrations import views
from sync_engine.platform.postgres import database_url
from sync_engine.platform.server import settled
from sync_engine.platform.urls import sqlalchemy_url
from sync_engine.store.schema import (  # noqa: F401 - importing these declares their tables
    UNRELEASED,
    canonical,
    decisions,
    erasing,
)
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
    options: dict[str, Any] = {
        "connection": connection, "target_metadata": metadata, "include_schemas": True, "include_name": is_ours,
        "version_table_schema": "engine", "compare_type": True, "compare_server_default": True,
    }  # fmt: skip
    context.configure(**options)
    around = ViewsAround(context.get_context().opts["fn"])
    context.configure(**options, fn=around)
    with context.begin_transaction():
        make_schema(connection)
        connection.execute(text(ONE_AT_A_TIME))
        map_the_unreleased(connection)
        context.run_migrations()
        around.put_back(context.get_context())


class ViewsAround:
    """The steps alembic chose, without the views while they run; nothing happens to them when there is no step."""

    def __init__(self, steps: Callable[..., Iterable[Any]]) -> None:
        self._steps = steps
        self._kept: views.Kept | None = None

    def __call__(self, at: tuple[str, ...], running: MigrationContext) -> list[Any]:
        """The steps; drops the views before the first."""
        steps = list(self._steps(at, running))
        if steps:
            self._kept = views.drop(running)
        return steps

    def put_back(self, running: MigrationContext) -> None:
        """The views belong to the newest tables: at an older revision there are none."""
        if self._kept is not None and running.get_current_revision() == context.get_head_revision():
            views.create(running, self._kept)


def map_the_unreleased(connection: Connection) -> None:
    """Tables at the last version of the history before the first release are those of the baseline, which replaced it."""
    only_looking = context.get_context().opts.get("dont_mutate")
    if (
        not only_looking
        and connection.scalar(text("SELECT to_regclass('engine.alembic_version')")) is not None
    ):
        connection.execute(
            text("UPDATE engine.alembic_version SET version_num = :new WHERE version_num = :old"),
            {"new": context.script.get_base(), "old": UNRELEASED},
        )


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
        views.drop(context.get_context())
        context.run_migrations()
        views.create(context.get_context())


if context.is_offline_mode():
    as_script()
else:
    with settled(
        create_engine(configured_url(), poolclass=pool.NullPool, connect_args={"client_encoding": "UTF8"})
    ).connect() as opened:
        migrate(opened)
