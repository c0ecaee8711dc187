-- What a reader would ask, where a reader looks: \d+ in psql, the column help of a BI tool.

COMMENT ON VIEW canonical.last_cut IS 'The newest cut of every source: what the views without a date show.';
COMMENT ON VIEW canonical.source_base_currency IS 'The booked base currency of a source; null where it serves companies with different ones.';
COMMENT ON VIEW canonical.application_side IS 'Every application from both ends. application.amount is positive, in application.currency; an application whose currency is not that of the record is settled on the closing date instead.';
COMMENT ON FUNCTION canonical.document_at(date, text) IS 'Posted documents as the ledger stood on the date: open amount, date of full payment. Rolled back from the present by dated applications; what no application explains was settled on the closing date.';
COMMENT ON FUNCTION canonical.payment_at(date, text) IS 'Payments as the ledger stood on the date, with what was not applied yet. amount is positive for money received; a refund is positive for money paid back.';
COMMENT ON FUNCTION canonical.open_items_at(date, text) IS 'Documents and payments not settled on the date, optionally of one source. Sum balance_effect per currency, never across.';
COMMENT ON FUNCTION canonical.ageing_at(date, text) IS 'Open items by bucket of canonical.ageing_bucket, per source, debtor and currency; credits apart as unapplied.';
COMMENT ON FUNCTION canonical.ageing_summary_at(date, text) IS 'The ageing over all debtors, per source and currency, the empty buckets too.';
COMMENT ON FUNCTION canonical.debtor_balance_at(date, text) IS 'Owed, overdue, unapplied and balance per source, debtor and currency on the date. Blocked and intercompany debtors are in.';
COMMENT ON FUNCTION canonical.metrics_at(date, text) IS 'The metrics of canonical.metric_definition for a source, each of its currencies and each of its portfolios. Blocked and intercompany debtors are out and counted.';
COMMENT ON FUNCTION canonical.debtor_metrics_at(date, text) IS 'The same metrics per source and debtor, with credit utilisation.';
COMMENT ON FUNCTION canonical.debtor_exposure_at(date) IS 'Exposure of every debtor in base currency against its limit, over all its sources.';
COMMENT ON FUNCTION canonical.credit_utilisation_at(date) IS 'Exposure (balance in base currency, at least 0) against limit, per debtor and per debtor group.';
COMMENT ON FUNCTION canonical.dso_count_back(numeric, date, date[], numeric[]) IS 'Count-back DSO over calendar months, newest first; null when the receivable exceeds all known sales (insufficient history).';

COMMENT ON VIEW canonical.open_items IS 'What is not settled, per source as of the ledger date of its last cut. Drafts, voided and deleted documents are out. Documents: total and open_amount are positive for what is owed, credit notes are positive too and reduce the balance. Payments: open_amount is what is not applied.';
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
COMMENT ON VIEW canonical.metric_definition IS 'Every metric, the version of its definition, its unit and currency basis.';
COMMENT ON VIEW canonical.metric_debtor IS 'Which debtors are out of metrics, and why. They stay in balances and controls.';
COMMENT ON VIEW canonical.credit_utilisation IS 'Exposure against limit per debtor and per debtor group, as of the newest ledger date.';
COMMENT ON COLUMN canonical.credit_utilisation.flag IS 'no_limit, exposed_without_credit (limit 0), over_limit, no_base_amount, several_base_currencies, or why the debtor is out.';

COMMENT ON VIEW canonical.portfolio_members IS 'Every portfolio with its debtors; an empty portfolio has one row without a debtor, debtors without one are in unassigned.';
COMMENT ON VIEW canonical.positions_in_use IS 'Positions that at least one live contact holds, with the titles they were made from.';
COMMENT ON VIEW canonical.cut_grade IS 'Grade of every certified cut. A: all answerable checks hold. B: only explained breaks. C: an unexplained break. D: a blocking check broke.';
COMMENT ON VIEW canonical.grade IS 'Grade of the latest certified cut per source.';
COMMENT ON VIEW canonical.source_freshness IS 'Per source: its last cut and its last run. Compare as_of with your clock; the view has none.';
COMMENT ON VIEW canonical.entity_freshness IS 'Per wire entity: when its cursor last moved, when it was last read in full.';
COMMENT ON VIEW canonical.field IS 'Every field of debtors, contacts and documents: its name in claims and in the policy, its column, its group (null: one master, no rule).';
COMMENT ON VIEW canonical.ownership IS 'Who is believed for which field by the policy in force: the deciding rule of each field, and of each company with rules of its own (company null: all others).';
COMMENT ON COLUMN canonical.ownership.rule IS 'The rule in words: the mode unless it is master, the ranking best first, and why this rule is the one.';
COMMENT ON VIEW canonical.field_claim IS 'What every linked source record says about every field, believed or not. said_at: when it last said something else.';
COMMENT ON VIEW canonical.explained IS 'Why a value is what it is: value, master, rule, who set it by hand, what waits to be written back. Ask for one record_id; its claims are in field_claim, its history in change.';
COMMENT ON COLUMN canonical.explained.master IS 'The source that was believed; person: set by hand; inbox: an application said it; null: nobody says anything.';
COMMENT ON COLUMN canonical.explained.waiting IS 'Write-backs of this field that no source has taken yet.';

-- Readers see canonical and nothing of the engine; writers may add to the inbox. A migrating user who may not create roles
-- gets a notice, and the administrator runs this block later.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['sync_engine_reader', 'sync_engine_writer'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE 'CREATE ROLE ' || quote_ident(role_name) || ' NOLOGIN';
        END IF;
        EXECUTE 'GRANT USAGE ON SCHEMA canonical TO ' || quote_ident(role_name);
        EXECUTE 'GRANT SELECT ON ALL TABLES IN SCHEMA canonical TO ' || quote_ident(role_name);
        EXECUTE 'ALTER DEFAULT PRIVILEGES IN SCHEMA canonical GRANT SELECT ON TABLES TO ' || quote_ident(role_name);
    END LOOP;
    GRANT INSERT (entity, record_id, field, value, said_by) ON canonical.claim_inbox TO sync_engine_writer;
EXCEPTION
    WHEN insufficient_privilege THEN
        RAISE NOTICE 'The roles sync_engine_reader and sync_engine_writer were not made: % Ask an administrator.', SQLERRM;
    WHEN unique_violation OR duplicate_object THEN
        RAISE NOTICE 'The roles sync_engine_reader and sync_engine_writer are being made by another migration at this moment; grant again.';
END
$$;

INSERT INTO canonical.ageing_bucket ("position", label, from_day, to_day)
VALUES (1, 'current', NULL, 0), (2, '1-30', 1, 30), (3, '31-60', 31, 60), (4, '61-90', 61, 90), (5, '91+', 91, NULL)
ON CONFLICT DO NOTHING;
