CREATE FUNCTION canonical.payment_at(ledger_date date, of_source text DEFAULT NULL)
RETURNS TABLE (
    source text, payment_id uuid, debtor_id uuid, kind text, number text, payment_date date,
    currency text, amount numeric, unapplied numeric, base_currency text, amount_base numeric, unapplied_base numeric, sign integer, reference text,
    is_told boolean, is_exact boolean, why_inexact text
)
LANGUAGE sql STABLE AS $$
SELECT t.source, t.id, t.debtor_id, t.kind, t.external_no, t.payment_date, t.currency, t.amount, t.unapplied_then, t.base_currency, t.amount_base,
       CASE WHEN t.unapplied_then = t.rest THEN t.unapplied_amount_base
            WHEN t.amount <> 0 THEN round(t.amount_base * t.unapplied_then / t.amount, 4) ELSE 0 END,
       CASE WHEN t.kind = 'refund' THEN 1 ELSE -1 END, t.reference,
       t.is_told AND coalesce(t.why <> 'it was settled on a day that is not told', true), t.why IS NULL, t.why
FROM (
    SELECT x.*,
           CASE WHEN NOT x.is_told THEN 'what remains of it is not told' WHEN NOT x.is_earlier OR (x.rest = 0 AND (x.amount = 0 OR x.closed_date <= ledger_date)) THEN NULL
                ELSE (SELECT u.why FROM canonical.untold_before(x.tells_applications, x.payment_date, x.amount - x.rest, x.rest, x.closed_date, x.id, NULL,
                      coalesce(x.currency, ''), ledger_date) u) END AS why
    FROM (
        SELECT p.source, p.id, p.debtor_id, p.kind, p.external_no, p.payment_date, p.currency, p.reference, p.closed_date, b.base_currency,
               coalesce(p.amount, 0) AS amount, coalesce(p.unapplied_amount, 0) AS rest, p.unapplied_amount IS NOT NULL AS is_told,
               coalesce(ledger_date < e.exact_from, false) AS is_earlier, coalesce(e.tells_applications, true) AS tells_applications,
               coalesce(p.amount_base, CASE WHEN p.currency IS NULL OR p.currency = b.base_currency THEN p.amount END) AS amount_base,
               coalesce(p.unapplied_amount_base, CASE WHEN p.currency IS NULL OR p.currency = b.base_currency OR p.unapplied_amount = 0 THEN p.unapplied_amount END) AS unapplied_amount_base,
               CASE WHEN coalesce(p.unapplied_amount, 0) = 0 AND p.closed_date > ledger_date
                    THEN coalesce(p.amount, 0) - (SELECT a.amount FROM canonical.applied_by(p.id, coalesce(p.currency, ''), ledger_date) a)
                    ELSE coalesce(p.unapplied_amount, 0) + coalesce(since.amount, 0) END AS unapplied_then
        FROM canonical.payment p
        LEFT JOIN canonical.source_base_currency b ON b.source = p.source
        LEFT JOIN canonical.as_of_exactness e ON e.source = p.source
        LEFT JOIN canonical.applied_since(ledger_date) since ON since.record_id = p.id AND since.currency = coalesce(p.currency, '')
        WHERE p.deleted_at IS NULL AND coalesce(p.payment_date, ledger_date) <= ledger_date
          AND (of_source IS NULL OR p.source = of_source)
    ) x
) t
$$;

COMMENT ON FUNCTION canonical.payment_at(date, text) IS 'Payments as the ledger stood on the date, with what was not applied yet, and whether that is exact. amount is positive for money received; a refund is positive for money paid back.';
