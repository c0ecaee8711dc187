"""Taking a person out of every table that knows of them: found by id and by the keys of linked records, and in texts by what they are called."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from sync_engine.store.change_feed.changes import ROW_DIGEST, collect_changes, flush_changes
from sync_engine.store.db import fetch, run_sql

NAMES = ("full_name", "first_name", "last_name", "email", "phone", "mobile")
"""Fields that say who somebody is."""
ERASED = "erased"
SHORTEST = 4
"""Characters from which a value is looked for inside longer texts; a shorter one only where it is the whole text."""
TEXTS = (
    ("link_plan", "plan_hash", ("operation", "plan", "edits")),
    ("link_case", "ctid", ("candidates", "evidence", "vetoed")),
    ("import_edit", "ctid", ("before", "after")),
    ("sweep_hold", "stream_id", ("sample", "look_alikes")),
)
"""Tables of `engine` whose JSON may speak of anybody: table, key, columns."""
REASONS = (
    ("link_plan", "reason"),
    ("pin", "reason"),
    ("negative_link", "reason"),
    ("import", "reason"),
    ("quarantine", "message"),
)
"""Tables of `engine` with a text that people or errors wrote."""


THEIRS = """
    c.op <> 'erase' AND (c.record_id = ANY(:ids) OR c.entity = 'link' AND (c.old ->> 'canonical_id' = ANY(:texts) OR c.new ->> 'canonical_id' = ANY(:texts)))
    AND (c.old IS NOT NULL OR c.new IS NOT NULL OR c.reason IS NOT NULL)
"""
"""Rows of the audit that hold values of theirs."""


class Record(NamedTuple):
    """A record of a source that speaks about the person."""

    stream_id: int
    source: str
    entity: str
    key: str


class LandedFile(NamedTuple):
    """A landed file that may hold them."""

    batch_id: int
    source: str
    entity: str
    path: str
    checksum: str


def same_person(connection: Connection, contact: str) -> list[UUID]:
    """The contact and those that were merged into it, and into these."""
    rows = fetch(
        connection,
        """
        WITH RECURSIVE them AS (
            SELECT id FROM canonical.contact WHERE id = :id
            UNION SELECT c.id FROM canonical.contact c JOIN them ON c.merged_into = them.id)
        SELECT id FROM them ORDER BY id
        """,
        id=contact,
    )
    return [row[0] for row in rows]


def records_of(connection: Connection, ids: Sequence[UUID]) -> list[Record]:
    """Every record of a source that is linked to them, or speaks about one that is."""
    rows = fetch(
        connection,
        """
        SELECT DISTINCT r.stream_id, t.source, t.entity, r.key
        FROM canonical.link l JOIN engine.stream t ON t.source = l.source AND t.canonical = 'contact'
        JOIN engine.source_record r ON r.stream_id = t.stream_id AND (r.key = l.external_id OR r.about = l.external_id)
        WHERE l.entity = 'contact' AND l.canonical_id = ANY(:ids) ORDER BY 1, 4
        """,
        ids=list(ids),
    )
    return [Record(*row) for row in rows]


def linked_keys(connection: Connection, ids: Sequence[UUID]) -> list[tuple[str, str]]:
    """Source and key of every link to them."""
    rows = fetch(
        connection,
        "SELECT source, external_id FROM canonical.link WHERE entity = 'contact' AND canonical_id = ANY(:ids) ORDER BY 1, 2",
        ids=list(ids),
    )
    return [(source, key) for source, key in rows]


def names_of(connection: Connection, ids: Sequence[UUID], records: Sequence[Record]) -> set[str]:
    """What they are or were called, by the row, the claims and the audit: for finding them in texts."""
    columns = ", ".join(NAMES)
    found = [
        value
        for row in fetch(
            connection, f"SELECT {columns} FROM canonical.contact WHERE id = ANY(:ids)", ids=list(ids)
        )
        for value in row
    ]
    for record in records:
        for (claim,) in fetch(
            connection,
            "SELECT CAST(claim AS text) FROM engine.source_record WHERE stream_id = :stream AND key = :key AND claim IS NOT NULL",
            stream=record.stream_id,
            key=record.key,
        ):
            said = json.loads(claim)
            found += [said.get(name) for name in NAMES]
    for pair in fetch(
        connection,
        "SELECT CAST(old AS text), CAST(new AS text) FROM canonical.change WHERE record_id = ANY(:ids) AND field = ANY(:names)",
        ids=list(ids),
        names=list(NAMES),
    ):
        found += [json.loads(value) for value in pair if value is not None]
    return {value for value in found if isinstance(value, str) and value.strip()}


def files_of(connection: Connection, records: Iterable[Record]) -> list[LandedFile]:
    """Every landed file of the wire entities that speak of them, the older ones too: what was said before is there."""
    rows = fetch(
        connection,
        """
        SELECT m.batch_id, t.source, t.entity, m.path, m.checksum FROM engine.lake_manifest m JOIN engine.stream t USING (stream_id)
        WHERE m.stream_id = ANY(:streams) ORDER BY m.batch_id
        """,
        streams=sorted({record.stream_id for record in records}),
    )
    return [LandedFile(*row) for row in rows]


def landed_paths(connection: Connection, sources: Iterable[str]) -> set[str]:
    """Every file of these sources that a batch refers to."""
    rows = fetch(
        connection,
        "SELECT m.path FROM engine.lake_manifest m JOIN engine.stream t USING (stream_id) WHERE t.source = ANY(:sources)",
        sources=list(sources),
    )
    return {row[0] for row in rows}


def replace_file(connection: Connection, batch_id: int, landed: Any) -> None:
    """The manifest of a landed file that was written again."""
    run_sql(
        connection,
        "UPDATE engine.lake_manifest SET path = :path, records = :records, bytes = :bytes, checksum = :checksum WHERE batch_id = :batch",
        path=landed.path,
        records=landed.records,
        bytes=landed.bytes,
        checksum=landed.checksum,
        batch=batch_id,
    )


def audit_rows(connection: Connection, ids: Sequence[UUID]) -> int:
    """How many rows of the audit hold values of theirs."""
    told = {"ids": list(ids), "texts": [str(one) for one in ids]}
    return int(fetch(connection, f"SELECT count(*) FROM canonical.change c WHERE {THEIRS}", **told)[0][0])


def erase_rows(
    connection: Connection,
    ids: Sequence[UUID],
    records: Sequence[Record],
    names: set[str],
    *,
    by: str,
    why: str,
) -> dict[str, int]:
    """Removes every row about them and what texts say of them; rows by table. The audit keeps that something was there, and no value."""
    done: dict[str, int] = {}
    keys = [(r.source, r.key) for r in records] + linked_keys(connection, ids)
    every = {"ids": list(ids)}
    for table, condition in (
        ("canonical.link", "entity = 'contact' AND canonical_id = ANY(:ids)"),
        ("canonical.overruled", "entity = 'contact' AND record_id = ANY(:ids)"),
        ("canonical.tag", "owner_table = 'contact' AND owner_id = ANY(:ids)"),
        ("canonical.claim_inbox", "entity = 'contact' AND record_id = ANY(:ids)"),
        ("engine.tag", "owner_table = 'contact' AND owner_id = ANY(:ids)"),
        ("engine.pin", "entity = 'contact' AND canonical_id = ANY(:ids)"),
        ("engine.negative_link", "entity = 'contact' AND canonical_id = ANY(:ids)"),
        ("engine.import_edit", "entity = 'contact' AND record_id = ANY(:ids)"),
        ("engine.outbox", "entity = 'contact' AND canonical_id = ANY(:ids)"),
    ):
        done[table] = run_sql(connection, f"DELETE FROM {table} WHERE {condition}", **every)
    for record in records:
        run_sql(
            connection,
            """
            UPDATE engine.stream SET erased_count = erased_count + 1 WHERE stream_id = :stream AND EXISTS (
                SELECT FROM engine.source_record r WHERE r.stream_id = :stream AND r.key = :key AND r.deleted_at IS NULL)
            """,
            stream=record.stream_id,
            key=record.key,
        )
        for table in ("engine.quarantine", "engine.code_gap", "engine.source_record"):
            done[table] = done.get(table, 0) + run_sql(
                connection,
                f"DELETE FROM {table} WHERE stream_id = :stream AND key = :key",
                stream=record.stream_id,
                key=record.key,
            )
    for source, key in keys:
        done["engine.link_case"] = done.get("engine.link_case", 0) + run_sql(
            connection,
            "DELETE FROM engine.link_case WHERE entity = 'contact' AND source = :source AND external_id = :key",
            source=source,
            key=key,
        )
    said = names | {key for _, key in keys} | {str(one) for one in ids}
    done["texts"] = _scrub_texts(connection, said) + _scrub_reasons(connection, said)
    done["canonical.contact"] = _delete_contacts(connection, ids, by=by, why=why)
    done["canonical.change"] = _empty_audit(connection, ids)
    return {table: n for table, n in done.items() if n}


def _delete_contacts(connection: Connection, ids: Sequence[UUID], *, by: str, why: str) -> int:
    """Deletes the rows themselves, and tells the change feed so."""
    collect_changes(connection)
    deleted = fetch(
        connection, "DELETE FROM canonical.contact WHERE id = ANY(:ids) RETURNING id", ids=list(ids)
    )
    for (one,) in deleted:
        run_sql(
            connection,
            "INSERT INTO change_new (entity, record_id, op, actor_kind, actor, reason) VALUES ('contact', :id, 'erase', 'person', :by, :why)",
            id=one,
            by=by,
            why=why,
        )
    flush_changes(connection, run_id=None, cut_id=None, actor=by)
    return len(deleted)


def _empty_audit(connection: Connection, ids: Sequence[UUID]) -> int:
    """Takes the values out of the audit; the digests that were sealed stay, so the chain still proves what was there in its place."""
    told = {"ids": list(ids), "texts": [str(one) for one in ids]}
    emptied = [
        row[0]
        for row in fetch(
            connection,
            f"""
            INSERT INTO engine.erased_change (seq, sealed, remains) SELECT c.seq, {ROW_DIGEST}, {ROW_DIGEST} FROM canonical.change c WHERE {THEIRS}
            ON CONFLICT (seq) DO NOTHING RETURNING seq
            """,
            **told,
        )
    ]
    run_sql(
        connection,
        "UPDATE canonical.change SET old = NULL, new = NULL, reason = NULL WHERE seq = ANY(:seqs)",
        seqs=emptied,
    )
    run_sql(
        connection,
        f"UPDATE engine.erased_change e SET remains = {ROW_DIGEST} FROM canonical.change c WHERE c.seq = e.seq AND e.seq = ANY(:seqs)",
        seqs=emptied,
    )
    return len(emptied)


def _scrub_texts(connection: Connection, said: set[str]) -> int:
    """Replaces what they are called in JSON that speaks of many."""
    n = 0
    for table, key, columns in TEXTS:
        listed = ", ".join(f"CAST({c} AS text)" for c in columns)
        for row in fetch(connection, f"SELECT CAST({key} AS text), {listed} FROM engine.{table}"):
            before = [None if text is None else json.loads(text) for text in row[1:]]
            cleaned = [
                _without(value, said) if c == "edits" else scrubbed(value, said)
                for c, value in zip(columns, before, strict=True)
            ]
            if before == cleaned:
                continue
            sets = ", ".join(f"{c} = CAST(:{c} AS jsonb)" for c in columns)
            n += run_sql(
                connection,
                f"UPDATE engine.{table} SET {sets} WHERE CAST({key} AS text) = :key",
                key=row[0],
                **{c: None if v is None else json.dumps(v) for c, v in zip(columns, cleaned, strict=True)},
            )
    return n


def _scrub_reasons(connection: Connection, said: set[str]) -> int:
    """The same for plain texts: one that names them is replaced as a whole."""
    names = [name.lower() for name in said if len(name) >= SHORTEST]
    return sum(
        run_sql(
            connection,
            f"""
            UPDATE engine."{table}" SET {column} = '{ERASED}'
            WHERE EXISTS (SELECT FROM unnest(CAST(:names AS text[])) n WHERE position(n IN lower({column})) > 0)
            """,
            names=names,
        )
        for table, column in REASONS
    )


def _without(edits: Any, said: set[str]) -> Any:
    """What undo would put back, but for rows that speak of them: there is nothing any more that these could be about."""
    return [one for one in edits if scrubbed(one, said) == one] if isinstance(edits, list) else edits


def scrubbed(value: Any, said: set[str]) -> Any:
    """JSON with every text that is, or holds, one of these replaced."""
    if isinstance(value, str):
        folded = value.casefold()
        is_theirs = any(
            name.casefold() == folded or (len(name) >= SHORTEST and name.casefold() in folded)
            for name in said
        )
        return ERASED if is_theirs else value
    if isinstance(value, Mapping):
        return {scrubbed(key, said): scrubbed(inner, said) for key, inner in value.items()}
    return [scrubbed(inner, said) for inner in value] if isinstance(value, list) else value


def spoken_of_elsewhere(connection: Connection, names: set[str]) -> list[tuple[str, str, int]]:
    """Where claims of other records still name them, in full or by e-mail: source, wire entity, records."""
    wanted = [name for name in names if "@" in name or " " in name.strip()]
    if not wanted:
        return []
    rows = fetch(
        connection,
        """
        SELECT t.source, t.entity, count(*) FROM engine.source_record r JOIN engine.stream t USING (stream_id)
        WHERE EXISTS (SELECT FROM unnest(CAST(:names AS text[])) n WHERE position(lower(n) IN lower(CAST(r.claim AS text))) > 0)
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
        names=wanted,
    )
    return [(source, entity, int(n)) for source, entity, n in rows]


def keep_report(
    connection: Connection,
    plan_hash: str,
    record_id: str,
    erased: dict[str, int],
    files: list[str],
    *,
    by: str,
    why: str,
) -> None:
    """What was done, and which replaced files are still to be removed."""
    run_sql(
        connection,
        """
        INSERT INTO engine.erasure (plan_hash, entity, record_id, erased, files, done_by, reason)
        VALUES (:hash, 'contact', :id, CAST(:erased AS jsonb), CAST(:files AS jsonb), :by, :why)
        """,
        hash=plan_hash,
        id=record_id,
        erased=json.dumps(erased),
        files=json.dumps(files),
        by=by,
        why=why,
    )


def files_to_remove(connection: Connection) -> list[tuple[str, list[str]]]:
    """Replaced files of erasures that did not come to their end, by plan."""
    rows = fetch(
        connection,
        "SELECT plan_hash, CAST(files AS text) FROM engine.erasure WHERE files <> CAST('[]' AS jsonb) ORDER BY done_at",
    )
    return [(plan, json.loads(files)) for plan, files in rows]


def files_removed(connection: Connection, plan_hash: str) -> None:
    """Nothing of an erasure is left to remove."""
    run_sql(
        connection,
        "UPDATE engine.erasure SET files = CAST('[]' AS jsonb) WHERE plan_hash = :hash",
        hash=plan_hash,
    )
