CREATE VIEW canonical.portfolio_members AS
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
