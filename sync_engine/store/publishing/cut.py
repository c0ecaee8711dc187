"""One cut: the transaction that publishes a source, its identity, the audit it collects, and the merge every table uses."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Connection

from sync_engine.ownership.policy import Policy
from sync_engine.store.change_feed.changes import collect_changes, flush_changes
from sync_engine.store.db import fetch, run_sql

ANALYZE_FROM = 1000
"""Rows that a bulk step adds before the planner must be told: its plans for an empty table are quadratic on a full one."""
SEPARATOR = "\x1f"
NO_CUT = 0
"""The cut id of what people do between two cuts: rows they change keep the cut that published them."""


def canonical_id(source: str, entity: str, key: str) -> UUID:
    """The id a record gets when it is first published: a digest of where it comes from, so that a replay gives the same one."""
    return UUID(
        hashlib.md5(
            f"{source}{SEPARATOR}{entity}{SEPARATOR}{key}".encode(), usedforsecurity=False
        ).hexdigest()
    )


def id_sql(entity: str, key: str) -> str:
    """The same id computed by PostgreSQL; `key` is an SQL expression, the source is bound as :source."""
    return f"CAST(md5(CAST(:source AS text) || E'\\x1f' || '{entity}' || E'\\x1f' || {key}) AS uuid)"


@dataclass(slots=True)
class Cut:
    """What the parts of one publish share."""

    connection: Connection
    source: str
    role: str
    run_id: UUID
    cut_id: int
    as_of: datetime
    ledger_date: date
    policy: Policy
    mapping_version: str
    actor: str
    portfolio_dimension: str | None = None
    move_brake: float = 1.0
    accept_moves: bool = False
    link_mode: dict[str, str] = field(default_factory=dict)
    create_unmatched: dict[str, bool] = field(default_factory=dict)
    rungs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    by_hand: bool = False
    """A person's decision is carried out: no gate stands in its way, and every unlinked record is looked at again."""
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def sql(self, statement: str, **values: object) -> int:
        """Runs one statement with :source and :cut bound where it names them; returns rows touched."""
        return run_sql(self.connection, statement, **self._bound(statement), **values)

    def rows(self, statement: str, **values: object) -> list[tuple[object, ...]]:
        """All rows of one statement."""
        return fetch(self.connection, statement, **self._bound(statement), **values)

    def exists(self, statement: str, **values: object) -> bool:
        """Whether a SELECT finds anything."""
        return bool(self.rows(f"SELECT EXISTS ({statement})", **values)[0][0])

    def dirty_kinds(self) -> set[str]:
        """Canonical kinds of which records of this source wait to be published."""
        return {
            str(kind)
            for (kind,) in self.rows("""
            SELECT s.canonical FROM engine.stream s
            WHERE s.source = :source AND EXISTS (SELECT FROM engine.source_record r WHERE r.stream_id = s.stream_id AND r.dirty)
            """)
        }

    def kinds(self) -> set[str]:
        """Canonical kinds that this source hands over, or did once."""
        return {
            str(kind)
            for (kind,) in self.rows("SELECT DISTINCT canonical FROM engine.stream WHERE source = :source")
        }

    def _bound(self, statement: str) -> dict[str, object]:
        return {
            name: value
            for name, value in (("source", self.source), ("cut", self.cut_id))
            if f":{name}" in statement
        }


def open_cut(
    connection: Connection,
    source: str,
    run_id: UUID,
    as_of: datetime,
    ledger_date: date,
    policy: Policy,
    mapping_version: str,
) -> int:
    """The cut's row; its counts are filled in when it closes."""
    collect_changes(connection)
    return int(
        fetch(
            connection,
            """
        INSERT INTO canonical.cut (source, run_id, as_of, ledger_date, policy, mapping_version, counts)
        VALUES (:source, :run, :as_of, :date, :policy, :version, '{}') RETURNING cut_id
        """,
            source=source,
            run=run_id,
            as_of=as_of,
            date=ledger_date,
            policy=policy.digest,
            version=mapping_version,
        )[0][0]
    )


def merge_into(
    cut: Cut,
    entity: str,
    incoming: str,
    columns: Sequence[str],
    *,
    table: str | None = None,
    actor_kind: str = "erp",
    audited: Sequence[str] | None = None,
    fresh: bool = False,
    announced: str = "true",
) -> None:
    """Brings a temporary table of wanted rows into canonical.<table>: unchanged rows cost no write, field changes are audited.

    `incoming` has `id` and the named columns, unique by id. `fresh` promises that no row exists yet and skips the comparison.
    `announced` says of which new rows (n) the audit tells the creation; the others come with a record whose own is told.
    """
    if not cut.exists(f"SELECT FROM {incoming}"):
        return
    target = f"canonical.{table or entity}"
    listed = ", ".join(columns)
    ours, theirs = ", ".join(f"o.{c}" for c in columns), ", ".join(f"n.{c}" for c in columns)
    updated = 0
    if not fresh:
        _audit_updates(cut, entity, incoming, target, audited or columns, actor_kind, ours, theirs)
        updated = cut.sql(f"""
            UPDATE {target} o SET {", ".join(f"{c} = n.{c}" for c in columns)}, changed_at = now(), cut_id = coalesce(nullif(:cut, {NO_CUT}), o.cut_id)
            FROM {incoming} n WHERE o.id = n.id AND ({ours}) IS DISTINCT FROM ({theirs})
            """)
    absent = " WHERE true" if fresh else f" WHERE NOT EXISTS (SELECT FROM {target} o WHERE o.id = n.id)"
    cut.sql(f"""
        INSERT INTO change_new (entity, record_id, op, actor_kind)
        SELECT '{entity}', n.id, 'create', '{actor_kind}' FROM {incoming} n{absent} AND {announced}
        """)
    created = cut.sql(
        f"INSERT INTO {target} (id, {listed}, cut_id) SELECT n.id, {theirs}, nullif(:cut, {NO_CUT}) FROM {incoming} n{absent}"
    )
    count(cut, entity, created=created, updated=updated)
    if created > ANALYZE_FROM:
        cut.sql(f"ANALYZE {target}")


def count(cut: Cut, entity: str, **figures: int) -> None:
    """Adds to the cut's counts."""
    row = cut.counts.setdefault(entity, {})
    for name, value in figures.items():
        row[name] = row.get(name, 0) + value


def _audit_updates(
    cut: Cut,
    entity: str,
    incoming: str,
    target: str,
    audited: Sequence[str],
    actor_kind: str,
    ours: str,
    theirs: str,
) -> None:
    fields = ", ".join(f"'{c}'" for c in audited)
    cut.sql(f"""
        WITH x AS MATERIALIZED (
            SELECT o.id, to_jsonb(o) AS old, to_jsonb(n) AS new FROM {incoming} n JOIN {target} o ON o.id = n.id WHERE ({ours}) IS DISTINCT FROM ({theirs}))
        INSERT INTO change_new (entity, record_id, op, field, old, new, actor_kind)
        SELECT '{entity}', x.id, CASE WHEN f.name <> 'deleted_at' THEN 'update' WHEN x.new -> 'deleted_at' = 'null' THEN 'restore' ELSE 'delete' END,
               f.name, x.old -> f.name, x.new -> f.name, '{actor_kind}'
        FROM x CROSS JOIN unnest(ARRAY[{fields}]) AS f(name)
        WHERE x.old -> f.name IS DISTINCT FROM x.new -> f.name
        """)


def close_cut(cut: Cut) -> int:
    """Writes the collected audit in one go, seals it, and fills in the counts; returns how many changes were written.

    The lock makes seq ascend in commit order, so that a poller that reads `seq > :last` misses nothing.
    """
    written = flush_changes(cut.connection, run_id=cut.run_id, cut_id=cut.cut_id, actor=cut.actor)
    cut.sql(
        "UPDATE canonical.cut SET counts = CAST(:counts AS jsonb), published_at = clock_timestamp() WHERE cut_id = :cut",
        counts=json.dumps(cut.counts, sort_keys=True),
    )
    cut.sql("UPDATE engine.run SET cut_id = :cut WHERE run_id = :run", run=cut.run_id)
    return written
