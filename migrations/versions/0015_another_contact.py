"""What a master that is no source means: only one contact of a debtor is the primary one."""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None
SAID = "The source that was believed; person: set by hand; inbox: an application said it; "
NEW = "another contact: its source says primary too, and another contact of the debtor is the one; "
NOBODY = "null: nobody says anything."


def upgrade() -> None:
    op.execute(f"COMMENT ON COLUMN canonical.explained.master IS '{SAID}{NEW}{NOBODY}'")


def downgrade() -> None:
    op.execute(f"COMMENT ON COLUMN canonical.explained.master IS '{SAID}{NOBODY}'")
