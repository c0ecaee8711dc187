"""C2 to C5, C8 and C9: what is open, against the figures the source states and against its ledger as it was received."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from sync_engine.records import ControlTotal
from sync_engine.store.controls.certificate import (
    SAMPLE,
    Check,
    Difference,
    Verdict,
    judged,
    listed,
    money,
    not_answerable,
)
from sync_engine.store.controls.context import Ground, decimal

CENT = Decimal("0.01")
AS_RECEIVED = "Compared with the ledger entries as received; the source states no such total."


def open_keys_agree(ground: Ground) -> Check:
    """C2: the set of open ledger entries is the set of open documents and payments."""
    title = "The open items are the same ones"
    if not ground.ledger:
        return not_answerable("C2", title, "The source hands over no ledger entries with remaining amounts.")
    ((source, ours),) = ground.rows("""
        SELECT (SELECT md5(coalesce(string_agg(entry_no, ',' ORDER BY entry_no COLLATE "C"), '')) FROM control_ledger),
               (SELECT md5(coalesce(string_agg(entry_no, ',' ORDER BY entry_no COLLATE "C"), '')) FROM control_open)
        """)
    return judged(
        "C2",
        title,
        str(source),
        str(ours),
        [] if source == ours else _entries_that_differ(ground, "e.remaining IS NULL OR o.effect IS NULL"),
    )


def open_amounts_agree(ground: Ground) -> Check:
    """C3: open amount per document currency."""
    title = "Open amount per currency"
    stated = {t.currency or ground.base_currency or "": t.value for t in ground.stated("open_amount")}
    if not stated and not ground.ledger:
        return not_answerable("C3", title, ground.why_not("open amount per currency"))
    theirs = stated or {
        str(c): decimal(v)
        for c, v in ground.rows("SELECT currency, sum(remaining) FROM control_ledger GROUP BY 1")
    }
    ours = ground.balances()
    found: list[Difference] = []
    for currency in sorted(theirs.keys() | ours.keys()):
        left, right = theirs.get(currency, Decimal(0)), ours.get(currency, Decimal(0))
        if left != right:
            found.append(
                Difference(
                    "currency",
                    currency,
                    _why(ground, left - right, "remaining", currency),
                    money(left),
                    money(right),
                )
            )
    entries = (
        _entries_that_differ(ground, "e.remaining IS DISTINCT FROM o.effect")
        if found and ground.ledger
        else []
    )
    return judged(
        "C3",
        title,
        listed(theirs),
        listed(ours),
        [*found, *entries],
        note="" if stated else AS_RECEIVED,
        figures={"stated": bool(stated)},
        stated=bool(stated),
    )


def open_base_amount_agrees(ground: Ground) -> Check:
    """C4: open amount in booked base currency. Where base amounts are computed, a cent per foreign item is rounding."""
    title = "Open amount in booked base currency"
    stated = ground.stated("open_amount_base") or ground.stated("debtor_balance")
    if stated:
        return _base_check(ground, "C4", title, sum((t.value for t in stated), Decimal(0)), stated=True)
    ((received, unvalued),) = ground.rows(
        "SELECT sum(remaining_base), count(*) FILTER (WHERE remaining_base IS NULL) FROM control_ledger"
    )
    if not ground.ledger or unvalued:
        return not_answerable("C4", title, ground.why_not("open amount in base currency"))
    return _base_check(ground, "C4", title, decimal(received), note=AS_RECEIVED)


def control_account_agrees(ground: Ground) -> Check:
    """C9: the balance of the receivables account in the general ledger."""
    title = "General ledger control account"
    stated = ground.stated("control_account")
    if not stated:
        return not_answerable("C9", title, ground.why_not("control account"))
    return _base_check(ground, "C9", title, sum((t.value for t in stated), Decimal(0)), stated=True)


def _base_check(
    ground: Ground, code: str, title: str, theirs: Decimal, note: str = "", *, stated: bool = False
) -> Check:
    opened = ground.opened
    ours = sum((one.effect_base for one in opened.values()), Decimal(0))
    unvalued = sum(one.unvalued for one in opened.values())
    foreign = sum(one.items for currency, one in opened.items() if currency != (ground.base_currency or ""))
    if unvalued:
        return _not_valued(code, title, theirs, unvalued)
    tolerance = Decimal(0) if ground.ledger else CENT * foreign
    difference = theirs - ours
    found: list[Difference] = []
    if abs(difference) > tolerance:
        reason = _why(ground, difference, "remaining_base")
        found = [Difference("total", ground.base_currency or "base", reason, money(theirs), money(ours))]
        if ground.ledger:
            found += _entries_that_differ(ground, "e.remaining_base IS DISTINCT FROM o.effect_base", "_base")
    return judged(
        code,
        title,
        money(theirs),
        money(ours),
        found,
        difference=money(difference),
        note=note,
        classes={d.reason: 1 for d in found[:1]},
        figures={"tolerance": str(tolerance), "items_without_base_amount": unvalued},
        stated=stated,
    )


def _not_valued(code: str, title: str, theirs: Decimal, unvalued: int) -> Check:
    """A sum over items of which some have no booked base amount is not known: a part of it is no figure to compare."""
    note = f"{unvalued} open items in foreign currency have no booked base amount, so what they add up to is not known."
    return Check(
        code,
        title,
        "not_answerable",
        money(theirs),
        note=note,
        figures={"items_without_base_amount": unvalued},
    )


def debtor_balances_agree(ground: Ground) -> Check:
    """C5: each debtor against the balance the ERP states for it, in booked base currency."""
    title = "Balance of every debtor"
    stated = {t.key: t.value for t in ground.stated("debtor_balance")}
    if not stated:
        return not_answerable("C5", title, ground.why_not("balance per debtor"))
    rows = ground.rows(
        """
        SELECT coalesce(debtor_key, ''), sum(effect_base), count(*) FILTER (WHERE currency <> :base), count(*) FILTER (WHERE effect_base IS NULL)
        FROM control_open GROUP BY 1
        """,
        base=ground.base_currency or "",
    )
    ours: dict[str, tuple[Decimal, int]] = {
        str(key): (decimal(total), int(str(foreign))) for key, total, foreign, _ in rows
    }
    unvalued = {str(key) for key, *_, lacking in rows if lacking}
    differing: dict[str, tuple[Decimal, Decimal]] = {}
    for key in (stated.keys() | ours.keys()) - unvalued:
        left, (right, foreign) = stated.get(key, Decimal(0)), ours.get(key, (Decimal(0), 0))
        if abs(left - right) > (Decimal(0) if ground.ledger else CENT * foreign):
            differing[key] = left, right
    reasons = _debtor_reasons(ground, differing)
    largest_first = sorted(differing.items(), key=lambda item: (-abs(item[1][0] - item[1][1]), item[0]))
    found = [
        Difference("debtor", key, reasons[key], money(left), money(right))
        for key, (left, right) in largest_first
    ]
    total_stated, total_ours = (
        sum(stated.values(), Decimal(0)),
        sum((v for v, _ in ours.values()), Decimal(0)),
    )
    note = (
        ""
        if ground.ledger or not found
        else "The source hands over no ledger entries: payments not applied and journals are not visible here."
    )
    figures = {"debtors": len(stated), "debtors_not_compared": len(unvalued)}
    if unvalued:
        note = f"{len(unvalued)} debtors owe in foreign currency without a booked base amount and were not compared. {note}".rstrip()
        verdict: Verdict = "breaks" if found else "not_answerable"
        return Check(
            "C5",
            title,
            verdict,
            money(total_stated),
            note=note,
            figures=figures,
            classes=Counter(d.reason for d in found),
            sample=tuple(found[:SAMPLE]),
            stated=True,
        )
    difference = money(total_stated - total_ours)
    return judged(
        "C5",
        title,
        money(total_stated),
        money(total_ours),
        found,
        difference=difference,
        note=note,
        figures=figures,
        stated=True,
    )


def _debtor_reasons(ground: Ground, differing: dict[str, tuple[Decimal, Decimal]]) -> dict[str, str]:
    """Where to look, debtor by debtor: what is held back, what is not applied, what came by journal, which single item it is."""
    if not differing:
        return {}
    keys = list(differing)
    held = {
        str(k): decimal(v)
        for k, v in ground.rows(
            """
        SELECT debtor_key, sum(remaining_base) FROM control_ledger WHERE record_id IS NULL AND debtor_key = ANY(:keys) GROUP BY 1
        """,
            keys=keys,
        )
    }
    known = {
        str(k): int(str(state))
        for k, state in ground.rows(
            """
        SELECT r.key, r.state FROM engine.source_record r JOIN engine.stream s USING (stream_id)
        WHERE s.source = :source AND s.canonical = 'debtor' AND NOT s.facet AND r.key = ANY(:keys)
        """,
            keys=keys,
        )
    }
    parts = {
        str(row[0]): row[1:]
        for row in ground.rows(
            """
        SELECT debtor_key, sum(effect_base) FILTER (WHERE effect < 0), sum(effect_base) FILTER (WHERE kind IN ('journal', 'opening', 'finance_charge')),
               sum(effect), array_agg(effect_base) FROM control_open WHERE debtor_key = ANY(:keys) GROUP BY 1
        """,
            keys=keys,
        )
    }
    return {
        key: _debtor_reason(left - right, left, held.get(key), known.get(key), parts.get(key))
        for key, (left, right) in differing.items()
    }


def _debtor_reason(
    difference: Decimal,
    stated: Decimal,
    held: Decimal | None,
    state: int | None,
    parts: Sequence[object] | None,
) -> str:
    if state in (1, 2):
        return "excluded" if state == 2 else "quarantined"
    if held is not None and held == difference:
        return "quarantined"
    if state is None or parts is None:
        return "missing"
    unapplied, journals, in_documents, items = parts
    if difference == -decimal(unapplied) != 0:
        return "unapplied"
    if difference == -decimal(journals) != 0:
        return "journal_only"
    if stated == decimal(in_documents):
        return "currency_basis"
    return "extra" if isinstance(items, list) and -difference in items else "unexplained"


def ageing_agrees(ground: Ground) -> Check:
    """C8: the ERP's ageing report, in base currency, credits netted into the period they fall in, as such reports do."""
    title = "Ageing per bucket"
    stated = ground.stated("ageing")
    if not stated:
        return not_answerable("C8", title, ground.why_not("ageing"))
    ((unvalued,),) = ground.rows("SELECT count(*) FROM control_open WHERE effect_base IS NULL")
    if unvalued:
        return _not_valued("C8", title, sum((t.value for t in stated), Decimal(0)), int(str(unvalued)))
    ours = [
        (str(label), decimal(amount))
        for label, amount in ground.rows(
            """
        SELECT b.label, coalesce(sum(o.effect_base), 0) FROM canonical.ageing_bucket b
        LEFT JOIN (SELECT effect_base, CAST(:day AS date) - coalesce(ages_from, :day) AS days FROM control_open) o
            ON (b.from_day IS NULL OR o.days >= b.from_day) AND (b.to_day IS NULL OR o.days <= b.to_day)
        GROUP BY b."position", b.label ORDER BY b."position"
        """,
            day=ground.ledger_date,
        )
    ]
    pairs, note = _paired(stated, ours)
    found = [
        Difference("bucket", label, "unexplained", money(left), money(right))
        for label, left, right in pairs
        if left != right
    ]
    theirs, mine = (
        "; ".join(f"{label} {money(left)}" for label, left, _ in pairs),
        "; ".join(f"{label} {money(right)}" for label, _, right in pairs),
    )
    return judged("C8", title, theirs, mine, found, note=note, stated=True)


def _paired(
    stated: Sequence[ControlTotal], ours: list[tuple[str, Decimal]]
) -> tuple[list[tuple[str, Decimal, Decimal]], str]:
    """Buckets by name where the report uses our names, else in order: the report's last period has no end."""
    by_name = dict(ours)
    if all(t.key in by_name for t in stated):
        values = {t.key: t.value for t in stated}
        return [(label, values.get(label, Decimal(0)), amount) for label, amount in ours], ""
    periods = [(t.key, t.value) for t in stated]
    last = min(len(periods), len(ours)) - 1
    amounts = [amount for _, amount in ours]
    ranges = [*amounts[:last], sum(amounts[last:], Decimal(0))]
    pairs = [
        (label, value, amount) for (label, value), amount in zip(periods[: last + 1], ranges, strict=True)
    ]
    return (
        pairs,
        "The report names its periods its own way; they are compared in order, its last one with all that is older.",
    )


def _why(ground: Ground, difference: Decimal, column: str, currency: str | None = None) -> str:
    """A difference that equals what is held back to the cent is quarantined; anything else is not explained."""
    held = ground.rows(
        f"""
        SELECT sum({column}) FROM control_ledger WHERE record_id IS NULL AND (CAST(:currency AS text) IS NULL OR currency = :currency)
        """,
        currency=currency,
    )[0][0]
    return "quarantined" if held is not None and decimal(held) == difference else "unexplained"


def _entries_that_differ(ground: Ground, where: str, suffix: str = "") -> list[Difference]:
    """Ledger entries against the open items made from them, where they differ."""
    rows = ground.rows(f"""
        SELECT coalesce(e.entry_no, o.entry_no, o.external_id), coalesce(e.document_no, o.external_no), e.remaining{suffix}, o.effect{suffix},
               CASE WHEN e.entry_no IS NOT NULL AND e.record_id IS NULL THEN 'quarantined' WHEN o.id IS NULL THEN 'missing'
                    WHEN e.entry_no IS NULL THEN 'extra' ELSE 'amount' END
        FROM control_ledger e FULL JOIN control_open o ON o.entry_no = e.entry_no
        WHERE {where} ORDER BY 1 LIMIT {SAMPLE * 50}
        """)

    def text(amount: object) -> str | None:
        return None if amount is None else money(decimal(amount))

    return [
        Difference("ledger entry", f"{entry} ({number})", str(reason), text(left), text(right))
        for entry, number, left, right, reason in rows
    ]
