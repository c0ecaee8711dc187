"""What several machines share about a login: calls of the last window, and places for calls at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("api_budget", schema="engine")
    op.create_table(
        "call_budget",
        sa.Column("login", sa.Text(), primary_key=True),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        schema="engine",
        prefixes=["UNLOGGED"],
    )
    op.create_table(
        "call_place",
        sa.Column("login", sa.Text(), primary_key=True),
        sa.Column("place", sa.SmallInteger(), primary_key=True),
        schema="engine",
        prefixes=["UNLOGGED"],
    )


def downgrade() -> None:
    op.drop_table("call_place", schema="engine")
    op.drop_table("call_budget", schema="engine")
    op.create_table(
        "api_budget",
        sa.Column("login", sa.Text(), primary_key=True),
        sa.Column("window_started_at", sa.TIMESTAMP(timezone=True), primary_key=True),
        sa.Column("calls", sa.Integer(), nullable=False),
        schema="engine",
    )
