-- The metrics per instalment: what is asked for on a day is early or late, not the document as a whole. Sales count a document once.
-- A metric is exact when every item behind it is (canonical.instalment_at, canonical.payment_at); the formulas are those of 0002_2_metrics.sql.

CREATE FUNCTION canonical.metric_sums_at(ledger_date date, of_source text, by_currency boolean)
RETURNS TABLE (source text, base_currency text, currency text, debtor_id uuid, sums canonical.metric_sums, n_inexact bigint, why_inexact text)
LANGUAGE sql STABLE AS $$
SELECT i.source, max(i.base_currency), i.currency, i.debtor_id, ROW(
    count(*) FILTER (WHERE i.state <> 'payment'), count(*) FILTER (WHERE i.is_open), count(*) FILTER (WHERE i.state = 'not_an_invoice'),
    count(*) FILTER (WHERE i.state = 'nothing_owed'), count(*) FILTER (WHERE i.state = 'written_off'), count(*) FILTER (WHERE i.state = 'no_payment_date'),
    count(*) FILTER (WHERE i.state = 'paid'), count(i.due_date) FILTER (WHERE i.state = 'paid'), count(i.issue_date) FILTER (WHERE i.state = 'paid'),
    count(*) FILTER (WHERE i.state = 'unpaid'), count(i.due_date) FILTER (WHERE i.state = 'unpaid'), count(*) FILTER (WHERE i.state = 'unpaid' AND i.due_date < ledger_date),
    count(i.late) FILTER (WHERE i.total_base IS NULL), count(i.late) FILTER (WHERE i.state = 'unpaid' AND i.effect IS NULL), count(*) FILTER (WHERE i.is_open AND i.effect IS NULL),
    coalesce(sum(i.late), 0), coalesce(sum(ledger_date - i.due_date) FILTER (WHERE i.state = 'unpaid' AND i.due_date < ledger_date), 0),
    coalesce(sum(i.settled_on - i.due_date) FILTER (WHERE i.state = 'paid'), 0), coalesce(sum(i.settled_on - i.issue_date) FILTER (WHERE i.state = 'paid'), 0),
    coalesce(sum(i.total_base) FILTER (WHERE i.late IS NOT NULL), 0), coalesce(sum(i.total_base * i.late), 0),
    coalesce(sum(i.effect) FILTER (WHERE i.late IS NOT NULL AND i.state = 'unpaid'), 0), coalesce(sum(i.effect * i.late) FILTER (WHERE i.state = 'unpaid'), 0),
    coalesce(sum(i.effect) FILTER (WHERE i.is_open), 0),
    coalesce(sum(i.effect) FILTER (WHERE i.effect > 0 AND i.state <> 'payment' AND (i.due_date IS NULL OR i.due_date >= ledger_date)), 0),
    coalesce(sum(i.sold), 0)
)::canonical.metric_sums, count(i.why_inexact), min(i.why_inexact)
FROM (
    SELECT d.*, CASE WHEN d.state IN ('paid', 'unpaid') AND d.due_date IS NOT NULL THEN greatest(0, coalesce(d.settled_on, ledger_date) - d.due_date) END AS late
    FROM (
        SELECT x.source, x.base_currency, CASE WHEN by_currency THEN x.currency END AS currency, x.debtor_id, x.due_date, x.issue_date, x.settled_on,
               x.amount_base AS total_base, x.sign * x.open_amount_base AS effect, x.open_amount <> 0 AS is_open, x.why_inexact,
               CASE WHEN x.instalment = 1 AND x.kind IN ('invoice', 'credit_note') AND coalesce(x.posting_date, x.issue_date) > ledger_date - 90 THEN x.sign * x.total_base END AS sold,
               CASE WHEN x.kind <> 'invoice' THEN 'not_an_invoice' WHEN x.amount <= 0 THEN 'nothing_owed' WHEN x.open_amount > 0 THEN 'unpaid'
                    WHEN x.erp_status = 'written_off' THEN 'written_off' WHEN x.settled_on IS NULL THEN 'no_payment_date' ELSE 'paid' END AS state
        FROM canonical.instalment_at(ledger_date, of_source) x
        WHERE x.erp_status IS DISTINCT FROM 'void' OR x.open_amount <> 0
        UNION ALL
        SELECT p.source, p.base_currency, CASE WHEN by_currency THEN p.currency END, p.debtor_id, NULL, NULL, NULL, NULL, p.sign * p.unapplied_base, p.unapplied <> 0, p.why_inexact, NULL, 'payment'
        FROM canonical.payment_at(ledger_date, of_source) p
        WHERE p.unapplied <> 0 OR p.why_inexact IS NOT NULL
    ) d
) i
GROUP BY i.debtor_id, i.source, i.currency
$$;

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

-- What a debtor owes in base currency, at least nought, over all sources that share a base currency. Limits are in it too.
CREATE FUNCTION canonical.debtor_exposure_at(ledger_date date)
RETURNS TABLE (debtor_id uuid, group_id uuid, name text, base_currency text, exposure numeric, credit_limit numeric, utilisation numeric, flag text, out_because text, is_exact boolean, why_inexact text)
LANGUAGE sql STABLE AS $$
SELECT r.id, r.group_id, r.name, b.base_currency, CASE WHEN b.n_currencies > 1 OR b.n_without_base > 0 THEN NULL ELSE coalesce(b.exposure, 0) END, r.credit_limit,
       CASE WHEN j.out_because IS NULL AND coalesce(b.n_currencies, 0) <= 1 AND coalesce(b.n_without_base, 0) = 0 THEN coalesce(b.exposure, 0) / nullif(r.credit_limit, 0) END,
       CASE WHEN j.out_because IS NOT NULL THEN j.out_because WHEN b.n_currencies > 1 THEN 'several_base_currencies' WHEN b.n_without_base > 0 THEN 'no_base_amount'
            WHEN r.credit_limit IS NULL THEN 'no_limit' WHEN r.credit_limit = 0 AND b.exposure > 0 THEN 'exposed_without_credit'
            WHEN b.exposure > r.credit_limit THEN 'over_limit' END,
       j.out_because, coalesce(b.is_exact, true), b.why_inexact
FROM canonical.debtor r
JOIN canonical.metric_debtor j ON j.debtor_id = r.id
LEFT JOIN (
    SELECT i.debtor_id, min(i.base_currency) AS base_currency, count(DISTINCT coalesce(i.base_currency, '')) AS n_currencies,
           greatest(sum(i.balance_effect_base), 0) AS exposure, count(*) FILTER (WHERE i.balance_effect_base IS NULL AND i.balance_effect IS NOT NULL) AS n_without_base,
           bool_and(i.is_exact) AS is_exact, min(i.why_inexact) AS why_inexact
    FROM canonical.open_items_at(ledger_date) i
    GROUP BY i.debtor_id
) b ON b.debtor_id = r.id
WHERE r.deleted_at IS NULL
$$;

CREATE FUNCTION canonical.credit_utilisation_at(ledger_date date)
RETURNS TABLE (
    as_of date, level text, debtor_id uuid, group_id uuid, name text, base_currency text, exposure numeric, credit_limit numeric,
    utilisation numeric, flag text, n_included bigint, n_excluded jsonb, definition_version integer, currency_basis text, is_exact boolean, why_inexact text
)
LANGUAGE sql STABLE AS $$
SELECT ledger_date, 'debtor', e.debtor_id, e.group_id, e.name, e.base_currency, e.exposure, e.credit_limit, e.utilisation, e.flag,
       CASE WHEN e.out_because IS NULL THEN 1 ELSE 0 END::bigint, CASE WHEN e.out_because IS NULL THEN '{}' ELSE jsonb_build_object(e.out_because, 1) END, 1, 'booked base', e.is_exact, e.why_inexact
FROM canonical.debtor_exposure_at(ledger_date) e
UNION ALL
SELECT ledger_date, 'group', NULL, g.id, g.name, g.base_currency, g.exposure, g.credit_limit, g.exposure / nullif(g.credit_limit, 0),
       CASE WHEN g.is_mixed THEN 'several_base_currencies' WHEN g.lacks_base THEN 'no_base_amount' WHEN g.credit_limit IS NULL THEN 'no_limit'
            WHEN g.credit_limit = 0 AND g.exposure > 0 THEN 'exposed_without_credit' WHEN g.exposure > g.credit_limit THEN 'over_limit' END,
       g.n_included, jsonb_strip_nulls(jsonb_build_object('debtor_out_of_metrics', nullif(g.n_out, 0))), 1, 'booked base', g.is_exact, g.why_inexact
FROM (
    SELECT x.id, x.name, x.credit_limit, min(e.base_currency) AS base_currency,
           coalesce(bool_or(e.flag = 'several_base_currencies'), false) OR count(DISTINCT e.base_currency) > 1 AS is_mixed, coalesce(bool_or(e.flag = 'no_base_amount'), false) AS lacks_base,
           CASE WHEN coalesce(bool_or(e.flag IN ('several_base_currencies', 'no_base_amount')), false) OR count(DISTINCT e.base_currency) > 1 THEN NULL
                ELSE coalesce(sum(e.exposure) FILTER (WHERE e.out_because IS NULL), 0) END AS exposure,
           count(*) FILTER (WHERE e.out_because IS NULL) AS n_included, count(*) FILTER (WHERE e.out_because IS NOT NULL) AS n_out,
           coalesce(bool_and(e.is_exact) FILTER (WHERE e.out_because IS NULL), true) AS is_exact, min(e.why_inexact) FILTER (WHERE e.out_because IS NULL) AS why_inexact
    FROM canonical.debtor_group x
    JOIN canonical.debtor_exposure_at(ledger_date) e ON e.group_id = x.id
    WHERE x.deleted_at IS NULL
    GROUP BY x.id, x.name, x.credit_limit
) g
$$;

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

CREATE VIEW canonical.metrics AS
SELECT m.* FROM canonical.last_cut c CROSS JOIN LATERAL canonical.metrics_at(c.ledger_date, c.source) m;

CREATE VIEW canonical.debtor_metrics AS
SELECT m.* FROM canonical.last_cut c CROSS JOIN LATERAL canonical.debtor_metrics_at(c.ledger_date, c.source) m;

CREATE VIEW canonical.credit_utilisation AS
SELECT u.* FROM (SELECT max(ledger_date) AS ledger_date FROM canonical.last_cut) c CROSS JOIN LATERAL canonical.credit_utilisation_at(c.ledger_date) u;
