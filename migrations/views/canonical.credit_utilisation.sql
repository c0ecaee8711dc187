CREATE VIEW canonical.credit_utilisation AS
SELECT u.* FROM (SELECT max(ledger_date) AS ledger_date FROM canonical.last_cut) c CROSS JOIN LATERAL canonical.credit_utilisation_at(c.ledger_date) u;

COMMENT ON VIEW canonical.credit_utilisation IS 'Exposure against limit per debtor and per debtor group, as of the newest ledger date.';
COMMENT ON COLUMN canonical.credit_utilisation.flag IS 'no_limit, exposed_without_credit (limit 0), over_limit, no_base_amount, several_base_currencies, or why the debtor is out.';
COMMENT ON COLUMN canonical.credit_utilisation.is_exact IS 'False where the source does not tell enough; why_inexact says what is missing.';
