"""A held sweep remembers which new keys are written like the missing ones."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; what is held now names nothing until its next sweep."""
    op.add_column(
        "sweep_hold",
        sa.Column("look_alikes", postgresql.JSONB(), server_default="{}", nullable=False),
        schema="engine",
    )


def downgrade() -> None:
    """Forgets them; what is in quarantine for its key stays there until it is tried again."""
    op.drop_column("sweep_hold", "look_alikes", schema="engine")
