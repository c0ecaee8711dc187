-- A row per debtor, currency and bucket that holds something; credits are the row 'unapplied' and the column of that name.
-- An item without a due date ages from its posting date. sum(open_amount) - sum(unapplied) is the balance.
CREATE FUNCTION canonical.ageing_at(ledger_date date, of_source text DEFAULT NULL)
RETURNS TABLE (
    as_of date, source text, debtor_id uuid, debtor_number text, debtor_name text, portfolio_id uuid, currency text, base_currency text,
    "position" integer, bucket text, n_items bigint, open_amount numeric, unapplied numeric, open_amount_base numeric, unapplied_base numeric,
    is_exact boolean, why_inexact text
)
LANGUAGE sql STABLE AS $$
SELECT ledger_date, i.source, i.debtor_id, i.debtor_number, i.debtor_name, i.portfolio_id, i.currency, i.base_currency,
       b."position", CASE WHEN i.is_credit THEN 'unapplied' ELSE b.label END, count(*),
       coalesce(sum(i.balance_effect) FILTER (WHERE NOT i.is_credit), 0), coalesce(-sum(i.balance_effect) FILTER (WHERE i.is_credit), 0),
       CASE WHEN i.is_credit THEN 0 WHEN bool_and(i.balance_effect_base IS NOT NULL OR i.balance_effect IS NULL) THEN coalesce(sum(i.balance_effect_base), 0) END,
       CASE WHEN NOT i.is_credit THEN 0 WHEN bool_and(i.balance_effect_base IS NOT NULL OR i.balance_effect IS NULL) THEN coalesce(-sum(i.balance_effect_base), 0) END,
       bool_and(i.is_exact), min(i.why_inexact)
FROM canonical.open_items_at(ledger_date, of_source) i
LEFT JOIN canonical.ageing_bucket b
    ON NOT i.is_credit
   AND (b.from_day IS NULL OR ledger_date - coalesce(i.due_date, i.posting_date, i.issue_date, ledger_date) >= b.from_day)
   AND (b.to_day IS NULL OR ledger_date - coalesce(i.due_date, i.posting_date, i.issue_date, ledger_date) <= b.to_day)
GROUP BY i.source, i.debtor_id, i.debtor_number, i.debtor_name, i.portfolio_id, i.currency, i.base_currency, b."position", b.label, i.is_credit
$$;

COMMENT ON FUNCTION canonical.ageing_at(date, text) IS 'Open items by bucket of canonical.ageing_bucket, per source, debtor and currency; credits apart as unapplied.';
