"""Explanations: the portfolio by the older link, as it is folded; groups and ultimate parents are fields one can ask about."""

from __future__ import annotations

import re
from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql"
ONE_MASTER = "'one master: the source it came from'"
RULES = f"""CASE f.field WHEN 'group_id' THEN 'a person: the group it was put into'
           WHEN 'ultimate_parent_id' THEN 'computed: the top of its chain of parents' ELSE {ONE_MASTER} END"""
FIELDS = """,
    ('debtor', 'group_id', 'group_id', NULL), ('debtor', 'ultimate_parent_id', 'ultimate_parent_id', NULL)
) f (entity, field, stored_as, field_group)"""


def before(view: str) -> str:
    """A view as revision 0002 made it, to be put in place of the one there is."""
    said = (SQL / "0002_3_people_and_trust.sql").read_text(encoding="utf-8")
    found = re.search(rf"CREATE VIEW canonical\.{view} AS\n.*?;\n", said, re.DOTALL)
    assert found, view
    return found[0].replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1)


def run(statement: str) -> None:
    """Sends a statement as it is, without parameters, so that no character of it needs escaping."""
    cursor = op.get_bind().connection.cursor()
    try:
        cursor.execute(statement)
    finally:
        cursor.close()


def upgrade() -> None:
    run(before("field").replace("\n) f (entity, field, stored_as, field_group)", FIELDS))
    run((SQL / "0003_field_claim.sql").read_text(encoding="utf-8"))
    run(before("explained").replace(ONE_MASTER, RULES))


def downgrade() -> None:
    for view in ("explained", "field_claim", "field"):
        run(before(view))
