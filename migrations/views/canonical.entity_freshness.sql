CREATE VIEW canonical.entity_freshness AS
SELECT t.source, t.entity, t.family, t.canonical, t.cursor_moved_at, t.swept_at, t.verified_at, t.swept_count
FROM engine.stream t
WHERE coalesce(t.source = ANY(CAST((SELECT engine.visible_sources(current_user)) AS text[])), true);

COMMENT ON VIEW canonical.entity_freshness IS 'Per wire entity: when its cursor last moved, when it was last read in full.';
COMMENT ON COLUMN canonical.entity_freshness.source IS 'Name of the source the row came from.';
COMMENT ON COLUMN canonical.entity_freshness.entity IS 'Name of the stream in the source.';
COMMENT ON COLUMN canonical.entity_freshness.family IS 'What people call the streams together: debtors, contacts, documents and so on.';
COMMENT ON COLUMN canonical.entity_freshness.canonical IS 'What its records become here: the canonical entity.';
COMMENT ON COLUMN canonical.entity_freshness.cursor_moved_at IS 'When something new was last read, UTC.';
COMMENT ON COLUMN canonical.entity_freshness.swept_at IS 'When it was last read in full, UTC; null: never.';
COMMENT ON COLUMN canonical.entity_freshness.verified_at IS 'When the source was last asked and all that it said was stored, UTC.';
COMMENT ON COLUMN canonical.entity_freshness.swept_count IS 'How many records the last full read found.';
