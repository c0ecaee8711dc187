"""Loads the claims behind canonical records, folds them, and streams the wanted rows to a temporary table, in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Connection

from sync_engine.canonical.fields import Field
from sync_engine.ownership.resolve import INBOX, PERSON, Claim, Pin, Resolved, Resolver, merge_facets
from sync_engine.store.db import copy_rows, driver, run_sql
from sync_engine.store.publishing.cut import Cut
from sync_engine.store.publishing.overruled import OverruledClaims

CHUNK = 4000
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode

_LOAD = """
    SELECT d.id, l.source, o.role, o.position, l.external_id, l.decided_at, s.facet, r.claim::text, r.first_claim::text, r.deleted_at, r.state
    FROM {dirty} d
    JOIN canonical.link l ON l.entity = %s AND l.canonical_id = d.id
    JOIN engine.source o ON o.source = l.source
    JOIN engine.stream s ON s.source = l.source AND s.canonical = %s
    CROSS JOIN LATERAL (
        SELECT * FROM engine.source_record m WHERE m.stream_id = s.stream_id AND m.key = l.external_id AND m.about IS NULL
        UNION ALL SELECT * FROM engine.source_record a WHERE a.stream_id = s.stream_id AND a.about = l.external_id) r
    WHERE r.claim IS NOT NULL AND d.place > %s AND d.place <= %s
    ORDER BY d.id, o.position, l.source, l.external_id, s.facet, s.rank
"""


@dataclass(slots=True)
class Folded:
    """One canonical record: its living claims, what they fold to, and whether every defining record is gone or excluded."""

    id: UUID
    claims: list[Claim]
    resolved: Resolved
    is_deleted: bool
    is_excluded: bool
    resolver: Resolver

    @property
    def leading(self) -> Claim:
        """The claim the record is mainly made of: an ERP's before others, then by order of sources."""
        return self.claims[0]


Extra = Callable[[str, str, Mapping[str, Any]], Mapping[str, Any]]
"""Derived claims of one source record: (source, key, what it claims) -> further fields."""
ROLE_ORDER = {"erp": 0, "collections": 1, "crm": 2}


class _Resolvers:
    """One resolver per company, since a policy may have rules for one company only; and what every record's fold shares."""

    def __init__(self, cut: Cut, entity: str, fields: tuple[Field, ...]) -> None:
        self._entity, self._fields, self._policy = entity, fields, cut.policy
        positions = {str(s): int(str(p)) for s, p in cut.rows("SELECT source, position FROM engine.source")}
        named = {source: place for place, source in enumerate(cut.policy.sources)}
        self.order = {s: named.get(s, len(named) + p) for s, p in positions.items()}
        self.pins = _pins(cut, entity)
        self.today = cut.ledger_date
        self._company_of = {str(s): str(n) for s, n in cut.rows("SELECT source, name FROM canonical.company")} if cut.policy.overrides_companies else {}
        self._by_company: dict[str | None, Resolver] = {}

    def of(self, claims: Sequence[Claim]) -> Resolver:
        """The resolver of the company whose books the first of these sources keeps."""
        company = next((self._company_of[c.source] for c in claims if c.source in self._company_of), None)
        if company not in self._by_company:
            self._by_company[company] = Resolver(self._entity, self._fields, self._policy, company=company, order=self.order)
        return self._by_company[company]

    def lead(self, claim: Claim) -> tuple[bool, int, int, str, datetime, str]:
        """ERPs before others, the order of sources, the older link: the record that gives what is not folded (company, dates)."""
        return (
            claim.source == INBOX, ROLE_ORDER.get(claim.role, len(ROLE_ORDER)), self.order.get(claim.source, 0), claim.source, claim.linked_at, claim.key,
        )  # fmt: skip


def fold(cut: Cut, entity: str, fields: tuple[Field, ...], dirty: str, extra: Extra | None = None) -> Iterator[list[Folded]]:
    """Folds every record named in temporary table `dirty` (id, place 1..n), a chunk at a time; keeps `canonical.overruled` with it."""
    resolvers = _Resolvers(cut, entity, fields)
    overruled = OverruledClaims(cut, entity, fields, dirty)
    last = int(str(cut.rows(f"SELECT coalesce(max(place), 0) FROM {dirty}")[0][0]))
    for start in range(0, last, CHUNK):
        with driver(cut.connection).cursor() as cursor:
            cursor.execute(_LOAD.format(dirty=dirty), (entity, entity, start, start + CHUNK))
            rows = cursor.fetchall()
        chunk = [f for id_, parts in groupby(rows, key=lambda r: r[0]) if (f := _fold_one(UUID(str(id_)), list(parts), resolvers, extra)) is not None]
        overruled.note((f.id, f.claims, f.resolved, resolvers.of(f.claims)) for f in chunk if not f.is_deleted)
        yield chunk
    overruled.settle()


def claims_now(connection: Connection, entity: str, record: str) -> list[Claim]:
    """The living claims of one canonical record, without what the engine derives."""
    run_sql(connection, "DROP TABLE IF EXISTS one_record")
    run_sql(connection, "CREATE TEMP TABLE one_record ON COMMIT DROP AS SELECT CAST(:id AS uuid) AS id, 1 AS place", id=record)
    with driver(connection).cursor() as cursor:
        cursor.execute(_LOAD.format(dirty="one_record"), (entity, entity, 0, 1))
        rows = cursor.fetchall()
    living, gone, _ = _claims(rows, None)
    return _with_added(living or gone, rows)


def _fold_one(id_: UUID, rows: list[tuple[Any, ...]], resolvers: _Resolvers, extra: Extra | None) -> Folded | None:
    living, gone, excluded = _claims(rows, extra)
    claims = _with_added(living or gone, rows)
    if not claims:
        return None
    if len(claims) > 1:
        claims.sort(key=resolvers.lead)
    resolver = resolvers.of(claims)
    resolved = resolver.resolve(claims, resolvers.pins.get(id_, ()), resolvers.today)
    return Folded(id_, claims, resolved, is_deleted=not living, is_excluded=bool(living) and excluded == len(living), resolver=resolver)


def _with_added(claims: list[Claim], rows: list[tuple[Any, ...]]) -> list[Claim]:
    """The claims, and what the engine's own source says about a record that others define: it adds, and keeps nothing alive."""
    if not claims or rows[0][1] == rows[-1][1]:
        return claims
    return [*claims, *(Claim(r[1], r[2], r[4], r[5], _decode(r[7])) for r in rows if r[1] == INBOX and r[6] and r[9] is None)]


def _claims(rows: list[tuple[Any, ...]], extra: Extra | None) -> tuple[list[Claim], list[Claim], int]:
    """The claims of living and of deleted source records, facets merged in, and how many living ones are excluded."""
    living: list[Claim] = []
    gone: list[Claim] = []
    excluded = 0
    for (source, key), parts_iter in groupby(rows, key=lambda r: (r[1], r[4])):
        parts = list(parts_iter)
        if parts[0][6]:
            continue  # only facets spoke: the stream that defines the record has not
        speaking = [p for p in parts if p[9] is None or p is parts[0]]
        values = merge_facets([_decode(p[7]) for p in speaking])
        first_values = merge_facets([_decode(p[8] or p[7]) for p in speaking]) if any(p[8] for p in speaking) else None
        derived = extra(source, key, values) if extra is not None else None
        if derived:
            values.update(derived)
        first = parts[0]
        claim = Claim(source, first[2], key, first[5], values, first_values, derived)
        (gone if first[9] is not None else living).append(claim)
        excluded += first[10] == 2 and first[9] is None
    return living, gone, excluded


def _pins(cut: Cut, entity: str) -> dict[UUID, list[Pin]]:
    pins: dict[UUID, list[Pin]] = {}
    for id_, name, value, until, watched in cut.rows("SELECT canonical_id, field, value, until, while_claimed FROM engine.pin WHERE entity = :entity",
        entity=entity):
        until_date = date.fromisoformat(str(until)) if until else None
        pins.setdefault(UUID(str(id_)), []).append(Pin(str(name), value, until_date, tuple(watched) if isinstance(watched, list) else None))
    return pins


def expire_pins(cut: Cut, entity: str) -> None:
    """Records whose pinned value ended by date since they were last folded are folded again."""
    cut.sql(f"""
        INSERT INTO dirty_{entity} SELECT DISTINCT p.canonical_id FROM engine.pin p JOIN canonical.{entity} o ON o.id = p.canonical_id
        WHERE p.entity = '{entity}' AND CAST(p.until AS date) < :today AND EXISTS (SELECT FROM jsonb_each_text(o.provenance) v WHERE v.value = :person)
        ON CONFLICT DO NOTHING
        """, today=cut.ledger_date, person=PERSON)


def number_dirty(cut: Cut, dirty: str) -> int:
    """Gives the ids in a dirty table their places 1..n; returns n."""
    cut.sql(f"UPDATE {dirty} d SET place = x.place FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM {dirty}) x WHERE x.id = d.id")
    return int(str(cut.rows(f"SELECT count(*) FROM {dirty}")[0][0]))


def copy_wanted(cut: Cut, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """COPYs wanted rows; dict values become JSON text."""
    copy_rows(cut.connection, table, columns, rows)


def json_text(value: Any) -> str | None:
    """JSON text of a dict or list, None for None."""
    return None if value is None else _encode(value).decode()


def cell(value: Any) -> Any:
    """A claim value as COPY text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json_text(value)
    return str(value)


def parse_instant(value: Any) -> datetime | None:
    """An ISO instant of a claim."""
    return datetime.fromisoformat(value) if isinstance(value, str) and value else None
