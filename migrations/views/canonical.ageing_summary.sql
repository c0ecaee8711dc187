CREATE VIEW canonical.ageing_summary AS
SELECT a.* FROM canonical.last_cut c CROSS JOIN LATERAL canonical.ageing_summary_at(c.ledger_date, c.source) a;

COMMENT ON VIEW canonical.ageing_summary IS 'The ageing over all debtors per source and currency, the empty buckets too.';
COMMENT ON COLUMN canonical.ageing_summary.is_exact IS 'False where the source does not tell enough; why_inexact says what is missing.';
