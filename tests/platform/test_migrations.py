"""Migrations: up, down and up again, one at a time, nothing left to declare, and refused where they cannot work."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from psycopg import sql

import migrations
from sync_engine.errors import ConfigurationError, TransientError
from sync_engine.ops.runs.environment import newest_revision, open_store
from sync_engine.platform import migrate
from sync_engine.platform.server import check_server
from sync_engine.platform.urls import psycopg_url, shown
from sync_engine.store.schema import UNRELEASED


def tables(url: str) -> set[str]:
    """The tables and views of the two schemas, without alembic's own."""
    with psycopg.connect(psycopg_url(url)) as connection:
        found = connection.execute(
            "SELECT table_schema || '.' || table_name FROM information_schema.tables WHERE table_schema IN ('canonical', 'engine')"
        ).fetchall()
    return {row[0] for row in found} - {"engine.alembic_version"}


def version_is(connection: psycopg.Connection[tuple[object, ...]], version: str) -> None:
    """Says the tables are of that version."""
    connection.execute("UPDATE engine.alembic_version SET version_num = %s", [version])


@pytest.fixture
def outsider(empty_database: str, server: str) -> Iterator[str]:
    """The URL of a role that may connect and nothing else."""
    role = sql.Identifier("outsider_" + empty_database.rsplit("test_", 1)[1].split("?")[0])
    with psycopg.connect(psycopg_url(server), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
    yield empty_database.replace("postgres@", f"{role.as_string()[1:-1]}@", 1)
    with psycopg.connect(psycopg_url(server), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP ROLE {}").format(role))


def test_up_down_and_up_again(empty_database: str) -> None:
    """Every migration can be taken back to nothing and be run again."""
    assert migrate.current(empty_database) is None
    migrate.upgrade(empty_database)
    made = tables(empty_database)
    assert migrate.current(empty_database) == migrate.head()
    migrate.downgrade(empty_database)
    assert tables(empty_database) == set()
    assert migrate.current(empty_database) is None
    migrate.upgrade(empty_database)
    assert tables(empty_database) == made


def test_every_step_alone(empty_database: str) -> None:
    """One revision up, down, and up again, for each: no step leans on a later one."""
    while migrate.current(empty_database) != migrate.head():
        before = migrate.current(empty_database)
        migrate.upgrade(empty_database, "+1")
        made = tables(empty_database)
        migrate.downgrade(empty_database, "-1")
        assert migrate.current(empty_database) == before
        migrate.upgrade(empty_database, "+1")
        assert tables(empty_database) == made


def test_tables_of_before_the_first_release_are_those_of_the_baseline(empty_database: str) -> None:
    """What is in them stays; they only get another version."""
    migrate.upgrade(empty_database, "0001")
    with psycopg.connect(psycopg_url(empty_database), autocommit=True) as connection:
        connection.execute("INSERT INTO canonical.ageing_bucket (position, label) VALUES (6, 'kept')")
        version_is(connection, UNRELEASED)
        migrate.upgrade(empty_database)
        assert connection.execute(
            "SELECT label FROM canonical.ageing_bucket WHERE position = 6"
        ).fetchall() == [("kept",)]
    assert migrate.current(empty_database) == migrate.head()
    assert migrate.check(empty_database) == []


def test_tables_of_another_version_of_before_the_first_release(empty_database: str) -> None:
    """They are refused in one sentence, by the engine and by the migration."""
    migrate.upgrade(empty_database)
    with psycopg.connect(psycopg_url(empty_database), autocommit=True) as connection:
        version_is(connection, "0014x")
    with pytest.raises(ConfigurationError, match="before the first release"):
        migrate.upgrade(empty_database)
    with pytest.raises(ConfigurationError, match="begin with an empty database"):
        open_store()


def test_no_revision_has_a_number_of_before_the_first_release() -> None:
    """When they come near it, the mapping of the old number has to go."""
    assert newest_revision() < UNRELEASED


def test_the_script_for_an_administrator_makes_the_same(empty_database: str, database: str) -> None:
    """SQL instead of a migration, with the views and the version."""
    written = io.StringIO()
    config = Config(output_buffer=written, stdout=written)
    config.set_main_option("script_location", str(Path(str(migrations.__file__)).parent))
    command.upgrade(config, "head", sql=True)
    with psycopg.connect(psycopg_url(empty_database), autocommit=True) as connection:
        connection.execute(written.getvalue())
    assert tables(empty_database) == tables(database)
    assert migrate.current(empty_database) == migrate.head()


def test_the_database_is_what_the_tables_declare(database: str) -> None:
    """Alembic finds nothing to add, change or remove."""
    assert migrate.check(database) == []


def test_a_column_that_nobody_declared_is_found(database: str) -> None:
    """The check can fail: a column added by hand is named."""
    with psycopg.connect(psycopg_url(database), autocommit=True) as connection:
        name = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'canonical' ORDER BY 1 LIMIT 1"
        ).fetchone()
        assert name is not None
        connection.execute(
            sql.SQL("ALTER TABLE canonical.{} ADD COLUMN by_hand text").format(sql.Identifier(str(name[0])))
        )
    assert any("by_hand" in sentence for sentence in migrate.check(database))


@pytest.mark.parametrize("before", ["an empty database", "the version of before the release"])
def test_two_at_once_wait_for_each_other(before: str, empty_database: str) -> None:
    """Two deployments migrate the same database: both succeed, the tables are made once."""
    failures: list[BaseException] = []

    def up() -> None:
        try:
            migrate.upgrade(empty_database)
        except BaseException as error:  # noqa: BLE001 - carried to the test's own thread
            failures.append(error)

    # Alembic keeps its context in module globals: two threads would share it, so the second is another process in life.
    # What is tested here is the lock in the database, held by a transaction of ours.
    if before == "the version of before the release":
        migrate.upgrade(empty_database, "0001")
        with psycopg.connect(psycopg_url(empty_database), autocommit=True) as connection:
            version_is(connection, UNRELEASED)
    there = tables(empty_database)
    with psycopg.connect(psycopg_url(empty_database)) as holder:
        holder.execute("CREATE SCHEMA IF NOT EXISTS engine")
        holder.execute("COMMENT ON SCHEMA engine IS 'another deployment is at it'")
        waiting = threading.Thread(target=up)
        waiting.start()
        waiting.join(timeout=1)
        assert waiting.is_alive()
        assert tables(empty_database) == there
    waiting.join(timeout=60)
    assert failures == []
    assert migrate.current(empty_database) == migrate.head()


def test_a_role_that_may_not_is_told_what_to_grant(outsider: str) -> None:
    """No half migration and no stack trace: the GRANT that is missing."""
    with pytest.raises(ConfigurationError, match='GRANT CREATE ON DATABASE "test_'):
        migrate.upgrade(outsider)


def test_a_database_that_is_not_there(server: str) -> None:
    """A mistyped database is the reader's to correct; the URL is shown without its password."""
    with pytest.raises(ConfigurationError, match="does not exist"):
        check_server(server.replace("/postgres?", "/no_such_database?"))


def test_a_server_that_does_not_answer() -> None:
    """Nobody listens: that may pass, so it is worth another try."""
    with pytest.raises(TransientError, match="does not answer"):
        check_server("postgresql://ada:s3cret@127.0.0.1:1/ledger")


def test_a_server_that_is_too_old(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store's SQL needs PostgreSQL 15; a 14 is refused at the door."""
    monkeypatch.setattr("sync_engine.platform.server.OLDEST", 99)
    with pytest.raises(ConfigurationError, match="The store needs 99 or newer"):
        check_server(server)


def test_a_revision_nobody_knows(database: str) -> None:
    """A database that a newer version migrated is not touched."""
    with psycopg.connect(psycopg_url(database), autocommit=True) as connection:
        connection.execute("UPDATE engine.alembic_version SET version_num = 'fromthefuture'")
    with pytest.raises(ConfigurationError, match="newer"):
        migrate.upgrade(database)
    assert shown(database)
