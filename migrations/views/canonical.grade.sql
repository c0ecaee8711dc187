CREATE VIEW canonical.grade AS
SELECT DISTINCT ON (source) source, cut_id, as_of, ledger_date, published_at, grade, n_hold, n_break, n_not_answerable, breaks,
       n_answered, n_checks, money_tied, missing
FROM canonical.cut_grade
ORDER BY source, cut_id DESC;

COMMENT ON VIEW canonical.grade IS 'Grade of the latest certified cut per source.';
COMMENT ON COLUMN canonical.grade.money_tied IS 'Whether what is open agrees with totals that the source states itself; null: the source claims no money.';
