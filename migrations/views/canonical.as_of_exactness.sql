CREATE VIEW canonical.as_of_exactness AS
SELECT c.source, c.ledger_date AS exact_from, t.tells_applications,
       CASE WHEN NOT t.tells_applications THEN 'what was applied on which day is not told: amounts of days before exact_from are marked is_exact = false' END AS why_inexact
FROM canonical.last_cut c
CROSS JOIN LATERAL (
    SELECT EXISTS (SELECT FROM canonical.application a WHERE a.source = c.source)
        OR EXISTS (SELECT FROM engine.stream s WHERE s.source = c.source AND s.canonical = 'application' AND s.swept_at IS NOT NULL) AS tells_applications) t
WHERE coalesce(c.source = ANY(CAST((SELECT engine.visible_sources(current_user)) AS text[])), true);

COMMENT ON VIEW canonical.as_of_exactness IS 'Per source: from which day on as-of answers are as exact as the source is, and why those of earlier days are not, where it hands over no applications.';
COMMENT ON COLUMN canonical.as_of_exactness.exact_from IS 'Ledger date of the last cut.';
COMMENT ON COLUMN canonical.as_of_exactness.source IS 'Name of the source the row came from.';
COMMENT ON COLUMN canonical.as_of_exactness.tells_applications IS 'Whether the source hands over which money settled what.';
COMMENT ON COLUMN canonical.as_of_exactness.why_inexact IS 'What the source does not tell; null where the figure is exact.';
