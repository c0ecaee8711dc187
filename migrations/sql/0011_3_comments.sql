-- What a reader would ask, where a reader looks.

COMMENT ON TABLE canonical.instalment IS 'What a document asks for on a day. Every document has number 1; a ledger or a mapping that splits it gives more. Signs, currency and debtor are the document''s. Created with its document, whose create the change feed tells; later ones and every change have rows of their own.';
COMMENT ON COLUMN canonical.instalment.number IS 'From 1, in the order of the ledger''s entries.';
COMMENT ON COLUMN canonical.instalment.amount IS 'What was asked for, in document currency. The instalments of a document are its total less its ledger_difference.';
COMMENT ON COLUMN canonical.instalment.open_amount IS 'As of the cut; null where it is not told. The instalments of a document add up to its open_amount.';
COMMENT ON COLUMN canonical.instalment.entry IS 'The ledger entry, as application.from_entry and to_entry name it; null where there is no ledger.';
COMMENT ON COLUMN canonical.instalment.is_only IS 'The only instalment of its document.';
COMMENT ON COLUMN canonical.instalment.why_inexact IS 'Why open_amount is not exactly known; null when it is.';
COMMENT ON COLUMN canonical.instalment.promised_date IS 'Promised for this instalment: by its own ledger entry, or for the whole document.';
COMMENT ON COLUMN canonical.document.ledger_difference IS 'total less what the ledger entries of the document came to: tax withheld, a discount at posting, rounding. Nobody owes it and nobody paid it; 0 when they agree, null where no entry tells.';
COMMENT ON COLUMN canonical.document.due_date IS 'The earliest due date of its instalments, where a ledger tells them.';
COMMENT ON COLUMN canonical.application.from_entry IS 'The ledger entry it takes from; null where it is not told.';
COMMENT ON COLUMN canonical.application.to_entry IS 'The ledger entry (canonical.instalment.entry) it settles; null where it is not told.';

COMMENT ON VIEW canonical.as_of_exactness IS 'Per source: from which day on as-of answers are as exact as the source is, and why those of earlier days are not, where it hands over no applications.';
COMMENT ON COLUMN canonical.as_of_exactness.exact_from IS 'Ledger date of the last cut.';
COMMENT ON VIEW canonical.application_side IS 'Every application from both ends. application.amount is positive, in application.currency; an application whose currency is not that of the record is settled on the closing date instead.';
COMMENT ON FUNCTION canonical.instalment_at(date, text) IS 'Instalments as the ledger stood on the date: open amount, date of full payment, and whether that is exact. Rolled back from the present by dated applications; what no application explains counts as settled on the closing date and is marked. Due dates, debtor and statuses are today''s.';
COMMENT ON FUNCTION canonical.document_at(date, text) IS 'Documents as the ledger stood on the date: canonical.instalment_at added up.';
COMMENT ON FUNCTION canonical.payment_at(date, text) IS 'Payments as the ledger stood on the date, with what was not applied yet, and whether that is exact. amount is positive for money received; a refund is positive for money paid back.';
COMMENT ON FUNCTION canonical.open_items_at(date, text) IS 'Instalments and payments not settled on the date, optionally of one source. Sum balance_effect per currency, never across. One of which it is not told whether it was open has a null open_amount.';
COMMENT ON FUNCTION canonical.ageing_at(date, text) IS 'Open items by bucket of canonical.ageing_bucket, per source, debtor and currency; credits apart as unapplied.';
COMMENT ON FUNCTION canonical.ageing_summary_at(date, text) IS 'The ageing over all debtors, per source and currency, the empty buckets too.';
COMMENT ON FUNCTION canonical.debtor_balance_at(date, text) IS 'Owed, overdue, unapplied and balance per source, debtor and currency on the date. Blocked and intercompany debtors are in.';
COMMENT ON FUNCTION canonical.metrics_at(date, text) IS 'The metrics of canonical.metric_definition for a source, each of its currencies and each of its portfolios. Blocked and intercompany debtors are out and counted.';
COMMENT ON FUNCTION canonical.debtor_metrics_at(date, text) IS 'The same metrics per source and debtor, with credit utilisation.';
COMMENT ON FUNCTION canonical.debtor_exposure_at(date) IS 'Exposure of every debtor in base currency against its limit, over all its sources.';
COMMENT ON FUNCTION canonical.credit_utilisation_at(date) IS 'Exposure (balance in base currency, at least 0) against limit, per debtor and per debtor group.';

COMMENT ON VIEW canonical.open_items IS 'What is not settled, per source as of the ledger date of its last cut. Drafts, voided and deleted documents are out. A row per instalment: total and open_amount are the instalment''s, positive for what is owed, credit notes are positive too and reduce the balance. Payments: open_amount is what is not applied.';
COMMENT ON COLUMN canonical.open_items.as_of IS 'Ledger date of the last cut of this source, never the clock.';
COMMENT ON COLUMN canonical.open_items.balance_effect IS 'The open amount with its sign: what it adds to the balance of the debtor, in document currency.';
COMMENT ON COLUMN canonical.open_items.open_amount_base IS 'In base_currency at the booked rate; null where the source books none.';
COMMENT ON COLUMN canonical.open_items.is_credit IS 'Reduces the balance: a credit note, an unapplied payment, a negative document.';
COMMENT ON COLUMN canonical.open_items.days_due IS 'as_of less due date, signed: negative while not due.';
COMMENT ON COLUMN canonical.open_items.days_late IS 'days_due, never negative; null without a due date, as days_due is.';
COMMENT ON COLUMN canonical.open_items.record IS 'document or payment: the table record_id is in.';
COMMENT ON VIEW canonical.ageing IS 'Open items by days past due, per source, debtor and currency, as of the ledger date of the last cut. sum(open_amount) - sum(unapplied) is the balance. Without a due date an item ages from its posting date.';
COMMENT ON COLUMN canonical.ageing.bucket IS 'Label of canonical.ageing_bucket, or unapplied for credits.';
COMMENT ON COLUMN canonical.ageing."position" IS 'Order of the bucket; null for unapplied, which comes last.';
COMMENT ON COLUMN canonical.ageing.unapplied IS 'Credit notes and payments not applied yet, positive, in document currency; never netted into a bucket.';
COMMENT ON VIEW canonical.ageing_summary IS 'The ageing over all debtors per source and currency, the empty buckets too.';
COMMENT ON VIEW canonical.debtor_balance IS 'Balance per source, debtor and currency as of the ledger date of the last cut: balance = owed - unapplied. Contains blocked, excluded and intercompany debtors; a debtor without open items has no row.';
COMMENT ON COLUMN canonical.debtor_balance.owed IS 'Open documents (and unapplied refunds), in document currency.';
COMMENT ON COLUMN canonical.debtor_balance.overdue IS 'The part of owed whose due date is before as_of.';
COMMENT ON COLUMN canonical.debtor_balance.unapplied IS 'Open credit notes and unapplied payments, positive.';
COMMENT ON COLUMN canonical.debtor_balance.n_without_base IS 'Items without a booked base amount: with any of them, the sum in base currency that it belongs to is not known and null.';
COMMENT ON VIEW canonical.debtor_metrics IS 'Metrics per source and debtor as of the ledger date of the last cut, definitions in canonical.metric_definition.';
COMMENT ON COLUMN canonical.debtor_metrics.out_because IS 'Why this debtor stays out of metrics (blocked, excluded, intercompany, deleted); null when it is in.';
COMMENT ON COLUMN canonical.debtor_metrics.n_included IS 'Per metric, how many documents (DSO: open items) it was computed from.';
COMMENT ON COLUMN canonical.debtor_metrics.n_excluded IS 'Per metric and reason, how many were left out.';
COMMENT ON COLUMN canonical.debtor_metrics.dso_count_back_status IS 'insufficient history: the receivable exceeds all known sales, any number would be too low.';
COMMENT ON COLUMN canonical.debtor_metrics.exposure IS 'Balance in base currency over all sources of the debtor, at least 0.';
COMMENT ON COLUMN canonical.debtor_metrics.credit_utilisation IS 'exposure / credit_limit; null without a limit and with a limit of 0.';
COMMENT ON COLUMN canonical.debtor_metrics.credit_flag IS 'no_limit, exposed_without_credit (limit 0), over_limit, no_base_amount, several_base_currencies, or why the debtor is out.';
COMMENT ON VIEW canonical.metrics IS 'Metrics per source, currency and portfolio as of the ledger date of the last cut. Amounts weigh in booked base currency.';
COMMENT ON COLUMN canonical.metrics.scope IS 'overall (one source), currency (documents in that currency), portfolio (debtors in it; unassigned has no scope_id).';
COMMENT ON COLUMN canonical.metrics.status IS 'Why there is no value: nothing to measure, no sales in the period, insufficient history.';
COMMENT ON COLUMN canonical.metrics.n_excluded IS 'How many documents (DSO: open items) were left out, by reason.';
COMMENT ON VIEW canonical.credit_utilisation IS 'Exposure against limit per debtor and per debtor group, as of the newest ledger date.';
COMMENT ON COLUMN canonical.credit_utilisation.flag IS 'no_limit, exposed_without_credit (limit 0), over_limit, no_base_amount, several_base_currencies, or why the debtor is out.';
COMMENT ON COLUMN canonical.open_items.is_exact IS 'False where the source does not tell enough; why_inexact says what is missing.';
COMMENT ON COLUMN canonical.ageing.is_exact IS 'False where the source does not tell enough; why_inexact says what is missing.';
COMMENT ON COLUMN canonical.ageing_summary.is_exact IS 'False where the source does not tell enough; why_inexact says what is missing.';
COMMENT ON COLUMN canonical.debtor_balance.is_exact IS 'False where the source does not tell enough; why_inexact says what is missing.';
COMMENT ON COLUMN canonical.debtor_metrics.is_exact IS 'False where the source does not tell enough; why_inexact says what is missing.';
COMMENT ON COLUMN canonical.metrics.is_exact IS 'False where the source does not tell enough; why_inexact says what is missing.';
COMMENT ON COLUMN canonical.credit_utilisation.is_exact IS 'False where the source does not tell enough; why_inexact says what is missing.';
COMMENT ON COLUMN canonical.open_items.instalment IS 'Number of the instalment of its document; null for payments.';
COMMENT ON COLUMN canonical.open_items.promised_date IS 'When this instalment was promised to be paid.';

DO $$
DECLARE
    role_name text;
BEGIN
    FOR role_name IN SELECT rolname FROM pg_roles WHERE rolname IN ('sync_engine_reader', 'sync_engine_writer') LOOP
        EXECUTE 'GRANT SELECT ON ALL TABLES IN SCHEMA canonical TO ' || quote_ident(role_name);
    END LOOP;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'The readers were not given the new views: % Ask an administrator.', SQLERRM;
END
$$;
