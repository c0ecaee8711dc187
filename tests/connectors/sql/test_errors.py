"""Every failure of SQLAlchemy and of DuckDB is one of ours, and none repeats what the database said: that may be a row."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import duckdb
import psycopg
import pymysql
import pytest
from pydantic import ValidationError
from sqlalchemy import exc

from connectors.sql import plugin
from connectors.sql.errors import code_of, from_duckdb, from_sqlalchemy, translated
from sync_engine.config import settings_of
from sync_engine.errors import (
    AuthenticationFailed,
    ConfigurationError,
    PermissionMissing,
    SourceError,
    SyncError,
    TransientError,
    Unreachable,
)
from tests.connectors.sql.support import Noon, one, rows
from tests.simulators.sql import Admin

SECRET_WORDS = "the row said HANSEN & SOEN"


def below(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    """A class and all its subclasses."""
    yield kind
    for other in kind.__subclasses__():
        yield from below(other)


def named(*roots: type[BaseException]) -> list[type[BaseException]]:
    """These classes and all below them, by name."""
    return sorted({kind for root in roots for kind in below(root)}, key=lambda kind: kind.__name__)


def made(kind: type[BaseException]) -> BaseException:
    """An exception of a class that says what nobody should read, however it is built."""
    found = kind.__new__(kind)
    found.args = (SECRET_WORDS,)
    return found


@pytest.mark.parametrize("kind", named(exc.SQLAlchemyError), ids=lambda k: k.__name__)
def test_every_exception_of_sqlalchemy_is_ours(kind: type[BaseException]) -> None:
    """A new one of theirs is found by its class."""
    error = made(kind)
    if isinstance(error, exc.DBAPIError):
        error.orig = psycopg.Error(SECRET_WORDS)
    with pytest.raises(SyncError) as caught, translated("erp", "debtor", "table t"):
        raise error
    assert "HANSEN" not in str(caught.value)


@pytest.mark.parametrize("kind", named(duckdb.Error), ids=lambda k: k.__name__)
def test_every_exception_of_duckdb_is_ours(kind: type[BaseException]) -> None:
    """The same."""
    with pytest.raises(SyncError) as caught, translated("erp", "debtor", "table t"):
        raise made(kind)
    assert "HANSEN" not in str(caught.value)


@pytest.mark.parametrize(
    "kind",
    named(psycopg.Error, pymysql.err.Error, sqlite3.Error),
    ids=lambda k: k.__name__,
)
def test_every_exception_of_a_driver_is_ours(kind: type[BaseException]) -> None:
    """Wrapped by SQLAlchemy, each leads to a sentence with its code and none of its words."""
    error = made(kind)
    wrapped = exc.DBAPIError("SELECT x", {}, error)
    said = from_sqlalchemy(wrapped, whose="erp", key="debtor", what="table t")
    assert "HANSEN" not in str(said)
    assert code_of(error) in str(said)


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("28P01", AuthenticationFailed),
        ("28000", AuthenticationFailed),
        ("42501", PermissionMissing),
        ("25006", ConfigurationError),
        ("3D000", ConfigurationError),
        ("42P01", ConfigurationError),
        ("42703", ConfigurationError),
        ("42601", ConfigurationError),
        ("40001", TransientError),
        ("40P01", TransientError),
        ("53300", TransientError),
        ("57P01", TransientError),
        ("57014", TransientError),
        ("08006", TransientError),
        ("22008", SourceError),
        ("XX001", SourceError),
    ],
)
def test_a_code_decides_what_to_do(state: str, kind: type[SyncError]) -> None:
    """What passes is asked again, what a person has to mend is not."""
    wrapped = exc.DBAPIError("SELECT x", {}, psycopg.errors.lookup(state)())
    assert type(from_sqlalchemy(wrapped, whose="erp", key="debtor", what="table t")) is kind


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1045, AuthenticationFailed), (1698, AuthenticationFailed), (1142, PermissionMissing), (1044, PermissionMissing),
        (1792, ConfigurationError), (1049, ConfigurationError), (1146, ConfigurationError), (1054, ConfigurationError),
        (1060, ConfigurationError), (1064, ConfigurationError), (2013, TransientError), (2003, Unreachable), (2002, Unreachable), (1205, TransientError),
        (1213, TransientError), (1040, TransientError), (1969, TransientError), (1292, SourceError),
    ],
)  # fmt: skip
def test_a_number_of_mariadb_decides_what_to_do(code: int, kind: type[SyncError]) -> None:
    """The same."""
    wrapped = exc.DBAPIError("SELECT x", {}, pymysql.err.OperationalError(code, SECRET_WORDS))
    assert type(from_sqlalchemy(wrapped, whose="erp", key="debtor", what="table t")) is kind


def test_a_connection_that_breaks_is_asked_again() -> None:
    """By the system's own errors, too."""
    for error in (ConnectionResetError(SECRET_WORDS), EOFError(), TimeoutError()):
        with (
            pytest.raises(TransientError, match="the connection broke") as caught,
            translated("erp", "debtor", "table t"),
        ):
            raise error
        assert "HANSEN" not in str(caught.value)
    with pytest.raises(SourceError, match="encoding"), translated("erp", "debtor", "table t"):
        b"\xff".decode()
    assert isinstance(from_duckdb(duckdb.IOException("lock"), whose="", key="", what=""), TransientError)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("oracle+oracledb://erp@host/x", "driver oracledb is not installed.*pip install oracledb"),
        ("mysql+mysqldb://erp@host/x", "driver MySQLdb is not installed"),
        ("nosuch://erp@host/x", "no such database, driver"),
        ("duckdb://", "names no file"),
    ],
)
def test_a_driver_that_is_missing_is_named(url: str, said: str) -> None:
    """With the command that installs it."""
    with pytest.raises(ConfigurationError, match=said):
        rows(one(Admin("", url, "", None), table="t"))


def test_a_server_that_is_not_there_is_told_from_one_that_is_busy() -> None:
    """Nobody listens on the port, or the host has no such name: to ask again at once is of no use."""
    for url in (
        "postgresql+psycopg://erp@127.0.0.1:1/erp",
        "mariadb+pymysql://erp@127.0.0.1:1/erp",
        "postgresql+psycopg://erp@nobody.invalid/erp",
        "mariadb+pymysql://erp@nobody.invalid/erp",
    ):
        with pytest.raises(Unreachable, match="no connection to the database"):
            rows(one(Admin("", url, "", None), table="t"))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://erp:s3cret@host/x",
        "postgresql://erp@host/x?password=s3cret",
        "mysql+pymysql://erp@host/x?ssl_key_password=s3cret",
        "://s3cret",
    ],
)
def test_a_password_in_the_url_is_refused_and_not_repeated(url: str) -> None:
    """A YAML is copied, committed and mailed."""
    with pytest.raises(ConfigurationError) as caught:
        settings_of(
            plugin.settings,
            {"url": url, "entities": {"debtor": {"table": "t", "key": "id"}}},
            "erp connection",
        )
    assert "s3cret" not in str(caught.value)
    assert "url" in str(caught.value)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"key": "id"}, "a table or a query"),
        ({"key": "id", "table": "t", "query": "SELECT 1"}, "a table or a query"),
        ({"key": "id", "table": "t", "changed": "a", "version": "b"}, "one of them"),
        ({"key": "id", "table": "t", "parameters": {"a": 1}}, "parameters are for a query"),
        ({"key": [], "table": "t"}, "key"),
        ({"key": True, "table": "t"}, "in quotes"),
        ({"key": "id", "table": "t", "types": {"a": "epoch"}}, "types"),
        ({"key": "id", "table": "t", "colour": "red"}, "colour"),
    ],
)
def test_settings_that_mean_nothing_are_refused(declared: dict[str, object], said: str) -> None:
    """With the key that is wrong."""
    with pytest.raises(ConfigurationError, match=said):
        settings_of(
            plugin.settings, {"url": "sqlite:///x.db", "entities": {"debtor": declared}}, "erp connection"
        )


def test_an_entity_nobody_speaks_of_is_refused() -> None:
    """And a company that is declared twice, a zone that is none."""
    for more in (
        {"entities": {"unicorn": {"table": "t", "key": "id"}}},
        {
            "entities": {"company": {"table": "t", "key": "id"}},
            "company": {"name": "A", "base_currency": "CHF"},
        },
        {"entities": {"debtor": {"table": "t", "key": "id"}}, "time_zone": "Middle/Earth"},
    ):
        with pytest.raises(ValidationError):
            plugin.settings.model_validate({"url": "sqlite:///x.db", **more})
    assert "Sql('erp')" in repr(
        plugin.open(
            "erp",
            plugin.settings.model_validate(
                {"url": "sqlite:///x.db", "entities": {"debtor": {"table": "t", "key": "id"}}}
            ),
            Noon(),
        )
    )
