"""Rows that say who a person at a debtor is."""

from __future__ import annotations

from sqlalchemy import Connection

from sync_engine.store.db import run_sql
from sync_engine.store.imports.rows import name_customers, refuse, settle_repeated
from sync_engine.store.imports.steps import (
    SEVERAL,
    Headings,
)

PERSON_FIELDS = ("first_name", "last_name", "phone", "position")


def persons(connection: Connection, headings: Headings, primary: bool) -> None:
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
