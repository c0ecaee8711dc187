CREATE VIEW canonical.last_cut WITH (security_invoker = true) AS
SELECT DISTINCT ON (source) source, cut_id, as_of, ledger_date, published_at
FROM canonical.cut
ORDER BY source, cut_id DESC;

COMMENT ON VIEW canonical.last_cut IS 'The newest cut of every source: what the views without a date show.';
COMMENT ON COLUMN canonical.last_cut.source IS 'Name of the source the row came from.';
COMMENT ON COLUMN canonical.last_cut.cut_id IS 'canonical.cut.';
COMMENT ON COLUMN canonical.last_cut.as_of IS 'When the source was read, UTC.';
COMMENT ON COLUMN canonical.last_cut.ledger_date IS 'The business date of the cut, in the time zone of the source.';
COMMENT ON COLUMN canonical.last_cut.published_at IS 'When the cut became visible, UTC.';
