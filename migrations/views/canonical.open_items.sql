-- As open_items_at, now: each source as of the ledger date of its own last cut.
CREATE VIEW canonical.open_items WITH (security_invoker = true) AS
SELECT i.* FROM canonical.last_cut c CROSS JOIN LATERAL canonical.open_items_at(c.ledger_date, c.source) i;

COMMENT ON VIEW canonical.open_items IS 'What is not settled, per source as of the ledger date of its last cut. Drafts, voided and deleted documents are out. A row per instalment: total and open_amount are the instalment''s, positive for what is owed, credit notes are positive too and reduce the balance. Payments: open_amount is what is not applied.';
COMMENT ON COLUMN canonical.open_items.as_of IS 'Ledger date of the last cut of this source, never the clock.';
COMMENT ON COLUMN canonical.open_items.record IS 'document or payment: the table record_id is in.';
COMMENT ON COLUMN canonical.open_items.balance_effect IS 'The open amount with its sign: what it adds to the balance of the debtor, in document currency.';
COMMENT ON COLUMN canonical.open_items.open_amount_base IS 'In base_currency at the booked rate; null where the source books none.';
COMMENT ON COLUMN canonical.open_items.is_credit IS 'Reduces the balance: a credit note, an unapplied payment, a negative document.';
COMMENT ON COLUMN canonical.open_items.days_due IS 'as_of less due date, signed: negative while not due.';
COMMENT ON COLUMN canonical.open_items.days_late IS 'days_due, never negative; null without a due date, as days_due is.';
COMMENT ON COLUMN canonical.open_items.instalment IS 'Number of the instalment of its document; null for payments.';
COMMENT ON COLUMN canonical.open_items.promised_date IS 'When this instalment was promised to be paid.';
COMMENT ON COLUMN canonical.open_items.is_exact IS 'False where the source does not tell enough; why_inexact says what is missing.';
COMMENT ON COLUMN canonical.open_items.source IS 'Name of the source the row came from.';
COMMENT ON COLUMN canonical.open_items.record_id IS 'Id of the canonical record.';
COMMENT ON COLUMN canonical.open_items.debtor_id IS 'canonical.debtor; null while it is not known who that is.';
COMMENT ON COLUMN canonical.open_items.debtor_number IS 'The debtor''s number.';
COMMENT ON COLUMN canonical.open_items.debtor_name IS 'The debtor''s name.';
COMMENT ON COLUMN canonical.open_items.portfolio_id IS 'canonical.portfolio; null: unassigned.';
COMMENT ON COLUMN canonical.open_items.kind IS 'Kind of the document or payment.';
COMMENT ON COLUMN canonical.open_items.number IS 'What people call the document or payment by in the source.';
COMMENT ON COLUMN canonical.open_items.issue_date IS 'Business date written on the document.';
COMMENT ON COLUMN canonical.open_items.posting_date IS 'Business date it was booked on.';
COMMENT ON COLUMN canonical.open_items.due_date IS 'Business date on which it is due.';
COMMENT ON COLUMN canonical.open_items.currency IS 'ISO 4217 code of the currency of the amounts beside it.';
COMMENT ON COLUMN canonical.open_items.total IS 'Of the instalment or payment, in `currency`; positive for what is owed, and for credits too.';
COMMENT ON COLUMN canonical.open_items.open_amount IS 'What is not settled, in `currency`.';
COMMENT ON COLUMN canonical.open_items.base_currency IS 'ISO 4217 code of the currency the books are kept in.';
COMMENT ON COLUMN canonical.open_items.total_base IS 'total in base_currency at the booked rate.';
COMMENT ON COLUMN canonical.open_items.balance_effect_base IS 'balance_effect in base_currency; null where the source books none.';
COMMENT ON COLUMN canonical.open_items.erp_status IS 'Status of the document in the source; null for payments.';
COMMENT ON COLUMN canonical.open_items.collection_status IS 'What the collections team says of the document; null for payments.';
COMMENT ON COLUMN canonical.open_items.instalment_id IS 'canonical.instalment; null for payments.';
COMMENT ON COLUMN canonical.open_items.why_inexact IS 'What the source does not tell; null where the figure is exact.';
