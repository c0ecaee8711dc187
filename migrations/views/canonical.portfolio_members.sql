CREATE VIEW canonical.portfolio_members WITH (security_invoker = true) AS
SELECT p.id AS portfolio_id, p.source, p.name AS portfolio, p.code, p.archived_at, d.id AS debtor_id, d.number AS debtor_number, d.name AS debtor_name, d.status AS debtor_status
FROM canonical.portfolio p
LEFT JOIN canonical.debtor d ON d.portfolio_id = p.id AND d.deleted_at IS NULL AND d.merged_into IS NULL
WHERE p.deleted_at IS NULL
UNION ALL
SELECT NULL, NULL, 'unassigned', NULL, NULL, d.id, d.number, d.name, d.status
FROM canonical.debtor d
LEFT JOIN canonical.portfolio p ON p.id = d.portfolio_id AND p.deleted_at IS NULL
WHERE p.id IS NULL AND d.deleted_at IS NULL AND d.merged_into IS NULL;

COMMENT ON VIEW canonical.portfolio_members IS 'Every portfolio with its debtors; an empty portfolio has one row without a debtor, debtors without one are in unassigned.';
COMMENT ON COLUMN canonical.portfolio_members.portfolio_id IS 'canonical.portfolio; null: unassigned.';
COMMENT ON COLUMN canonical.portfolio_members.source IS 'Name of the source the row came from.';
COMMENT ON COLUMN canonical.portfolio_members.portfolio IS 'Name of the portfolio, or unassigned.';
COMMENT ON COLUMN canonical.portfolio_members.code IS 'Its code in the source. A code may be renamed; the id stays.';
COMMENT ON COLUMN canonical.portfolio_members.archived_at IS 'Since when the portfolio can be used no more, UTC.';
COMMENT ON COLUMN canonical.portfolio_members.debtor_id IS 'canonical.debtor; null in the one row of an empty portfolio.';
COMMENT ON COLUMN canonical.portfolio_members.debtor_number IS 'The debtor''s number.';
COMMENT ON COLUMN canonical.portfolio_members.debtor_name IS 'The debtor''s name.';
COMMENT ON COLUMN canonical.portfolio_members.debtor_status IS 'active, blocked or inactive.';
