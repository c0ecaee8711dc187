"""Publishes documents from staging: typed, joined with their debtor and with what the ledger says, merged set by set."""

from __future__ import annotations

from sync_engine.canonical.document import DOCUMENT_LINE
from sync_engine.store.db import tell_planner
from sync_engine.store.publishing.cut import Cut, count, merge_into
from sync_engine.store.publishing.instalments import follow_documents, publish_instalments
from sync_engine.store.publishing.orphans import WAITING
from sync_engine.store.publishing.unresolved import OWNERS_BY_NAME, note_unresolved, take_up_resolved
from sync_engine.store.staging import staged
from sync_engine.store.temporary import INCOMING_DOCUMENT, SPLIT_DOCUMENT

COLUMNS = (
    "source",
    "external_id",
    "external_no",
    "source_url",
    "source_modified_at",
    "deleted_at",
    "custom",
    "debtor_id",
    "debtor_key",
    "kind",
    "issue_date",
    "posting_date",
    "due_date",
    "currency",
    "exchange_rate",
    "subtotal",
    "tax",
    "total",
    "open_amount",
    "subtotal_base",
    "tax_base",
    "total_base",
    "open_amount_base",
    "erp_status",
    "collection_status",
    "dispute_reason",
    "promised_date",
    "closed_date",
    "po_number",
    "reference",
    "owner_id",
    "terms",
    "document_url",
    "entry_no",
    "ledger_difference",
    "is_open_derived",
)
AUDITED = tuple(
    c
    for c in COLUMNS
    if c
    not in (
        "source",
        "external_id",
        "source_url",
        "source_modified_at",
        "document_url",
        "debtor_key",
        "subtotal_base",
        "tax_base",
        "total_base",
        "open_amount_base",
    )
)


def stage_latest(cut: Cut) -> None:
    """Of a document staged twice since the last cut only the later version counts, and of one that is gone or excluded by now, none.

    What a facet said about a document that waits is kept beside it until the document itself is read again.
    """
    documents, lines = staged(cut.source, "document"), staged(cut.source, "document_line")
    removed = cut.sql(
        f"""
        DELETE FROM {documents} d USING engine.source_record r
        WHERE r.stream_id = d.stream_id AND r.key = d.key AND (r.deleted_at IS NOT NULL OR r.state = 2 AND r.reason <> ALL(:held))
        """,
        held=list(WAITING),
    )
    if cut.rows(f"SELECT count(*) - count(DISTINCT (stream_id, key)) FROM {documents}")[0][0]:
        removed += cut.sql(f"""
            DELETE FROM {documents} o USING {documents} n
            WHERE n.stream_id = o.stream_id AND n.key = o.key AND (n.batch_id, n.ctid) > (o.batch_id, o.ctid)
            """)
    first, last = cut.rows(f"""
        SELECT min(d.batch_id) FILTER (WHERE s.facet), max(d.batch_id) FILTER (WHERE NOT s.facet) FROM {documents} d JOIN engine.stream s USING (stream_id)
        """)[0]
    if first is not None and last is not None and int(str(first)) < int(str(last)):
        cut.sql(f"""
            DELETE FROM {documents} f USING engine.stream s, {documents} d
            WHERE s.stream_id = f.stream_id AND s.facet AND d.key = f.key AND d.stream_id <> f.stream_id AND d.batch_id > f.batch_id
            """)
    if removed:
        for part in (lines, staged(cut.source, "document_instalment")):
            cut.sql(
                f"DELETE FROM {part} l WHERE NOT EXISTS (SELECT FROM {documents} d WHERE d.key = l.document_key AND d.batch_id = l.batch_id)"
            )


def prepare_documents(cut: Cut) -> bool:
    """Fills temporary table incoming_document from the defining streams; false when nothing is staged and no ledger entry moved.

    What has no known debtor, or is not proven to be posted, stays in staging for the next cut and is marked on its record.
    """
    documents = staged(cut.source, "document")
    cut.sql(INCOMING_DOCUMENT.create())
    cut.sql(SPLIT_DOCUMENT.create())
    cut.sql(
        "ALTER TABLE incoming_document ALTER first_seen_at DROP NOT NULL, ALTER changed_at DROP NOT NULL, ALTER collection_status DROP NOT NULL"
    )
    cut.sql(f"""
        INSERT INTO incoming_document (id, source, external_id, external_no, source_url, source_modified_at, custom, debtor_id, debtor_key, kind, issue_date,
            posting_date, due_date, currency,
            exchange_rate, subtotal, tax, total, open_amount, erp_status, is_posted, dispute_reason, promised_date, closed_date, po_number, reference,
                owner_id, terms, document_url)
        SELECT d.id, :source, d.key, d.number, d.source_url, d.source_modified_at, d.custom, l.canonical_id, d.debtor_key,
               coalesce(d.kind, 'invoice'), d.issue_date, d.posting_date, d.due_date, coalesce(d.currency, c.base_currency),
               d.exchange_rate, d.subtotal, d.tax, d.total, d.open_amount,
               d.erp_status, d.is_posted, d.dispute_reason, d.promised_date, d.closed_date, d.po_number, d.reference, o.id, t.code, d.document_url
        FROM {documents} d JOIN engine.stream s ON s.stream_id = d.stream_id AND NOT s.facet
        LEFT JOIN canonical.link l ON l.entity = 'debtor' AND l.source = :source AND l.external_id = d.debtor_key
        LEFT JOIN canonical.company c ON c.source = :source
        LEFT JOIN {OWNERS_BY_NAME} o ON o.called = d.owner_code
        LEFT JOIN canonical.reference t ON t.source = :source AND t.external_id = 'payment_terms/' || d.terms_key
        """)
    if cut.exists(f"SELECT FROM {documents}"):
        note_unresolved(cut)
    take_up_resolved(cut)
    return cut.exists("SELECT FROM incoming_document")


_FACTOR = """CASE WHEN n.currency = c.base_currency THEN 1 WHEN n.total_base IS NOT NULL AND n.total <> 0 THEN n.total_base / n.total
                ELSE n.exchange_rate END"""
"""What one unit of a document's currency is in base currency."""
_ASKED = "n.total - coalesce(n.ledger_difference, 0)"


def complete_amounts(cut: Cut) -> None:
    """Base amounts where the ledger did not state them, the paid-in-part status, and the collection status the ERP implies."""
    completed = ", ".join(
        f"{column}_base = coalesce(n.{column}_base, {_FACTOR} * n.{column})"
        for column in ("total", "open_amount", "subtotal", "tax")
    )
    cut.sql(f"""
        UPDATE incoming_document n SET {completed},
            erp_status = CASE WHEN n.erp_status IN ('open', 'partially_paid') AND n.open_amount > 0 AND n.open_amount < {_ASKED} THEN 'partially_paid'
                              WHEN n.erp_status = 'partially_paid' AND n.open_amount = {_ASKED} THEN 'open' ELSE n.erp_status END,
            collection_status = CASE WHEN n.dispute_reason IS NOT NULL THEN 'disputed' WHEN n.promised_date IS NOT NULL THEN 'promised' ELSE 'none' END
        FROM (SELECT) one LEFT JOIN canonical.company c ON c.source = :source
        """)


def merge_documents(cut: Cut) -> None:
    """Merges headers and instalments of what incoming_document holds."""
    if not cut.exists("SELECT FROM incoming_document"):
        return
    tell_planner(cut.connection, "incoming_document")
    first = not cut.exists("SELECT FROM canonical.document WHERE source = :source")
    merge_into(cut, "document", "incoming_document", COLUMNS, audited=AUDITED, fresh=first)
    publish_instalments(cut, first=first)


def merge_lines(cut: Cut) -> None:
    """The lines of every staged document that is published: what differs is replaced, what is the same is not written."""
    lines, documents = staged(cut.source, "document_line"), staged(cut.source, "document")
    columns = [f.stored_as for f in DOCUMENT_LINE]
    select = f"""
        SELECT l.document_id, l.id, {", ".join(f"l.{f.name} AS {f.stored_as}" for f in DOCUMENT_LINE)} FROM {lines} l
        WHERE NOT EXISTS (SELECT FROM held_document h WHERE h.key = l.document_key)"""
    if not cut.exists(
        "SELECT FROM canonical.document_line l JOIN canonical.document d ON d.id = l.document_id WHERE d.source = :source"
    ):
        created = cut.sql(
            f"INSERT INTO canonical.document_line (document_id, id, {', '.join(columns)}) {select}"
        )
        count(cut, "document_line", created=created)
        return
    cut.sql(f"CREATE TEMP TABLE incoming_line ON COMMIT DROP AS {select}")
    gone = cut.sql(f"""
        DELETE FROM canonical.document_line o USING (SELECT d.id FROM {documents} d JOIN engine.stream s ON s.stream_id = d.stream_id AND NOT s.facet) d
        WHERE o.document_id = d.id AND EXISTS (SELECT FROM canonical.document p WHERE p.id = d.id)
          AND NOT EXISTS (SELECT FROM held_document h WHERE h.key = (SELECT external_id FROM canonical.document p WHERE p.id = d.id))
          AND NOT EXISTS (SELECT FROM incoming_line n WHERE n.document_id = o.document_id AND n.id = o.id)
        """)
    ours, theirs = ", ".join(f"o.{c}" for c in columns), ", ".join(f"n.{c}" for c in columns)
    updated = cut.sql(f"""
        UPDATE canonical.document_line o SET {", ".join(f"{c} = n.{c}" for c in columns)} FROM incoming_line n
        WHERE o.document_id = n.document_id AND o.id = n.id AND ({ours}) IS DISTINCT FROM ({theirs})
        """)
    created = cut.sql(f"""
        INSERT INTO canonical.document_line (document_id, id, {", ".join(columns)}) SELECT n.document_id, n.id, {theirs} FROM incoming_line n
        WHERE NOT EXISTS (SELECT FROM canonical.document_line o WHERE o.document_id = n.document_id AND o.id = n.id)
        """)
    count(cut, "document_line", created=created, updated=updated, deleted=gone)


def apply_facets(cut: Cut) -> None:
    """Streams that only re-read a few fields of documents (open amounts): what they said replaces just that.

    A ledger that tells what remains of an entry, or that nothing does, knows better; of several entries of a document the
    document's own open amount is only one's.
    """
    documents = staged(cut.source, "document")
    if not cut.exists(
        f"SELECT FROM {documents} d JOIN engine.stream s ON s.stream_id = d.stream_id WHERE s.facet"
    ):
        return
    said = "',' || f.said || ','"
    cut.sql("CREATE TEMP TABLE touched_by_facet ON COMMIT DROP AS SELECT * FROM incoming_document LIMIT 0")
    cut.sql(f"""
        INSERT INTO touched_by_facet SELECT o.*, NULL FROM canonical.document o
        WHERE o.source = :source AND o.id IN (SELECT d.id FROM {documents} d JOIN engine.stream s ON s.stream_id = d.stream_id WHERE s.facet)
          AND NOT EXISTS (SELECT FROM incoming_document n WHERE n.id = o.id)
        """)
    cut.sql("INSERT INTO incoming_document SELECT * FROM touched_by_facet")
    cut.sql(f"""
        UPDATE incoming_document n SET
            open_amount = CASE WHEN {said} LIKE '%,open_amount,%' THEN f.open_amount ELSE n.open_amount END,
            open_amount_base = CASE WHEN {said} LIKE '%,open_amount,%' AND (n.currency = f.base_currency OR NOT EXISTS (
                SELECT FROM engine.ledger_entry e WHERE e.source = :source AND e.record_id = n.id AND e.remaining_base IS NOT NULL)) THEN NULL
                ELSE n.open_amount_base END,
            is_open_derived = CASE WHEN {said} LIKE '%,open_amount,%' THEN NULL ELSE n.is_open_derived END,
            erp_status = CASE WHEN {said} LIKE '%,erp_status,%' THEN f.erp_status ELSE n.erp_status END,
            due_date = CASE WHEN {said} LIKE '%,due_date,%' THEN f.due_date ELSE n.due_date END
        FROM (SELECT DISTINCT ON (d.key) d.*, c.base_currency FROM {documents} d JOIN engine.stream s ON s.stream_id = d.stream_id
                LEFT JOIN canonical.company c ON c.source = :source WHERE s.facet ORDER BY d.key, d.batch_id DESC) f
        WHERE n.external_id = f.key AND NOT EXISTS (
            SELECT FROM engine.ledger_entry e WHERE e.source = :source AND e.record_id = n.id AND (e.remaining IS NOT NULL OR NOT e.is_open
                OR e.entry_no <> n.entry_no))
        """)


GONE = """
    SELECT o.*, r.deleted_at AS gone_at FROM engine.source_record r JOIN engine.stream s USING (stream_id)
    JOIN canonical.{entity} o ON o.source = s.source AND o.external_id = r.key
    WHERE s.source = :source AND s.canonical = '{canonical}' AND NOT s.facet AND o.deleted_at IS NULL AND (r.deleted_at IS NOT NULL OR r.state = 2)
      AND NOT EXISTS (SELECT FROM engine.source_record x JOIN engine.stream y USING (stream_id) WHERE x.key = r.key AND x.stream_id <> r.stream_id
          AND y.source = :source AND y.canonical = s.canonical AND NOT y.facet AND x.deleted_at IS NULL AND x.state <> 2)
"""
"""Published records that their source no longer has, or that are outside the filter now; `gone_at` is when it lost them."""


def tombstone(cut: Cut, entity: str, canonical: str) -> None:
    """Records gone from the source, or now outside the filter, get their deletion date; the rows stay. One that another stream has lives on."""
    cut.sql(
        f"CREATE TEMP TABLE gone_{entity} ON COMMIT DROP AS {GONE.format(entity=entity, canonical=canonical)}"
    )
    cut.sql(f"UPDATE gone_{entity} SET deleted_at = coalesce(gone_at, now())")
    merge_into(cut, entity, f"gone_{entity}", ("deleted_at",))
    if entity == "document":
        follow_documents(cut, "gone_document")


def clear_staging(cut: Cut) -> None:
    """Published rows leave staging; held ones wait there for what they miss.

    The last statements of a cut, for PostgreSQL's sake: a transaction that empties an unlogged table, is rolled back, and is
    followed by a crash of the server within moments leaves a file behind over which its recovery stumbles for good.
    """
    documents, payments = staged(cut.source, "document"), staged(cut.source, "payment")
    parts = [staged(cut.source, part) for part in ("document_line", "document_instalment")]
    tables = [staged(cut.source, "ledger_entry"), payments, documents, *parts]
    found = cut.rows(f"SELECT {', '.join(f'EXISTS (SELECT FROM {table})' for table in tables)}")[0]
    done = [table for table, is_filled in zip(tables, found, strict=True) if is_filled]
    if payments in done and cut.exists("SELECT FROM held_record WHERE canonical = 'payment'"):
        done.remove(payments)
        cut.sql(
            f"DELETE FROM {payments} p WHERE NOT EXISTS (SELECT FROM held_record h WHERE h.canonical = 'payment' AND h.key = p.key)"
        )
    if documents not in done or cut.exists("SELECT FROM held_document"):
        done = [table for table in done if table not in (documents, *parts)]
    if found[2] and documents not in done:
        cut.sql(
            f"DELETE FROM {documents} d WHERE NOT EXISTS (SELECT FROM held_document h WHERE h.key = d.key)"
        )
        for part in parts:
            cut.sql(
                f"DELETE FROM {part} l WHERE NOT EXISTS (SELECT FROM held_document h WHERE h.key = l.document_key)"
            )
    if done:
        cut.sql(f"TRUNCATE {', '.join(done)}")
