"""Publishes debtors: links for new ones, the fold of their claims, references resolved, portfolios guarded by a brake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sync_engine.canonical.debtor import DEBTOR
from sync_engine.errors import ConfigurationError
from sync_engine.ownership.resolve import INBOX, PERSON
from sync_engine.store.db import tell_planner
from sync_engine.store.publishing import joined, owners, parents, pins
from sync_engine.store.publishing.cut import Cut, canonical_id, merge_into
from sync_engine.store.publishing.fold import Folded, cell, copy_wanted, fold, json_text, number_dirty
from sync_engine.store.temporary import DIRTY_DEBTOR, INCOMING_DEBTOR

IN_ORDER = ("payment_terms_key", "parent_key", "owner_code", "portfolio_key")
REFERENCES = set(IN_ORDER)
PLAIN = tuple(f for f in DEBTOR if f.name not in REFERENCES and f.name != "custom")
REFERRED = (
    ("reference", "key", "payment_terms_key"),
    ("debtor", "key", "parent_key"),
    ("debtor", "claim ->> 'number'", "bill_to_number"),
)
"""What debtors refer to: the kind of record, what it is called by, and the field of a debtor's claim that names it."""
COLUMNS = (
    "external_no",
    "source_url",
    "source_modified_at",
    "deleted_at",
    "custom",
    "company_id",
    *(f.stored_as for f in PLAIN),
    "payment_terms",
    "parent_id",
    "owner_id",
    "portfolio_id",
    "excluded",
    "erp_balance_unknown",
    "provenance",
)


def mark_dirty_debtors(cut: Cut, *, everything: bool, everyone: bool = False) -> None:
    """Collects the canonical debtors this cut must fold again into temporary table dirty_debtor.

    `everything` is all of this source, `everyone` all of every source: after a change of policy no ERP need be asked.
    """
    cut.sql(DIRTY_DEBTOR.create())
    cut.sql("""
        UPDATE engine.source_record r SET about = m.key FROM engine.stream s, engine.source_record m JOIN engine.stream t ON t.stream_id = m.stream_id
        WHERE s.stream_id = r.stream_id AND s.source = :source AND s.canonical = 'debtor' AND s.facet AND r.dirty AND r.claim ? 'bill_to_number'
          AND t.source = :source AND t.canonical = 'debtor' AND NOT t.facet AND m.deleted_at IS NULL AND m.claim ->> 'number' = r.claim ->> 'number'
        """)
    _find_early_cards(cut)
    if (
        everything
        or everyone
        or cut.exists("SELECT FROM change_new WHERE entity = 'company' AND op = 'create'")
    ):
        cut.sql(
            "INSERT INTO dirty_debtor SELECT DISTINCT canonical_id FROM canonical.link WHERE entity = 'debtor' AND (source = :source OR :everyone)",
            everyone=everyone,
        )
        _mark_ended(cut)
        return
    cut.sql("""
        INSERT INTO dirty_debtor
        SELECT DISTINCT l.canonical_id FROM engine.source_record r JOIN engine.stream s USING (stream_id)
        JOIN canonical.link l ON l.entity = 'debtor' AND l.source = s.source AND l.external_id = coalesce(r.about, r.key)
        WHERE s.source = :source AND s.canonical = 'debtor' AND r.dirty
        """)
    for canonical, column, claimed in REFERRED:
        _mark_referring(cut, canonical, column, claimed)
    owners.mark_dirty(cut)
    _mark_ended(cut)


def _mark_ended(cut: Cut) -> None:
    pins.expire(cut, "debtor")
    parents.mark_circles(cut)


def _find_early_cards(cut: Cut) -> None:
    """A card that names its debtor by number, and came before it, is found when the debtor comes."""
    cut.sql("""
        UPDATE engine.source_record r SET about = m.key FROM engine.stream s, (
            SELECT d.key, d.claim ->> 'number' AS number FROM engine.source_record d JOIN engine.stream t USING (stream_id)
            WHERE t.source = :source AND t.canonical = 'debtor' AND NOT t.facet AND d.dirty AND d.deleted_at IS NULL AND NOT EXISTS (
                SELECT FROM engine.source_record x JOIN engine.stream y USING (stream_id)
                WHERE y.source = :source AND y.canonical = 'debtor' AND y.facet AND x.about = d.key)) m
        WHERE s.stream_id = r.stream_id AND s.source = :source AND s.canonical = 'debtor' AND s.facet AND r.about IS NULL AND r.deleted_at IS NULL
          AND r.claim ? 'bill_to_number' AND r.claim ->> 'number' = m.number
        """)


def _mark_referring(cut: Cut, canonical: str, column: str, claimed: str) -> None:
    """Debtors whose claims name a record that is new, changed or gone; there is no index over claims, so nobody looks without need.

    Dirty debtors are marked already. What changed is counted first: of claims the planner expects a handful, and would read all of
    them again for each of the debtors of a first load.
    """
    changed = f"""
        SELECT c.{column} AS name FROM engine.source_record c JOIN engine.stream t USING (stream_id)
        WHERE t.source = :source AND t.canonical = '{canonical}' AND c.dirty"""
    if canonical == "debtor":  # a parent that was there before and still is changes nothing for its children
        changed += """ AND (c.deleted_at IS NOT NULL OR NOT EXISTS (
            SELECT FROM canonical.link l JOIN canonical.debtor d ON d.id = l.canonical_id
            WHERE l.entity = 'debtor' AND l.source = :source AND l.external_id = c.key AND l.decided_at < now() AND d.deleted_at IS NULL))"""
    if not cut.exists(changed):
        return
    cut.sql(f"CREATE TEMP TABLE named_{claimed} ON COMMIT DROP AS {changed}")
    tell_planner(cut.connection, f"named_{claimed}")
    cut.sql(f"""
        INSERT INTO dirty_debtor
        SELECT DISTINCT l.canonical_id FROM engine.source_record r JOIN engine.stream s USING (stream_id)
        JOIN canonical.link l ON l.entity = 'debtor' AND l.source = s.source AND l.external_id = coalesce(r.about, r.key)
        WHERE s.source = :source AND s.canonical = 'debtor' AND NOT r.dirty AND r.claim ->> '{claimed}' IN (SELECT name FROM named_{claimed})
        ON CONFLICT DO NOTHING
        """)


def publish_debtors(cut: Cut) -> None:
    """Folds the dirty debtors and merges them. Raises ConfigurationError when the portfolio brake trips."""
    if number_dirty(cut, "dirty_debtor") == 0:
        return
    cut.sql(INCOMING_DEBTOR.create())
    cut.sql("ALTER TABLE incoming_debtor ALTER first_seen_at DROP NOT NULL, ALTER changed_at DROP NOT NULL")
    look, unknown = _Lookups(cut), list[str]()
    for chunk in fold(cut, "debtor", DEBTOR, "dirty_debtor", look.derived):
        look.parents_of(chunk)
        copy_wanted(cut, "incoming_debtor", ("id", *COLUMNS), [_row(f, look, unknown) for f in chunk])
    look.owners.tell()
    owners.keep_known(cut, unknown)
    _keep_deletion_dates(cut)
    _portfolio_brake(cut)
    parents.break_circles(cut)
    merge_into(
        cut,
        "debtor",
        "incoming_debtor",
        COLUMNS,
        audited=[c for c in COLUMNS if c not in ("provenance", "source_url")],
        fresh=not cut.exists("SELECT FROM canonical.debtor"),
    )
    parents.publish_others(cut)
    parents.derive_ultimate(cut)
    joined.publish_groups(cut)
    joined.publish_tags(cut, "debtor")


def tell_buried(cut: Cut) -> None:
    """Warns where this cut deleted debtors that still owe something: their open items are in nobody's balance."""
    buried = cut.rows("""
        SELECT b.number FROM dirty_debtor y JOIN canonical.debtor b USING (id)
        WHERE b.cut_id = :cut AND b.deleted_at IS NOT NULL AND b.merged_into IS NULL
          AND EXISTS (SELECT FROM canonical.document d WHERE d.debtor_id = b.id AND d.deleted_at IS NULL AND d.open_amount <> 0)
        ORDER BY b.number
        """)
    if buried:
        cut.warnings.append(
            f"{cut.source}: {len(buried)} debtors were deleted that have open items, for example {buried[0][0]}. See whether those are settled, or whether the "
            "source left the debtors out."
        )


def _row(folded: Folded, look: _Lookups, unknown: list[str]) -> list[Any]:
    """The debtor's row; of a debtor whose owner nobody knows the id is noted in `unknown`."""
    values, leading = folded.resolved.values, folded.leading
    provenance = {f.stored_as: folded.resolved.provenance[f.name] for f in DEBTOR if f.name in values}
    said_by, owner = folded.resolved.provenance, look.owners.of(folded)
    if owner.source is not None:
        provenance["owner_id"] = owner.source
    if owner.is_unknown:
        unknown.append(str(folded.id))
    references = {
        name: look.reference(name, said_by.get(name), values.get(name))
        for name in IN_ORDER
        if name != owners.FIELD
    } | {owners.FIELD: owner.owner}
    return [
        str(folded.id),
        values.get("number"),
        leading.values.get("source_url"),
        leading.values.get("source_modified_at"),
        "now" if folded.is_deleted else None,
        json_text(values.get("custom")),
        look.company.get(folded.home),
        *[cell(values.get(f.name)) for f in PLAIN],
        *[references[name] for name in IN_ORDER],
        "true" if folded.is_excluded else "false",
        str(folded.resolved.unknown.get("erp_balance", 0)),
        json_text(provenance),
    ]


class _Lookups:
    """What references resolve to: small lists whole, parents per chunk, portfolios from the debtors' dimension values."""

    def __init__(self, cut: Cut) -> None:
        self._cut = cut
        self.company: dict[str | None, str] = {
            str(s): str(i) for s, i in cut.rows("SELECT source, id FROM canonical.company")
        }
        self.terms: dict[tuple[Any, Any], Any] = {
            (str(s), str(k).partition("/")[2]): c
            for s, k, c in cut.rows(
                "SELECT source, external_id, code FROM canonical.reference WHERE kind = 'payment_terms'"
            )
        }
        self.owners = owners.Owners(cut)
        self.parents: dict[tuple[Any, Any], str] = {}
        self._merged: set[str] | None = None
        self._keys: dict[str, dict[str, str]] = {}
        self._values = self._card_values()
        self._with_portfolio = {
            str(r[0])
            for r in cut.rows(
                "SELECT source FROM engine.source WHERE config -> 'portfolio' ->> 'dimension' IS NOT NULL"
            )
        }

    def reference(self, name: str, said_by: str | None, value: Any) -> str | None:
        """What a claimed key means in the store; a value pinned by a person is what the store holds already."""
        if value is None or said_by is None:
            return None
        if said_by in (PERSON, INBOX):
            return self._survivor(str(value)) if name == "parent_key" else str(value)
        if name == "portfolio_key":
            return str(canonical_id(said_by, "portfolio", value))
        return {"payment_terms_key": self.terms, "parent_key": self.parents}[name].get((said_by, value))

    def _survivor(self, debtor_id: str) -> str:
        if self._merged is None:
            self._merged = {
                str(i)
                for (i,) in self._cut.rows("SELECT id FROM canonical.debtor WHERE merged_into IS NOT NULL")
            }
        return survivor(self._cut, debtor_id) if debtor_id in self._merged else debtor_id

    def _card_values(self) -> dict[tuple[str, str], str]:
        """(source, key of the debtor there) -> external id of the value of that source's chosen dimension, on its card or in its own record."""
        rows = self._cut.rows("""
            SELECT dd.source, dd.debtor_key, min(v.external_id)
            FROM dirty_debtor y JOIN canonical.debtor_dimension dd ON dd.debtor_id = y.id AND dd.deleted_at IS NULL
            JOIN canonical.dimension_value v ON v.id = dd.dimension_value_id AND v.deleted_at IS NULL AND NOT coalesce(v.is_heading, false)
            JOIN canonical.dimension d ON d.id = v.dimension_id JOIN engine.source o ON o.source = dd.source
                AND o.config -> 'portfolio' ->> 'dimension' = d.code
            GROUP BY 1, 2
            """)
        return {(str(s), str(k)): str(v) for s, k, v in rows}

    def derived(self, source: str, key: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """The portfolio a source's dimension gives (no value on its card says 'none', not nothing), and a parent named by number."""
        value = self._values.get((source, key))
        found: dict[str, Any] = (
            {"portfolio_key": value} if value is not None or source in self._with_portfolio else {}
        )
        if (bill_to := values.get("bill_to_number")) is not None and bill_to != values.get("number"):
            found["parent_key"] = self._key_of(source, bill_to)
        return found

    def _key_of(self, source: str, number: str) -> str | None:
        """The key of a debtor by its number; the list is read once, and only where parents are named by number."""
        if source not in self._keys:
            self._keys[source] = {
                str(n): str(k)
                for n, k in self._cut.rows(
                    """
                SELECT r.claim ->> 'number', r.key FROM engine.source_record r JOIN engine.stream s USING (stream_id)
                WHERE s.source = :of AND s.canonical = 'debtor' AND NOT s.facet AND r.claim IS NOT NULL AND r.deleted_at IS NULL
                """,
                    of=source,
                )
            }
        return self._keys[source].get(number)

    def parents_of(self, chunk: list[Folded]) -> None:
        """Resolves the parents this chunk names."""
        wanted = {
            (f.resolved.provenance["parent_key"], f.resolved.values["parent_key"])
            for f in chunk
            if f.resolved.values.get("parent_key")
        } - set(self.parents)
        for source in {s for s, _ in wanted if s not in (PERSON, INBOX)}:
            rows = self._cut.rows(
                "SELECT external_id, canonical_id FROM canonical.link WHERE entity = 'debtor' AND source = :of AND external_id = ANY(:keys)",
                of=source,
                keys=[k for s, k in wanted if s == source],
            )
            self.parents.update({(source, k): str(i) for k, i in rows})


def survivor(cut: Cut, debtor_id: str) -> str:
    """The debtor that one was merged into, or itself."""
    return str(
        cut.rows(
            """
        WITH RECURSIVE up AS (
            SELECT CAST(:id AS uuid) AS id, 0 AS steps
            UNION ALL SELECT d.merged_into, up.steps + 1 FROM up JOIN canonical.debtor d ON d.id = up.id WHERE d.merged_into IS NOT NULL AND up.steps < 100)
        SELECT id FROM up ORDER BY steps DESC LIMIT 1
        """,
            id=debtor_id,
        )[0][0]
    )


def _keep_deletion_dates(cut: Cut) -> None:
    cut.sql("""
        UPDATE incoming_debtor n SET deleted_at = o.deleted_at FROM canonical.debtor o
        WHERE o.id = n.id AND n.deleted_at IS NOT NULL AND o.deleted_at IS NOT NULL
        """)


def _portfolio_brake(cut: Cut) -> None:
    """Debtors that would leave one portfolio for another: more than the configured share needs a person's word first."""
    if cut.accept_moves:
        return
    moving, members = cut.rows("""
        SELECT count(*) FILTER (WHERE n.portfolio_id IS DISTINCT FROM o.portfolio_id), (SELECT count(*) FROM canonical.debtor
            WHERE portfolio_id IS NOT NULL AND deleted_at IS NULL)
        FROM incoming_debtor n JOIN canonical.debtor o USING (id) WHERE o.portfolio_id IS NOT NULL
        """)[0]
    if int(str(moving)) > max(5, cut.move_brake * int(str(members))):
        raise ConfigurationError(
            f"{moving} of {members} debtors would change portfolio in one cut, more than the brake of {cut.move_brake:.0%}",
            whose=cut.source,
            key="portfolio.move_brake",
            todo="Nothing was published. Look at the dimension in the ERP and in the YAML; if it is meant, `run --accept-moves`.",
        )
