-- Each application from both ends, with the ledger entry (canonical.instalment.entry) it used or settled there.
CREATE VIEW canonical.application_side WITH (security_invoker = true) AS
SELECT to_id AS record_id, amount, coalesce(currency, '') AS currency, applied_on, is_reversed OR reversed_on IS NOT NULL AS is_reversed, reversed_on, to_entry AS entry
FROM canonical.application
WHERE deleted_at IS NULL
UNION ALL
SELECT from_id, amount, coalesce(currency, ''), applied_on, is_reversed OR reversed_on IS NOT NULL, reversed_on, from_entry
FROM canonical.application
WHERE deleted_at IS NULL;

COMMENT ON VIEW canonical.application_side IS 'Every application from both ends. application.amount is positive, in application.currency; an application whose currency is not that of the record is settled on the closing date instead.';
COMMENT ON COLUMN canonical.application_side.record_id IS 'The document or payment seen from: what was used, or what was settled.';
COMMENT ON COLUMN canonical.application_side.amount IS 'How much was applied, positive, in `currency`.';
COMMENT ON COLUMN canonical.application_side.currency IS 'ISO 4217 code of the currency of the amounts beside it.';
COMMENT ON COLUMN canonical.application_side.applied_on IS 'Business date on which it was applied.';
COMMENT ON COLUMN canonical.application_side.is_reversed IS 'Whether it was taken back.';
COMMENT ON COLUMN canonical.application_side.reversed_on IS 'Business date on which it was taken back.';
COMMENT ON COLUMN canonical.application_side.entry IS 'The ledger entry on this side: canonical.instalment.entry.';
