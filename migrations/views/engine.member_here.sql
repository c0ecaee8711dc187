CREATE VIEW engine.member_here AS
SELECT DISTINCT ON (coalesce(v.became, m.debtor_id)) coalesce(v.became, m.debtor_id) AS record_id, m.debtor_id, m.group_id
FROM engine.group_member m
JOIN canonical.debtor_group g ON g.id = m.group_id AND g.deleted_at IS NULL
LEFT JOIN engine.survivor v ON v.entity = 'debtor' AND v.id = m.debtor_id
ORDER BY coalesce(v.became, m.debtor_id), coalesce(v.steps, 0), m.joined_at DESC, m.debtor_id;
