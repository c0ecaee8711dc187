"""The rows of an import in a temporary table, the customers they name, and what came of each row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from sync_engine.ownership.resolve import INBOX
from sync_engine.store.db import copy_rows, fetch, run_sql
from sync_engine.store.temporary import IMPORT_ROW

CELLS = ("customer", "email", "value", "invoice", "first_name", "last_name", "phone", "position")
"""What rows of any kind may hold; `value` is what the file is about: a portfolio, a position, a parent, a tag."""


class Outcome(NamedTuple):
    """One row: applied (in a dry run: it would be), unchanged or refused; a refused one says in which column and what to do."""

    line: int
    outcome: str
    customer: str | None
    record: str | None
    before: str | None
    after: str | None
    column: str | None
    what: str | None
    todo: str | None


def load_rows(connection: Connection, rows: Iterable[Sequence[str | int | None]]) -> int:
    """COPYs rows (line, the cells of `CELLS`, what is wrong, in which column or None for the line itself) into temporary table import_row."""
    run_sql(connection, "DROP TABLE IF EXISTS import_row")
    run_sql(
        connection,
        IMPORT_ROW.create(),
    )
    copy_rows(connection, "import_row", ("line", *CELLS, "what", "bad_column"), rows)
    run_sql(connection, "ANALYZE import_row")
    for cell in CELLS:
        run_sql(
            connection,
            f"UPDATE import_row SET {cell} = nullif(btrim({cell}, E' \\t\\r\\n\\u00a0'), '') WHERE {cell} IS DISTINCT FROM "
            f"nullif(btrim({cell}, E' \\t\\r\\n\\u00a0'), '')",
        )
    run_sql(
        connection,
        """
        UPDATE import_row SET bad_column = coalesce(bad_column, 'the whole row'), todo = 'Correct it and import the row again.' WHERE what IS NOT NULL
        """,
    )
    return int(fetch(connection, "SELECT count(*) FROM import_row")[0][0])


def refuse(
    connection: Connection, condition: str, column: str, what: str, todo: str, **values: object
) -> None:
    """Refuses the rows that are still good and for which `condition` (over r) holds; `what` is SQL, so that it can name what was found."""
    run_sql(
        connection,
        f"UPDATE import_row r SET bad_column = :column, what = {what}, todo = :todo WHERE r.what IS NULL AND ({condition})",
        column=column,
        todo=todo,
        **values,
    )


def name_customers(
    connection: Connection,
    column: str,
    *,
    cell: str = "customer",
    into: str = "debtor_id",
    is_optional: bool = False,
) -> None:
    """Finds the living debtor each row names: by the ERP's id, else by number, else by exact name. Refuses unknown and ambiguous ones.

    A debtor that others were merged into or linked to is called by the numbers and names too that their own records say now.
    """
    if not is_optional:
        refuse(
            connection,
            f"r.{cell} IS NULL",
            column,
            "'names no customer'",
            "Fill it in with an id, a number or the exact name.",
        )
    run_sql(connection, "DROP TABLE IF EXISTS named_debtor")
    run_sql(
        connection,
        f"""
        CREATE TEMP TABLE named_debtor ON COMMIT DROP AS
        WITH wanted AS (SELECT DISTINCT {cell} AS name FROM import_row WHERE what IS NULL AND {cell} IS NOT NULL),
        living AS (SELECT id, number, name FROM canonical.debtor WHERE deleted_at IS NULL AND merged_into IS NULL),
        hit AS (
            SELECT w.name, 1 AS rung, d.id FROM wanted w JOIN canonical.link l ON l.entity = 'debtor' AND l.external_id = w.name AND l.source <> :inbox
                JOIN living d ON d.id = l.canonical_id
            UNION SELECT w.name, 1, d.id FROM wanted w JOIN living d ON CAST(d.id AS text) = lower(w.name)
            UNION ALL SELECT w.name, 2, d.id FROM wanted w JOIN living d ON d.number = w.name
            UNION ALL SELECT w.name, 4, d.id FROM wanted w JOIN living d ON d.name = w.name),
        said AS (
            SELECT l.canonical_id AS id, r.claim ->> 'number' AS number, r.claim ->> 'name' AS name FROM canonical.link l
            JOIN engine.stream s ON s.source = l.source AND s.canonical = 'debtor' AND NOT s.facet
            JOIN engine.source_record r ON r.stream_id = s.stream_id AND r.key = l.external_id AND r.claim IS NOT NULL AND r.deleted_at IS NULL
            WHERE l.entity = 'debtor' AND l.source <> :inbox AND EXISTS (SELECT FROM wanted w WHERE w.name NOT IN (SELECT name FROM hit))),
        hits AS (
            SELECT * FROM hit
            UNION SELECT w.name, 3, d.id FROM wanted w JOIN said ON said.number = w.name JOIN living d ON d.id = said.id
            UNION SELECT w.name, 5, d.id FROM wanted w JOIN said ON said.name = w.name JOIN living d ON d.id = said.id),
        best AS (SELECT name, min(rung) AS rung FROM hits GROUP BY name)
        SELECT h.name, array_agg(h.id ORDER BY d.number, h.id) AS ids,
            array_agg(concat_ws(' ', d.number, d.name) || coalesce(' (' || of.sources || ')', '') ORDER BY d.number, h.id) AS candidates
        FROM hits h JOIN best USING (name, rung) JOIN living d ON d.id = h.id
        LEFT JOIN LATERAL (
            SELECT string_agg(l.source || ' ' || l.external_id, ', ' ORDER BY l.source, l.external_id) AS sources FROM canonical.link l
            WHERE l.entity = 'debtor' AND l.canonical_id = h.id AND l.source <> :inbox) of ON true
        GROUP BY h.name
        """,
        inbox=INBOX,
    )
    run_sql(connection, "ANALYZE named_debtor")
    run_sql(
        connection,
        f"UPDATE import_row r SET {into} = n.ids[1] FROM named_debtor n WHERE n.name = r.{cell} AND cardinality(n.ids) = 1 AND r.what IS NULL",
    )
    run_sql(
        connection,
        f"""
        UPDATE import_row r SET bad_column = :column, what = cardinality(n.ids) || ' customers are called this: ' || array_to_string(n.candidates[1:5], ', '),
            todo = 'Name one by its id in its source: it stands behind the source''s name.'
        FROM named_debtor n WHERE n.name = r.{cell} AND cardinality(n.ids) > 1 AND r.what IS NULL
        """,
        column=column,
    )
    _tell_of_zeros(connection, column, cell, into)
    refuse(
        connection,
        f"r.{cell} IS NOT NULL AND r.{into} IS NULL",
        column,
        "'no customer has this id, number or exact name'",
        "Correct it, or run the source that has this customer first.",
    )


def _tell_of_zeros(connection: Connection, column: str, cell: str, into: str) -> None:
    """Refuses rows whose customer would be known with leading zeros: spreadsheets drop them, and which number was meant is not for us to guess."""
    run_sql(
        connection,
        f"""
        UPDATE import_row r SET bad_column = :column, what = 'no customer has this number; with leading zeros there is ' || z.label,
            todo = 'Spreadsheets drop leading zeros: write the number as the ERP has it, in a column formatted as text.'
        FROM (SELECT ltrim(number, '0') AS bare, string_agg(concat_ws(' ', number, name), ', ' ORDER BY number) AS label FROM canonical.debtor
              WHERE number LIKE '0%' AND deleted_at IS NULL AND merged_into IS NULL GROUP BY 1) z
        WHERE r.what IS NULL AND r.{into} IS NULL AND z.bare = r.{cell}
        """,
        column=column,
    )


def settle_repeated(connection: Connection, by: str, says: str) -> None:
    """Rows about the same thing: identical ones are one, contradicting ones are all refused. `by` and `says` are SQL over r."""
    run_sql(
        connection,
        f"""
        WITH good AS (SELECT r.line, {by} AS about, {says} AS said FROM import_row r WHERE r.what IS NULL),
        groups AS (SELECT about, min(line) AS first, count(DISTINCT said) AS sayings, array_agg(line ORDER BY line) AS lines
            FROM good GROUP BY about HAVING count(*) > 1)
        UPDATE import_row r SET
            same_as = CASE WHEN g.sayings = 1 AND r.line <> g.first THEN g.first END,
            bad_column = CASE WHEN g.sayings > 1 THEN 'the whole row' END,
            what = CASE WHEN g.sayings > 1 THEN 'lines ' || array_to_string(g.lines[1:5], ', ') || ' say different things about the same' END,
            todo = CASE WHEN g.sayings > 1 THEN 'Keep one of them.' END
        FROM good JOIN groups g USING (about) WHERE good.line = r.line
        """,
    )


def outcomes(connection: Connection) -> list[Outcome]:
    """Every row of the file, in its order."""
    rows = fetch(
        connection,
        "SELECT line, outcome, customer, label, before, after, bad_column, what, todo FROM import_row ORDER BY line",
    )
    return [Outcome(*r) for r in rows]


def ids(connection: Connection, sql: str, **values: object) -> list[str]:
    """Ids as text."""
    return [str(i) for (i,) in fetch(connection, sql, **values)]
