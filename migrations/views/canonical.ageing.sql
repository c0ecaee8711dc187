CREATE VIEW canonical.ageing WITH (security_invoker = true) AS
SELECT a.* FROM canonical.last_cut c CROSS JOIN LATERAL canonical.ageing_at(c.ledger_date, c.source) a;

COMMENT ON VIEW canonical.ageing IS 'Open items by days past due, per source, debtor and currency, as of the ledger date of the last cut. sum(open_amount) - sum(unapplied) is the balance. Without a due date an item ages from its posting date.';
COMMENT ON COLUMN canonical.ageing."position" IS 'Order of the bucket; null for unapplied, which comes last.';
COMMENT ON COLUMN canonical.ageing.bucket IS 'Label of canonical.ageing_bucket, or unapplied for credits.';
COMMENT ON COLUMN canonical.ageing.unapplied IS 'Credit notes and payments not applied yet, positive, in document currency; never netted into a bucket.';
COMMENT ON COLUMN canonical.ageing.is_exact IS 'False where the source does not tell enough; why_inexact says what is missing.';
COMMENT ON COLUMN canonical.ageing.as_of IS 'Business date that the figures are of: the ledger date of the source''s last cut, never the clock.';
COMMENT ON COLUMN canonical.ageing.source IS 'Name of the source the row came from.';
COMMENT ON COLUMN canonical.ageing.debtor_id IS 'canonical.debtor; null while it is not known who that is.';
COMMENT ON COLUMN canonical.ageing.debtor_number IS 'The debtor''s number.';
COMMENT ON COLUMN canonical.ageing.debtor_name IS 'The debtor''s name.';
COMMENT ON COLUMN canonical.ageing.portfolio_id IS 'canonical.portfolio; null: unassigned.';
COMMENT ON COLUMN canonical.ageing.currency IS 'ISO 4217 code of the currency of the amounts beside it.';
COMMENT ON COLUMN canonical.ageing.base_currency IS 'ISO 4217 code of the currency the books are kept in.';
COMMENT ON COLUMN canonical.ageing.n_items IS 'How many open items.';
COMMENT ON COLUMN canonical.ageing.open_amount IS 'What is not settled, in `currency`.';
COMMENT ON COLUMN canonical.ageing.open_amount_base IS 'The same in base_currency at the booked rate; null where any of it has no booked amount.';
COMMENT ON COLUMN canonical.ageing.unapplied_base IS 'The same in base_currency; null where any of it has no booked amount.';
COMMENT ON COLUMN canonical.ageing.why_inexact IS 'What the source does not tell; null where the figure is exact.';
