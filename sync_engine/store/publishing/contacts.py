"""Publishes contacts: which debtor they belong to, the fold of their claims, and the positions their titles gave."""

from __future__ import annotations

from typing import Any

from sync_engine.canonical.contact import CONTACT, email_normalised
from sync_engine.ownership.resolve import PERSON
from sync_engine.store.db import tell_planner
from sync_engine.store.publishing import pins, primary_contacts
from sync_engine.store.publishing.cut import Cut, canonical_id, count, merge_into
from sync_engine.store.publishing.fold import Folded, cell, copy_wanted, fold, json_text, number_dirty
from sync_engine.store.publishing.new_links import link_new
from sync_engine.store.publishing.parties import NO_DEBTOR
from sync_engine.store.temporary import DEBTOR_OF_CONTACT, DIRTY_CONTACT, INCOMING_CONTACT

PLAIN = tuple(f for f in CONTACT if f.name not in ("debtor_key", "position", "custom"))
COLUMNS = (
    "external_no",
    "source_url",
    "source_modified_at",
    "deleted_at",
    "custom",
    "debtor_id",
    *(f.stored_as for f in PLAIN),
    "email_normalised",
    "position_id",
    "provenance",
)


def publish_contacts(cut: Cut, *, everything: bool, everyone: bool = False) -> None:
    """Contacts of known debtors become canonical; the others are excluded until their debtor is known."""
    linked = cut.counts.get("link", {})
    has_new_links = bool(linked.get("created") or linked.get("debtors_matched"))
    if (
        not (everything or everyone or has_new_links or pins.have_expired(cut, "contact"))
        and not cut.exists("""
            SELECT FROM engine.source_record r JOIN engine.stream s USING (stream_id) WHERE s.source = :source AND s.canonical = 'contact' AND r.dirty""")
    ):
        return
    begin_contacts(cut)
    collect_contacts(cut, everything=everything)
    if everyone:
        cut.sql(
            "INSERT INTO dirty_contact SELECT DISTINCT canonical_id FROM canonical.link WHERE entity = 'contact' ON CONFLICT DO NOTHING"
        )
    pins.expire(cut, "contact")
    fold_contacts(cut)


def begin_contacts(cut: Cut) -> None:
    """Empty temporary tables: which contacts to fold, and the debtor each contact belongs to."""
    cut.sql(DIRTY_CONTACT.create())
    cut.sql(DEBTOR_OF_CONTACT.create())


def collect_contacts(cut: Cut, *, everything: bool) -> None:
    """Finds the debtors of this source's contacts, links the new ones, and notes which must be folded again."""
    _find_debtors(cut)
    link_new(cut, "contact")
    cut.sql(
        """
        INSERT INTO dirty_contact
        SELECT l.canonical_id FROM engine.source_record r JOIN engine.stream s USING (stream_id)
        JOIN canonical.link l ON l.entity = 'contact' AND l.source = s.source AND l.external_id = coalesce(r.about, r.key)
        WHERE s.source = :source AND s.canonical = 'contact' AND (r.dirty OR :everything)
        UNION SELECT canonical_id FROM canonical.link WHERE entity = 'contact' AND source = :source AND decided_at = now()
        ON CONFLICT DO NOTHING
        """,
        everything=everything,
    )


def fold_contacts(cut: Cut) -> None:
    """Folds and merges the contacts in dirty_contact, and those that were or become the primary one beside them."""
    if number_dirty(cut, "dirty_contact") == 0:
        return
    cut.sql(INCOMING_CONTACT.create())
    cut.sql("ALTER TABLE incoming_contact ALTER first_seen_at DROP NOT NULL, ALTER changed_at DROP NOT NULL")
    primary_contacts.begin(cut)
    _want(cut, "dirty_contact")
    if primary_contacts.call_up(cut):
        _want(cut, "other_contact")
    cut.sql("""
        UPDATE incoming_contact n SET deleted_at = o.deleted_at FROM canonical.contact o
        WHERE o.id = n.id AND n.deleted_at IS NOT NULL AND o.deleted_at IS NOT NULL
        """)
    cut.sql("""
        UPDATE incoming_contact n SET debtor_id = o.debtor_id FROM canonical.contact o
        WHERE o.id = n.id AND n.debtor_id IS NULL AND n.deleted_at IS NOT NULL
        """)
    primary_contacts.keep_one(cut)
    merge_into(
        cut,
        "contact",
        "incoming_contact",
        COLUMNS,
        audited=[c for c in COLUMNS if c != "provenance"],
        fresh=not cut.exists("SELECT FROM canonical.contact"),
    )


def _want(cut: Cut, dirty: str) -> None:
    """The contacts of a dirty table, folded, as rows of incoming_contact."""
    primary_contacts.remember(cut, dirty)
    for (source,) in cut.rows(f"""
            SELECT DISTINCT l.source FROM {dirty} d JOIN canonical.link l ON l.entity = 'contact' AND l.canonical_id = d.id
            WHERE NOT EXISTS (SELECT FROM debtor_of_contact o WHERE o.source = l.source)"""):
        _name_debtors(cut, str(source))
    debtors = {
        (str(s), str(k)): str(i)
        for s, k, i in cut.rows(f"""
        SELECT o.source, o.contact_key, o.debtor_id FROM debtor_of_contact o JOIN canonical.link l ON l.entity = 'contact' AND l.source = o.source
            AND l.external_id = o.contact_key JOIN {dirty} d ON d.id = l.canonical_id WHERE o.debtor_id IS NOT NULL
        """)
    }
    for chunk in fold(cut, "contact", CONTACT, dirty):
        _ensure_positions(cut, chunk)
        rows = [[*_row(f, debtors), *primary_contacts.standing(f)] for f in chunk]
        copy_wanted(cut, "incoming_contact", ("id", *COLUMNS, *primary_contacts.COLUMNS), rows)


def _find_debtors(cut: Cut) -> None:
    """The debtor of every contact that may have to be published now; contacts without a known one are excluded until it is known."""
    _name_debtors(cut, cut.source)
    cut.sql("""
        WITH homeless AS (
            DELETE FROM engine.quarantine q USING engine.stream s, debtor_of_contact p
            WHERE q.error = 'AmbiguousMatch' AND s.stream_id = q.stream_id AND s.source = :source AND s.canonical = 'contact' AND p.source = :source
              AND p.contact_key = q.key AND p.debtor_id IS NULL
            RETURNING q.stream_id, q.key)
        UPDATE engine.source_record r SET state = 0 FROM homeless WHERE r.stream_id = homeless.stream_id AND r.key = homeless.key
        """)
    excluded = cut.sql(
        """
        UPDATE engine.source_record r SET state = 2, reason = :reason, dirty = true
        FROM engine.stream s, debtor_of_contact p
        WHERE s.stream_id = r.stream_id AND s.source = :source AND s.canonical = 'contact' AND NOT s.facet AND p.source = :source AND p.contact_key = r.key
            AND p.debtor_id IS NULL AND r.state = 0
        """,
        reason=NO_DEBTOR,
    )
    cut.sql(
        """
        UPDATE engine.source_record r SET state = 0, reason = NULL, dirty = true
        FROM engine.stream s, debtor_of_contact p
        WHERE s.stream_id = r.stream_id AND s.source = :source AND s.canonical = 'contact' AND NOT s.facet AND p.source = :source AND p.contact_key = r.key
            AND p.debtor_id IS NOT NULL AND r.state = 2 AND r.reason = :reason
        """,
        reason=NO_DEBTOR,
    )
    cut.sql("""
        WITH moved AS MATERIALIZED (
            SELECT f.contact_key FROM debtor_of_contact f
            JOIN canonical.link l ON l.entity = 'contact' AND l.source = :source AND l.external_id = f.contact_key
            JOIN canonical.contact c ON c.id = l.canonical_id
            WHERE f.source = :source AND c.debtor_id IS DISTINCT FROM f.debtor_id)
        UPDATE engine.source_record r SET dirty = true FROM moved, engine.stream s
        WHERE s.stream_id = r.stream_id AND s.source = :source AND s.canonical = 'contact' AND NOT s.facet AND r.key = moved.contact_key AND NOT r.dirty
        """)
    count(cut, "contact", without_debtor=excluded)


def _name_debtors(cut: Cut, source: str) -> None:
    """Contact -> debtor, by key and by canonical id, for one source.

    A contact names its debtor itself, or a colleague of the same company does, or its company number is a debtor's number.
    """
    cut.sql("DROP TABLE IF EXISTS contact_part")
    cut.sql(
        """
        CREATE TEMP TABLE contact_part ON COMMIT DROP AS
        SELECT coalesce(r.about, r.key) AS key, s.facet, r.deleted_at, r.claim ->> 'debtor_key' AS debtor_key, r.claim ->> 'company_number' AS company_number
        FROM engine.source_record r JOIN engine.stream s USING (stream_id)
        WHERE s.source = :of AND s.canonical = 'contact' AND r.claim IS NOT NULL AND (r.deleted_at IS NULL OR r.dirty)
        """,
        of=source,
    )
    tell_planner(cut.connection, "contact_part")
    cut.sql(
        """
        INSERT INTO debtor_of_contact
        WITH own AS (SELECT key, min(debtor_key) AS debtor_key, min(company_number) AS company_number, bool_or(NOT facet) AS is_defined FROM contact_part
            WHERE deleted_at IS NULL GROUP BY key),
        colleague AS (SELECT company_number, min(debtor_key) AS debtor_key FROM own WHERE debtor_key IS NOT NULL
            AND company_number IS NOT NULL GROUP BY company_number),
        numbered AS (
            SELECT r.claim ->> 'number' AS number, min(r.key) AS debtor_key FROM engine.source_record r JOIN engine.stream s USING (stream_id)
            WHERE s.source = :of AND s.canonical = 'debtor' AND NOT s.facet AND r.claim IS NOT NULL AND r.deleted_at IS NULL
              AND EXISTS (SELECT FROM own WHERE own.debtor_key IS NULL AND own.company_number IS NOT NULL)
              AND NOT EXISTS (SELECT FROM engine.stream f WHERE f.source = :of AND f.canonical = 'contact' AND f.facet)
            GROUP BY 1),
        named AS (
            SELECT own.key AS contact_key, coalesce(own.debtor_key, c.debtor_key, n.debtor_key) AS debtor_key
            FROM own LEFT JOIN colleague c USING (company_number) LEFT JOIN numbered n ON n.number = own.company_number
            WHERE own.is_defined)
        SELECT CAST(:of AS text), named.contact_key, named.debtor_key, l.canonical_id
        FROM named LEFT JOIN canonical.link l ON l.entity = 'debtor' AND l.source = :of AND l.external_id = named.debtor_key
        """,
        of=source,
    )
    tell_planner(cut.connection, "debtor_of_contact")


def _ensure_positions(cut: Cut, chunk: list[Folded]) -> None:
    """Every position named in the chunk exists; its first spelling stays."""
    names: dict[str, str] = {}
    for folded in chunk:
        if name := folded.resolved.values.get("position"):
            names.setdefault(name.strip().casefold(), name.strip())
    for key, name in names.items():
        cut.sql(
            """
            INSERT INTO canonical.contact_position (id, name, name_key, origin) VALUES (:id, :name, :key, 'title') ON CONFLICT (name_key) DO NOTHING
            """,
            id=canonical_id("", "position", key),
            name=name,
            key=key,
        )


def _row(folded: Folded, debtors: dict[tuple[str, str], str]) -> list[Any]:
    values, provenance = folded.resolved.values, folded.resolved.provenance
    position = values.get("position")
    return [
        str(folded.id),
        values.get("number"),
        folded.leading.values.get("source_url"),
        folded.leading.values.get("source_modified_at"),
        "now" if folded.is_deleted or folded.is_excluded else None,
        json_text(values.get("custom")),
        _debtor(folded, debtors),
        *[cell(values.get(f.name)) for f in PLAIN],
        email_normalised(values.get("email")),
        str(canonical_id("", "position", position.strip().casefold())) if position else None,
        json_text({f.stored_as: provenance[f.name] for f in CONTACT if f.name in values}),
    ]


def _debtor(folded: Folded, debtors: dict[tuple[str, str], str]) -> str | None:
    """The debtor of the source that is believed about it, else of the first source whose debtor is known; one pinned by a person is final."""
    believed = folded.resolved.provenance.get("debtor_key")
    if believed == PERSON:
        return str(folded.resolved.values["debtor_key"])
    inside = [
        (c.source != believed, place, debtors.get((c.source, c.key))) for place, c in enumerate(folded.claims)
    ]
    return next((debtor for _, _, debtor in sorted(inside, key=lambda x: x[:2]) if debtor is not None), None)
