CREATE VIEW canonical.last_cut AS
SELECT DISTINCT ON (source) source, cut_id, as_of, ledger_date, published_at
FROM canonical.cut
ORDER BY source, cut_id DESC;

COMMENT ON VIEW canonical.last_cut IS 'The newest cut of every source: what the views without a date show.';
