"""What a cut cannot publish yet, or not at all: documents and entries without their debtor, applications without their entries.

They stay staged (entries in engine.ledger_entry, without a record), marked on their source record, and every cut looks again.
Whoever is not among debtors that were all read is not in the source any more. What such a debtor still owes is put aside loudly;
its settled history is excluded in silence: nobody collects it, and a load that never saw the debtor has nothing to attach it to.
A store that did see the debtor keeps both, the debtor as a tombstone: see CANONICAL, rules of the data.
"""

from __future__ import annotations

from sync_engine.store.publishing.cut import Cut, count
from sync_engine.store.staging import staged
from sync_engine.store.temporary import HELD_DOCUMENT, HELD_RECORD

UNPOSTED = "not posted: the ledger has no entry for it"
HISTORY = "settled, of a debtor that the source no longer has"
OF_EXCLUDED = "of a record that is excluded"
WAITING = (UNPOSTED, HISTORY, OF_EXCLUDED)
"""Reasons of exclusion that may pass: such records stay staged."""

_KNOWN = """
    SELECT FROM engine.source_record k JOIN engine.stream t USING (stream_id)
    WHERE t.source = :source AND t.canonical = 'debtor' AND NOT t.facet AND k.deleted_at IS NULL AND k.key = {}.debtor_key
"""


def hold_orphans(cut: Cut) -> None:
    """Documents without a known debtor are quarantined, or excluded as history; unposted ones are excluded. All stay staged."""
    cut.sql(HELD_DOCUMENT.create())
    settled = (
        "(n.open_amount = 0 OR n.erp_status IN ('paid', 'void'))" if _all_debtors_were_read(cut) else "false"
    )
    cut.sql(
        f"""
        INSERT INTO held_document
        SELECT x.external_id, CASE WHEN x.is_history THEN 2 ELSE 1 END, CASE WHEN x.is_history THEN :history ELSE 'quarantined' END, x.debtor_key,
               x.amount, x.currency
        FROM (SELECT n.external_id, n.debtor_key, CASE WHEN n.kind = 'credit_note' THEN -1 ELSE 1 END * coalesce(n.open_amount, n.total) AS amount,
                n.currency, {settled} AND NOT EXISTS ({_KNOWN.format("n")}) AS is_history
            FROM incoming_document n WHERE n.debtor_id IS NULL) x
        """,
        history=HISTORY,
    )
    if cut.exists("SELECT FROM engine.ledger_entry WHERE source = :source"):
        cut.sql(
            """
            INSERT INTO held_document (key, state, reason) SELECT external_id, 2, :reason FROM incoming_document n
            WHERE debtor_id IS NOT NULL AND entry_no IS NULL AND NOT coalesce(is_posted, false) AND erp_status IN ('open', 'partially_paid') AND total <> 0
            """,
            reason=UNPOSTED,
        )
    held = cut.rows(
        """
        SELECT count(*) FILTER (WHERE state = 1), count(*) FILTER (WHERE reason = :unposted), count(*) FILTER (WHERE reason = :history) FROM held_document
        """,
        unposted=UNPOSTED,
        history=HISTORY,
    )[0]
    _mark_documents(cut)
    cut.sql("DELETE FROM incoming_document n USING held_document h WHERE h.key = n.external_id")
    waiting, unposted, history = (int(str(number)) for number in held)
    count(cut, "document", waiting_for_debtor=waiting, not_posted=unposted, history_of_nobody=history)


def _all_debtors_were_read(cut: Cut) -> bool:
    return cut.exists(
        "SELECT FROM engine.stream WHERE source = :source AND canonical = 'debtor' AND NOT facet AND swept_at IS NOT NULL"
    )


def _mark_documents(cut: Cut) -> None:
    cut.sql("""
        UPDATE engine.source_record r SET state = h.state, reason = h.reason FROM engine.stream s, held_document h
        WHERE s.stream_id = r.stream_id AND s.source = :source AND s.canonical = 'document' AND NOT s.facet AND r.key = h.key AND (r.state,
            r.reason) IS DISTINCT FROM (h.state, h.reason)
        """)
    cut.sql(
        """
        INSERT INTO engine.quarantine AS q (stream_id, key, stage, error, message, parent_entity, parent_key, amount, currency, mapping_version, run_id,
            batch_id)
        SELECT r.stream_id, r.key, 'publish', 'ParentMissing', s.source || ' ' || s.entity || ' ' || r.key || ': its debtor ' || coalesce(h.parent,
            '(none named)')
               || ' is not known. It is tried again at every cut; see whether that debtor is excluded or quarantined.', 'debtor', h.parent, h.amount,
                   h.currency, :version, :run, r.batch_id
        FROM held_document h JOIN engine.source_record r ON r.key = h.key JOIN engine.stream s ON s.stream_id = r.stream_id
        WHERE h.state = 1 AND s.source = :source AND s.canonical = 'document' AND NOT s.facet
        ON CONFLICT (stream_id, key) DO UPDATE SET last_at = now(), attempts = q.attempts + 1, message = excluded.message, stage = excluded.stage,
            error = excluded.error, parent_entity = excluded.parent_entity, parent_key = excluded.parent_key, field = NULL, amount = excluded.amount,
            currency = excluded.currency
        """,
        version=cut.mapping_version,
        run=cut.run_id,
    )
    cut.sql("""
        DELETE FROM engine.quarantine q USING engine.stream s, incoming_document n LEFT JOIN held_document h ON h.key = n.external_id
        WHERE s.stream_id = q.stream_id AND s.source = :source AND s.canonical = 'document' AND q.error = 'ParentMissing' AND q.key = n.external_id
            AND (n.debtor_id IS NOT NULL OR h.state = 2)
        """)
    cut.sql("""
        UPDATE engine.source_record r SET state = 0, reason = NULL FROM engine.stream s, incoming_document n
        WHERE s.stream_id = r.stream_id AND s.source = :source AND s.canonical = 'document' AND NOT s.facet AND r.state <> 0 AND r.key = n.external_id
          AND NOT EXISTS (SELECT FROM held_document h WHERE h.key = n.external_id)
        """)


def hold_entries(cut: Cut) -> None:
    """Entries whose debtor is not known are quarantined, or excluded as history; `record_id` stays empty, so that every cut looks again."""
    settled = "(e.remaining = 0 OR NOT e.is_open)" if _all_debtors_were_read(cut) else "false"
    cut.sql(f"""
        CREATE TEMP TABLE held_entry ON COMMIT DROP AS
        SELECT e.entry_no, e.key, coalesce(e.debtor_key, e.debtor_number) AS parent, coalesce(e.remaining, CASE WHEN e.is_open THEN e.amount END) AS amount,
               e.currency,
               coalesce({settled}, false) AND NOT EXISTS ({_KNOWN.format("e")}) AS is_history
        FROM touched_entry t JOIN engine.ledger_entry e ON e.source = :source AND e.entry_no = t.entry_no
        LEFT JOIN canonical.link l ON l.entity = 'debtor' AND l.source = :source AND l.external_id = e.debtor_key WHERE l.canonical_id IS NULL
        """)
    cut.sql(
        "UPDATE engine.ledger_entry e SET record_id = NULL, record_kind = NULL FROM held_entry h WHERE e.source = :source AND e.entry_no = h.entry_no"
    )
    _mark_entries(cut)
    cut.sql("DELETE FROM touched_entry t USING held_entry h WHERE h.entry_no = t.entry_no")


def _mark_entries(cut: Cut) -> None:
    cut.sql(
        """
        INSERT INTO engine.quarantine AS q (stream_id, key, stage, error, message, parent_entity, parent_key, amount, currency, mapping_version, run_id,
            batch_id)
        SELECT r.stream_id, r.key, 'publish', 'ParentMissing', s.source || ' ' || s.entity || ' ' || r.key || ': its debtor ' || coalesce(h.parent,
            '(none named)')
               || ' is not known. It is tried again at every cut; see whether that debtor is excluded or quarantined.', 'debtor', h.parent, h.amount,
                   h.currency, :version, :run, r.batch_id
        FROM held_entry h JOIN engine.source_record r ON r.key = h.key JOIN engine.stream s ON s.stream_id = r.stream_id
        WHERE s.source = :source AND s.canonical = 'ledger_entry' AND NOT h.is_history
        ON CONFLICT (stream_id, key) DO UPDATE SET last_at = now(), attempts = q.attempts + 1, message = excluded.message,
            parent_entity = excluded.parent_entity, parent_key = excluded.parent_key, amount = excluded.amount, currency = excluded.currency
        """,
        version=cut.mapping_version,
        run=cut.run_id,
    )
    cut.sql(
        """
        UPDATE engine.source_record r SET state = n.state, reason = n.reason
        FROM engine.stream s, (
            SELECT e.key, CASE WHEN h.entry_no IS NULL THEN 0 WHEN h.is_history THEN 2 ELSE 1 END AS state,
                   CASE WHEN h.entry_no IS NULL THEN NULL WHEN h.is_history THEN :history ELSE 'quarantined' END AS reason
            FROM touched_entry t JOIN engine.ledger_entry e ON e.source = :source AND e.entry_no = t.entry_no
            LEFT JOIN held_entry h ON h.entry_no = t.entry_no) n
        WHERE s.stream_id = r.stream_id AND s.source = :source AND s.canonical = 'ledger_entry' AND r.key = n.key
          AND (r.state, r.reason) IS DISTINCT FROM (n.state, n.reason) AND (r.state = 0 OR r.reason = :history OR EXISTS (
              SELECT FROM engine.quarantine q WHERE q.stream_id = r.stream_id AND q.key = r.key AND q.error = 'ParentMissing'))
        """,
        history=HISTORY,
    )
    cut.sql("""
        DELETE FROM engine.quarantine q USING engine.stream s, touched_entry t JOIN engine.ledger_entry e ON e.source = :source AND e.entry_no = t.entry_no
        WHERE s.stream_id = q.stream_id AND s.source = :source AND s.canonical = 'ledger_entry' AND q.error = 'ParentMissing' AND q.key = e.key
          AND NOT EXISTS (SELECT FROM held_entry h WHERE h.entry_no = t.entry_no AND NOT h.is_history)
        """)


def hold_applications(cut: Cut) -> None:
    """Applications that stay staged: those of history are history too; the others only wait for an entry that comes later."""
    table = staged(cut.source, "application")
    cut.sql(
        """
        UPDATE engine.source_record r SET state = 0, reason = NULL FROM engine.stream s, incoming_application n
        WHERE s.stream_id = r.stream_id AND s.source = :source AND s.canonical = 'application' AND r.key = n.external_id AND r.reason = :history
        """,
        history=HISTORY,
    )
    if not cut.exists(f"SELECT FROM {table}"):
        return
    cut.sql(
        f"""
        UPDATE engine.source_record r SET state = 2, reason = :history
        FROM {table} a JOIN engine.ledger_entry e ON e.source = :source AND e.entry_no IN (a.from_entry, a.to_entry) AND e.record_id IS NULL
        JOIN engine.source_record x ON x.key = e.key AND x.reason = :history JOIN engine.stream s ON s.stream_id = x.stream_id
        WHERE s.source = :source AND s.canonical = 'ledger_entry' AND r.stream_id = a.stream_id AND r.key = a.key AND r.state = 0
        """,
        history=HISTORY,
    )


def hold_records(cut: Cut, canonical: str, looked_at: str) -> None:
    """Marks payments or applications that name records nobody knows; what only belongs to an excluded record is excluded with it.

    `looked_at` is a temporary table with key, parent (its canonical kind), parent_key, amount and currency; without a parent_key the
    record is in order. Those held are in temporary table held_record.
    """
    cut.sql(HELD_RECORD.create(unless_there=True))
    cut.sql(
        f"""
        INSERT INTO held_record
        SELECT '{canonical}', w.key, x.reason IS NOT NULL, coalesce(x.reason, 'quarantined') FROM {looked_at} w
        CROSS JOIN LATERAL (SELECT (
            SELECT CASE WHEN p.reason = :history THEN p.reason ELSE :excluded END FROM engine.source_record p JOIN engine.stream s USING (stream_id)
            WHERE s.source = :source AND s.canonical = w.parent AND s.canonical <> 'debtor' AND NOT s.facet AND p.key = w.parent_key AND p.state = 2
                AND p.deleted_at IS NULL LIMIT 1) AS reason) x
        WHERE w.parent_key IS NOT NULL
        """,
        history=HISTORY,
        excluded=OF_EXCLUDED,
    )
    cut.sql(
        f"""
        INSERT INTO engine.quarantine AS q (stream_id, key, stage, error, message, parent_entity, parent_key, amount, currency, mapping_version, run_id,
            batch_id)
        SELECT r.stream_id, r.key, 'publish', 'ParentMissing', s.source || ' ' || s.entity || ' ' || r.key || ': its ' || w.parent || ' ' || w.parent_key
               || ' is not known. It is tried again at every cut; see whether that ' || w.parent || ' is excluded or quarantined.', w.parent, w.parent_key,
               w.amount, w.currency, :version, :run, r.batch_id
        FROM {looked_at} w JOIN held_record h ON h.canonical = '{canonical}' AND h.key = w.key AND NOT h.is_history
        JOIN engine.source_record r ON r.key = w.key JOIN engine.stream s ON s.stream_id = r.stream_id
        WHERE s.source = :source AND s.canonical = '{canonical}' AND NOT s.facet
        ON CONFLICT (stream_id, key) DO UPDATE SET last_at = now(), attempts = q.attempts + 1, message = excluded.message, stage = excluded.stage,
            error = excluded.error, parent_entity = excluded.parent_entity, parent_key = excluded.parent_key, field = NULL, amount = excluded.amount,
            currency = excluded.currency
        """,
        version=cut.mapping_version,
        run=cut.run_id,
    )
    cut.sql(f"""
        DELETE FROM engine.quarantine q USING engine.stream s, {looked_at} w LEFT JOIN held_record h ON h.canonical = '{canonical}' AND h.key = w.key
        WHERE s.stream_id = q.stream_id AND s.source = :source AND s.canonical = '{canonical}' AND q.error = 'ParentMissing' AND q.key = w.key
            AND (h.key IS NULL OR h.is_history)
        """)
    cut.sql(f"""
        UPDATE engine.source_record r SET state = n.state, reason = n.reason
        FROM engine.stream s, (
            SELECT w.key, CASE WHEN h.key IS NULL THEN 0 WHEN h.is_history THEN 2 ELSE 1 END AS state, h.reason
            FROM {looked_at} w LEFT JOIN held_record h ON h.canonical = '{canonical}' AND h.key = w.key) n
        WHERE s.stream_id = r.stream_id AND s.source = :source AND s.canonical = '{canonical}' AND NOT s.facet AND r.key = n.key
          AND (r.state, r.reason) IS DISTINCT FROM (n.state, n.reason)
        """)
    held = cut.rows(
        "SELECT count(*) FROM held_record WHERE canonical = :canonical AND NOT is_history",
        canonical=canonical,
    )[0][0]
    count(
        cut, canonical, **{f"waiting_for_{'debtor' if canonical == 'payment' else 'record'}": int(str(held))}
    )
