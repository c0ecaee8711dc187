"""What documents and entries name that is not known yet: their owner, their terms, the base currency that a blank one means.

Documents leave staging once they are published, so what they named in vain is remembered here until it comes.
"""

from __future__ import annotations

from sync_engine.store.publishing.code_lists import base_currency_is_new
from sync_engine.store.publishing.cut import Cut
from sync_engine.store.staging import staged

OWNERS_BY_NAME = """(SELECT DISTINCT ON (called) called, id FROM canonical.account_owner
            CROSS JOIN LATERAL (VALUES (1, number), (2, external_number), (3, name)) n(rung, called)
            WHERE source = :source AND deleted_at IS NULL AND called IS NOT NULL ORDER BY called, rung, id)"""
"""Who is meant by what a record calls its owner: a number, else an external number, else a name."""


def note_unresolved(cut: Cut) -> None:
    """Remembers which owners and terms the staged documents name that nobody knows yet, and forgets those that were found."""
    documents = staged(cut.source, "document")
    if cut.exists("SELECT FROM engine.unresolved_reference WHERE source = :source"):
        cut.sql(
            f"DELETE FROM engine.unresolved_reference w WHERE w.source = :source AND w.document_id = ANY (ARRAY(SELECT id FROM {documents}))"
        )
    cut.sql(f"""
        INSERT INTO engine.unresolved_reference (document_id, source, owner, terms)
        SELECT d.id, :source, CASE WHEN o.id IS NULL THEN d.owner_code END, CASE WHEN t.code IS NULL THEN d.terms_key END
        FROM {documents} d JOIN engine.stream s ON s.stream_id = d.stream_id AND NOT s.facet
        LEFT JOIN {OWNERS_BY_NAME} o ON o.called = d.owner_code
        LEFT JOIN canonical.reference t ON t.source = :source AND t.external_id = 'payment_terms/' || d.terms_key
        WHERE o.id IS NULL AND d.owner_code IS NOT NULL OR t.code IS NULL AND d.terms_key IS NOT NULL ORDER BY d.id
        """)  # in the order of the index, which is cheaper to write


def take_up_resolved(cut: Cut) -> None:
    """Published documents join incoming_document when what they named in vain has come in this cut."""
    if base_currency_is_new(cut):
        _take_up(cut, "o.source = :source")
        cut.sql("""
            UPDATE incoming_document n SET currency = c.base_currency FROM canonical.company c WHERE c.source = :source AND n.currency IS NULL
            """)
    if not cut.exists("SELECT FROM change_new WHERE entity IN ('account_owner', 'reference')"):
        return
    cut.sql(f"""
        CREATE TEMP TABLE resolved_reference ON COMMIT DROP AS
        SELECT w.document_id, o.id AS owner_id, t.code AS terms FROM engine.unresolved_reference w
        LEFT JOIN {OWNERS_BY_NAME} o ON o.called = w.owner
        LEFT JOIN canonical.reference t ON t.source = :source AND t.external_id = 'payment_terms/' || w.terms
        WHERE w.source = :source AND (o.id IS NOT NULL OR t.code IS NOT NULL)
        """)
    _take_up(cut, "o.id IN (SELECT document_id FROM resolved_reference)")
    for column in ("owner_id", "terms"):
        cut.sql(
            f"UPDATE incoming_document n SET {column} = r.{column} FROM resolved_reference r WHERE r.document_id = n.id AND r.{column} IS NOT NULL"
        )
    cut.sql("""
        UPDATE engine.unresolved_reference w SET owner = CASE WHEN r.owner_id IS NULL THEN w.owner END, terms = CASE WHEN r.terms IS NULL THEN w.terms END
        FROM resolved_reference r WHERE w.document_id = r.document_id
        """)
    cut.sql(
        "DELETE FROM engine.unresolved_reference WHERE source = :source AND owner IS NULL AND terms IS NULL"
    )


def _take_up(cut: Cut, which: str) -> None:
    cut.sql(f"""
        INSERT INTO incoming_document SELECT o.*, NULL FROM canonical.document o
        WHERE {which} AND o.deleted_at IS NULL AND o.external_id NOT LIKE 'ledger/%' AND NOT EXISTS (SELECT FROM incoming_document n WHERE n.id = o.id)
        """)
