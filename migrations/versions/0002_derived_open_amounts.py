"""Open and unapplied amounts that no source states are told apart from those it does."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COLUMNS = (
    (
        "document",
        "is_open_derived",
        "True where the source states no open amount: open_amount is then the total less what was applied.",
    ),
    (
        "payment",
        "is_unapplied_derived",
        "True where the source states no unapplied amount: it is then the amount less what was applied.",
    ),
)


def upgrade() -> None:
    for table, column, comment in COLUMNS:
        op.add_column(table, sa.Column(column, sa.Boolean(), comment=comment), schema="canonical")


def downgrade() -> None:
    for table, column, _ in COLUMNS:
        op.drop_column(table, column, schema="canonical")
