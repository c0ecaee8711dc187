"""One primary contact per debtor: of several that are called so, the one pinned last, else by the ranking of sources, else the first by key.

When a contact was linked or read does not count: a fresh load and many small ones keep the same one. The others' claims are overruled.
"""

from __future__ import annotations

from typing import NamedTuple

from sync_engine.ownership.policy import rank
from sync_engine.ownership.resolve import PERSON
from sync_engine.store.publishing.cut import Cut
from sync_engine.store.publishing.fold import Folded, number_dirty
from sync_engine.store.temporary import OTHER_CONTACT

FIELD = "is_primary"
ANOTHER = "another contact"
"""The provenance of the value of a contact that is called primary while its debtor has another one."""
COLUMNS = ("primary_rank", "primary_source", "primary_key")


class Standing(NamedTuple):
    """Who calls a contact primary: the place in the ranking, the source, and the key of its record; three times None where nobody does."""

    place: int | None = None
    source: str | None = None
    key: str | None = None


def standing(folded: Folded) -> Standing:
    """Where a contact stands among others that are called primary."""
    believed = folded.resolved.provenance.get(FIELD)
    if not folded.resolved.values.get(FIELD) or believed is None:
        return Standing()
    if believed == PERSON:
        return Standing(0, folded.leading.source, folded.leading.key)
    said = [c for c in folded.claims if c.source == believed]
    places = [
        place for c in said if (place := rank(folded.resolver.rule(FIELD), c.source, c.role)) is not None
    ]
    return Standing(min(places), believed, min(c.key for c in said))


def begin(cut: Cut) -> None:
    """The columns of a contact's standing beside the wanted rows, and since when claims are overruled by another contact."""
    cut.sql(
        "ALTER TABLE incoming_contact ADD primary_rank int, ADD primary_source text, ADD primary_key text"
    )
    cut.sql(
        "CREATE TEMP TABLE passed_over_since (record_id uuid, source text, external_id text, since timestamptz) ON COMMIT DROP"
    )


def remember(cut: Cut, dirty: str) -> None:
    """The fold of these contacts takes their overruled claims away; those that stay keep their date."""
    cut.sql(
        f"""
        INSERT INTO passed_over_since SELECT o.record_id, o.source, o.external_id, o.since FROM canonical.overruled o JOIN {dirty} d ON d.id = o.record_id
        WHERE o.entity = 'contact' AND o.field = :field AND o.believed_source = :another
        """,
        field=FIELD,
        another=ANOTHER,
    )


def call_up(cut: Cut) -> bool:
    """Whether contacts that did not change must be folded too, in temporary table other_contact: a primary one of their debtor came, went or moved."""
    cut.sql("""
        CREATE TEMP TABLE primary_of ON COMMIT DROP AS
        SELECT debtor_id FROM incoming_contact WHERE is_primary AND debtor_id IS NOT NULL
        UNION SELECT o.debtor_id FROM dirty_contact d JOIN canonical.contact o USING (id) WHERE o.is_primary AND o.debtor_id IS NOT NULL
        """)
    cut.sql(OTHER_CONTACT.create())
    cut.sql(
        """
        INSERT INTO other_contact SELECT c.id FROM primary_of p JOIN canonical.contact c USING (debtor_id)
        WHERE c.deleted_at IS NULL AND (c.is_primary OR c.provenance ->> :field = :another) AND NOT EXISTS (SELECT FROM dirty_contact d WHERE d.id = c.id)
        """,
        field=FIELD,
        another=ANOTHER,
    )
    return number_dirty(cut, "other_contact") > 0


def keep_one(cut: Cut) -> None:
    """Of the wanted contacts of a debtor that are called primary, one stays so."""
    if not cut.exists("SELECT FROM incoming_contact WHERE is_primary"):
        return
    cut.sql(
        """
        CREATE TEMP TABLE passed_over ON COMMIT DROP AS
        WITH pinned AS MATERIALIZED (
            SELECT DISTINCT ON (record_id) record_id, pinned_at FROM engine.pin_here WHERE entity = 'contact' AND field = :field
            ORDER BY record_id, steps, pinned_at DESC, canonical_id)
        SELECT id FROM (
            SELECT n.id, row_number() OVER (PARTITION BY n.debtor_id ORDER BY p.pinned_at DESC NULLS LAST, n.primary_rank,
                array_position(CAST(:named AS text[]), n.primary_source), o.position, n.primary_source COLLATE "C", n.primary_key COLLATE "C", n.id) AS place
            FROM incoming_contact n LEFT JOIN engine.source o ON o.source = n.primary_source
            LEFT JOIN pinned p ON n.provenance ->> :field = :person AND p.record_id = n.id
            WHERE n.is_primary AND n.deleted_at IS NULL AND n.debtor_id IS NOT NULL) x
        WHERE place > 1
        """,
        field=FIELD,
        person=PERSON,
        named=list(cut.policy.sources),
    )
    if not cut.exists("SELECT FROM passed_over"):
        return
    cut.sql(
        """
        UPDATE incoming_contact n SET is_primary = false, provenance = n.provenance || jsonb_build_object(CAST(:field AS text), CAST(:another AS text))
        FROM passed_over x WHERE x.id = n.id
        """,
        field=FIELD,
        another=ANOTHER,
    )
    cut.sql(
        "DELETE FROM canonical.overruled o USING passed_over x WHERE o.entity = 'contact' AND o.record_id = x.id AND o.field = :field",
        field=FIELD,
    )
    cut.sql(
        """
        INSERT INTO canonical.overruled (entity, record_id, field, source, external_id, said, believed, believed_source, since)
        SELECT DISTINCT 'contact', c.record_id, c.field, c.source, c.external_id, c.said, CAST('false' AS jsonb), CAST(:another AS text),
            coalesce(s.since, now())
        FROM passed_over x JOIN canonical.field_claim c ON c.entity = 'contact' AND c.record_id = x.id AND c.field = :field
        LEFT JOIN passed_over_since s USING (record_id, source, external_id)
        WHERE c.said = 'true' AND NOT c.is_deleted
        """,
        field=FIELD,
        another=ANOTHER,
    )
