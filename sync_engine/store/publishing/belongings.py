"""Publishes what belongs to a debtor or a document: addresses, activities, attachments. One master each, so they are stored as claimed."""

from __future__ import annotations

from sync_engine.canonical.belongings import ACTIVITY, ADDRESS, ATTACHMENT
from sync_engine.canonical.fields import Field
from sync_engine.store.publishing.cut import Cut, id_sql, merge_into
from sync_engine.store.staging import TYPES

BELONGINGS: dict[str, tuple[Field, ...]] = {
    "address": ADDRESS,
    "activity": ACTIVITY,
    "attachment": ATTACHMENT,
}
OWNER = {
    "address": "debtor_id",
    "activity": "debtor_id",
    "attachment": "owner_id",
}
"""The column that says whose it is. Of a debtor's it follows the links; until the debtor is known it is null."""


def publish_belongings(cut: Cut) -> None:
    """Those that changed, and those of debtors whose records were linked; `dirty_debtor` says whose links may have moved."""
    for (entity,) in cut.rows(
        "SELECT DISTINCT canonical FROM engine.stream WHERE source = :source AND canonical = ANY(:kinds) ORDER BY 1",
        kinds=list(BELONGINGS),
    ):
        _publish(cut, str(entity))


def _publish(cut: Cut, entity: str) -> None:
    fields = [f for f in BELONGINGS[entity] if not f.name.endswith("_key")]
    said = ", ".join(f"CAST(r.claim ->> '{f.name}' AS {TYPES[f.kind]}) AS \"{f.name}\"" for f in fields)
    owner = OWNER[entity]
    whose = f"l.canonical_id AS {owner}"
    if entity == "attachment":
        whose = f"""
               CASE WHEN r.claim ->> 'document_key' IS NOT NULL THEN 'document' WHEN r.claim ->> 'payment_key' IS NOT NULL THEN 'payment'
                   ELSE 'debtor' END AS owner_table,
               CASE WHEN r.claim ->> 'document_key' IS NOT NULL THEN {id_sql("document", "(r.claim ->> 'document_key')")}
                   WHEN r.claim ->> 'payment_key' IS NOT NULL THEN {id_sql("payment", "(r.claim ->> 'payment_key')")} ELSE l.canonical_id END AS owner_id"""
    cut.sql(f"""
        CREATE TEMP TABLE incoming_{entity} ON COMMIT DROP AS
        SELECT {id_sql(entity, "r.key")} AS id, s.source, r.key AS external_id, r.claim ->> 'source_url' AS source_url,
               CAST(r.claim ->> 'source_modified_at' AS timestamptz) AS source_modified_at,
               coalesce(r.deleted_at, CASE WHEN r.state = 2 THEN now() END) AS deleted_at, r.claim ->> 'debtor_key' AS debtor_key, {whose}, {said}
        FROM engine.source_record r JOIN engine.stream s USING (stream_id)
        LEFT JOIN canonical.link l ON l.entity = 'debtor' AND l.source = s.source AND l.external_id = r.claim ->> 'debtor_key'
        WHERE s.source = :source AND s.canonical = '{entity}' AND NOT s.facet AND r.claim IS NOT NULL AND r.dirty AND r.state <> 1
        """)
    columns = ["source", "external_id", "source_url", "source_modified_at", "deleted_at", "debtor_key", owner]
    columns += (["owner_table"] if entity == "attachment" else []) + [f'"{f.name}"' for f in fields]
    merge_into(
        cut,
        entity,
        f"incoming_{entity}",
        columns,
        audited=[
            c.strip('"') for c in columns if c not in ("source", "external_id", "source_url", "debtor_key")
        ],
    )
    cut.sql(f"""
        CREATE TEMP TABLE linked_{entity} ON COMMIT DROP AS
        SELECT b.id, l.canonical_id AS {owner} FROM dirty_debtor y
        JOIN canonical.link l ON l.entity = 'debtor' AND l.source = :source AND l.canonical_id = y.id
        JOIN canonical.{entity} b ON b.source = l.source AND b.debtor_key = l.external_id
        WHERE b.{owner} IS DISTINCT FROM l.canonical_id {_OF_DEBTORS if entity == "attachment" else ""}
        """)
    merge_into(cut, entity, f"linked_{entity}", (owner,))


_OF_DEBTORS = "AND b.owner_table = 'debtor'"


def move_belongings(cut: Cut) -> int:
    """Those of records that another debtor is meant by now (temporary table `moved_record`); returns how many."""
    moved = 0
    for table, owner in {**OWNER, "debtor_dimension": "debtor_id"}.items():
        cut.sql(f"""
            CREATE TEMP TABLE moved_{table} ON COMMIT DROP AS
            SELECT o.id, m.new AS {owner} FROM moved_record m
            JOIN canonical.{table} o ON o.source = m.source AND o.debtor_key = m.key AND o.{owner} IS NOT DISTINCT FROM m.old
            """)
        merge_into(cut, table, f"moved_{table}", (owner,))
        moved += int(str(cut.rows(f"SELECT count(*) FROM moved_{table}")[0][0]))
    return moved
