"""Streams remember that their keys are numbers that people may change and use again: a replay asks no source for it."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE engine.stream ADD COLUMN keys_are_numbers boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    op.execute("ALTER TABLE engine.stream DROP COLUMN keys_are_numbers")
