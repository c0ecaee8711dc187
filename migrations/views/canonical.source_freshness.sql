CREATE VIEW canonical.source_freshness AS
SELECT s.source, s.connector, s.role, c.cut_id, c.as_of, c.ledger_date, c.published_at, g.grade,
       r.kind AS last_run_kind, r.started_at AS last_run_started_at, r.finished_at AS last_run_finished_at, r.outcome AS last_run_outcome, r.error_class AS last_run_error_class
FROM engine.source s
LEFT JOIN canonical.last_cut c ON c.source = s.source
LEFT JOIN canonical.cut_grade g ON g.cut_id = c.cut_id
LEFT JOIN LATERAL (SELECT * FROM engine.run x WHERE x.source = s.source ORDER BY x.started_at DESC LIMIT 1) r ON true
WHERE coalesce(s.source = ANY(CAST((SELECT engine.visible_sources(current_user)) AS text[])), true);

COMMENT ON VIEW canonical.source_freshness IS 'Per source: its last cut and its last run. Compare as_of with your clock; the view has none.';
COMMENT ON COLUMN canonical.source_freshness.source IS 'Name of the source the row came from.';
COMMENT ON COLUMN canonical.source_freshness.connector IS 'The product the source is read with.';
COMMENT ON COLUMN canonical.source_freshness.role IS 'Role of the source: erp, crm or collections.';
COMMENT ON COLUMN canonical.source_freshness.cut_id IS 'Its last cut: canonical.cut.';
COMMENT ON COLUMN canonical.source_freshness.as_of IS 'When the source was read for its last cut, UTC.';
COMMENT ON COLUMN canonical.source_freshness.ledger_date IS 'The business date of the cut, in the time zone of the source.';
COMMENT ON COLUMN canonical.source_freshness.published_at IS 'When the cut became visible, UTC.';
COMMENT ON COLUMN canonical.source_freshness.grade IS 'A, B, C or D; null where no cut was certified.';
COMMENT ON COLUMN canonical.source_freshness.last_run_kind IS 'What the last run was for.';
COMMENT ON COLUMN canonical.source_freshness.last_run_started_at IS 'When it began, UTC.';
COMMENT ON COLUMN canonical.source_freshness.last_run_finished_at IS 'When it ended, UTC; null while it runs.';
COMMENT ON COLUMN canonical.source_freshness.last_run_outcome IS 'How it ended; null while it runs.';
COMMENT ON COLUMN canonical.source_freshness.last_run_error_class IS 'What sort of error ended it; null where none did.';
