-- What to add to today's open amount to be back at the date, for each instalment of a document that has several.
CREATE FUNCTION canonical.applied_since_by_entry(ledger_date date)
RETURNS TABLE (record_id uuid, entry text, currency text, amount numeric)
LANGUAGE sql STABLE AS $$
SELECT s.record_id, s.entry, s.currency, sum(CASE WHEN s.is_reversed THEN -s.amount ELSE s.amount END)
FROM canonical.application_side s
JOIN canonical.instalment i ON i.document_id = s.record_id AND i.entry = s.entry AND NOT i.is_only
WHERE (NOT s.is_reversed AND s.applied_on > ledger_date)
   OR (s.is_reversed AND s.reversed_on > ledger_date AND (s.applied_on IS NULL OR s.applied_on <= ledger_date))
GROUP BY s.record_id, s.entry, s.currency
$$;
