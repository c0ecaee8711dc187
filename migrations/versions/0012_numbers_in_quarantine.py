"""A quarantined record knows the number it is called by: what waits for it may name it so."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("quarantine", sa.Column("number", sa.Text()), schema="engine")


def downgrade() -> None:
    op.drop_column("quarantine", "number", schema="engine")
