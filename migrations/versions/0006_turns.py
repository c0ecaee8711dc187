"""Turns are tables: a lock on one needs a privilege, which an advisory lock does not."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TURNS = ("publish", "change_feed", "staging")


def upgrade() -> None:
    for name in TURNS:
        op.create_table(f"turn_{name}", schema="engine")


def downgrade() -> None:
    for name in reversed(TURNS):
        op.drop_table(f"turn_{name}", schema="engine")
