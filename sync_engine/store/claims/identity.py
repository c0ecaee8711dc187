"""Numbers that are given to another record, where a source keys its debtors by a number that people may change or use again.

A key whose record says that it is somebody else now, and a new key that says it is somebody who just vanished, wait in quarantine:
what is known under a key never moves to another company by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from sync_engine.errors import IdentityInDoubt
from sync_engine.ports import Draft
from sync_engine.store.db import fetch, run_sql
from sync_engine.store.landing.sources import StreamRow


def used_again(
    connection: Connection, stream: StreamRow, drafts: Sequence[Draft]
) -> dict[str, IdentityInDoubt]:
    """Drafts that may speak about somebody else than the last one of their key, with why; not those a person asked to try again.

    The registration number decides where both say one. Else another name is doubted while nothing was ever booked for the key: a
    company with bookings keeps its number, and is called otherwise.
    """
    before = {
        str(key): {"registration_no": number, "name": name}
        for key, number, name in fetch(
            connection,
            """
            SELECT r.key, r.claim ->> 'registration_no', r.claim ->> 'name' FROM engine.source_record r
            WHERE r.stream_id = :id AND r.key = ANY(:keys) AND r.claim IS NOT NULL
              AND EXISTS (SELECT FROM canonical.link l WHERE l.entity = 'debtor' AND l.source = :source AND l.external_id = r.key)
              AND NOT EXISTS (SELECT FROM engine.quarantine q WHERE q.stream_id = r.stream_id AND q.key = r.key AND q.retry_requested)
            """,
            id=stream.stream_id,
            source=stream.source,
            keys=[draft.key for draft in drafts],
        )
    }
    doubted = {
        draft.key: why
        for draft in drafts
        if draft.key in before and (why := _other(before[draft.key], draft.values))
    }
    renamed = [key for key, why in doubted.items() if why == "name"]
    booked = (
        {str(key) for (key,) in fetch(connection, _BOOKED, source=stream.source, keys=renamed)}
        if renamed
        else set()
    )
    whose = f"{stream.source} {stream.entity}"
    return {
        key: IdentityInDoubt(why, whose=whose, key=key) for key, why in doubted.items() if key not in booked
    }


_BOOKED = """
    SELECT k FROM unnest(CAST(:keys AS text[])) k
    WHERE EXISTS (SELECT FROM canonical.document d WHERE d.source = :source AND d.debtor_key = k)
       OR EXISTS (SELECT FROM canonical.payment p WHERE p.source = :source AND p.debtor_key = k)
    """


def _other(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """By which field a claim may be of somebody else than the one before; empty where it is of the same."""
    one, other = before.get("registration_no"), now.get("registration_no")
    if one and other:
        return "" if one == other else "registration number"
    names = [str(claim.get("name") or "").casefold().split() for claim in (before, now)]
    return "" if set(names[0]) & set(names[1]) or not all(names) else "name"


def hold_renumbered(connection: Connection, stream: StreamRow, *, version: str, run_id: UUID) -> int:
    """Puts aside new debtors that look like one that vanished, by registration number, or by name and postcode; returns how many.

    A person links the new key to the debtor it is, or says that the two are not the same; then it is tried again. Where nothing is new
    or nothing ever vanished, that is all that is looked up.
    """
    given = {"id": stream.stream_id, "source": stream.source}
    if not fetch(connection, f"SELECT 1 WHERE EXISTS ({_GONE}) AND EXISTS ({_FRESH})", **given):
        return 0
    run_sql(connection, "DROP TABLE IF EXISTS renumber_gone, renumber_fresh")
    for table, rows in (("renumber_gone", _GONE), ("renumber_fresh", _FRESH)):
        run_sql(connection, f"CREATE TEMP TABLE {table} ON COMMIT DROP AS {rows}", **given)
    found = fetch(connection, _RENUMBERED, source=stream.source)
    for key, vanished in found:
        failure = IdentityInDoubt(
            "key", whose=f"{stream.source} {stream.entity}", key=str(key), before=str(vanished)
        )
        run_sql(
            connection,
            """
            INSERT INTO engine.quarantine AS q (stream_id, key, stage, error, message, mapping_version, run_id, batch_id)
            SELECT stream_id, key, 'normalise', 'IdentityInDoubt', :message, :version, :run, batch_id FROM engine.source_record
            WHERE stream_id = :id AND key = :key
            ON CONFLICT (stream_id, key) DO UPDATE SET stage = excluded.stage, error = excluded.error, message = excluded.message, field = NULL,
                parent_entity = NULL, parent_key = NULL, batch_id = excluded.batch_id, last_at = now(), retry_requested = false
            """,
            id=stream.stream_id,
            key=key,
            message=str(failure),
            version=version,
            run=run_id,
        )
    return (
        run_sql(
            connection,
            "UPDATE engine.source_record SET state = 1, reason = 'quarantined' WHERE stream_id = :id AND key = ANY(:keys)",
            id=stream.stream_id,
            keys=[key for key, _ in found],
        )
        if found
        else 0
    )


_LINKED = "(SELECT canonical_id FROM canonical.link WHERE entity = 'debtor' AND source = :source AND external_id = r.key)"
_SAID = """r.key, nullif(r.claim ->> 'registration_no', '') AS registration_no, lower(r.claim ->> 'name') AS name,
    coalesce(r.claim ->> 'postcode', '') AS postcode"""
_GONE = f"""
    SELECT {_SAID}, {_LINKED} AS canonical_id FROM engine.source_record r WHERE r.stream_id = :id AND r.deleted_at IS NOT NULL
    """
"""Debtors that are gone; small beside those that are there, and found by the index of what is odd."""
_FRESH = f"""
    SELECT {_SAID} FROM engine.source_record r
    WHERE r.stream_id = :id AND r.dirty AND r.state = 0 AND r.deleted_at IS NULL AND r.claim IS NOT NULL AND {_LINKED} IS NULL
    """
"""Debtors that nobody knows yet; found by the index of what is dirty, each with one look at the links."""
_RENUMBERED = """
    SELECT n.key, min(n.gone) FROM (
        SELECT n.key, g.key AS gone, g.canonical_id FROM renumber_fresh n JOIN renumber_gone g USING (registration_no)
        UNION ALL
        SELECT n.key, g.key, g.canonical_id FROM renumber_fresh n JOIN renumber_gone g USING (name, postcode)
        WHERE n.registration_no IS NULL OR g.registration_no IS NULL) n
    WHERE n.canonical_id IS NOT NULL AND NOT EXISTS (SELECT FROM engine.negative_link x WHERE x.entity = 'debtor' AND x.source = :source
        AND x.external_id = n.key AND x.canonical_id = n.canonical_id)
    GROUP BY n.key
    """
