-- The deciding rule of each field by the policy in force, and of each company that has rules of its own.
CREATE VIEW canonical.ownership AS
WITH rule AS (
    SELECT r.place, r.rule ->> 'entity' AS entity, r.rule -> 'fields' AS fields, r.rule -> 'groups' AS groups, r.rule ->> 'company' AS company,
           r.rule ->> 'mode' AS mode, ARRAY(SELECT jsonb_array_elements_text(r.rule -> 'ranking')) AS ranking
    FROM (SELECT policy FROM engine.policy ORDER BY policy_id DESC LIMIT 1) p
    CROSS JOIN LATERAL jsonb_array_elements(p.policy -> 'rules') WITH ORDINALITY r (rule, place)
), company AS (SELECT NULL AS company UNION SELECT company FROM rule WHERE company IS NOT NULL)
SELECT DISTINCT ON (f.entity, f.field, c.company) f.entity, f.field, f.stored_as, f.field_group, c.company, r.place::int AS rule_no, r.mode, r.ranking,
       CASE WHEN r.mode = 'master' THEN '' ELSE r.mode || ': ' END || array_to_string(r.ranking, ' > ')
           || CASE WHEN r.fields ? f.field THEN ' (named)' WHEN r.groups ? f.field_group THEN ' (group ' || f.field_group || ')' ELSE '' END AS rule
FROM canonical.field f
CROSS JOIN company c
JOIN rule r ON r.entity IN ('*', f.entity) AND (r.company IS NULL OR lower(r.company) = lower(c.company))
    AND (r.fields ? f.field OR r.groups ? f.field_group OR (r.fields = '[]' AND r.groups = '[]'))
WHERE f.field_group IS NOT NULL
  AND (c.company IS NULL OR (SELECT engine.visible_sources(current_user)) IS NULL OR EXISTS (SELECT FROM canonical.company k WHERE lower(k.name) = lower(c.company) AND k.source = ANY(CAST((SELECT engine.visible_sources(current_user)) AS text[]))))
ORDER BY f.entity, f.field, c.company, r.place;

COMMENT ON VIEW canonical.ownership IS 'Who is believed for which field by the policy in force: the deciding rule of each field, and of each company with rules of its own (company null: all others).';
COMMENT ON COLUMN canonical.ownership.rule IS 'The rule in words: the mode unless it is master, the ranking best first, and why this rule is the one.';
COMMENT ON COLUMN canonical.ownership.entity IS 'debtor, contact or document.';
COMMENT ON COLUMN canonical.ownership.field IS 'Name of the field in claims and in the policy.';
COMMENT ON COLUMN canonical.ownership.stored_as IS 'The column of the canonical table.';
COMMENT ON COLUMN canonical.ownership.field_group IS 'The group a rule of the policy may name; null: one master, no rule.';
COMMENT ON COLUMN canonical.ownership.company IS 'The company with rules of its own; null: all others.';
COMMENT ON COLUMN canonical.ownership.rule_no IS 'Place of the rule in the policy, from 1.';
COMMENT ON COLUMN canonical.ownership.mode IS 'How the ranking is read: master, if_empty, on_create, union or derived.';
COMMENT ON COLUMN canonical.ownership.ranking IS 'Roles or sources, best first.';
