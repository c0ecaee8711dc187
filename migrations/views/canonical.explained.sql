CREATE VIEW canonical.explained AS
SELECT x.entity, x.record_id, f.field, f.stored_as, x.record -> f.stored_as AS value,
       CASE WHEN x.provenance IS NOT NULL THEN x.provenance ->> f.stored_as
            WHEN p.said IS NOT NULL THEN CASE WHEN p.said = x.record -> f.stored_as THEN 'inbox' ELSE x.source END ELSE x.source END AS master,
       coalesce(r.rule, CASE f.field WHEN 'group_id' THEN 'a person: the group it was put into'
           WHEN 'ultimate_parent_id' THEN 'computed: the top of its chain of parents' ELSE 'one master: the source it came from' END) AS rule, r.mode, r.ranking,
       n.value AS pinned_value, n.pinned_by, n.pinned_at, n.until AS pinned_until, n.reason AS pinned_because, w.waiting, x.is_deleted
FROM (
    SELECT 'debtor' AS entity, id AS record_id, to_jsonb(d) AS record, provenance, NULL AS source, deleted_at IS NOT NULL AS is_deleted FROM canonical.debtor d
    WHERE (SELECT engine.visible_sources(current_user)) IS NULL OR d.id IN (SELECT engine.visible_debtors(current_user))
    UNION ALL SELECT 'contact', id, to_jsonb(c), provenance, NULL, deleted_at IS NOT NULL FROM canonical.contact c
    WHERE (SELECT engine.visible_sources(current_user)) IS NULL OR c.id IN (SELECT engine.visible_contacts(current_user))
    UNION ALL SELECT 'document', id, to_jsonb(o), NULL, source, deleted_at IS NOT NULL FROM canonical.document o
    WHERE coalesce(o.source = ANY(CAST((SELECT engine.visible_sources(current_user)) AS text[])), true) OR (o.source = ANY(CAST((SELECT engine.sources_of_no_company()) AS text[])) AND o.debtor_id IN (SELECT engine.visible_debtors(current_user)))) x
JOIN canonical.field f ON f.entity = x.entity
LEFT JOIN (SELECT DISTINCT ON (entity, record_id, field) * FROM engine.pin_here ORDER BY entity, record_id, field, steps, pinned_at DESC) n
    ON n.entity = x.entity AND n.record_id = x.record_id AND n.field = f.field
LEFT JOIN LATERAL (
    SELECT c.name FROM canonical.link l JOIN engine.source o USING (source) JOIN canonical.company c ON c.source = l.source
    WHERE l.entity = x.entity AND l.canonical_id = x.record_id
    ORDER BY l.rule IS NOT DISTINCT FROM 'merge',
        CAST(md5(l.source || E'\x1f' || l.entity || E'\x1f' || l.external_id) AS uuid) <> x.record_id, o.role <> 'erp', o.role = 'crm', o.position, l.source LIMIT 1) k ON true
LEFT JOIN LATERAL (
    SELECT y.rule, y.mode, y.ranking FROM canonical.ownership y
    WHERE y.entity = x.entity AND y.field = f.field AND (y.company IS NULL OR lower(y.company) = lower(k.name)) ORDER BY y.company NULLS LAST LIMIT 1) r ON true
LEFT JOIN LATERAL (
    SELECT v.claims -> f.field AS said FROM engine.document_overlay v WHERE x.entity = 'document' AND v.document_id = x.record_id AND v.claims ? f.field) p ON true
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object('source', b.source, 'state', b.state, 'wanted', b.wanted -> f.field, 'answer', b.answer) ORDER BY b.outbox_id) AS waiting
    FROM engine.outbox b WHERE b.entity = x.entity AND b.canonical_id = x.record_id AND b.settled_at IS NULL AND b.wanted ? f.field
        AND coalesce(b.source = ANY(CAST((SELECT engine.visible_sources(current_user)) AS text[])), true)) w ON true;

COMMENT ON VIEW canonical.explained IS 'Why a value is what it is: value, master, rule, who set it by hand, what waits to be written back. Ask for one record_id; its claims are in field_claim, its history in change.';
COMMENT ON COLUMN canonical.explained.master IS 'The source that was believed; person: set by hand; inbox: an application said it; another contact: its source says primary too, and another contact of the debtor is the one; null: nobody says anything.';
COMMENT ON COLUMN canonical.explained.waiting IS 'Write-backs of this field that no source has taken yet.';
COMMENT ON COLUMN canonical.explained.entity IS 'What kind of record it is, by the name of its canonical table.';
COMMENT ON COLUMN canonical.explained.record_id IS 'Id of the canonical record.';
COMMENT ON COLUMN canonical.explained.field IS 'Name of the field in claims and in the policy.';
COMMENT ON COLUMN canonical.explained.stored_as IS 'The column of the canonical table.';
COMMENT ON COLUMN canonical.explained.value IS 'The value as it stands.';
COMMENT ON COLUMN canonical.explained.rule IS 'The deciding rule in words.';
COMMENT ON COLUMN canonical.explained.mode IS 'How the ranking is read; null: one master, no rule.';
COMMENT ON COLUMN canonical.explained.ranking IS 'Roles or sources, best first.';
COMMENT ON COLUMN canonical.explained.pinned_value IS 'What a person set; null where nobody did.';
COMMENT ON COLUMN canonical.explained.pinned_by IS 'Who set it.';
COMMENT ON COLUMN canonical.explained.pinned_at IS 'When it was set, UTC.';
COMMENT ON COLUMN canonical.explained.pinned_until IS 'Last day it counts; null: until it is taken back or a source says something else.';
COMMENT ON COLUMN canonical.explained.pinned_because IS 'Why it was set.';
COMMENT ON COLUMN canonical.explained.is_deleted IS 'Whether the record is gone.';
