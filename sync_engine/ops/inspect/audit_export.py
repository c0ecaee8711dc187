"""Exporting the audit: every change, or those of one debtor and what belongs to it, as CSV or Parquet."""

from __future__ import annotations

from pathlib import Path

from sync_engine.errors import ConfigurationError
from sync_engine.ops.decisions.names import record_id
from sync_engine.ops.runs.source_run import Runtime
from sync_engine.platform.home import private_file
from sync_engine.store.change_feed.verification import copy_changes
from sync_engine.store.db import transaction

COLUMNS = {
    "seq": "BIGINT", "at": "TIMESTAMPTZ", "entity": "VARCHAR", "record_id": "UUID", "op": "VARCHAR", "field": "VARCHAR", "old": "VARCHAR", "new": "VARCHAR",
    "actor_kind": "VARCHAR", "actor": "VARCHAR", "run_id": "UUID", "cut_id": "BIGINT", "reason": "VARCHAR", "seal_id": "BIGINT",
}  # fmt: skip


def export_audit(runtime: Runtime, file: Path, *, debtor: str | None = None) -> int:
    """Writes the changes, in order, each with the seal it lies under; returns how many.

    `debtor` (id, number, a source's id, exact name) limits them to the debtor, its contacts, documents, payments and links.
    Raises ConfigurationError for an unknown format or debtor.
    """
    if file.suffix not in (".csv", ".parquet"):
        raise ConfigurationError(
            f"the audit is not exported as {file.suffix or 'a file without an ending'}",
            key=file.name,
            todo="Use .csv or .parquet.",
        )
    plain = file if file.suffix == ".csv" else file.with_suffix(".csv.part")
    try:
        with (
            transaction(runtime.store, "exporting the audit") as connection,
            private_file(plain, "wb") as out,
        ):
            about = None if debtor is None else record_id(connection, "debtor", debtor)
            written = copy_changes(connection, about, out, for_spreadsheets=plain == file)
        if plain != file:
            _to_parquet(plain, file)
    finally:
        if plain != file:
            plain.unlink(missing_ok=True)
    return written


def _to_parquet(plain: Path, file: Path) -> None:
    import duckdb  # here: bound to a module it complains at exit of its own leaks

    with duckdb.connect() as memory:
        memory.execute("SET TimeZone = 'UTC'")
        types = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
        said = f"SELECT * FROM read_csv(?, header = true, columns = {{{types}}})"
        private_file(file, "wb").close()  # DuckDB writes into it
        memory.execute(f"COPY ({said}) TO '{_quoted(file)}' (FORMAT parquet, COMPRESSION zstd)", [str(plain)])


def _quoted(file: Path) -> str:
    return str(file).replace("'", "''")
