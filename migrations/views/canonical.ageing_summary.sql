CREATE VIEW canonical.ageing_summary WITH (security_invoker = true) AS
SELECT a.* FROM canonical.last_cut c CROSS JOIN LATERAL canonical.ageing_summary_at(c.ledger_date, c.source) a;

COMMENT ON VIEW canonical.ageing_summary IS 'The ageing over all debtors per source and currency, the empty buckets too.';
COMMENT ON COLUMN canonical.ageing_summary.is_exact IS 'False where the source does not tell enough; why_inexact says what is missing.';
COMMENT ON COLUMN canonical.ageing_summary.as_of IS 'Business date that the figures are of: the ledger date of the source''s last cut, never the clock.';
COMMENT ON COLUMN canonical.ageing_summary.source IS 'Name of the source the row came from.';
COMMENT ON COLUMN canonical.ageing_summary.currency IS 'ISO 4217 code of the currency of the amounts beside it.';
COMMENT ON COLUMN canonical.ageing_summary.base_currency IS 'ISO 4217 code of the currency the books are kept in.';
COMMENT ON COLUMN canonical.ageing_summary."position" IS 'Order of the bucket; null for unapplied, which comes last.';
COMMENT ON COLUMN canonical.ageing_summary.bucket IS 'Label of the bucket: canonical.ageing_bucket, or unapplied for credits.';
COMMENT ON COLUMN canonical.ageing_summary.n_debtors IS 'How many debtors have something in the bucket.';
COMMENT ON COLUMN canonical.ageing_summary.n_items IS 'How many open items.';
COMMENT ON COLUMN canonical.ageing_summary.open_amount IS 'What is not settled, in `currency`.';
COMMENT ON COLUMN canonical.ageing_summary.unapplied IS 'Credit notes and payments not applied yet, positive, in `currency`.';
COMMENT ON COLUMN canonical.ageing_summary.open_amount_base IS 'The same in base_currency at the booked rate; null where any of it has no booked amount.';
COMMENT ON COLUMN canonical.ageing_summary.unapplied_base IS 'The same in base_currency; null where any of it has no booked amount.';
COMMENT ON COLUMN canonical.ageing_summary.why_inexact IS 'What the source does not tell; null where the figure is exact.';
