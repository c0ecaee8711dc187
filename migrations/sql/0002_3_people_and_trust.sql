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

-- Every field that is folded or declared: its name in claims and in the policy, its column, its group.
CREATE VIEW canonical.field AS
SELECT * FROM (VALUES
    ('debtor', 'number', 'number', 'general'), ('debtor', 'external_number', 'external_number', 'general'), ('debtor', 'name', 'name', 'general'),
    ('debtor', 'kind', 'kind', 'general'), ('debtor', 'status', 'status', 'general'), ('debtor', 'block_reason', 'block_reason', 'general'),
    ('debtor', 'currency', 'currency', 'general'), ('debtor', 'vat_no', 'vat_no', 'general'), ('debtor', 'registration_no', 'registration_no', 'general'),
    ('debtor', 'language', 'language', 'general'), ('debtor', 'email', 'email', 'general'), ('debtor', 'phone', 'phone', 'general'),
    ('debtor', 'website', 'website', 'general'), ('debtor', 'address_line1', 'address_line1', 'billing_address'),
    ('debtor', 'address_line2', 'address_line2', 'billing_address'), ('debtor', 'city', 'city', 'billing_address'),
    ('debtor', 'region', 'region', 'billing_address'), ('debtor', 'postcode', 'postcode', 'billing_address'), ('debtor', 'country', 'country', 'billing_address'),
    ('debtor', 'payment_terms_key', 'payment_terms', 'credit'), ('debtor', 'credit_limit', 'credit_limit', 'credit'),
    ('debtor', 'erp_balance', 'erp_balance', 'credit'), ('debtor', 'credit_alert_pct', 'credit_alert_pct', 'chasing'),
    ('debtor', 'chasing_paused', 'chasing_paused', 'chasing'), ('debtor', 'pause_reason', 'pause_reason', 'chasing'),
    ('debtor', 'pause_until', 'pause_until', 'chasing'), ('debtor', 'parent_key', 'parent_id', 'classification'),
    ('debtor', 'owner_code', 'owner_id', 'classification'), ('debtor', 'portfolio_key', 'portfolio_id', 'classification'),
    ('debtor', 'is_intercompany', 'is_intercompany', 'classification'), ('debtor', 'custom', 'custom', 'custom'),
    ('contact', 'debtor_key', 'debtor_id', 'contact'), ('contact', 'number', 'number', 'contact'), ('contact', 'first_name', 'first_name', 'contact'),
    ('contact', 'last_name', 'last_name', 'contact'), ('contact', 'full_name', 'full_name', 'contact'), ('contact', 'email', 'email', 'contact'),
    ('contact', 'phone', 'phone', 'contact'), ('contact', 'mobile', 'mobile', 'contact'), ('contact', 'title', 'title', 'contact'),
    ('contact', 'position', 'position_id', 'contact'), ('contact', 'is_primary', 'is_primary', 'contact'), ('contact', 'status', 'status', 'contact'),
    ('contact', 'language', 'language', 'contact'), ('contact', 'privacy_blocked', 'privacy_blocked', 'contact'),
    ('contact', 'origin_field', 'origin_field', 'contact'), ('contact', 'custom', 'custom', 'custom'),
    ('document', 'debtor_key', 'debtor_id', NULL), ('document', 'kind', 'kind', NULL), ('document', 'number', 'external_no', NULL),
    ('document', 'issue_date', 'issue_date', NULL), ('document', 'posting_date', 'posting_date', NULL), ('document', 'due_date', 'due_date', NULL),
    ('document', 'currency', 'currency', NULL), ('document', 'exchange_rate', 'exchange_rate', NULL), ('document', 'subtotal', 'subtotal', NULL),
    ('document', 'tax', 'tax', NULL), ('document', 'total', 'total', NULL), ('document', 'open_amount', 'open_amount', NULL),
    ('document', 'erp_status', 'erp_status', NULL), ('document', 'collection_status', 'collection_status', 'chasing'),
    ('document', 'dispute_reason', 'dispute_reason', 'chasing'), ('document', 'promised_date', 'promised_date', 'chasing'),
    ('document', 'closed_date', 'closed_date', NULL), ('document', 'po_number', 'po_number', NULL), ('document', 'reference', 'reference', NULL),
    ('document', 'owner_code', 'owner_id', NULL), ('document', 'terms_key', 'terms', NULL), ('document', 'source_modified_at', 'source_modified_at', NULL),
    ('document', 'custom', 'custom', NULL)
) f (entity, field, stored_as, field_group);

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
ORDER BY f.entity, f.field, c.company, r.place;

-- What each linked source record says about each field of debtors and contacts; of a deleted record nothing counts.
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
UNION ALL
SELECT 'debtor', x.debtor_id, 'portfolio_key', 'portfolio_id', x.source, o.role, x.external_id, 'the dimension value on the card', to_jsonb(v.code),
       NULL, NULL, false, o.position, false, 0
FROM canonical.debtor_dimension x
JOIN canonical.dimension d ON d.id = x.dimension_id
JOIN engine.source o ON o.source = x.source AND o.config -> 'portfolio' ->> 'dimension' = d.code
LEFT JOIN canonical.dimension_value v ON v.id = x.dimension_value_id
WHERE x.deleted_at IS NULL
UNION ALL
SELECT 'document', v.document_id, f.field, f.stored_as, w.source, w.role, w.external_id, w.wire_entity, w.said -> f.field, v.changed_at, NULL, false, 0, false, 0
FROM engine.document_overlay v
JOIN canonical.document d ON d.id = v.document_id
JOIN engine.source o ON o.source = d.source
CROSS JOIN LATERAL (VALUES (d.source, o.role, d.external_id, 'document', v.own), ('inbox', 'collections', d.id::text, 'claim_inbox', v.claims))
    w (source, role, external_id, wire_entity, said)
JOIN canonical.field f ON f.entity = 'document' AND w.said ? f.field;

-- Every field of every record: its value, its master, the rule that made it master, who set it by hand, what waits to be written
-- back. What the sources say is in field_claim, how it came to be in change. Ask for one record: each field costs a look-up.
CREATE VIEW canonical.explained AS
SELECT x.entity, x.record_id, f.field, f.stored_as, x.record -> f.stored_as AS value,
       CASE WHEN x.provenance IS NOT NULL THEN x.provenance ->> f.stored_as
            WHEN p.said IS NOT NULL THEN CASE WHEN p.said = x.record -> f.stored_as THEN 'inbox' ELSE x.source END ELSE x.source END AS master,
       coalesce(r.rule, 'one master: the source it came from') AS rule, r.mode, r.ranking,
       n.value AS pinned_value, n.pinned_by, n.pinned_at, n.until AS pinned_until, n.reason AS pinned_because, w.waiting, x.is_deleted
FROM (
    SELECT 'debtor' AS entity, id AS record_id, to_jsonb(d) AS record, provenance, NULL AS source, deleted_at IS NOT NULL AS is_deleted FROM canonical.debtor d
    UNION ALL SELECT 'contact', id, to_jsonb(c), provenance, NULL, deleted_at IS NOT NULL FROM canonical.contact c
    UNION ALL SELECT 'document', id, to_jsonb(o), NULL, source, deleted_at IS NOT NULL FROM canonical.document o) x
JOIN canonical.field f ON f.entity = x.entity
LEFT JOIN engine.pin n ON n.entity = x.entity AND n.canonical_id = x.record_id AND n.field = f.field
LEFT JOIN LATERAL (
    SELECT c.name FROM canonical.link l JOIN engine.source o USING (source) JOIN canonical.company c ON c.source = l.source
    WHERE l.entity = x.entity AND l.canonical_id = x.record_id
    ORDER BY o.role <> 'erp', o.role = 'crm', o.position, l.source LIMIT 1) k ON true
LEFT JOIN LATERAL (
    SELECT y.rule, y.mode, y.ranking FROM canonical.ownership y
    WHERE y.entity = x.entity AND y.field = f.field AND (y.company IS NULL OR lower(y.company) = lower(k.name)) ORDER BY y.company NULLS LAST LIMIT 1) r ON true
LEFT JOIN LATERAL (
    SELECT v.claims -> f.field AS said FROM engine.document_overlay v WHERE x.entity = 'document' AND v.document_id = x.record_id AND v.claims ? f.field) p ON true
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object('source', b.source, 'state', b.state, 'wanted', b.wanted -> f.field, 'answer', b.answer) ORDER BY b.outbox_id) AS waiting
    FROM engine.outbox b WHERE b.entity = x.entity AND b.canonical_id = x.record_id AND b.state IN ('pending', 'refused') AND b.wanted ? f.field) w ON true;
