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

COMMENT ON FUNCTION canonical.credit_utilisation_at(date) IS 'Exposure (balance in base currency, at least 0) against limit, per debtor and per debtor group.';
