-- The debtors a role may read: those in the books of a visible source, and those that were merged into them.
CREATE FUNCTION engine.visible_debtors(who name)
RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
WITH RECURSIVE them AS (
    SELECT l.canonical_id AS id FROM canonical.link l WHERE l.entity = 'debtor' AND l.source = ANY(CAST((SELECT engine.visible_sources(who)) AS text[]))
    UNION SELECT d.id FROM canonical.debtor d JOIN them ON d.merged_into = them.id)
SELECT id FROM them
$$;
