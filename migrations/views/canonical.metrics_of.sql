-- The formulas, once. `outside` counts the documents, `outside_open` the open items of debtors that stay out, by reason.
CREATE FUNCTION canonical.metrics_of(m canonical.metric_sums, count_back numeric, outside jsonb, outside_open jsonb)
RETURNS TABLE (
    mean_days_late numeric, avg_days_overdue numeric, avg_days_past_due_at_payment numeric, avg_days_invoice_to_payment numeric,
    weighted_avg_days_late_by_original numeric, weighted_avg_days_late_by_open numeric,
    dso_simple numeric, dso_count_back numeric, best_possible_dso numeric, avg_days_delinquent numeric, n_included jsonb, n_excluded jsonb
)
LANGUAGE sql IMMUTABLE AS $$
SELECT m.days_late::numeric / nullif(m.n_paid_due + m.n_unpaid_due, 0), m.days_overdue::numeric / nullif(m.n_overdue, 0),
       m.days_past_due::numeric / nullif(m.n_paid_due, 0), m.days_to_payment::numeric / nullif(m.n_paid_issued, 0),
       m.weighted / nullif(m.weight, 0), m.open_weighted / nullif(m.open_weight, 0),
       CASE WHEN m.sales > 0 AND r.is_valued THEN r.receivable / m.sales * 90 END, CASE WHEN r.is_valued THEN count_back END,
       CASE WHEN m.sales > 0 AND r.is_valued THEN least(m.not_overdue, r.receivable) / m.sales * 90 END,
       CASE WHEN m.sales > 0 AND r.is_valued THEN (r.receivable - least(m.not_overdue, r.receivable)) / m.sales * 90 END,
       jsonb_build_object(
           'mean_days_late', m.n_paid_due + m.n_unpaid_due, 'avg_days_overdue', m.n_overdue,
           'avg_days_past_due_at_payment', m.n_paid_due, 'avg_days_invoice_to_payment', m.n_paid_issued,
           'weighted_avg_days_late_by_original', m.n_paid_due + m.n_unpaid_due - m.n_no_base, 'weighted_avg_days_late_by_open', m.n_unpaid_due - m.n_unpaid_no_base,
           'dso_simple', r.n_valued, 'dso_count_back', r.n_valued, 'best_possible_dso', r.n_valued, 'avg_days_delinquent', r.n_valued),
       jsonb_strip_nulls(jsonb_build_object(
           'mean_days_late', e.never || e.undated || jsonb_build_object('no_due_date', e.no_due),
           'avg_days_overdue', e.never || jsonb_build_object('paid', e.paid, 'no_due_date', e.unpaid_no_due, 'not_due', nullif(m.n_unpaid_due - m.n_overdue, 0)),
           'avg_days_past_due_at_payment', e.never || e.undated || jsonb_build_object('unpaid', nullif(m.n_unpaid, 0), 'no_due_date', nullif(m.n_paid - m.n_paid_due, 0)),
           'avg_days_invoice_to_payment', e.never || e.undated || jsonb_build_object('unpaid', nullif(m.n_unpaid, 0), 'no_issue_date', nullif(m.n_paid - m.n_paid_issued, 0)),
           'weighted_avg_days_late_by_original', e.never || e.undated || jsonb_build_object('no_due_date', e.no_due, 'no_base_amount', nullif(m.n_no_base, 0)),
           'weighted_avg_days_late_by_open', e.never || jsonb_build_object('paid', e.paid, 'no_due_date', e.unpaid_no_due, 'no_base_amount', nullif(m.n_unpaid_no_base, 0)),
           'dso_simple', e.not_receivable, 'dso_count_back', e.not_receivable, 'best_possible_dso', e.not_receivable, 'avg_days_delinquent', e.not_receivable))
FROM (VALUES (greatest(m.receivable, 0), m.n_open_items - m.n_open_no_base, m.n_open_items = 0 OR m.n_open_items > m.n_open_no_base)) AS r (receivable, n_valued, is_valued)
CROSS JOIN LATERAL (VALUES (
    jsonb_build_object('not_an_invoice', nullif(m.n_not_an_invoice, 0), 'nothing_owed', nullif(m.n_nothing_owed, 0), 'written_off', nullif(m.n_written_off, 0)) || outside,
    jsonb_build_object('no_payment_date', nullif(m.n_no_payment_date, 0)),
    nullif(m.n_paid + m.n_no_payment_date, 0), nullif(m.n_unpaid - m.n_unpaid_due, 0), nullif(m.n_paid + m.n_unpaid - m.n_paid_due - m.n_unpaid_due, 0),
    jsonb_build_object('no_base_amount', nullif(m.n_open_no_base, 0)) || outside_open
)) AS e (never, undated, paid, unpaid_no_due, no_due, not_receivable)
$$;
