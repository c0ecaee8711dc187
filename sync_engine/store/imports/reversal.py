"""Takes an import back: every decision that is still as the import left it becomes what it was before."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from sync_engine.errors import ConfigurationError
from sync_engine.ownership.resolve import INBOX
from sync_engine.store.db import fetch
from sync_engine.store.imports.apply import audit
from sync_engine.store.imports.rows import ids
from sync_engine.store.publishing.cut import Cut
from sync_engine.store.publishing.inbox import INBOX_PERSONS
from sync_engine.store.publishing.refold import refold


class Left(NamedTuple):
    """A decision that was not taken back, because somebody decided again since."""

    line: int
    entity: str
    record_id: str
    field: str
    why: str


class Done(NamedTuple):
    """One import as the history shows it."""

    import_id: int
    kind: str
    file: str
    read: int
    applied: int
    unchanged: int
    refused: int
    done_by: str
    done_at: datetime
    reason: str | None
    undone_by: str | None
    undone_at: datetime | None
    remaining: int
    """Decisions of it that were not taken back."""


def made(connection: Connection, import_id: int | None = None) -> list[Done]:
    """The imports there were, the newest first."""
    rows = fetch(
        connection,
        """
        SELECT import_id, kind, file, read, applied, unchanged, refused, done_by, done_at, reason, undone_by, undone_at, (
            SELECT count(*) FROM engine.import_edit e WHERE e.import_id = i.import_id AND e.undone_at IS NULL AND e.what <> 'position')
        FROM engine.import i
        WHERE CAST(:id AS bigint) IS NULL OR import_id = :id ORDER BY import_id DESC
        """,
        id=import_id,
    )
    return [Done(*r) for r in rows]


def undo(cut: Cut, import_id: int, *, by: str, why: str | None) -> tuple[int, list[Left]]:
    """Takes an import back, or what an earlier undo had to leave; returns how many decisions were, and those that were not.

    Raises ConfigurationError for an unknown one, and for one of which nothing is left.
    """
    found = made(cut.connection, import_id)
    if not found:
        raise ConfigurationError(
            "there is no import of this number",
            key=str(import_id),
            todo="`sync-engine import list` shows them.",
        )
    if found[0].undone_at is not None and not found[0].remaining:
        raise ConfigurationError(f"it was undone by {found[0].undone_by} already", key=f"import {import_id}")
    _collect(cut, import_id)
    left = [
        Left(*r)
        for r in fetch(
            cut.connection,
            "SELECT line, entity, CAST(record_id AS text), field, decided_since FROM import_back WHERE decided_since IS NOT NULL ORDER BY place",
        )
    ]
    _restore_pins(cut)
    for table, entity in (("engine.tag", "debtor"), ("canonical.tag", "document")):
        cut.sql(
            f"""
            DELETE FROM {table} t USING import_back b
            WHERE b.what = 'tag' AND b.decided_since IS NULL AND b.entity = :entity AND t.owner_table = b.entity AND t.owner_id = b.record_id
                AND t.name = b.after #>> '{{}}' AND t.origin = 'person'
            """,
            entity=entity,
        )
    _remove_persons(cut)
    refold(cut, lambda source: cut, [], _touched(cut, "debtor"), _touched(cut, "contact"))
    cut.sql("""
        DELETE FROM canonical.contact_position p USING import_back b
        WHERE b.what = 'position' AND p.id = b.record_id AND NOT EXISTS (SELECT FROM canonical.contact c WHERE c.position_id = p.id)
        """)
    cut.sql(
        """
        UPDATE engine.import_edit e SET undone_at = now() FROM import_back b
        WHERE e.import_id = :id AND e.place = b.place AND b.decided_since IS NULL
            AND NOT (b.what = 'position' AND EXISTS (SELECT FROM canonical.contact_position p WHERE p.id = b.record_id))
        """,
        id=import_id,
    )
    audit(cut, import_id, by, why, undone=True)
    cut.sql(
        "UPDATE engine.import SET undone_by = :by, undone_at = now() WHERE import_id = :id",
        id=import_id,
        by=by,
    )
    restored = cut.rows(
        "SELECT count(*) FROM import_back WHERE decided_since IS NULL AND what <> 'position'"
    )[0][0]
    return int(str(restored)), left


def _touched(cut: Cut, entity: str) -> list[str]:
    """The records that what is taken back counted for: after a merge the one that is left."""
    return ids(
        cut.connection,
        """
        SELECT DISTINCT coalesce(v.became, b.record_id) FROM import_back b LEFT JOIN engine.survivor v ON v.entity = b.entity AND v.id = b.record_id
        WHERE b.what IN ('pin', 'tag') AND b.entity = :entity AND b.decided_since IS NULL
        """,
        entity=entity,
    )


def _collect(cut: Cut, import_id: int) -> None:
    """The import's decisions, and which of them are no longer as it left them. What the import pinned it pinned in the instant it was done."""
    cut.sql(
        """
        CREATE TEMP TABLE import_back ON COMMIT DROP AS
        SELECT e.place, e.line, e.what, e.entity, e.record_id, e.field, e.before, e.after, CASE
            WHEN e.what = 'pin' AND p.canonical_id IS NULL THEN 'the pinned value was released since'
            WHEN e.what = 'pin' AND (nullif(p.value, 'null') IS DISTINCT FROM nullif(e.after -> 'value', 'null')
                OR p.until IS NOT NULL OR p.while_claimed IS NOT NULL OR p.pinned_at IS DISTINCT FROM i.done_at) THEN 'decided again since by ' || p.pinned_by
            WHEN e.what = 'tag' AND t.owner_id IS NULL THEN 'the tag is not there any more'
            WHEN e.what = 'person' AND r.claim IS DISTINCT FROM e.after THEN 'the person was imported again since'
            WHEN e.what = 'person' AND q.canonical_id IS NOT NULL THEN 'a value of this person was decided since by ' || q.by
            WHEN e.what = 'person' AND l.canonical_id IS DISTINCT FROM e.record_id THEN 'the person was linked to another contact since'
            END AS decided_since
        FROM engine.import_edit e
        JOIN engine.import i USING (import_id)
        LEFT JOIN (
            SELECT * FROM engine.tag UNION ALL SELECT * FROM canonical.tag WHERE owner_table = 'document'
            ) t ON e.what = 'tag' AND t.owner_table = e.entity AND t.owner_id = e.record_id AND t.name = e.after #>> '{}'
            AND t.origin = 'person'
        LEFT JOIN engine.pin p ON e.what = 'pin' AND p.entity = e.entity AND p.canonical_id = e.record_id AND p.field = e.field
        LEFT JOIN engine.stream s ON e.what = 'person' AND s.source = :inbox AND s.entity = :persons
        LEFT JOIN engine.source_record r ON r.stream_id = s.stream_id AND r.key = e.field
        LEFT JOIN canonical.link l ON e.what = 'person' AND l.entity = 'contact' AND l.source = :inbox AND l.external_id = e.field
        LEFT JOIN (SELECT canonical_id, min(pinned_by) AS by FROM engine.pin WHERE entity = 'contact' GROUP BY 1) q ON e.what = 'person'
            AND q.canonical_id = e.record_id
        WHERE e.import_id = :id AND e.undone_at IS NULL
        """,
        id=import_id,
        inbox=INBOX,
        persons=INBOX_PERSONS,
    )
    cut.sql("ANALYZE import_back")


def _restore_pins(cut: Cut) -> None:
    cut.sql("""
        DELETE FROM engine.pin p USING import_back b
        WHERE b.what = 'pin' AND b.before IS NULL AND b.decided_since IS NULL AND p.entity = b.entity AND p.canonical_id = b.record_id AND p.field = b.field
        """)
    cut.sql("""
        UPDATE engine.pin p SET value = nullif(b.before -> 'value', 'null'), until = b.before ->> 'until',
            while_claimed = nullif(b.before -> 'while_claimed', 'null'),
            pinned_by = b.before ->> 'pinned_by', pinned_at = CAST(b.before ->> 'pinned_at' AS timestamptz), reason = b.before ->> 'reason',
            ended_at = CAST(b.before ->> 'ended_at' AS timestamptz)
        FROM import_back b
        WHERE b.what = 'pin' AND b.before IS NOT NULL AND b.decided_since IS NULL AND p.entity = b.entity AND p.canonical_id = b.record_id AND p.field = b.field
        """)


def _remove_persons(cut: Cut) -> None:
    """Persons the import brought leave no trace but the audit: record, link and contact go, and the debtor's link once nothing needs it."""
    if not cut.exists("SELECT FROM import_back WHERE what = 'person' AND decided_since IS NULL"):
        return
    gone = "import_back b WHERE b.what = 'person' AND b.decided_since IS NULL"
    cut.sql(
        f"INSERT INTO change_new (entity, record_id, op, old) SELECT 'contact', c.id, 'delete', to_jsonb(c) FROM "
        f"{gone.replace('import_back b', 'canonical.contact c, import_back b')} AND c.id = b.record_id"
    )
    cut.sql(
        f"""
        DELETE FROM engine.source_record r USING engine.stream s, {gone} AND s.source = :inbox AND s.entity = :persons AND r.stream_id = s.stream_id
            AND r.key = b.field
        """,
        inbox=INBOX,
        persons=INBOX_PERSONS,
    )
    cut.sql(
        f"DELETE FROM canonical.link l USING {gone} AND l.entity = 'contact' AND l.source = :inbox AND l.external_id = b.field",
        inbox=INBOX,
    )
    cut.sql(
        f"DELETE FROM canonical.overruled o USING {gone} AND o.entity = 'contact' AND o.record_id = b.record_id"
    )
    cut.sql(f"DELETE FROM canonical.contact c USING {gone} AND c.id = b.record_id")
    cut.sql(
        """
        DELETE FROM canonical.link l USING import_back b
        WHERE b.what = 'person' AND b.decided_since IS NULL AND l.entity = 'debtor' AND l.source = :inbox AND l.external_id = b.after ->> 'debtor_key'
            AND NOT EXISTS (
            SELECT FROM engine.source_record r JOIN engine.stream s USING (stream_id)
            WHERE s.source = :inbox AND (r.key = l.external_id OR r.claim ->> 'debtor_key' = l.external_id))
        """,
        inbox=INBOX,
    )
