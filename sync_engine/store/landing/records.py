"""What pull records: which records differ by hash, the manifest of landed files, and what a full sweep saw."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
from psycopg.errors import UniqueViolation
from sqlalchemy import Connection

from sync_engine.records import Landed
from sync_engine.store.db import copy_texts, driver, fetch, run_sql, tell_planner
from sync_engine.store.landing.look_alikes import GUARDED, let_in, look_alikes
from sync_engine.store.staging import seen_table

SEPARATOR = "\x1f"
"""Stands between the parts of an id, so no key may hold it."""
_IS_MADE_UP = "(left(r.key, 1) = '?' AND length(r.key) = 33)"
"""A record that came without a usable key; see `made_up_key`."""
_DIFFERING = """
    SELECT (u.place - 1)::int, r.key IS NULL
    FROM unnest(string_to_array(%s, E'\\x1f'), string_to_array(%s, ',')::uuid[]) WITH ORDINALITY AS u(key, hash, place)
    LEFT JOIN engine.source_record r ON r.stream_id = %s AND r.key = u.key
    WHERE r.key IS NULL OR r.raw_hash <> u.hash OR r.deleted_at IS NOT NULL
       OR r.batch_id IN (SELECT batch_id FROM engine.lake_manifest WHERE stream_id = %s AND damage IS NOT NULL)
"""
_REWRITE = """
    UPDATE engine.source_record r SET raw_hash = u.hash, batch_id = %s, changed_at = now(), deleted_at = NULL, dirty = r.dirty OR r.deleted_at IS NOT NULL
    FROM unnest(%s::text[], %s::uuid[]) AS u(key, hash) WHERE r.stream_id = %s AND r.key = u.key
"""


class KnownAlready(Exception):
    """A record that was taken for new is known: nothing of its batch was recorded."""


class SweepOutcome(NamedTuple):
    """What a full sweep did not see: `missing` keys of `known`; `held` when the deletion was stopped, `why` says by what."""

    known: int
    seen: int
    missing: int
    held: bool
    why: str = ""


def differing(
    connection: Connection, stream_id: int, keys: Sequence[str], hashes: Sequence[str]
) -> tuple[list[int], list[int]]:
    """Positions of records that are new, and of records that are known with other bytes (or were deleted, or whose landed bytes are lost).

    Keys and hashes travel as one text each, which costs a third of two lists; no key holds the separator.
    """
    with driver(connection).cursor() as cursor:
        cursor.execute(_DIFFERING, (SEPARATOR.join(keys), ",".join(hashes), stream_id, stream_id))
        found = cursor.fetchall()
    return [place for place, is_new in found if is_new], [place for place, is_new in found if not is_new]


def next_number(connection: Connection, stream_id: int, run_id: UUID) -> int:
    """The number behind the last file of an entity that a run has landed, 0 at its first step; files of one number are one file."""
    return int(
        fetch(
            connection,
            r"""
        SELECT CASE WHEN EXISTS (
            SELECT FROM engine.run_step p JOIN engine.stream s ON s.stream_id = :stream AND s.entity = p.entity
            WHERE p.run_id = :run AND p.stage LIKE 'pull%')
        THEN (SELECT coalesce(max(CAST(substring(path FROM '(\d+)\.ndjson\.zst$') AS integer)) + 1, 0) FROM engine.lake_manifest
            WHERE stream_id = :stream AND run_id = :run)
        ELSE 0 END
        """,
            stream=stream_id,
            run=run_id,
        )[0][0]
    )


def record_batch(
    connection: Connection,
    stream_id: int,
    run_id: UUID,
    landed: Landed,
    new: Sequence[tuple[str, str]],
    changed: Sequence[tuple[str, str]],
) -> int:
    """The manifest row of a landed file and the (key, hash) pairs it brought; returns the batch id. Raises KnownAlready."""
    batch_id = int(
        fetch(
            connection,
            """
        INSERT INTO engine.lake_manifest (stream_id, run_id, path, records, bytes, checksum)
        VALUES (:stream, :run, :path, :records, :bytes, :checksum) RETURNING batch_id
        """,
            stream=stream_id,
            run=run_id,
            path=landed.path,
            records=landed.records,
            bytes=landed.bytes,
            checksum=landed.checksum,
        )[0][0]
    )
    if new:
        stream, batch = str(stream_id), str(batch_id)
        try:
            copy_texts(
                connection,
                "engine.source_record",
                ("stream_id", "key", "raw_hash", "batch_id"),
                [(stream, key, digest, batch) for key, digest in new],
            )
        except UniqueViolation:
            raise KnownAlready from None
    if changed:
        with driver(connection).cursor() as cursor:
            cursor.execute(_REWRITE, (batch_id, [k for k, _ in changed], [h for _, h in changed], stream_id))
    return batch_id


def start_sweep(connection: Connection, source: str, stream_id: int) -> bool:
    """Forgets what an interrupted sweep saw and notes the start: records first seen later are not judged by this sweep.

    The start stays until the sweep ends well, so that one which was broken off or held is made again. Returns whether no record
    of the stream is known yet.
    """
    run_sql(connection, f"DELETE FROM {seen_table(source)} WHERE stream_id = :id", id=stream_id)
    run_sql(
        connection,
        "UPDATE engine.stream SET sweep_started_at = clock_timestamp() WHERE stream_id = :id",
        id=stream_id,
    )
    return not fetch(
        connection, "SELECT 1 FROM engine.source_record WHERE stream_id = :id LIMIT 1", id=stream_id
    )


def note_seen(connection: Connection, source: str, stream_id: int, keys: Sequence[str]) -> None:
    """Adds keys the sweep saw."""
    stream = str(stream_id)
    copy_texts(connection, seen_table(source), ("stream_id", "key"), [(stream, key) for key in keys])


def finish_sweep(
    connection: Connection,
    source: str,
    stream_id: int,
    run_id: UUID,
    *,
    brake: float | None,
    brake_from: int,
    stated: int | None,
    at: datetime,
    guarded: str = "",
) -> SweepOutcome:
    """Marks what a complete sweep did not see as deleted, unless that is suspiciously much: then it is held for approval.

    `brake` is the share of the known records that may be missing; None believes any sweep. One that saw rows without a usable key
    deletes nothing but such rows of before: what is missing may be among them.
    `stated` is how many records the source says it has (None: it does not say); a sweep that saw fewer proves nothing. One that
    saw far fewer does not count as a sweep even when nothing known is missing: the next run reads everything again. `guarded` is the
    canonical entity whose open items are looked at: what has some and came back under a key written alike is held too.
    """
    tell_planner(
        connection, seen_table(source)
    )  # it was empty when it was last looked at; a plan made for no rows is quadratic
    known, missing, unnamed_gone, seen, unnamed = fetch(
        connection,
        f"""
        WITH seen AS MATERIALIZED (SELECT DISTINCT key FROM {seen_table(source)} WHERE stream_id = :id)
        SELECT count(*) FILTER (WHERE NOT {_IS_MADE_UP}), count(*) FILTER (WHERE seen.key IS NULL AND NOT {_IS_MADE_UP}),
            count(*) FILTER (WHERE seen.key IS NULL AND {_IS_MADE_UP}), (SELECT count(*) FROM seen), (SELECT count(*) FROM seen r WHERE {_IS_MADE_UP})
        FROM engine.source_record r JOIN engine.stream t USING (stream_id) LEFT JOIN seen USING (key)
        WHERE r.stream_id = :id AND r.deleted_at IS NULL AND r.first_seen_at < t.sweep_started_at
        """,
        id=stream_id,
    )[0]
    approved = bool(
        fetch(
            connection,
            "SELECT 1 FROM engine.sweep_hold WHERE stream_id = :id AND approved_at IS NOT NULL AND missing >= :missing",
            id=stream_id,
            missing=missing,
        )
    )
    why = ""
    if stated is not None and seen < stated:
        why = f"the source says it has {stated} records, the sweep saw {seen}"
    elif brake is None or approved:
        why = ""
    elif unnamed and missing:
        why = f"{missing} of {known} known records are missing, and {unnamed} rows came without a usable key: they may be the same"
    elif missing >= max(brake_from, 1) and missing > brake * known:
        why = f"{missing} of {known} known records are missing, more than the brake of {brake:.0%}"
    guarded = guarded if missing and not approved and guarded in GUARDED else ""
    alike = look_alikes(connection, source, stream_id, guarded, with_open_items=not why) if guarded else {}
    if alike and not why:
        new, gone = min(alike.items())
        why = f"{len(alike)} new records are written like missing ones that have open items, for example {new} like {gone}"
    is_short = stated is not None and stated - seen > max(
        brake_from, (1.0 if brake is None else brake) * stated
    )
    outcome = SweepOutcome(
        known, seen, missing, bool(why) and missing > 0, why if missing or is_short else ""
    )
    if unnamed_gone or (missing and not outcome.held):
        _delete_missing(connection, source, stream_id, _IS_MADE_UP if outcome.held else "true")
    if outcome.held:
        _hold(connection, source, stream_id, run_id, outcome, stated, alike)
    else:
        let_in(connection, stream_id)
        run_sql(connection, "DELETE FROM engine.sweep_hold WHERE stream_id = :id", id=stream_id)
        swept_at = None if is_short else at
        run_sql(
            connection,
            "UPDATE engine.stream SET swept_at = :at, swept_count = :seen, sweep_started_at = NULL WHERE stream_id = :id",
            at=swept_at,
            seen=seen,
            id=stream_id,
        )
    run_sql(connection, f"DELETE FROM {seen_table(source)} WHERE stream_id = :id", id=stream_id)
    return outcome


def delete_keys(connection: Connection, stream_id: int, keys: Sequence[str]) -> int:
    """Marks records the source itself reported as gone."""
    return run_sql(
        connection,
        "UPDATE engine.source_record SET deleted_at = now(), dirty = true WHERE stream_id = :id AND key = ANY(:keys) AND deleted_at IS NULL",
        id=stream_id,
        keys=list(keys),
    )


def delete_siblings(
    connection: Connection, stream_id: int, parents: Sequence[str], kept: Sequence[str]
) -> int:
    """Marks records keyed `<parent>|<rest>` as gone, of these parents, where they are not among the keys that were just read."""
    return run_sql(
        connection,
        """
        UPDATE engine.source_record SET deleted_at = now(), dirty = true
        WHERE stream_id = :id AND deleted_at IS NULL AND split_part(key, '|', 1) = ANY(:parents) AND key <> ALL(:kept)
        """,
        id=stream_id,
        parents=list(parents),
        kept=list(kept),
    )


def _delete_missing(connection: Connection, source: str, stream_id: int, which: str) -> None:
    run_sql(
        connection,
        f"""
        UPDATE engine.source_record r SET deleted_at = now(), dirty = true
        FROM engine.stream t
        WHERE t.stream_id = r.stream_id AND r.stream_id = :id AND r.deleted_at IS NULL AND r.first_seen_at < t.sweep_started_at
          AND NOT EXISTS (SELECT FROM {seen_table(source)} s WHERE s.stream_id = r.stream_id AND s.key = r.key)
          AND {which}
        """,
        id=stream_id,
    )


def _hold(
    connection: Connection,
    source: str,
    stream_id: int,
    run_id: UUID,
    outcome: SweepOutcome,
    stated: int | None,
    alike: dict[str, str],
) -> None:
    run_sql(
        connection,
        f"""
        INSERT INTO engine.sweep_hold (stream_id, run_id, known, seen, missing, stated, look_alikes, sample)
        VALUES (:id, :run, :known, :seen, :missing, :stated, CAST(:alike AS jsonb), coalesce((
            SELECT jsonb_agg(key) FROM (
                SELECT r.key FROM engine.source_record r JOIN engine.stream t USING (stream_id)
                WHERE r.stream_id = :id AND r.deleted_at IS NULL AND r.first_seen_at < t.sweep_started_at
                  AND NOT EXISTS (SELECT FROM {seen_table(source)} s WHERE s.stream_id = r.stream_id AND s.key = r.key)
                  AND NOT {_IS_MADE_UP}
                ORDER BY r.key LIMIT 20) x), '[]'))
        ON CONFLICT (stream_id) DO UPDATE SET run_id = excluded.run_id, known = excluded.known, seen = excluded.seen, missing = excluded.missing,
            stated = excluded.stated, look_alikes = excluded.look_alikes, sample = excluded.sample, held_at = now(), approved_at = NULL, approved_by = NULL
        """,
        id=stream_id,
        run=run_id,
        known=outcome.known,
        seen=outcome.seen,
        missing=outcome.missing,
        stated=stated,
        alike=msgspec.json.encode(alike).decode(),
    )
