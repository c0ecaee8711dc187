"""SQL over both halves of what is known: canonical in PostgreSQL, landed files through DuckDB, and both in one query.

A query that names only `canonical` runs in PostgreSQL, in a transaction that cannot write. A query that names `<source>.<entity>`
runs in DuckDB: each such view holds every landed version of that wire entity's records, with `key`, the record's own fields,
`landed_at`, and `is_latest`. What it names of `canonical` beside is copied over first.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, Engine

from sync_engine.errors import ConfigurationError
from sync_engine.lake import Lake
from sync_engine.platform.object_store import file_system
from sync_engine.store.db import transaction
from sync_engine.store.landing import damage
from sync_engine.store.landing.damage import LandedBatch
from sync_engine.store.queries import adhoc_sql
from sync_engine.store.queries.adhoc_sql import Answer

_DOTTED = re.compile(r'"?([A-Za-z_]\w*)"?\s*\.\s*"?([A-Za-z_]\w*)"?')
_TYPES = {
    "uuid": "UUID",
    "text": "VARCHAR",
    "jsonb": "JSON",
    "date": "DATE",
    "boolean": "BOOLEAN",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "smallint": "SMALLINT",
    "double precision": "DOUBLE",
    "timestamp with time zone": "TIMESTAMPTZ",
    "numeric": "DECIMAL(38, 10)",
    "text[]": "VARCHAR",
}


def query(store: Engine, lake: Lake, statement: str, limit: int | None = None) -> Answer:
    """The answer to one statement. Raises ConfigurationError for a statement that is refused, LandedFileDamaged where what it asks for is lost."""
    with transaction(store, "reading what has landed") as connection:
        known = set(adhoc_sql.streams(connection))
    named = {(schema, name) for schema, name in _DOTTED.findall(statement)}
    landed = sorted(named & known)
    if not landed:
        with transaction(store, "answering your SQL") as connection:
            return adhoc_sql.ask(connection, statement.strip().rstrip(";"), limit)
    batches = [batch for source, entity in landed for batch in _whole(store, lake, source, entity)]
    with (
        transaction(store, "copying tables for your SQL") as connection,
        tempfile.TemporaryDirectory(prefix="sync-engine-sql-") as folder,
    ):
        duck = _duckdb(lake)
        _land(duck, lake, batches, landed)
        for relation in sorted({name for schema, name in named if schema == "canonical"}):
            _copy(duck, connection, relation, Path(folder))
        _shut(duck, [f"{lake.root}/{batch.path}" for batch in batches])
        return _ask(duck, statement, limit)


def _whole(store: Engine, lake: Lake, source: str, entity: str) -> list[LandedBatch]:
    """The landed batches of a wire entity, each file compared with the manifest: a flipped bit may well be JSON.

    Versions that are lost and that nobody needs any more are left out. Raises LandedFileDamaged for a batch that holds current records.
    """
    with transaction(store, "reading what has landed") as connection:
        found = damage.batches(connection, source, [entity])
    whole = []
    for batch in found:
        said = lake.damage_of(batch.path, batch.checksum, batch.bytes)
        if said is None:
            whole.append(batch)
            continue
        with transaction(store, "noting a damaged batch") as connection:
            damage.note(connection, batch.batch_id, said)
        if batch.needed:
            raise batch.failure(said)
    return whole


def _duckdb(lake: Lake) -> Any:
    import duckdb

    duck = duckdb.connect()
    duck.execute("SET TimeZone = 'UTC'")
    if "://" in lake.root:
        duck.register_filesystem(file_system(lake.root)[0])
    return duck


def _shut(duck: Any, paths: list[str]) -> None:
    """From here on DuckDB reads the landed files and nothing else: no other file, no network, no extension."""
    listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    duck.execute(f"SET allowed_paths = [{listed}]")
    duck.execute("SET enable_external_access = false")


def _land(duck: Any, lake: Lake, files: list[LandedBatch], wanted: list[tuple[str, str]]) -> None:
    """One view per wire entity over its committed files; an orphan file belongs to no batch and is not read."""
    duck.execute(
        "CREATE TABLE landed (source VARCHAR, entity VARCHAR, batch_id BIGINT, path VARCHAR, landed_at TIMESTAMPTZ)"
    )
    if files:
        duck.executemany(
            "INSERT INTO landed VALUES (?, ?, ?, ?, ?)",
            [(f.source, f.entity, f.batch_id, f"{lake.root}/{f.path}", f.landed_at) for f in files],
        )
    for source, entity in wanted:
        paths = [f"{lake.root}/{f.path}" for f in files if (f.source, f.entity) == (source, entity)]
        duck.execute(f'CREATE SCHEMA IF NOT EXISTS "{source}"')
        if not paths:
            duck.execute(
                f'CREATE VIEW "{source}"."{entity}" AS SELECT NULL AS key, NULL AS landed_at, NULL AS is_latest WHERE false'
            )
            continue
        listed = ", ".join("'" + p.replace("'", "''") + "'" for p in paths)
        duck.execute(f"""
            CREATE VIEW "{source}"."{entity}" AS
            SELECT CAST(key AS VARCHAR) AS key, unnest(record), landed_at, is_latest FROM (
                SELECT r.key, r.record, l.landed_at, row_number() OVER (PARTITION BY r.key ORDER BY l.batch_id DESC) = 1 AS is_latest
                FROM read_json([{listed}], format = 'newline_delimited', compression = 'zstd', filename = true, union_by_name = true, sample_size = -1) r
                JOIN landed l ON l.path = r.filename)
            """)


def _copy(duck: Any, connection: Connection, relation: str, folder: Path) -> None:
    columns = adhoc_sql.columns_of(connection, relation)
    if not columns:
        raise ConfigurationError(
            f"there is no canonical.{relation}",
            todo="`sync-engine sql \"SELECT table_name FROM information_schema.tables WHERE table_schema = 'canonical'\"` lists them.",
        )
    target = folder / f"{relation}.csv"
    adhoc_sql.export_csv(connection, relation, target)
    typed = ", ".join(f'"{name}" {_duck_type(kind)}' for name, kind in columns)
    duck.execute("CREATE SCHEMA IF NOT EXISTS canonical")
    duck.execute(f'CREATE TABLE canonical."{relation}" ({typed})')
    duck.execute(
        f"""COPY canonical."{relation}" FROM '{target}' (FORMAT csv, HEADER, NULLSTR '', ALLOW_QUOTED_NULLS false)"""
    )


def _duck_type(kind: str) -> str:
    if kind.startswith("numeric("):
        return f"DECIMAL({kind.removeprefix('numeric(')}"
    return _TYPES.get(kind, "VARCHAR")


def _ask(duck: Any, statement: str, limit: int | None) -> Answer:
    import duckdb

    try:
        result = duck.execute(statement)
        rows = result.fetchmany(limit) if limit is not None else result.fetchall()
    except duckdb.Error as error:
        raise ConfigurationError(
            f"DuckDB refuses the statement: {' '.join(str(error).split())[:500]}"
        ) from None
    return Answer([c[0] for c in result.description or ()], cast("list[tuple[Any, ...]]", rows))
