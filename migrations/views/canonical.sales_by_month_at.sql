CREATE FUNCTION canonical.sales_by_month_at(ledger_date date, of_source text, by_currency boolean)
RETURNS TABLE (source text, currency text, debtor_id uuid, month date, sales numeric)
LANGUAGE sql STABLE AS $$
SELECT s.source, s.currency, s.debtor_id, s.month, sum(s.sold)
FROM (
    SELECT d.source, CASE WHEN by_currency THEN d.currency END AS currency, d.debtor_id,
           date_trunc('month', coalesce(d.posting_date, d.issue_date)::timestamp)::date AS month,
           CASE WHEN d.kind = 'credit_note' THEN -1 ELSE 1 END * coalesce(d.total_base, CASE WHEN d.currency IS NULL OR d.currency = b.base_currency THEN d.total END) AS sold
    FROM canonical.document d
    LEFT JOIN canonical.source_base_currency b ON b.source = d.source
    WHERE d.kind IN ('invoice', 'credit_note') AND d.deleted_at IS NULL AND d.erp_status IS DISTINCT FROM 'draft' AND (d.erp_status IS DISTINCT FROM 'void' OR d.entry_no IS NOT NULL)
      AND coalesce(d.posting_date, d.issue_date) <= ledger_date AND (of_source IS NULL OR d.source = of_source)
) s
GROUP BY s.debtor_id, s.month, s.source, s.currency
$$;
