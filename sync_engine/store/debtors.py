"""Publishes debtors: links for new ones, the fold of their claims, references resolved, portfolios guarded by a brake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sync_engine.canonical.debtor import DEBTOR
from sync_engine.errors import ConfigurationError
from sync_engine.store.cut import Cut, canonical_id, count, id_sql, merge_into
from sync_engine.store.folding import Folded, cell, copy_wanted, fold, json_text, number_dirty

ANALYZE_FROM = 1000
"""Rows that a bulk step adds before the planner must be told: its plans for an empty table are quadratic on a full one."""
REFERENCES = {"payment_terms_key", "parent_key", "owner_code", "portfolio_key"}
PLAIN = tuple(f for f in DEBTOR if f.name not in REFERENCES and f.name != "custom")
COLUMNS = (
    "external_no", "source_modified_at", "deleted_at", "custom", "company_id", *(f.stored_as for f in PLAIN),
    "payment_terms", "parent_id", "owner_id", "portfolio_id", "excluded", "provenance",
)


def mark_dirty_debtors(cut: Cut, *, everything: bool) -> None:
    """Collects the canonical debtors this cut must fold again into temporary table dirty_debtor."""
    cut.sql("CREATE TEMP TABLE dirty_debtor (id uuid PRIMARY KEY, place bigint) ON COMMIT DROP")
    cut.sql("""
        UPDATE engine.source_record r SET about = m.key FROM engine.stream s, engine.source_record m JOIN engine.stream t ON t.stream_id = m.stream_id
        WHERE s.stream_id = r.stream_id AND s.source = :source AND s.canonical = 'debtor' AND s.facet AND r.dirty AND r.claim ? 'bill_to_number'
          AND t.source = :source AND t.canonical = 'debtor' AND NOT t.facet AND m.deleted_at IS NULL AND m.claim ->> 'number' = r.claim ->> 'number'
        """)
    if everything:
        cut.sql("INSERT INTO dirty_debtor SELECT DISTINCT canonical_id FROM canonical.link WHERE entity = 'debtor' AND source = :source")
        return
    cut.sql("""
        INSERT INTO dirty_debtor
        SELECT DISTINCT l.canonical_id FROM engine.source_record r JOIN engine.stream s USING (stream_id)
        JOIN canonical.link l ON l.entity = 'debtor' AND l.source = s.source AND l.external_id = coalesce(r.about, r.key)
        WHERE s.source = :source AND s.canonical = 'debtor' AND r.dirty
        """)
    for canonical, column, claimed in (("account_owner", "claim ->> 'number'", "owner_code"), ("reference", "key", "payment_terms_key"), ("debtor", "key",
        "parent_key")):
        cut.sql(f"""
            INSERT INTO dirty_debtor
            SELECT DISTINCT l.canonical_id FROM engine.source_record r JOIN engine.stream s USING (stream_id)
            JOIN canonical.link l ON l.entity = 'debtor' AND l.source = s.source AND l.external_id = r.key
            WHERE s.source = :source AND s.canonical = 'debtor' AND r.claim ->> '{claimed}' IN (
                SELECT c.{column} FROM engine.source_record c JOIN engine.stream t USING (stream_id) WHERE t.source = :source
                    AND t.canonical = '{canonical}' AND c.dirty)
            ON CONFLICT DO NOTHING
            """)


def link_new_debtors(cut: Cut, entity: str = "debtor") -> int:
    """Gives unlinked records of an automatic source their canonical record; returns how many. Modes none and manual link nothing."""
    if cut.link_mode.get(entity) != "automatic" or not cut.create_unmatched.get(entity):
        return 0
    cut.sql(f"""
        CREATE TEMP TABLE unlinked_{entity} ON COMMIT DROP AS
        SELECT s.source, r.key, {id_sql(entity, "r.key")} AS id FROM engine.source_record r JOIN engine.stream s USING (stream_id)
        LEFT JOIN canonical.link l ON l.entity = '{entity}' AND l.source = s.source AND l.external_id = r.key
        WHERE s.source = :source AND s.canonical = '{entity}' AND NOT s.facet AND r.dirty AND r.claim IS NOT NULL AND r.deleted_at IS NULL AND r.state = 0
            AND l.canonical_id IS NULL
        """)
    created = cut.sql(f"""
        INSERT INTO canonical.link (entity, source, external_id, canonical_id, method, rule, decided_by)
        SELECT '{entity}', u.source, u.key, CASE WHEN taken.canonical_id IS NULL THEN u.id ELSE gen_random_uuid() END, 'created', 'create_unmatched', 'system'
        FROM unlinked_{entity} u LEFT JOIN (SELECT DISTINCT canonical_id FROM canonical.link WHERE entity = '{entity}') taken ON taken.canonical_id = u.id
        """)
    if created > ANALYZE_FROM:
        cut.sql("ANALYZE canonical.link")
    count(cut, "link", created=created)
    return created


def publish_debtors(cut: Cut) -> None:
    """Folds the dirty debtors and merges them. Raises ConfigurationError when the portfolio brake trips."""
    if number_dirty(cut, "dirty_debtor") == 0:
        return
    cut.sql("CREATE TEMP TABLE incoming_debtor (LIKE canonical.debtor) ON COMMIT DROP")
    for column in ("first_seen_at", "changed_at"):
        cut.sql(f"ALTER TABLE incoming_debtor ALTER {column} DROP NOT NULL")
    look = _Lookups(cut)
    for chunk in fold(cut, "debtor", DEBTOR, "dirty_debtor", look.derived):
        look.parents_of(chunk)
        copy_wanted(cut, "incoming_debtor", ("id", *COLUMNS), [_row(f, look) for f in chunk])
    _keep_deletion_dates(cut)
    _portfolio_brake(cut)
    merge_into(cut, "debtor", "incoming_debtor", COLUMNS, audited=[c for c in COLUMNS if c != "provenance"],
        fresh=not cut.exists("SELECT FROM canonical.debtor"))
    if cut.exists("SELECT FROM canonical.debtor WHERE parent_id IS NOT NULL"):
        _ultimate_parents(cut)


def _row(folded: Folded, look: _Lookups) -> list[Any]:
    values, leading = folded.resolved.values, folded.leading
    provenance = {f.stored_as: folded.resolved.provenance[f.name] for f in DEBTOR if f.name in values}
    said_by = folded.resolved.provenance
    return [
        str(folded.id), values.get("number"), leading.values.get("source_modified_at"), "now" if folded.is_deleted else None,
        json_text(values.get("custom")), look.company.get(leading.source), *[cell(values.get(f.name)) for f in PLAIN],
        look.terms.get((said_by.get("payment_terms_key"), values.get("payment_terms_key"))),
        look.parents.get((said_by.get("parent_key"), values.get("parent_key"))),
        look.owners.get((said_by.get("owner_code"), values.get("owner_code"))),
        str(canonical_id(said_by["portfolio_key"], "portfolio", values["portfolio_key"])) if values.get("portfolio_key") else None,
        "true" if folded.is_excluded else "false", json_text(provenance),
    ]


class _Lookups:
    """What references resolve to: small lists whole, parents per chunk, portfolios from the debtors' dimension values."""

    def __init__(self, cut: Cut) -> None:
        self._cut = cut
        self.company = {str(s): str(i) for s, i in cut.rows("SELECT source, id FROM canonical.company")}
        self.terms: dict[tuple[Any, Any], Any] = {(str(s), str(k).partition("/")[2]): c for s, k,
            c in cut.rows("SELECT source, external_id, code FROM canonical.reference WHERE kind = 'payment_terms'")}
        self.owners: dict[tuple[Any, Any], str] = {(str(s), str(n)): str(i) for s, n,
            i in cut.rows("SELECT source, number, id FROM canonical.account_owner WHERE number IS NOT NULL AND deleted_at IS NULL")}
        self.parents: dict[tuple[Any, Any], str] = {}
        self._keys: dict[str, dict[str, str]] = {}
        self._values = self._card_values()

    def _card_values(self) -> dict[tuple[str, UUID], str]:
        """(source, debtor id) -> external id of the value of that source's chosen dimension on the card."""
        rows = self._cut.rows("""
            SELECT dd.source, dd.debtor_id, min(v.external_id)
            FROM dirty_debtor y JOIN canonical.debtor_dimension dd ON dd.debtor_id = y.id AND dd.deleted_at IS NULL
            JOIN canonical.dimension_value v ON v.id = dd.dimension_value_id AND NOT coalesce(v.is_heading, false)
            JOIN canonical.dimension d ON d.id = v.dimension_id JOIN engine.source o ON o.source = dd.source
                AND o.config -> 'portfolio' ->> 'dimension' = d.code
            GROUP BY dd.source, dd.debtor_id
            """)
        return {(str(s), UUID(str(i))): str(v) for s, i, v in rows}

    def derived(self, id_: UUID, source: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """The portfolio a source's dimension gives (no value on its card says 'none', not nothing), and a parent named by number."""
        value = self._values.get((source, id_))
        found: dict[str, Any] = {"portfolio_key": value} if value is not None or (source == self._cut.source and self._cut.portfolio_dimension) else {}
        if (bill_to := values.get("bill_to_number")) is not None and bill_to != values.get("number"):
            found["parent_key"] = self._key_of(source, bill_to)
        return found

    def _key_of(self, source: str, number: str) -> str | None:
        """The key of a debtor by its number; the list is read once, and only where parents are named by number."""
        if source not in self._keys:
            self._keys[source] = {str(n): str(k) for n, k in self._cut.rows("""
                SELECT r.claim ->> 'number', r.key FROM engine.source_record r JOIN engine.stream s USING (stream_id)
                WHERE s.source = :of AND s.canonical = 'debtor' AND NOT s.facet AND r.claim IS NOT NULL AND r.deleted_at IS NULL
                """, of=source)}
        return self._keys[source].get(number)

    def parents_of(self, chunk: list[Folded]) -> None:
        """Resolves the parents this chunk names."""
        wanted = {(f.resolved.provenance["parent_key"],
            f.resolved.values["parent_key"]) for f in chunk if f.resolved.values.get("parent_key")} - set(self.parents)
        for source in {s for s, _ in wanted}:
            rows = self._cut.rows(
                "SELECT external_id, canonical_id FROM canonical.link WHERE entity = 'debtor' AND source = :of AND external_id = ANY(:keys)", of=source, keys=[k for s, k in wanted if s == source])
            self.parents.update({(source, k): str(i) for k, i in rows})


def _keep_deletion_dates(cut: Cut) -> None:
    cut.sql("""
        UPDATE incoming_debtor n SET deleted_at = o.deleted_at FROM canonical.debtor o
        WHERE o.id = n.id AND n.deleted_at IS NOT NULL AND o.deleted_at IS NOT NULL
        """)


def _portfolio_brake(cut: Cut) -> None:
    """Debtors that would leave one portfolio for another: more than the configured share needs a person's word first."""
    if cut.accept_held:
        return
    moving, members = cut.rows("""
        SELECT count(*) FILTER (WHERE n.portfolio_id IS DISTINCT FROM o.portfolio_id), (SELECT count(*) FROM canonical.debtor
            WHERE portfolio_id IS NOT NULL AND deleted_at IS NULL)
        FROM incoming_debtor n JOIN canonical.debtor o USING (id) WHERE o.portfolio_id IS NOT NULL
        """)[0]
    if int(str(moving)) > max(5, cut.move_brake * int(str(members))):
        raise ConfigurationError(
            f"{moving} of {members} debtors would change portfolio in one cut, more than the brake of {cut.move_brake:.0%}", whose=cut.source,
                key="portfolio.move_brake",
            todo="Nothing was published. Look at the dimension in the ERP and in the YAML; if it is meant, run again with --accept-moves.")


def _ultimate_parents(cut: Cut) -> None:
    """The root of every parent chain; a cycle has no root and is reported, not followed."""
    cut.sql("""
        WITH RECURSIVE chain AS (
            SELECT id, parent_id AS up, ARRAY[id] AS path FROM canonical.debtor WHERE parent_id IS NOT NULL
            UNION ALL SELECT c.id, p.parent_id, c.path || p.id FROM chain c JOIN canonical.debtor p ON p.id = c.up WHERE p.parent_id IS NOT NULL
                AND p.id <> ALL(c.path)),
        root AS (SELECT DISTINCT ON (id) id, up FROM chain ORDER BY id, cardinality(path) DESC)
        UPDATE canonical.debtor d SET ultimate_parent_id = r.up FROM root r WHERE r.id = d.id AND d.ultimate_parent_id IS DISTINCT FROM r.up
        """)
    cut.sql("UPDATE canonical.debtor SET ultimate_parent_id = NULL WHERE parent_id IS NULL AND ultimate_parent_id IS NOT NULL")
