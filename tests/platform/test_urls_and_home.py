"""Where things are: URLs in the form each library takes, and the folders of the engine."""

from __future__ import annotations

import stat
from datetime import UTC
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import URL, make_url

from sync_engine.errors import ConfigurationError
from sync_engine.platform import home as places
from sync_engine.platform import urls
from sync_engine.platform.clock import SystemClock

ODD = "postgresql://ada:p%40ss%2Fword@db.example:6543/ledger?sslmode=require"


@pytest.mark.parametrize(
    "given",
    ["postgres://db/x", "postgresql://db/x", "postgresql+psycopg2://db/x", "postgresql+psycopg://db/x"],
)
def test_every_spelling_becomes_the_one_a_library_takes(given: str) -> None:
    """Whatever driver somebody wrote down, SQLAlchemy, psycopg and Dagster's storage each get their own."""
    assert urls.sqlalchemy_url(given) == "postgresql+psycopg://db/x"
    assert urls.psycopg_url(given) == "postgresql://db/x"
    assert urls.dagster_url(given) == "postgresql+psycopg2://db/x"


def test_odd_passwords_and_options_survive() -> None:
    """Percent-encoded characters and query options are carried over; only the database changes when asked."""
    assert urls.psycopg_url(urls.sqlalchemy_url(ODD)) == ODD
    assert urls.database_of(ODD, "other") == ODD.replace("/ledger", "/other")


PLACES = ["my checkout", "a+b", "C++ & 100 %", "René's [1] folder", "semi;colon", "a%20b", "hash#tag"]
"""What people call their folders."""


@pytest.mark.parametrize("folder", PLACES)
def test_a_socket_in_a_folder_of_any_name_reaches_every_library(folder: str) -> None:
    """libpq takes a plus for a plus, SQLAlchemy takes it for a space: both must find the same folder behind every form of the URL."""
    where = {"host": f"/srv/ada/{folder}", "port": "6543"}
    given = urls.rendered(URL.create("postgresql+psycopg", username="postgres", database="x", query=where))
    for form in (
        urls.sqlalchemy_url,
        urls.psycopg_url,
        urls.dagster_url,
        lambda url: urls.database_of(url, "x"),
    ):
        assert make_url(form(given)).query["host"] == f"/srv/ada/{folder}"
        assert conninfo_to_dict(urls.psycopg_url(form(given)))["host"] == f"/srv/ada/{folder}"


def test_no_password_is_shown() -> None:
    """What goes into a message has neither password nor options."""
    assert urls.shown(ODD) == "postgresql://ada:***@db.example:6543/ledger"


@pytest.mark.parametrize(
    "given", ["mysql://ada:s3cret@db/x", "host=db password=s3cret", "postgresql://ada:s3cret@db:port/x"]
)
def test_a_url_that_will_not_do_is_refused_without_its_password(given: str) -> None:
    """Another database, a libpq string, a mistyped port: the message explains the form and keeps the secret."""
    with pytest.raises(ConfigurationError, match="SYNC_ENGINE_DATABASE_URL reads") as refused:
        urls.sqlalchemy_url(given)
    assert "s3cret" not in str(refused.value)


def test_the_home_is_made_private(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A new home cannot be listed by others; one that exists keeps the permissions its owner gave it."""
    monkeypatch.setenv("SYNC_ENGINE_HOME", str(tmp_path / "new" / "home"))
    assert places.home() == tmp_path / "new" / "home"
    assert stat.S_IMODE(places.home().stat().st_mode) & 0o066 == 0
    places.home().chmod(0o755)
    assert stat.S_IMODE(places.home().stat().st_mode) == 0o755


def test_in_a_clone_the_home_is_beside_the_code() -> None:
    """Tests run from a clone, where `.home` belongs to the project."""
    root = places.project_root()
    assert root is not None
    assert (root / "sync_engine").is_dir()


def test_a_home_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file in the way is named, and so is the setting."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("SYNC_ENGINE_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(ConfigurationError, match="Set SYNC_ENGINE_HOME"):
        places.home()


def test_the_lake_is_in_the_home_unless_it_is_elsewhere(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """A folder by default, any fsspec URL by choice, relative paths made whole."""
    assert places.lake_url() == str(home / "lake")
    monkeypatch.setenv("SYNC_ENGINE_LAKE", "s3://bucket/lake")
    assert places.lake_url() == "s3://bucket/lake"
    monkeypatch.setenv("SYNC_ENGINE_LAKE", "here/lake")
    assert places.lake_url() == str(Path.cwd() / "here" / "lake")


def test_the_definitions_come_with_the_project_or_from_a_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The packaged folder by default; a folder that is not there is named."""
    assert places.defs_folder().name == "defs"
    monkeypatch.setenv("SYNC_ENGINE_DEFS", str(tmp_path))
    assert places.defs_folder() == tmp_path
    monkeypatch.setenv("SYNC_ENGINE_DEFS", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigurationError, match="nowhere does not exist"):
        places.defs_folder()


def test_the_clock_is_aware_and_never_waits_backwards() -> None:
    """UTC always; a pause that is over already is no pause."""
    clock = SystemClock()
    before = clock.now()
    clock.sleep(-5)
    assert before.tzinfo is UTC
    assert (clock.now() - before).total_seconds() < 1
