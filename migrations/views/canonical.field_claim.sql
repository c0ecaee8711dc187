-- What each linked source record says about each field of debtors and contacts; of a deleted record nothing counts. A source whose
-- dimension gives the portfolio says 'none' of a debtor without a value on its card; its older record is believed, as everywhere.
-- Of several words of the inbox about one debtor, as a merge brings them together, the last one counts; it replaced the others.
CREATE VIEW canonical.field_claim AS
SELECT l.entity, l.canonical_id AS record_id, f.field, f.stored_as, l.source, o.role, l.external_id, s.entity AS wire_entity, r.claim -> f.field AS said,
       r.changed_at AS said_at, l.decided_at AS linked_at, r.deleted_at IS NOT NULL AS is_deleted, o.position AS source_order, s.facet, s.rank
FROM canonical.link l
JOIN engine.source o ON o.source = l.source
JOIN engine.stream s ON s.source = l.source AND s.canonical = l.entity
CROSS JOIN LATERAL (
    SELECT m.claim, m.changed_at, m.deleted_at FROM engine.source_record m WHERE m.stream_id = s.stream_id AND m.key = l.external_id AND m.about IS NULL
    UNION ALL SELECT a.claim, a.changed_at, a.deleted_at FROM engine.source_record a WHERE a.stream_id = s.stream_id AND a.about = l.external_id) r
JOIN canonical.field f ON f.entity = l.entity AND r.claim ? f.field
WHERE (coalesce(l.source = ANY(CAST((SELECT engine.visible_sources(current_user)) AS text[])), true) OR (l.source = ANY(CAST((SELECT engine.sources_of_no_company()) AS text[])) AND (l.canonical_id IN (SELECT engine.visible_debtors(current_user)) OR l.canonical_id IN (SELECT engine.visible_contacts(current_user)))))
  AND (l.source <> 'inbox' OR NOT EXISTS (
    SELECT FROM canonical.link k JOIN engine.source_record n ON n.stream_id = s.stream_id AND n.key = k.external_id
    WHERE k.entity = l.entity AND k.canonical_id = l.canonical_id AND k.source = l.source
      AND CAST(n.claim -> 'said_in' ->> f.field AS bigint) > coalesce(CAST(r.claim -> 'said_in' ->> f.field AS bigint), 0)))
UNION ALL
SELECT 'debtor', l.canonical_id, 'portfolio_key', 'portfolio_id', l.source, o.role, l.external_id, 'the dimension value on the card', to_jsonb(c.code),
       NULL, l.decided_at, NOT EXISTS (SELECT FROM engine.stream s JOIN engine.source_record r USING (stream_id)
           WHERE s.source = l.source AND s.canonical = 'debtor' AND NOT s.facet AND r.key = l.external_id AND r.deleted_at IS NULL),
       o.position, false, 0
FROM canonical.link l
JOIN engine.source o ON o.source = l.source AND o.config -> 'portfolio' ->> 'dimension' IS NOT NULL
LEFT JOIN LATERAL (
    SELECT v.code FROM canonical.debtor_dimension x
    JOIN canonical.dimension d ON d.id = x.dimension_id AND d.code = o.config -> 'portfolio' ->> 'dimension'
    JOIN canonical.dimension_value v ON v.id = x.dimension_value_id AND v.deleted_at IS NULL AND NOT coalesce(v.is_heading, false)
    WHERE x.debtor_id = l.canonical_id AND x.source = l.source AND x.debtor_key = l.external_id AND x.deleted_at IS NULL ORDER BY v.external_id LIMIT 1) c ON true
WHERE l.entity = 'debtor' AND (coalesce(l.source = ANY(CAST((SELECT engine.visible_sources(current_user)) AS text[])), true) OR (l.source = ANY(CAST((SELECT engine.sources_of_no_company()) AS text[])) AND (l.canonical_id IN (SELECT engine.visible_debtors(current_user)) OR l.canonical_id IN (SELECT engine.visible_contacts(current_user)))))
UNION ALL
SELECT 'document', v.document_id, f.field, f.stored_as, w.source, w.role, w.external_id, w.wire_entity, w.said -> f.field, v.changed_at, NULL, false, 0, false, 0
FROM engine.document_overlay v
JOIN canonical.document d ON d.id = v.document_id
JOIN engine.source o ON o.source = d.source
CROSS JOIN LATERAL (VALUES (d.source, o.role, d.external_id, 'document', v.own), ('inbox', 'collections', d.id::text, 'claim_inbox', v.claims))
    w (source, role, external_id, wire_entity, said)
JOIN canonical.field f ON f.entity = 'document' AND w.said ? f.field
WHERE coalesce(d.source = ANY(CAST((SELECT engine.visible_sources(current_user)) AS text[])), true) OR (d.source = ANY(CAST((SELECT engine.sources_of_no_company()) AS text[])) AND d.debtor_id IN (SELECT engine.visible_debtors(current_user)));

COMMENT ON VIEW canonical.field_claim IS 'What every linked source record says about every field, believed or not. said_at: when it last said something else.';
COMMENT ON COLUMN canonical.field_claim.entity IS 'What kind of record it is, by the name of its canonical table.';
COMMENT ON COLUMN canonical.field_claim.record_id IS 'Id of the canonical record.';
COMMENT ON COLUMN canonical.field_claim.field IS 'Name of the field in claims and in the policy.';
COMMENT ON COLUMN canonical.field_claim.stored_as IS 'The column of the canonical table.';
COMMENT ON COLUMN canonical.field_claim.source IS 'Name of the source the row came from.';
COMMENT ON COLUMN canonical.field_claim.role IS 'Role of the source: erp, crm or collections.';
COMMENT ON COLUMN canonical.field_claim.external_id IS 'Key of the record that says it.';
COMMENT ON COLUMN canonical.field_claim.wire_entity IS 'The stream of the source that says it.';
COMMENT ON COLUMN canonical.field_claim.said IS 'What it says.';
COMMENT ON COLUMN canonical.field_claim.said_at IS 'When it last said something else, UTC.';
COMMENT ON COLUMN canonical.field_claim.linked_at IS 'When its record was linked, UTC.';
COMMENT ON COLUMN canonical.field_claim.is_deleted IS 'Whether the record is gone.';
COMMENT ON COLUMN canonical.field_claim.source_order IS 'Place of the source among those configured; it breaks ties.';
COMMENT ON COLUMN canonical.field_claim.facet IS 'Whether the stream only adds to records of another stream.';
COMMENT ON COLUMN canonical.field_claim.rank IS 'Order in which the streams of a source are laid over each other.';
