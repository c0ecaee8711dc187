"""A dimension value of a debtor says by which key the source names the debtor, also where no record of its own tells it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "debtor_dimension",
        sa.Column("debtor_key", sa.Text(), comment="The debtor's key in the source, as the record names it."),
        schema="canonical",
    )
    op.execute("""
        UPDATE canonical.debtor_dimension d SET debtor_key = r.claim ->> 'debtor_key'
        FROM engine.source_record r JOIN engine.stream s USING (stream_id)
        WHERE s.source = d.source AND s.canonical = 'debtor_dimension' AND NOT s.facet AND r.key = d.external_id
        """)


def downgrade() -> None:
    op.drop_column("debtor_dimension", "debtor_key", schema="canonical")
