"""Addresses, activities and attachments say by which key the source names the debtor, so that they follow its links."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MEANS = "The debtor's key in the source, as the record names it."
KEYED = ("debtor_dimension", "address", "activity", "attachment")


def upgrade() -> None:
    for table in KEYED[1:]:
        op.add_column(table, sa.Column("debtor_key", sa.Text(), comment=MEANS), schema="canonical")
    for table in KEYED:
        op.create_index(f"ix_{table}_key", table, ["source", "debtor_key"], schema="canonical")
    op.create_index("ix_attachment_owner_id", "attachment", ["owner_id"], schema="canonical")


def downgrade() -> None:
    op.drop_index("ix_attachment_owner_id", "attachment", schema="canonical")
    for table in KEYED:
        op.drop_index(f"ix_{table}_key", table, schema="canonical")
    for table in KEYED[1:]:
        op.drop_column(table, "debtor_key", schema="canonical")
