"""A landed file that is missing or damaged is noted at its batch, until its records were landed again or the file is back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("lake_manifest", sa.Column("damage", sa.Text(), nullable=True), schema="engine")
    op.add_column(
        "lake_manifest", sa.Column("damaged_at", TIMESTAMP(timezone=True), nullable=True), schema="engine"
    )
    op.create_index(
        "ix_lake_manifest_damaged",
        "lake_manifest",
        ["stream_id"],
        schema="engine",
        postgresql_where=sa.text("damage is not null"),
    )


def downgrade() -> None:
    op.drop_index("ix_lake_manifest_damaged", table_name="lake_manifest", schema="engine")
    op.drop_column("lake_manifest", "damaged_at", schema="engine")
    op.drop_column("lake_manifest", "damage", schema="engine")
