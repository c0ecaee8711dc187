"""Decision rows: links, negative links, pins, tags, merges, groups. Everything people decide is an edit of these, with before and after."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
from sqlalchemy import Connection

from sync_engine.store.db import copy_rows, fetch, run_sql

Kind = Literal["link", "negative_link", "pin", "tag", "merged", "member", "group", "link_rule"]
Row = Mapping[str, Any]
_decode = msgspec.json.Decoder().decode


class Edit(NamedTuple):
    """One decision row as it was and as it will be; None where there is none. `key` identifies the row within its kind."""

    kind: Kind
    key: tuple[str, ...]
    before: Row | None
    after: Row | None


class _Stored(NamedTuple):
    table: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    stamps: tuple[str, ...] = ()
    """The columns of when, and of who where there is one, filled in when the edit does not say."""


_ROWS: dict[str, _Stored] = {
    "link": _Stored(
        "canonical.link",
        ("entity", "source", "external_id"),
        ("canonical_id", "method", "rule", "confidence", "evidence", "decided_by", "decided_at", "pinned"),
        ("decided_at", "decided_by"),
    ),
    "negative_link": _Stored(
        "engine.negative_link",
        ("entity", "canonical_id", "source", "external_id"),
        ("decided_at", "decided_by", "reason"),
        ("decided_at", "decided_by"),
    ),
    "pin": _Stored(
        "engine.pin",
        ("entity", "canonical_id", "field"),
        ("value", "until", "while_claimed", "pinned_by", "pinned_at", "reason", "ended_at"),
        ("pinned_at", "pinned_by"),
    ),
    "tag": _Stored(
        "engine.tag", ("owner_table", "owner_id", "name", "origin"), ("first_seen_at",), ("first_seen_at",)
    ),
    "member": _Stored("engine.group_member", ("debtor_id",), ("group_id", "joined_at"), ("joined_at",)),
    "group": _Stored(
        "canonical.debtor_group",
        ("id",),
        ("name", "external_no", "top_debtor_id", "credit_limit", "deleted_at"),
    ),
}
_OF_ITSELF = frozenset(("ended_at", "while_claimed"))
"""Columns that time moves, and those of which a newer version keeps more: neither is a decision."""


def read(connection: Connection, kind: Kind, keys: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], Row]:
    """The rows there are now, by key."""
    if not keys:
        return {}
    if kind == "link_rule":
        return _rules(connection, keys)
    if kind == "merged":
        return _merges(connection, keys)
    stored = _ROWS[kind]
    _wanted(connection, len(stored.key), keys)
    match = " AND ".join(f"CAST(t.{c} AS text) = w.k{n}" for n, c in enumerate(stored.key))
    fast = " AND t.source = w.k1 AND t.external_id = w.k2" if kind == "link" else ""
    rows = fetch(
        connection,
        f"""
        SELECT {", ".join(f"w.k{n}" for n in range(len(stored.key)))}, CAST(to_jsonb(t) AS text) FROM wanted_decision w JOIN {stored.table} t ON {match}{fast}
        """,
    )
    found = ((tuple(str(k) for k in key), _decode(row)) for *key, row in rows)
    return {key: {c: row[c] for c in stored.columns} for key, row in found}


def write(connection: Connection, edits: Iterable[Edit], by: str) -> None:
    """Puts every edit's `after` in place. When and who are now and `by` where an edit does not say."""
    now = str(fetch(connection, "SELECT to_jsonb(now()) #>> '{}'")[0][0])
    by_kind: dict[Kind, list[Edit]] = {}
    for edit in edits:
        by_kind.setdefault(edit.kind, []).append(edit)
    for kind, some in by_kind.items():
        if kind == "link_rule":
            _write_rules(connection, some, by)
        elif kind == "merged":
            _write_merges(connection, some)
        else:
            _write_rows(connection, _ROWS[kind], some, now, by)


def linked_to(connection: Connection, entity: str, canonical: str) -> dict[tuple[str, ...], Row]:
    """The link rows of one canonical record, by key."""
    return read(connection, "link", keys_linked_to(connection, entity, canonical))


def keys_linked_to(connection: Connection, entity: str, canonical: str) -> list[tuple[str, ...]]:
    """The keys of the link rows of one canonical record."""
    return [
        (entity, str(s), str(k))
        for s, k in fetch(
            connection,
            """
        SELECT source, external_id FROM canonical.link WHERE entity = :entity AND canonical_id = CAST(:id AS uuid)
        """,
            entity=entity,
            id=canonical,
        )
    ]


def pins_here(connection: Connection, entity: str, canonical: str, field: str) -> list[tuple[str, ...]]:
    """The keys of the pins that count for a field of a record: its own, and those of records merged into it."""
    rows = fetch(
        connection,
        "SELECT canonical_id FROM engine.pin_here WHERE entity = :entity AND record_id = CAST(:id AS uuid) AND field = :field ORDER BY steps, canonical_id",
        entity=entity,
        id=canonical,
        field=field,
    )
    return [(entity, str(about), field) for (about,) in rows]


def memberships(
    connection: Connection, group: str, debtors: Iterable[str] | None = None
) -> list[tuple[str, ...]]:
    """The keys of memberships in a group: all, or those that count for some debtors, their own and of records merged into them."""
    rows = fetch(
        connection,
        """
        SELECT m.debtor_id FROM engine.group_member m LEFT JOIN engine.survivor v ON v.entity = 'debtor' AND v.id = m.debtor_id
        WHERE m.group_id = CAST(:group AS uuid) AND (:everybody OR coalesce(v.became, m.debtor_id) = ANY(CAST(:debtors AS uuid[]))) ORDER BY 1
        """,
        group=group,
        everybody=debtors is None,
        debtors=sorted(debtors or ()),
    )
    return [(str(debtor),) for (debtor,) in rows]


def groups_under(connection: Connection, debtor: str) -> list[tuple[str, ...]]:
    """The keys of the groups a debtor is the top of."""
    return [
        (str(i),)
        for (i,) in fetch(
            connection,
            "SELECT id FROM canonical.debtor_group WHERE top_debtor_id = CAST(:id AS uuid) ORDER BY 1",
            id=debtor,
        )
    ]


def is_as_left(row: Row | None, left: Row | None) -> bool:
    """Whether a row still is what an edit left. That a pin ended by itself is nobody's decision."""
    if row is None or left is None:
        return row is left
    return all(row.get(name) == value for name, value in left.items() if name not in _OF_ITSELF)


def _wanted(connection: Connection, width: int, keys: Sequence[tuple[str, ...]]) -> None:
    run_sql(connection, "DROP TABLE IF EXISTS wanted_decision")
    run_sql(
        connection,
        f"CREATE TEMP TABLE wanted_decision ({', '.join(f'k{n} text' for n in range(width))}) ON COMMIT DROP",
    )
    copy_rows(connection, "wanted_decision", [f"k{n}" for n in range(width)], keys)
    if len(keys) > 1000:
        run_sql(connection, "ANALYZE wanted_decision")


def _write_rows(connection: Connection, stored: _Stored, edits: Sequence[Edit], now: str, by: str) -> None:
    gone = [e.key for e in edits if e.after is None]
    if gone:
        _wanted(connection, len(stored.key), gone)
        match = " AND ".join(f"CAST(t.{c} AS text) = w.k{n}" for n, c in enumerate(stored.key))
        run_sql(connection, f"DELETE FROM {stored.table} t USING wanted_decision w WHERE {match}")
    rows = []
    for edit in edits:
        if edit.after is None:
            continue
        row = {**dict(zip(stored.key, edit.key, strict=True)), **edit.after}
        for column, stamp in zip(stored.stamps, (now, by), strict=False):
            row[column] = row.get(column) or stamp
        rows.append(row)
    if rows:
        listed = ", ".join((*stored.key, *stored.columns))
        run_sql(
            connection,
            f"""
            INSERT INTO {stored.table} AS t ({listed}) SELECT {listed} FROM jsonb_populate_recordset(CAST(NULL AS {stored.table}), CAST(:rows AS jsonb))
            ON CONFLICT ({", ".join(stored.key)}) DO UPDATE SET {", ".join(f"{c} = excluded.{c}" for c in stored.columns)}
            """,
            rows=json.dumps(rows),
        )


def _merges(connection: Connection, keys: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], Row]:
    found: dict[tuple[str, ...], Row] = {}
    for entity, record in keys:
        rows = fetch(
            connection,
            f"SELECT CAST(merged_into AS text) FROM canonical.{entity} WHERE id = CAST(:id AS uuid)",
            id=record,
        )
        if rows and rows[0][0] is not None:
            found[entity, record] = {"merged_into": rows[0][0]}
    return found


def _write_merges(connection: Connection, edits: Sequence[Edit]) -> None:
    for edit in edits:
        entity, record = edit.key
        run_sql(
            connection,
            f"UPDATE canonical.{entity} SET merged_into = CAST(:value AS uuid), changed_at = now() WHERE id = CAST(:id AS uuid)",
            value=None if edit.after is None else edit.after["merged_into"],
            id=record,
        )


def _rules(connection: Connection, keys: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], Row]:
    found: dict[tuple[str, ...], Row] = {}
    for source, entity in keys:
        rows = fetch(
            connection,
            "SELECT mode, rungs FROM engine.link_rule WHERE source = :s AND entity = :e ORDER BY rule_id DESC LIMIT 1",
            s=source,
            e=entity,
        )
        if rows:
            found[source, entity] = {"mode": rows[0][0], "rungs": rows[0][1]}
    return found


def _write_rules(connection: Connection, edits: Sequence[Edit], by: str) -> None:
    for edit in edits:
        after = edit.after or {"mode": "none", "rungs": {"create_unmatched": False, "rungs": []}}
        run_sql(
            connection,
            "INSERT INTO engine.link_rule (source, entity, mode, rungs, decided_by) VALUES (:s, :e, :mode, CAST(:rungs AS jsonb), :by)",
            s=edit.key[0],
            e=edit.key[1],
            mode=after["mode"],
            rungs=json.dumps(after["rungs"]),
            by=by,
        )
