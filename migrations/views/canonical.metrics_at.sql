CREATE FUNCTION canonical.metrics_at(ledger_date date, of_source text DEFAULT NULL)
RETURNS TABLE (
    as_of date, source text, scope text, scope_id uuid, scope_name text, base_currency text, metric text, definition_version integer,
    value numeric, status text, n_included bigint, n_excluded jsonb, currency_basis text, is_exact boolean, why_inexact text
)
LANGUAGE sql STABLE AS $$
WITH judged AS (
    SELECT s.source, s.base_currency, coalesce(s.currency, s.base_currency, '') AS currency, r.portfolio_id,
           CASE WHEN r.debtor_id IS NULL THEN 'debtor_unknown' ELSE r.out_because END AS out_because, s.sums AS m, s.n_inexact, s.why_inexact
    FROM canonical.metric_sums_at(ledger_date, of_source, true) s
    LEFT JOIN canonical.metric_debtor r ON r.debtor_id = s.debtor_id
), scoped AS MATERIALIZED (
    SELECT source, base_currency, grouping(currency, portfolio_id) AS scope, currency, portfolio_id, out_because, ROW(
        sum((m).n_documents), sum((m).n_open_items), sum((m).n_not_an_invoice), sum((m).n_nothing_owed), sum((m).n_written_off), sum((m).n_no_payment_date),
        sum((m).n_paid), sum((m).n_paid_due), sum((m).n_paid_issued), sum((m).n_unpaid), sum((m).n_unpaid_due), sum((m).n_overdue),
        sum((m).n_no_base), sum((m).n_unpaid_no_base), sum((m).n_open_no_base),
        sum((m).days_late), sum((m).days_overdue), sum((m).days_past_due), sum((m).days_to_payment),
        sum((m).weight), sum((m).weighted), sum((m).open_weight), sum((m).open_weighted), sum((m).receivable), sum((m).not_overdue), sum((m).sales)
    )::canonical.metric_sums AS m, sum(n_inexact) AS n_inexact, min(why_inexact) AS why_inexact
    FROM judged
    GROUP BY GROUPING SETS ((source, base_currency, out_because), (source, base_currency, out_because, currency), (source, base_currency, out_because, portfolio_id))
), outside AS (
    SELECT source, scope, currency, portfolio_id, jsonb_object_agg(out_because, nullif((m).n_documents, 0)) AS documents, jsonb_object_agg(out_because, nullif((m).n_open_items, 0)) AS open_items
    FROM scoped WHERE out_because IS NOT NULL
    GROUP BY source, scope, currency, portfolio_id
), months AS (
    SELECT s.source, grouping(s.currency, r.portfolio_id) AS scope, s.currency, r.portfolio_id, s.month, sum(s.sales) AS sales
    FROM (
        SELECT m.source, coalesce(m.currency, b.base_currency, '') AS currency, m.debtor_id, m.month, m.sales
        FROM canonical.sales_by_month_at(ledger_date, of_source, true) m
        LEFT JOIN canonical.source_base_currency b ON b.source = m.source
    ) s
    JOIN canonical.metric_debtor r ON r.debtor_id = s.debtor_id AND r.out_because IS NULL
    GROUP BY GROUPING SETS ((s.source, s.month), (s.source, s.month, s.currency), (s.source, s.month, r.portfolio_id))
), history AS (
    SELECT source, scope, currency, portfolio_id, array_agg(month ORDER BY month DESC) AS months, array_agg(sales ORDER BY month DESC) AS sales
    FROM months
    GROUP BY source, scope, currency, portfolio_id
)
SELECT ledger_date, s.source, CASE s.scope WHEN 3 THEN 'overall' WHEN 1 THEN 'currency' ELSE 'portfolio' END, s.portfolio_id,
       CASE s.scope WHEN 3 THEN s.source WHEN 1 THEN s.currency ELSE coalesce(p.name, 'unassigned') END,
       s.base_currency, d.metric, d.definition_version, v.value, canonical.metric_status(d.metric, v.value),
       (f.n_included ->> d.metric)::bigint, f.n_excluded -> d.metric, d.currency_basis, s.n_inexact = 0, s.why_inexact
FROM scoped s
LEFT JOIN outside o ON o.source = s.source AND o.scope = s.scope AND o.currency IS NOT DISTINCT FROM s.currency AND o.portfolio_id IS NOT DISTINCT FROM s.portfolio_id
LEFT JOIN history h ON h.source = s.source AND h.scope = s.scope AND h.currency IS NOT DISTINCT FROM s.currency AND h.portfolio_id IS NOT DISTINCT FROM s.portfolio_id
LEFT JOIN canonical.portfolio p ON p.id = s.portfolio_id
CROSS JOIN LATERAL canonical.metrics_of(s.m, canonical.dso_count_back((s.m).receivable, ledger_date, h.months, h.sales), coalesce(o.documents, '{}'), coalesce(o.open_items, '{}')) f
CROSS JOIN LATERAL (VALUES
    ('mean_days_late', f.mean_days_late), ('avg_days_overdue', f.avg_days_overdue), ('avg_days_past_due_at_payment', f.avg_days_past_due_at_payment),
    ('avg_days_invoice_to_payment', f.avg_days_invoice_to_payment), ('weighted_avg_days_late_by_original', f.weighted_avg_days_late_by_original),
    ('weighted_avg_days_late_by_open', f.weighted_avg_days_late_by_open), ('dso_simple', f.dso_simple), ('dso_count_back', f.dso_count_back),
    ('best_possible_dso', f.best_possible_dso), ('avg_days_delinquent', f.avg_days_delinquent)
) AS v (metric, value)
JOIN canonical.metric_definition d ON d.metric = v.metric
WHERE s.out_because IS NULL
$$;

COMMENT ON FUNCTION canonical.metrics_at(date, text) IS 'The metrics of canonical.metric_definition for a source, each of its currencies and each of its portfolios. Blocked and intercompany debtors are out and counted.';
