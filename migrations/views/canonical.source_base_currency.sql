CREATE VIEW canonical.source_base_currency WITH (security_invoker = true) AS
SELECT source, CASE WHEN count(DISTINCT base_currency) = 1 THEN min(base_currency) END AS base_currency
FROM canonical.company
WHERE deleted_at IS NULL
GROUP BY source;

COMMENT ON VIEW canonical.source_base_currency IS 'The booked base currency of a source; null where it serves companies with different ones.';
COMMENT ON COLUMN canonical.source_base_currency.source IS 'Name of the source the row came from.';
COMMENT ON COLUMN canonical.source_base_currency.base_currency IS 'ISO 4217 code of the currency the books are kept in.';
