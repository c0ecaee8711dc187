"""Loads the claims behind canonical records, folds them, and streams the wanted rows to a temporary table, in chunks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Connection

from sync_engine.canonical.fields import Field
from sync_engine.ownership.resolve import INBOX, Claim, Resolved, Resolver, merge_facets
from sync_engine.store.claims.normalised import EXCLUDED
from sync_engine.store.db import copy_rows, driver, run_sql
from sync_engine.store.publishing.cut import Cut, canonical_id
from sync_engine.store.publishing.overruled import OverruledClaims
from sync_engine.store.publishing.pins import Pins
from sync_engine.store.publishing.wanted_writes import WantedWrites, Written

CHUNK = 4000
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode

_LOAD = """
    SELECT d.id, l.source, o.role, o.position, l.external_id, l.decided_at, s.facet, r.claim::text, r.first_claim::text, r.deleted_at, r.state,
        l.rule = 'merge'
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
    """One canonical record: its living claims, what they fold to, whether every defining record is gone or excluded, and whose books it is in."""

    id: UUID
    claims: list[Claim]
    resolved: Resolved
    is_deleted: bool
    is_excluded: bool
    resolver: Resolver
    home: str | None
    """The source of the company it belongs to."""

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
        sources = cut.rows(
            "SELECT source, position, CAST(written AS text), CAST(unheard AS text) FROM engine.source"
        )
        positions = {str(s): int(str(p)) for s, p, *_ in sources}
        written = {str(s): _decode(str(w)).get(entity) for s, _, w, _ in sources}
        unheard = {str(s): _decode(str(u)).get(entity) for s, *_, u in sources}
        self.written: Written = {source: names for source, names in written.items() if names}
        self._unheard = {source: frozenset(names) for source, names in unheard.items() if names}
        named = {source: place for place, source in enumerate(cut.policy.sources)}
        self.order = {s: named.get(s, len(named) + p) for s, p in positions.items()}
        self.pins, self.today = Pins(cut, entity), cut.ledger_date
        books = cut.rows("SELECT source, name, base_currency FROM canonical.company")
        self._company_of = {str(s): str(n) for s, n, _ in books}
        self._currency_of = {str(s): c for s, _, c in books}
        self._has_currencies = len(set(self._currency_of.values())) > 1
        self._summed = tuple(f.name for f in fields if f.is_summed)
        self._by_company: dict[str | None, Resolver] = {}

    def home(self, id_: UUID, claims: Sequence[Claim], brought: Collection[tuple[str, str]]) -> str | None:
        """The source whose company's books a record is in: not that of a record merged in or linked by force while one of its own is there."""
        if len(claims) == 1:
            return claims[0].source if claims[0].source in self._company_of else None
        kept = [c for c in claims if c.source in self._company_of]
        if len(kept) > 1:
            kept.sort(
                key=lambda c: (
                    (c.source, c.key) in brought,
                    canonical_id(c.source, self._entity, c.key) != id_,
                )
            )
        return kept[0].source if kept else None

    def of(self, home: str | None) -> Resolver:
        """The resolver of the company whose books this source keeps."""
        company = (
            self._company_of.get(home) if home is not None and self._policy.overrides_companies else None
        )
        if company not in self._by_company:
            self._by_company[company] = Resolver(
                self._entity,
                self._fields,
                self._policy,
                company=company,
                order=self.order,
                unheard=self._unheard,
            )
        return self._by_company[company]

    def addable(self, claims: list[Claim], home: str | None) -> list[Claim]:
        """The claims with figures of other books left out where their currency is another: kroner and euro make no sum."""
        if not self._has_currencies or not self._summed or home is None:
            return claims
        ours = self._currency_of[home]
        return [
            c if self._currency_of.get(c.source, ours) == ours else c._replace(values={n: v for n, v in c.values.items() if n not in self._summed})
            for c in claims
        ]  # fmt: skip

    def lead(self, claim: Claim) -> tuple[bool, int, int, str, datetime, str]:
        """ERPs before others, the order of sources, the older link: the record that gives what is not folded (company, dates)."""
        return (
            claim.source == INBOX, ROLE_ORDER.get(claim.role, len(ROLE_ORDER)), self.order.get(claim.source, 0), claim.source, claim.linked_at, claim.key,
        )  # fmt: skip


def fold(
    cut: Cut, entity: str, fields: tuple[Field, ...], dirty: str, extra: Extra | None = None
) -> Iterator[list[Folded]]:
    """Folds every record named in temporary table `dirty` (id, place 1..n), a chunk at a time; keeps `canonical.overruled` with it."""
    resolvers = _Resolvers(cut, entity, fields)
    overruled = OverruledClaims(cut, entity, fields, dirty)
    wanted = WantedWrites(cut, entity, dirty, resolvers.written)
    last = int(str(cut.rows(f"SELECT coalesce(max(place), 0) FROM {dirty}")[0][0]))
    for start in range(0, last, CHUNK):
        with driver(cut.connection).cursor() as cursor:
            cursor.execute(_LOAD.format(dirty=dirty), (entity, entity, start, start + CHUNK))
            rows = cursor.fetchall()
        chunk = [
            f
            for id_, parts in groupby(rows, key=lambda r: r[0])
            if (f := _fold_one(UUID(str(id_)), list(parts), resolvers, extra)) is not None
        ]
        overruled.note((f.id, f.claims, f.resolved, f.resolver) for f in chunk if not f.is_deleted)
        wanted.note(
            (f.id, f.claims, f.resolved, f.resolver) for f in chunk if not (f.is_deleted or f.is_excluded)
        )
        yield chunk
    overruled.settle()
    wanted.settle()
    resolvers.pins.end()


def claims_now(connection: Connection, entity: str, record: str) -> list[Claim]:
    """The living claims of one canonical record, without what the engine derives."""
    run_sql(connection, "DROP TABLE IF EXISTS one_record")
    run_sql(
        connection,
        "CREATE TEMP TABLE one_record ON COMMIT DROP AS SELECT CAST(:id AS uuid) AS id, 1 AS place",
        id=record,
    )
    with driver(connection).cursor() as cursor:
        cursor.execute(_LOAD.format(dirty="one_record"), (entity, entity, 0, 1))
        rows = cursor.fetchall()
    living, gone, _ = _claims(rows, None)
    return _with_added(living or gone, rows)


def _fold_one(
    id_: UUID, rows: list[tuple[Any, ...]], resolvers: _Resolvers, extra: Extra | None
) -> Folded | None:
    living, gone, is_excluded = _claims(rows, extra)
    claims = _with_added(living or gone, rows)
    if not claims:
        return None
    if len(claims) > 1:
        claims.sort(key=resolvers.lead)
    home = resolvers.home(id_, claims, {(r[1], r[4]) for r in rows if r[11]} if len(claims) > 1 else ())
    if len(claims) > 1:
        claims = resolvers.addable(claims, home)
    resolver = resolvers.of(home)
    resolved = resolver.resolve(
        claims, resolvers.pins.that_hold(id_, claims, resolvers.today), resolvers.today
    )
    return Folded(id_, claims, resolved, not living, is_excluded, resolver, home)


def _with_added(claims: list[Claim], rows: list[tuple[Any, ...]]) -> list[Claim]:
    """The claims, and what the engine's own source says about a record that others define: it adds, and keeps nothing alive."""
    if not claims or rows[0][1] == rows[-1][1]:
        return claims
    return [*claims, *(_statement(r) for r in rows if r[1] == INBOX and r[6] and r[9] is None)]


def _statement(row: tuple[Any, ...]) -> Claim:
    said = _decode(row[7])
    return Claim(row[1], row[2], row[4], row[5], said, said_in=said.pop("said_in", {}))


def _claims(rows: list[tuple[Any, ...]], extra: Extra | None) -> tuple[list[Claim], list[Claim], bool]:
    """The claims of living and of deleted source records, facets merged in, and whether all that live are excluded.

    What an excluded record said last is kept while nobody else speaks of the record, and claims nothing beside one that is not excluded.
    """
    living: list[Claim] = []
    gone: list[Claim] = []
    excluded: list[Claim] = []
    for (source, key), parts_iter in groupby(rows, key=lambda r: (r[1], r[4])):
        parts = list(parts_iter)
        if parts[0][6]:
            continue  # only facets spoke: the stream that defines the record has not
        speaking = [p for p in parts if p[9] is None or p is parts[0]]
        values = merge_facets([_decode(p[7]) for p in speaking])
        first_values = (
            merge_facets([_decode(p[8] or p[7]) for p in speaking]) if any(p[8] for p in speaking) else None
        )
        derived = extra(source, key, values) if extra is not None else None
        if derived:
            values.update(derived)
        first = parts[0]
        claim = Claim(source, first[2], key, first[5], values, first_values, derived)
        (gone if first[9] is not None else excluded if first[10] == EXCLUDED else living).append(claim)
    return living or excluded, gone, bool(excluded) and not living


def number_dirty(cut: Cut, dirty: str) -> int:
    """Gives the ids in a dirty table their places 1..n; returns n."""
    cut.sql(
        f"UPDATE {dirty} d SET place = x.place FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM {dirty}) x WHERE x.id = d.id"
    )
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
