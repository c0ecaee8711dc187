-- Why the amount of an earlier day is not exact; null when dated applications explain all that left the open amount.
CREATE FUNCTION canonical.untold_before(
    tells_applications boolean, posted date, settled numeric, rest numeric, closed date, of_record uuid, of_entry text, of_currency text, ledger_date date
)
RETURNS TABLE (why text)
LANGUAGE sql STABLE AS $$
SELECT CASE
    WHEN posted IS NULL THEN 'the day it was posted is not told'
    WHEN rest = 0 AND closed IS NULL AND (NOT tells_applications OR a.explained <> settled OR a.n_undated > 0) THEN 'it was settled on a day that is not told'
    WHEN NOT tells_applications THEN 'what was applied on which day is not told'
    WHEN a.n_undated > 0 THEN 'something was applied or taken back on a day that is not told'
    WHEN a.n_foreign > 0 THEN 'something was applied in another currency'
    WHEN a.explained <> settled THEN 'what settled a part of it is not told' END
FROM (
    SELECT coalesce(sum(s.amount) FILTER (WHERE NOT s.is_reversed AND s.currency = of_currency), 0) AS explained,
           count(*) FILTER (WHERE s.amount IS NULL OR (NOT s.is_reversed AND s.applied_on IS NULL)
               OR (s.is_reversed AND s.reversed_on IS NULL AND (s.applied_on IS NULL OR s.applied_on <= ledger_date))) AS n_undated,
           count(*) FILTER (WHERE s.currency <> of_currency) AS n_foreign
    FROM canonical.application_side s
    WHERE s.record_id = of_record AND (of_entry IS NULL OR s.entry = of_entry)
) a
$$;
