"""Unlogged hand-over tables per source: normalised documents on their way to the next cut.

They cost no WAL and a cut empties them. PostgreSQL empties unlogged tables itself after a crash; an epoch that is kept both
here and in a logged table tells, and then the batches not yet published are normalised again from the lake.
Columns are typed and ids are generated here, so that this work is done while the source is still being read, not in the cut.
"""

from __future__ import annotations

import hashlib
from uuid import uuid4

from sqlalchemy import Connection

from sync_engine.canonical.document import APPLICATION, DOCUMENT, DOCUMENT_LINE, LEDGER_ENTRY, PAYMENT
from sync_engine.canonical.fields import Field, names
from sync_engine.canonical.instalment import INSTALMENT
from sync_engine.store import locks
from sync_engine.store.db import fetch, run_sql

BULK: dict[str, tuple[Field, ...]] = {
    "document": DOCUMENT,
    "ledger_entry": LEDGER_ENTRY,
    "payment": PAYMENT,
    "application": APPLICATION,
}
"""Canonical entities that are set from staging, and the fields their drafts may carry."""
LINE_COLUMNS = names(DOCUMENT_LINE)
INSTALMENT_COLUMNS = names(INSTALMENT)
TYPES = {
    "text": "text",
    "money": "numeric(19,4)",
    "number": "numeric(28,10)",
    "bool": "boolean",
    "date": "date",
    "ts": "timestamptz",
    "int": "integer",
    "json": "jsonb",
    "set": "jsonb",
}


def staged(source: str, entity: str) -> str:
    """The qualified staging table of a source; source names are validated to [a-z0-9_]."""
    return f'staging."{source}__{entity}"'


def seen_table(source: str) -> str:
    """Where a running sweep notes keys."""
    return staged(source, "seen")


def definitions(source: str) -> dict[str, str]:
    """The columns of each staging table of a source, as SQL."""

    def typed(fields: tuple[Field, ...]) -> str:
        return ", ".join(f'"{f.name}" {TYPES[f.kind]}' for f in fields)

    def identity(name: str, entity: str, key: str) -> str:
        return f"{name} uuid GENERATED ALWAYS AS (CAST(md5('{source}' || E'\\x1f' || '{entity}' || E'\\x1f' || {key}) AS uuid)) STORED"

    heads = {
        entity: f"batch_id bigint NOT NULL, stream_id smallint NOT NULL, key text NOT NULL, said text, {identity('id', entity, 'key')}, {typed(fields)}"
        for entity, fields in BULK.items()
    }
    line = f"batch_id bigint NOT NULL, document_key text NOT NULL, {identity('document_id', 'document', 'document_key')}, "
    key = "document_key || '/' || line_key"
    return {
        **heads,
        "document_line": f"{line}{identity('id', 'line', key)}, {typed(DOCUMENT_LINE)}",
        "document_instalment": f"{line}{typed(INSTALMENT)}",
        "seen": "stream_id smallint NOT NULL, key text NOT NULL",
        "epoch": "epoch uuid NOT NULL, shape text NOT NULL",
    }


def ensure_staging(connection: Connection, source: str) -> bool:
    """Creates the tables of a source where missing or of an older shape; true when staged rows were lost and must be normalised again."""
    tables = definitions(source)
    shape = hashlib.sha256(repr(tables).encode()).hexdigest()[:16]
    epoch = fetch(connection, "SELECT staging_epoch FROM engine.source WHERE source = :s", s=source)[0][0]
    if epoch is not None and _is_intact(connection, source, epoch, shape):
        return False
    locks.take(connection, locks.STAGING)
    run_sql(connection, "CREATE SCHEMA IF NOT EXISTS staging")
    for table, columns in tables.items():
        run_sql(connection, f"DROP TABLE IF EXISTS {staged(source, table)}")
        run_sql(connection, f"CREATE UNLOGGED TABLE {staged(source, table)} ({columns})")
    new = uuid4()
    run_sql(connection, f"INSERT INTO {staged(source, 'epoch')} VALUES (:e, :shape)", e=new, shape=shape)
    run_sql(connection, "UPDATE engine.source SET staging_epoch = :e WHERE source = :s", e=new, s=source)
    return epoch is not None


def _is_intact(connection: Connection, source: str, epoch: object, shape: str) -> bool:
    table = staged(source, "epoch")
    if (
        fetch(
            connection,
            "SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass(:t) AND attname = 'shape'",
            t=table,
        )[0][0]
        == 0
    ):
        return False
    return bool(
        fetch(connection, f"SELECT 1 FROM {table} WHERE epoch = :e AND shape = :shape", e=epoch, shape=shape)
    )


def normalise_again_what_was_lost(connection: Connection, source: str) -> int:
    """Batches of which staged rows were not published yet go back to 'landed'; returns how many.

    That is what was normalised since the last cut, and what a cut left waiting: applications whose entries are not known keep
    their batch unpublished, documents without a debtor or a posting are marked on their records, and what facets said waits with them.
    """
    return run_sql(
        connection,
        """
        UPDATE engine.lake_manifest m SET normalised_as = NULL
        FROM engine.stream s WHERE s.stream_id = m.stream_id AND s.source = :source AND m.normalised_as IS NOT NULL
          AND s.canonical IN ('document', 'ledger_entry', 'payment', 'application')
          AND (m.published_at IS NULL OR EXISTS (
              SELECT FROM engine.source_record r WHERE r.stream_id = m.stream_id AND r.batch_id = m.batch_id AND (r.state <> 0 OR s.facet AND EXISTS (
                  SELECT FROM engine.source_record h JOIN engine.stream t USING (stream_id)
                  WHERE t.source = s.source AND t.canonical = s.canonical AND NOT t.facet AND h.key = r.key AND h.state <> 0))))
        """,
        source=source,
    )
