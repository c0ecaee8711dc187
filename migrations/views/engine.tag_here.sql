CREATE VIEW engine.tag_here AS
SELECT t.owner_table, coalesce(v.became, t.owner_id) AS record_id, t.name, t.origin, min(t.first_seen_at) AS first_seen_at
FROM engine.tag t LEFT JOIN engine.survivor v ON v.entity = t.owner_table AND v.id = t.owner_id GROUP BY 1, 2, 3, 4;
