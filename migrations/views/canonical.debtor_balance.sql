CREATE VIEW canonical.debtor_balance WITH (security_invoker = true) AS
SELECT b.* FROM canonical.last_cut c CROSS JOIN LATERAL canonical.debtor_balance_at(c.ledger_date, c.source) b;

COMMENT ON VIEW canonical.debtor_balance IS 'Balance per source, debtor and currency as of the ledger date of the last cut: balance = owed - unapplied. Contains blocked, excluded and intercompany debtors; a debtor without open items has no row.';
COMMENT ON COLUMN canonical.debtor_balance.owed IS 'Open documents (and unapplied refunds), in document currency.';
COMMENT ON COLUMN canonical.debtor_balance.overdue IS 'The part of owed whose due date is before as_of.';
COMMENT ON COLUMN canonical.debtor_balance.unapplied IS 'Open credit notes and unapplied payments, positive.';
COMMENT ON COLUMN canonical.debtor_balance.n_without_base IS 'Items without a booked base amount: with any of them, the sum in base currency that it belongs to is not known and null.';
COMMENT ON COLUMN canonical.debtor_balance.is_exact IS 'False where the source does not tell enough; why_inexact says what is missing.';
COMMENT ON COLUMN canonical.debtor_balance.as_of IS 'Business date that the figures are of: the ledger date of the source''s last cut, never the clock.';
COMMENT ON COLUMN canonical.debtor_balance.source IS 'Name of the source the row came from.';
COMMENT ON COLUMN canonical.debtor_balance.debtor_id IS 'canonical.debtor; null while it is not known who that is.';
COMMENT ON COLUMN canonical.debtor_balance.debtor_number IS 'The debtor''s number.';
COMMENT ON COLUMN canonical.debtor_balance.debtor_name IS 'The debtor''s name.';
COMMENT ON COLUMN canonical.debtor_balance.portfolio_id IS 'canonical.portfolio; null: unassigned.';
COMMENT ON COLUMN canonical.debtor_balance.currency IS 'ISO 4217 code of the currency of the amounts beside it.';
COMMENT ON COLUMN canonical.debtor_balance.balance IS 'owed less unapplied, in `currency`.';
COMMENT ON COLUMN canonical.debtor_balance.base_currency IS 'ISO 4217 code of the currency the books are kept in.';
COMMENT ON COLUMN canonical.debtor_balance.owed_base IS 'owed in base_currency; null where any of it has no booked amount.';
COMMENT ON COLUMN canonical.debtor_balance.overdue_base IS 'overdue in base_currency; null where any of it has no booked amount.';
COMMENT ON COLUMN canonical.debtor_balance.unapplied_base IS 'The same in base_currency; null where any of it has no booked amount.';
COMMENT ON COLUMN canonical.debtor_balance.balance_base IS 'balance in base_currency; null where any of it has no booked amount.';
COMMENT ON COLUMN canonical.debtor_balance.n_documents IS 'How many open documents.';
COMMENT ON COLUMN canonical.debtor_balance.n_overdue IS 'How many of them are overdue.';
COMMENT ON COLUMN canonical.debtor_balance.oldest_due_date IS 'Earliest due date of what is owed.';
COMMENT ON COLUMN canonical.debtor_balance.why_inexact IS 'What the source does not tell; null where the figure is exact.';
