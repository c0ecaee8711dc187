"""What a source offered when it was last looked at: its company, its wire entities and the fields that are read of them.

What was there before is part of the question: an entity that is gone since is a failure until it is back or a person accepts it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from sync_engine.records import Offered, Stream
from sync_engine.store.change_feed.changes import collect_changes, flush_changes
from sync_engine.store.db import fetch, run_sql

LEDGER = ("ledger_entry", "application")
"""Canonical kinds that a source offers by one route at a time."""
IS_ASKED_FOR = """(EXISTS (SELECT FROM engine.offer o WHERE o.source = t.source AND o.name = t.entity AND o.kind IN ('entity', 'doubt'))
    OR NOT EXISTS (SELECT FROM engine.offer o WHERE o.source = t.source))"""
"""Of a stream t: whether its source is expected to answer for it. Nobody waits for what a person accepted to be gone, or the settings leave out."""


class Missing(NamedTuple):
    """A wire entity that cannot be read since `since`, or of which `fields` are gone; `why` is a sentence."""

    source: str
    entity: str
    since: datetime
    why: str


class Remembered(NamedTuple):
    """A row of engine.offer: `kind` is company, route, entity or doubt; `value` the id of a company, the name of a route."""

    kind: str
    name: str
    value: str
    fields: frozenset[str]
    since: datetime
    gone_since: datetime | None
    why: str | None


@dataclass
class Compared:
    """What came of comparing: other company, entities that are missing and why, entities not to read instead, and what is offered first now.

    At the first look nothing is new, nor is what the settings add.
    """

    other_company: str = ""
    missing: dict[str, str] = field(default_factory=dict)
    held_back: frozenset[str] = frozenset()
    new: list[str] = field(default_factory=list)


def remembered(connection: Connection, source: str) -> list[Remembered]:
    """All that is remembered of a source."""
    rows = fetch(
        connection,
        """
        SELECT kind, name, value, fields, since, gone_since, why FROM engine.offer WHERE source = :source ORDER BY kind, name
        """,
        source=source,
    )
    return [Remembered(k, n, v, frozenset(f), s, g, w) for k, n, v, f, s, g, w in rows]


def compare(
    known: list[Remembered],
    offered: Offered,
    streams: Mapping[str, Stream],
    read: Mapping[str, frozenset[str]],
) -> Compared:
    """What is offered now against what is remembered. `read` are the fields the mapping reads; fields nobody can tell are not compared."""
    before = {row.name: row for row in known if row.kind == "entity"}
    found = Compared(
        other_company=next(
            (
                row.value
                for row in known
                if row.kind == "company" and offered.company and row.value != offered.company
            ),
            "",
        )
    )
    for name, row in before.items():
        if name in offered.in_doubt:
            continue
        if name in streams:
            gone = row.fields - offered.fields[name] if offered.fields.get(name) else frozenset()
            if gone & read.get(name, gone):
                found.missing[name] = f"no longer has {', '.join(sorted(gone & read.get(name, gone)))}"
        elif not (offered.by_settings or name in offered.left_out):
            found.missing[name] = f"is not offered any more ({offered.missing.get(name, 'not there')})"
    if any(
        row.value in LEDGER for name, row in before.items() if name in found.missing and name not in streams
    ):
        found.held_back = frozenset(
            name for name, stream in streams.items() if stream.canonical in LEDGER and name not in before
        )
    met = {row.name for row in known} | found.held_back | offered.in_doubt
    if known and not offered.by_settings:
        found.new = [name for name in streams if name not in met]
    return found


def remember(
    connection: Connection,
    source: str,
    known: list[Remembered],
    offered: Offered,
    streams: Mapping[str, Stream],
    read: Mapping[str, frozenset[str]],
    compared: Compared,
) -> None:
    """Writes down what is offered and since when something is missing. Nothing is written when nothing differs."""
    before = {(row.kind, row.name): row for row in known}
    wanted = [("company", "company", offered.company, frozenset[str]())] if offered.company else []
    wanted += (
        [("route", "ledger", offered.route, frozenset[str]())]
        if offered.route and not compared.held_back
        else []
    )
    for name, stream in streams.items():
        if name in offered.in_doubt:
            wanted += (
                [("doubt", name, stream.canonical, frozenset[str]())]
                if ("entity", name) not in before
                else []
            )
        elif name not in compared.held_back and name not in compared.missing:
            wanted.append(
                (
                    "entity",
                    name,
                    stream.canonical,
                    offered.fields.get(name, frozenset()) & read.get(name, frozenset()),
                )
            )
    for kind, name, value, fields in wanted:
        row = before.get((kind, name))
        if row is None or row.gone_since is not None or row.value != value or fields - row.fields:
            run_sql(
                connection,
                """
                INSERT INTO engine.offer (source, kind, name, value, fields, since)
                VALUES (:source, :kind, :name, :value, CAST(:fields AS text[]), coalesce(CAST(:since AS timestamptz), now()))
                ON CONFLICT (source, kind, name) DO UPDATE SET value = excluded.value, fields = excluded.fields, gone_since = NULL, why = NULL
                """,
                source=source,
                kind=kind,
                name=name,
                value=value,
                fields=sorted(fields | (row.fields if row else frozenset())),
                since=before["doubt", name].since if ("doubt", name) in before else None,
            )
    for name, why in compared.missing.items():
        if before["entity", name].why != why:
            run_sql(
                connection,
                """
                UPDATE engine.offer SET gone_since = coalesce(gone_since, now()), why = :why WHERE source = :source AND kind = 'entity' AND name = :name
                """,
                source=source,
                name=name,
                why=why,
            )
    settled = {
        "entity": [
            row.name
            for row in known
            if row.kind == "entity" and row.name not in streams and row.name not in compared.missing
        ]
    }
    settled["doubt"] = [
        row.name
        for row in known
        if row.kind == "doubt" and not (row.name in streams and row.name in offered.in_doubt)
    ]
    for kind, names in settled.items():
        if names:
            gone = "DELETE FROM engine.offer WHERE source = :source AND kind = :kind AND name = ANY(:names)"
            run_sql(connection, gone, source=source, kind=kind, names=names)


def first_offered(connection: Connection, source: str, run_id: UUID) -> frozenset[str]:
    """Wire entities that are offered since this run, of a source that was looked at before: each step of a run is told the same."""
    rows = fetch(
        connection,
        """
        SELECT o.name FROM engine.offer o JOIN engine.run r ON r.run_id = :run AND r.source = o.source
        WHERE o.source = :source AND o.kind IN ('entity', 'doubt') AND o.since >= r.started_at
          AND EXISTS (SELECT FROM engine.offer b WHERE b.source = o.source AND b.since < r.started_at)
        """,
        source=source,
        run=run_id,
    )
    return frozenset(name for (name,) in rows)


def missing(connection: Connection, source: str | None = None) -> list[Missing]:
    """Wire entities that were offered and cannot be read now, with since when and why."""
    rows = fetch(
        connection,
        """
        SELECT source, name, gone_since, why FROM engine.offer
        WHERE kind = 'entity' AND gone_since IS NOT NULL AND (CAST(:source AS text) IS NULL OR source = :source) ORDER BY source, name
        """,
        source=source,
    )
    return [Missing(*row) for row in rows]


def accept(connection: Connection, source: str, entities: list[str], *, by: str, why: str | None) -> None:
    """A person takes it that these entities, or fields of them, are gone: they are forgotten, and the audit says so."""
    collect_changes(connection)
    for one in missing(connection, source):
        if one.entity in entities:
            run_sql(
                connection,
                """
                INSERT INTO change_new (entity, record_id, op, field, old, new, actor_kind, reason)
                VALUES ('source', CAST(md5(:id) AS uuid), 'update', CAST(:field AS text), to_jsonb(CAST(:old AS text)), NULL, 'user', CAST(:why AS text))
                """,
                id=f"source {source}",
                field=one.entity,
                old=f"{source} {one.entity} {one.why}",
                why=why,
            )
            run_sql(
                connection,
                "DELETE FROM engine.offer WHERE source = :source AND kind = 'entity' AND name = :name",
                source=source,
                name=one.entity,
            )
    flush_changes(connection, run_id=None, cut_id=None, actor=by)


def retire_replaced(connection: Connection, source: str) -> bool:
    """Buries what a ledger route said that is not offered any more, once the one in its place was read whole; true when there was some.

    Everything staged from documents and ledger is normalised again, so that nothing of the old route stays on what the new one says.
    """
    gone = fetch(
        connection,
        """
        SELECT t.stream_id FROM engine.stream t
        WHERE t.source = :source AND t.canonical = ANY(:ledger) AND EXISTS (SELECT FROM engine.offer o WHERE o.source = :source)
          AND NOT EXISTS (SELECT FROM engine.offer o WHERE o.source = :source AND o.kind IN ('entity', 'doubt') AND o.name = t.entity)
          AND EXISTS (SELECT FROM engine.source_record r WHERE r.stream_id = t.stream_id AND r.deleted_at IS NULL)
          AND NOT EXISTS (SELECT FROM engine.offer o JOIN engine.stream n ON n.source = o.source AND n.entity = o.name
              WHERE o.source = :source AND o.kind = 'entity' AND o.value = ANY(:ledger) AND (o.gone_since IS NOT NULL OR n.swept_at IS NULL))
        """,
        source=source,
        ledger=list(LEDGER),
    )
    if not gone:
        return False
    ids = [row[0] for row in gone]
    run_sql(
        connection,
        "UPDATE engine.source_record SET deleted_at = now(), dirty = true WHERE stream_id = ANY(:ids) AND deleted_at IS NULL",
        ids=ids,
    )
    run_sql(
        connection,
        "UPDATE engine.stream SET cursor = NULL, swept_at = NULL WHERE stream_id = ANY(:ids)",
        ids=ids,
    )
    run_sql(
        connection,
        """
        UPDATE engine.lake_manifest m SET normalised_as = NULL FROM engine.stream t
        WHERE t.stream_id = m.stream_id AND t.source = :source AND t.stream_id <> ALL(:ids)
            AND t.canonical IN ('document', 'ledger_entry', 'payment', 'application')
        """,
        source=source,
        ids=ids,
    )
    return True
