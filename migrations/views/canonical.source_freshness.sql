CREATE VIEW canonical.source_freshness AS
SELECT s.source, s.connector, s.role, c.cut_id, c.as_of, c.ledger_date, c.published_at, g.grade,
       r.kind AS last_run_kind, r.started_at AS last_run_started_at, r.finished_at AS last_run_finished_at, r.outcome AS last_run_outcome, r.error_class AS last_run_error_class
FROM engine.source s
LEFT JOIN canonical.last_cut c ON c.source = s.source
LEFT JOIN canonical.cut_grade g ON g.cut_id = c.cut_id
LEFT JOIN LATERAL (SELECT * FROM engine.run x WHERE x.source = s.source ORDER BY x.started_at DESC LIMIT 1) r ON true;

COMMENT ON VIEW canonical.source_freshness IS 'Per source: its last cut and its last run. Compare as_of with your clock; the view has none.';
