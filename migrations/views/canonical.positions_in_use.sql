CREATE VIEW canonical.positions_in_use WITH (security_invoker = true) AS
SELECT q.id AS position_id, q.name AS position, q.origin, count(*) AS n_contacts, count(DISTINCT c.debtor_id) AS n_debtors,
       count(*) FILTER (WHERE c.is_primary) AS n_primary, array_agg(DISTINCT c.title) FILTER (WHERE c.title IS NOT NULL) AS titles
FROM canonical.contact_position q
JOIN canonical.contact c ON c.position_id = q.id AND c.deleted_at IS NULL AND c.merged_into IS NULL
GROUP BY q.id, q.name, q.origin;

COMMENT ON VIEW canonical.positions_in_use IS 'Positions that at least one live contact holds, with the titles they were made from.';
COMMENT ON COLUMN canonical.positions_in_use.position_id IS 'canonical.contact_position.';
COMMENT ON COLUMN canonical.positions_in_use."position" IS 'Name of the position.';
COMMENT ON COLUMN canonical.positions_in_use.origin IS 'What made the position: canonical.contact_position.';
COMMENT ON COLUMN canonical.positions_in_use.n_contacts IS 'How many live contacts hold it.';
COMMENT ON COLUMN canonical.positions_in_use.n_debtors IS 'Of how many debtors.';
COMMENT ON COLUMN canonical.positions_in_use.n_primary IS 'How many of them are the primary contact.';
COMMENT ON COLUMN canonical.positions_in_use.titles IS 'The job titles it was made from.';
