"""Small questions about the store that decisions ask: what a name refers to, what is linked where."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from sqlalchemy import Connection

from sync_engine.ownership.resolve import INBOX
from sync_engine.store.db import fetch

_DEBTOR = """
    WITH called AS (SELECT id FROM canonical.debtor WHERE deleted_at IS NULL AND (CAST(id AS text) = lower(:named) OR number = :named)),
    became AS (SELECT DISTINCT v.became AS id FROM canonical.debtor d JOIN engine.survivor v ON v.entity = 'debtor' AND v.id = d.id
        WHERE CAST(d.id AS text) = lower(:named) OR d.number = :named)
    SELECT CAST(id AS text) FROM called UNION ALL SELECT CAST(id AS text) FROM became WHERE NOT EXISTS (SELECT FROM called)
"""
"""A living debtor, else the one that a debtor of this name was merged into."""
_REFERENCES = {
    "payment_terms": "SELECT DISTINCT code FROM canonical.reference WHERE kind = 'payment_terms' AND deleted_at IS NULL AND code = :named",
    "parent_id": _DEBTOR,
    "debtor_id": _DEBTOR,
    "owner_id": """
        SELECT CAST(id AS text) FROM canonical.account_owner
        WHERE deleted_at IS NULL AND (CAST(id AS text) = lower(:named) OR number = :named
            OR lower(name) = lower(:named) OR lower(btrim(email)) = lower(:named))""",
    "portfolio_id": """
        SELECT CAST(id AS text) FROM canonical.portfolio
        WHERE archived_at IS NULL AND (CAST(id AS text) = lower(:named) OR code = :named OR lower(name) = lower(:named))""",
}


def named_reference(connection: Connection, column: str, named: str) -> str | None:
    """What a person means by an id, code, number or name in a reference column; None when nothing or several things."""
    rows = fetch(connection, _REFERENCES[column], named=named)
    return str(rows[0][0]) if len(rows) == 1 else None


def other_of_number(connection: Connection, debtor: str, column: str, number: str) -> str | None:
    """The name of another living debtor of the same company that has this number or external number, in whatever case and width it is written."""
    rows = fetch(
        connection,
        f"""
        SELECT coalesce(o.name, CAST(o.id AS text)) FROM canonical.debtor d
        JOIN canonical.debtor o ON lower(normalize(o.{column}, NFKC)) = lower(normalize(CAST(:number AS text), NFKC)) AND o.id <> d.id
            AND o.company_id IS NOT DISTINCT FROM d.company_id AND o.deleted_at IS NULL AND o.merged_into IS NULL
        WHERE d.id = CAST(:id AS uuid) ORDER BY 1 LIMIT 1
        """,
        id=debtor,
        number=number,
    )
    return str(rows[0][0]) if rows else None


def record_exists(connection: Connection, entity: str, source: str, key: str) -> bool:
    """Whether a source has (or had) a record that says something."""
    return bool(
        fetch(
            connection,
            """
        SELECT coalesce(bool_or(r.claim IS NOT NULL), false) FROM engine.source_record r JOIN engine.stream s USING (stream_id)
        WHERE s.source = :source AND s.canonical = :entity AND NOT s.facet AND r.key = :key
        """,
            source=source,
            entity=entity,
            key=key,
        )[0][0]
    )


def merged_into(connection: Connection, entity: str, canonical: str) -> str | None:
    """The record one was merged into."""
    rows = fetch(
        connection,
        f"SELECT CAST(merged_into AS text) FROM canonical.{entity} WHERE id = CAST(:id AS uuid)",
        id=canonical,
    )
    return None if not rows or rows[0][0] is None else str(rows[0][0])


def is_lived_in(connection: Connection, entity: str, canonical: str, source: str, key: str) -> bool:
    """Whether a record other than this one is linked to a canonical record; what applications said about it is none."""
    return bool(
        fetch(
            connection,
            """
        SELECT 1 FROM canonical.link WHERE entity = :entity AND canonical_id = CAST(:id AS uuid) AND (source, external_id) <> (:source, :key)
            AND source <> :inbox LIMIT 1
        """,
            entity=entity,
            id=canonical,
            source=source,
            key=key,
            inbox=INBOX,
        )
    )


def contacts_of(connection: Connection, source: str, debtor_key: str) -> list[str]:
    """The linked contacts of a source that belong to one of its debtors."""
    return [
        str(r[0])
        for r in fetch(
            connection,
            """
        SELECT k.external_id FROM canonical.link d JOIN canonical.contact c ON c.debtor_id = d.canonical_id
        JOIN canonical.link k ON k.entity = 'contact' AND k.canonical_id = c.id AND k.source = d.source
        JOIN engine.stream s ON s.source = k.source AND s.canonical = 'contact' AND NOT s.facet
        JOIN engine.source_record r ON r.stream_id = s.stream_id AND r.key = k.external_id
        WHERE d.entity = 'debtor' AND d.source = :source AND d.external_id = :key AND coalesce(r.claim ->> 'debtor_key', :key) = :key
        """,
            source=source,
            key=debtor_key,
        )
    ]


def parent_of(connection: Connection, debtor: str) -> str | None:
    """The parent of a debtor."""
    rows = fetch(
        connection,
        "SELECT CAST(parent_id AS text) FROM canonical.debtor WHERE id = CAST(:id AS uuid)",
        id=debtor,
    )
    return None if not rows or rows[0][0] is None else str(rows[0][0])


def group_members(connection: Connection, group: str) -> set[str]:
    """The debtors of a group."""
    return {
        str(r[0])
        for r in fetch(
            connection, "SELECT id FROM canonical.debtor WHERE group_id = CAST(:id AS uuid)", id=group
        )
    }


def group_names(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    """The names of groups by id."""
    rows = fetch(
        connection,
        "SELECT CAST(id AS text), name FROM canonical.debtor_group WHERE id = ANY(CAST(:ids AS uuid[]))",
        ids=sorted(ids),
    )
    return {str(i): str(name) for i, name in rows}


def group_utilisation(connection: Connection, as_of: date) -> list[tuple[object, ...]]:
    """(group, name, members, exposure, limit, utilisation, flag) of every group with members."""
    return [
        tuple(r)
        for r in fetch(
            connection,
            """
        SELECT u.group_id, u.name, u.n_included, u.exposure, u.credit_limit, u.utilisation, u.flag FROM canonical.credit_utilisation_at(:as_of) u
        WHERE u.level = 'group' ORDER BY u.utilisation DESC NULLS LAST, u.name
        """,
            as_of=as_of,
        )
    ]
