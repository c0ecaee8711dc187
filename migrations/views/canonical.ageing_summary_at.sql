-- The ageing as a report prints it: every bucket per currency, the empty ones too, and the credits as the last line.
CREATE FUNCTION canonical.ageing_summary_at(ledger_date date, of_source text DEFAULT NULL)
RETURNS TABLE (
    as_of date, source text, currency text, base_currency text, "position" integer, bucket text,
    n_debtors bigint, n_items bigint, open_amount numeric, unapplied numeric, open_amount_base numeric, unapplied_base numeric,
    is_exact boolean, why_inexact text
)
LANGUAGE sql STABLE AS $$
WITH aged AS MATERIALIZED (SELECT * FROM canonical.ageing_at(ledger_date, of_source)),
     currencies AS (SELECT DISTINCT source, currency, base_currency FROM aged),
     columns_of_report AS (SELECT "position", label FROM canonical.ageing_bucket UNION ALL SELECT NULL, 'unapplied')
SELECT ledger_date, c.source, c.currency, c.base_currency, k."position", k.label,
       count(DISTINCT a.debtor_id), coalesce(sum(a.n_items), 0)::bigint, coalesce(sum(a.open_amount), 0), coalesce(sum(a.unapplied), 0),
       CASE WHEN bool_and(a.bucket IS NULL OR a.open_amount_base IS NOT NULL) THEN coalesce(sum(a.open_amount_base), 0) END,
       CASE WHEN bool_and(a.bucket IS NULL OR a.unapplied_base IS NOT NULL) THEN coalesce(sum(a.unapplied_base), 0) END,
       coalesce(bool_and(a.is_exact), true), min(a.why_inexact)
FROM currencies c
CROSS JOIN columns_of_report k
LEFT JOIN aged a ON a.source = c.source AND a.currency IS NOT DISTINCT FROM c.currency AND a.bucket = k.label
GROUP BY c.source, c.currency, c.base_currency, k."position", k.label
$$;

COMMENT ON FUNCTION canonical.ageing_summary_at(date, text) IS 'The ageing over all debtors, per source and currency, the empty buckets too.';
