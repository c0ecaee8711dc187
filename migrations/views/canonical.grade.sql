CREATE VIEW canonical.grade WITH (security_invoker = true) AS
SELECT DISTINCT ON (source) source, cut_id, as_of, ledger_date, published_at, grade, n_hold, n_break, n_not_answerable, breaks,
       n_answered, n_checks, money_tied, missing
FROM canonical.cut_grade
ORDER BY source, cut_id DESC;

COMMENT ON VIEW canonical.grade IS 'Grade of the latest certified cut per source.';
COMMENT ON COLUMN canonical.grade.money_tied IS 'Whether what is open agrees with totals that the source states itself; null: the source claims no money.';
COMMENT ON COLUMN canonical.grade.source IS 'Name of the source the row came from.';
COMMENT ON COLUMN canonical.grade.cut_id IS 'canonical.cut.';
COMMENT ON COLUMN canonical.grade.as_of IS 'When the source was read, UTC.';
COMMENT ON COLUMN canonical.grade.ledger_date IS 'The business date of the cut, in the time zone of the source.';
COMMENT ON COLUMN canonical.grade.published_at IS 'When the cut became visible, UTC.';
COMMENT ON COLUMN canonical.grade.grade IS 'A, B, C or D; null where no cut was certified.';
COMMENT ON COLUMN canonical.grade.n_hold IS 'How many checks hold.';
COMMENT ON COLUMN canonical.grade.n_break IS 'How many checks break.';
COMMENT ON COLUMN canonical.grade.n_not_answerable IS 'How many checks the source states no figure for.';
COMMENT ON COLUMN canonical.grade.breaks IS 'Codes of the checks that break.';
COMMENT ON COLUMN canonical.grade.n_answered IS 'How many of n_checks this source answered.';
COMMENT ON COLUMN canonical.grade.n_checks IS 'How many checks some source could answer.';
COMMENT ON COLUMN canonical.grade.missing IS 'Records, and money where it is known, that the source has and the cut has not.';
