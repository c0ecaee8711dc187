"""Payments and applications of a source with a ledger: published from its entries, and what they deduct."""

from __future__ import annotations

from sync_engine.store.publishing.cut import Cut, count, id_sql, merge_into
from sync_engine.store.publishing.ledger import AMOUNT, APPLICATION, DEDUCTION, PAID, PAYMENT
from sync_engine.store.publishing.orphans import hold_applications
from sync_engine.store.staging import staged
from sync_engine.store.temporary import INCOMING_APPLICATION


def publish_payments(cut: Cut) -> None:
    """Payments, refunds and money from journals, of the touched entries. Amounts are positive, unless taken back; the kind gives the direction."""
    cut.sql(f"""
        CREATE TEMP TABLE incoming_payment ON COMMIT DROP AS
        SELECT e.record_id AS id, e.source, 'ledger/' || e.entry_no AS external_id, e.document_no AS external_no, e.source_modified_at,
            CAST(NULL AS timestamptz) AS deleted_at,
               l.canonical_id AS debtor_id, e.debtor_key, CASE e.document_type WHEN 'payment' THEN 'payment' WHEN 'refund' THEN 'refund'
                   ELSE 'journal' END AS kind,
               e.posting_date AS payment_date, coalesce(e.currency, c.base_currency) AS currency,
               CASE WHEN e.amount <> 0 AND e.amount_base IS NOT NULL THEN round(e.amount_base / e.amount, 10) END AS exchange_rate, {PAID} * {AMOUNT} AS amount,
                   coalesce({PAID} * e.remaining,
                   CASE WHEN NOT e.is_open THEN 0 WHEN e.amount IS NULL THEN {PAID} * e.remaining_base END) AS unapplied_amount,
               {PAID} * e.amount_base AS amount_base, coalesce({PAID} * e.remaining_base, CASE WHEN e.remaining = 0 OR NOT e.is_open
                   THEN 0 END) AS unapplied_amount_base, e.method,
               coalesce(e.external_no, e.description) AS reference, e.entry_no, CASE WHEN e.is_open THEN NULL ELSE e.closed_date END AS closed_date
        FROM touched_entry t JOIN engine.ledger_entry e ON e.source = :source AND e.entry_no = t.entry_no
        LEFT JOIN canonical.link l ON l.entity = 'debtor' AND l.source = :source AND l.external_id = e.debtor_key
        LEFT JOIN canonical.company c ON c.source = :source
        WHERE e.record_kind = 'payment'
        UNION ALL
        SELECT o.id, o.source, o.external_id, o.external_no, o.source_modified_at, now(), o.debtor_id, o.debtor_key, o.kind, o.payment_date, o.currency,
            o.exchange_rate, o.amount, o.unapplied_amount,
               o.amount_base, o.unapplied_amount_base, o.method, o.reference, o.entry_no, o.closed_date
        FROM touched_entry t JOIN canonical.payment o ON o.source = :source AND o.external_id = 'ledger/' || t.entry_no AND o.deleted_at IS NULL
        WHERE NOT EXISTS (SELECT FROM engine.ledger_entry e WHERE e.source = :source AND e.entry_no = t.entry_no)
        """)
    merge_into(
        cut,
        "payment",
        "incoming_payment",
        PAYMENT,
        fresh=not cut.exists("SELECT FROM canonical.payment WHERE source = :source"),
    )


def publish_applications(cut: Cut) -> None:
    """Which money settled what. An application whose entries are not known yet stays staged for the next cut."""
    table = staged(cut.source, "application")
    if not cut.exists(f"SELECT FROM {table}"):
        return
    cut.sql(
        INCOMING_APPLICATION.create_as(f"""
        SELECT DISTINCT ON (a.key) a.id, CAST(:source AS text) AS source, a.key AS external_id, f.record_kind AS from_kind, f.record_id AS from_id,
               t.record_kind AS to_kind, t.record_id AS to_id, coalesce(a.amount, CASE WHEN coalesce(a.currency, t.currency, d.currency,
                   c.base_currency) = c.base_currency THEN a.amount_base END) AS amount,
               a.amount_base, coalesce(a.currency, t.currency, d.currency, c.base_currency) AS currency, a.applied_on, a.reversed_on,
               coalesce(a.is_reversed, false) AS is_reversed, CAST(NULL AS timestamptz) AS deleted_at, a.from_entry, a.to_entry
        FROM {table} a JOIN engine.ledger_entry f ON f.source = :source AND f.entry_no = a.from_entry JOIN engine.ledger_entry t ON t.source = :source
            AND t.entry_no = a.to_entry
        LEFT JOIN canonical.document d ON d.id = t.record_id AND t.amount IS NULL
        LEFT JOIN canonical.company c ON c.source = :source
        WHERE f.record_id IS NOT NULL AND t.record_id IS NOT NULL
        ORDER BY a.key, a.batch_id DESC, a.ctid DESC
        """)
    )
    _deductions(cut, table)
    first = not cut.exists("SELECT FROM canonical.application WHERE source = :source")
    merge_into(cut, "application", "incoming_application", APPLICATION, audited=APPLICATION[:-2], fresh=first)
    waiting = cut.sql(f"DELETE FROM {table} a USING incoming_application n WHERE n.external_id = a.key")
    hold_applications(cut)
    count(cut, "application", staged=waiting)


def _deductions(cut: Cut, table: str) -> None:
    """A deduction is a payment of kind write_off that settles one record: so a document's total still equals open + settled."""
    if not cut.exists(f"SELECT FROM {table} WHERE deduction IS NOT NULL"):
        return
    cut.sql(f"""
        CREATE TEMP TABLE incoming_deduction ON COMMIT DROP AS
        SELECT DISTINCT ON (a.key) {id_sql("payment", "'deduction/' || a.key")} AS id, CAST(:source AS text) AS source, 'deduction/' || a.key AS external_id,
               a.id AS application_id, a.key, a.to_entry,
               t.record_kind, t.record_id, CASE WHEN a.is_reversed THEN now() END AS deleted_at, l.canonical_id AS debtor_id,
               t.debtor_key, CAST('write_off' AS text) AS kind, a.applied_on AS payment_date,
               coalesce(a.currency, t.currency, d.currency, c.base_currency) AS currency,
               coalesce(a.amount, CASE WHEN coalesce(a.currency, t.currency, d.currency, c.base_currency) = c.base_currency THEN a.amount_base END) AS amount,
               CAST(0 AS numeric) AS unapplied_amount, a.amount_base, CAST(0 AS numeric) AS unapplied_amount_base, a.deduction AS reference
        FROM {table} a JOIN engine.ledger_entry t ON t.source = :source AND t.entry_no = a.to_entry
        LEFT JOIN canonical.link l ON l.entity = 'debtor' AND l.source = :source AND l.external_id = t.debtor_key
        LEFT JOIN canonical.document d ON d.id = t.record_id AND t.amount IS NULL
        LEFT JOIN canonical.company c ON c.source = :source
        WHERE a.deduction IS NOT NULL AND t.record_id IS NOT NULL
        ORDER BY a.key, a.batch_id DESC, a.ctid DESC
        """)
    merge_into(cut, "payment", "incoming_deduction", DEDUCTION)
    cut.sql("""
        INSERT INTO incoming_application (id, source, external_id, from_kind, from_id, to_kind, to_id, amount, amount_base, currency, applied_on, is_reversed,
            to_entry)
        SELECT application_id, source, key, 'payment', id, record_kind, record_id, amount, amount_base, currency, payment_date, deleted_at IS NOT NULL, to_entry
        FROM incoming_deduction
        """)


def bury_deductions(cut: Cut) -> None:
    """A deduction whose row is gone from the ledger goes with it."""
    cut.sql("""
        CREATE TEMP TABLE gone_deduction ON COMMIT DROP AS
        SELECT p.* FROM gone_application a JOIN canonical.payment p ON p.source = a.source AND p.external_id = 'deduction/' || a.external_id
            AND p.deleted_at IS NULL
        """)
    cut.sql("UPDATE gone_deduction SET deleted_at = now()")
    merge_into(cut, "payment", "gone_deduction", ("deleted_at",))
