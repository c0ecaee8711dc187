-- Why a debtor stays out of metrics; null when it is in. Balances and controls contain it either way.
CREATE VIEW canonical.metric_debtor AS
SELECT id AS debtor_id, number, name, portfolio_id,
       CASE WHEN deleted_at IS NOT NULL THEN 'debtor_deleted' WHEN excluded THEN 'debtor_excluded' WHEN is_intercompany THEN 'debtor_intercompany'
            WHEN block_reason = 'privacy' THEN 'debtor_privacy_blocked' WHEN status = 'blocked' THEN 'debtor_blocked' END AS out_because
FROM canonical.debtor;

COMMENT ON VIEW canonical.metric_debtor IS 'Which debtors are out of metrics, and why. They stay in balances and controls.';
