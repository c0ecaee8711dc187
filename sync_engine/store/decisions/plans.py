"""Plans of decisions: kept with what they would do and what they did, and the effects read from the transaction that tried them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from sync_engine.store import locks
from sync_engine.store.db import copy_rows, fetch, run_sql
from sync_engine.store.decisions.rows import Edit


class StoredPlan(NamedTuple):
    """A plan as it is kept."""

    plan_hash: str
    base: str
    operation: dict[str, Any]
    plan: dict[str, Any]
    made_by: str | None
    applied_at: datetime | None
    applied_by: str | None
    undone_by: str | None


class FieldChange(NamedTuple):
    """One field of one canonical record. `op`: create, update, delete, restore."""

    entity: str
    record: str
    label: str
    op: str
    field: str | None
    old: Any
    new: Any


class MasterChange(NamedTuple):
    """A field that another source is master of."""

    entity: str
    record: str
    label: str
    field: str
    old: str | None
    new: str | None


class BalanceChange(NamedTuple):
    """What a debtor owes in one currency."""

    record: str
    label: str
    currency: str
    old: str
    new: str


_COLUMNS = "plan_hash, base, operation, plan, made_by, applied_at, applied_by, undone_by"
_encode = msgspec.json.Encoder().encode


def find_plan(connection: Connection, plan_hash: str) -> StoredPlan | None:
    """A plan by its hash or an unmistakable beginning of it."""
    rows = (
        fetch(
            connection,
            f"SELECT {_COLUMNS} FROM engine.link_plan WHERE plan_hash LIKE :hash || '%' LIMIT 2",
            hash=plan_hash,
        )
        if len(plan_hash) >= 8
        else []
    )
    return StoredPlan(*rows[0]) if len(rows) == 1 else None


def applied_plan(connection: Connection, plan_hash: str) -> StoredPlan | None:
    """An applied plan by hash, or with `last` the latest one that still stands."""
    if plan_hash != "last":
        found = find_plan(connection, plan_hash)
        return found if found is not None and found.applied_at is not None else None
    rows = fetch(
        connection,
        f"""
        SELECT {_COLUMNS} FROM engine.link_plan WHERE applied_at IS NOT NULL AND undone_by IS NULL AND operation ->> 'op' <> 'undo' ORDER BY place DESC LIMIT 1
        """,
    )
    return StoredPlan(*rows[0]) if rows else None


def merging_plan(connection: Connection, entity: str, losing: str) -> StoredPlan | None:
    """The latest standing plan that merged a record away."""
    merged = json.dumps([{"kind": "merged", "key": [entity, losing]}])
    rows = fetch(
        connection,
        f"""
        SELECT {_COLUMNS} FROM engine.link_plan WHERE applied_at IS NOT NULL AND undone_by IS NULL AND edits @> CAST(:merged AS jsonb)
            ORDER BY place DESC LIMIT 1
        """,
        merged=merged,
    )
    return StoredPlan(*rows[0]) if rows else None


def edits_of(connection: Connection, plan: StoredPlan) -> list[dict[str, Any]]:
    """What an applied plan did to decision rows, as Edit in JSON: many where it opened a source to the rules, so they are read when needed."""
    [(edits,)] = fetch(
        connection,
        "SELECT CAST(edits AS text) FROM engine.link_plan WHERE plan_hash = :hash",
        hash=plan.plan_hash,
    )
    return list(msgspec.json.decode(edits)) if edits is not None else []


def history(connection: Connection, limit: int = 50) -> list[dict[str, Any]]:
    """Applied plans, latest first."""
    return [
        dict(r._mapping)
        for r in fetch(
            connection,
            """
        SELECT plan_hash, operation, applied_at, applied_by, reason, undone_by FROM engine.link_plan WHERE applied_at IS NOT NULL ORDER BY place DESC LIMIT :n
        """,
            n=limit,
        )
    ]


def applications(connection: Connection, base: str) -> int:
    """How often exactly this was applied before: the same decision from the same state, after it was undone, is a new plan."""
    return int(
        fetch(
            connection,
            "SELECT count(*) FROM engine.link_plan WHERE base = :base AND applied_at IS NOT NULL",
            base=base,
        )[0][0]
    )


def keep_plan(
    connection: Connection,
    plan_hash: str,
    base: str,
    operation: dict[str, Any],
    plan: dict[str, Any],
    by: str,
) -> None:
    """Remembers a plan, once."""
    run_sql(
        connection,
        """
        INSERT INTO engine.link_plan (plan_hash, base, operation, plan, made_by) VALUES (:hash, :base, CAST(:operation AS jsonb), CAST(:plan AS jsonb), :by)
        ON CONFLICT (plan_hash) DO NOTHING
        """,
        hash=plan_hash,
        base=base,
        operation=json.dumps(operation),
        plan=json.dumps(plan),
        by=by,
    )


def mark_applied(
    connection: Connection,
    plan_hash: str,
    edits: Iterable[Edit],
    by: str,
    why: str | None,
    undoes: str | None,
) -> None:
    """The plan was carried out; `edits` are what undo puts back."""
    run_sql(
        connection,
        """
        UPDATE engine.link_plan SET applied_at = clock_timestamp(), applied_by = :by, reason = :why, edits = CAST(:edits AS jsonb),
            place = (SELECT coalesce(max(place), 0) + 1 FROM engine.link_plan) WHERE plan_hash = :hash
        """,
        hash=plan_hash,
        by=by,
        why=why,
        edits=_encode([e._asdict() for e in edits]).decode(),
    )
    if undoes is not None:
        run_sql(
            connection,
            "UPDATE engine.link_plan SET undone_by = :hash WHERE plan_hash = :undoes",
            hash=plan_hash,
            undoes=undoes,
        )
        run_sql(
            connection,
            "UPDATE engine.link_plan SET undone_by = NULL WHERE undone_by = :undoes",
            undoes=undoes,
        )


def try_source_locks(connection: Connection, sources: Sequence[str]) -> tuple[str, str] | None:
    """Keeps runs of these sources out until the transaction ends; the name of one that is running now, and who holds it since when."""
    for source in sorted(sources):
        turn = locks.ensure(connection, source)
        if not locks.try_take(connection, turn):
            return source, locks.told(connection, turn)
    return None


def sources_behind(connection: Connection, touched: Iterable[tuple[str, str]]) -> list[str]:
    """The sources whose records are linked to these (entity, canonical record)."""
    _touched(connection, touched)
    return [
        str(r[0])
        for r in fetch(
            connection,
            "SELECT DISTINCT l.source FROM canonical.link l JOIN touched_record t ON t.entity = l.entity AND t.id = l.canonical_id",
        )
    ]


def linked_records(connection: Connection) -> list[tuple[str, str]]:
    """Every debtor and contact that some source record means."""
    return [
        (str(e), str(i))
        for e, i in fetch(
            connection,
            "SELECT DISTINCT entity, canonical_id FROM canonical.link WHERE entity IN ('debtor', 'contact')",
        )
    ]


def look_before(connection: Connection, touched: Iterable[tuple[str, str]]) -> None:
    """Notes masters and balances of the touched records as they are."""
    _touched(connection, touched)
    run_sql(connection, f"CREATE TEMP TABLE master_before ON COMMIT DROP AS {_MASTERS}")
    run_sql(connection, f"CREATE TEMP TABLE balance_before ON COMMIT DROP AS {_BALANCES}")


def field_changes(connection: Connection) -> list[FieldChange]:
    """What the transaction changed in debtors and contacts so far; instants of now are told as `now`."""
    rows = fetch(
        connection,
        """
        SELECT c.entity, CAST(c.record_id AS text), coalesce(d.number || ' ' || d.name, d.name, k.full_name, k.email, ''), c.op, c.field,
            CASE WHEN c.field = 'deleted_at' THEN to_jsonb(CASE WHEN c.old <> 'null' THEN 'deleted' END) ELSE c.old END,
            CASE WHEN c.field = 'deleted_at' THEN to_jsonb(CASE WHEN c.new <> 'null' THEN 'deleted' END) ELSE c.new END
        FROM change_new c LEFT JOIN canonical.debtor d ON c.entity = 'debtor' AND d.id = c.record_id LEFT JOIN canonical.contact k ON c.entity = 'contact'
            AND k.id = c.record_id
        WHERE c.entity IN ('debtor', 'contact') ORDER BY 1, 2, c.field NULLS FIRST
        """,
    )
    return [FieldChange(*r) for r in rows]


def master_changes(connection: Connection) -> list[MasterChange]:
    """Fields of living records whose master is another one than before; a field nobody claims any more has none."""
    rows = fetch(
        connection,
        f"""
        SELECT coalesce(n.entity, b.entity), coalesce(n.id, b.id), coalesce(n.label, b.label), f.field, b.provenance ->> f.field, n.provenance ->> f.field
        FROM ({_MASTERS}) n JOIN master_before b ON b.entity = n.entity AND b.id = n.id
        CROSS JOIN LATERAL (SELECT jsonb_object_keys(coalesce(n.provenance, '{{}}') || coalesce(b.provenance, '{{}}')) AS field) f
        WHERE b.provenance IS NOT NULL AND n.provenance IS NOT NULL AND b.provenance ->> f.field IS DISTINCT FROM n.provenance ->> f.field ORDER BY 1, 2, 4
        """,
    )
    return [MasterChange(*r) for r in rows]


def balance_changes(connection: Connection) -> list[BalanceChange]:
    """Debtors that owe something else than before, by currency."""
    rows = fetch(
        connection,
        f"""
        SELECT CAST(x.id AS text), coalesce(d.number || ' ' || d.name, d.name, ''), x.currency, CAST(x.old AS text), CAST(x.new AS text)
        FROM (SELECT coalesce(n.id, b.id) AS id, coalesce(n.currency, b.currency) AS currency, coalesce(b.balance, 0) AS old, coalesce(n.balance, 0) AS new
              FROM balance_before b FULL JOIN ({_BALANCES}) n ON n.id = b.id AND n.currency = b.currency) x
        LEFT JOIN canonical.debtor d ON d.id = x.id WHERE x.old <> x.new ORDER BY 1, 3
        """,
    )
    return [BalanceChange(*r) for r in rows]


def note_decisions(connection: Connection, edits: Iterable[Edit]) -> None:
    """The decision rows themselves enter the audit; of members and tags what readers see of them is there already."""
    told = (_audited(e) for e in edits if e.before != e.after and e.kind not in ("member", "tag"))
    copy_rows(connection, "change_new", ("entity", "record_id", "op", "field", "old", "new"), told)


def sign(connection: Connection, why: str | None) -> None:
    """Everything this transaction changed, a person changed, and said why."""
    run_sql(
        connection,
        "UPDATE change_new SET actor_kind = 'user', reason = coalesce(CAST(:why AS text), reason)",
        why=why,
    )


def fresh_links(connection: Connection, entity: str, source: str | None = None) -> list[tuple[str, ...]]:
    """Keys of links made in this transaction."""
    only = "" if source is None else "AND source = :source"
    bound = {} if source is None else {"source": source}
    return [
        tuple(map(str, r))
        for r in fetch(
            connection,
            f"""
        SELECT entity, source, external_id FROM canonical.link WHERE entity = :entity AND decided_at = now() {only} ORDER BY 2, 3
        """,
            entity=entity,
            **bound,
        )
    ]


def _audited(edit: Edit) -> tuple[str | None, ...]:
    where, key, row = "/".join(edit.key), edit.key, edit.after or edit.before or {}
    old, new = (None if r is None else _encode(r).decode() for r in (edit.before, edit.after))
    if edit.kind == "link":
        op = "link" if edit.before is None else "unlink" if edit.after is None else "relink"
        return "link", str(row["canonical_id"]), op, where, old, new
    if edit.kind == "negative_link":
        return (
            "link",
            key[1],
            "not_the_same" if edit.after else "maybe_the_same",
            "/".join((key[0], key[2], key[3])),
            old,
            new,
        )
    if edit.kind == "pin":
        return key[0], key[1], "pin" if edit.after else "unpin", key[2], old, new
    if edit.kind == "link_rule":
        from sync_engine.store.publishing.cut import canonical_id

        return (
            "link_rule",
            str(canonical_id(key[0], "link_rule", key[1])),
            "update" if edit.before else "create",
            key[1],
            old,
            new,
        )
    if edit.kind == "group":
        return (
            "debtor_group",
            key[0],
            "create" if edit.before is None else "delete" if edit.after is None else "update",
            None,
            old,
            new,
        )
    before, after = (json.dumps(None if r is None else r["merged_into"]) for r in (edit.before, edit.after))
    return key[0], key[1], "merge" if edit.after else "unmerge", "merged_into", before, after


def _touched(connection: Connection, touched: Iterable[tuple[str, str]]) -> None:
    run_sql(connection, "DROP TABLE IF EXISTS touched_record")
    run_sql(
        connection,
        "CREATE TEMP TABLE touched_record (entity text, id uuid, PRIMARY KEY (entity, id)) ON COMMIT DROP",
    )
    copy_rows(connection, "touched_record", ("entity", "id"), sorted(set(touched)))


_MASTERS = """
    SELECT t.entity, CAST(t.id AS text) AS id, coalesce(d.number || ' ' || d.name, d.name, k.full_name, '') AS label,
           CASE WHEN coalesce(d.deleted_at, k.deleted_at) IS NULL THEN coalesce(d.provenance, k.provenance) END AS provenance
    FROM touched_record t LEFT JOIN canonical.debtor d ON t.entity = 'debtor' AND d.id = t.id LEFT JOIN canonical.contact k ON t.entity = 'contact'
        AND k.id = t.id
"""
_BALANCES = """
    SELECT i.debtor_id AS id, i.currency, sum(i.amount) AS balance FROM (
        SELECT o.debtor_id, coalesce(o.currency, '') AS currency, CASE WHEN o.kind = 'credit_note' THEN -o.open_amount ELSE o.open_amount END AS amount
        FROM touched_record t JOIN canonical.document o ON t.entity = 'debtor' AND o.debtor_id = t.id WHERE o.deleted_at IS NULL
        UNION ALL
        SELECT p.debtor_id, coalesce(p.currency, ''), CASE WHEN p.kind = 'refund' THEN p.unapplied_amount ELSE -p.unapplied_amount END
        FROM touched_record t JOIN canonical.payment p ON t.entity = 'debtor' AND p.debtor_id = t.id WHERE p.deleted_at IS NULL) i
    WHERE i.amount <> 0 GROUP BY i.debtor_id, i.currency
"""
