-- Instalments and payments that were not settled on the date; sum(balance_effect) of a debtor and currency is the balance. One of
-- which not even that is told is listed with a null amount.
CREATE FUNCTION canonical.open_items_at(ledger_date date, of_source text DEFAULT NULL)
RETURNS TABLE (
    as_of date, source text, record text, record_id uuid, debtor_id uuid, debtor_number text, debtor_name text, portfolio_id uuid,
    kind text, number text, issue_date date, posting_date date, due_date date, currency text, total numeric, open_amount numeric, balance_effect numeric,
    base_currency text, total_base numeric, open_amount_base numeric, balance_effect_base numeric, is_credit boolean,
    days_due integer, days_late integer, erp_status text, collection_status text, instalment integer, instalment_id uuid, promised_date date,
    is_exact boolean, why_inexact text
)
LANGUAGE sql STABLE AS $$
SELECT ledger_date, i.source, i.record, i.record_id, i.debtor_id, r.number, r.name, r.portfolio_id,
       i.kind, i.number, i.issue_date, i.posting_date, i.due_date, i.currency, i.total, i.open_amount, i.sign * i.open_amount,
       i.base_currency, i.total_base, i.open_amount_base, i.sign * i.open_amount_base, coalesce(i.sign * i.open_amount, i.sign) < 0,
       ledger_date - i.due_date, CASE WHEN i.due_date IS NOT NULL THEN greatest(0, ledger_date - i.due_date) END, i.erp_status, i.collection_status,
       i.instalment, i.instalment_id, i.promised_date, i.is_exact, i.why_inexact
FROM (
    SELECT d.source, 'document' AS record, d.document_id AS record_id, d.debtor_id, d.kind, d.number, d.issue_date, d.posting_date, d.due_date,
           d.currency, d.amount AS total, CASE WHEN d.is_told THEN d.open_amount END AS open_amount, d.base_currency, d.amount_base AS total_base,
           CASE WHEN d.is_told THEN d.open_amount_base END AS open_amount_base, d.sign, d.erp_status, d.collection_status, d.instalment, d.instalment_id,
           d.promised_date, d.is_exact, d.why_inexact
    FROM canonical.instalment_at(ledger_date, of_source) d
    WHERE d.open_amount <> 0 OR NOT d.is_told
    UNION ALL
    SELECT p.source, 'payment', p.payment_id, p.debtor_id, p.kind, p.number, p.payment_date, p.payment_date, NULL::date,
           p.currency, p.amount, CASE WHEN p.is_told THEN p.unapplied END, p.base_currency, p.amount_base, CASE WHEN p.is_told THEN p.unapplied_base END, p.sign,
           NULL::text, NULL::text, NULL::integer, NULL::uuid, NULL::date, p.is_exact, p.why_inexact
    FROM canonical.payment_at(ledger_date, of_source) p
    WHERE p.unapplied <> 0 OR NOT p.is_told
) i
LEFT JOIN canonical.debtor r ON r.id = i.debtor_id
$$;

COMMENT ON FUNCTION canonical.open_items_at(date, text) IS 'Instalments and payments not settled on the date, optionally of one source. Sum balance_effect per currency, never across. One of which it is not told whether it was open has a null open_amount.';
