CREATE VIEW canonical.debtor_balance AS
SELECT b.* FROM canonical.last_cut c CROSS JOIN LATERAL canonical.debtor_balance_at(c.ledger_date, c.source) b;

COMMENT ON VIEW canonical.debtor_balance IS 'Balance per source, debtor and currency as of the ledger date of the last cut: balance = owed - unapplied. Contains blocked, excluded and intercompany debtors; a debtor without open items has no row.';
COMMENT ON COLUMN canonical.debtor_balance.owed IS 'Open documents (and unapplied refunds), in document currency.';
COMMENT ON COLUMN canonical.debtor_balance.overdue IS 'The part of owed whose due date is before as_of.';
COMMENT ON COLUMN canonical.debtor_balance.unapplied IS 'Open credit notes and unapplied payments, positive.';
COMMENT ON COLUMN canonical.debtor_balance.n_without_base IS 'Items without a booked base amount: with any of them, the sum in base currency that it belongs to is not known and null.';
COMMENT ON COLUMN canonical.debtor_balance.is_exact IS 'False where the source does not tell enough; why_inexact says what is missing.';
