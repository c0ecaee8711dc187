"""The databases, roles and pools people have: what the engine needs is set, and what will not do is refused at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text

from sync_engine.cli import main
from sync_engine.errors import ConfigurationError, StoreError, SyncError
from sync_engine.ops.runs.environment import open_store
from sync_engine.platform import migrate
from sync_engine.platform.server import NEEDED, check_server, settle
from sync_engine.platform.urls import database_of, psycopg_url
from sync_engine.store.db import fetch, open_engine, transaction
from sync_engine.store.runs import source_lock
from tests.platform.pooling import pool_before
from tests.stages.snapshots import another_database, difference, snapshot
from tests.stages.support import bench_of, rig_on

ODD = {
    "datestyle": "'German'", "intervalstyle": "'sql_standard'", "timezone": "'Pacific/Auckland'", "bytea_output": "'escape'", "extra_float_digits": "-3",
    "default_transaction_isolation": "'serializable'", "statement_timeout": "'900ms'", "lock_timeout": "'900ms'",
    "idle_in_transaction_session_timeout": "'900ms'", "idle_session_timeout": "'900ms'", "transaction_timeout": "'900ms'",
    "standard_conforming_strings": "off", "jit": "on",
}  # fmt: skip
"""What a database or a role is set to, somewhere."""


@contextmanager
def database_in(server: str, encoding: str) -> Iterator[str]:
    """A database that keeps text in an encoding of its own."""
    name = sql.Identifier(f"kept_in_{encoding.lower()}")
    with psycopg.connect(psycopg_url(server), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(name))
        connection.execute(
            sql.SQL(
                "CREATE DATABASE {} ENCODING {} TEMPLATE template0 LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C'"
            ).format(name, sql.Literal(encoding))
        )
    yield database_of(server, f"kept_in_{encoding.lower()}")
    with psycopg.connect(psycopg_url(server), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_cannot_hold_every_name_is_refused_at_once(
    encoding: str,
    server: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    home: Path,
) -> None:
    """Before a table is made, by the migration, by the store and by the command line: which database, why, and how to make one that will do."""
    said = f"kept_in_{encoding.lower()} .* keeps text in {encoding}.*ENCODING 'UTF8'"
    with database_in(server, encoding) as url:
        monkeypatch.setenv("SYNC_ENGINE_DATABASE_URL", url)
        for opens in (lambda: migrate.upgrade(url), lambda: check_server(url), open_store):
            with pytest.raises(ConfigurationError, match=said):
                opens()
        with pytest.raises(SystemExit) as ended:
            main(["status"])
        assert ended.value.code == 2
        assert f"keeps text in {encoding}" in " ".join(capsys.readouterr().err.split())


def prefer(url: str, settings: dict[str, str]) -> None:
    """Gives a database preferences of its own."""
    with psycopg.connect(psycopg_url(url), autocommit=True) as connection:
        for name, value in settings.items():
            connection.execute(f"ALTER DATABASE {connection.info.dbname} SET {name} = {value}")


PLAIN = {
    "datestyle": "ISO, MDY", "intervalstyle": "postgres", "timezone": "UTC", "bytea_output": "hex", "extra_float_digits": "1",
    "default_transaction_isolation": "read committed", "statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0", "transaction_timeout": "0", "standard_conforming_strings": "on", "jit": "off",
}  # fmt: skip
"""What each of them is in a session of ours, said here once more: a setting that the engine forgets is missed."""


def test_every_setting_that_matters_is_the_engines_own(database: str) -> None:
    """Whatever the role prefers, a session of ours has what the engine needs, and no time limit."""
    assert PLAIN.keys() == ODD.keys() >= NEEDED.keys()
    prefer(database, ODD)
    engine = open_engine(database)
    with engine.connect() as connection:
        for name, value in PLAIN.items():
            assert (
                connection.execute(text("SELECT current_setting(:name)"), {"name": name}).scalar() == value
            ), name
        connection.execute(text("SELECT pg_sleep(1.2)"))
    engine.dispose()


def test_a_run_in_an_odd_database_is_a_run_in_a_plain_one(
    server: str,
    migrated_template: str,
    empty_database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Days before months, intervals in SQL's words, another zone, limits of a second: migrated, loaded, and equal to a plain database."""
    bench = bench_of(monkeypatch)
    prefer(empty_database, ODD)
    migrate.upgrade(empty_database)
    assert migrate.check(empty_database) == []
    with (
        rig_on(bench, empty_database, tmp_path / "odd") as odd,
        another_database(migrated_template) as url,
        rig_on(bench, url, tmp_path / "plain") as plain,
    ):
        for rig in (odd, plain):
            assert rig.run_whole().outcome == "succeeded"
        assert difference(snapshot(odd.store), snapshot(plain.store)) == {}
        hashes = "SELECT key, raw_hash, claim, deleted_at IS NULL FROM engine.source_record ORDER BY stream_id, key"
        assert odd.rows(hashes) == plain.rows(hashes)


@pytest.mark.parametrize(
    ("does", "says"),
    [
        (
            "pg_cancel_backend",
            r"the server ended a statement \(canceling statement due to user request\) while answering",
        ),
        (
            "pg_terminate_backend",
            "the connection to the database was lost while answering: an administrator ended the session, or the server is shutting down",
        ),
    ],
)
def test_a_server_that_ends_our_work_is_told_in_the_right_words(does: str, says: str, database: str) -> None:
    """A limit or a person ended it: neither is a connection that was lost nor a wrong URL."""
    engine = open_engine(database)
    with transaction(engine, "looking") as connection:
        [(pid,)] = fetch(connection, "SELECT pg_backend_pid()")

    def end() -> None:
        with psycopg.connect(psycopg_url(database), autocommit=True) as other:
            while not other.execute(
                "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND query LIKE 'SELECT pg_sleep%%'", [pid]
            ).fetchone():
                pass
            other.execute(f"SELECT {does}(%s)", [pid])

    ending = threading.Thread(target=end)
    ending.start()
    with pytest.raises(StoreError, match=says), transaction(engine, "answering") as connection:
        fetch(connection, "SELECT pg_sleep(60)")
    ending.join()
    engine.dispose()


def test_a_pool_that_shares_sessions_is_refused_in_one_sentence(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PgBouncer in transaction mode: refused wherever a session begins, naming the database and what to set, and no lock is left."""
    with pool_before(database, "transaction") as url:
        monkeypatch.setenv("SYNC_ENGINE_DATABASE_URL", url)
        said = "a pool of connections stands before the database test_.*pool_mode = session"
        for opens in (
            open_store,
            lambda: check_server(url),
            lambda: migrate.upgrade(url),
            lambda: source_lock(open_engine(url), "bc", wait=False).__enter__(),
        ):
            with pytest.raises(ConfigurationError, match=said):
                opens()
    with psycopg.connect(psycopg_url(database)) as connection:
        assert connection.execute(
            "SELECT count(*) FROM pg_locks "
            "WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND (locktype = 'advisory' OR mode = 'ShareUpdateExclusiveLock')"
        ).fetchone() == (0,)


def test_a_pool_that_keeps_sessions_will_do(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PgBouncer in session mode: it too answers with another number than the server's, and a whole run goes through it."""
    with (
        pool_before(database, "session") as url,
        rig_on(bench_of(monkeypatch), url, tmp_path / "lake") as rig,
    ):
        assert rig.run_whole().outcome == "succeeded"
        with psycopg.connect(psycopg_url(url)) as connection:
            settle(connection)
            row = connection.execute("SELECT pg_backend_pid()").fetchone()
            assert row is not None
            assert row[0] != connection.info.backend_pid


def test_a_pool_that_refuses_settings_of_the_url(server: str) -> None:
    """What PgBouncer says to `options` in a URL is a setting to correct, not a server to wait for."""
    from sync_engine.platform.server import refusal

    found: SyncError = refusal(
        psycopg.OperationalError("connection failed: FATAL:  unsupported startup parameter: options"), server
    )
    assert isinstance(found, ConfigurationError)
