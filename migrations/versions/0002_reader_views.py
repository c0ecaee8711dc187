"""Reader views: open items, ageing, balances, metrics, trust; the roles that may read them; the ageing buckets."""

from __future__ import annotations

from pathlib import Path

from alembic import op
from sqlalchemy import Connection

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql"
UP = (
    "0002_1_items.sql",
    "0002_2_metrics.sql",
    "0002_3_people_and_trust.sql",
    "0002_4_comments_and_roles.sql",
)


def run_file(connection: Connection, name: str) -> None:
    """Sends a file of many statements as it is, without parameters, so that no character of it needs escaping."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute((SQL / name).read_text(encoding="utf-8"))
    finally:
        cursor.close()


def upgrade() -> None:
    for name in UP:
        run_file(op.get_bind(), name)


def downgrade() -> None:
    run_file(op.get_bind(), "0002_down.sql")
