"""What the kinds of import do alike with their rows: pins, a choice among records, labels and what was there before."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from sync_engine.store.db import run_sql
from sync_engine.store.imports.rows import refuse, settle_repeated

SEVERAL = 5
Headings = Mapping[str, str]
"""Cell -> the heading it has in the file, for people."""


def pin(connection: Connection, entity: str, field: str, value: str) -> None:
    """A pinned field for every good row that is not a repetition; `value` is SQL over r."""
    run_sql(
        connection,
        f"""
        INSERT INTO import_effect (line, what, entity, record_id, field, value)
        SELECT r.line, 'pin', '{entity}', r.target_id, '{field}', {value} FROM import_row r WHERE r.what IS NULL AND r.same_as IS NULL
        """,
    )


def choose(connection: Connection, candidates: str, column: str, unknown: str, todo: str) -> None:
    """Finds the one record a row's cell names. `candidates` gives (line, id, label, is_near); near ones (of the customer's own source) go first."""
    run_sql(connection, "DROP TABLE IF EXISTS import_choice")
    run_sql(
        connection,
        f"""
        CREATE TEMP TABLE import_choice ON COMMIT DROP AS
        WITH found AS (SELECT c.*, bool_or(is_near) OVER (PARTITION BY line) AS has_near FROM ({candidates}) c)
        SELECT line, array_agg(id ORDER BY label, id) AS ids, array_agg(label ORDER BY label, id) AS labels FROM found WHERE is_near = has_near GROUP BY line
        """,
    )
    run_sql(
        connection,
        """
        UPDATE import_row r SET target_id = c.ids[1], after = c.labels[1] FROM import_choice c
        WHERE c.line = r.line AND cardinality(c.ids) = 1 AND r.what IS NULL
        """,
    )
    run_sql(
        connection,
        f"""
        UPDATE import_row r SET bad_column = :column, what = 'this fits ' || cardinality(c.ids) || ' records: ' || array_to_string(c.labels[1:{SEVERAL}], ', '),
            todo = 'Nothing is guessed: make them differ first, or name the one that is meant.'
        FROM import_choice c WHERE c.line = r.line AND cardinality(c.ids) > 1 AND r.what IS NULL
        """,
        column=column,
    )
    refuse(connection, "r.target_id IS NULL", column, unknown, todo)


def to_debtors(connection: Connection, field: str) -> None:
    """The chosen record becomes the pinned value of the row's debtor."""
    settle_repeated(connection, "r.debtor_id", "r.target_id")
    run_sql(
        connection,
        f"""
        INSERT INTO import_effect (line, what, entity, record_id, field, value)
        SELECT line, 'pin', 'debtor', debtor_id, '{field}', to_jsonb(CAST(target_id AS text)) FROM import_row WHERE what IS NULL AND same_as IS NULL
        """,
    )
    label_debtors(connection)


def label_debtors(connection: Connection) -> None:
    """Says of every row which debtor it is about, for people."""
    run_sql(
        connection,
        "UPDATE import_row r SET label = concat_ws(' ', d.number, d.name) FROM canonical.debtor d WHERE d.id = r.debtor_id",
    )


def say_before(connection: Connection, what: str) -> None:
    """Says of every good row what was there before; `what` is SQL over r."""
    run_sql(connection, f"UPDATE import_row r SET before = (SELECT {what} LIMIT 1) WHERE r.what IS NULL")
