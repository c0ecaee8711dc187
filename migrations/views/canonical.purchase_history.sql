-- Purchase history: a line of every posted invoice and credit note, credits below nought; a document without lines is one line by itself.
CREATE VIEW canonical.purchase_history WITH (security_invoker = true) AS
SELECT b.id AS debtor_id, b.number AS debtor_number, b.name AS debtor_name, d.source, d.id AS document_id, d.kind, d.external_no AS document_number,
       d.issue_date, d.currency, s.sign * d.total AS document_total, coalesce(l.line_no, 1) AS line_no, l.item, l.description, s.sign * l.quantity AS quantity,
       l.unit, l.unit_price, l.discount_pct, s.sign * CASE WHEN l.id IS NULL THEN coalesce(d.subtotal, d.total) ELSE l.net END AS net,
       s.sign * CASE WHEN l.id IS NULL THEN d.total ELSE l.gross END AS gross
FROM canonical.document d
JOIN canonical.debtor b ON b.id = d.debtor_id
CROSS JOIN LATERAL (SELECT CASE WHEN d.kind = 'credit_note' THEN -1 ELSE 1 END AS sign) s
LEFT JOIN canonical.document_line l ON l.document_id = d.id
WHERE d.kind IN ('invoice', 'credit_note') AND d.deleted_at IS NULL AND b.deleted_at IS NULL AND d.erp_status IS DISTINCT FROM 'draft'
  AND d.erp_status IS DISTINCT FROM 'void';

COMMENT ON VIEW canonical.purchase_history IS 'Who bought what and when: a row a line of every posted invoice and credit note; credits count below nought.';
COMMENT ON COLUMN canonical.purchase_history.debtor_id IS 'canonical.debtor.';
COMMENT ON COLUMN canonical.purchase_history.debtor_number IS 'The number the debtor has in its ERP.';
COMMENT ON COLUMN canonical.purchase_history.debtor_name IS 'Name of the debtor.';
COMMENT ON COLUMN canonical.purchase_history.source IS 'Name of the source the row came from.';
COMMENT ON COLUMN canonical.purchase_history.document_id IS 'canonical.document.';
COMMENT ON COLUMN canonical.purchase_history.kind IS 'invoice or credit_note.';
COMMENT ON COLUMN canonical.purchase_history.document_number IS 'The number people call it by in the source.';
COMMENT ON COLUMN canonical.purchase_history.issue_date IS 'Date on the document.';
COMMENT ON COLUMN canonical.purchase_history.currency IS 'Currency of the amounts of the row.';
COMMENT ON COLUMN canonical.purchase_history.document_total IS 'What the whole document came to, tax included; the same in each of its lines.';
COMMENT ON COLUMN canonical.purchase_history.line_no IS 'Place of the line in its document; 1 where the source gave no lines.';
COMMENT ON COLUMN canonical.purchase_history.item IS 'What was sold, by its number; null where the line names none.';
COMMENT ON COLUMN canonical.purchase_history.description IS 'What the line says.';
COMMENT ON COLUMN canonical.purchase_history.quantity IS 'How many.';
COMMENT ON COLUMN canonical.purchase_history.unit IS 'Of what.';
COMMENT ON COLUMN canonical.purchase_history.unit_price IS 'Price of one before discount.';
COMMENT ON COLUMN canonical.purchase_history.discount_pct IS 'Discount in per cent.';
COMMENT ON COLUMN canonical.purchase_history.net IS 'Amount without tax; of a document without lines its own.';
COMMENT ON COLUMN canonical.purchase_history.gross IS 'Amount with tax; of a document without lines its own.';
