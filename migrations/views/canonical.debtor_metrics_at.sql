CREATE FUNCTION canonical.debtor_metrics_at(ledger_date date, of_source text DEFAULT NULL)
RETURNS TABLE (
    as_of date, source text, debtor_id uuid, debtor_number text, debtor_name text, portfolio_id uuid, base_currency text, out_because text, n_documents bigint,
    mean_days_late numeric, avg_days_overdue numeric, avg_days_past_due_at_payment numeric, avg_days_invoice_to_payment numeric,
    weighted_avg_days_late_by_original numeric, weighted_avg_days_late_by_open numeric,
    dso_simple numeric, dso_count_back numeric, best_possible_dso numeric, avg_days_delinquent numeric,
    exposure numeric, credit_limit numeric, credit_utilisation numeric, credit_flag text,
    dso_count_back_status text, n_included jsonb, n_excluded jsonb, definition_version integer, currency_basis text, is_exact boolean, why_inexact text
)
LANGUAGE sql STABLE AS $$
SELECT ledger_date, s.source, s.debtor_id, r.number, r.name, r.portfolio_id, s.base_currency, j.out_because, (s.sums).n_documents,
       f.mean_days_late, f.avg_days_overdue, f.avg_days_past_due_at_payment, f.avg_days_invoice_to_payment,
       f.weighted_avg_days_late_by_original, f.weighted_avg_days_late_by_open, f.dso_simple, f.dso_count_back, f.best_possible_dso, f.avg_days_delinquent,
       c.exposure, r.credit_limit, c.utilisation, c.flag,
       CASE WHEN f.dso_count_back IS NULL AND j.out_because IS NULL THEN 'insufficient history' END, f.n_included, f.n_excluded, 1, 'booked base',
       s.n_inexact = 0 AND coalesce(c.is_exact, true), coalesce(s.why_inexact, c.why_inexact)
FROM canonical.metric_sums_at(ledger_date, of_source, false) s
LEFT JOIN canonical.debtor r ON r.id = s.debtor_id
CROSS JOIN LATERAL (SELECT j.out_because FROM canonical.metric_debtor j WHERE j.debtor_id = s.debtor_id UNION ALL SELECT 'debtor_unknown' WHERE r.id IS NULL) j
LEFT JOIN canonical.debtor_exposure_at(ledger_date) c ON c.debtor_id = s.debtor_id
LEFT JOIN (
    SELECT m.source, m.debtor_id, array_agg(m.month ORDER BY m.month DESC) AS months, array_agg(m.sales ORDER BY m.month DESC) AS sales
    FROM canonical.sales_by_month_at(ledger_date, of_source, false) m
    GROUP BY m.source, m.debtor_id
) h ON h.source = s.source AND h.debtor_id = s.debtor_id
CROSS JOIN LATERAL canonical.metrics_of(
    CASE WHEN j.out_because IS NULL THEN s.sums ELSE ROW(0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0)::canonical.metric_sums END,
    CASE WHEN j.out_because IS NULL THEN canonical.dso_count_back((s.sums).receivable, ledger_date, h.months, h.sales) END,
    CASE WHEN j.out_because IS NULL THEN '{}' ELSE jsonb_build_object(j.out_because, (s.sums).n_documents) END,
    CASE WHEN j.out_because IS NULL THEN '{}' ELSE jsonb_build_object(j.out_because, (s.sums).n_open_items) END
) f
$$;

COMMENT ON FUNCTION canonical.debtor_metrics_at(date, text) IS 'The same metrics per source and debtor, with credit utilisation.';
