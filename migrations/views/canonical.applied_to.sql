-- What was applied to one instalment (of_entry null: to the whole record) and still in force on the date, and when the last of it was.
CREATE FUNCTION canonical.applied_to(of_record uuid, of_entry text, of_currency text, ledger_date date)
RETURNS TABLE (amount numeric, last_on date)
LANGUAGE sql STABLE AS $$
SELECT coalesce(sum(s.amount), 0), max(s.applied_on)
FROM canonical.application_side s
WHERE s.record_id = of_record AND (of_entry IS NULL OR s.entry = of_entry) AND s.currency = of_currency
  AND (s.applied_on IS NULL OR s.applied_on <= ledger_date) AND (NOT s.is_reversed OR s.reversed_on > ledger_date)
$$;
