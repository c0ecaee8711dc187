CREATE VIEW canonical.credit_utilisation WITH (security_invoker = true) AS
SELECT u.* FROM (SELECT max(ledger_date) AS ledger_date FROM canonical.last_cut) c CROSS JOIN LATERAL canonical.credit_utilisation_at(c.ledger_date) u;

COMMENT ON VIEW canonical.credit_utilisation IS 'Exposure against limit per debtor and per debtor group, as of the newest ledger date.';
COMMENT ON COLUMN canonical.credit_utilisation.flag IS 'no_limit, exposed_without_credit (limit 0), over_limit, no_base_amount, several_base_currencies, or why the debtor is out.';
COMMENT ON COLUMN canonical.credit_utilisation.is_exact IS 'False where the source does not tell enough; why_inexact says what is missing.';
COMMENT ON COLUMN canonical.credit_utilisation.as_of IS 'Business date that the figures are of: the newest ledger date of all sources.';
COMMENT ON COLUMN canonical.credit_utilisation.level IS 'debtor or group.';
COMMENT ON COLUMN canonical.credit_utilisation.debtor_id IS 'canonical.debtor; null in a row of a group.';
COMMENT ON COLUMN canonical.credit_utilisation.group_id IS 'canonical.debtor_group; of a debtor the group it is in.';
COMMENT ON COLUMN canonical.credit_utilisation.name IS 'Name of the debtor or group.';
COMMENT ON COLUMN canonical.credit_utilisation.base_currency IS 'ISO 4217 code of the currency the books are kept in.';
COMMENT ON COLUMN canonical.credit_utilisation.exposure IS 'Balance in base_currency over all sources, at least 0.';
COMMENT ON COLUMN canonical.credit_utilisation.credit_limit IS 'The limit, in base_currency; null: none was set, 0: no credit at all.';
COMMENT ON COLUMN canonical.credit_utilisation.utilisation IS 'exposure / credit_limit, 1 is used up; null without a limit and with a limit of 0.';
COMMENT ON COLUMN canonical.credit_utilisation.n_included IS 'How many documents it was computed from.';
COMMENT ON COLUMN canonical.credit_utilisation.n_excluded IS 'How many were left out, by reason.';
COMMENT ON COLUMN canonical.credit_utilisation.definition_version IS 'Version of the metric''s definition: canonical.metric_definition.';
COMMENT ON COLUMN canonical.credit_utilisation.currency_basis IS 'Which amounts weigh: booked base, or none where no amount does.';
COMMENT ON COLUMN canonical.credit_utilisation.why_inexact IS 'What the source does not tell; null where the figure is exact.';
