-- What was owed on a date, per instalment, and whether the source tells enough to know it. Signs as before: see 0002_1_items.sql.
--
-- Since the last cut nothing is known, so from its ledger date on an answer is as exact as the source is today. An earlier day is
-- rolled back by dated applications; where they do not explain all that left an open amount, the row says so (is_exact, why_inexact),
-- and where not even whether it was open is told, its open amount is null.

CREATE VIEW canonical.as_of_exactness AS
SELECT c.source, c.ledger_date AS exact_from, t.tells_applications,
       CASE WHEN NOT t.tells_applications THEN 'what was applied on which day is not told: amounts of days before exact_from are marked is_exact = false' END AS why_inexact
FROM canonical.last_cut c
CROSS JOIN LATERAL (
    SELECT EXISTS (SELECT FROM canonical.application a WHERE a.source = c.source)
        OR EXISTS (SELECT FROM engine.stream s WHERE s.source = c.source AND s.canonical = 'application' AND s.swept_at IS NOT NULL) AS tells_applications) t;

-- Each application from both ends, with the ledger entry (canonical.instalment.entry) it used or settled there.
CREATE OR REPLACE VIEW canonical.application_side AS
SELECT to_id AS record_id, amount, coalesce(currency, '') AS currency, applied_on, is_reversed OR reversed_on IS NOT NULL AS is_reversed, reversed_on, to_entry AS entry
FROM canonical.application
WHERE deleted_at IS NULL
UNION ALL
SELECT from_id, amount, coalesce(currency, ''), applied_on, is_reversed OR reversed_on IS NOT NULL, reversed_on, from_entry
FROM canonical.application
WHERE deleted_at IS NULL;

-- What to add to today's open amount to be back at the date, for each instalment of a document that has several.
CREATE FUNCTION canonical.applied_since_by_entry(ledger_date date)
RETURNS TABLE (record_id uuid, entry text, currency text, amount numeric)
LANGUAGE sql STABLE AS $$
SELECT s.record_id, s.entry, s.currency, sum(CASE WHEN s.is_reversed THEN -s.amount ELSE s.amount END)
FROM canonical.application_side s
JOIN canonical.instalment i ON i.document_id = s.record_id AND i.entry = s.entry AND NOT i.is_only
WHERE (NOT s.is_reversed AND s.applied_on > ledger_date)
   OR (s.is_reversed AND s.reversed_on > ledger_date AND (s.applied_on IS NULL OR s.applied_on <= ledger_date))
GROUP BY s.record_id, s.entry, s.currency
$$;

-- What was applied to one instalment (of_entry null: to the whole record) and still in force on the date, and when the last of it was.
CREATE FUNCTION canonical.applied_to(of_record uuid, of_entry text, of_currency text, ledger_date date)
RETURNS TABLE (amount numeric, last_on date)
LANGUAGE sql STABLE AS $$
SELECT coalesce(sum(s.amount), 0), max(s.applied_on)
FROM canonical.application_side s
WHERE s.record_id = of_record AND (of_entry IS NULL OR s.entry = of_entry) AND s.currency = of_currency
  AND (s.applied_on IS NULL OR s.applied_on <= ledger_date) AND (NOT s.is_reversed OR s.reversed_on > ledger_date)
$$;

-- Why the amount of an earlier day is not exact; null when dated applications explain all that left the open amount.
CREATE FUNCTION canonical.untold_before(
    tells_applications boolean, posted date, settled numeric, rest numeric, closed date, of_record uuid, of_entry text, of_currency text, ledger_date date
)
RETURNS TABLE (why text)
LANGUAGE sql STABLE AS $$
SELECT CASE
    WHEN posted IS NULL THEN 'the day it was posted is not told'
    WHEN rest = 0 AND closed IS NULL AND (NOT tells_applications OR a.explained <> settled OR a.n_undated > 0) THEN 'it was settled on a day that is not told'
    WHEN NOT tells_applications THEN 'what was applied on which day is not told'
    WHEN a.n_undated > 0 THEN 'something was applied or taken back on a day that is not told'
    WHEN a.n_foreign > 0 THEN 'something was applied in another currency'
    WHEN a.explained <> settled THEN 'what settled a part of it is not told' END
FROM (
    SELECT coalesce(sum(s.amount) FILTER (WHERE NOT s.is_reversed AND s.currency = of_currency), 0) AS explained,
           count(*) FILTER (WHERE s.amount IS NULL OR (NOT s.is_reversed AND s.applied_on IS NULL)
               OR (s.is_reversed AND s.reversed_on IS NULL AND (s.applied_on IS NULL OR s.applied_on <= ledger_date))) AS n_undated,
           count(*) FILTER (WHERE s.currency <> of_currency) AS n_foreign
    FROM canonical.application_side s
    WHERE s.record_id = of_record AND (of_entry IS NULL OR s.entry = of_entry)
) a
$$;

CREATE FUNCTION canonical.instalment_at(ledger_date date, of_source text DEFAULT NULL)
RETURNS TABLE (
    source text, document_id uuid, instalment_id uuid, instalment integer, debtor_id uuid, kind text, number text, issue_date date, posting_date date,
    due_date date, promised_date date, currency text, total numeric, amount numeric, open_amount numeric, base_currency text, total_base numeric,
    amount_base numeric, open_amount_base numeric, sign integer, settled_on date, erp_status text, collection_status text,
    is_told boolean, is_exact boolean, why_inexact text
)
LANGUAGE sql STABLE AS $$
SELECT t.source, t.document_id, t.id, t.number, t.debtor_id, t.kind, t.external_no, t.issue_date, t.posting_date, t.due_date, t.promised_date,
       t.currency, t.total, t.amount, t.open_then, t.base_currency, t.total_base, t.amount_base,
       CASE WHEN t.open_then = t.rest THEN t.open_amount_base WHEN t.amount <> 0 THEN round(t.amount_base * t.open_then / t.amount, 4) ELSE 0 END,
       CASE WHEN t.kind = 'credit_note' THEN -1 ELSE 1 END,
       CASE WHEN t.open_then <> 0 THEN NULL WHEN t.closed_date <= ledger_date THEN t.closed_date
            ELSE (SELECT a.last_on FROM canonical.applied_to(t.document_id, t.of_entry, coalesce(t.currency, ''), ledger_date) a) END,
       t.erp_status, t.collection_status,
       t.is_told AND coalesce(t.why NOT IN ('it was settled on a day that is not told', 'it was cancelled on a day that is not told'), true), t.why IS NULL, t.why
FROM (
    SELECT x.*,
           CASE WHEN x.why_now IS NOT NULL OR NOT x.is_earlier OR (x.rest = 0 AND (x.amount = 0 OR x.closed_date <= ledger_date)) THEN x.why_now
                WHEN x.erp_status = 'void' AND x.entry IS NULL THEN 'it was cancelled on a day that is not told'
                ELSE (SELECT u.why FROM canonical.untold_before(x.tells_applications, coalesce(x.posting_date, x.issue_date), x.amount - x.rest, x.rest,
                      x.closed_date, x.document_id, x.of_entry, coalesce(x.currency, ''), ledger_date) u) END AS why
    FROM (
        SELECT i.id, i.document_id, i.number, i.due_date, i.promised_date, i.closed_date, i.entry, CASE WHEN NOT i.is_only THEN coalesce(i.entry, '') END AS of_entry,
               d.source, d.debtor_id, d.kind, d.external_no, d.issue_date, d.posting_date, d.currency, d.erp_status, d.collection_status, b.base_currency,
               coalesce(d.total, 0) AS total, coalesce(i.amount, 0) AS amount, coalesce(i.open_amount, 0) AS rest, i.open_amount IS NOT NULL OR i.why_inexact IS NULL AS is_told,
               i.why_inexact AS why_now, coalesce(ledger_date < e.exact_from, false) AS is_earlier, coalesce(e.tells_applications, true) AS tells_applications,
               coalesce(d.total_base, CASE WHEN d.currency IS NULL OR d.currency = b.base_currency THEN d.total END) AS total_base,
               coalesce(i.amount_base, CASE WHEN d.currency IS NULL OR d.currency = b.base_currency THEN i.amount END) AS amount_base,
               coalesce(i.open_amount_base, CASE WHEN d.currency IS NULL OR d.currency = b.base_currency OR i.open_amount = 0 THEN i.open_amount END) AS open_amount_base,
               CASE WHEN coalesce(i.open_amount, 0) = 0 AND i.closed_date > ledger_date
                    THEN coalesce(i.amount, 0) - (SELECT a.amount FROM canonical.applied_to(d.id, CASE WHEN NOT i.is_only THEN coalesce(i.entry, '') END, coalesce(d.currency, ''), ledger_date) a)
                    ELSE coalesce(i.open_amount, 0) + coalesce(CASE WHEN i.is_only THEN since.amount ELSE part.amount END, 0) END AS open_then
        FROM canonical.document d
        JOIN canonical.instalment i ON i.document_id = d.id AND i.deleted_at IS NULL
        LEFT JOIN canonical.source_base_currency b ON b.source = d.source
        LEFT JOIN canonical.as_of_exactness e ON e.source = d.source
        LEFT JOIN canonical.applied_since(ledger_date) since ON since.record_id = d.id AND since.currency = coalesce(d.currency, '')
        LEFT JOIN canonical.applied_since_by_entry(ledger_date) part ON part.record_id = d.id AND part.entry = i.entry AND part.currency = coalesce(d.currency, '')
        WHERE d.deleted_at IS NULL AND d.erp_status IS DISTINCT FROM 'draft'
          AND (d.erp_status IS DISTINCT FROM 'void' OR (d.entry_no IS NOT NULL AND d.open_amount <> 0) OR ledger_date < e.exact_from)
          AND coalesce(d.posting_date, d.issue_date, ledger_date) <= ledger_date
          AND (of_source IS NULL OR d.source = of_source)
    ) x
) t
WHERE t.erp_status IS DISTINCT FROM 'void' OR t.open_then <> 0 OR t.why IS NOT NULL
$$;

-- Whole documents: their instalments added up; settled when the last of them was.
CREATE FUNCTION canonical.document_at(ledger_date date, of_source text DEFAULT NULL)
RETURNS TABLE (
    source text, document_id uuid, debtor_id uuid, kind text, number text, issue_date date, posting_date date, due_date date,
    currency text, total numeric, open_amount numeric, base_currency text, total_base numeric, open_amount_base numeric,
    sign integer, settled_on date, erp_status text, collection_status text, is_exact boolean, why_inexact text
)
LANGUAGE sql STABLE AS $$
SELECT i.source, i.document_id, i.debtor_id, i.kind, i.number, i.issue_date, i.posting_date, min(i.due_date), i.currency, i.total, sum(i.open_amount),
       i.base_currency, i.total_base, CASE WHEN bool_and(i.open_amount_base IS NOT NULL) THEN sum(i.open_amount_base) END, i.sign,
       CASE WHEN bool_and(i.settled_on IS NOT NULL) THEN max(i.settled_on) END, i.erp_status, i.collection_status, bool_and(i.is_exact), min(i.why_inexact)
FROM canonical.instalment_at(ledger_date, of_source) i
GROUP BY i.source, i.document_id, i.debtor_id, i.kind, i.number, i.issue_date, i.posting_date, i.currency, i.total, i.base_currency, i.total_base, i.sign,
         i.erp_status, i.collection_status
$$;

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

-- A sum in base currency is known only when every item of it is: one item without a booked base amount makes it null, never less.

-- A row per debtor, currency and bucket that holds something; credits are the row 'unapplied' and the column of that name.
-- An item without a due date ages from its posting date. sum(open_amount) - sum(unapplied) is the balance.
CREATE FUNCTION canonical.ageing_at(ledger_date date, of_source text DEFAULT NULL)
RETURNS TABLE (
    as_of date, source text, debtor_id uuid, debtor_number text, debtor_name text, portfolio_id uuid, currency text, base_currency text,
    "position" integer, bucket text, n_items bigint, open_amount numeric, unapplied numeric, open_amount_base numeric, unapplied_base numeric,
    is_exact boolean, why_inexact text
)
LANGUAGE sql STABLE AS $$
SELECT ledger_date, i.source, i.debtor_id, i.debtor_number, i.debtor_name, i.portfolio_id, i.currency, i.base_currency,
       b."position", CASE WHEN i.is_credit THEN 'unapplied' ELSE b.label END, count(*),
       coalesce(sum(i.balance_effect) FILTER (WHERE NOT i.is_credit), 0), coalesce(-sum(i.balance_effect) FILTER (WHERE i.is_credit), 0),
       CASE WHEN i.is_credit THEN 0 WHEN bool_and(i.balance_effect_base IS NOT NULL OR i.balance_effect IS NULL) THEN coalesce(sum(i.balance_effect_base), 0) END,
       CASE WHEN NOT i.is_credit THEN 0 WHEN bool_and(i.balance_effect_base IS NOT NULL OR i.balance_effect IS NULL) THEN coalesce(-sum(i.balance_effect_base), 0) END,
       bool_and(i.is_exact), min(i.why_inexact)
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
    n_debtors bigint, n_items bigint, open_amount numeric, unapplied numeric, open_amount_base numeric, unapplied_base numeric,
    is_exact boolean, why_inexact text
)
LANGUAGE sql STABLE AS $$
WITH aged AS MATERIALIZED (SELECT * FROM canonical.ageing_at(ledger_date, of_source)),
     currencies AS (SELECT DISTINCT source, currency, base_currency FROM aged),
     columns_of_report AS (SELECT "position", label FROM canonical.ageing_bucket UNION ALL SELECT NULL, 'unapplied')
SELECT ledger_date, c.source, c.currency, c.base_currency, k."position", k.label,
       count(DISTINCT a.debtor_id), coalesce(sum(a.n_items), 0)::bigint, coalesce(sum(a.open_amount), 0), coalesce(sum(a.unapplied), 0),
       CASE WHEN bool_and(a.bucket IS NULL OR a.open_amount_base IS NOT NULL) THEN coalesce(sum(a.open_amount_base), 0) END,
       CASE WHEN bool_and(a.bucket IS NULL OR a.unapplied_base IS NOT NULL) THEN coalesce(sum(a.unapplied_base), 0) END,
       coalesce(bool_and(a.is_exact), true), min(a.why_inexact)
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
    n_documents bigint, n_overdue bigint, oldest_due_date date, n_without_base bigint, is_exact boolean, why_inexact text
)
LANGUAGE sql STABLE AS $$
SELECT ledger_date, i.source, i.debtor_id, i.debtor_number, i.debtor_name, i.portfolio_id, i.currency,
       coalesce(sum(i.balance_effect) FILTER (WHERE NOT i.is_credit), 0),
       coalesce(sum(i.balance_effect) FILTER (WHERE NOT i.is_credit AND i.due_date < ledger_date), 0),
       coalesce(-sum(i.balance_effect) FILTER (WHERE i.is_credit), 0), coalesce(sum(i.balance_effect), 0),
       i.base_currency,
       CASE WHEN count(*) FILTER (WHERE NOT i.is_credit AND i.lacks_base) = 0
            THEN coalesce(sum(i.balance_effect_base) FILTER (WHERE NOT i.is_credit), 0) END,
       CASE WHEN count(*) FILTER (WHERE NOT i.is_credit AND i.due_date < ledger_date AND i.lacks_base) = 0
            THEN coalesce(sum(i.balance_effect_base) FILTER (WHERE NOT i.is_credit AND i.due_date < ledger_date), 0) END,
       CASE WHEN count(*) FILTER (WHERE i.is_credit AND i.lacks_base) = 0
            THEN coalesce(-sum(i.balance_effect_base) FILTER (WHERE i.is_credit), 0) END,
       CASE WHEN NOT bool_or(i.lacks_base) THEN coalesce(sum(i.balance_effect_base), 0) END,
       count(DISTINCT i.record_id) FILTER (WHERE NOT i.is_credit), count(DISTINCT i.record_id) FILTER (WHERE NOT i.is_credit AND i.due_date < ledger_date),
       min(i.due_date) FILTER (WHERE NOT i.is_credit), count(*) FILTER (WHERE i.lacks_base), bool_and(i.is_exact), min(i.why_inexact)
FROM (SELECT o.*, o.balance_effect IS NOT NULL AND o.balance_effect_base IS NULL AS lacks_base FROM canonical.open_items_at(ledger_date, of_source) o) i
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
