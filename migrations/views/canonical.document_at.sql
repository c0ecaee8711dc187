-- Whole documents: their instalments added up; settled when the last of them was.
CREATE FUNCTION canonical.document_at(ledger_date date, of_source text DEFAULT NULL)
RETURNS TABLE (
    source text, document_id uuid, debtor_id uuid, kind text, number text, issue_date date, posting_date date, due_date date,
    currency text, total numeric, open_amount numeric, base_currency text, total_base numeric, open_amount_base numeric,
    sign integer, settled_on date, erp_status text, collection_status text, is_exact boolean, why_inexact text
)
LANGUAGE sql STABLE AS $$
SELECT i.source, i.document_id, i.debtor_id, i.kind, i.number, i.issue_date, i.posting_date, min(i.due_date), i.currency, i.total, sum(i.open_amount),
       i.base_currency, i.total_base, CASE WHEN bool_and(i.open_amount_base IS NOT NULL) THEN sum(i.open_amount_base) END, i.sign,
       CASE WHEN bool_and(i.settled_on IS NOT NULL) THEN max(i.settled_on) END, i.erp_status, i.collection_status, bool_and(i.is_exact), min(i.why_inexact)
FROM canonical.instalment_at(ledger_date, of_source) i
GROUP BY i.source, i.document_id, i.debtor_id, i.kind, i.number, i.issue_date, i.posting_date, i.currency, i.total, i.base_currency, i.total_base, i.sign,
         i.erp_status, i.collection_status
$$;

COMMENT ON FUNCTION canonical.document_at(date, text) IS 'Documents as the ledger stood on the date: canonical.instalment_at added up.';
