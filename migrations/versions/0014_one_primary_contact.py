"""Debtors with several primary contacts: their contacts are folded again by the next run of each source, and one of them stays the primary one."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        UPDATE engine.source_record r SET dirty = true
        FROM engine.stream s, canonical.link l, canonical.contact c, (
            SELECT debtor_id FROM canonical.contact WHERE is_primary AND deleted_at IS NULL GROUP BY debtor_id HAVING count(*) > 1) d
        WHERE s.stream_id = r.stream_id AND s.canonical = 'contact' AND NOT s.facet AND l.entity = 'contact' AND l.source = s.source
          AND l.external_id = r.key AND c.id = l.canonical_id AND c.debtor_id = d.debtor_id AND c.is_primary AND c.deleted_at IS NULL AND NOT r.dirty
        """)


def downgrade() -> None:
    pass  # a record that is folded again without need comes out the same
