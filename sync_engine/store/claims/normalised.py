"""What normalise records: claims on the source record, staged documents, odd records, code gaps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import Connection

from sync_engine.canonical.fields import names
from sync_engine.errors import MappingFailed, ParentMissing, RecordError
from sync_engine.ports import CodeGap, Draft, Exclusion
from sync_engine.store.db import copy_rows, fetch, run_sql, tell_planner
from sync_engine.store.landing.sources import StreamRow
from sync_engine.store.staging import BULK, INSTALMENT_COLUMNS, LINE_COLUMNS, staged

OK, QUARANTINED, EXCLUDED = 0, 1, 2
_AMOUNT = re.compile(r"-?\d{1,15}(\.\d+)?")
_json = msgspec.json.Encoder().encode


class Batch(NamedTuple):
    """A landed file waiting to be normalised; `is_again` when it was normalised before, by another mapping or for a retry."""

    batch_id: int
    path: str
    checksum: str
    records: int
    is_again: bool
    was_damaged: bool


_WAITS = """(normalised_as IS NULL AND damage IS NULL OR normalised_as IS DISTINCT FROM :version AND EXISTS (
            SELECT FROM engine.source_record r WHERE r.stream_id = m.stream_id AND r.batch_id = m.batch_id AND r.deleted_at IS NULL))"""
"""Of a batch m: whether it is to be normalised by this version of the mapping."""


def waiting_streams(connection: Connection, source: str, version: str) -> frozenset[str]:
    """Wire entities with waiting batches, records that a person asked to try again, keys that a held sweep keeps out, or numbers that may be of
    somebody else by now."""
    rows = fetch(
        connection,
        f"""
        SELECT s.entity FROM engine.stream s WHERE s.source = :source AND (
            EXISTS (SELECT FROM engine.lake_manifest m WHERE m.stream_id = s.stream_id AND {_WAITS})
            OR EXISTS (SELECT FROM engine.quarantine q WHERE q.stream_id = s.stream_id AND q.retry_requested)
            OR EXISTS (SELECT FROM engine.sweep_hold h WHERE h.stream_id = s.stream_id AND h.look_alikes <> '{{}}')
            OR s.keys_are_numbers AND EXISTS (SELECT FROM engine.source_record r WHERE r.stream_id = s.stream_id AND r.dirty))
        """,
        source=source,
        version=version,
    )
    return frozenset(entity for (entity,) in rows)


def waiting_batches(connection: Connection, stream_id: int, version: str) -> list[Batch]:
    """Batches of a stream not yet normalised, or normalised with another mapping version and still holding a current record.

    A damaged one waits while it holds a current record: its file may be back.
    """
    rows = fetch(
        connection,
        f"""
        SELECT batch_id, path, checksum, records, normalised_as IS NOT NULL, damage IS NOT NULL FROM engine.lake_manifest m
        WHERE stream_id = :id AND {_WAITS} ORDER BY batch_id
        """,
        id=stream_id,
        version=version,
    )
    return [Batch(*r) for r in rows]


def normalise_again(connection: Connection, stream_ids: Sequence[int]) -> None:
    """Batches that were normalised wait again, as after a change of the mapping."""
    run_sql(
        connection,
        "UPDATE engine.lake_manifest SET normalised_as = 'to be replayed' WHERE stream_id = ANY(:ids) AND normalised_as IS NOT NULL",
        ids=list(stream_ids),
    )


def holds_replaced_versions(connection: Connection, stream_id: int, batches: Sequence[Batch]) -> bool:
    """Whether a batch after the first waiting one was already normalised: then waiting ones may hold versions it replaced."""
    if not batches:
        return False
    rows = fetch(
        connection,
        """
        SELECT EXISTS (SELECT FROM engine.lake_manifest WHERE stream_id = :id AND batch_id > :first AND batch_id <> ALL(:waiting))
        """,
        id=stream_id,
        first=batches[0].batch_id,
        waiting=[b.batch_id for b in batches],
    )
    return bool(rows[0][0])


def current_keys(connection: Connection, stream_id: int, batch_id: int) -> set[str]:
    """The keys whose latest version lies in this batch: a replay must not bring back older ones."""
    return {
        r[0]
        for r in fetch(
            connection,
            "SELECT key FROM engine.source_record WHERE stream_id = :id AND batch_id = :b AND deleted_at IS NULL",
            id=stream_id,
            b=batch_id,
        )
    }


def mark_normalised(connection: Connection, batch_id: int, version: str) -> None:
    """The batch's records are claims or staged rows now."""
    run_sql(
        connection,
        "UPDATE engine.lake_manifest SET normalised_as = :v, published_at = NULL WHERE batch_id = :b",
        v=version,
        b=batch_id,
    )


def write_claims(connection: Connection, stream: StreamRow, drafts: Sequence[Draft]) -> int:
    """Puts claims on their source records; returns how many differ from what the source said before."""
    if not drafts:
        return 0
    run_sql(
        connection,
        "CREATE TEMP TABLE IF NOT EXISTS new_claim (key text NOT NULL, claim jsonb NOT NULL) ON COMMIT DELETE ROWS",
    )
    copy_rows(connection, "new_claim", ("key", "claim"), ((d.key, _text(d.values)) for d in drafts))
    tell_planner(connection, "new_claim")  # or a few claims are joined by reading every record of the stream
    changed = run_sql(
        connection,
        """
        UPDATE engine.source_record r
        SET claim = n.claim, first_claim = CASE WHEN r.claim IS NOT NULL THEN n.claim || coalesce(r.first_claim, r.claim) END,
            dirty = true, state = 0, reason = NULL, about = CASE WHEN n.claim ? :about THEN n.claim ->> :about ELSE r.about END
        FROM new_claim n
        WHERE r.stream_id = :id AND r.key = n.key AND (r.state <> 0 OR r.claim IS DISTINCT FROM n.claim)
        """,
        id=stream.stream_id,
        about=f"{stream.canonical}_key" if stream.facet else "",
    )
    run_sql(connection, "DELETE FROM new_claim")
    return changed


def unstage(connection: Connection, stream: StreamRow, batch_id: int, keys: Sequence[str]) -> None:
    """Takes back what an earlier normalising of these records staged, where no cut has taken it up yet."""
    run_sql(
        connection,
        f"DELETE FROM {staged(stream.source, stream.canonical)} WHERE batch_id = :b AND stream_id = :id AND key = ANY(:keys)",
        b=batch_id,
        id=stream.stream_id,
        keys=list(keys),
    )
    if stream.canonical == "document":
        for part in ("document_line", "document_instalment"):
            run_sql(
                connection,
                f"DELETE FROM {staged(stream.source, part)} WHERE batch_id = :b AND document_key = ANY(:keys)",
                b=batch_id,
                keys=list(keys),
            )


def stage_drafts(connection: Connection, stream: StreamRow, batch_id: int, drafts: Sequence[Draft]) -> None:
    """COPYs document-like drafts to the source's staging tables. `said` lists the fields said, where the others must stay as they are."""
    if not drafts:
        return
    fields = BULK[stream.canonical]
    columns = names(fields)
    structured = [place for place, f in enumerate(fields, start=4) if f.kind in ("json", "set")]
    stream_id = stream.stream_id
    keeps_what_is_not_said = stream.facet or stream.canonical == "ledger_entry"

    def rows() -> Iterable[list[Any]]:
        for draft in drafts:
            said = ",".join(draft.values) if keeps_what_is_not_said else None
            row = [batch_id, stream_id, draft.key, said, *map(draft.values.get, columns)]
            for place in structured:
                if row[place] is not None:
                    row[place] = _text(row[place])
            yield row

    copy_rows(
        connection,
        staged(stream.source, stream.canonical),
        ("batch_id", "stream_id", "key", "said", *(f'"{c}"' for c in columns)),
        rows(),
    )
    if stream.canonical == "document":
        copy_rows(
            connection,
            staged(stream.source, "document_line"),
            ("batch_id", "document_key", *(f'"{c}"' for c in LINE_COLUMNS)),
            ([batch_id, d.key, *map(line.get, LINE_COLUMNS)] for d in drafts for line in d.lines),
        )
        if split := [draft for draft in drafts if draft.instalments]:
            copy_rows(
                connection,
                staged(stream.source, "document_instalment"),
                ("batch_id", "document_key", *(f'"{c}"' for c in INSTALMENT_COLUMNS)),
                (
                    [batch_id, d.key, *map(part.get, INSTALMENT_COLUMNS)]
                    for d in split
                    for part in d.instalments
                ),
            )


def _text(value: Any) -> str:
    return _json(value).decode().replace("\\u0000", "")


def set_odd(
    connection: Connection, stream: StreamRow, keys: Sequence[str], state: int, reason: str | None
) -> None:
    """Marks records quarantined or excluded."""
    run_sql(
        connection,
        """
        UPDATE engine.source_record SET state = :state, reason = :reason, dirty = true
        WHERE stream_id = :id AND key = ANY(:keys) AND (state, reason) IS DISTINCT FROM (:state, :reason)
        """,
        id=stream.stream_id,
        keys=list(keys),
        state=state,
        reason=reason,
    )


def set_usable(connection: Connection, stream: StreamRow, keys: Sequence[str]) -> None:
    """Records that were odd before and are not now; free where the stream has none."""
    if fetch(
        connection,
        "SELECT 1 FROM engine.source_record WHERE stream_id = :id AND state <> 0 LIMIT 1",
        id=stream.stream_id,
    ):
        run_sql(
            connection,
            "UPDATE engine.source_record SET state = 0, reason = NULL WHERE stream_id = :id AND key = ANY(:keys) AND state <> 0",
            id=stream.stream_id,
            keys=list(keys),
        )
    if fetch(
        connection, "SELECT 1 FROM engine.quarantine WHERE stream_id = :id LIMIT 1", id=stream.stream_id
    ):
        run_sql(
            connection,
            "DELETE FROM engine.quarantine WHERE stream_id = :id AND key = ANY(:keys)",
            id=stream.stream_id,
            keys=list(keys),
        )


def exclude(connection: Connection, stream: StreamRow, exclusions: Sequence[Exclusion]) -> None:
    """Marks records outside the configured filter, by reason."""
    by_reason: dict[str, list[str]] = {}
    for key, reason in exclusions:
        by_reason.setdefault(reason, []).append(key)
    for reason, keys in by_reason.items():
        set_usable(connection, stream, keys)
        set_odd(connection, stream, keys, EXCLUDED, reason)


def quarantine(
    connection: Connection,
    stream: StreamRow,
    stage: str,
    failed: Sequence[tuple[str, RecordError]],
    *,
    run_id: UUID,
    batch_id: int | None,
    version: str,
) -> None:
    """Puts records aside with the reason; the same record again counts another attempt."""
    for key, error in failed:
        parent = (error.parent_entity, error.parent_key) if isinstance(error, ParentMissing) else (None, None)
        run_sql(
            connection,
            """
            INSERT INTO engine.quarantine AS q (stream_id, key, stage, error, message, field, parent_entity, parent_key, mapping_version, run_id, batch_id,
                amount, currency, number)
            VALUES (:id, :key, :stage, :error, :message, :field, :pe, :pk, :version, :run, :batch, CAST(:amount AS numeric), :currency, :number)
            ON CONFLICT (stream_id, key) DO UPDATE SET stage = excluded.stage, error = excluded.error, message = excluded.message, field = excluded.field,
                parent_entity = excluded.parent_entity, parent_key = excluded.parent_key, mapping_version = excluded.mapping_version, run_id = excluded.run_id,
                batch_id = coalesce(excluded.batch_id, q.batch_id), last_at = now(), attempts = q.attempts + 1, retry_requested = false,
                amount = excluded.amount, currency = excluded.currency, number = excluded.number
            """,
            id=stream.stream_id,
            key=key,
            stage=stage,
            error=type(error).__name__,
            message=str(error),
            field=error.field if isinstance(error, MappingFailed) else None,
            pe=parent[0],
            pk=parent[1],
            version=version,
            run=run_id,
            batch=batch_id,
            **_told(stream, error.readable if isinstance(error, MappingFailed) else {}),
        )
    set_odd(connection, stream, [k for k, _ in failed], QUARANTINED, "quarantined")


FOLDED_GAP = "owner"
"""The field of gaps that the fold of debtors notes: a code that is no owner's. No mapping knows all owners."""
AMOUNTS = {"document": ("open_amount", "total"), "ledger_entry": ("remaining", "amount")}
"""Where a record says what is open; the second where the first says nothing."""


def _told(stream: StreamRow, readable: Mapping[str, object]) -> dict[str, str | None]:
    """What of a record in quarantine is known nevertheless: what it is open with, in which currency, and the number it is called by."""
    amounts = (_storable(readable.get(name), 17) for name in AMOUNTS.get(stream.canonical, ()))
    amount = next((text for text in amounts if text is not None and _AMOUNT.fullmatch(text)), None)
    currency = _storable(readable.get("currency"), 20) if amount is not None else None
    return {"amount": amount, "currency": currency or None, "number": _storable(readable.get("number"), 200)}


def _storable(value: object, most: int) -> str | None:
    """A text that every database takes; None for anything else."""
    if not isinstance(value, str) or len(value) > most or "\x00" in value:
        return None
    return value if value.isascii() or value.encode(errors="ignore").decode() == value else None


def note_gaps(
    connection: Connection, stream: StreamRow, keys: Sequence[str], gaps: Sequence[CodeGap]
) -> None:
    """Replaces what was known about codes without a rule for these records; what the fold noted is the fold's to take away."""
    if fetch(connection, "SELECT 1 FROM engine.code_gap WHERE stream_id = :id LIMIT 1", id=stream.stream_id):
        run_sql(
            connection,
            "DELETE FROM engine.code_gap WHERE stream_id = :id AND key = ANY(:keys) AND field <> :folded",
            id=stream.stream_id,
            keys=list(keys),
            folded=FOLDED_GAP,
        )
    for gap in gaps:
        run_sql(
            connection,
            """
            INSERT INTO engine.code_gap (stream_id, field, code, key) VALUES (:id, :field, :code, :key) ON CONFLICT DO NOTHING
            """,
            id=stream.stream_id,
            field=gap.field,
            code=gap.code,
            key=gap.key,
        )


def retry_batches(connection: Connection, stream_id: int) -> dict[int, list[str]]:
    """Quarantined keys a person asked to try again, by the batch that holds their payload."""
    rows = fetch(
        connection,
        """
        SELECT r.batch_id, q.key FROM engine.quarantine q JOIN engine.source_record r USING (stream_id, key)
        WHERE q.stream_id = :id AND q.retry_requested AND r.deleted_at IS NULL
        """,
        id=stream_id,
    )
    out: dict[int, list[str]] = {}
    for batch_id, key in rows:
        out.setdefault(batch_id, []).append(key)
    return out


def batch(connection: Connection, batch_id: int) -> Batch:
    """One manifest row."""
    return Batch(
        *fetch(
            connection,
            """
        SELECT batch_id, path, checksum, records, true, damage IS NOT NULL FROM engine.lake_manifest WHERE batch_id = :b
        """,
            b=batch_id,
        )[0]
    )
