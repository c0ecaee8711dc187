-- What to add to today's open amount to be back at the date: what was applied since, less what was un-applied since.
CREATE FUNCTION canonical.applied_since(ledger_date date)
RETURNS TABLE (record_id uuid, currency text, amount numeric)
LANGUAGE sql STABLE AS $$
SELECT s.record_id, s.currency, sum(CASE WHEN s.is_reversed THEN -s.amount ELSE s.amount END)
FROM canonical.application_side s
WHERE (NOT s.is_reversed AND s.applied_on > ledger_date)
   OR (s.is_reversed AND s.reversed_on > ledger_date AND (s.applied_on IS NULL OR s.applied_on <= ledger_date))
GROUP BY s.record_id, s.currency
$$;
