"""Keys that are written alike: 00017 exported as 17 the next day is the same customer, and no new one.

Asked only where a sweep misses something. What is new and written like something missing waits in quarantine while the sweep is
held, until the export is mended or a person approves.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection

from sync_engine.store.db import fetch, run_sql
from sync_engine.store.staging import BULK, seen_table, staged

_OPEN = {
    "debtor": """
        SELECT FROM canonical.link l WHERE l.entity = 'debtor' AND l.source = :source AND l.external_id = r.key AND (
            EXISTS (SELECT FROM canonical.document d WHERE d.debtor_id = l.canonical_id AND d.source = :source
                AND d.deleted_at IS NULL AND d.open_amount <> 0)
            OR EXISTS (SELECT FROM canonical.payment p WHERE p.debtor_id = l.canonical_id AND p.source = :source
                AND p.deleted_at IS NULL AND p.unapplied_amount <> 0))
        """,
    "document": """
        SELECT FROM canonical.document d WHERE d.id = CAST(md5(:source || E'\\x1f' || 'document' || E'\\x1f' || r.key) AS uuid)
            AND d.deleted_at IS NULL AND d.open_amount <> 0
        """,
    "ledger_entry": """
        SELECT FROM engine.ledger_entry e WHERE e.source = :source AND e.key = r.key
            AND coalesce(e.remaining, e.remaining_base, 0) <> 0
        """,
}
"""Canonical entity -> whether the record r has open items."""
_KNOWN = {
    "debtor": "SELECT FROM canonical.link l WHERE l.entity = 'debtor' AND l.source = :source AND l.external_id = s.key",
    "document": """
        SELECT FROM canonical.document d WHERE d.id = CAST(md5(:source || E'\\x1f' || 'document' || E'\\x1f' || s.key) AS uuid)
        """,
    "ledger_entry": "SELECT FROM engine.ledger_entry e WHERE e.source = :source AND e.key = s.key",
}
"""Canonical entity -> whether the seen key s was published before: then it is no new spelling, and what is deleted comes back by itself."""
GUARDED = frozenset(_OPEN)
"""Canonical entities whose records have open items."""

_IDENTITY = r"""
    regexp_replace(regexp_replace(regexp_replace(lower({0}), '[\s\u00a0]+', '', 'g'), '([0-9])\.0+(?![0-9])', '\1', 'g'),
        '(^|[^0-9.])0+(?=[0-9])', '\1', 'g')
    """
"""Two keys are written alike when this is: case, blanks, leading noughts and a trailing .0 do not count."""


def look_alikes(
    connection: Connection, source: str, stream_id: int, canonical: str, *, with_open_items: bool
) -> dict[str, str]:
    """New key -> the key it is written like, among those a complete sweep did not see; only of those with open items, where asked."""
    condition = f"AND EXISTS ({_OPEN[canonical]})" if with_open_items else ""
    run_sql(connection, "DROP TABLE IF EXISTS sweep_gone, sweep_fresh")
    run_sql(connection, f"""
        CREATE TEMP TABLE sweep_gone ON COMMIT DROP AS
        SELECT r.key, {_IDENTITY.format("r.key")} AS identity FROM engine.source_record r JOIN engine.stream t USING (stream_id)
        WHERE r.stream_id = :id AND r.deleted_at IS NULL AND r.first_seen_at < t.sweep_started_at {condition}
          AND NOT EXISTS (SELECT FROM {seen_table(source)} s WHERE s.stream_id = r.stream_id AND s.key = r.key)
        """, source=source, id=stream_id)  # fmt: skip
    if not fetch(connection, "SELECT 1 FROM sweep_gone LIMIT 1"):
        return {}
    run_sql(connection, f"""
        CREATE TEMP TABLE sweep_fresh ON COMMIT DROP AS
        SELECT DISTINCT s.key, {_IDENTITY.format("s.key")} AS identity FROM {seen_table(source)} s
        WHERE s.stream_id = :id AND NOT EXISTS ({_KNOWN[canonical]})
        """, source=source, id=stream_id)  # fmt: skip
    run_sql(connection, "ANALYZE sweep_gone")
    run_sql(connection, "ANALYZE sweep_fresh")
    pairs = fetch(connection, f"""
        SELECT f.key, min(g.key) FROM sweep_fresh f JOIN sweep_gone g USING (identity) GROUP BY f.key
        UNION ALL {_ROUNDED}
        """)  # fmt: skip
    return {str(new): str(missing) for new, missing in pairs}


_ROUNDED = r"""
    (WITH short AS (
        SELECT key, CAST(key AS numeric) AS value, coalesce(length(substring(key FROM '\.([0-9]+)')), 0)
            - CAST(substring(key FROM '([0-9]+)$') AS int) AS places
        FROM sweep_fresh WHERE key ~ '^[0-9]([.][0-9]{1,14})?[eE][+]?[0-9]{1,2}$'),
    whole AS (SELECT g.key, p.places, round(CAST(g.key AS numeric), p.places) AS value FROM sweep_gone g, (SELECT DISTINCT places FROM short) p
        WHERE g.key ~ '^[0-9]{1,40}$')
    SELECT s.key, min(w.key) FROM short s JOIN whole w USING (places, value) GROUP BY s.key)
    """
"""Spreadsheets write long codes as 1.23457E+11: of the digits that are left, those agree."""


def keep_out(
    connection: Connection,
    source: str,
    stream_id: int,
    canonical: str,
    *,
    whose: str,
    version: str,
    run_id: UUID,
) -> int:
    """Puts aside what a held sweep found written like something missing; returns how many records that are usable otherwise."""
    if not fetch(
        connection,
        "SELECT 1 FROM engine.sweep_hold WHERE stream_id = :id AND look_alikes <> '{}'",
        id=stream_id,
    ):
        return 0
    pairs = """(SELECT h.stream_id, n.key, n.value AS gone FROM engine.sweep_hold h, jsonb_each_text(h.look_alikes) n
        WHERE h.stream_id = :id) n"""
    run_sql(
        connection,
        f"""
        INSERT INTO engine.quarantine AS q (stream_id, key, stage, error, message, mapping_version, run_id, batch_id)
        SELECT r.stream_id, r.key, 'pull', 'LookAlike', concat(CAST(:whose AS text), ' ', r.key, ': is new, and written like ', n.gone,
            ', which is missing. Mend the export, or approve the sweep where it is another one.'), :version, :run, r.batch_id
        FROM {pairs} JOIN engine.source_record r ON r.stream_id = n.stream_id AND r.key = n.key
        WHERE r.deleted_at IS NULL
        ON CONFLICT (stream_id, key) DO UPDATE SET stage = excluded.stage, error = excluded.error, message = excluded.message, field = NULL,
            parent_entity = NULL, parent_key = NULL, batch_id = excluded.batch_id, last_at = now(), retry_requested = false
        """,
        id=stream_id,
        whose=whose,
        version=version,
        run=run_id,
    )
    if canonical in BULK:
        run_sql(
            connection,
            f"DELETE FROM {staged(source, canonical)} d USING {pairs} WHERE d.stream_id = n.stream_id AND d.key = n.key",
            id=stream_id,
        )
    if canonical == "document":
        run_sql(
            connection,
            f"DELETE FROM {staged(source, 'document_line')} d USING {pairs} WHERE d.document_key = n.key",
            id=stream_id,
        )
    return run_sql(
        connection,
        f"""
        UPDATE engine.source_record r SET state = 1, reason = 'quarantined', dirty = true FROM {pairs}
        WHERE r.stream_id = n.stream_id AND r.key = n.key AND r.deleted_at IS NULL AND r.state <> 1
        """,
        id=stream_id,
    )


def let_in(connection: Connection, stream_id: int) -> None:
    """What was put aside for its key is tried again when nothing holds the sweep any more."""
    run_sql(
        connection,
        "UPDATE engine.quarantine SET retry_requested = true WHERE stream_id = :id AND error = 'LookAlike'",
        id=stream_id,
    )
