"""Reads source records as parties to match: who is linked, who is not, and what forbids a link."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from sync_engine.matching.ladder import Circumstances
from sync_engine.matching.similarity import Company, Party
from sync_engine.store.db import driver, fetch

PAGE = 20_000
NO_DEBTOR = "belongs to no debtor"
_SAID = {
    "debtor": """r.claim ->> 'number', r.claim ->> 'external_number', r.claim ->> 'registration_no', r.claim ->> 'vat_no', r.claim ->> 'country',
        r.claim ->> 'name', r.claim ->> 'email', r.claim ->> 'phone', r.claim ->> 'postcode', coalesce(r.claim ->> 'status', '') = 'blocked'""",
    "contact": """NULL, NULL, NULL, NULL, NULL, coalesce(r.claim ->> 'full_name', concat_ws(' ', r.claim ->> 'first_name', r.claim ->> 'last_name')),
        r.claim ->> 'email', coalesce(r.claim ->> 'mobile', r.claim ->> 'phone'), NULL, coalesce(CAST(r.claim ->> 'privacy_blocked' AS boolean), false)""",
}
_WITHIN = {
    "debtor": ("NULL", ""),
    "contact": ("w.debtor_id", "LEFT JOIN {place} w ON {on}"),
}


def other_sources(connection: Connection, entity: str, source: str) -> list[str]:
    """The sources besides this one that have links."""
    rows = fetch(
        connection,
        """
        SELECT o.source FROM engine.source o
        WHERE o.source <> :source AND o.connector <> 'inbox' AND EXISTS (SELECT FROM canonical.link l WHERE l.entity = :entity AND l.source = o.source)
            ORDER BY 1
        """,
        entity=entity,
        source=source,
    )
    return [str(r[0]) for r in rows]


def linked_parties(
    connection: Connection, entity: str, sources: Sequence[str], canonical: str | None = None
) -> Iterator[Party]:
    """The living linked records of some sources, all or those of one canonical record."""
    only = "" if canonical is None else "AND l.canonical_id = CAST(%(canonical)s AS uuid)"
    within, join = _within(entity, "canonical.contact", "w.id = l.canonical_id")
    for source in sources:
        yield from _read(
            connection,
            f"""
            SELECT r.key, CAST(l.canonical_id AS text), {_SAID[entity]}, {_foreign(connection, entity, source)}, CAST({within} AS text)
            FROM engine.stream s JOIN engine.source_record r USING (stream_id)
            JOIN canonical.link l ON l.entity = %(entity)s AND l.source = s.source AND l.external_id = r.key {join}
            WHERE s.source = %(source)s AND s.canonical = %(entity)s AND NOT s.facet AND r.claim IS NOT NULL AND r.deleted_at IS NULL AND r.state <> 1
              {only}
            """,
            entity=entity,
            source=source,
            canonical=canonical,
        )


def unlinked_parties(
    connection: Connection,
    entity: str,
    source: str,
    keys: Sequence[str] | None = None,
    *,
    living: bool = False,
) -> Iterator[Party]:
    """The records of a source that have no link: those in temporary table `unlinked_<entity>`, or some by key, `living` without deleted ones."""
    within, join = (
        _within(entity, "debtor_of_contact", "w.source = s.source AND w.contact_key = r.key")
        if keys is None
        else ("NULL", "")
    )
    chosen = f"JOIN unlinked_{entity} u ON u.key = r.key" if keys is None else ""
    named = ("" if keys is None else "AND r.key = ANY(%(keys)s)") + (
        " AND r.deleted_at IS NULL" if living else ""
    )
    yield from _read(
        connection,
        f"""
        SELECT r.key, NULL, {_SAID[entity]}, {_foreign(connection, entity, source)}, CAST({within} AS text)
        FROM engine.stream s JOIN engine.source_record r USING (stream_id) {chosen} {join}
        WHERE s.source = %(source)s AND s.canonical = %(entity)s AND NOT s.facet AND r.claim IS NOT NULL {named}
        """,
        entity=entity,
        source=source,
        keys=list(keys or ()),
    )


def circumstances(connection: Connection, entity: str, source: str) -> Circumstances:
    """What may forbid links of this source's records. A record that was deleted stands in nobody's way."""
    taken = fetch(
        connection,
        """
        SELECT DISTINCT l.canonical_id FROM canonical.link l WHERE l.entity = :e AND l.source = :s AND NOT EXISTS (
            SELECT FROM engine.source_record r JOIN engine.stream t USING (stream_id)
            WHERE t.source = :s AND t.canonical = :e AND NOT t.facet AND r.key = l.external_id AND r.deleted_at IS NOT NULL)
        """,
        e=entity,
        s=source,
    )
    companies = fetch(
        connection,
        "SELECT source, name, country, registration_no, vat_no FROM canonical.company WHERE deleted_at IS NULL",
    )
    return Circumstances(
        taken={str(r[0]) for r in taken},
        negative=not_the_same(connection, entity, source),
        companies={str(s): Company(*rest) for s, *rest in companies},
        roles={str(s): str(r) for s, r in fetch(connection, "SELECT source, role FROM engine.source")},
    )


def not_the_same(connection: Connection, entity: str, source: str) -> set[tuple[str, str]]:
    """(key, canonical record) that a person called not the same; a record merged away is the one it became."""
    rows = fetch(
        connection,
        """
        SELECT n.external_id, coalesce(v.became, n.canonical_id) FROM engine.negative_link n
        LEFT JOIN engine.survivor v ON v.entity = n.entity AND v.id = n.canonical_id WHERE n.entity = :e AND n.source = :s
        """,
        e=entity,
        s=source,
    )
    return {(str(key), str(canonical)) for key, canonical in rows}


def _within(entity: str, place: str, on: str) -> tuple[str, str]:
    column, join = _WITHIN[entity]
    return column, join.format(place=place, on=on)


def _foreign(connection: Connection, entity: str, source: str) -> str:
    """SQL for {other source: its id of this record}: from the claim itself, and from the fields the source's YAML names."""
    declared = fetch(
        connection,
        "SELECT config -> 'links' -> :entity -> 'foreign_ids' FROM engine.source WHERE source = :source",
        entity=entity,
        source=source,
    )
    sql = "coalesce(r.claim -> 'foreign_ids', '{}')"
    for other, path in ((declared[0][0] if declared else None) or {}).items():
        steps = ",".join('"' + part.replace('"', "") + '"' for part in str(path).split("."))
        sql += f" || jsonb_strip_nulls(jsonb_build_object({_quoted(other)}, r.claim #>> {_quoted('{' + steps + '}')}))"
    return f"nullif({sql}, '{{}}')"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''").replace("%", "%%") + "'"


def _read(connection: Connection, sql: str, *, entity: str, source: str, **values: Any) -> Iterator[Party]:
    with driver(connection).cursor() as cursor:
        cursor.execute(sql.encode(), {"entity": entity, "source": source, **values})
        while rows := cursor.fetchmany(PAGE):
            for key, canonical, *said, blocked, foreign, within in rows:
                yield Party._make((source, key, canonical, *said, bool(blocked), _pairs(foreign), within))


def _pairs(foreign: Any) -> tuple[tuple[str, str], ...]:
    return (
        tuple(sorted((str(s), str(k)) for s, k in foreign.items() if k not in (None, ""))) if foreign else ()
    )


def unlinked_keys(connection: Connection, entity: str, source: str) -> list[str]:
    """The living records of a source without a link."""
    return [
        str(r[0])
        for r in fetch(
            connection,
            """
        SELECT r.key FROM engine.source_record r JOIN engine.stream s USING (stream_id)
        LEFT JOIN canonical.link l ON l.entity = :entity AND l.source = s.source AND l.external_id = r.key
        WHERE s.source = :source AND s.canonical = :entity AND NOT s.facet AND r.claim IS NOT NULL AND r.deleted_at IS NULL AND l.canonical_id IS NULL
            ORDER BY 1
        """,
            entity=entity,
            source=source,
        )
    ]


def labels(
    connection: Connection, entity: str, ids: Iterable[str]
) -> dict[str, tuple[str | None, str | None]]:
    """Number and name of canonical records."""
    name = "name" if entity == "debtor" else "full_name"
    rows = fetch(
        connection,
        f"SELECT CAST(id AS text), number, {name} FROM canonical.{entity} WHERE id = ANY(CAST(:ids AS uuid[]))",
        ids=sorted(ids),
    )
    return {str(i): (n, name) for i, n, name in rows}
