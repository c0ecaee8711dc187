"""What erasing a person leaves: a secret for keyed hashes, the digests of audit rows whose values left, and what was erased."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


OP = "create, update, delete, restore or erase; of a link and other decisions, what was done."
OP_BEFORE = "create, update, delete or restore; of a link and other decisions, what was done."


def upgrade() -> None:
    op.execute(f"COMMENT ON COLUMN canonical.change.op IS '{OP}'")
    op.add_column(
        "stream", sa.Column("erased_count", sa.Integer(), nullable=False, server_default="0"), schema="engine"
    )
    op.create_table(
        "suppression_key",
        sa.Column("is_only", sa.Boolean(), primary_key=True),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        schema="engine",
    )
    op.create_table(
        "erased_change",
        sa.Column("seq", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("remains", sa.LargeBinary(), nullable=False),
        schema="engine",
    )
    op.create_table(
        "erasure",
        sa.Column("plan_hash", sa.Text(), primary_key=True),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("record_id", pg.UUID(as_uuid=True), nullable=False),
        sa.Column("erased", pg.JSONB(), nullable=False),
        sa.Column("files", pg.JSONB(), nullable=False),
        sa.Column("done_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("done_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
        schema="engine",
    )


def downgrade() -> None:
    op.execute(f"COMMENT ON COLUMN canonical.change.op IS '{OP_BEFORE}'")
    op.drop_table("erasure", schema="engine")
    op.drop_table("erased_change", schema="engine")
    op.drop_table("suppression_key", schema="engine")
    op.drop_column("stream", "erased_count", schema="engine")
