"""Exporting the audit: every change, or those of one debtor and what belongs to it, as CSV or Parquet."""

from __future__ import annotations

from pathlib import Path

import duckdb

from sync_engine.errors import ConfigurationError
from sync_engine.ops.deciding import record_id
from sync_engine.ops.running import Workshop
from sync_engine.store.audit import changes_of
from sync_engine.store.db import transaction

FORMATS = {".csv": "(FORMAT csv, HEADER)", ".parquet": "(FORMAT parquet, COMPRESSION zstd)"}
COLUMNS = {
    "seq": "BIGINT", "at": "TIMESTAMPTZ", "entity": "VARCHAR", "record_id": "UUID", "op": "VARCHAR", "field": "VARCHAR", "old": "VARCHAR", "new": "VARCHAR",
    "actor_kind": "VARCHAR", "actor": "VARCHAR", "run_id": "UUID", "cut_id": "BIGINT", "reason": "VARCHAR", "seal_id": "BIGINT",
}  # fmt: skip


def export_audit(workshop: Workshop, file: Path, *, debtor: str | None = None) -> int:
    """Writes the changes, in order, each with the seal it lies under; returns how many.

    `debtor` (id, number, a source's id, exact name) limits them to the debtor, its contacts, documents, payments and links.
    Raises ConfigurationError for an unknown format or debtor.
    """
    if file.suffix not in FORMATS:
        raise ConfigurationError(f"the audit is not exported as {file.suffix or 'a file without an ending'}", key=file.name, todo="Use .csv or .parquet.")
    with transaction(workshop.store, "exporting the audit") as connection, duckdb.connect() as memory:
        chosen = None if debtor is None else record_id(connection, "debtor", debtor)
        memory.execute("SET TimeZone = 'UTC'")
        memory.execute(f"CREATE TABLE change ({', '.join(f'{n} {t}' for n, t in COLUMNS.items())})")
        written = 0
        marks = ", ".join("?" * len(COLUMNS))
        for page in changes_of(connection, chosen):
            memory.executemany(f"INSERT INTO change VALUES ({marks})", page)
            written += len(page)
        memory.execute(f"COPY (SELECT * FROM change ORDER BY seq) TO '{str(file).replace(chr(39), chr(39) * 2)}' {FORMATS[file.suffix]}")
    return written
