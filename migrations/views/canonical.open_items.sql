-- As open_items_at, now: each source as of the ledger date of its own last cut.
CREATE VIEW canonical.open_items AS
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
