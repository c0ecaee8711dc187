-- What people decide about a record stays with it when it is merged away; these views say where it counts now. `steps` is how many
-- merges lie between the record it was decided about and the one it counts for: 0 is that record's own.
CREATE VIEW engine.survivor AS
WITH RECURSIVE merged AS (
    SELECT 'debtor' AS entity, id, merged_into FROM canonical.debtor WHERE merged_into IS NOT NULL
    UNION ALL SELECT 'contact', id, merged_into FROM canonical.contact WHERE merged_into IS NOT NULL),
up AS (
    SELECT entity, id, merged_into AS became, 1 AS steps FROM merged
    UNION ALL SELECT up.entity, up.id, m.merged_into, up.steps + 1 FROM up JOIN merged m ON m.entity = up.entity AND m.id = up.became WHERE up.steps < 100)
SELECT DISTINCT ON (entity, id) entity, id, became, steps FROM up ORDER BY entity, id, steps DESC;

CREATE VIEW engine.pin_here AS
SELECT p.entity, coalesce(v.became, p.canonical_id) AS record_id, coalesce(v.steps, 0) AS steps, p.canonical_id, p.field, p.value, p.until, p.while_claimed,
       p.pinned_by, p.pinned_at, p.reason
FROM engine.pin p LEFT JOIN engine.survivor v ON v.entity = p.entity AND v.id = p.canonical_id WHERE p.ended_at IS NULL;

CREATE VIEW engine.member_here AS
SELECT DISTINCT ON (coalesce(v.became, m.debtor_id)) coalesce(v.became, m.debtor_id) AS record_id, m.debtor_id, m.group_id
FROM engine.group_member m
JOIN canonical.debtor_group g ON g.id = m.group_id AND g.deleted_at IS NULL
LEFT JOIN engine.survivor v ON v.entity = 'debtor' AND v.id = m.debtor_id
ORDER BY coalesce(v.became, m.debtor_id), coalesce(v.steps, 0), m.joined_at DESC, m.debtor_id;

CREATE VIEW engine.tag_here AS
SELECT t.owner_table, coalesce(v.became, t.owner_id) AS record_id, t.name, t.origin, min(t.first_seen_at) AS first_seen_at
FROM engine.tag t LEFT JOIN engine.survivor v ON v.entity = t.owner_table AND v.id = t.owner_id GROUP BY 1, 2, 3, 4;
