"""What each kind of file says: rows become wanted values in temporary table import_effect, or are refused with a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from sync_engine.store.db import fetch, run_sql
from sync_engine.store.imports.group_rows import groups
from sync_engine.store.imports.person_rows import persons
from sync_engine.store.imports.rows import name_customers, refuse, settle_repeated
from sync_engine.store.imports.steps import (
    Headings,
    choose,
    label_debtors,
    pin,
    say_before,
    to_debtors,
)
from sync_engine.store.temporary import IMPORT_EFFECT, IMPORT_PERSON


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
    choose(
        connection,
        f"""
        SELECT r.line, o.id, coalesce(o.name, o.email) AS label, {_NEAR} AS is_near FROM import_row r
        JOIN canonical.account_owner o ON lower(btrim(o.email)) = lower(r.email) AND o.deleted_at IS NULL WHERE r.what IS NULL
        """,
        headings["email"],
        "'no account owner has this e-mail address'",
        "The owner must exist in a source; correct the address, or run that source first.",
    )
    say_before(
        connection,
        "coalesce(o.name, o.email, o.number) FROM canonical.debtor d JOIN canonical.account_owner o ON o.id = d.owner_id WHERE d.id = r.debtor_id",
    )
    to_debtors(connection, "owner_code")


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
    choose(
        connection,
        f"""
        SELECT r.line, o.id, o.name AS label, {_NEAR} AS is_near FROM import_row r
        JOIN canonical.portfolio o ON o.name = r.value AND o.archived_at IS NULL AND o.deleted_at IS NULL WHERE r.what IS NULL
        """,
        headings["value"],
        "'there is no portfolio of this name'",
        f"The exact name of one there is: {there or 'none yet'}.",
    )
    say_before(
        connection,
        "p.name FROM canonical.debtor d JOIN canonical.portfolio p ON p.id = d.portfolio_id WHERE d.id = r.debtor_id",
    )
    to_debtors(connection, "portfolio_key")


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
    choose(
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
    say_before(
        connection,
        "p.name FROM canonical.contact c JOIN canonical.contact_position p ON p.id = c.position_id WHERE c.id = r.target_id",
    )
    settle_repeated(connection, "r.target_id", "coalesce(r.after, '')")
    pin(connection, "contact", "position", "to_jsonb(r.after)")


def _primary(connection: Connection, headings: Headings, primary: bool) -> None:
    _contacts(connection, headings)
    say_before(
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
    pin(connection, "contact", "is_primary", f"to_jsonb({str(primary).lower()})")


def _debtor_tags(connection: Connection, headings: Headings, primary: bool) -> None:
    name_customers(connection, headings["customer"])
    _tags(connection, headings, "debtor", "r.debtor_id")
    label_debtors(connection)


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
    choose(
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


_KINDS: dict[str, Callable[[Connection, Headings, bool], Any]] = {
    "owners": _owners,
    "portfolios": _portfolios,
    "positions": _positions,
    "primary": _primary,
    "groups": groups,
    "debtor-tags": _debtor_tags,
    "invoice-tags": _invoice_tags,
    "persons": persons,
}
