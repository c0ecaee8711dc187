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
