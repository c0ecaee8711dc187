"""Locks: none that a reader can take, each of them told by who holds it since when, and all of them listed here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from sync_engine.errors import ConfigurationError
from sync_engine.platform.home import project_root
from sync_engine.platform.urls import psycopg_url
from sync_engine.store import locks
from sync_engine.store.db import fetch, one_at_a_time, open_engine, transaction
from sync_engine.store.runs import source_lock
from tests.stages.support import Rig, bench_of, rig_on

PRODUCT = ("sync_engine", "connectors", "mappings", "dagster_project", "migrations")
WHERE = {
    "engine.alert": "sync_engine/store/queries/alert_states.py",
    "engine.turn_change_feed": "sync_engine/store/change_feed/changes.py", "engine.turn_publish": "sync_engine/store/db.py",
    "engine.turn_staging": "sync_engine/store/staging.py",
}  # fmt: skip
"""Every turn that is not a source's, and the module that takes it."""
OF_EVERYBODY = (
    "pg_advisory_lock(4711)",
    "pg_advisory_lock(7310402)",
    "pg_advisory_lock(24158, 1)",
    "pg_advisory_lock(24158, 2)",
)


def sources_of_the_project() -> Iterator[tuple[str, str]]:
    """(path, text) of every module that is shipped."""
    root = project_root()
    assert root is not None
    for package in PRODUCT:
        for path in sorted((root / package).rglob("*")):
            if path.suffix in (".py", ".sql"):
                yield path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")


def test_no_lock_is_one_that_everybody_may_take() -> None:
    """PUBLIC may take advisory locks; none of ours is one. Every turn is declared, and taken by the module that is listed."""
    advisory = [path for path, code in sources_of_the_project() if re.search(r"pg_(try_)?advisory", code)]
    assert advisory == []
    assert set(WHERE) == set(locks.FIXED)
    for turn, module in WHERE.items():
        name = turn.removeprefix("engine.").removeprefix("turn_").upper()
        assert [path for path, code in sources_of_the_project() if f"locks.{name})" in code] == [module]
    taking = {path for path, code in sources_of_the_project() if "LOCK TABLE" in code.replace("`", "")}
    assert taking == {"sync_engine/store/locks.py"}


@pytest.fixture
def rig(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """A company and a store."""
    with rig_on(bench_of(monkeypatch), database, tmp_path / "lake") as made:
        yield made


@pytest.fixture
def reader(database: str, server: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Somebody with the role that other applications get."""
    role = sql.Identifier("reader_" + database.rsplit("test_", 1)[1].split("?")[0])
    with psycopg.connect(psycopg_url(server), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN IN ROLE sync_engine_reader").format(role))
    with psycopg.connect(
        psycopg_url(database.replace("postgres@", f"{role.as_string()[1:-1]}@", 1)), autocommit=True
    ) as connection:
        yield connection
    with psycopg.connect(psycopg_url(server), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP ROLE {}").format(role))


def test_a_reader_stops_nobody(rig: Rig, reader: psycopg.Connection[tuple[object, ...]]) -> None:
    """With every advisory lock there ever was in its hands: runs, decisions and migrations go on; the turns themselves it cannot touch."""
    rig.run()
    for lock in OF_EVERYBODY:
        reader.execute(f"SELECT {lock}")
    for turn in (*locks.FIXED, locks.of_source("bc")):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), reader.transaction():
            reader.execute(f"LOCK TABLE {turn} IN ACCESS SHARE MODE")
    for relation in [
        r[0]
        for r in rig.rows(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'canonical' AND table_type = 'BASE TABLE'"
        )
    ]:
        with pytest.raises(psycopg.errors.InsufficientPrivilege), reader.transaction():
            reader.execute(f"LOCK TABLE canonical.{relation} IN SHARE MODE")
    assert rig.run_whole(full=True).outcome == "succeeded"


def test_who_has_a_turn_is_told(rig: Rig, database: str) -> None:
    """The refusal of a second run, and whoever asks, hear the session, its program, its role and since when."""
    other = open_engine(database, application="the night's run")
    with other.connect() as holder:
        pid = holder.exec_driver_sql("SELECT pg_backend_pid()").scalar()
    with source_lock(other, "bc", wait=False), transaction(other, "publishing") as publishing:
        one_at_a_time(publishing)
        with transaction(rig.store, "asking") as connection:
            found = locks.holders(connection)
            assert [(h.turn, h.application, h.role, h.since is not None) for h in found] == [
                ("engine.turn_publish", "the night's run", "postgres", True),
                ("staging.bc__turn", "the night's run", "postgres", True),
            ]
        with pytest.raises(
            ConfigurationError,
            match=rf"held since [\d :-]+ UTC by the night's run, session {found[1].pid} of the database, role postgres",
        ):
            rig.run()
        assert pid in {h.pid for h in found}
    with transaction(rig.store, "asking") as connection:
        assert locks.holders(connection) == []
    other.dispose()


def test_a_turn_holds_back_no_vacuum(rig: Rig) -> None:
    """A run that lasts hours must not keep every dead row of the database: its turn has no transaction number and no snapshot."""
    with source_lock(rig.store, "bc", wait=False), transaction(rig.store, "asking") as connection:
        [holder] = locks.holders(connection)
        rows = fetch(
            connection,
            "SELECT backend_xid IS NULL, backend_xmin IS NULL FROM pg_stat_activity WHERE pid = :pid",
            pid=holder.pid,
        )
        assert [tuple(r) for r in rows] == [(True, True)]


def test_a_turn_ends_with_the_session_that_had_it(rig: Rig, database: str) -> None:
    """The server ends the session of a run: the next one gets the turn at once, and the first does not fail for giving back what is gone."""
    with source_lock(rig.store, "bc", wait=False):
        with transaction(rig.store, "asking") as connection:
            [holder] = locks.holders(connection)
            fetch(connection, "SELECT pg_terminate_backend(:pid, 20000)", pid=holder.pid)
        other = open_engine(database)
        with source_lock(other, "bc", wait=False):
            pass
        other.dispose()
