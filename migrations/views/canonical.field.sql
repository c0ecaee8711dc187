CREATE VIEW canonical.field AS
SELECT * FROM (VALUES
    ('debtor', 'number', 'number', 'identity'), ('debtor', 'external_number', 'external_number', 'identity'), ('debtor', 'name', 'name', 'general'),
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
    ('document', 'custom', 'custom', NULL), ('document', 'source_url', 'source_url', NULL), ('document', 'document_url', 'document_url', NULL),
    ('debtor', 'group_id', 'group_id', NULL), ('debtor', 'ultimate_parent_id', 'ultimate_parent_id', NULL)
) f (entity, field, stored_as, field_group);

COMMENT ON VIEW canonical.field IS 'Every field of debtors, contacts and documents: its name in claims and in the policy, its column, its group (null: one master, no rule).';
COMMENT ON COLUMN canonical.field.entity IS 'debtor, contact or document.';
COMMENT ON COLUMN canonical.field.field IS 'Name of the field in claims and in the policy.';
COMMENT ON COLUMN canonical.field.stored_as IS 'The column of the canonical table.';
COMMENT ON COLUMN canonical.field.field_group IS 'The group a rule of the policy may name; null: one master, no rule.';
