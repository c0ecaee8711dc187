"""Parents of debtors: no circle is closed, and the top of every chain is derived and told."""

from __future__ import annotations

from sync_engine.ownership.resolve import PERSON
from sync_engine.store.publishing.cut import Cut, count, merge_into

_CHANGED = """
    SELECT n.id, n.parent_id FROM incoming_debtor n LEFT JOIN canonical.debtor o USING (id)
    WHERE n.parent_id IS NOT NULL AND n.parent_id IS DISTINCT FROM o.parent_id
"""
"""Only a parent that is another one than before can close a circle."""


def mark_circles(cut: Cut) -> None:
    """Debtors whose parent was not believed are looked at by every fold: the circle may be gone."""
    cut.sql("INSERT INTO dirty_debtor (id) SELECT debtor_id FROM engine.parent_circle ON CONFLICT DO NOTHING")


def break_circles(cut: Cut) -> None:
    """Takes out of incoming_debtor the parents that would close a circle; a pinned one stands against claims.

    Which claim of a circle is wrong would be a guess, so none is believed. Debtors that are drawn into it without being incoming are left
    in temporary table parent_moved.
    """
    cut.sql(
        "CREATE TEMP TABLE parent_moved (id uuid PRIMARY KEY, parent_id uuid, provenance jsonb) ON COMMIT DROP"
    )
    if not cut.exists(_CHANGED):
        cut.sql("DELETE FROM engine.parent_circle")
        return
    cut.sql("""
        CREATE TEMP TABLE parent_wanted ON COMMIT DROP AS
        SELECT n.id, n.parent_id, n.provenance ->> 'parent_id' AS said_by FROM incoming_debtor n WHERE n.parent_id IS NOT NULL
        UNION ALL SELECT d.id, d.parent_id, d.provenance ->> 'parent_id' FROM canonical.debtor d
        WHERE d.parent_id IS NOT NULL AND NOT EXISTS (SELECT FROM incoming_debtor n WHERE n.id = d.id)
        """)
    cut.sql("CREATE INDEX ON parent_wanted (id)")
    cut.sql("ANALYZE parent_wanted")
    cut.sql(
        f"""
        CREATE TEMP TABLE parent_closing ON COMMIT DROP AS
        WITH RECURSIVE walk AS (
            SELECT id AS start, parent_id AS at FROM ({_CHANGED}) c
            UNION SELECT walk.start, w.parent_id FROM walk JOIN parent_wanted w ON w.id = walk.at WHERE walk.at <> walk.start),
        closed AS (SELECT start, min(CAST(at AS text)) AS circle FROM walk WHERE start IN (SELECT start FROM walk WHERE at = start) GROUP BY start),
        inside AS (SELECT DISTINCT c.circle, walk.at AS id FROM closed c JOIN walk USING (start))
        SELECT id, said_by FROM (
            SELECT w.id, w.said_by, w.said_by = :person AS is_pinned, bool_and(w.said_by = :person) OVER (PARTITION BY i.circle) AS all_pinned
            FROM inside i JOIN parent_wanted w ON w.id = i.id) w
        WHERE w.all_pinned OR NOT w.is_pinned
        """,
        person=PERSON,
    )
    cut.sql(
        "INSERT INTO parent_moved SELECT d.id, NULL, d.provenance - 'parent_id' FROM parent_closing c JOIN canonical.debtor d USING (id) "
        "WHERE NOT EXISTS (SELECT FROM incoming_debtor n WHERE n.id = d.id)"
    )
    cut.sql(
        "UPDATE incoming_debtor n SET parent_id = NULL, provenance = n.provenance - 'parent_id' FROM parent_closing c WHERE c.id = n.id"
    )
    cut.sql("""
        INSERT INTO canonical.overruled (entity, record_id, field, source, external_id, said)
        SELECT 'debtor', c.id, 'parent_id', l.source, l.external_id, coalesce(r.claim -> 'parent_key', r.claim -> 'bill_to_number')
        FROM parent_closing c JOIN canonical.link l ON l.entity = 'debtor' AND l.canonical_id = c.id AND l.source = c.said_by
        JOIN engine.stream s ON s.source = l.source AND s.canonical = 'debtor'
        JOIN engine.source_record r ON r.stream_id = s.stream_id AND coalesce(r.about, r.key) = l.external_id
            AND r.claim ?| ARRAY['parent_key', 'bill_to_number']
        ON CONFLICT DO NOTHING
        """)
    cut.sql("DELETE FROM engine.parent_circle")
    count(
        cut,
        "debtor",
        in_parent_circles=cut.sql("INSERT INTO engine.parent_circle SELECT id FROM parent_closing"),
    )


def publish_others(cut: Cut) -> None:
    """Debtors that another one's new parent draws into a circle have none any more."""
    merge_into(cut, "debtor", "parent_moved", ("parent_id", "provenance"), audited=("parent_id",))


def derive_ultimate(cut: Cut) -> None:
    """The top of every parent chain. Of debtors that are new with this cut the row itself tells it, of others the change feed too."""
    if not cut.exists(
        "SELECT FROM canonical.debtor WHERE parent_id IS NOT NULL OR ultimate_parent_id IS NOT NULL"
    ):
        return
    cut.sql("""
        CREATE TEMP TABLE ultimate_moved ON COMMIT DROP AS
        WITH RECURSIVE chain AS (
            SELECT id, parent_id AS up, ARRAY[id] AS path FROM canonical.debtor WHERE parent_id IS NOT NULL
            UNION ALL SELECT c.id, p.parent_id, c.path || p.id FROM chain c JOIN canonical.debtor p ON p.id = c.up WHERE p.parent_id IS NOT NULL
                AND p.id <> ALL(c.path)),
        root AS (SELECT DISTINCT ON (id) id, up FROM chain ORDER BY id, cardinality(path) DESC)
        SELECT d.id, r.up AS ultimate_parent_id, d.first_seen_at = now() AS is_new FROM canonical.debtor d LEFT JOIN root r USING (id)
        WHERE d.ultimate_parent_id IS DISTINCT FROM r.up
        """)
    cut.sql(
        "UPDATE canonical.debtor d SET ultimate_parent_id = m.ultimate_parent_id FROM ultimate_moved m WHERE m.is_new AND m.id = d.id"
    )
    merge_into(cut, "debtor", "ultimate_moved", ("ultimate_parent_id",))
