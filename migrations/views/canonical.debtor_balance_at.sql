CREATE FUNCTION canonical.debtor_balance_at(ledger_date date, of_source text DEFAULT NULL)
RETURNS TABLE (
    as_of date, source text, debtor_id uuid, debtor_number text, debtor_name text, portfolio_id uuid, currency text,
    owed numeric, overdue numeric, unapplied numeric, balance numeric,
    base_currency text, owed_base numeric, overdue_base numeric, unapplied_base numeric, balance_base numeric,
    n_documents bigint, n_overdue bigint, oldest_due_date date, n_without_base bigint, is_exact boolean, why_inexact text
)
LANGUAGE sql STABLE AS $$
SELECT ledger_date, i.source, i.debtor_id, i.debtor_number, i.debtor_name, i.portfolio_id, i.currency,
       coalesce(sum(i.balance_effect) FILTER (WHERE NOT i.is_credit), 0),
       coalesce(sum(i.balance_effect) FILTER (WHERE NOT i.is_credit AND i.due_date < ledger_date), 0),
       coalesce(-sum(i.balance_effect) FILTER (WHERE i.is_credit), 0), coalesce(sum(i.balance_effect), 0),
       i.base_currency,
       CASE WHEN count(*) FILTER (WHERE NOT i.is_credit AND i.lacks_base) = 0
            THEN coalesce(sum(i.balance_effect_base) FILTER (WHERE NOT i.is_credit), 0) END,
       CASE WHEN count(*) FILTER (WHERE NOT i.is_credit AND i.due_date < ledger_date AND i.lacks_base) = 0
            THEN coalesce(sum(i.balance_effect_base) FILTER (WHERE NOT i.is_credit AND i.due_date < ledger_date), 0) END,
       CASE WHEN count(*) FILTER (WHERE i.is_credit AND i.lacks_base) = 0
            THEN coalesce(-sum(i.balance_effect_base) FILTER (WHERE i.is_credit), 0) END,
       CASE WHEN NOT bool_or(i.lacks_base) THEN coalesce(sum(i.balance_effect_base), 0) END,
       count(DISTINCT i.record_id) FILTER (WHERE NOT i.is_credit), count(DISTINCT i.record_id) FILTER (WHERE NOT i.is_credit AND i.due_date < ledger_date),
       min(i.due_date) FILTER (WHERE NOT i.is_credit), count(*) FILTER (WHERE i.lacks_base), bool_and(i.is_exact), min(i.why_inexact)
FROM (SELECT o.*, o.balance_effect IS NOT NULL AND o.balance_effect_base IS NULL AS lacks_base FROM canonical.open_items_at(ledger_date, of_source) o) i
GROUP BY i.source, i.debtor_id, i.debtor_number, i.debtor_name, i.portfolio_id, i.currency, i.base_currency
$$;

COMMENT ON FUNCTION canonical.debtor_balance_at(date, text) IS 'Owed, overdue, unapplied and balance per source, debtor and currency on the date. Blocked and intercompany debtors are in.';
