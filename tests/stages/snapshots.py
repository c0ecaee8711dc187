"""What runs left in the database: all of it, what is living, and how two stores differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql
from sqlalchemy import Engine, text

from sync_engine.platform.urls import database_of, psycopg_url

Snapshot = dict[str, set[tuple[Any, ...]]]


VOLATILE = {
    "first_seen_at",
    "changed_at",
    "cut_id",
    "decided_at",
    "at",
    "run_id",
    "published_at",
    "seq",
    "since",
}


MOMENTS = {"deleted_at", "archived_at"}
"""Compared as 'has one', since two runs do not happen at the same moment."""


APART = {"change", "cut", "certificate", "claim_inbox", "ageing_bucket"}


def snapshot(store: Engine, *, source: str | None = None) -> Snapshot:
    """Every canonical table as a set of rows, without what tells when a row was written."""
    found: Snapshot = {}
    with store.connect() as connection:
        for table, columns in _tables(connection).items():
            if source is not None and "source" not in columns:
                continue
            listed = ", ".join(f"{c} IS NOT NULL" if c in MOMENTS else f"CAST({c} AS text)" for c in columns)
            where = " WHERE source = :source" if source is not None else ""
            values = {"source": source} if where else {}
            found[table] = {
                tuple(row)
                for row in connection.execute(text(f"SELECT {listed} FROM canonical.{table}{where}"), values)
            }
    return found


def living(store: Engine) -> Snapshot:
    """The snapshot of what lives: without tombstones and what belongs to them only, archived portfolios, positions nobody has.

    It is what a load into an empty store must give as well; that one has never seen what is gone, and knows no debtor for what a
    deleted customer once bought.
    """
    buried = "EXISTS (SELECT FROM canonical.debtor b WHERE b.id = {}.debtor_id AND b.deleted_at IS NOT NULL)"
    gone = {
        "link": "NOT EXISTS (SELECT FROM canonical.debtor d WHERE d.id = t.canonical_id AND d.deleted_at IS NULL)"
        " AND NOT EXISTS (SELECT FROM canonical.contact c WHERE c.id = t.canonical_id AND c.deleted_at IS NULL)",
        "document": buried.format("t"),
        "payment": buried.format("t"),
        "instalment": f"EXISTS (SELECT FROM canonical.document d WHERE d.id = t.document_id AND {buried.format('d')})",
        "document_line": f"EXISTS (SELECT FROM canonical.document d WHERE d.id = t.document_id AND (d.deleted_at IS NOT NULL OR {buried.format('d')}))",
        "application": " OR ".join(
            f"EXISTS (SELECT FROM canonical.{table} x WHERE x.id IN (t.from_id, t.to_id) AND {buried.format('x')})"
            for table in ("document", "payment")
        ),
        "portfolio": "NOT EXISTS (SELECT FROM canonical.dimension_value v WHERE v.id = t.dimension_value_id AND v.deleted_at IS NULL AND NOT v.is_heading)",
        "contact_position": "NOT EXISTS (SELECT FROM canonical.contact c WHERE c.position_id = t.id AND c.deleted_at IS NULL)",
    }
    found: Snapshot = {}
    with store.connect() as connection:
        for table, columns in _tables(connection).items():
            left_out = (
                {"name", "origin"} if table == "contact_position" else set()
            )  # the first spelling stays
            listed = ", ".join(
                f"{c} IS NOT NULL" if c in MOMENTS else f"CAST({c} AS text)"
                for c in columns
                if c not in left_out
            )
            conditions = [
                *(["t.deleted_at IS NULL"] if "deleted_at" in columns else []),
                *([f"NOT ({gone[table]})"] if table in gone else []),
            ]
            where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
            found[table] = {
                tuple(row)
                for row in connection.execute(text(f"SELECT {listed} FROM canonical.{table} t{where}"))
            }
    return found


def _tables(connection: Any) -> dict[str, list[str]]:
    tables: dict[str, list[str]] = defaultdict(list)
    for table, column in connection.execute(
        text("""
        SELECT c.table_name, c.column_name FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
        WHERE c.table_schema = 'canonical' AND t.table_type = 'BASE TABLE' ORDER BY 1, c.ordinal_position
        """)
    ):
        if table not in APART and column not in VOLATILE:
            tables[table].append(column)
    return dict(tables)


def difference(ours: Snapshot, theirs: Snapshot) -> dict[str, tuple[list[Any], list[Any]]]:
    """Per table: rows only here and rows only there; empty when both are the same."""
    found = {}
    for table in sorted(ours.keys() | theirs.keys()):
        left, right = ours.get(table, set()), theirs.get(table, set())
        if left != right:
            found[table] = (sorted(left - right, key=str), sorted(right - left, key=str))
    return found


@contextmanager
def another_database(server: str, *, like: str = "migrated") -> Iterator[str]:
    """One more database on the test server, a copy of the migrated one or of another; `server` is fixture migrated_template."""
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(psycopg_url(server), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(like))
        )
    try:
        yield database_of(server, name)
    finally:
        with psycopg.connect(psycopg_url(server), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
