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

COMMENT ON FUNCTION canonical.debtor_exposure_at(date) IS 'Exposure of every debtor in base currency against its limit, over all its sources.';
