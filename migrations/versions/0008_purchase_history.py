"""A new view, canonical.purchase_history; it is made from its file after the last step."""

from __future__ import annotations

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing: views are made again after every migration."""


def downgrade() -> None:
    """Nothing: at an older revision there are no views."""
