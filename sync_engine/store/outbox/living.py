"""The rows that are not settled: one for each record and strategy, holding the wanted state."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from sync_engine.store.db import fetch, run_many, run_sql

_COLUMNS = "b.outbox_id, b.source, b.entity, b.external_id, b.strategy, b.canonical_id, CAST(b.wanted AS text) AS wanted, b.state, b.attempts"


class Place(NamedTuple):
    """What there is one living row of."""

    source: str
    entity: str
    key: str
    strategy: str


class Wanted(NamedTuple):
    """What a record should say: canonical field -> value; and the canonical record that says so."""

    canonical_id: UUID
    fields: Mapping[str, Any]


class Living(NamedTuple):
    """A row that is not settled."""

    outbox_id: int
    wanted: Wanted
    state: str
    attempts: int


def of_dirty(connection: Connection, entity: str, dirty: str) -> dict[Place, Living]:
    """The rows about the canonical records of a dirty table."""
    return _placed(
        fetch(
            connection,
            f"""
        SELECT {_COLUMNS} FROM engine.outbox b JOIN {dirty} d ON d.id = b.canonical_id WHERE b.entity = :entity AND b.settled_at IS NULL
        """,
            entity=entity,
        )
    )


def of_places(connection: Connection, places: Collection[Place]) -> dict[Place, Living]:
    """The rows of some records, whatever canonical record they are about."""
    if not places:
        return {}
    return _placed(
        fetch(
            connection,
            f"""
        SELECT {_COLUMNS} FROM engine.outbox b JOIN unnest(CAST(:sources AS text[]), CAST(:entities AS text[]), CAST(:keys AS text[]),
            CAST(:strategies AS text[])) AS p(source, entity, external_id, strategy) USING (source, entity, external_id, strategy)
        WHERE b.settled_at IS NULL
        """,
            sources=[p.source for p in places],
            entities=[p.entity for p in places],
            keys=[p.key for p in places],
            strategies=[p.strategy for p in places],
        )
    )


def _placed(rows: list[Any]) -> dict[Place, Living]:
    return {
        Place(r.source, r.entity, r.external_id, r.strategy): Living(
            r.outbox_id, Wanted(r.canonical_id, json.loads(r.wanted)), r.state, r.attempts
        )
        for r in rows
    }


def settle(connection: Connection, outbox_id: int, state: str) -> None:
    """Ends a row: `delivered` or `superseded`."""
    run_sql(
        connection,
        "UPDATE engine.outbox SET state = :state, changed_at = now(), settled_at = now() WHERE outbox_id = :id",
        state=state,
        id=outbox_id,
    )


def add(connection: Connection, wanted: Mapping[Place, Wanted]) -> None:
    """Adds rows that wait to be sent."""
    run_many(
        connection,
        """
        INSERT INTO engine.outbox (source, entity, external_id, strategy, canonical_id, wanted, state)
        VALUES (:source, :entity, :key, :strategy, :id, CAST(:wanted AS jsonb), 'pending')
        """,
        [
            {
                **place._asdict(),
                "id": want.canonical_id,
                "wanted": json.dumps(want.fields, sort_keys=True, ensure_ascii=False),
            }
            for place, want in sorted(wanted.items())
        ],
    )
