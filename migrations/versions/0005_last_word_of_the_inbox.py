"""A claim that a later word of the inbox replaced is said no more (canonical.field_claim); addresses of documents are fields (canonical.field)."""

from __future__ import annotations

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The views are made again from their files."""


def downgrade() -> None:
    """The same."""
