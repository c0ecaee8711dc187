"""Who may read which company, and which database login wrote what an application says. Row-level security itself is made with the views."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations import row_security

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

OF_WORD = "The database login that wrote the row, set by the database; null in rows of before it was kept."
OF_CHANGE = "The database login through which a person or an application did it; null for what runs do by themselves, and in rows of before it was kept."


def upgrade() -> None:
    """Rows that are there have no login: nobody knows it any more."""
    op.create_table(
        "access_grant",
        sa.Column("grant_id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("company", sa.Text()),
        sa.Column("granted_by", sa.Text(), nullable=False),
        sa.Column("granted_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("revoked_by", sa.Text()),
        sa.Column("revoked_at", sa.TIMESTAMP(timezone=True)),
        schema="engine",
    )
    op.add_column("change", sa.Column("login", sa.Text(), comment=OF_CHANGE), schema="canonical")
    op.add_column("claim_inbox", sa.Column("login", sa.Text(), comment=OF_WORD), schema="canonical")
    op.execute("ALTER TABLE canonical.claim_inbox ALTER COLUMN login SET DEFAULT session_user")


def downgrade() -> None:
    for table in sorted(row_security.RULES):
        op.execute(f"ALTER TABLE canonical.{table} DISABLE ROW LEVEL SECURITY")
    op.drop_column("claim_inbox", "login", schema="canonical")
    op.drop_column("change", "login", schema="canonical")
    op.drop_table("access_grant", schema="engine")
