"""A database as its administrator reaches it: one statement at a time, committed at once, with `?` for what is bound."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pymysql
from sqlalchemy.engine import make_url

from sync_engine.platform.urls import psycopg_url


@dataclass
class Admin:
    """A way in. `url` is what a source's YAML says, `password` what its reference leads to."""

    product: str
    url: str
    password: str
    place: Any

    def run(self, statement: str, *bound: Any) -> list[tuple[Any, ...]]:
        """Runs one statement; the rows it answers."""
        with self._connected() as connection:
            cursor = connection.cursor()
            said = statement if self.product in ("sqlite", "duckdb") else statement.replace("?", "%s")
            cursor.execute(said, *([list(bound)] if bound else []))
            return list(cursor.fetchall()) if cursor.description else []

    def many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Runs one statement for each row."""
        with self._connected() as connection:
            said = statement if self.product in ("sqlite", "duckdb") else statement.replace("?", "%s")
            connection.cursor().executemany(said, rows)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Any]:
        connection = self._connection()
        try:
            yield connection
            if self.product != "duckdb":
                connection.commit()
        finally:
            connection.close()

    def _connection(self) -> Any:
        match self.product:
            case "postgresql":
                return psycopg.connect(psycopg_url(self.place))
            case "mariadb":
                return pymysql.connect(
                    **self.place, init_command="SET SESSION sql_mode='ANSI_QUOTES', time_zone='+00:00'"
                )
            case "duckdb":
                return duckdb.connect(str(self.place))
            case _:
                return sqlite3.connect(self.place)


def postgres(superuser: str, *, password: str = "postal-secret") -> Admin:
    """A database of PostgreSQL, and a login of its own that may read it; `superuser` is its SQLAlchemy URL."""
    parsed = make_url(superuser)
    login = f"reader_{parsed.database}"
    with psycopg.connect(psycopg_url(superuser), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {login} LOGIN PASSWORD '{password}' IN ROLE pg_read_all_data")
    url = parsed.set(drivername="postgresql+psycopg", username=login, password=None)
    return Admin("postgresql", url.render_as_string(), password, superuser)


def sqlite_file(folder: Path) -> Admin:
    """A file of SQLite's."""
    sqlite3.connect(folder / "erp.db").close()
    return Admin("sqlite", f"sqlite:///{folder / 'erp.db'}", "", folder / "erp.db")


def duckdb_file(folder: Path) -> Admin:
    """A file of DuckDB's."""
    duckdb.connect(str(folder / "erp.duckdb")).close()
    return Admin("duckdb", f"duckdb:///{folder / 'erp.duckdb'}", "", folder / "erp.duckdb")


def mariadb(port: int, database: str, *, login: str = "erp_reader", password: str = "postal-secret") -> Admin:
    """A new database of a MariaDB on loopback whose root has no password, and a login that may read it."""
    root: dict[str, Any] = {"host": "127.0.0.1", "port": port, "user": "root", "charset": "utf8mb4"}
    connection = pymysql.connect(**root, autocommit=True)
    with connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {database} CHARACTER SET utf8mb4")
        cursor.execute(
            f"CREATE USER IF NOT EXISTS '{login}'@'%%' IDENTIFIED BY '{password}'".replace("%%", "%")
        )
        cursor.execute(f"GRANT SELECT, INSERT, DELETE, CREATE ON {database}.* TO '{login}'@'%'")
    url = f"mariadb+pymysql://{login}@127.0.0.1:{port}/{database}"
    return Admin("mariadb", url, password, {**root, "database": database})
