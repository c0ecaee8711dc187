"""Database URLs: one form for SQLAlchemy, one for psycopg, one for Dagster's own storage."""

from __future__ import annotations

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from sync_engine.errors import ConfigurationError


def sqlalchemy_url(url: str) -> str:
    """The URL with the driver we use, `postgresql+psycopg://`. Raises ConfigurationError when it is not PostgreSQL's."""
    return _with_driver(url, "postgresql+psycopg")


def psycopg_url(url: str) -> str:
    """The URL without a driver, as psycopg and psql take it."""
    return _with_driver(url, "postgresql")


def dagster_url(url: str) -> str:
    """The URL for dagster-postgres: its SQL is written for psycopg2, and SQLAlchemy 2.1 takes psycopg 3 unless told."""
    return _with_driver(url, "postgresql+psycopg2")


def database_of(url: str, name: str) -> str:
    """The same server and login, another database."""
    return rendered(_parsed(url).set(database=name))


def shown(url: str) -> str:
    """The URL for people: no password, no query."""
    return _parsed(url).set(query={}).render_as_string(hide_password=True)


def _with_driver(url: str, driver: str) -> str:
    return rendered(_parsed(url).set(drivername=driver))


def rendered(url: URL) -> str:
    """The URL as text. A space of the query, which SQLAlchemy writes as `+` and libpq takes for a plus, is `%20`: the same to both."""
    address, mark, query = url.render_as_string(hide_password=False).partition("?")
    return f"{address}{mark}{query.replace('+', '%20')}"


def _parsed(url: str) -> URL:
    todo = "SYNC_ENGINE_DATABASE_URL reads postgresql://user:password@host:5432/database, special characters percent-encoded."
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # `from None`: the parser's own message repeats the URL, and with it the password.
        raise ConfigurationError("the database URL cannot be read", todo=todo) from None
    if parsed.drivername.split("+")[0] not in ("postgresql", "postgres"):
        raise ConfigurationError(
            f"the database URL is for {parsed.drivername}, and the store is PostgreSQL only", todo=todo
        )
    return parsed
