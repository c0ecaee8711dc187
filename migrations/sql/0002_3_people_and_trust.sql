-- Who belongs where, who was not believed, and how far the data can be trusted.

CREATE VIEW canonical.portfolio_members AS
SELECT p.id AS portfolio_id, p.source, p.name AS portfolio, p.code, p.archived_at, d.id AS debtor_id, d.number AS debtor_number, d.name AS debtor_name, d.status AS debtor_status
FROM canonical.portfolio p
LEFT JOIN canonical.debtor d ON d.portfolio_id = p.id AND d.deleted_at IS NULL AND d.merged_into IS NULL
WHERE p.deleted_at IS NULL
UNION ALL
SELECT NULL, NULL, 'unassigned', NULL, NULL, d.id, d.number, d.name, d.status
FROM canonical.debtor d
LEFT JOIN canonical.portfolio p ON p.id = d.portfolio_id AND p.deleted_at IS NULL
WHERE p.id IS NULL AND d.deleted_at IS NULL AND d.merged_into IS NULL;

CREATE VIEW canonical.positions_in_use AS
SELECT q.id AS position_id, q.name AS position, q.origin, count(*) AS n_contacts, count(DISTINCT c.debtor_id) AS n_debtors,
       count(*) FILTER (WHERE c.is_primary) AS n_primary, array_agg(DISTINCT c.title) FILTER (WHERE c.title IS NOT NULL) AS titles
FROM canonical.contact_position q
JOIN canonical.contact c ON c.position_id = q.id AND c.deleted_at IS NULL AND c.merged_into IS NULL
GROUP BY q.id, q.name, q.origin;

-- A: every check that the source can answer holds. B: only explained breaks. C: something is unexplained. D: a blocking check broke.
CREATE VIEW canonical.cut_grade AS
SELECT c.cut_id, c.source, c.as_of, c.ledger_date, c.published_at,
       CASE WHEN bool_or(k.verdict = 'breaks' AND (k.detail ->> 'blocking')::boolean) THEN 'D'
            WHEN bool_or(k.verdict = 'breaks' AND NOT coalesce((k.detail ->> 'explained')::boolean, false)) THEN 'C'
            WHEN bool_or(k.verdict = 'breaks') THEN 'B' ELSE 'A' END AS grade,
       count(*) FILTER (WHERE k.verdict = 'holds') AS n_hold, count(*) FILTER (WHERE k.verdict = 'breaks') AS n_break,
       count(*) FILTER (WHERE k.verdict = 'not_answerable') AS n_not_answerable,
       coalesce(array_agg(k."check" ORDER BY k."check") FILTER (WHERE k.verdict = 'breaks'), '{}') AS breaks
FROM canonical.cut c
JOIN canonical.certificate k ON k.cut_id = c.cut_id
GROUP BY c.cut_id, c.source, c.as_of, c.ledger_date, c.published_at;

CREATE VIEW canonical.grade AS
SELECT DISTINCT ON (source) source, cut_id, as_of, ledger_date, published_at, grade, n_hold, n_break, n_not_answerable, breaks
FROM canonical.cut_grade
ORDER BY source, cut_id DESC;

CREATE VIEW canonical.source_freshness AS
SELECT s.source, s.connector, s.role, c.cut_id, c.as_of, c.ledger_date, c.published_at, g.grade,
       r.kind AS last_run_kind, r.started_at AS last_run_started_at, r.finished_at AS last_run_finished_at, r.outcome AS last_run_outcome, r.error_class AS last_run_error_class
FROM engine.source s
LEFT JOIN canonical.last_cut c ON c.source = s.source
LEFT JOIN canonical.cut_grade g ON g.cut_id = c.cut_id
LEFT JOIN LATERAL (SELECT * FROM engine.run x WHERE x.source = s.source ORDER BY x.started_at DESC LIMIT 1) r ON true;

CREATE VIEW canonical.entity_freshness AS
SELECT t.source, t.entity, t.family, t.canonical, t.cursor_moved_at, t.swept_at, t.verified_at, t.swept_count
FROM engine.stream t;
