"""A cancelled document that its ledger calls open is owed; what was sold and cancelled counts on both sides."""

from __future__ import annotations

import re
from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql"
COUNTED = "coalesce(d.erp_status, 'unknown') NOT IN ('draft', 'void')"
NO_DRAFT = "d.erp_status IS DISTINCT FROM 'draft' AND (d.erp_status IS DISTINCT FROM 'void' OR d.entry_no IS NOT NULL{more})"
"""Un-applying what cancelled an invoice opens its entry again; a cancelled sale is taken back by a credit note that counts too."""
CHANGED = {
    ("document_at", "0002_1_items.sql"): NO_DRAFT.format(more=" AND d.open_amount <> 0"),
    ("sales_by_month_at", "0002_2_metrics.sql"): NO_DRAFT.format(more=""),
}


def run(statement: str) -> None:
    """Sends a statement as it is, without parameters, so that no character of it needs escaping."""
    cursor = op.get_bind().connection.cursor()
    try:
        cursor.execute(statement)
    finally:
        cursor.close()


def before(function: str, file: str) -> str:
    """A function as revision 0002 made it, to be put in place of the one there is."""
    found = re.search(
        rf"CREATE FUNCTION canonical\.{function}\(.*?\n\$\$;\n",
        (SQL / file).read_text(encoding="utf-8"),
        re.DOTALL,
    )
    assert found, function
    return found[0].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)


def upgrade() -> None:
    for (function, file), counted in CHANGED.items():
        was = before(function, file)
        assert COUNTED in was, function
        run(was.replace(COUNTED, counted))


def downgrade() -> None:
    for function, file in CHANGED:
        run(before(function, file))
