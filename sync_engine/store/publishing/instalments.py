"""Publishes instalments: which ledger entries are a document's own, and what the document asks for on each day.

A document has one instalment, unless its ledger or its mapping splits it. Where both do, the ledger knows better: it says what is open.
"""

from __future__ import annotations

from sync_engine.store.db import tell_planner
from sync_engine.store.publishing.cut import Cut, count, merge_into
from sync_engine.store.staging import staged

COLUMNS = (
    "source", "external_id", "external_no", "source_modified_at", "deleted_at", "document_id", "number", "due_date", "amount", "open_amount", "amount_base",
    "open_amount_base", "promised_date", "closed_date", "entry", "is_only", "why_inexact",
)  # fmt: skip
AUDITED = (
    "deleted_at",
    "number",
    "due_date",
    "amount",
    "open_amount",
    "promised_date",
    "closed_date",
    "entry",
)
OWED = "CASE WHEN e.document_type = 'credit_memo' THEN -1 ELSE 1 END"
BASE_ONLY = "its ledger tells amounts in base currency only"
REST_NOT_TOLD = "what remains of its ledger entry is not told"
SHARED_OUT = "what remains is told for the document only; the earliest instalments count as settled first"
ID = "CAST(left(CAST(n.id AS text), 32) || lpad(to_hex({}), 4, '0') AS uuid)"
"""An instalment's id is its document's with the number in the last four digits: stable, and written in the order of the documents."""
IN_ORDER = "length(e.entry_no), e.entry_no"


def choose_entries(cut: Cut) -> None:
    """Of several entries under one document's number, those that are the document's own stay; the others came from a journal.

    Entries in a row that add up to the document's total are its own. Where none do (an amount was withheld), those posted with the
    first, up to the total. Leaves documents with several in temporary table split_document.
    """
    several = (
        "SELECT document_id FROM resolved_entry WHERE document_id IS NOT NULL GROUP BY 1 HAVING count(*) > 1"
    )
    if not cut.exists(several):
        return
    cut.sql(f"""
        CREATE TEMP TABLE candidate ON COMMIT DROP AS
        SELECT x.document_id AS id, e.entry_no, x.total, m.amount, row_number() OVER w AS place, sum(m.amount) OVER w AS upto,
               bool_or(m.amount IS NULL) OVER (PARTITION BY x.document_id) AS is_unknown,
               e.posting_date IS NOT DISTINCT FROM first_value(e.posting_date) OVER w AS is_with_first
        FROM resolved_entry x JOIN engine.ledger_entry e ON e.source = :source AND e.entry_no = x.entry_no
        LEFT JOIN canonical.company c ON c.source = :source
        CROSS JOIN LATERAL (SELECT {OWED} * coalesce(e.amount, CASE WHEN x.currency = c.base_currency THEN e.amount_base END) AS amount) m
        WHERE x.document_id IN ({several})
        WINDOW w AS (PARTITION BY x.document_id ORDER BY {IN_ORDER})
        """)
    cut.sql("""
        UPDATE resolved_entry r SET document_id = NULL FROM candidate c LEFT JOIN (
            SELECT DISTINCT ON (f.id) f.id, f.place AS first, l.place AS last
            FROM candidate f JOIN candidate l ON l.id = f.id AND l.place >= f.place AND l.upto - f.upto + f.amount = f.total
            WHERE NOT f.is_unknown ORDER BY f.id, f.place, l.place) s ON s.id = c.id
        WHERE r.entry_no = c.entry_no AND NOT CASE WHEN s.id IS NOT NULL THEN c.place BETWEEN s.first AND s.last
            ELSE c.place = 1 OR c.is_with_first AND (c.is_unknown OR c.total IS NULL OR abs(c.upto) <= abs(c.total)) END
        """)
    cut.sql(f"INSERT INTO split_document {several}")


def enrich_split_documents(cut: Cut) -> None:
    """Documents with several entries: what is open is what is open of them all, and each entry becomes an instalment."""
    if not cut.exists("SELECT FROM split_document"):
        return
    cut.sql(f"""
        CREATE TEMP TABLE split_instalment ON COMMIT DROP AS
        SELECT w.id, w.number, w.entry, w.due_date, w.promised_date, w.is_open, CASE WHEN NOT w.is_open THEN w.closed_date END AS closed_date, w.amount,
               o.open_amount, w.amount_base, CASE WHEN w.remaining_base IS NOT NULL THEN w.remaining_base WHEN o.open_amount = 0 THEN 0
                   WHEN w.is_base THEN o.open_amount WHEN o.open_amount = w.amount THEN w.amount_base END AS open_amount_base,
               CASE WHEN w.remaining IS NOT NULL OR NOT w.is_open OR w.is_base AND w.remaining_base IS NOT NULL THEN NULL
                    WHEN w.remaining_base IS NOT NULL THEN '{BASE_ONLY}' ELSE '{REST_NOT_TOLD}' END AS why_inexact, w.source_modified_at,
               w.dispute_reason, w.posting_date
        FROM ({_ENTRIES}) w
        CROSS JOIN LATERAL (SELECT CASE WHEN w.remaining IS NOT NULL THEN w.remaining WHEN NOT w.is_open THEN 0 WHEN w.remaining_base IS NULL THEN w.amount
            WHEN w.is_base THEN w.remaining_base WHEN w.remaining_base = w.amount_base THEN w.amount
            ELSE round(w.amount * w.remaining_base / w.amount_base, 4) END AS open_amount) o
        """)
    cut.sql("""
        UPDATE incoming_document n SET entry_no = g.entry_no, open_amount = g.open_amount, due_date = coalesce(g.due_date, n.due_date),
            posting_date = coalesce(g.posting_date, n.posting_date), closed_date = CASE WHEN NOT g.is_open THEN coalesce(g.closed_date, n.closed_date) END,
            ledger_difference = n.total - g.amount, open_amount_base = g.open_amount_base,
            total_base = CASE WHEN g.amount = n.total THEN g.amount_base WHEN g.amount <> 0 THEN round(g.amount_base * n.total / g.amount, 4) END,
            subtotal_base = NULL, tax_base = NULL,
            exchange_rate = CASE WHEN g.amount <> 0 AND g.amount_base IS NOT NULL THEN round(g.amount_base / g.amount, 10) ELSE n.exchange_rate END,
            dispute_reason = coalesce(n.dispute_reason, g.dispute_reason), promised_date = coalesce(n.promised_date, g.promised_date),
            source_modified_at = greatest(n.source_modified_at, g.source_modified_at),
            erp_status = CASE WHEN n.erp_status IN ('void', 'written_off', 'draft') THEN n.erp_status WHEN g.open_amount = 0 THEN 'paid'
                              WHEN g.open_amount = g.amount THEN 'open' ELSE 'partially_paid' END
        FROM (SELECT id, min(entry) AS entry_no, sum(amount) AS amount, sum(open_amount) AS open_amount, min(due_date) AS due_date,
                     CASE WHEN count(amount_base) = count(*) THEN sum(amount_base) END AS amount_base,
                     CASE WHEN count(open_amount_base) = count(*) THEN sum(open_amount_base) END AS open_amount_base, bool_or(is_open) AS is_open,
                     max(closed_date) AS closed_date, min(posting_date) AS posting_date, min(dispute_reason) AS dispute_reason,
                     min(promised_date) AS promised_date, max(source_modified_at) AS source_modified_at
              FROM split_instalment GROUP BY id) g
        WHERE g.id = n.id
        """)


_ENTRIES = f"""
    SELECT n.id, row_number() OVER w AS number, e.entry_no AS entry, coalesce(e.due_date, n.due_date) AS due_date, e.promised_date, e.closed_date,
           e.source_modified_at, e.dispute_reason, e.posting_date, coalesce(e.is_open, e.remaining IS DISTINCT FROM 0) AS is_open,
           {OWED} * e.remaining AS remaining, {OWED} * e.remaining_base AS remaining_base, {OWED} * e.amount_base AS amount_base,
           coalesce(n.currency = c.base_currency, false) AS is_base,
           CASE WHEN e.amount IS NOT NULL THEN {OWED} * e.amount WHEN n.currency = c.base_currency THEN {OWED} * e.amount_base
                ELSE round(n.total * sum(e.amount_base) OVER w / nullif(sum(e.amount_base) OVER p, 0), 4)
                    - round(n.total * (sum(e.amount_base) OVER w - e.amount_base) / nullif(sum(e.amount_base) OVER p, 0), 4) END AS amount
    FROM split_document s JOIN incoming_document n ON n.id = s.id JOIN engine.ledger_entry e ON e.source = :source AND e.record_id = s.id
    LEFT JOIN canonical.company c ON c.source = :source
    WINDOW p AS (PARTITION BY n.id), w AS (PARTITION BY n.id ORDER BY {IN_ORDER})
"""
"""An entry in base currency alone has the share of the document that it has of what was booked; the shares add up to the total."""


def publish_instalments(cut: Cut, *, first: bool) -> None:
    """The instalments of every document of this cut. `first`: the source has no document yet, so nothing has to be compared."""
    if not cut.exists("SELECT FROM incoming_document"):
        return
    several = _collect_several(cut)
    wanted = _ONE.format(
        id=ID.format("1"), besides="WHERE n.id NOT IN (SELECT id FROM several_instalment)" if several else ""
    )
    if several:
        wanted += " UNION ALL " + _SEVERAL.format(id=ID.format("s.number"))
    if first:  # in the order of both indexes, which is half the price of writing them
        created = cut.sql(f"""
            INSERT INTO canonical.instalment (cut_id, id, {", ".join(COLUMNS)}) SELECT CAST(:cut AS bigint), x.* FROM ({wanted}) x ORDER BY x.document_id
            """)
        count(cut, "instalment", created=created)
        tell_planner(cut.connection, "canonical.instalment")
        return
    cut.sql(f"CREATE TEMP TABLE incoming_instalment ON COMMIT DROP AS {wanted}")
    cut.sql("""
        CREATE TEMP TABLE gone_instalment ON COMMIT DROP AS
        SELECT i.id, now() AS deleted_at FROM incoming_document n JOIN canonical.instalment i ON i.document_id = n.id
        WHERE i.deleted_at IS NULL AND NOT EXISTS (SELECT FROM incoming_instalment w WHERE w.id = i.id)
        """)
    merge_into(cut, "instalment", "gone_instalment", ("deleted_at",))
    merge_into(cut, "instalment", "incoming_instalment", COLUMNS, audited=AUDITED,
        announced="EXISTS (SELECT FROM canonical.instalment k WHERE k.document_id = n.document_id)")  # fmt: skip


_ONE = """
    SELECT {id} AS id, n.source, n.external_id || '/1' AS external_id, n.external_no, n.source_modified_at, n.deleted_at, n.id AS document_id, 1 AS number,
           n.due_date, n.total - coalesce(n.ledger_difference, 0) AS amount, n.open_amount,
           CASE WHEN coalesce(n.ledger_difference, 0) = 0 THEN n.total_base
                WHEN n.total <> 0 THEN round(n.total_base * (n.total - n.ledger_difference) / n.total, 4) END AS amount_base,
           n.open_amount_base, n.promised_date, n.closed_date, n.entry_no AS entry, true AS is_only,
           CASE WHEN n.open_amount IS NULL AND coalesce(n.erp_status, 'unknown') NOT IN ('draft', 'void', 'paid', 'written_off')
               THEN 'what remains of it is not told' END AS why_inexact
    FROM incoming_document n {besides}
"""
_SEVERAL = """
    SELECT {id}, n.source, n.external_id || '/' || s.number, n.external_no, n.source_modified_at, n.deleted_at, n.id, CAST(s.number AS integer), s.due_date,
           s.amount, s.open_amount, s.amount_base, s.open_amount_base, s.promised_date, s.closed_date, s.entry, false, s.why_inexact
    FROM several_instalment s JOIN incoming_document n ON n.id = s.id
"""


def _collect_several(cut: Cut) -> bool:
    """Puts the instalments of documents that have several into temporary table several_instalment; false when there is none."""
    mapped, by_ledger = staged(cut.source, "document_instalment"), cut.exists("SELECT FROM split_document")
    kept = "SELECT FROM canonical.instalment i JOIN incoming_document n ON n.id = i.document_id WHERE NOT i.is_only AND i.deleted_at IS NULL"
    no_ledger = not cut.exists("SELECT FROM engine.ledger_entry WHERE source = :source")
    by_mapping = cut.exists(f"SELECT FROM {mapped}") or (no_ledger and cut.exists(kept))
    if not by_ledger and not by_mapping:
        return False
    cut.sql("""
        CREATE TEMP TABLE several_instalment (id uuid, number bigint, due_date date, amount numeric, open_amount numeric, amount_base numeric,
            open_amount_base numeric, promised_date date, closed_date date, entry text, why_inexact text) ON COMMIT DROP
        """)
    if by_ledger:
        cut.sql("""
            INSERT INTO several_instalment
            SELECT s.id, s.number, s.due_date, s.amount, s.open_amount, s.amount_base, s.open_amount_base,
                   CASE WHEN n.promised_date IS NOT DISTINCT FROM min(s.promised_date) OVER (PARTITION BY s.id) THEN s.promised_date ELSE n.promised_date END,
                   s.closed_date, s.entry, s.why_inexact
            FROM split_instalment s JOIN incoming_document n ON n.id = s.id
            """)
    if by_mapping:
        _collect_mapped(cut, mapped)
    return True


def _collect_mapped(cut: Cut, mapped: str) -> None:
    """Instalments as a mapping said them, or as they are when their document was not read again; what remains may be the document's only."""
    by_ledger = "EXISTS (SELECT FROM split_document s WHERE s.id = n.id)"
    cut.sql(f"""
        CREATE TEMP TABLE said_instalment ON COMMIT DROP AS
        SELECT n.id, row_number() OVER (PARTITION BY n.id ORDER BY l.number, l.due_date, l.amount) AS number, l.due_date, l.amount, l.open_amount,
               l.promised_date, l.closed_date, l.entry
        FROM {mapped} l JOIN incoming_document n ON n.id = l.document_id WHERE NOT {by_ledger}
        UNION ALL
        SELECT n.id, i.number, i.due_date, i.amount, CASE WHEN sum(i.open_amount) OVER (PARTITION BY n.id) = n.open_amount THEN i.open_amount END,
               i.promised_date, i.closed_date, i.entry
        FROM incoming_document n JOIN canonical.instalment i ON i.document_id = n.id AND NOT i.is_only AND i.deleted_at IS NULL
        WHERE NOT {by_ledger} AND NOT EXISTS (SELECT FROM {staged(cut.source, "document")} d JOIN engine.stream t ON t.stream_id = d.stream_id
            WHERE d.id = n.id AND NOT t.facet)
          AND NOT EXISTS (SELECT FROM engine.ledger_entry e WHERE e.source = :source AND e.record_id = n.id)
        """)
    cut.sql(f"""
        INSERT INTO several_instalment
        SELECT x.id, x.number, x.due_date, x.amount, x.rest, round(x.amount * x.factor, 4), round(x.rest * x.factor, 4), x.promised_date, x.closed_date,
               x.entry, CASE WHEN x.is_told OR x.document_open = 0 OR x.document_open = x.whole THEN NULL ELSE '{SHARED_OUT}' END
        FROM (
            SELECT s.*, n.open_amount AS document_open, sum(s.amount) OVER p AS whole, s.open_amount IS NOT NULL AS is_told,
                   CASE WHEN n.currency = c.base_currency THEN 1 WHEN n.total <> 0 THEN n.total_base / n.total END AS factor,
                   coalesce(s.open_amount, sign(s.amount) * greatest(0, least(abs(s.amount),
                       abs(sum(s.amount) OVER d) - abs(sum(s.amount) OVER p) + abs(n.open_amount)))) AS rest
            FROM said_instalment s JOIN incoming_document n ON n.id = s.id LEFT JOIN canonical.company c ON c.source = :source
            WINDOW p AS (PARTITION BY s.id), d AS (PARTITION BY s.id ORDER BY s.due_date, s.number)) x
        """)


def follow_documents(cut: Cut, documents: str) -> None:
    """Instalments go and come with their documents; `documents` is a temporary table with id and deleted_at."""
    table = f"{documents}_instalment"
    cut.sql(f"""
        CREATE TEMP TABLE {table} ON COMMIT DROP AS
        SELECT i.id, d.deleted_at FROM {documents} d JOIN canonical.instalment i ON i.document_id = d.id
        WHERE (i.deleted_at IS NULL) <> (d.deleted_at IS NULL)
        """)
    merge_into(cut, "instalment", table, ("deleted_at",))


def promise_instalments(cut: Cut, documents: str) -> None:
    """What was promised for documents is promised for each instalment; where only its entries promise, each has its own day.

    `documents` is a temporary table with id and promised_date.
    """
    cut.sql(f"""
        CREATE TEMP TABLE promised_instalment ON COMMIT DROP AS
        SELECT i.id, CASE WHEN d.promised_date IS NOT DISTINCT FROM min(e.promised_date) OVER (PARTITION BY i.document_id) AND NOT i.is_only
            THEN e.promised_date ELSE d.promised_date END AS promised_date
        FROM {documents} d JOIN canonical.instalment i ON i.document_id = d.id AND i.deleted_at IS NULL
        LEFT JOIN engine.ledger_entry e ON e.source = i.source AND e.entry_no = i.entry
        """)
    merge_into(cut, "instalment", "promised_instalment", ("promised_date",), actor_kind="user")
