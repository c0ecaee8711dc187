CREATE VIEW canonical.ageing AS
SELECT a.* FROM canonical.last_cut c CROSS JOIN LATERAL canonical.ageing_at(c.ledger_date, c.source) a;

COMMENT ON VIEW canonical.ageing IS 'Open items by days past due, per source, debtor and currency, as of the ledger date of the last cut. sum(open_amount) - sum(unapplied) is the balance. Without a due date an item ages from its posting date.';
COMMENT ON COLUMN canonical.ageing."position" IS 'Order of the bucket; null for unapplied, which comes last.';
COMMENT ON COLUMN canonical.ageing.bucket IS 'Label of canonical.ageing_bucket, or unapplied for credits.';
COMMENT ON COLUMN canonical.ageing.unapplied IS 'Credit notes and payments not applied yet, positive, in document currency; never netted into a bucket.';
COMMENT ON COLUMN canonical.ageing.is_exact IS 'False where the source does not tell enough; why_inexact says what is missing.';
