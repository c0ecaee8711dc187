"""C6, C7 and C10: what documents and payments say about their settlement adds up, and so does the way from cut to cut."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from sync_engine.store.controls.certificate import (
    SAMPLE,
    Check,
    Difference,
    judged,
    listed,
    money,
    not_answerable,
)
from sync_engine.store.controls.context import LIVE_DOCUMENT, Ground, decimal
from sync_engine.store.db import run_sql, tell_planner
from sync_engine.store.temporary import CONTROL_DIFFERING

NO_APPLICATIONS = "The source hands over no applications: what settled what is not known."
ASKED = "(d.total - d.ledger_difference) * sign(d.total)"
UNEXPLAINED = f"(d.total = 0 OR {ASKED} < 0 OR {ASKED} > abs(d.total) + 1)"
"""Of a document whose ledger entries come to another amount: whether nothing that is known explains it. Tax is withheld and discounts are deducted,
so entries ask for less; they may be rounded up by less than one unit. What asks for more, or the other way round, is another debt."""
MANY = 1000
"""More records than this that do not add up are not remembered one by one; the next cut looks at all again."""


def collect_what_does_not_add_up(ground: Ground) -> bool:
    """Puts records whose settled amount is not what is applied into temporary table control_differing; false without applications.

    Per record and currency: what left its open amount, less what its applications took, which has no sign: an invoice below nought is
    settled by positive amounts like any other. A record is left out when a route that
    knows base amounts only does not tell what was applied in its currency. After a certified cut only what
    moved since, and what differed then, can differ now; a full run looks at everything again.
    """
    if not ground.rows(
        "SELECT EXISTS (SELECT FROM canonical.application WHERE source = :source AND deleted_at IS NULL)"
    )[0][0]:
        return False
    only = "WHERE x.id IN (SELECT id FROM control_suspect)" if _collect_suspects(ground) else ""
    run_sql(ground.connection, "DROP TABLE IF EXISTS pg_temp.control_differing")
    run_sql(
        ground.connection,
        CONTROL_DIFFERING.create_as(f"""
        SELECT x.id, x.currency, coalesce(sum(x.settled), 0) AS settled, coalesce(sum(x.applied), 0) AS applied, bool_or(x.is_unknown) AS is_unknown
        FROM (
            SELECT d.id, coalesce(d.currency, '') AS currency,
                   CASE WHEN d.total < 0 THEN -1 ELSE 1 END * (d.total - coalesce(d.ledger_difference, 0) - d.open_amount) AS settled,
                   CAST(NULL AS numeric) AS applied, false AS is_unknown FROM canonical.document d
            WHERE d.source = :source AND {LIVE_DOCUMENT} AND d.total - coalesce(d.ledger_difference, 0) <> d.open_amount
            UNION ALL
            SELECT p.id, coalesce(p.currency, ''), p.amount - p.unapplied_amount, NULL, false FROM canonical.payment p
            WHERE p.source = :source AND p.deleted_at IS NULL AND p.amount <> p.unapplied_amount
            UNION ALL
            SELECT a.to_id, coalesce(a.currency, ''), NULL, a.amount, a.amount IS NULL FROM canonical.application a
            WHERE a.source = :source AND a.deleted_at IS NULL AND NOT a.is_reversed
            UNION ALL
            SELECT a.from_id, coalesce(a.currency, ''), NULL, a.amount, a.amount IS NULL FROM canonical.application a
            WHERE a.source = :source AND a.deleted_at IS NULL AND NOT a.is_reversed
        ) x
        {only}
        GROUP BY x.id, x.currency HAVING coalesce(sum(x.settled), 0) <> coalesce(sum(x.applied), 0) OR bool_or(x.is_unknown)
        """),
        source=ground.source,
    )
    run_sql(
        ground.connection,
        "DELETE FROM control_differing x USING control_differing u WHERE u.id = x.id AND u.is_unknown",
    )
    return True


def _collect_suspects(ground: Ground) -> bool:
    """Puts what moved since the last certified cut, and what differed at it, into control_suspect; false when all must be looked at."""
    previous = ground.rows(
        """
        SELECT max(k.cut_id), jsonb_agg(k.detail -> 'figures' -> 'differing') FROM canonical.certificate k JOIN canonical.cut c USING (cut_id)
        WHERE k."check" IN ('C6', 'C7') AND k.verdict <> 'not_answerable'
          AND k.cut_id = (SELECT max(k.cut_id) FROM canonical.certificate k JOIN canonical.cut c USING (cut_id) WHERE c.source = :source AND k.cut_id < :cut)
        """,
        cut=ground.cut_id,
    )[0]
    full = ground.rows(
        "SELECT EXISTS (SELECT FROM engine.run WHERE run_id = :run AND kind = 'full')", run=ground.run_id
    )[0][0]
    lists = previous[1]
    if full or not isinstance(lists, list) or any(x is None for x in lists):
        return False
    run_sql(ground.connection, "DROP TABLE IF EXISTS pg_temp.control_suspect")
    run_sql(
        ground.connection,
        """
        CREATE TEMP TABLE control_suspect ON COMMIT DROP AS
        SELECT CAST(unnest(CAST(:differed AS text[])) AS uuid) AS id
        UNION SELECT id FROM canonical.document WHERE source = :source AND cut_id > :since
        UNION SELECT id FROM canonical.payment WHERE source = :source AND cut_id > :since
        UNION SELECT to_id FROM canonical.application WHERE source = :source AND cut_id > :since
        UNION SELECT from_id FROM canonical.application WHERE source = :source AND cut_id > :since
        """,
        source=ground.source,
        since=previous[0],
        differed=[key for keys in lists for key in keys],
    )
    tell_planner(ground.connection, "control_suspect")
    return True


def documents_add_up(ground: Ground, has_applications: bool) -> Check:
    """C6: total = open + applied, credited or written off + what the ledger never asked for, which is named."""
    title = "Documents: total = open + settled"
    figures = _ledger_differences(ground)
    note = (
        f"The ledger asks for another amount than {figures['documents']} documents: {figures['amounts']} in all (ledger_difference)."
        if figures
        else ""
    )
    unexplained = _asked_for_more(ground) if figures else []
    if not has_applications:
        check = not_answerable("C6", title, f"{NO_APPLICATIONS} {note}".rstrip())
    else:
        check = _identity(
            ground,
            "C6",
            title,
            "document",
            f"{LIVE_DOCUMENT} AND NOT (coalesce(d.erp_status, '') = 'written_off' AND x.applied = 0)",
        )
        check = replace(check, note=" ".join(filter(None, (check.note, note))))
    if unexplained:
        check = replace(
            check,
            verdict="breaks",
            classes={**check.classes, "unexplained": len(unexplained)},
            sample=(*unexplained, *check.sample)[:SAMPLE],
        )
    return replace(check, figures={**check.figures, "ledger_difference": figures}) if figures else check


def withheld(ground: Ground) -> str:
    """The sentence about documents whose ledger asks for less than they say; empty where there is none."""
    figures = _ledger_differences(ground, f"AND NOT {UNEXPLAINED}")
    if not figures:
        return ""
    return (
        f"Of {figures['documents']:,} documents the ledger asks for less, {figures['amounts']} in all (canonical.document.ledger_difference): "
        "tax withheld, a discount at posting or rounding, no field says which; nobody owes it and nobody paid it."
    )


def _asked_for_more(ground: Ground) -> list[Difference]:
    """Documents whose ledger entries come to an amount that neither withholding nor rounding explains."""
    rows = ground.rows(f"""
        SELECT coalesce(d.external_no, d.external_id), d.total, d.total - d.ledger_difference FROM canonical.document d
        WHERE d.source = :source AND d.ledger_difference <> 0 AND {LIVE_DOCUMENT} AND {UNEXPLAINED} ORDER BY abs(d.ledger_difference) DESC, 1
        """)
    return [
        Difference(
            "entries of document", str(number), "unexplained", money(decimal(asked)), money(decimal(total))
        )
        for number, total, asked in rows
    ]


def _ledger_differences(ground: Ground, only: str = "") -> dict[str, Any]:
    """How many documents are over another amount than their ledger entries, and by how much: tax withheld, a discount at posting, rounding."""
    rows = ground.rows(f"""
        SELECT coalesce(d.currency, ''), count(*), sum(d.ledger_difference) FROM canonical.document d
        WHERE d.source = :source AND d.ledger_difference <> 0 AND {LIVE_DOCUMENT} {only} GROUP BY 1
        """)
    if not rows:
        return {}
    return {
        "documents": sum(int(str(n)) for _, n, _ in rows),
        "amounts": listed({str(currency): decimal(amount) for currency, _, amount in rows}),
    }


def payments_add_up(ground: Ground, has_applications: bool) -> Check:
    """C7: amount = applied + unapplied."""
    title = "Payments: amount = applied + unapplied"
    if not has_applications:
        return not_answerable("C7", title, NO_APPLICATIONS)
    return _identity(ground, "C7", title, "payment", "d.deleted_at IS NULL")


def _identity(ground: Ground, code: str, title: str, table: str, live: str) -> Check:
    """Settled in one currency and applied in another is a currency basis; the rest is a missing, an extra or another amount."""
    classified = f"""
        SELECT coalesce(d.external_no, d.entry_no, d.external_id) AS number, sum(x.settled) AS settled, sum(x.applied) AS applied,
               CASE WHEN count(*) > 1 OR bool_or(x.currency <> coalesce(d.currency, '')) THEN 'currency_basis'
                    WHEN sum(x.applied) = 0 THEN 'missing' WHEN sum(x.applied) > sum(x.settled) THEN 'extra' ELSE 'amount' END AS reason
        FROM control_differing x JOIN canonical.{table} d ON d.id = x.id
        WHERE {live}
        GROUP BY d.id"""
    classes = {
        str(reason): int(str(n))
        for reason, n in ground.rows(f"SELECT reason, count(*) FROM ({classified}) c GROUP BY 1")
    }
    rows = ground.rows(
        f"SELECT * FROM ({classified}) c ORDER BY abs(settled - applied) DESC, number LIMIT {SAMPLE}"
    )
    found = [
        Difference(table, str(number), str(reason), money(decimal(settled)), money(decimal(applied)))
        for number, settled, applied, reason in rows
    ]
    n = sum(classes.values())
    remembered = (
        []
        if n > MANY
        else ground.rows(
            f"SELECT DISTINCT x.id FROM control_differing x JOIN canonical.{table} d ON d.id = x.id"
        )
    )
    differing = None if n > MANY else [str(key) for (key,) in remembered]
    note = "Counted are the records that do not add up." if n else ""
    return judged(
        code, title, None, str(n), found, classes=classes, note=note, figures={"differing": differing}
    )


def roll_forward_holds(ground: Ground) -> Check:
    """C10: open at the previous certified cut, plus what the change feed says happened since, is what is open now."""
    title = "Roll-forward from the previous cut"
    last_seq = ground.rows("SELECT coalesce(max(seq), 0) FROM canonical.change")[0][0]
    previous = ground.rows(
        """
        SELECT k.cut_id, CAST(k.detail -> 'figures' ->> 'last_seq' AS bigint) FROM canonical.certificate k JOIN canonical.cut c USING (cut_id)
        WHERE c.source = :source AND k."check" = 'C10' AND k.cut_id < :cut ORDER BY k.cut_id DESC LIMIT 1
        """,
        cut=ground.cut_id,
    )
    if not previous:
        check = not_answerable("C10", title, "There is no certified cut before this one.")
        return Check(check.code, check.title, check.verdict, note=check.note, figures={"last_seq": last_seq})
    opening = {
        str(c): decimal(v)
        for c, v in ground.rows(
            """
        SELECT currency, canonical_value FROM engine.control_total WHERE cut_id = :cut AND name = 'open_amount'
        """,
            cut=previous[0][0],
        )
    }
    moved = {str(c): decimal(v) for c, v in ground.rows(MOVED, seq=previous[0][1], base=ground.base_currency)}
    closing = ground.balances()
    found: list[Difference] = []
    for currency in sorted(opening.keys() | moved.keys() | closing.keys()):
        expected, actual = (
            opening.get(currency, Decimal(0)) + moved.get(currency, Decimal(0)),
            closing.get(currency, Decimal(0)),
        )
        if expected != actual:
            found.append(Difference("currency", currency, "unexplained", money(expected), money(actual)))
    figures = {
        "last_seq": last_seq,
        "previous_cut": previous[0][0],
        "opening": _text(opening),
        "moved": _text(moved),
        "closing": _text(closing),
    }
    expected_all = {
        c: opening.get(c, Decimal(0)) + moved.get(c, Decimal(0)) for c in opening.keys() | moved.keys()
    }
    return judged("C10", title, listed(expected_all), listed(closing), found, figures=figures)


def _text(amounts: dict[str, Decimal]) -> dict[str, str | None]:
    return {currency: money(amount) for currency, amount in amounts.items()}


MOVED = """
WITH touched AS (
    SELECT record_id, bool_or(op = 'create') AS is_new,
           coalesce(jsonb_object_agg(field, jsonb_build_object('was', old)) FILTER (WHERE field IS NOT NULL), '{}') AS before
    FROM (
        SELECT DISTINCT ON (record_id, op = 'create', field) record_id, op, field, old FROM canonical.change
        WHERE seq > :seq AND entity IN ('document', 'payment') ORDER BY record_id, op = 'create', field, seq
    ) first_change
    GROUP BY record_id
), record AS (
    SELECT t.is_new, t.before, coalesce(d.currency, :base, '') AS currency, d.open_amount, 'open_amount' AS open_field, d.deleted_at, d.erp_status, d.entry_no,
           CASE d.kind WHEN 'credit_note' THEN -1 ELSE 1 END AS sign,
           CASE coalesce(t.before -> 'kind' ->> 'was', d.kind) WHEN 'credit_note' THEN -1 ELSE 1 END AS sign_was
    FROM touched t JOIN canonical.document d ON d.id = t.record_id AND d.source = :source
    UNION ALL
    SELECT t.is_new, t.before, coalesce(p.currency, :base, ''), p.unapplied_amount, 'unapplied_amount', p.deleted_at, NULL, NULL,
           CASE p.kind WHEN 'refund' THEN 1 ELSE -1 END, CASE coalesce(t.before -> 'kind' ->> 'was', p.kind) WHEN 'refund' THEN 1 ELSE -1 END
    FROM touched t JOIN canonical.payment p ON p.id = t.record_id AND p.source = :source
), state AS (
    SELECT r.*, coalesce(r.before -> 'currency' ->> 'was', r.currency) AS currency_was,
           r.deleted_at IS NULL AND r.erp_status IS DISTINCT FROM 'draft' AND (r.erp_status IS DISTINCT FROM 'void' OR r.entry_no IS NOT NULL) AS counts_now,
           NOT r.is_new AND r.deleted_was IS NULL AND r.status_was IS DISTINCT FROM 'draft'
               AND (r.status_was IS DISTINCT FROM 'void' OR r.entry_was IS NOT NULL) AS counted_before,
           CASE WHEN r.before ? r.open_field THEN CAST(r.before -> r.open_field ->> 'was' AS numeric) ELSE r.open_amount END AS open_was
    FROM (
        SELECT x.*, CASE WHEN x.before ? 'deleted_at' THEN x.before -> 'deleted_at' ->> 'was' ELSE CAST(x.deleted_at AS text) END AS deleted_was,
               CASE WHEN x.before ? 'erp_status' THEN x.before -> 'erp_status' ->> 'was' ELSE x.erp_status END AS status_was,
               CASE WHEN x.before ? 'entry_no' THEN x.before -> 'entry_no' ->> 'was' ELSE x.entry_no END AS entry_was
        FROM record x) r
)
SELECT currency, sum(amount) FROM (
    SELECT currency, sign * coalesce(open_amount, 0) AS amount FROM state WHERE counts_now
    UNION ALL
    SELECT currency_was, -sign_was * coalesce(open_was, 0) FROM state WHERE counted_before
) moved GROUP BY currency
"""
