CREATE TYPE canonical.metric_sums AS (
    n_documents bigint, n_open_items bigint, n_not_an_invoice bigint, n_nothing_owed bigint, n_written_off bigint, n_no_payment_date bigint,
    n_paid bigint, n_paid_due bigint, n_paid_issued bigint, n_unpaid bigint, n_unpaid_due bigint, n_overdue bigint,
    n_no_base bigint, n_unpaid_no_base bigint, n_open_no_base bigint,
    days_late bigint, days_overdue bigint, days_past_due bigint, days_to_payment bigint,
    weight numeric, weighted numeric, open_weight numeric, open_weighted numeric, receivable numeric, not_overdue numeric, sales numeric
);
