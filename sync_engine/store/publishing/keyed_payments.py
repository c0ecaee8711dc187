"""Publishes payments and applications of sources without a customer ledger: linked by source keys.

Where such a source states no open amount, a document's is its total less what was applied, and a payment's unapplied amount likewise.
What names a record that is not known stays staged, marked on its source record, and every cut looks again.
"""

from __future__ import annotations

from sync_engine.store.db import tell_planner
from sync_engine.store.publishing.cut import Cut, id_sql, merge_into
from sync_engine.store.publishing.documents import GONE
from sync_engine.store.publishing.orphans import HISTORY, OF_EXCLUDED, hold_records
from sync_engine.store.staging import staged

PAYMENT = (
    "source", "external_id", "external_no", "source_url", "source_modified_at", "deleted_at", "debtor_id", "debtor_key", "kind", "payment_date", "currency",
    "exchange_rate", "amount", "unapplied_amount", "amount_base", "unapplied_amount_base", "method", "reference", "closed_date", "is_unapplied_derived",
)  # fmt: skip
APPLICATION = (
    "source", "external_id", "from_kind", "from_id", "to_kind", "to_id", "amount", "amount_base", "currency", "applied_on", "reversed_on", "is_reversed",
    "deleted_at",
)  # fmt: skip


_ARE_TOLD = """
    EXISTS (SELECT FROM engine.stream s WHERE s.source = :source AND NOT s.facet AND (s.canonical = 'payment' OR s.canonical = 'application'
        AND NOT EXISTS (SELECT FROM engine.stream l WHERE l.source = :source AND l.canonical = 'ledger_entry')))
    """
_ALL_KNOWN = """
    EXISTS (SELECT FROM engine.stream WHERE source = :source AND canonical = 'application' AND NOT facet HAVING bool_and(swept_at IS NOT NULL))
    """
RESTS_WAIT = f"""
    {_ARE_TOLD} AND {_ALL_KNOWN} AND (
        EXISTS (SELECT FROM canonical.document WHERE source = :source AND is_open_derived AND open_amount IS NULL AND deleted_at IS NULL)
        OR EXISTS (SELECT FROM canonical.payment WHERE source = :source AND is_unapplied_derived AND unapplied_amount IS NULL
            AND deleted_at IS NULL))
    """
"""Whether amounts that could not be derived may be by now: the sweep that read the last application need not have brought one."""


def are_told(cut: Cut) -> bool:
    """Whether this source hands over payments of its own, or applications without a ledger they could be entries of."""
    return bool(cut.rows(f"SELECT {_ARE_TOLD}")[0][0])


def publish(cut: Cut) -> None:
    """Publishes what is staged, and derives the amounts that it moved. Stands on incoming_document, which it adds to."""
    _prepare_payments(cut)
    _collect_leaving(cut)
    _prepare_applications(cut)
    _withdraw_and_restore(cut)
    cut.sql("""
        CREATE TEMP TABLE resettled_record ON COMMIT DROP AS
        SELECT from_id AS id FROM incoming_keyed_application UNION SELECT to_id FROM incoming_keyed_application
        UNION SELECT a.from_id FROM canonical.application a JOIN incoming_keyed_application n USING (id)
        UNION SELECT a.to_id FROM canonical.application a JOIN incoming_keyed_application n USING (id)
        """)
    tell_planner(cut.connection, "resettled_record")
    first = not cut.exists("SELECT FROM canonical.application WHERE source = :source")
    merge_into(cut, "application", "incoming_keyed_application", APPLICATION, fresh=first)
    cut.sql(
        f"DELETE FROM {staged(cut.source, 'application')} a USING said_application s WHERE s.key = a.key AND s.parent_key IS NULL"
    )
    is_told = _applications_are_all_known(cut)
    _derive_open_amounts(cut, is_told)
    _derive_unapplied_amounts(cut, is_told)
    first = not cut.exists("SELECT FROM canonical.payment WHERE source = :source")
    merge_into(cut, "payment", "incoming_keyed_payment", PAYMENT, fresh=first)


def _prepare_payments(cut: Cut) -> None:
    table = staged(cut.source, "payment")
    _drop_gone(cut, "payment")
    cut.sql("CREATE TEMP TABLE incoming_keyed_payment (LIKE canonical.payment) ON COMMIT DROP")
    cut.sql(
        "ALTER TABLE incoming_keyed_payment ALTER first_seen_at DROP NOT NULL, ALTER changed_at DROP NOT NULL"
    )
    cut.sql(f"""
        INSERT INTO incoming_keyed_payment (id, source, external_id, external_no, source_url, source_modified_at, debtor_id, debtor_key, kind,
            payment_date, currency, exchange_rate, amount, amount_base, unapplied_amount, method, reference, closed_date, is_unapplied_derived)
        SELECT DISTINCT ON (p.key) p.id, :source, p.key, p.number, p.source_url, p.source_modified_at, l.canonical_id, p.debtor_key,
               coalesce(p.kind, 'payment'), p.payment_date, coalesce(p.currency, c.base_currency), p.exchange_rate, p.amount,
               CASE WHEN coalesce(p.currency, c.base_currency) = c.base_currency THEN p.amount ELSE coalesce(p.amount_base, p.amount * p.exchange_rate) END,
               p.unapplied_amount, p.method, p.reference, p.closed_date, CASE WHEN p.unapplied_amount IS NULL THEN true END
        FROM {table} p
        LEFT JOIN canonical.link l ON l.entity = 'debtor' AND l.source = :source AND l.external_id = p.debtor_key
        LEFT JOIN canonical.company c ON c.source = :source
        ORDER BY p.key, p.batch_id DESC, p.ctid DESC
        """)
    cut.sql("""
        CREATE TEMP TABLE waiting_payment ON COMMIT DROP AS
        SELECT external_id AS key, 'debtor' AS parent, CASE WHEN debtor_id IS NULL THEN coalesce(debtor_key, '(none named)') END AS parent_key,
               CASE WHEN kind = 'refund' THEN 1 ELSE -1 END * coalesce(unapplied_amount, amount) AS amount, currency
        FROM incoming_keyed_payment
        """)
    hold_records(cut, "payment", "waiting_payment")
    cut.sql(
        "DELETE FROM incoming_keyed_payment n USING waiting_payment w WHERE w.key = n.external_id AND w.parent_key IS NOT NULL"
    )


def _drop_gone(cut: Cut, entity: str) -> None:
    """What is gone or excluded by now leaves staging, unless it only waits there."""
    cut.sql(
        f"""
        DELETE FROM {staged(cut.source, entity)} d USING engine.source_record r
        WHERE r.stream_id = d.stream_id AND r.key = d.key AND (r.deleted_at IS NOT NULL OR r.state = 2 AND r.reason <> ALL(:waiting))
        """,
        waiting=[HISTORY, OF_EXCLUDED],
    )


def _collect_leaving(cut: Cut) -> None:
    """Records that this cut will bury, in temporary table leaving_record; what was applied to them is not any more."""
    cut.sql(f"""
        CREATE TEMP TABLE leaving_record ON COMMIT DROP AS
        SELECT x.id FROM ({GONE.format(entity="document", canonical="document")}) x
        UNION ALL SELECT x.id FROM ({GONE.format(entity="payment", canonical="payment")}) x
        """)


_IS_LIVE = """(EXISTS (SELECT FROM incoming_document i WHERE i.id = {id}) OR EXISTS (SELECT FROM incoming_keyed_payment i WHERE i.id = {id})
    OR NOT EXISTS (SELECT FROM leaving_record g WHERE g.id = {id}) AND (
        EXISTS (SELECT FROM canonical.document o WHERE o.id = {id} AND o.deleted_at IS NULL)
        OR EXISTS (SELECT FROM canonical.payment o WHERE o.id = {id} AND o.deleted_at IS NULL)))"""


def _prepare_applications(cut: Cut) -> None:
    """Puts staged applications into said_application, those that name unknown records with `parent_key`; the others are incoming."""
    _drop_gone(cut, "application")
    cut.sql(f"""
        CREATE TEMP TABLE said_application ON COMMIT DROP AS
        SELECT x.*, CASE x.from_kind WHEN 'payment' THEN {id_sql("payment", "x.from_key")} ELSE {id_sql("document", "x.from_key")} END AS from_id,
               CASE x.to_kind WHEN 'payment' THEN {id_sql("payment", "x.to_key")} ELSE {id_sql("document", "x.to_key")} END AS to_id,
               CAST(NULL AS text) AS parent, CAST(NULL AS text) AS parent_key
        FROM (
            SELECT DISTINCT ON (a.key) a.id, a.key, CASE WHEN a.payment_key IS NULL THEN 'document' ELSE 'payment' END AS from_kind,
                   coalesce(a.payment_key, a.credit_note_key) AS from_key, CASE WHEN a.document_key IS NULL THEN 'payment' ELSE 'document' END AS to_kind,
                   coalesce(a.document_key, a.refund_key) AS to_key, a.amount, a.amount_base, a.currency, a.applied_on, a.reversed_on,
                   coalesce(a.is_reversed, a.reversed_on IS NOT NULL) AS is_reversed
            FROM {staged(cut.source, "application")} a WHERE a.from_entry IS NULL AND a.to_entry IS NULL
            ORDER BY a.key, a.batch_id DESC, a.ctid DESC) x
        """)
    for end in ("from", "to"):
        cut.sql(f"""
            UPDATE said_application s SET parent = s.{end}_kind, parent_key = coalesce(s.{end}_key, '(none named)')
            WHERE s.{end}_id IS NULL OR NOT {_IS_LIVE.format(id=f"s.{end}_id")}
            """)
    cut.sql("CREATE TEMP TABLE incoming_keyed_application (LIKE canonical.application) ON COMMIT DROP")
    cut.sql(
        "ALTER TABLE incoming_keyed_application ALTER first_seen_at DROP NOT NULL, ALTER changed_at DROP NOT NULL"
    )
    cut.sql("""
        INSERT INTO incoming_keyed_application (id, source, external_id, from_kind, from_id, to_kind, to_id, amount, amount_base, currency, applied_on,
            reversed_on, is_reversed)
        SELECT s.id, :source, s.key, s.from_kind, s.from_id, s.to_kind, s.to_id, s.amount,
               CASE WHEN x.currency = c.base_currency THEN coalesce(s.amount_base, s.amount) ELSE s.amount_base END, x.currency, s.applied_on,
               s.reversed_on, s.is_reversed
        FROM said_application s LEFT JOIN canonical.company c ON c.source = :source
        LEFT JOIN incoming_document n ON n.id = s.to_id LEFT JOIN canonical.document d ON d.id = s.to_id
        LEFT JOIN incoming_keyed_payment m ON m.id = s.to_id LEFT JOIN canonical.payment p ON p.id = s.to_id
        CROSS JOIN LATERAL (SELECT coalesce(s.currency, n.currency, d.currency, m.currency, p.currency, c.base_currency) AS currency) x
        WHERE s.parent_key IS NULL
        """)


def _withdraw_and_restore(cut: Cut) -> None:
    """Published applications go with either of their records, wait while that is not known, and are back when it is.

    Those that the source itself no longer has, or that name other records now, which are not known, go too.
    """
    cut.sql(f"""
        CREATE TEMP TABLE withdrawn_application ON COMMIT DROP AS
        SELECT * FROM (
            SELECT a.id, true AS waits, a.from_kind AS parent, a.from_id AS parent_id FROM canonical.application a JOIN leaving_record g ON g.id = a.from_id
            WHERE a.deleted_at IS NULL
            UNION ALL
            SELECT a.id, true, a.to_kind, a.to_id FROM canonical.application a JOIN leaving_record g ON g.id = a.to_id WHERE a.deleted_at IS NULL
            UNION ALL
            SELECT a.id, false, NULL, NULL FROM canonical.application a JOIN said_application s ON s.id = a.id
            WHERE s.parent_key IS NOT NULL AND a.deleted_at IS NULL
            UNION ALL
            SELECT x.id, false, NULL, NULL FROM ({GONE.format(entity="application", canonical="application")}) x) w
        WHERE NOT EXISTS (SELECT FROM incoming_keyed_application n WHERE n.id = w.id)
        """)
    cut.sql(f"""
        CREATE TEMP TABLE restored_application ON COMMIT DROP AS
        WITH restored AS (
            SELECT id FROM incoming_document JOIN canonical.document o USING (id) WHERE o.deleted_at IS NOT NULL
            UNION ALL SELECT id FROM incoming_keyed_payment JOIN canonical.payment o USING (id) WHERE o.deleted_at IS NOT NULL)
        SELECT a.id FROM canonical.application a JOIN engine.source_record r ON r.key = a.external_id
        JOIN engine.stream s ON s.stream_id = r.stream_id AND s.source = :source AND s.canonical = 'application'
        WHERE a.source = :source AND a.deleted_at IS NOT NULL AND r.deleted_at IS NULL AND (
              a.from_id IN (SELECT id FROM restored) OR a.to_id IN (SELECT id FROM restored))
          AND {_IS_LIVE.format(id="a.from_id")} AND {_IS_LIVE.format(id="a.to_id")} AND NOT EXISTS (SELECT FROM said_application s WHERE s.id = a.id)
        """)
    for table, moment in (("withdrawn_application", "now()"), ("restored_application", "NULL")):
        cut.sql(f"""
            INSERT INTO incoming_keyed_application (id, {", ".join(APPLICATION)})
            SELECT a.id, {", ".join(moment if c == "deleted_at" else f"a.{c}" for c in APPLICATION)} FROM canonical.application a
            WHERE a.id IN (SELECT id FROM {table}) AND a.from_entry IS NULL AND a.to_entry IS NULL
            """)
    cut.sql("""
        CREATE TEMP TABLE waiting_application ON COMMIT DROP AS
        SELECT key, parent, parent_key, amount, currency FROM said_application
        UNION ALL
        SELECT DISTINCT ON (w.id) n.external_id, w.parent, coalesce(d.external_id, p.external_id), n.amount, n.currency FROM withdrawn_application w
        JOIN incoming_keyed_application n ON n.id = w.id
        LEFT JOIN canonical.document d ON d.id = w.parent_id LEFT JOIN canonical.payment p ON p.id = w.parent_id
        WHERE w.waits AND NOT EXISTS (SELECT FROM withdrawn_application x WHERE x.id = w.id AND NOT x.waits)
        UNION ALL
        SELECT n.external_id, NULL, NULL, NULL, NULL FROM incoming_keyed_application n JOIN restored_application r USING (id)
        """)
    hold_records(cut, "application", "waiting_application")


def _applications_are_all_known(cut: Cut) -> bool:
    """Whether every stream of applications was read to its end, so that what none of them names is open."""
    return bool(cut.rows(f"SELECT {_ALL_KNOWN}")[0][0])


_REST = """
    SELECT n.id, CASE WHEN count(a.record_id) FILTER (WHERE a.amount IS NULL OR a.currency <> coalesce(n.currency, '')) = 0
        THEN n.{whole} - coalesce(sum(a.amount), 0) END AS rest
    FROM {table} n LEFT JOIN canonical.application_side a ON a.record_id = n.id AND NOT a.is_reversed
    WHERE n.{flag} GROUP BY n.id, n.currency, n.{whole}
"""
"""What is left of each record; not told where something in another currency was applied to it."""


def _derive_open_amounts(cut: Cut, is_told: bool) -> None:
    """Documents without a stated open amount: pulled in where an application of theirs moved."""
    cut.sql("""
        UPDATE incoming_document SET is_open_derived = true
        WHERE open_amount IS NULL AND entry_no IS NULL AND coalesce(erp_status, 'unknown') NOT IN ('draft', 'void', 'written_off')
        """)
    if not is_told:
        return
    cut.sql("""
        INSERT INTO incoming_document SELECT o.*, NULL FROM canonical.document o
        WHERE o.source = :source AND o.is_open_derived AND o.deleted_at IS NULL AND (o.open_amount IS NULL OR o.id IN (SELECT id FROM resettled_record))
          AND NOT EXISTS (SELECT FROM incoming_document n WHERE n.id = o.id)
        """)
    cut.sql(f"""
        UPDATE incoming_document n SET open_amount = x.rest, open_amount_base = NULL,
            erp_status = CASE WHEN x.rest IS NULL THEN n.erp_status WHEN x.rest = 0 THEN 'paid' WHEN x.rest = n.total THEN 'open' ELSE 'partially_paid' END
        FROM ({_REST.format(table="incoming_document", flag="is_open_derived", whole="total")}) x WHERE x.id = n.id
        """)


def _derive_unapplied_amounts(cut: Cut, is_told: bool) -> None:
    """Payments without a stated unapplied amount, likewise; what is not applied has its share of the base amount."""
    if is_told:
        cut.sql("""
            INSERT INTO incoming_keyed_payment SELECT o.* FROM canonical.payment o
            WHERE o.source = :source AND o.is_unapplied_derived AND o.deleted_at IS NULL
              AND (o.unapplied_amount IS NULL OR o.id IN (SELECT id FROM resettled_record))
              AND NOT EXISTS (SELECT FROM incoming_keyed_payment n WHERE n.id = o.id)
            """)
        cut.sql(f"""
            UPDATE incoming_keyed_payment n SET unapplied_amount = x.rest
            FROM ({_REST.format(table="incoming_keyed_payment", flag="is_unapplied_derived", whole="amount")}) x WHERE x.id = n.id
            """)
    cut.sql("""
        UPDATE incoming_keyed_payment SET unapplied_amount_base = CASE WHEN unapplied_amount = 0 THEN 0 WHEN unapplied_amount = amount THEN amount_base
            WHEN amount <> 0 THEN round(amount_base * unapplied_amount / amount, 4) END
        """)
