CREATE VIEW canonical.positions_in_use AS
SELECT q.id AS position_id, q.name AS position, q.origin, count(*) AS n_contacts, count(DISTINCT c.debtor_id) AS n_debtors,
       count(*) FILTER (WHERE c.is_primary) AS n_primary, array_agg(DISTINCT c.title) FILTER (WHERE c.title IS NOT NULL) AS titles
FROM canonical.contact_position q
JOIN canonical.contact c ON c.position_id = q.id AND c.deleted_at IS NULL AND c.merged_into IS NULL
GROUP BY q.id, q.name, q.origin;

COMMENT ON VIEW canonical.positions_in_use IS 'Positions that at least one live contact holds, with the titles they were made from.';
