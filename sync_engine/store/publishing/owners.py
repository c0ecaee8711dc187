"""Account owners as debtors name them: by number, then external number, then name, in the source that speaks or another one of the debtor's.

A code that nobody has is told as a code gap. It is no word about the owner: another source is believed, or the owner there is stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from sync_engine.matching.text import words
from sync_engine.ownership.resolve import INBOX, PERSON
from sync_engine.store.claims.normalised import FOLDED_GAP
from sync_engine.store.db import copy_rows
from sync_engine.store.publishing.cut import Cut
from sync_engine.store.publishing.fold import Folded

FIELD = "owner_code"
GAP = FOLDED_GAP


class _Owner(NamedTuple):
    id: str
    source: str
    name: tuple[str, ...]
    email: str | None
    is_gone: bool


class Believed(NamedTuple):
    """The owner of a debtor and who is believed about it; `is_unknown` when only codes that nobody has were said."""

    owner: str | None
    source: str | None
    is_unknown: bool = False


def _levelled(name: str) -> tuple[str, ...]:
    """`Jo Berg` and `Berg, Jo` are one."""
    return tuple(sorted(words(name)))


class Owners:
    """The owners of every source, by what they are called; and the codes that nobody has, collected while debtors are folded."""

    def __init__(self, cut: Cut) -> None:
        self._cut = cut
        self._called: tuple[dict[object, list[_Owner]], ...] = (
            defaultdict(list),
            defaultdict(list),
            defaultdict(list),
        )
        self._unknown: set[tuple[str, str, str]] = set()
        self._found: dict[tuple[str, str, tuple[str, ...]], _Owner | None] = {}
        for id_, source, number, external, name, email, is_gone in cut.rows("""
                SELECT CAST(id AS text), source, number, external_number, name, email, deleted_at IS NOT NULL FROM canonical.account_owner
                ORDER BY source, number, id"""):
            named = _levelled(str(name or ""))
            owner = _Owner(
                str(id_),
                str(source),
                named,
                None if email is None else str(email).strip().casefold(),
                bool(is_gone),
            )
            for called, key in zip(self._called, (number, external, named), strict=True):
                if key:
                    called[key].append(owner)

    def of(self, folded: Folded) -> Believed:
        """The owner of one debtor: of the believed code, or of the next in the ranking whose code is somebody's."""
        value, said_by = folded.resolved.values.get(FIELD), folded.resolved.provenance.get(FIELD)
        if value is None or said_by in (None, PERSON, INBOX):
            return Believed(value, said_by)
        linked = tuple(dict.fromkeys(claim.source for claim in folded.claims))
        found = self._find(value, said_by, linked)
        if found is not None and not found.is_gone:
            return Believed(found.id, said_by)
        return self._next_known(folded, linked, said_by)

    def _next_known(self, folded: Folded, linked: tuple[str, ...], said_by: str) -> Believed:
        is_unknown = False
        for claim in folded.resolver.ranked(folded.claims, FIELD):
            code = claim.values[FIELD]
            found = (
                self._find(code, claim.source, linked) if code is not None and claim.source != INBOX else None
            )
            if found is not None and not found.is_gone:
                return Believed(found.id, claim.source)
            if claim.source == INBOX and code is not None:
                return Believed(code, INBOX)
            if code is not None:
                self._unknown.add((claim.source, claim.key, code))
                is_unknown = is_unknown or found is None
        return Believed(None, said_by, is_unknown)

    def _find(self, code: str, source: str, linked: tuple[str, ...]) -> _Owner | None:
        asked = (code, source, linked)
        if asked not in self._found:
            self._found[asked] = self._look_up(*asked)
        return self._found[asked]

    def _look_up(self, code: str, source: str, linked: tuple[str, ...]) -> _Owner | None:
        for called, key in zip(self._called, (code, code, _levelled(code)), strict=True):
            there = [owner for owner in called.get(key, ()) if owner.source in linked]
            living = [owner for owner in there if not owner.is_gone] or there
            near = [owner for owner in living if owner.source == source] or sorted(
                living, key=lambda o: linked.index(o.source)
            )
            if near:
                return near[0] if all(_is_same(near[0], other) for other in near[1:]) else None
        return None

    def tell(self) -> None:
        """Notes the codes that nobody has, in place of what was noted about these debtors before."""
        if self._cut.exists("SELECT FROM engine.code_gap WHERE field = :field", field=GAP):
            self._cut.sql(
                """
            WITH theirs AS MATERIALIZED (  -- found first: the gaps of all debtors are many, these debtors few
                SELECT s.stream_id, l.external_id AS key FROM dirty_debtor d JOIN canonical.link l ON l.entity = 'debtor' AND l.canonical_id = d.id
                JOIN engine.stream s ON s.source = l.source)
            DELETE FROM engine.code_gap g USING theirs t WHERE g.field = :field AND g.stream_id = t.stream_id AND g.key = t.key""",
                field=GAP,
            )
        if not self._unknown:
            return
        self._cut.sql(
            "CREATE TEMP TABLE IF NOT EXISTS unknown_owner (source text, key text, code text) ON COMMIT DROP"
        )
        self._cut.sql("DELETE FROM unknown_owner")
        copy_rows(self._cut.connection, "unknown_owner", ("source", "key", "code"), sorted(self._unknown))
        self._cut.sql(
            """
            INSERT INTO engine.code_gap (stream_id, field, code, key)
            SELECT s.stream_id, :field, u.code, u.key FROM unknown_owner u
            JOIN engine.stream s ON s.source = u.source AND s.canonical = 'debtor' AND NOT s.facet ON CONFLICT DO NOTHING""",
            field=GAP,
        )


def _is_same(one: _Owner, other: _Owner) -> bool:
    """Whether two records of owners are one person, as two systems know him."""
    return one.source != other.source and bool(
        (one.email and one.email == other.email) or (one.name and one.name == other.name)
    )


def keep_known(cut: Cut, unknown: Sequence[str]) -> None:
    """The owner a debtor has stays where the source that gave it now says a code that nobody has."""
    if not unknown:
        return
    cut.sql(
        """
        UPDATE incoming_debtor n SET owner_id = o.owner_id FROM canonical.debtor o
        WHERE o.id = n.id AND n.id = ANY(CAST(:unknown AS uuid[])) AND n.owner_id IS NULL AND o.owner_id IS NOT NULL
          AND o.provenance ->> 'owner_id' = n.provenance ->> 'owner_id'""",
        unknown=list(unknown),
    )


def mark_dirty(cut: Cut) -> None:
    """Debtors that name an owner who is new, changed or gone, in whatever source, and those whose owner nobody knew."""
    if not cut.exists("""
            SELECT FROM engine.source_record c JOIN engine.stream t USING (stream_id)
            WHERE t.source = :source AND t.canonical = 'account_owner' AND c.dirty"""):
        return
    cut.sql(
        """
        INSERT INTO dirty_debtor
        WITH changed AS MATERIALIZED (
            SELECT DISTINCT lower(called) AS code FROM engine.source_record c JOIN engine.stream t USING (stream_id)
            CROSS JOIN LATERAL (VALUES (c.claim ->> 'number'), (c.claim ->> 'external_number'), (c.claim ->> 'name')) n(called)
            WHERE t.source = :source AND t.canonical = 'account_owner' AND c.dirty AND called IS NOT NULL)
        SELECT l.canonical_id FROM engine.source_record r JOIN engine.stream s USING (stream_id)
        JOIN canonical.link l ON l.entity = 'debtor' AND l.source = s.source AND l.external_id = r.key
        WHERE s.canonical = 'debtor' AND lower(r.claim ->> 'owner_code') IN (SELECT code FROM changed)
        UNION SELECT l.canonical_id FROM engine.code_gap g JOIN engine.stream s USING (stream_id)
        JOIN canonical.link l ON l.entity = 'debtor' AND l.source = s.source AND l.external_id = g.key WHERE g.field = :field
        ON CONFLICT DO NOTHING""",
        field=GAP,
    )
