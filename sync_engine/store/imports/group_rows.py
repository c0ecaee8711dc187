"""Rows that put debtors into groups; a circle of parents is refused."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from sync_engine.store.db import copy_rows, fetch, run_sql
from sync_engine.store.imports.rows import name_customers, settle_repeated
from sync_engine.store.imports.steps import (
    Headings,
    label_debtors,
    say_before,
)

DEEPEST = 50
"""Levels of parents beyond which a hierarchy is a mistake."""


def groups(connection: Connection, headings: Headings, primary: bool) -> None:
    """The debtor of each row gets a parent, or none."""
    name_customers(connection, headings["customer"])
    name_customers(connection, headings["value"], cell="value", into="target_id", is_optional=True)
    settle_repeated(connection, "r.debtor_id", "coalesce(CAST(r.target_id AS text), '')")
    _refuse_circles(connection, headings["value"])
    say_before(
        connection,
        "concat_ws(' ', p.number, p.name) FROM canonical.debtor d JOIN canonical.debtor p ON p.id = d.parent_id WHERE d.id = r.debtor_id",
    )
    run_sql(
        connection,
        "UPDATE import_row r SET after = concat_ws(' ', p.number, p.name) FROM canonical.debtor p WHERE p.id = r.target_id AND r.what IS NULL",
    )
    run_sql(
        connection,
        """
        INSERT INTO import_effect (line, what, entity, record_id, field, value)
        SELECT line, 'pin', 'debtor', debtor_id, 'parent_key', to_jsonb(CAST(target_id AS text)) FROM import_row WHERE what IS NULL AND same_as IS NULL
        """,
    )
    label_debtors(connection)


def _refuse_circles(connection: Connection, column: str) -> None:
    """Rows taken in their order over the parents there are; one that would close a circle is refused and the others go on."""
    above = {
        str(c): str(p)
        for c, p in fetch(
            connection,
            "SELECT id, parent_id FROM canonical.debtor WHERE parent_id IS NOT NULL AND deleted_at IS NULL",
        )
    }
    rows = fetch(
        connection,
        "SELECT line, debtor_id, target_id FROM import_row WHERE what IS NULL AND same_as IS NULL ORDER BY line",
    )
    leaving = {str(debtor) for _, debtor, _ in rows}
    above = {
        child: parent for child, parent in above.items() if child not in leaving
    }  # a file states its links together
    refused: list[tuple[int, str]] = []
    for line, debtor, parent in rows:
        if parent is None:
            continue
        why = _circle(above, str(debtor), str(parent))
        if why:
            refused.append((line, why))
        else:
            above[str(debtor)] = str(parent)
    run_sql(connection, "CREATE TEMP TABLE IF NOT EXISTS import_circle (line int, why text) ON COMMIT DROP")
    run_sql(connection, "DELETE FROM import_circle")
    copy_rows(connection, "import_circle", ("line", "why"), refused)
    run_sql(
        connection,
        """
        UPDATE import_row r SET bad_column = :column, what = c.why, todo = 'Remove this link, or the one above it that closes the circle.'
        FROM import_circle c WHERE c.line = r.line
        """,
        column=column,
    )


def _circle(above: Mapping[str, str], debtor: str, parent: str) -> str:
    up: str | None = parent
    for _ in range(DEEPEST):
        if up == debtor:
            return (
                "a customer cannot be its own parent"
                if parent == debtor
                else "this would close a circle of parents"
            )
        up = above.get(up) if up is not None else None
        if up is None:
            return ""
    return f"this would make a hierarchy of more than {DEEPEST} levels"
