CREATE VIEW canonical.debtor_metrics AS
SELECT m.* FROM canonical.last_cut c CROSS JOIN LATERAL canonical.debtor_metrics_at(c.ledger_date, c.source) m;

COMMENT ON VIEW canonical.debtor_metrics IS 'Metrics per source and debtor as of the ledger date of the last cut, definitions in canonical.metric_definition.';
COMMENT ON COLUMN canonical.debtor_metrics.out_because IS 'Why this debtor stays out of metrics (blocked, excluded, intercompany, deleted); null when it is in.';
COMMENT ON COLUMN canonical.debtor_metrics.exposure IS 'Balance in base currency over all sources of the debtor, at least 0.';
COMMENT ON COLUMN canonical.debtor_metrics.credit_utilisation IS 'exposure / credit_limit; null without a limit and with a limit of 0.';
COMMENT ON COLUMN canonical.debtor_metrics.credit_flag IS 'no_limit, exposed_without_credit (limit 0), over_limit, no_base_amount, several_base_currencies, or why the debtor is out.';
COMMENT ON COLUMN canonical.debtor_metrics.dso_count_back_status IS 'insufficient history: the receivable exceeds all known sales, any number would be too low.';
COMMENT ON COLUMN canonical.debtor_metrics.n_included IS 'Per metric, how many documents (DSO: open items) it was computed from.';
COMMENT ON COLUMN canonical.debtor_metrics.n_excluded IS 'Per metric and reason, how many were left out.';
COMMENT ON COLUMN canonical.debtor_metrics.is_exact IS 'False where the source does not tell enough; why_inexact says what is missing.';
