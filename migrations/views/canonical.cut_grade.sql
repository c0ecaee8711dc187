-- The grade stands on the cut, since it depends on more than verdicts; a cut certified before that is graded by its verdicts, as it was.
CREATE VIEW canonical.cut_grade WITH (security_invoker = true) AS
SELECT c.cut_id, c.source, c.as_of, c.ledger_date, c.published_at,
       coalesce(c.grade, CASE WHEN bool_or(k.verdict = 'breaks' AND (k.detail ->> 'blocking')::boolean) THEN 'D'
            WHEN bool_or(k.verdict = 'breaks' AND NOT coalesce((k.detail ->> 'explained')::boolean, false)) THEN 'C'
            WHEN bool_or(k.verdict = 'breaks') THEN 'B' ELSE 'A' END) AS grade,
       count(*) FILTER (WHERE k.verdict = 'holds') AS n_hold, count(*) FILTER (WHERE k.verdict = 'breaks') AS n_break,
       count(*) FILTER (WHERE k.verdict = 'not_answerable') AS n_not_answerable,
       coalesce(array_agg(k."check" ORDER BY k."check") FILTER (WHERE k.verdict = 'breaks'), '{}') AS breaks,
       c.n_answered, c.n_checks, c.money_tied, max(k.difference) FILTER (WHERE k."check" = 'C14') AS missing
FROM canonical.cut c
JOIN canonical.certificate k ON k.cut_id = c.cut_id
GROUP BY c.cut_id, c.source, c.as_of, c.ledger_date, c.published_at;

COMMENT ON VIEW canonical.cut_grade IS 'Grade of every certified cut. A: nothing differs and the source''s own figures prove it. B: what differs is accounted for, or nothing proves it. C: something differs without an explanation, or too much is missing. D: records were lost.';
COMMENT ON COLUMN canonical.cut_grade.n_answered IS 'How many of n_checks this source answered; null in certificates of older versions.';
COMMENT ON COLUMN canonical.cut_grade.money_tied IS 'Whether what is open agrees with totals that the source states itself; null: the source claims no money.';
COMMENT ON COLUMN canonical.cut_grade.missing IS 'Records, and money where it is known, that are quarantined or wait (check C14); null: none.';
COMMENT ON COLUMN canonical.cut_grade.cut_id IS 'canonical.cut.';
COMMENT ON COLUMN canonical.cut_grade.source IS 'Name of the source the row came from.';
COMMENT ON COLUMN canonical.cut_grade.as_of IS 'When the source was read, UTC.';
COMMENT ON COLUMN canonical.cut_grade.ledger_date IS 'The business date of the cut, in the time zone of the source.';
COMMENT ON COLUMN canonical.cut_grade.published_at IS 'When the cut became visible, UTC.';
COMMENT ON COLUMN canonical.cut_grade.grade IS 'A, B, C or D; null where no cut was certified.';
COMMENT ON COLUMN canonical.cut_grade.n_hold IS 'How many checks hold.';
COMMENT ON COLUMN canonical.cut_grade.n_break IS 'How many checks break.';
COMMENT ON COLUMN canonical.cut_grade.n_not_answerable IS 'How many checks the source states no figure for.';
COMMENT ON COLUMN canonical.cut_grade.breaks IS 'Codes of the checks that break.';
COMMENT ON COLUMN canonical.cut_grade.n_checks IS 'How many checks some source could answer.';
