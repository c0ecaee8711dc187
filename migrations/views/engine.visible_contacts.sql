-- The contacts a role may read: those a visible source knows, those of a visible debtor that a source of no company knows, and those that
-- were merged into them. A person whom only another company knows stays hidden, though both companies have the debtor.
CREATE FUNCTION engine.visible_contacts(who name)
RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
WITH RECURSIVE them AS (
    SELECT l.canonical_id AS id FROM canonical.link l WHERE l.entity = 'contact' AND l.source = ANY(CAST((SELECT engine.visible_sources(who)) AS text[]))
    UNION SELECT c.id FROM canonical.contact c JOIN canonical.link l ON l.entity = 'contact' AND l.canonical_id = c.id
        WHERE l.source = ANY(CAST((SELECT engine.sources_of_no_company()) AS text[])) AND c.debtor_id IN (SELECT engine.visible_debtors(who))
    UNION SELECT c.id FROM canonical.contact c JOIN them ON c.merged_into = them.id)
SELECT id FROM them
$$;
