"""A grade says how much was checked and whether money tied: on the cut; quarantined records know their amount."""

from __future__ import annotations

import re
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql"
COLUMNS = {
    "grade": (sa.Text, "Grade of the cut: A, B, C or D; null: not certified."),
    "n_checks": (sa.Integer, "Checks of its certificate that some source could answer."),
    "n_answered": (sa.Integer, "How many of these this source answered."),
    "money_tied": (
        sa.Boolean,
        "Whether what is open agrees with totals that the source states itself; null: the source claims no money.",
    ),
}
BEFORE = {
    "cut_grade": "0002_3_people_and_trust.sql",
    "grade": "0002_3_people_and_trust.sql",
    "source_freshness": "0002_3_people_and_trust.sql",
}
"""Views as earlier revisions made them, in the order they stand on each other."""


def run(statement: str) -> None:
    """Sends a text of statements as it is, without parameters, so that no character of it needs escaping."""
    cursor = op.get_bind().connection.cursor()
    try:
        cursor.execute(statement)
    finally:
        cursor.close()


def before(view: str, file: str) -> str:
    """A view as an earlier revision made it, with its comment."""
    found = re.search(
        rf"CREATE VIEW canonical\.{view} AS\n.*?;\n", (SQL / file).read_text(encoding="utf-8"), re.DOTALL
    )
    told = re.search(
        rf"COMMENT ON VIEW canonical\.{view} IS '.*?';\n",
        (SQL / "0002_4_comments_and_roles.sql").read_text(encoding="utf-8"),
    )
    assert found, view
    assert told, view
    return found[0] + told[0]


def upgrade() -> None:
    for name, (kind, comment) in COLUMNS.items():
        op.add_column("cut", sa.Column(name, kind(), comment=comment), schema="canonical")
    op.add_column("quarantine", sa.Column("amount", sa.Numeric(19, 4)), schema="engine")
    op.add_column("quarantine", sa.Column("currency", sa.Text()), schema="engine")
    run((SQL / "0008_grade.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    run(f"DROP VIEW {', '.join(f'canonical.{view}' for view in BEFORE)}")
    for view, file in BEFORE.items():
        run(before(view, file))
    op.drop_column("quarantine", "currency", schema="engine")
    op.drop_column("quarantine", "amount", schema="engine")
    for name in reversed(COLUMNS):
        op.drop_column("cut", name, schema="canonical")
