-- Why a debtor stays out of metrics; null when it is in. Balances and controls contain it either way.
CREATE VIEW canonical.metric_debtor WITH (security_invoker = true) AS
SELECT id AS debtor_id, number, name, portfolio_id,
       CASE WHEN deleted_at IS NOT NULL THEN 'debtor_deleted' WHEN excluded THEN 'debtor_excluded' WHEN is_intercompany THEN 'debtor_intercompany'
            WHEN block_reason = 'privacy' THEN 'debtor_privacy_blocked' WHEN status = 'blocked' THEN 'debtor_blocked' END AS out_because
FROM canonical.debtor;

COMMENT ON VIEW canonical.metric_debtor IS 'Which debtors are out of metrics, and why. They stay in balances and controls.';
COMMENT ON COLUMN canonical.metric_debtor.debtor_id IS 'canonical.debtor; null while it is not known who that is.';
COMMENT ON COLUMN canonical.metric_debtor.number IS 'Its number in the source.';
COMMENT ON COLUMN canonical.metric_debtor.name IS 'Its name.';
COMMENT ON COLUMN canonical.metric_debtor.portfolio_id IS 'canonical.portfolio; null: unassigned.';
COMMENT ON COLUMN canonical.metric_debtor.out_because IS 'Why the debtor stays out of metrics; null when it is in.';
