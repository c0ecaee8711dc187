CREATE FUNCTION canonical.metric_sums_at(ledger_date date, of_source text, by_currency boolean)
RETURNS TABLE (source text, base_currency text, currency text, debtor_id uuid, sums canonical.metric_sums, n_inexact bigint, why_inexact text)
LANGUAGE sql STABLE AS $$
SELECT i.source, max(i.base_currency), i.currency, i.debtor_id, ROW(
    count(*) FILTER (WHERE i.state <> 'payment'), count(*) FILTER (WHERE i.is_open), count(*) FILTER (WHERE i.state = 'not_an_invoice'),
    count(*) FILTER (WHERE i.state = 'nothing_owed'), count(*) FILTER (WHERE i.state = 'written_off'), count(*) FILTER (WHERE i.state = 'no_payment_date'),
    count(*) FILTER (WHERE i.state = 'paid'), count(i.due_date) FILTER (WHERE i.state = 'paid'), count(i.issue_date) FILTER (WHERE i.state = 'paid'),
    count(*) FILTER (WHERE i.state = 'unpaid'), count(i.due_date) FILTER (WHERE i.state = 'unpaid'), count(*) FILTER (WHERE i.state = 'unpaid' AND i.due_date < ledger_date),
    count(i.late) FILTER (WHERE i.total_base IS NULL), count(i.late) FILTER (WHERE i.state = 'unpaid' AND i.effect IS NULL), count(*) FILTER (WHERE i.is_open AND i.effect IS NULL),
    coalesce(sum(i.late), 0), coalesce(sum(ledger_date - i.due_date) FILTER (WHERE i.state = 'unpaid' AND i.due_date < ledger_date), 0),
    coalesce(sum(i.settled_on - i.due_date) FILTER (WHERE i.state = 'paid'), 0), coalesce(sum(i.settled_on - i.issue_date) FILTER (WHERE i.state = 'paid'), 0),
    coalesce(sum(i.total_base) FILTER (WHERE i.late IS NOT NULL), 0), coalesce(sum(i.total_base * i.late), 0),
    coalesce(sum(i.effect) FILTER (WHERE i.late IS NOT NULL AND i.state = 'unpaid'), 0), coalesce(sum(i.effect * i.late) FILTER (WHERE i.state = 'unpaid'), 0),
    coalesce(sum(i.effect) FILTER (WHERE i.is_open), 0),
    coalesce(sum(i.effect) FILTER (WHERE i.effect > 0 AND i.state <> 'payment' AND (i.due_date IS NULL OR i.due_date >= ledger_date)), 0),
    coalesce(sum(i.sold), 0)
)::canonical.metric_sums, count(i.why_inexact), min(i.why_inexact)
FROM (
    SELECT d.*, CASE WHEN d.state IN ('paid', 'unpaid') AND d.due_date IS NOT NULL THEN greatest(0, coalesce(d.settled_on, ledger_date) - d.due_date) END AS late
    FROM (
        SELECT x.source, x.base_currency, CASE WHEN by_currency THEN x.currency END AS currency, x.debtor_id, x.due_date, x.issue_date, x.settled_on,
               x.amount_base AS total_base, x.sign * x.open_amount_base AS effect, x.open_amount <> 0 AS is_open, x.why_inexact,
               CASE WHEN x.instalment = 1 AND x.kind IN ('invoice', 'credit_note') AND coalesce(x.posting_date, x.issue_date) > ledger_date - 90 THEN x.sign * x.total_base END AS sold,
               CASE WHEN x.kind <> 'invoice' THEN 'not_an_invoice' WHEN x.amount <= 0 THEN 'nothing_owed' WHEN x.open_amount > 0 THEN 'unpaid'
                    WHEN x.erp_status = 'written_off' THEN 'written_off' WHEN x.settled_on IS NULL THEN 'no_payment_date' ELSE 'paid' END AS state
        FROM canonical.instalment_at(ledger_date, of_source) x
        WHERE x.erp_status IS DISTINCT FROM 'void' OR x.open_amount <> 0
        UNION ALL
        SELECT p.source, p.base_currency, CASE WHEN by_currency THEN p.currency END, p.debtor_id, NULL, NULL, NULL, NULL, p.sign * p.unapplied_base, p.unapplied <> 0, p.why_inexact, NULL, 'payment'
        FROM canonical.payment_at(ledger_date, of_source) p
        WHERE p.unapplied <> 0 OR p.why_inexact IS NOT NULL
    ) d
) i
GROUP BY i.debtor_id, i.source, i.currency
$$;
