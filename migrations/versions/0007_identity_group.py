"""A debtor's numbers are a field group of their own, identity: who is master of its name does not number it."""

from __future__ import annotations

import re
from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql"
NUMBERS = ("number", "external_number")
COMPUTED = """,
    ('debtor', 'group_id', 'group_id', NULL), ('debtor', 'ultimate_parent_id', 'ultimate_parent_id', NULL)
) f (entity, field, stored_as, field_group)"""


def fields(group: str) -> str:
    """The view of fields as revision 0003 left it, with the numbers of debtors in a group."""
    said = (SQL / "0002_3_people_and_trust.sql").read_text(encoding="utf-8")
    found = re.search(r"CREATE VIEW canonical\.field AS\n.*?;\n", said, re.DOTALL)
    assert found
    view = (
        found[0]
        .replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1)
        .replace("\n) f (entity, field, stored_as, field_group)", COMPUTED)
    )
    for number in NUMBERS:
        was = f"('debtor', '{number}', '{number}', 'general')"
        assert was in view, number
        view = view.replace(was, f"('debtor', '{number}', '{number}', '{group}')")
    return view


def run(statement: str) -> None:
    """Sends a statement as it is, without parameters, so that no character of it needs escaping."""
    cursor = op.get_bind().connection.cursor()
    try:
        cursor.execute(statement)
    finally:
        cursor.close()


def upgrade() -> None:
    run(fields("identity"))


def downgrade() -> None:
    run(fields("general"))
