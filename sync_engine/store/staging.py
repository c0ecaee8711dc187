"""Unlogged hand-over tables per source: normalised documents on their way to the next cut.

They cost no WAL and a cut empties them. PostgreSQL empties unlogged tables itself after a crash; an epoch that is kept both
here and in a logged table tells, and then the batches not yet published are normalised again from the lake.
"""

from __future__ import annotations

from uuid import uuid4

from sqlalchemy import Connection

from sync_engine.canonical.document import APPLICATION, DOCUMENT, DOCUMENT_LINE, LEDGER_ENTRY
from sync_engine.canonical.fields import names
from sync_engine.store.db import fetch, lock_key, run_sql

BULK: dict[str, tuple[str, ...]] = {
    "document": names(DOCUMENT), "ledger_entry": names(LEDGER_ENTRY), "application": names(APPLICATION),
}
"""Canonical entities that are set from staging, and the fields their drafts may carry."""
LINE_COLUMNS = names(DOCUMENT_LINE)


def staged(source: str, entity: str) -> str:
    """The qualified staging table of a source; source names are validated to [a-z0-9_]."""
    return f'staging."{source}__{entity}"'


def seen_table(source: str) -> str:
    """Where a running sweep notes keys."""
    return staged(source, "seen")


def ensure_staging(connection: Connection, source: str) -> bool:
    """Creates the tables of a source where missing; true when staged rows were lost and must be normalised again."""
    rows = fetch(connection, "SELECT staging_epoch FROM engine.source WHERE source = :s", s=source)
    epoch = rows[0][0]
    if epoch is not None and fetch(connection, "SELECT to_regclass(:t)", t=staged(source, "epoch"))[0][0] is not None:
        if fetch(connection, f"SELECT 1 FROM {staged(source, 'epoch')} WHERE epoch = :e", e=epoch):
            return False
    run_sql(connection, "SELECT pg_advisory_xact_lock(:k)", k=lock_key("staging"))
    run_sql(connection, "CREATE SCHEMA IF NOT EXISTS staging")
    for entity, columns in BULK.items():
        listed = ", ".join(f'"{c}" text' for c in columns)
        run_sql(connection, f"CREATE UNLOGGED TABLE IF NOT EXISTS {staged(source, entity)} (batch_id bigint NOT NULL, stream_id smallint NOT NULL, key text NOT NULL, said text, {listed})")
    lines = ", ".join(f'"{c}" text' for c in LINE_COLUMNS)
    run_sql(connection, f"CREATE UNLOGGED TABLE IF NOT EXISTS {staged(source, 'document_line')} (batch_id bigint NOT NULL, document_key text NOT NULL, {lines})")
    run_sql(connection, f"CREATE UNLOGGED TABLE IF NOT EXISTS {seen_table(source)} (stream_id smallint NOT NULL, key text NOT NULL)")
    run_sql(connection, f"CREATE UNLOGGED TABLE IF NOT EXISTS {staged(source, 'epoch')} (epoch uuid NOT NULL)")
    for table in (*BULK, "document_line", "seen", "epoch"):
        run_sql(connection, f"TRUNCATE {staged(source, table)}")
    new = uuid4()
    run_sql(connection, f"INSERT INTO {staged(source, 'epoch')} VALUES (:e)", e=new)
    run_sql(connection, "UPDATE engine.source SET staging_epoch = :e WHERE source = :s", e=new, s=source)
    return epoch is not None


def normalise_again_what_was_lost(connection: Connection, source: str) -> int:
    """Batches whose staged rows were not published yet go back to 'landed'; returns how many."""
    return run_sql(connection, """
        UPDATE engine.lake_manifest m SET normalised_as = NULL
        FROM engine.stream s WHERE s.stream_id = m.stream_id AND s.source = :source AND m.normalised_as IS NOT NULL
          AND s.canonical IN ('document', 'ledger_entry', 'application')
          AND (m.published_at IS NULL OR EXISTS (
              SELECT FROM engine.source_record r WHERE r.stream_id = m.stream_id AND r.batch_id = m.batch_id AND r.state <> 0))
        """, source=source)
