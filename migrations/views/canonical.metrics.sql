CREATE VIEW canonical.metrics WITH (security_invoker = true) AS
SELECT m.* FROM canonical.last_cut c CROSS JOIN LATERAL canonical.metrics_at(c.ledger_date, c.source) m;

COMMENT ON VIEW canonical.metrics IS 'Metrics per source, currency and portfolio as of the ledger date of the last cut. Amounts weigh in booked base currency.';
COMMENT ON COLUMN canonical.metrics.scope IS 'overall (one source), currency (documents in that currency), portfolio (debtors in it; unassigned has no scope_id).';
COMMENT ON COLUMN canonical.metrics.status IS 'Why there is no value: nothing to measure, no sales in the period, insufficient history.';
COMMENT ON COLUMN canonical.metrics.n_excluded IS 'How many documents (DSO: open items) were left out, by reason.';
COMMENT ON COLUMN canonical.metrics.is_exact IS 'False where the source does not tell enough; why_inexact says what is missing.';
COMMENT ON COLUMN canonical.metrics.as_of IS 'Business date that the figures are of: the ledger date of the source''s last cut, never the clock.';
COMMENT ON COLUMN canonical.metrics.source IS 'Name of the source the row came from.';
COMMENT ON COLUMN canonical.metrics.scope_id IS 'The portfolio; null for the other scopes and for unassigned.';
COMMENT ON COLUMN canonical.metrics.scope_name IS 'The currency, or the name of the portfolio.';
COMMENT ON COLUMN canonical.metrics.base_currency IS 'ISO 4217 code of the currency the books are kept in.';
COMMENT ON COLUMN canonical.metrics.metric IS 'Name of the metric: canonical.metric_definition.';
COMMENT ON COLUMN canonical.metrics.definition_version IS 'Version of the metric''s definition: canonical.metric_definition.';
COMMENT ON COLUMN canonical.metrics.value IS 'The value, in the unit that canonical.metric_definition says.';
COMMENT ON COLUMN canonical.metrics.n_included IS 'How many documents it was computed from.';
COMMENT ON COLUMN canonical.metrics.currency_basis IS 'Which amounts weigh: booked base, or none where no amount does.';
COMMENT ON COLUMN canonical.metrics.why_inexact IS 'What the source does not tell; null where the figure is exact.';
