CREATE VIEW canonical.entity_freshness AS
SELECT t.source, t.entity, t.family, t.canonical, t.cursor_moved_at, t.swept_at, t.verified_at, t.swept_count
FROM engine.stream t;

COMMENT ON VIEW canonical.entity_freshness IS 'Per wire entity: when its cursor last moved, when it was last read in full.';
