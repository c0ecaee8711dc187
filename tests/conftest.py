"""What every test may ask for: a home folder, a migrated database of its own, an empty one; and what no test may do: skip in silence.

One PostgreSQL serves the whole session, all workers together. It lives in a folder of the session and is stopped by the
process that made the folder. SYNC_ENGINE_TEST_SERVER names another server to test against, as a superuser's URL.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import psycopg
import pytest
from psycopg import sql

from sync_engine.platform import migrate
from sync_engine.platform.postgres import EmbeddedPostgres
from sync_engine.platform.urls import database_of, psycopg_url, sqlalchemy_url

_FOLDER = "SYNC_ENGINE_TEST_FOLDER"
_SERVER = "SYNC_ENGINE_TEST_SERVER"
SIZES = ("SYNC_ENGINE_FUZZ", "SYNC_ENGINE_FUZZ_SEED", "SYNC_ENGINE_TEST_DATA")
"""How much is tried, and from where chance begins: said by who starts the tests, not the developer's own settings."""
_TEMPLATE = "migrated"
_UNSAFE_BUT_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "autovacuum": "off",
}
_EXCUSE = "optional data"

if not os.environ.get(
    "CI"
):  # where it is set, Hypothesis loads a profile of its own that keeps no time either and repeats itself
    hypothesis.settings.register_profile("no clock", deadline=None)
    hypothesis.settings.load_profile("no clock")


def pytest_configure(config: pytest.Config) -> None:
    """Gives the session a folder, and takes the developer's own settings out of reach."""
    for name in [
        name
        for name in os.environ
        if name.startswith("SYNC_ENGINE_") and name not in (_FOLDER, _SERVER, *SIZES)
    ]:
        del os.environ[name]
    if not _is_worker(config):
        folder = Path(tempfile.mkdtemp(prefix="se-test-"))
        folder.chmod(0o711)  # as root the server's account must walk through
        os.environ[_FOLDER] = str(folder)
    os.environ["SYNC_ENGINE_HOME"] = str(Path(os.environ[_FOLDER]) / "home")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stops the server, when all workers are done."""
    if not _is_worker(config) and (folder := os.environ.pop(_FOLDER, None)):
        for home in (Path(folder), Path(folder) / "home"):
            EmbeddedPostgres(home).remove()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With CI set, a skipped test is a failed one, unless it lacks optional data."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        _refuse_skip(report, item.nodeid)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that skips itself."""
    report = yield
    if report.skipped:
        _refuse_skip(report, collector.nodeid)
    return report


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport, name: str) -> None:
    reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if os.environ.get("CI") and not reason.removeprefix("Skipped: ").startswith(_EXCUSE):
        report.outcome = "failed"
        report.longrepr = f"{name} was skipped ({reason}), and only absent {_EXCUSE} excuses a skip."


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of the test's own, which SYNC_ENGINE_HOME names."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("SYNC_ENGINE_HOME", str(folder))
    return folder


@pytest.fixture
def database(migrated_template: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The SQLAlchemy URL of a migrated database of the test's own, which SYNC_ENGINE_DATABASE_URL names."""
    with new_database(migrated_template, _TEMPLATE) as url:
        monkeypatch.setenv("SYNC_ENGINE_DATABASE_URL", url)
        yield url


@pytest.fixture
def second_database(migrated_template: str) -> Iterator[str]:
    """Another one, for tests that compare two."""
    with new_database(migrated_template, _TEMPLATE) as url:
        yield url


@pytest.fixture
def empty_database(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The same without any table."""
    with new_database(server, "template0") as url:
        monkeypatch.setenv("SYNC_ENGINE_DATABASE_URL", url)
        yield url


@pytest.fixture(scope="session")
def server() -> str:
    """The SQLAlchemy URL of the session's server, as superuser, in its maintenance database."""
    other = os.environ.get(_SERVER)
    if other:
        return sqlalchemy_url(other)
    running = EmbeddedPostgres(Path(os.environ[_FOLDER]), settings=_UNSAFE_BUT_FAST)
    running.start()
    return running.url("postgres")


@pytest.fixture(scope="session")
def migrated_template(server: str) -> str:
    """The server, once it has a migrated database to copy: 50 ms a test, not a migration a test."""
    with (Path(os.environ[_FOLDER]) / "template.lock").open("w") as lock, _maintenance(server) as connection:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_TEMPLATE]).fetchone() is None:
            unfinished = sql.Identifier(f"{_TEMPLATE}_unfinished")
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(unfinished))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(unfinished))
            migrate.upgrade(database_of(server, f"{_TEMPLATE}_unfinished"))
            connection.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(unfinished, sql.Identifier(_TEMPLATE))
            )
    return server


@contextmanager
def new_database(server: str, template: str) -> Iterator[str]:
    """A database of a random name, made from a template and dropped at the end."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with _maintenance(server) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
    try:
        yield database_of(server, name)
    finally:
        with _maintenance(server) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _maintenance(server: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(psycopg_url(server), autocommit=True)
