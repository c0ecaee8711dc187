CREATE VIEW canonical.metric_definition AS
SELECT * FROM (VALUES
    ('mean_days_late', 1, 'days', 'none', 'Mean over invoices of the days after the due date, never negative, counted to full payment or, while unpaid, to the as-of date.'),
    ('avg_days_overdue', 1, 'days', 'none', 'Mean days since the due date over unpaid invoices that are past due.'),
    ('avg_days_past_due_at_payment', 1, 'days', 'none', 'Mean days from due date to full payment over fully paid invoices; early is negative.'),
    ('avg_days_invoice_to_payment', 1, 'days', 'none', 'Mean days from issue date to full payment over fully paid invoices.'),
    ('weighted_avg_days_late_by_original', 1, 'days', 'booked base', 'Days late as in mean_days_late, weighted by the original amount.'),
    ('weighted_avg_days_late_by_open', 1, 'days', 'booked base', 'Days late of unpaid invoices, weighted by the open amount.'),
    ('dso_simple', 1, 'days', 'booked base', 'Net receivable (open items less credits and unapplied payments) / invoices less credit notes of the last 90 days x 90.'),
    ('dso_count_back', 1, 'days', 'booked base', 'Calendar months walked back from the as-of date until their net sales exhaust the net receivable.'),
    ('best_possible_dso', 1, 'days', 'booked base', 'As dso_simple with only what is not overdue, at most the net receivable.'),
    ('avg_days_delinquent', 1, 'days', 'booked base', 'dso_simple less best_possible_dso.')
) AS definition (metric, definition_version, unit, currency_basis, description);

COMMENT ON VIEW canonical.metric_definition IS 'Every metric, the version of its definition, its unit and currency basis.';
COMMENT ON COLUMN canonical.metric_definition.metric IS 'Name of the metric.';
COMMENT ON COLUMN canonical.metric_definition.definition_version IS 'Version of the metric''s definition: canonical.metric_definition.';
COMMENT ON COLUMN canonical.metric_definition.unit IS 'Unit of its value.';
COMMENT ON COLUMN canonical.metric_definition.currency_basis IS 'Which amounts weigh: booked base, or none where no amount does.';
COMMENT ON COLUMN canonical.metric_definition.description IS 'How it is computed.';
