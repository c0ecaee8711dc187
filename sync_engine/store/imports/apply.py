"""Writes what an import decided: pins, tags and persons, each with what was there before; folds what they touch; audits it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sync_engine.canonical.contact import CONTACT
from sync_engine.canonical.debtor import DEBTOR
from sync_engine.ownership.resolve import INBOX
from sync_engine.store.db import run_sql
from sync_engine.store.imports.rows import ids
from sync_engine.store.publishing.cut import Cut
from sync_engine.store.publishing.inbox import INBOX_PERSONS, ensure_inbox
from sync_engine.store.publishing.refold import refold

STORED_AS = {("debtor", f.name): f.stored_as for f in DEBTOR} | {
    ("contact", f.name): f.stored_as for f in CONTACT
}


class Applied(NamedTuple):
    """An import that was applied: its number, and how many canonical records changed."""

    import_id: int
    records: int


def apply_rows(
    cut: Cut, kind: str, file: str, digest: str, counts: Mapping[str, int], *, by: str, why: str | None
) -> Applied:
    """Applies the rows that were found good. Everything in the transaction of `cut`, under the lock of cuts and decisions."""
    import_id = int(
        str(
            cut.rows(
                """
        INSERT INTO engine.import (kind, file, digest, read, applied, unchanged, refused, done_by, reason)
        VALUES (:kind, :file, :digest, :read, :applied, :unchanged, :refused, :by, :why) RETURNING import_id
        """,
                kind=kind,
                file=file,
                digest=digest,
                read=sum(counts.values()),
                applied=counts["applied"],
                unchanged=counts["unchanged"],
                refused=counts["refused"],
                by=by,
                why=why,
            )[0][0]
        )
    )
    if not counts["applied"]:
        return Applied(import_id, 0)
    _note_edits(cut, import_id)
    _pins(cut, by, why)
    _tags(cut)
    _persons(cut, by)
    touched = ids(
        cut.connection,
        "SELECT DISTINCT record_id FROM import_effect WHERE what IN ('pin', 'tag') AND entity = 'debtor' AND NOT is_there",
    )
    contacts = ids(
        cut.connection,
        """
        SELECT DISTINCT record_id FROM import_effect WHERE what = 'pin' AND entity = 'contact' AND NOT is_there UNION SELECT id FROM import_person
        """,
    )
    before = set(ids(cut.connection, "SELECT id FROM canonical.contact_position")) if contacts else set()
    refold(cut, lambda source: cut, [], touched, contacts)
    if contacts:
        _note_new_positions(cut, import_id, before)
    audit(cut, import_id, by, why)
    return Applied(import_id, len(touched) + len(contacts))


def _note_edits(cut: Cut, import_id: int) -> None:
    cut.sql(
        """
        INSERT INTO engine.import_edit (import_id, place, line, what, entity, record_id, field, before, after)
        SELECT :id, row_number() OVER (ORDER BY e.line, e.field), e.line, e.what, e.entity, e.record_id, e.field,
               CASE WHEN p.canonical_id IS NOT NULL THEN to_jsonb(p) - '{entity,canonical_id,field}'::text[] END,
               CASE WHEN e.what = 'pin' THEN jsonb_build_object('value', e.value) ELSE e.value END
        FROM import_effect e LEFT JOIN engine.pin p ON e.what = 'pin' AND p.entity = e.entity AND p.canonical_id = e.record_id AND p.field = e.field
        WHERE NOT e.is_there
        UNION ALL
        SELECT :id, (SELECT count(*) FROM import_effect) + row_number() OVER (ORDER BY n.line), n.line, 'person', 'contact', n.id, n.key, NULL, n.claim
        FROM import_person n
        """,
        id=import_id,
    )


def _pins(cut: Cut, by: str, why: str | None) -> None:
    cut.sql(
        """
        INSERT INTO engine.pin AS p (entity, canonical_id, field, value, pinned_by, reason)
        SELECT entity, record_id, field, nullif(value, 'null'), :by, :why FROM import_effect WHERE what = 'pin' AND NOT is_there
        ON CONFLICT (entity, canonical_id, field) DO UPDATE SET value = excluded.value, until = NULL, while_claimed = NULL, pinned_by = excluded.pinned_by,
            pinned_at = now(), reason = excluded.reason, ended_at = NULL
        """,
        by=by,
        why=why,
    )


def _tags(cut: Cut) -> None:
    """A debtor's tags are decisions, which a fold publishes also after a merge; an invoice is never merged."""
    for table, entity in (("engine.tag", "debtor"), ("canonical.tag", "document")):
        cut.sql(
            f"""
            INSERT INTO {table} (owner_table, owner_id, name, origin) SELECT entity, record_id, value #>> '{{}}', 'person' FROM import_effect
            WHERE what = 'tag' AND entity = :entity AND NOT is_there
            """,
            entity=entity,
        )


def _persons(cut: Cut, by: str) -> None:
    """Persons become records of the engine's own source, linked to a contact of their own and to the debtor they belong to."""
    if not cut.exists("SELECT FROM import_person"):
        return
    ensure_inbox(cut.connection)
    cut.sql(
        """
        INSERT INTO engine.source_record AS r (stream_id, key, raw_hash, batch_id, claim)
        SELECT s.stream_id, p.key, CAST(md5(CAST(p.claim AS text)) AS uuid), 0, p.claim FROM import_person p JOIN engine.stream s ON s.source = :inbox
            AND s.entity = :persons
        ON CONFLICT (stream_id, key) DO UPDATE SET claim = excluded.claim, raw_hash = excluded.raw_hash, deleted_at = NULL, state = 0, reason = NULL
        """,
        inbox=INBOX,
        persons=INBOX_PERSONS,
    )
    cut.sql(
        """
        INSERT INTO canonical.link (entity, source, external_id, canonical_id, method, rule, decided_by, pinned)
        SELECT 'contact', :inbox, key, id, 'manual', 'import', :by, true FROM import_person
        UNION ALL SELECT DISTINCT 'debtor', :inbox, CAST(debtor_id AS text), debtor_id, 'manual', 'import', :by, true FROM import_person
        ON CONFLICT (entity, source, external_id) DO NOTHING
        """,
        inbox=INBOX,
        by=by,
    )


def _note_new_positions(cut: Cut, import_id: int, before: set[str]) -> None:
    cut.sql(
        """
        INSERT INTO engine.import_edit (import_id, place, line, what, entity, record_id, field)
        SELECT :id, (SELECT coalesce(max(place), 0) FROM engine.import_edit WHERE import_id = :id) + row_number() OVER (ORDER BY id), 0, 'position',
            'contact_position', id, 'name'
        FROM canonical.contact_position WHERE id <> ALL(CAST(:before AS uuid[]))
        """,
        id=import_id,
        before=list(before),
    )


def audit(cut: Cut, import_id: int, by: str, why: str | None, *, undone: bool = False) -> None:
    """The changes the fold found are a person's; decisions that changed no value, and tags of invoices, are written beside them."""
    these = "e.undone_at = now()" if undone else "e.undone_at IS NULL"
    columns = ", ".join(f"('{entity}', '{name}', '{column}')" for (entity, name), column in STORED_AS.items())
    old, new = ("e.after", "e.before") if undone else ("e.before", "e.after")
    cut.sql(
        f"""
        INSERT INTO change_new (entity, record_id, op, field, old, new)
        SELECT e.entity, e.record_id, CASE WHEN {new} IS NULL THEN 'unpin' ELSE 'pin' END, c.stored, {old} -> 'value', {new} -> 'value'
        FROM engine.import_edit e JOIN (VALUES {columns}) AS c(entity, name, stored) ON c.entity = e.entity AND c.name = e.field
        WHERE e.import_id = :id AND {these} AND e.what = 'pin' AND NOT EXISTS (
            SELECT FROM change_new n WHERE n.entity = e.entity AND n.record_id = e.record_id AND n.field = c.stored)
        """,
        id=import_id,
    )
    cut.sql(
        f"""
        INSERT INTO change_new (entity, record_id, op, field, old, new)
        SELECT entity, record_id, 'update', 'tag', {"after, NULL" if undone else "NULL, after"} FROM engine.import_edit e
        WHERE import_id = :id AND {these} AND what = 'tag' AND entity = 'document'
        """,
        id=import_id,
    )
    run_sql(
        cut.connection,
        "UPDATE change_new SET actor_kind = 'user', actor = :by, reason = :why",
        by=by,
        why=f"import {import_id}{' undone' if undone else ''}" + (f": {why}" if why else ""),
    )
