"""What each kind of file says: rows become wanted values in temporary table import_effect, or are refused with a reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection

from sync_engine.store.db import copy_rows, fetch, run_sql
from sync_engine.store.imports.rows import name_customers, refuse, settle_repeated
from sync_engine.store.temporary import IMPORT_EFFECT, IMPORT_PERSON

DEEPEST = 50
"""Levels of parents beyond which a hierarchy is a mistake."""
SEVERAL = 5
PERSON_FIELDS = ("first_name", "last_name", "phone", "position")
Headings = Mapping[str, str]
"""Cell -> the heading it has in the file, for people."""


def decide_rows(connection: Connection, kind: str, headings: Headings, *, primary: bool = True) -> None:
    """Finds out what every loaded row asks for, and whether it already is so; fills `outcome` of every row."""
    run_sql(connection, "DROP TABLE IF EXISTS import_effect, import_person")
    run_sql(
        connection,
        IMPORT_EFFECT.create(),
    )
    run_sql(
        connection,
        IMPORT_PERSON.create(),
    )
    _KINDS[kind](connection, headings, primary)
    run_sql(connection, "ANALYZE import_effect")
    _look_what_is_there(connection)
    run_sql(
        connection,
        """
        UPDATE import_row r SET outcome = CASE WHEN r.what IS NOT NULL THEN 'refused'
            WHEN r.same_as IS NOT NULL THEN 'unchanged'
            WHEN EXISTS (SELECT FROM import_effect e WHERE e.line = r.line AND NOT e.is_there) OR EXISTS (SELECT FROM import_person p
                WHERE p.line = r.line) THEN 'applied'
            ELSE 'unchanged' END
        """,
    )
    run_sql(
        connection,
        "UPDATE import_row SET what = 'the same as line ' || same_as WHERE same_as IS NOT NULL AND outcome = 'unchanged'",
    )


def _look_what_is_there(connection: Connection) -> None:
    run_sql(
        connection,
        """
        UPDATE import_effect e SET is_there = true FROM engine.pin p
        WHERE e.what = 'pin' AND p.entity = e.entity AND p.canonical_id = e.record_id AND p.field = e.field
          AND p.until IS NULL AND p.while_claimed IS NULL AND p.ended_at IS NULL AND nullif(p.value, 'null') IS NOT DISTINCT FROM nullif(e.value, 'null')
          AND NOT (e.field = 'is_primary' AND e.value = 'true' AND EXISTS (  -- another one was pinned since, and is the primary one
              SELECT FROM canonical.contact c WHERE c.id = e.record_id AND c.is_primary IS DISTINCT FROM true))
        """,
    )
    for table, entity in (("engine.tag", "debtor"), ("canonical.tag", "document")):
        run_sql(
            connection,
            f"""
            UPDATE import_effect e SET is_there = true FROM {table} t
            WHERE e.what = 'tag' AND e.entity = :entity AND t.owner_table = e.entity AND t.owner_id = e.record_id
              AND t.name = e.value #>> '{{}}' AND t.origin = 'person'
            """,
            entity=entity,
        )


def _pin(connection: Connection, entity: str, field: str, value: str) -> None:
    """A pinned field for every good row that is not a repetition; `value` is SQL over r."""
    run_sql(
        connection,
        f"""
        INSERT INTO import_effect (line, what, entity, record_id, field, value)
        SELECT r.line, 'pin', '{entity}', r.target_id, '{field}', {value} FROM import_row r WHERE r.what IS NULL AND r.same_as IS NULL
        """,
    )


def _choose(connection: Connection, candidates: str, column: str, unknown: str, todo: str) -> None:
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


_NEAR = "EXISTS (SELECT FROM canonical.link l WHERE l.entity = 'debtor' AND l.canonical_id = r.debtor_id AND l.source = o.source)"


def _owners(connection: Connection, headings: Headings, primary: bool) -> None:
    name_customers(connection, headings["customer"])
    refuse(
        connection,
        "r.email IS NULL",
        headings["email"],
        "'is blank'",
        "Fill in the e-mail address of an account owner.",
    )
    _choose(
        connection,
        f"""
        SELECT r.line, o.id, coalesce(o.name, o.email) AS label, {_NEAR} AS is_near FROM import_row r
        JOIN canonical.account_owner o ON lower(btrim(o.email)) = lower(r.email) AND o.deleted_at IS NULL WHERE r.what IS NULL
        """,
        headings["email"],
        "'no account owner has this e-mail address'",
        "The owner must exist in a source; correct the address, or run that source first.",
    )
    _say_before(
        connection,
        "coalesce(o.name, o.email, o.number) FROM canonical.debtor d JOIN canonical.account_owner o ON o.id = d.owner_id WHERE d.id = r.debtor_id",
    )
    _to_debtors(connection, "owner_code")


def _portfolios(connection: Connection, headings: Headings, primary: bool) -> None:
    name_customers(connection, headings["customer"])
    refuse(
        connection,
        "r.value IS NULL",
        headings["value"],
        "'is blank'",
        "Fill in the exact name of a portfolio.",
    )
    names = fetch(
        connection,
        "SELECT name FROM canonical.portfolio WHERE archived_at IS NULL AND deleted_at IS NULL ORDER BY name LIMIT 8",
    )
    there = ", ".join(str(n) for (n,) in names)
    _choose(
        connection,
        f"""
        SELECT r.line, o.id, o.name AS label, {_NEAR} AS is_near FROM import_row r
        JOIN canonical.portfolio o ON o.name = r.value AND o.archived_at IS NULL AND o.deleted_at IS NULL WHERE r.what IS NULL
        """,
        headings["value"],
        "'there is no portfolio of this name'",
        f"The exact name of one there is: {there or 'none yet'}.",
    )
    _say_before(
        connection,
        "p.name FROM canonical.debtor d JOIN canonical.portfolio p ON p.id = d.portfolio_id WHERE d.id = r.debtor_id",
    )
    _to_debtors(connection, "portfolio_key")


def _to_debtors(connection: Connection, field: str) -> None:
    """The chosen record becomes the pinned value of the row's debtor."""
    settle_repeated(connection, "r.debtor_id", "r.target_id")
    run_sql(
        connection,
        f"""
        INSERT INTO import_effect (line, what, entity, record_id, field, value)
        SELECT line, 'pin', 'debtor', debtor_id, '{field}', to_jsonb(CAST(target_id AS text)) FROM import_row WHERE what IS NULL AND same_as IS NULL
        """,
    )
    _label_debtors(connection)


def _label_debtors(connection: Connection) -> None:
    run_sql(
        connection,
        "UPDATE import_row r SET label = concat_ws(' ', d.number, d.name) FROM canonical.debtor d WHERE d.id = r.debtor_id",
    )


def _say_before(connection: Connection, what: str) -> None:
    run_sql(connection, f"UPDATE import_row r SET before = (SELECT {what} LIMIT 1) WHERE r.what IS NULL")


def _contacts(connection: Connection, headings: Headings) -> None:
    """The living contact of the row's debtor with the row's e-mail address."""
    name_customers(connection, headings["customer"])
    refuse(
        connection,
        "r.email IS NULL",
        headings["email"],
        "'is blank'",
        "Fill in the e-mail address of a contact of this customer.",
    )
    _choose(
        connection,
        """
        WITH living AS (SELECT * FROM canonical.contact WHERE deleted_at IS NULL AND merged_into IS NULL AND debtor_id IN (SELECT debtor_id FROM import_row)),
        called AS (
            SELECT c.id, c.debtor_id, c.email_normalised AS email, true AS is_own FROM living c
            UNION SELECT c.id, c.debtor_id, lower(btrim(r.claim ->> 'email')), false FROM living c
            JOIN canonical.link l ON l.entity = 'contact' AND l.canonical_id = c.id
            JOIN engine.stream s ON s.source = l.source AND s.canonical = 'contact'
            JOIN engine.source_record r ON r.stream_id = s.stream_id AND r.key = l.external_id AND r.deleted_at IS NULL AND r.claim ->> 'email' IS NOT NULL)
        SELECT r.line, c.id, concat_ws(' ', c.number, coalesce(c.full_name, c.email)) AS label, bool_or(k.is_own) AS is_near FROM import_row r
        JOIN called k ON k.debtor_id = r.debtor_id AND k.email = lower(r.email) JOIN living c ON c.id = k.id
        WHERE r.what IS NULL GROUP BY r.line, c.id, c.number, c.full_name, c.email
        """,
        headings["email"],
        "'no contact of this customer has this e-mail address'",
        "Correct it, or import the person first.",
    )
    run_sql(connection, "UPDATE import_row SET label = after, after = NULL WHERE target_id IS NOT NULL")


def _positions(connection: Connection, headings: Headings, primary: bool) -> None:
    _contacts(connection, headings)
    run_sql(
        connection,
        "UPDATE import_row r SET after = p.name FROM canonical.contact_position p WHERE p.name_key = lower(r.value) AND r.what IS NULL",
    )
    there = ", ".join(
        str(n)
        for (n,) in fetch(connection, "SELECT name FROM canonical.contact_position ORDER BY name LIMIT 8")
    )
    refuse(
        connection,
        "r.value IS NOT NULL AND r.after IS NULL",
        headings["value"],
        "'there is no position of this name'",
        f"One there is: {there or 'none yet'}; blank clears it.",
    )
    _say_before(
        connection,
        "p.name FROM canonical.contact c JOIN canonical.contact_position p ON p.id = c.position_id WHERE c.id = r.target_id",
    )
    settle_repeated(connection, "r.target_id", "coalesce(r.after, '')")
    _pin(connection, "contact", "position", "to_jsonb(r.after)")


def _primary(connection: Connection, headings: Headings, primary: bool) -> None:
    _contacts(connection, headings)
    _say_before(
        connection,
        """
        CASE WHEN c.is_primary THEN 'primary' WHEN o.id IS NULL THEN 'not primary'
             ELSE 'not primary, but ' || concat_ws(' ', o.number, coalesce(o.full_name, o.email, 'another contact')) END
        FROM canonical.contact c
        LEFT JOIN canonical.contact o ON o.debtor_id = c.debtor_id AND o.is_primary AND o.deleted_at IS NULL AND o.id <> c.id
        WHERE c.id = r.target_id""",
    )
    run_sql(
        connection,
        "UPDATE import_row SET after = :word WHERE what IS NULL",
        word="primary" if primary else "not primary",
    )
    settle_repeated(connection, "r.target_id", "1")
    if primary:
        refuse(
            connection,
            """
            r.same_as IS NULL AND EXISTS (SELECT FROM import_row o WHERE o.debtor_id = r.debtor_id AND o.line <> r.line AND o.what IS NULL
                AND o.same_as IS NULL)
            """,
            headings["email"],
            "'several contacts of this customer are to be the primary one'",
            "Keep one of them.",
        )
    _pin(connection, "contact", "is_primary", f"to_jsonb({str(primary).lower()})")


def _groups(connection: Connection, headings: Headings, primary: bool) -> None:
    name_customers(connection, headings["customer"])
    name_customers(connection, headings["value"], cell="value", into="target_id", is_optional=True)
    settle_repeated(connection, "r.debtor_id", "coalesce(CAST(r.target_id AS text), '')")
    _refuse_circles(connection, headings["value"])
    _say_before(
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
    _label_debtors(connection)


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


def _debtor_tags(connection: Connection, headings: Headings, primary: bool) -> None:
    name_customers(connection, headings["customer"])
    _tags(connection, headings, "debtor", "r.debtor_id")
    _label_debtors(connection)


def _invoice_tags(connection: Connection, headings: Headings, primary: bool) -> None:
    name_customers(connection, headings.get("customer", ""), is_optional=True)
    refuse(connection, "r.invoice IS NULL", headings["invoice"], "'names no invoice'", "Fill in its number.")
    run_sql(
        connection,
        """
        CREATE TEMP TABLE import_invoice ON COMMIT DROP AS
        SELECT DISTINCT invoice FROM import_row WHERE what IS NULL
        """,
    )
    _choose(
        connection,
        """
        SELECT r.line, o.id, concat_ws(' ', o.external_no, 'of', d.number, d.name) AS label, o.external_id = r.invoice AS is_near
        FROM import_row r JOIN (
            SELECT i.invoice, c.* FROM import_invoice i JOIN canonical.document c ON c.external_no = i.invoice
            UNION SELECT i.invoice, c.* FROM import_invoice i JOIN canonical.document c ON c.external_id = i.invoice) o ON o.invoice = r.invoice
        LEFT JOIN canonical.debtor d ON d.id = o.debtor_id
        WHERE r.what IS NULL AND o.deleted_at IS NULL AND (r.debtor_id IS NULL OR o.debtor_id = r.debtor_id)
        """.replace(
            "SELECT i.invoice, c.*",
            "SELECT i.invoice, c.id, c.external_no, c.external_id, c.debtor_id, c.deleted_at",
        ),
        headings["invoice"],
        "'there is no such invoice' || CASE WHEN r.customer IS NULL THEN '' ELSE ' of this customer' END",
        "Correct the number; where several customers have it, add the column customer.",
    )
    run_sql(connection, "UPDATE import_row SET label = after, after = NULL WHERE target_id IS NOT NULL")
    _tags(connection, headings, "document", "r.target_id")


def _tags(connection: Connection, headings: Headings, entity: str, owner: str) -> None:
    refuse(connection, "r.value IS NULL", headings["value"], "'is blank'", "Fill in the tag.")
    settle_repeated(connection, f"({owner}, r.value)", "1")
    run_sql(connection, "UPDATE import_row SET after = value WHERE what IS NULL")
    run_sql(
        connection,
        f"""
        INSERT INTO import_effect (line, what, entity, record_id, field, value)
        SELECT r.line, 'tag', '{entity}', {owner}, 'tag', to_jsonb(r.value) FROM import_row r WHERE r.what IS NULL AND r.same_as IS NULL
        """,
    )


def _persons(connection: Connection, headings: Headings, primary: bool) -> None:
    """A person the customer has already gets the values of the row pinned; another one becomes a contact of its own."""
    name_customers(connection, headings["customer"])
    refuse(
        connection,
        "r.email IS NULL AND r.first_name IS NULL AND r.last_name IS NULL",
        headings["email"],
        "'there is neither an e-mail address nor a name'",
        "Fill in one of them.",
    )
    refuse(
        connection,
        "r.email IS NOT NULL AND r.email !~ '^[^@ ]+@[^@ ]+$'",
        headings["email"],
        "'this is no e-mail address'",
        "Correct it, or leave it blank.",
    )
    who = "coalesce(lower(r.email), lower(concat_ws(' ', r.first_name, r.last_name)))"
    settle_repeated(connection, f"(r.debtor_id, {who})", "(r.first_name, r.last_name, r.phone, r.position)")
    run_sql(
        connection,
        f"""
        CREATE TEMP TABLE import_known ON COMMIT DROP AS
        SELECT r.line, array_agg(c.id ORDER BY c.number, c.id) AS ids, array_agg(concat_ws(' ', c.number, coalesce(c.full_name,
            c.email)) ORDER BY c.number, c.id) AS labels
        FROM import_row r JOIN canonical.contact c ON c.debtor_id = r.debtor_id AND c.deleted_at IS NULL AND c.merged_into IS NULL
            AND CASE WHEN r.email IS NOT NULL THEN c.email_normalised = lower(r.email) ELSE lower(c.full_name) = {who} END
        WHERE r.what IS NULL AND r.same_as IS NULL GROUP BY r.line
        """,
    )
    run_sql(
        connection,
        f"""
        UPDATE import_row r SET bad_column = :column,
            what = 'this customer has ' || cardinality(k.ids) || ' such contacts: ' || array_to_string(k.labels[1:{SEVERAL}], ', '),
            todo = 'Nothing is guessed: make them differ first.'
        FROM import_known k WHERE k.line = r.line AND cardinality(k.ids) > 1
        """,
        column=headings["email"],
    )
    run_sql(
        connection,
        "UPDATE import_row r SET target_id = k.ids[1], label = k.labels[1] FROM import_known k WHERE k.line = r.line AND r.what IS NULL",
    )
    for field in PERSON_FIELDS:
        run_sql(
            connection,
            f"""
            INSERT INTO import_effect (line, what, entity, record_id, field, value)
            SELECT line, 'pin', 'contact', target_id, '{field}', to_jsonb({field}) FROM import_row
            WHERE what IS NULL AND same_as IS NULL AND target_id IS NOT NULL AND {field} IS NOT NULL
            """,
        )
    _one_spelling(connection)
    _new_persons(connection, who)


def _one_spelling(connection: Connection) -> None:
    """What the contact says already needs no pin; and a full name follows its parts."""
    run_sql(
        connection,
        """
        UPDATE import_effect e SET is_there = true FROM canonical.contact c LEFT JOIN canonical.contact_position p ON p.id = c.position_id
        WHERE e.what = 'pin' AND e.entity = 'contact' AND c.id = e.record_id
          AND e.value #>> '{}' = CASE e.field WHEN 'first_name' THEN c.first_name WHEN 'last_name' THEN c.last_name WHEN 'phone' THEN c.phone ELSE p.name END
        """,
    )
    run_sql(
        connection,
        """
        INSERT INTO import_effect (line, what, entity, record_id, field, value)
        SELECT r.line, 'pin', 'contact', r.target_id, 'full_name', to_jsonb(concat_ws(' ', coalesce(r.first_name, c.first_name), coalesce(r.last_name,
            c.last_name)))
        FROM import_row r JOIN canonical.contact c ON c.id = r.target_id
        WHERE r.what IS NULL AND r.same_as IS NULL AND EXISTS (SELECT FROM import_effect e WHERE e.line = r.line
            AND e.field IN ('first_name', 'last_name') AND NOT e.is_there)
        """,
    )


def _new_persons(connection: Connection, who: str) -> None:
    run_sql(
        connection,
        f"""
        INSERT INTO import_person (line, debtor_id, key, claim)
        SELECT r.line, r.debtor_id, CAST(r.debtor_id AS text) || '/' || {who}, jsonb_strip_nulls(jsonb_build_object(
            'debtor_key', CAST(r.debtor_id AS text), 'first_name', r.first_name, 'last_name', r.last_name, 'full_name', nullif(concat_ws(' ', r.first_name,
                r.last_name), ''),
            'email', r.email, 'phone', r.phone, 'position', r.position, 'title', r.position, 'status', 'active', 'origin_field', 'import'))
        FROM import_row r WHERE r.what IS NULL AND r.same_as IS NULL AND r.target_id IS NULL
        """,
    )
    run_sql(
        connection,
        "UPDATE import_person SET id = CAST(md5('inbox' || E'\\x1f' || 'contact' || E'\\x1f' || key) AS uuid)",
    )
    run_sql(
        connection,
        "UPDATE import_row r SET after = coalesce(p.claim ->> 'full_name', p.claim ->> 'email') FROM import_person p WHERE p.line = r.line",
    )


_KINDS: dict[str, Callable[[Connection, Headings, bool], Any]] = {
    "owners": _owners,
    "portfolios": _portfolios,
    "positions": _positions,
    "primary": _primary,
    "groups": _groups,
    "debtor-tags": _debtor_tags,
    "invoice-tags": _invoice_tags,
    "persons": _persons,
}
