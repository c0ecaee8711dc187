"""Publishes ledger entries: what the ledger last said about open amounts, payments, and which money settled what.

An entry that belongs to one of the ERP's own documents enriches it; any other invoice-like entry (journal, opening balance,
finance charge) becomes a document of its own, and money becomes a payment.
"""

from __future__ import annotations

from sync_engine.canonical.document import LEDGER_ENTRY
from sync_engine.store.db import tell_planner
from sync_engine.store.publishing.code_lists import base_currency_is_new
from sync_engine.store.publishing.cut import Cut, id_sql, merge_into
from sync_engine.store.publishing.instalments import (
    OWED,
    choose_entries,
    enrich_split_documents,
    follow_documents,
)
from sync_engine.store.publishing.orphans import hold_entries
from sync_engine.store.staging import staged
from sync_engine.store.temporary import RESOLVED_ENTRY, TOUCHED_ENTRY

ENTRY_COLUMNS = tuple(f.stored_as for f in LEDGER_ENTRY if f.name != "entry_no")
PAYMENT = (
    "source",
    "external_id",
    "external_no",
    "source_modified_at",
    "deleted_at",
    "debtor_id",
    "debtor_key",
    "kind",
    "payment_date",
    "currency",
    "exchange_rate",
    "amount",
    "unapplied_amount",
    "amount_base",
    "unapplied_amount_base",
    "method",
    "reference",
    "entry_no",
    "closed_date",
)
APPLICATION = (
    "source",
    "external_id",
    "from_kind",
    "from_id",
    "to_kind",
    "to_id",
    "amount",
    "amount_base",
    "currency",
    "applied_on",
    "reversed_on",
    "is_reversed",
    "deleted_at",
    "from_entry",
    "to_entry",
)
DEDUCTION = (
    "source",
    "external_id",
    "deleted_at",
    "debtor_id",
    "debtor_key",
    "kind",
    "payment_date",
    "currency",
    "amount",
    "unapplied_amount",
    "amount_base",
    "unapplied_amount_base",
    "reference",
)
PAID = "CASE WHEN e.document_type = 'refund' THEN 1 ELSE -1 END"
"""The ledger's sign against the record's: a credit note and money received are positive where the ledger has them negative."""
AMOUNT = "coalesce(e.amount, e.amount_base)"
"""A route that knows base amounts only states entries in base currency; a document of the ERP's own keeps its currency."""
KIND = "CASE e.document_type WHEN 'invoice' THEN 'invoice' WHEN 'credit_memo' THEN 'credit_note' WHEN 'finance_charge' THEN 'finance_charge' ELSE NULL END"

TOTAL_BASE = f"""CASE WHEN e.amount_base IS NULL THEN n.total_base WHEN e.amount <> {OWED} * n.total AND e.amount <> 0
                THEN round(e.amount_base * n.total / e.amount, 4) ELSE {OWED} * e.amount_base END"""
"""What the whole document is in base currency, also where its entry is over another amount."""
PARTS_BASE = ", ".join(
    f"{part}_base = CASE WHEN e.amount_base IS NULL THEN n.{part}_base END" for part in ("subtotal", "tax")
)
"""What its parts are is reckoned anew where the entry states the whole: before, it was reckoned by the document's own rate."""
SOLE = """e.source = :source AND e.record_id = n.id AND e.record_kind = 'document' AND NOT EXISTS (SELECT FROM split_document s WHERE s.id = n.id)"""


def drop_deleted(cut: Cut) -> None:
    """Entries and applications that are gone by now, or were when the lake was replayed, leave staging."""
    for entity in ("ledger_entry", "application"):
        cut.sql(f"""
            DELETE FROM {staged(cut.source, entity)} d USING engine.source_record r
            WHERE r.stream_id = d.stream_id AND r.key = d.key AND r.deleted_at IS NOT NULL
            """)


def merge_entries(cut: Cut) -> bool:
    """Staged entries replace what the ledger said before; temporary table touched_entry names those that moved."""
    table = staged(cut.source, "ledger_entry")
    cut.sql(TOUCHED_ENTRY.create())
    drop_deleted(cut)
    _deleted_entries(cut)
    _leaving_documents(cut)
    cut.sql("""
        UPDATE engine.ledger_entry e SET debtor_key = r.key FROM engine.source_record r JOIN engine.stream s USING (stream_id)
        WHERE e.source = :source AND e.record_id IS NULL AND e.debtor_key IS NULL AND s.source = :source AND s.canonical = 'debtor' AND NOT s.facet
          AND r.claim ->> 'number' = e.debtor_number AND r.deleted_at IS NULL
        """)
    everything = base_currency_is_new(cut)
    cut.sql(
        """
        INSERT INTO touched_entry SELECT entry_no FROM engine.ledger_entry WHERE source = :source AND (record_id IS NULL OR :everything) ON CONFLICT DO NOTHING
        """,
        everything=everything,
    )
    if not cut.exists(f"SELECT FROM {table}"):
        return cut.exists("SELECT FROM touched_entry")
    cut.sql(f"""
        CREATE TEMP TABLE incoming_entry ON COMMIT DROP AS
        SELECT DISTINCT ON (coalesce(e.entry_no, e.key)) coalesce(e.entry_no, e.key) AS entry_no, e.key, e.said,
            {", ".join(f"e.{c}" for c in ENTRY_COLUMNS)} FROM {table} e
        ORDER BY coalesce(e.entry_no, e.key), e.batch_id DESC, e.ctid DESC
        """)
    cut.sql("""
        UPDATE incoming_entry e SET debtor_key = r.key FROM engine.source_record r JOIN engine.stream s USING (stream_id)
        WHERE e.debtor_key IS NULL AND s.source = :source AND s.canonical = 'debtor' AND NOT s.facet AND r.claim ->> 'number' = e.debtor_number
            AND r.deleted_at IS NULL
        """)
    said = {
        c: f"CASE WHEN n.said IS NULL OR ',' || n.said || ',' LIKE '%,{c},%' THEN n.{c} ELSE o.{c} END"
        for c in ENTRY_COLUMNS
    }
    said["debtor_key"] = "coalesce(n.debtor_key, o.debtor_key)"
    cut.sql(f"""
        WITH moved AS (
            UPDATE engine.ledger_entry o SET key = n.key, {", ".join(f"{c} = {said[c]}" for c in ENTRY_COLUMNS)} FROM incoming_entry n
            WHERE o.source = :source AND o.entry_no = n.entry_no
              AND ({", ".join(f"o.{c}" for c in ENTRY_COLUMNS)}) IS DISTINCT FROM ({", ".join(said[c] for c in ENTRY_COLUMNS)}) RETURNING o.entry_no)
        INSERT INTO touched_entry SELECT entry_no FROM moved ON CONFLICT DO NOTHING
        """)
    cut.sql(f"""
        WITH fresh AS (
            INSERT INTO engine.ledger_entry (source, entry_no, key, {", ".join(ENTRY_COLUMNS)})
            SELECT :source, n.entry_no, n.key, {", ".join(f"n.{c}" for c in ENTRY_COLUMNS)} FROM incoming_entry n
            WHERE NOT EXISTS (SELECT FROM engine.ledger_entry o WHERE o.source = :source AND o.entry_no = n.entry_no) RETURNING entry_no)
        INSERT INTO touched_entry SELECT entry_no FROM fresh ON CONFLICT DO NOTHING
        """)
    return True


def _deleted_entries(cut: Cut) -> None:
    """Entries that vanished from the ledger (date compression, a correction): their documents and payments get a tombstone.

    Only what this cut buries counts: a route read in its place may call an entry by the number that a buried record has.
    """
    cut.sql("""
        WITH gone AS (
            DELETE FROM engine.ledger_entry e USING engine.source_record r, engine.stream s
            WHERE s.stream_id = r.stream_id AND s.source = :source AND s.canonical = 'ledger_entry' AND NOT s.facet AND r.deleted_at IS NOT NULL AND r.dirty
                AND e.source = :source AND e.key = r.key
            RETURNING e.entry_no)
        INSERT INTO touched_entry SELECT entry_no FROM gone ON CONFLICT DO NOTHING
        """)


def _leaving_documents(cut: Cut) -> None:
    """Documents that this cut will bury: their entries go on without them, since deleting a document deletes no debt."""
    cut.sql("""
        CREATE TEMP TABLE leaving_document ON COMMIT DROP AS
        SELECT o.id FROM engine.source_record r JOIN engine.stream s USING (stream_id) JOIN canonical.document o ON o.source = s.source
            AND o.external_id = r.key
        WHERE s.source = :source AND s.canonical = 'document' AND NOT s.facet AND o.deleted_at IS NULL AND (r.deleted_at IS NOT NULL OR r.state = 2)
        """)
    cut.sql("""
        INSERT INTO touched_entry SELECT e.entry_no FROM engine.ledger_entry e JOIN leaving_document d ON d.id = e.record_id
        WHERE e.source = :source ON CONFLICT DO NOTHING
        """)


def resolve_entries(cut: Cut) -> None:
    """Which record each entry speaks about. New documents may claim entries that stood for themselves until now.

    Of several entries under one document's number, those over its total are the document's own; the others came from a journal.
    """
    cut.sql("CREATE INDEX ON incoming_document (external_no)")
    cut.sql("""
        INSERT INTO touched_entry SELECT e.entry_no FROM engine.ledger_entry e JOIN incoming_document n ON n.external_no = e.document_no
        WHERE e.source = :source ON CONFLICT DO NOTHING
        """)
    if cut.exists("SELECT FROM engine.ledger_entry WHERE source = :source AND record_id IS NOT NULL"):
        cut.sql("""
            INSERT INTO touched_entry SELECT o.entry_no FROM touched_entry t JOIN engine.ledger_entry e ON e.source = :source AND e.entry_no = t.entry_no
            JOIN engine.ledger_entry o ON o.source = :source AND o.document_no = e.document_no AND o.document_type = e.document_type
                AND o.entry_no <> e.entry_no
            WHERE e.document_type IN ('invoice', 'credit_memo', 'finance_charge') ON CONFLICT DO NOTHING
            """)
    hold_entries(cut)
    tell_planner(cut.connection, "touched_entry")
    cut.sql(
        RESOLVED_ENTRY.create_as(f"""
        SELECT e.entry_no, e.record_id AS old_id, e.record_kind AS old_kind, d.id AS document_id, d.total, d.currency,
               CASE WHEN e.document_type IN ('payment', 'refund') OR coalesce(e.document_type, 'journal') = 'journal'
                   AND coalesce(e.amount, e.amount_base) < 0 THEN 'payment'
                   ELSE 'document' END AS record_kind
        FROM touched_entry t JOIN engine.ledger_entry e ON e.source = :source AND e.entry_no = t.entry_no
        LEFT JOIN LATERAL (
            SELECT id, total, currency FROM (
                SELECT n.id, n.kind, n.debtor_key, n.total, n.currency, 1 AS place FROM incoming_document n
                WHERE n.external_no = e.document_no AND n.external_id NOT LIKE 'ledger/%'
                UNION ALL
                SELECT o.id, o.kind, o.debtor_key, o.total, o.currency, 2 FROM canonical.document o WHERE o.source = :source AND o.external_no = e.document_no
                    AND o.external_id NOT LIKE 'ledger/%' AND o.deleted_at IS NULL
                    AND NOT EXISTS (SELECT FROM leaving_document g WHERE g.id = o.id)) c
            WHERE c.kind = {KIND} AND (c.debtor_key = e.debtor_key OR e.debtor_key IS NULL) ORDER BY place, id LIMIT 1) d ON true
        """)
    )
    choose_entries(cut)
    cut.sql(f"""
        UPDATE engine.ledger_entry e SET record_kind = r.record_kind,
            record_id = CASE WHEN r.record_kind = 'payment' THEN {id_sql("payment", "'ledger/' || e.entry_no")} ELSE coalesce(r.document_id,
                {id_sql("document", "'ledger/' || e.entry_no")}) END
        FROM resolved_entry r WHERE e.source = :source AND e.entry_no = r.entry_no
        """)
    _follow_entries(cut)


def _follow_entries(cut: Cut) -> None:
    """Applications name records, not entries: where an entry speaks about another record now, they do too.

    An entry that says no currency has its document's, and so have its applications.
    """
    cut.sql("""
        CREATE TEMP TABLE moved_entry ON COMMIT DROP AS
        SELECT r.old_id, e.record_id AS new_id, e.record_kind AS new_kind,
               CASE WHEN e.amount IS NULL AND e.currency IS NULL THEN coalesce(n.currency, o.currency, c.base_currency) END AS currency, c.base_currency
        FROM resolved_entry r JOIN engine.ledger_entry e ON e.source = :source AND e.entry_no = r.entry_no
        LEFT JOIN incoming_document n ON n.id = e.record_id LEFT JOIN canonical.document o ON o.id = e.record_id
        LEFT JOIN canonical.company c ON c.source = :source
        WHERE r.old_id IS NOT NULL AND e.record_id <> r.old_id
        """)
    if not cut.exists("SELECT FROM moved_entry"):
        return
    cut.sql("""
        CREATE TEMP TABLE moved_application ON COMMIT DROP AS
        SELECT a.id, coalesce(f.new_kind, a.from_kind) AS from_kind, coalesce(f.new_id, a.from_id) AS from_id,
               coalesce(t.new_kind, a.to_kind) AS to_kind, coalesce(t.new_id, a.to_id) AS to_id, a.external_id, coalesce(t.currency, a.currency) AS currency,
               CASE WHEN t.currency IS NULL THEN a.amount WHEN t.currency = t.base_currency THEN a.amount_base END AS amount
        FROM canonical.application a LEFT JOIN moved_entry f ON f.old_id = a.from_id LEFT JOIN moved_entry t ON t.old_id = a.to_id
        WHERE a.source = :source AND (a.from_id IN (SELECT old_id FROM moved_entry) OR a.to_id IN (SELECT old_id FROM moved_entry))
        """)
    merge_into(
        cut,
        "application",
        "moved_application",
        ("from_kind", "from_id", "to_kind", "to_id", "currency", "amount"),
    )
    cut.sql("""
        CREATE TEMP TABLE moved_deduction ON COMMIT DROP AS
        SELECT p.id, a.currency, a.amount FROM moved_application a
        JOIN canonical.payment p ON p.source = :source AND p.external_id = 'deduction/' || a.external_id
        """)
    merge_into(cut, "payment", "moved_deduction", ("currency", "amount"))


def enrich_documents(cut: Cut) -> None:
    """Documents the touched entries speak about: pulled in if not staged, then overlaid with open amount, dates and base amounts."""
    cut.sql("""
        INSERT INTO incoming_document SELECT o.*, NULL FROM canonical.document o
        WHERE o.id IN (SELECT e.record_id FROM touched_entry t JOIN engine.ledger_entry e ON e.source = :source AND e.entry_no = t.entry_no
            WHERE e.record_kind = 'document')
          AND o.external_id NOT LIKE 'ledger/%' AND NOT EXISTS (SELECT FROM incoming_document n WHERE n.id = o.id)
        """)
    cut.sql(f"""
        INSERT INTO incoming_document (id, source, external_id, external_no, debtor_id, debtor_key, kind, issue_date, posting_date, currency, total,
            subtotal, erp_status, po_number, reference, is_posted)
        SELECT e.record_id, :source, 'ledger/' || e.entry_no, e.document_no, l.canonical_id, e.debtor_key, CASE WHEN {KIND} IN ('credit_note',
            'finance_charge') THEN {KIND} ELSE 'journal' END,
               coalesce(e.document_date, e.posting_date), e.posting_date, coalesce(e.currency, c.base_currency), {OWED} * {AMOUNT}, {OWED} * {AMOUNT}, 'open',
                   e.external_no, e.description, true
        FROM touched_entry t JOIN engine.ledger_entry e ON e.source = :source AND e.entry_no = t.entry_no
        LEFT JOIN canonical.link l ON l.entity = 'debtor' AND l.source = :source AND l.external_id = e.debtor_key
        LEFT JOIN canonical.company c ON c.source = :source
        WHERE e.record_kind = 'document' AND e.record_id = {id_sql("document", "'ledger/' || e.entry_no")}
        """)
    cut.sql(f"""
        UPDATE incoming_document n SET entry_no = e.entry_no, open_amount = {OWED} * e.remaining, due_date = coalesce(e.due_date, n.due_date),
            posting_date = coalesce(e.posting_date, n.posting_date), closed_date = CASE WHEN e.is_open THEN NULL ELSE coalesce(e.closed_date,
                n.closed_date) END,
            total_base = {TOTAL_BASE}, {PARTS_BASE}, ledger_difference = n.total - {OWED} * e.amount, open_amount_base = coalesce({OWED} * e.remaining_base,
                CASE WHEN e.remaining = 0 THEN 0 END),
            exchange_rate = CASE WHEN e.amount <> 0 AND e.amount_base IS NOT NULL THEN round(e.amount_base / e.amount, 10) ELSE n.exchange_rate END,
            dispute_reason = coalesce(n.dispute_reason, e.dispute_reason), promised_date = coalesce(n.promised_date, e.promised_date),
            source_modified_at = greatest(n.source_modified_at, e.source_modified_at),
            erp_status = CASE WHEN n.erp_status IN ('void', 'written_off', 'draft') THEN n.erp_status WHEN e.remaining = 0 OR NOT e.is_open THEN 'paid'
                              WHEN abs(e.remaining) < abs(e.amount) THEN 'partially_paid' ELSE 'open' END
        FROM engine.ledger_entry e WHERE {SOLE} AND e.remaining IS NOT NULL
        """)
    cut.sql(f"""
        UPDATE incoming_document n SET entry_no = e.entry_no, total_base = CASE WHEN n.currency = c.base_currency THEN n.total ELSE {TOTAL_BASE} END,
            {PARTS_BASE}, ledger_difference = n.total - {OWED} * coalesce(e.amount, CASE WHEN n.currency = c.base_currency THEN e.amount_base END),
            due_date = coalesce(e.due_date, n.due_date), closed_date = CASE WHEN e.is_open THEN NULL ELSE coalesce(e.closed_date, n.closed_date) END,
            promised_date = coalesce(n.promised_date, e.promised_date), source_modified_at = greatest(n.source_modified_at, e.source_modified_at),
            exchange_rate = CASE WHEN n.total <> 0 AND e.amount_base IS NOT NULL THEN round(abs(e.amount_base / n.total), 10) ELSE n.exchange_rate END,
            open_amount_base = coalesce({OWED} * e.remaining_base, CASE WHEN NOT e.is_open THEN 0 END, n.open_amount_base),
            open_amount = CASE WHEN NOT e.is_open THEN 0 WHEN n.currency = c.base_currency AND e.remaining_base IS NOT NULL THEN {OWED} * e.remaining_base
                WHEN e.remaining_base = e.amount_base THEN n.total ELSE n.open_amount END,
            erp_status = CASE WHEN n.erp_status IN ('void', 'written_off', 'draft') OR e.is_open IS NULL THEN n.erp_status
                              WHEN NOT e.is_open THEN 'paid' WHEN n.erp_status = 'paid' THEN 'open' ELSE n.erp_status END
        FROM engine.ledger_entry e LEFT JOIN canonical.company c ON c.source = :source WHERE {SOLE} AND e.remaining IS NULL
        """)
    enrich_split_documents(cut)
    _drop_stand_ins(cut)


def _drop_stand_ins(cut: Cut) -> None:
    """A document that stood for an entry alone is superseded when the ERP's own document turns up, or the entry is gone."""
    cut.sql("""
        CREATE TEMP TABLE gone_stand_in ON COMMIT DROP AS
        SELECT o.* FROM touched_entry t JOIN canonical.document o ON o.source = :source AND o.external_id = 'ledger/' || t.entry_no AND o.deleted_at IS NULL
        LEFT JOIN engine.ledger_entry e ON e.source = :source AND e.entry_no = t.entry_no
        WHERE e.entry_no IS NULL OR e.record_id <> o.id
        """)
    cut.sql("UPDATE gone_stand_in SET deleted_at = now()")
    merge_into(cut, "document", "gone_stand_in", ("deleted_at",))
    follow_documents(cut, "gone_stand_in")
