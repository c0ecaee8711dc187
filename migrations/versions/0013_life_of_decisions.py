"""Decisions stay with the record they were made about: members and tags as decisions, pins that end, what an import still holds."""

from __future__ import annotations

import re
from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql"
ONE_MASTER = "'one master: the source it came from'"
RULES = f"""CASE f.field WHEN 'group_id' THEN 'a person: the group it was put into'
           WHEN 'ultimate_parent_id' THEN 'computed: the top of its chain of parents' ELSE {ONE_MASTER} END"""
PINS = "LEFT JOIN engine.pin n ON n.entity = x.entity AND n.canonical_id = x.record_id AND n.field = f.field"
PINS_HERE = """LEFT JOIN (SELECT DISTINCT ON (entity, record_id, field) * FROM engine.pin_here ORDER BY entity, record_id, field, steps, pinned_at DESC) n
    ON n.entity = x.entity AND n.record_id = x.record_id AND n.field = f.field"""
COMPANY = "ORDER BY o.role <> 'erp'"
OWN_COMPANY = """ORDER BY l.rule IS NOT DISTINCT FROM 'merge',
        CAST(md5(l.source || E'\\x1f' || l.entity || E'\\x1f' || l.external_id) AS uuid) <> x.record_id, o.role <> 'erp'"""
WATCHED = """
    UPDATE engine.pin p SET while_claimed = coalesce(w.watched, '{}'), ended_at = CASE WHEN w.watched IS NULL THEN now() END
    FROM (SELECT q.entity, q.canonical_id, q.field, s.watched FROM engine.pin q LEFT JOIN LATERAL (
        SELECT jsonb_object_agg(y.source, y.said) AS watched FROM (
            SELECT l.source, jsonb_object_agg(l.external_id, q.while_claimed -> CAST(l.place - 1 AS int)) AS said FROM (
                SELECT k.source, k.external_id, row_number() OVER (ORDER BY k.source, k.external_id) AS place FROM canonical.link k
                WHERE k.entity = q.entity AND k.canonical_id = q.canonical_id) l GROUP BY l.source) y
        HAVING jsonb_array_length(q.while_claimed) = (SELECT count(*) FROM canonical.link k WHERE k.entity = q.entity AND k.canonical_id = q.canonical_id)) s
        ON true WHERE jsonb_typeof(q.while_claimed) = 'array') w
    WHERE w.entity = p.entity AND w.canonical_id = p.canonical_id AND w.field = p.field
    """
"""A list of what was claimed, in the order of the links, says by whom; where a link came or went since, the pin had ended."""
UNWATCHED = """
    UPDATE engine.pin p SET while_claimed = coalesce((
        SELECT jsonb_agg(v.value ORDER BY s.key, v.key) FROM jsonb_each(p.while_claimed) s CROSS JOIN LATERAL jsonb_each(s.value) v), '[]')
    WHERE jsonb_typeof(p.while_claimed) = 'object'
    """
SAID_IN = """
    UPDATE engine.source_record r SET claim = r.claim || jsonb_build_object('said_in', w.said_in)
    FROM engine.stream s, (
        SELECT key, jsonb_object_agg(field, last) AS said_in FROM (
            SELECT CAST(i.record_id AS text) AS key, CASE WHEN i.field IN ('owner', 'owner_id') THEN 'owner_code' ELSE i.field END AS field,
                   max(i.inbox_id) AS last
            FROM canonical.claim_inbox i WHERE i.entity = 'debtor' AND i.answer IN ('taken', 'overruled') GROUP BY 1, 2) x GROUP BY key) w
    WHERE s.source = 'inbox' AND s.entity = 'debtor' AND r.stream_id = s.stream_id AND r.key = w.key
    """


def run(statement: str) -> None:
    """Sends a statement as it is, without parameters, so that no character of it needs escaping."""
    cursor = op.get_bind().connection.cursor()
    try:
        cursor.execute(statement)
    finally:
        cursor.close()


def explained() -> str:
    """The view as revision 0003 left it, to be put in place of the one there is."""
    said = (SQL / "0002_3_people_and_trust.sql").read_text(encoding="utf-8")
    found = re.search(r"CREATE VIEW canonical\.explained AS\n.*?;\n", said, re.DOTALL)
    assert found
    return found[0].replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1).replace(ONE_MASTER, RULES)


def upgrade() -> None:
    op.create_table(
        "group_member",
        sa.Column("debtor_id", sa.UUID(), nullable=False),
        sa.Column("group_id", sa.UUID(), nullable=False),
        sa.Column(
            "joined_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("debtor_id", name=op.f("pk_group_member")),
        schema="engine",
    )
    op.create_index("ix_group_member_group_id", "group_member", ["group_id"], schema="engine")
    op.create_table(
        "tag",
        sa.Column("owner_table", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column(
            "first_seen_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("owner_table", "owner_id", "name", "origin", name=op.f("pk_tag")),
        schema="engine",
    )
    op.create_table(
        "parent_circle",
        sa.Column("debtor_id", sa.UUID(), nullable=False),
        sa.PrimaryKeyConstraint("debtor_id", name=op.f("pk_parent_circle")),
        schema="engine",
    )
    op.add_column(
        "pin", sa.Column("ended_at", postgresql.TIMESTAMP(timezone=True), nullable=True), schema="engine"
    )
    op.add_column(
        "import_edit",
        sa.Column("undone_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        schema="engine",
    )
    op.add_column(
        "debtor",
        sa.Column("erp_balance_unknown", sa.Integer(), server_default="0", nullable=False),
        schema="canonical",
    )
    for table in ("debtor", "contact"):
        op.create_index(
            f"ix_{table}_merged",
            table,
            ["id"],
            schema="canonical",
            postgresql_where=sa.text("merged_into is not null"),
        )
    run(
        "INSERT INTO engine.group_member (debtor_id, group_id) SELECT id, group_id FROM canonical.debtor WHERE group_id IS NOT NULL"
    )
    run("UPDATE canonical.debtor SET group_id = NULL WHERE merged_into IS NOT NULL AND group_id IS NOT NULL")
    run("""
        INSERT INTO engine.tag (owner_table, owner_id, name, origin, first_seen_at)
        SELECT owner_table, owner_id, name, origin, first_seen_at FROM canonical.tag WHERE origin = 'person' AND owner_table IN ('debtor', 'contact')
        """)
    run(
        "UPDATE engine.import_edit e SET undone_at = i.undone_at FROM engine.import i WHERE i.import_id = e.import_id AND i.undone_at IS NOT NULL"
    )
    run(WATCHED)
    run(SAID_IN)
    run((SQL / "0013_life_of_decisions.sql").read_text(encoding="utf-8"))
    now = explained()
    assert PINS in now
    assert COMPANY in now
    run(now.replace(PINS, PINS_HERE).replace(COMPANY, OWN_COMPANY))


def downgrade() -> None:
    run(explained())
    for view in ("tag_here", "member_here", "pin_here", "survivor"):
        run(f"DROP VIEW engine.{view}")
    run(
        "UPDATE engine.source_record r SET claim = r.claim - 'said_in' FROM engine.stream s WHERE s.source = 'inbox' AND r.stream_id = s.stream_id"
    )
    run("DELETE FROM engine.pin WHERE ended_at IS NOT NULL")
    run(UNWATCHED)
    run("""
        UPDATE canonical.debtor d SET group_id = m.group_id FROM engine.group_member m
        WHERE m.debtor_id = d.id AND d.merged_into IS NOT NULL
        """)
    for table in ("contact", "debtor"):
        op.drop_index(f"ix_{table}_merged", table_name=table, schema="canonical")
    op.drop_column("debtor", "erp_balance_unknown", schema="canonical")
    op.drop_column("import_edit", "undone_at", schema="engine")
    op.drop_column("pin", "ended_at", schema="engine")
    op.drop_table("parent_circle", schema="engine")
    op.drop_table("tag", schema="engine")
    op.drop_index("ix_group_member_group_id", table_name="group_member", schema="engine")
    op.drop_table("group_member", schema="engine")
