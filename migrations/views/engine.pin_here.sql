CREATE VIEW engine.pin_here AS
SELECT p.entity, coalesce(v.became, p.canonical_id) AS record_id, coalesce(v.steps, 0) AS steps, p.canonical_id, p.field, p.value, p.until, p.while_claimed,
       p.pinned_by, p.pinned_at, p.reason
FROM engine.pin p LEFT JOIN engine.survivor v ON v.entity = p.entity AND v.id = p.canonical_id WHERE p.ended_at IS NULL;
