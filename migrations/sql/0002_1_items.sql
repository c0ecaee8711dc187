-- What was owed on a date: documents and payments as the ledger stood then, and the open items among them.
--
-- Signs, in every view of this schema. document.total and open_amount are positive for what is owed; a credit note is stored
-- positive too and its kind makes it reduce the balance; a negative document of another kind is a credit as well.
-- payment.amount is positive for money received; a refund is positive for money paid back. `balance_effect` applies the sign.

CREATE VIEW canonical.last_cut AS
SELECT DISTINCT ON (source) source, cut_id, as_of, ledger_date, published_at
FROM canonical.cut
ORDER BY source, cut_id DESC;

CREATE VIEW canonical.source_base_currency AS
SELECT source, CASE WHEN count(DISTINCT base_currency) = 1 THEN min(base_currency) END AS base_currency
FROM canonical.company
WHERE deleted_at IS NULL
GROUP BY source;

-- Each application from both ends: a payment or credit it takes from, a document (or refund) it settles.
CREATE VIEW canonical.application_side AS
SELECT to_id AS record_id, amount, coalesce(currency, '') AS currency, applied_on, is_reversed OR reversed_on IS NOT NULL AS is_reversed, reversed_on
FROM canonical.application
WHERE deleted_at IS NULL
UNION ALL
SELECT from_id, amount, coalesce(currency, ''), applied_on, is_reversed OR reversed_on IS NOT NULL, reversed_on
FROM canonical.application
WHERE deleted_at IS NULL;

-- What to add to today's open amount to be back at the date: what was applied since, less what was un-applied since.
CREATE FUNCTION canonical.applied_since(ledger_date date)
RETURNS TABLE (record_id uuid, currency text, amount numeric)
LANGUAGE sql STABLE AS $$
SELECT s.record_id, s.currency, sum(CASE WHEN s.is_reversed THEN -s.amount ELSE s.amount END)
FROM canonical.application_side s
WHERE (NOT s.is_reversed AND s.applied_on > ledger_date)
   OR (s.is_reversed AND s.reversed_on > ledger_date AND (s.applied_on IS NULL OR s.applied_on <= ledger_date))
GROUP BY s.record_id, s.currency
$$;

-- What was applied to one record and still in force on the date, and when the last of it was.
CREATE FUNCTION canonical.applied_by(of_record uuid, of_currency text, ledger_date date)
RETURNS TABLE (amount numeric, last_on date)
LANGUAGE sql STABLE AS $$
SELECT coalesce(sum(s.amount), 0), max(s.applied_on)
FROM canonical.application_side s
WHERE s.record_id = of_record AND s.currency = of_currency
  AND (s.applied_on IS NULL OR s.applied_on <= ledger_date) AND (NOT s.is_reversed OR s.reversed_on > ledger_date)
$$;

CREATE FUNCTION canonical.document_at(ledger_date date, of_source text DEFAULT NULL)
RETURNS TABLE (
    source text, document_id uuid, debtor_id uuid, kind text, number text, issue_date date, posting_date date, due_date date,
    currency text, total numeric, open_amount numeric, base_currency text, total_base numeric, open_amount_base numeric,
    sign integer, settled_on date, erp_status text, collection_status text
)
LANGUAGE sql STABLE AS $$
SELECT t.source, t.id, t.debtor_id, t.kind, t.external_no, t.issue_date, t.posting_date, t.due_date,
       t.currency, t.total, t.open_then, t.base_currency, t.total_base,
       CASE WHEN t.open_then = t.open_amount THEN t.open_amount_base WHEN t.total <> 0 THEN round(t.total_base * t.open_then / t.total, 4) ELSE 0 END,
       CASE WHEN t.kind = 'credit_note' THEN -1 ELSE 1 END,
       CASE WHEN t.open_then <> 0 THEN NULL
            WHEN t.closed_date <= ledger_date THEN t.closed_date
            ELSE (SELECT a.last_on FROM canonical.applied_by(t.id, coalesce(t.currency, ''), ledger_date) a) END,
       t.erp_status, t.collection_status
FROM (
    SELECT d.source, d.id, d.debtor_id, d.kind, d.external_no, d.issue_date, d.posting_date, d.due_date, d.currency, d.closed_date,
           d.erp_status, d.collection_status, b.base_currency, coalesce(d.total, 0) AS total, coalesce(d.open_amount, 0) AS open_amount,
           coalesce(d.total_base, CASE WHEN d.currency IS NULL OR d.currency = b.base_currency THEN d.total END) AS total_base,
           coalesce(d.open_amount_base, CASE WHEN d.currency IS NULL OR d.currency = b.base_currency OR d.open_amount = 0 THEN d.open_amount END) AS open_amount_base,
           CASE WHEN coalesce(d.open_amount, 0) = 0 AND d.closed_date > ledger_date
                THEN coalesce(d.total, 0) - (SELECT a.amount FROM canonical.applied_by(d.id, coalesce(d.currency, ''), ledger_date) a)
                ELSE coalesce(d.open_amount, 0) + coalesce(since.amount, 0) END AS open_then
    FROM canonical.document d
    LEFT JOIN canonical.source_base_currency b ON b.source = d.source
    LEFT JOIN canonical.applied_since(ledger_date) since ON since.record_id = d.id AND since.currency = coalesce(d.currency, '')
    WHERE d.deleted_at IS NULL AND coalesce(d.erp_status, 'unknown') NOT IN ('draft', 'void')
      AND coalesce(d.posting_date, d.issue_date, ledger_date) <= ledger_date
      AND (of_source IS NULL OR d.source = of_source)
) t
$$;

CREATE FUNCTION canonical.payment_at(ledger_date date, of_source text DEFAULT NULL)
RETURNS TABLE (
    source text, payment_id uuid, debtor_id uuid, kind text, number text, payment_date date,
    currency text, amount numeric, unapplied numeric, base_currency text, amount_base numeric, unapplied_base numeric, sign integer, reference text
)
LANGUAGE sql STABLE AS $$
SELECT t.source, t.id, t.debtor_id, t.kind, t.external_no, t.payment_date, t.currency, t.amount, t.unapplied_then, t.base_currency, t.amount_base,
       CASE WHEN t.unapplied_then = t.unapplied_amount THEN t.unapplied_amount_base
            WHEN t.amount <> 0 THEN round(t.amount_base * t.unapplied_then / t.amount, 4) ELSE 0 END,
       CASE WHEN t.kind = 'refund' THEN 1 ELSE -1 END, t.reference
FROM (
    SELECT p.source, p.id, p.debtor_id, p.kind, p.external_no, p.payment_date, p.currency, p.reference, b.base_currency,
           coalesce(p.amount, 0) AS amount, coalesce(p.unapplied_amount, 0) AS unapplied_amount,
           coalesce(p.amount_base, CASE WHEN p.currency IS NULL OR p.currency = b.base_currency THEN p.amount END) AS amount_base,
           coalesce(p.unapplied_amount_base, CASE WHEN p.currency IS NULL OR p.currency = b.base_currency OR p.unapplied_amount = 0 THEN p.unapplied_amount END) AS unapplied_amount_base,
           CASE WHEN coalesce(p.unapplied_amount, 0) = 0 AND p.closed_date > ledger_date
                THEN coalesce(p.amount, 0) - (SELECT a.amount FROM canonical.applied_by(p.id, coalesce(p.currency, ''), ledger_date) a)
                ELSE coalesce(p.unapplied_amount, 0) + coalesce(since.amount, 0) END AS unapplied_then
    FROM canonical.payment p
    LEFT JOIN canonical.source_base_currency b ON b.source = p.source
    LEFT JOIN canonical.applied_since(ledger_date) since ON since.record_id = p.id AND since.currency = coalesce(p.currency, '')
    WHERE p.deleted_at IS NULL AND coalesce(p.payment_date, ledger_date) <= ledger_date
      AND (of_source IS NULL OR p.source = of_source)
) t
$$;

-- Documents and payments that were not settled on the date; sum(balance_effect) of a debtor and currency is the balance.
CREATE FUNCTION canonical.open_items_at(ledger_date date, of_source text DEFAULT NULL)
RETURNS TABLE (
    as_of date, source text, record text, record_id uuid, debtor_id uuid, debtor_number text, debtor_name text, portfolio_id uuid,
    kind text, number text, issue_date date, posting_date date, due_date date, currency text, total numeric, open_amount numeric, balance_effect numeric,
    base_currency text, total_base numeric, open_amount_base numeric, balance_effect_base numeric, is_credit boolean,
    days_due integer, days_late integer, erp_status text, collection_status text
)
LANGUAGE sql STABLE AS $$
SELECT ledger_date, i.source, i.record, i.record_id, i.debtor_id, r.number, r.name, r.portfolio_id,
       i.kind, i.number, i.issue_date, i.posting_date, i.due_date, i.currency, i.total, i.open_amount, i.sign * i.open_amount,
       i.base_currency, i.total_base, i.open_amount_base, i.sign * i.open_amount_base, i.sign * i.open_amount < 0,
       ledger_date - i.due_date, CASE WHEN i.due_date IS NOT NULL THEN greatest(0, ledger_date - i.due_date) END, i.erp_status, i.collection_status
FROM (
    SELECT d.source, 'document' AS record, d.document_id AS record_id, d.debtor_id, d.kind, d.number, d.issue_date, d.posting_date, d.due_date,
           d.currency, d.total, d.open_amount, d.base_currency, d.total_base, d.open_amount_base, d.sign, d.erp_status, d.collection_status
    FROM canonical.document_at(ledger_date, of_source) d
    WHERE d.open_amount <> 0
    UNION ALL
    SELECT p.source, 'payment', p.payment_id, p.debtor_id, p.kind, p.number, p.payment_date, p.payment_date, NULL::date,
           p.currency, p.amount, p.unapplied, p.base_currency, p.amount_base, p.unapplied_base, p.sign, NULL::text, NULL::text
    FROM canonical.payment_at(ledger_date, of_source) p
    WHERE p.unapplied <> 0
) i
LEFT JOIN canonical.debtor r ON r.id = i.debtor_id
$$;

-- A sum in base currency is known only when every item of it is: one item without a booked base amount makes it null, never less.

-- A row per debtor, currency and bucket that holds something; credits are the row 'unapplied' and the column of that name.
-- An item without a due date ages from its posting date. sum(open_amount) - sum(unapplied) is the balance.
CREATE FUNCTION canonical.ageing_at(ledger_date date, of_source text DEFAULT NULL)
RETURNS TABLE (
    as_of date, source text, debtor_id uuid, debtor_number text, debtor_name text, portfolio_id uuid, currency text, base_currency text,
    "position" integer, bucket text, n_items bigint, open_amount numeric, unapplied numeric, open_amount_base numeric, unapplied_base numeric
)
LANGUAGE sql STABLE AS $$
SELECT ledger_date, i.source, i.debtor_id, i.debtor_number, i.debtor_name, i.portfolio_id, i.currency, i.base_currency,
       b."position", CASE WHEN i.is_credit THEN 'unapplied' ELSE b.label END, count(*),
       coalesce(sum(i.balance_effect) FILTER (WHERE NOT i.is_credit), 0), coalesce(-sum(i.balance_effect) FILTER (WHERE i.is_credit), 0),
       CASE WHEN i.is_credit THEN 0 WHEN bool_and(i.balance_effect_base IS NOT NULL) THEN sum(i.balance_effect_base) END,
       CASE WHEN NOT i.is_credit THEN 0 WHEN bool_and(i.balance_effect_base IS NOT NULL) THEN -sum(i.balance_effect_base) END
FROM canonical.open_items_at(ledger_date, of_source) i
LEFT JOIN canonical.ageing_bucket b
    ON NOT i.is_credit
   AND (b.from_day IS NULL OR ledger_date - coalesce(i.due_date, i.posting_date, i.issue_date, ledger_date) >= b.from_day)
   AND (b.to_day IS NULL OR ledger_date - coalesce(i.due_date, i.posting_date, i.issue_date, ledger_date) <= b.to_day)
GROUP BY i.source, i.debtor_id, i.debtor_number, i.debtor_name, i.portfolio_id, i.currency, i.base_currency, b."position", b.label, i.is_credit
$$;

-- The ageing as a report prints it: every bucket per currency, the empty ones too, and the credits as the last line.
CREATE FUNCTION canonical.ageing_summary_at(ledger_date date, of_source text DEFAULT NULL)
RETURNS TABLE (
    as_of date, source text, currency text, base_currency text, "position" integer, bucket text,
    n_debtors bigint, n_items bigint, open_amount numeric, unapplied numeric, open_amount_base numeric, unapplied_base numeric
)
LANGUAGE sql STABLE AS $$
WITH aged AS MATERIALIZED (SELECT * FROM canonical.ageing_at(ledger_date, of_source)),
     currencies AS (SELECT DISTINCT source, currency, base_currency FROM aged),
     columns_of_report AS (SELECT "position", label FROM canonical.ageing_bucket UNION ALL SELECT NULL, 'unapplied')
SELECT ledger_date, c.source, c.currency, c.base_currency, k."position", k.label,
       count(DISTINCT a.debtor_id), coalesce(sum(a.n_items), 0)::bigint, coalesce(sum(a.open_amount), 0), coalesce(sum(a.unapplied), 0),
       CASE WHEN bool_and(a.bucket IS NULL OR a.open_amount_base IS NOT NULL) THEN coalesce(sum(a.open_amount_base), 0) END,
       CASE WHEN bool_and(a.bucket IS NULL OR a.unapplied_base IS NOT NULL) THEN coalesce(sum(a.unapplied_base), 0) END
FROM currencies c
CROSS JOIN columns_of_report k
LEFT JOIN aged a ON a.source = c.source AND a.currency IS NOT DISTINCT FROM c.currency AND a.bucket = k.label
GROUP BY c.source, c.currency, c.base_currency, k."position", k.label
$$;

CREATE FUNCTION canonical.debtor_balance_at(ledger_date date, of_source text DEFAULT NULL)
RETURNS TABLE (
    as_of date, source text, debtor_id uuid, debtor_number text, debtor_name text, portfolio_id uuid, currency text,
    owed numeric, overdue numeric, unapplied numeric, balance numeric,
    base_currency text, owed_base numeric, overdue_base numeric, unapplied_base numeric, balance_base numeric,
    n_documents bigint, n_overdue bigint, oldest_due_date date, n_without_base bigint
)
LANGUAGE sql STABLE AS $$
SELECT ledger_date, i.source, i.debtor_id, i.debtor_number, i.debtor_name, i.portfolio_id, i.currency,
       coalesce(sum(i.balance_effect) FILTER (WHERE NOT i.is_credit), 0),
       coalesce(sum(i.balance_effect) FILTER (WHERE NOT i.is_credit AND i.due_date < ledger_date), 0),
       coalesce(-sum(i.balance_effect) FILTER (WHERE i.is_credit), 0), sum(i.balance_effect),
       i.base_currency,
       CASE WHEN count(*) FILTER (WHERE NOT i.is_credit AND i.balance_effect_base IS NULL) = 0
            THEN coalesce(sum(i.balance_effect_base) FILTER (WHERE NOT i.is_credit), 0) END,
       CASE WHEN count(*) FILTER (WHERE NOT i.is_credit AND i.due_date < ledger_date AND i.balance_effect_base IS NULL) = 0
            THEN coalesce(sum(i.balance_effect_base) FILTER (WHERE NOT i.is_credit AND i.due_date < ledger_date), 0) END,
       CASE WHEN count(*) FILTER (WHERE i.is_credit AND i.balance_effect_base IS NULL) = 0
            THEN coalesce(-sum(i.balance_effect_base) FILTER (WHERE i.is_credit), 0) END,
       CASE WHEN bool_and(i.balance_effect_base IS NOT NULL) THEN sum(i.balance_effect_base) END,
       count(*) FILTER (WHERE NOT i.is_credit), count(*) FILTER (WHERE NOT i.is_credit AND i.due_date < ledger_date),
       min(i.due_date) FILTER (WHERE NOT i.is_credit), count(*) FILTER (WHERE i.open_amount_base IS NULL)
FROM canonical.open_items_at(ledger_date, of_source) i
GROUP BY i.source, i.debtor_id, i.debtor_number, i.debtor_name, i.portfolio_id, i.currency, i.base_currency
$$;

-- The same, now: each source as of the ledger date of its own last cut.
CREATE VIEW canonical.open_items AS
SELECT i.* FROM canonical.last_cut c CROSS JOIN LATERAL canonical.open_items_at(c.ledger_date, c.source) i;

CREATE VIEW canonical.ageing AS
SELECT a.* FROM canonical.last_cut c CROSS JOIN LATERAL canonical.ageing_at(c.ledger_date, c.source) a;

CREATE VIEW canonical.ageing_summary AS
SELECT a.* FROM canonical.last_cut c CROSS JOIN LATERAL canonical.ageing_summary_at(c.ledger_date, c.source) a;

CREATE VIEW canonical.debtor_balance AS
SELECT b.* FROM canonical.last_cut c CROSS JOIN LATERAL canonical.debtor_balance_at(c.ledger_date, c.source) b;
