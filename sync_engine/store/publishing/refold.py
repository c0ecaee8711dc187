"""What follows a decision: documents, payments, dimensions and contacts move with their source record, touched records are folded again.

The same functions fold here and when a cut is published, so that a decision taken back gives the same rows as one never taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from sync_engine.ownership.resolve import INBOX
from sync_engine.store.db import copy_rows, tell_planner
from sync_engine.store.publishing.belongings import move_belongings
from sync_engine.store.publishing.contacts import begin_contacts, collect_contacts, fold_contacts
from sync_engine.store.publishing.cut import Cut, merge_into
from sync_engine.store.publishing.debtors import publish_debtors
from sync_engine.store.publishing.instalments import follow_documents
from sync_engine.store.publishing.joined import publish_tags
from sync_engine.store.publishing.parents import mark_circles
from sync_engine.store.temporary import DIRTY_DEBTOR, MOVED_RECORD

Entity = Literal["debtor", "contact"]
CutOf = Callable[[str], Cut]
"""The cut as a source would publish it, with the link modes in force."""


class Moved(NamedTuple):
    """A source record that means another canonical record now; None where it means none."""

    entity: Entity
    source: str
    key: str
    old: str | None
    new: str | None


class Follows(NamedTuple):
    """How many rows moved along with their source records."""

    documents: int
    payments: int
    belongings: int


def refold(
    cut: Cut,
    cut_of: CutOf,
    moved: Sequence[Moved],
    debtors: Iterable[str],
    contacts: Iterable[str],
    sources: Iterable[str] = (),
) -> Follows:
    """Moves what belongs to the moved records and folds every touched canonical record.

    `debtors` and `contacts` are touched otherwise; of `sources` the new contacts are linked even if none of their debtors moved.
    """
    cut.sql(MOVED_RECORD.create())
    copy_rows(
        cut.connection,
        "moved_record",
        ("source", "key", "old", "new"),
        [(m.source, m.key, m.old, m.new) for m in moved if m.entity == "debtor"],
    )
    has_followed = _follow_merges(cut)
    _touch_debtors(cut, debtors)
    follows = Follows(_move_documents(cut), _move_payments(cut), move_belongings(cut))
    _bury(cut, "debtor")
    publish_debtors(cut)
    begin_contacts(cut)
    _touch(
        cut,
        "contact",
        {i for m in moved if m.entity == "contact" for i in (m.old, m.new) if i} | set(contacts),
    )
    for source in sorted({m.source for m in moved} | set(sources) | ({INBOX} if has_followed else set())):
        collect_contacts(cut_of(source), everything=False)
    fold_contacts(cut)
    publish_tags(cut, "contact")
    _bury(cut, "contact")
    return follows


def cut_for(
    cut: Cut,
    source: str,
    role: str,
    modes: dict[str, str],
    creates: dict[str, bool],
    rungs: dict[str, tuple[str, ...]],
) -> Cut:
    """The same transaction seen as a cut of one source."""
    return replace(cut, source=source, role=role, link_mode=modes, create_unmatched=creates, rungs=rungs)


def _follow_merges(cut: Cut) -> bool:
    """What applications said about a debtor, and people imported for it, counts for the one it became; whether anything moved."""
    return (
        cut.sql(
            """
        UPDATE canonical.link l SET canonical_id = n.became FROM (
            SELECT i.external_id, coalesce(v.became, CAST(i.external_id AS uuid)) AS became FROM canonical.link i
            LEFT JOIN engine.survivor v ON v.entity = 'debtor' AND v.id = CAST(i.external_id AS uuid)
            WHERE i.entity = 'debtor' AND i.source = :inbox) n
        WHERE l.entity = 'debtor' AND l.source = :inbox AND l.external_id = n.external_id AND l.canonical_id <> n.became
        """,
            inbox=INBOX,
        )
        > 0
    )


def _touch(cut: Cut, entity: Entity, ids: Iterable[str]) -> None:
    cut.sql("CREATE TEMP TABLE IF NOT EXISTS touched_id (id uuid) ON COMMIT DROP")
    cut.sql("DELETE FROM touched_id")
    copy_rows(cut.connection, "touched_id", ("id",), [(i,) for i in ids])
    cut.sql(f"INSERT INTO dirty_{entity} SELECT DISTINCT id FROM touched_id ON CONFLICT DO NOTHING")


def _touch_debtors(cut: Cut, ids: Iterable[str]) -> None:
    """Both ends of every move, and the debtors whose parent moved."""
    cut.sql(DIRTY_DEBTOR.create())
    _touch(cut, "debtor", ids)
    tell_planner(cut.connection, "moved_record")
    cut.sql("""
        INSERT INTO dirty_debtor SELECT id FROM (SELECT old AS id FROM moved_record UNION SELECT new FROM moved_record) m WHERE id IS NOT NULL
        ON CONFLICT DO NOTHING
        """)
    mark_circles(cut)
    cut.sql("""
        INSERT INTO dirty_debtor SELECT d.id FROM canonical.debtor d WHERE d.parent_id IN (SELECT id FROM dirty_debtor) ON CONFLICT DO NOTHING
        """)
    cut.sql("""
        INSERT INTO dirty_debtor
        WITH child AS MATERIALIZED (  -- claims are opened once, not once for each that moved
            SELECT s.source, r.key, r.claim ->> 'parent_key' AS parent FROM engine.stream s JOIN engine.source_record r USING (stream_id)
            WHERE s.source IN (SELECT source FROM moved_record) AND s.canonical = 'debtor' AND NOT s.facet AND r.claim ->> 'parent_key' IS NOT NULL)
        SELECT l.canonical_id FROM child c JOIN moved_record m ON m.source = c.source AND m.key = c.parent
        JOIN canonical.link l ON l.entity = 'debtor' AND l.source = c.source AND l.external_id = c.key
        ON CONFLICT DO NOTHING
        """)


_THEIRS = """
    FROM moved_record m JOIN canonical.{table} o ON o.debtor_id = m.old AND o.source = m.source AND o.debtor_key = m.key
    UNION ALL SELECT o.*, m.old, m.new FROM moved_record m
    JOIN canonical.{table} o ON m.old IS NULL AND o.debtor_id IS NULL AND o.source = m.source AND o.debtor_key = m.key
"""


def _move_documents(cut: Cut) -> int:
    """Documents take the debtor of their source record; without one they are buried until it has one again."""
    return _move(
        cut,
        "document",
        """
        EXISTS (SELECT FROM engine.source_record r JOIN engine.stream s USING (stream_id)
                WHERE s.source = o.source AND s.canonical = 'document' AND NOT s.facet AND r.key = o.external_id AND (r.deleted_at IS NOT NULL OR r.state = 2))
        OR (o.external_id LIKE 'ledger/%' AND NOT EXISTS (SELECT FROM engine.ledger_entry e WHERE e.record_id = o.id))""",
    )


def _move_payments(cut: Cut) -> int:
    return _move(
        cut,
        "payment",
        """
        NOT EXISTS (SELECT FROM engine.ledger_entry e WHERE e.record_id = o.id) AND NOT EXISTS (
            SELECT FROM engine.source_record r JOIN engine.stream s USING (stream_id)
            WHERE s.source = o.source AND s.canonical = 'payment' AND r.key = o.external_id AND r.deleted_at IS NULL AND r.state <> 2)""",
    )


def _move(cut: Cut, table: str, is_gone: str) -> int:
    cut.sql(f"""
        CREATE TEMP TABLE moved_{table} ON COMMIT DROP AS
        SELECT o.id, o.new AS debtor_id, CASE WHEN o.new IS NULL THEN coalesce(o.deleted_at, now()) WHEN o.old IS NOT NULL THEN o.deleted_at
            WHEN o.deleted_at IS NOT NULL AND ({is_gone}) THEN o.deleted_at END AS deleted_at
        FROM (SELECT o.*, m.old, m.new {_THEIRS.format(table=table)}) o
        """)
    merge_into(cut, table, f"moved_{table}", ("debtor_id", "deleted_at"))
    if table == "document":
        follow_documents(cut, "moved_document")
    return int(str(cut.rows(f"SELECT count(*) FROM moved_{table}")[0][0]))


def _bury(cut: Cut, entity: Entity) -> None:
    """A canonical record that no source record means any more stays as a tombstone, and comes back with a link.

    What applications said about a debtor through the inbox does not keep it alive. A tombstone stands under nobody.
    """
    besides = f"AND l.source <> '{INBOX}'" if entity == "debtor" else ""
    columns = ("deleted_at", "parent_id", "ultimate_parent_id") if entity == "debtor" else ("deleted_at",)
    cut.sql(f"""
        CREATE TEMP TABLE buried_{entity} ON COMMIT DROP AS
        SELECT o.id, now() AS deleted_at, CAST(NULL AS uuid) AS parent_id, CAST(NULL AS uuid) AS ultimate_parent_id
        FROM dirty_{entity} d JOIN canonical.{entity} o USING (id)
        WHERE o.deleted_at IS NULL
          AND NOT EXISTS (SELECT FROM canonical.link l WHERE l.entity = '{entity}' AND l.canonical_id = o.id {besides})
        """)
    merge_into(cut, entity, f"buried_{entity}", columns)
