CREATE VIEW canonical.metrics AS
SELECT m.* FROM canonical.last_cut c CROSS JOIN LATERAL canonical.metrics_at(c.ledger_date, c.source) m;

COMMENT ON VIEW canonical.metrics IS 'Metrics per source, currency and portfolio as of the ledger date of the last cut. Amounts weigh in booked base currency.';
COMMENT ON COLUMN canonical.metrics.scope IS 'overall (one source), currency (documents in that currency), portfolio (debtors in it; unassigned has no scope_id).';
COMMENT ON COLUMN canonical.metrics.status IS 'Why there is no value: nothing to measure, no sales in the period, insufficient history.';
COMMENT ON COLUMN canonical.metrics.n_excluded IS 'How many documents (DSO: open items) were left out, by reason.';
COMMENT ON COLUMN canonical.metrics.is_exact IS 'False where the source does not tell enough; why_inexact says what is missing.';
