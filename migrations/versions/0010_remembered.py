"""What documents name that is not known yet, and what a source offered, is remembered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "unresolved_reference",
        sa.Column("document_id", sa.UUID(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("document_id", "field", name="pk_unresolved_reference"),
        schema="engine",
    )
    op.create_table(
        "offer",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("fields", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column(
            "since", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("gone_since", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("source", "kind", "name", name="pk_offer"),
        schema="engine",
    )
    op.execute("""
        INSERT INTO engine.offer (source, kind, name, value)
        SELECT t.source, 'entity', t.entity, t.canonical FROM engine.stream t
        WHERE t.verified_at >= (SELECT max(n.verified_at) FROM engine.stream n WHERE n.source = t.source) - interval '2 days'
        """)  # what the last runs read was offered


def downgrade() -> None:
    op.drop_table("offer", schema="engine")
    op.drop_table("unresolved_reference", schema="engine")
