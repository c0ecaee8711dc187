CREATE FUNCTION canonical.instalment_at(ledger_date date, of_source text DEFAULT NULL)
RETURNS TABLE (
    source text, document_id uuid, instalment_id uuid, instalment integer, debtor_id uuid, kind text, number text, issue_date date, posting_date date,
    due_date date, promised_date date, currency text, total numeric, amount numeric, open_amount numeric, base_currency text, total_base numeric,
    amount_base numeric, open_amount_base numeric, sign integer, settled_on date, erp_status text, collection_status text,
    is_told boolean, is_exact boolean, why_inexact text
)
LANGUAGE sql STABLE AS $$
SELECT t.source, t.document_id, t.id, t.number, t.debtor_id, t.kind, t.external_no, t.issue_date, t.posting_date, t.due_date, t.promised_date,
       t.currency, t.total, t.amount, t.open_then, t.base_currency, t.total_base, t.amount_base,
       CASE WHEN t.open_then = t.rest THEN t.open_amount_base WHEN t.amount <> 0 THEN round(t.amount_base * t.open_then / t.amount, 4) ELSE 0 END,
       CASE WHEN t.kind = 'credit_note' THEN -1 ELSE 1 END,
       CASE WHEN t.open_then <> 0 THEN NULL WHEN t.closed_date <= ledger_date THEN t.closed_date
            ELSE (SELECT a.last_on FROM canonical.applied_to(t.document_id, t.of_entry, coalesce(t.currency, ''), ledger_date) a) END,
       t.erp_status, t.collection_status,
       t.is_told AND coalesce(t.why NOT IN ('it was settled on a day that is not told', 'it was cancelled on a day that is not told'), true), t.why IS NULL, t.why
FROM (
    SELECT x.*,
           CASE WHEN x.why_now IS NOT NULL OR NOT x.is_earlier OR (x.rest = 0 AND (x.amount = 0 OR x.closed_date <= ledger_date)) THEN x.why_now
                WHEN x.erp_status = 'void' AND x.entry IS NULL THEN 'it was cancelled on a day that is not told'
                ELSE (SELECT u.why FROM canonical.untold_before(x.tells_applications, coalesce(x.posting_date, x.issue_date), x.amount - x.rest, x.rest,
                      x.closed_date, x.document_id, x.of_entry, coalesce(x.currency, ''), ledger_date) u) END AS why
    FROM (
        SELECT i.id, i.document_id, i.number, i.due_date, i.promised_date, i.closed_date, i.entry, CASE WHEN NOT i.is_only THEN coalesce(i.entry, '') END AS of_entry,
               d.source, d.debtor_id, d.kind, d.external_no, d.issue_date, d.posting_date, d.currency, d.erp_status, d.collection_status, b.base_currency,
               coalesce(d.total, 0) AS total, coalesce(i.amount, 0) AS amount, coalesce(i.open_amount, 0) AS rest, i.open_amount IS NOT NULL OR i.why_inexact IS NULL AS is_told,
               i.why_inexact AS why_now, coalesce(ledger_date < e.exact_from, false) AS is_earlier, coalesce(e.tells_applications, true) AS tells_applications,
               coalesce(d.total_base, CASE WHEN d.currency IS NULL OR d.currency = b.base_currency THEN d.total END) AS total_base,
               coalesce(i.amount_base, CASE WHEN d.currency IS NULL OR d.currency = b.base_currency THEN i.amount END) AS amount_base,
               coalesce(i.open_amount_base, CASE WHEN d.currency IS NULL OR d.currency = b.base_currency OR i.open_amount = 0 THEN i.open_amount END) AS open_amount_base,
               CASE WHEN coalesce(i.open_amount, 0) = 0 AND i.closed_date > ledger_date
                    THEN coalesce(i.amount, 0) - (SELECT a.amount FROM canonical.applied_to(d.id, CASE WHEN NOT i.is_only THEN coalesce(i.entry, '') END, coalesce(d.currency, ''), ledger_date) a)
                    ELSE coalesce(i.open_amount, 0) + coalesce(CASE WHEN i.is_only THEN since.amount ELSE part.amount END, 0) END AS open_then
        FROM canonical.document d
        JOIN canonical.instalment i ON i.document_id = d.id AND i.deleted_at IS NULL
        LEFT JOIN canonical.source_base_currency b ON b.source = d.source
        LEFT JOIN canonical.as_of_exactness e ON e.source = d.source
        LEFT JOIN canonical.applied_since(ledger_date) since ON since.record_id = d.id AND since.currency = coalesce(d.currency, '')
        LEFT JOIN canonical.applied_since_by_entry(ledger_date) part ON part.record_id = d.id AND part.entry = i.entry AND part.currency = coalesce(d.currency, '')
        WHERE d.deleted_at IS NULL AND d.erp_status IS DISTINCT FROM 'draft'
          AND (d.erp_status IS DISTINCT FROM 'void' OR (d.entry_no IS NOT NULL AND d.open_amount <> 0) OR ledger_date < e.exact_from)
          AND coalesce(d.posting_date, d.issue_date, ledger_date) <= ledger_date
          AND (of_source IS NULL OR d.source = of_source)
    ) x
) t
WHERE t.erp_status IS DISTINCT FROM 'void' OR t.open_then <> 0 OR t.why IS NOT NULL
$$;

COMMENT ON FUNCTION canonical.instalment_at(date, text) IS 'Instalments as the ledger stood on the date: open amount, date of full payment, and whether that is exact. Rolled back from the present by dated applications; what no application explains counts as settled on the closing date and is marked. Due dates, debtor and statuses are today''s.';
