"""Groups and tags of debtors as readers see them: a record's own, and what those merged into it brought along."""

from __future__ import annotations

from typing import Literal

from sync_engine.store.publishing.cut import Cut, merge_into


def publish_groups(cut: Cut) -> None:
    """The group of every dirty debtor: its own before that of a record merged into it; one merged away is in none."""
    if not cut.exists("SELECT FROM engine.group_member") and not cut.exists(
        "SELECT FROM dirty_debtor d JOIN canonical.debtor o USING (id) WHERE o.group_id IS NOT NULL"
    ):
        return
    cut.sql("""
        CREATE TEMP TABLE member_moved ON COMMIT DROP AS
        SELECT d.id, m.group_id FROM dirty_debtor d JOIN canonical.debtor o USING (id) LEFT JOIN engine.member_here m ON m.record_id = d.id
        WHERE o.group_id IS DISTINCT FROM m.group_id
        """)
    merge_into(cut, "debtor", "member_moved", ("group_id",), actor_kind="user")


def publish_tags(cut: Cut, entity: Literal["debtor", "contact"]) -> None:
    """The tags people gave to the dirty records, and to those merged into them."""
    if not cut.exists("SELECT FROM engine.tag WHERE owner_table = :of", of=entity) and not cut.exists(
        "SELECT FROM canonical.tag WHERE owner_table = :of", of=entity
    ):
        return
    cut.sql(
        f"""
        CREATE TEMP TABLE tag_wanted ON COMMIT DROP AS
        SELECT h.record_id, h.name, h.origin, h.first_seen_at FROM engine.tag_here h JOIN dirty_{entity} d ON d.id = h.record_id WHERE h.owner_table = :of
        """,
        of=entity,
    )
    cut.sql(
        f"""
        WITH gone AS (
            DELETE FROM canonical.tag t USING dirty_{entity} d WHERE t.owner_table = :of AND t.owner_id = d.id AND t.origin = 'person' AND NOT EXISTS (
                SELECT FROM tag_wanted w WHERE (w.record_id, w.name, w.origin) = (t.owner_id, t.name, t.origin)) RETURNING t.owner_id, t.name),
        come AS (
            INSERT INTO canonical.tag (owner_table, owner_id, name, origin, first_seen_at)
            SELECT :of, record_id, name, origin, first_seen_at FROM tag_wanted ON CONFLICT DO NOTHING RETURNING owner_id, name)
        INSERT INTO change_new (entity, record_id, op, field, old, new, actor_kind)
        SELECT :of, owner_id, 'update', 'tag', to_jsonb(name), NULL, 'user' FROM gone
        UNION ALL SELECT :of, owner_id, 'update', 'tag', NULL, to_jsonb(name), 'user' FROM come
        """,
        of=entity,
    )
    cut.sql("DROP TABLE tag_wanted")
