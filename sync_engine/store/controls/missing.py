"""C14: what is not in the cut though the source has it: quarantined, waiting, never read or not read since; with money where it is known.

Whatever is missing is counted and told by its cause. Above the source's setting `missing.share`, of the records of any wire entity or of
the money of any currency, it is no longer accounted for: the check breaks with class `missing`. So does an entity that was never read,
could not be read since it was, or was offered before and is not now, and a filter that excludes every debtor: how much is missing there, nobody knows.
What the settings or the mapping exclude is told and weighs nothing else; records that wait for an excluded debtor are excluded with it.
What is open of debtors that were deleted is in nobody's balance: its money is missing likewise, in every cut until it is settled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sync_engine.store.claims.causes import Cause, causes, listed_money
from sync_engine.store.controls.certificate import SAMPLE, Check, Difference, money
from sync_engine.store.controls.context import LIVE_DOCUMENT, Ground, decimal
from sync_engine.store.landing import offers

CODE, TITLE = "C14", "Nothing is missing"
SHARE = 0.01
"""How much may be missing where nobody says otherwise: one per cent of an entity's records, and of a currency's money."""


def open_money(ground: Ground) -> dict[str, Decimal]:
    """What is open per currency, debits and credits added up: what missing money is a share of."""
    return {currency: opened.gross for currency, opened in ground.opened.items()}


def nothing_is_missing(
    ground: Ground, lines: Sequence[Mapping[str, Any]], opened: Mapping[str, Decimal]
) -> Check:
    """C14. `lines` are the records of each stream as C1 counts them, `opened` what `open_money` says."""
    excluded = _of_excluded_debtors(ground)
    unread, lacking, buried = _unread(ground), _missing_money(ground), _of_deleted_debtors(ground)
    for currency, (_, amount) in buried.items():
        lacking[currency] = lacking.get(currency, Decimal(0)) + amount
    weights = [weight for line in lines if (weight := _weight(line, excluded.get(line["entity"], 0)))]
    over = [
        f"{entity} {n:,} of {known:,} records"
        for entity, n, known, share in weights
        if share > ground.allowed_missing
    ]
    over += [
        f"{currency or 'money'} {amount:,.2f} of {amount + opened.get(currency, Decimal(0)):,.2f}"
        for currency, amount in sorted(lacking.items())
        if amount and float(amount / (amount + opened.get(currency, Decimal(0)))) > ground.allowed_missing
    ]
    over += [
        f"every {line['entity']} record is excluded"
        for line in lines
        if line["canonical"] == "debtor" and not line["facet"] and _all_excluded(line)
    ]
    told = causes(ground.connection, ground.source, limit=SAMPLE)
    n = sum(weight[1] for weight in weights)
    classes = {
        name: number
        for name, number in (
            ("missing", len(over) + len(unread)),
            ("quarantined", n),
            ("excluded", sum(excluded.values()) + sum(documents for documents, _ in buried.values())),
        )
        if number
    }
    known = sum(line["known"] for line in lines)
    return Check(
        CODE,
        TITLE,
        "breaks" if classes else "holds",
        str(known),
        str(known - n),
        _difference(n, lacking),
        classes=classes,
        note=_note(over, unread, buried),
        sample=tuple(_told(cause) for cause in told),
        figures={
            "share": round(max((w[3] for w in weights), default=0.0), 6),
            "allowed": ground.allowed_missing,
            "over": over,
            "not_read": unread,
            "records": n,
            "money": {currency: money(amount) for currency, amount in lacking.items()},
            "of_deleted_debtors": sum(documents for documents, _ in buried.values()),
            "entities": [
                {name: line[name] for name in ("entity", "known", "quarantined", "excluded")}
                for line in lines
                if line["quarantined"] or line["excluded"]
            ],
            "causes": [cause.sentence for cause in told],
        },
    )


def _weight(line: Mapping[str, Any], excluded: int) -> tuple[str, int, int, float] | None:
    """Entity, missing records, known records, and the share they are; None where none is missing."""
    n = line["quarantined"] - excluded
    return (line["entity"], n, line["known"], n / line["known"]) if n > 0 else None


def _all_excluded(line: Mapping[str, Any]) -> bool:
    return bool(line["known"] and line["excluded"] == line["known"])


def _told(cause: Cause) -> Difference:
    return Difference(
        cause.entity,
        cause.key,
        "excluded" if cause.is_excluded else "quarantined",
        cause.waiting_records or None,
    )


def _difference(n: int, lacking: Mapping[str, Decimal]) -> str | None:
    amounts = {currency: amount for currency, amount in lacking.items() if amount}
    return (
        "; ".join(filter(None, (f"{n} records" if n else "", listed_money(amounts) if amounts else "")))
        or None
    )


def _note(over: Sequence[str], unread: Mapping[str, str], buried: Mapping[str, tuple[int, Decimal]]) -> str:
    parts = [f"{entity} {why}" for entity, why in unread.items()]
    if buried:
        amounts = listed_money({currency: amount for currency, (_, amount) in buried.items()})
        n = sum(documents for documents, _ in buried.values())
        parts.append(
            f"{n:,} documents over {amounts} are open and their debtors deleted: in nobody's balance"
        )
    if over:
        parts.append(f"more is missing than the setting missing.share allows: {'; '.join(over)}")
    return ". ".join(part.rstrip(".") for part in parts) + ("." if parts else "")


def _of_excluded_debtors(ground: Ground) -> dict[str, int]:
    """Quarantined records by entity that wait for a debtor which the settings exclude."""
    return {
        str(entity): int(str(n))
        for entity, n in ground.rows("""
        SELECT t.entity, count(*) FROM engine.quarantine q JOIN engine.stream t USING (stream_id)
        JOIN engine.stream s ON s.source = t.source AND s.canonical = q.parent_entity AND NOT s.facet
        JOIN engine.source_record r ON r.stream_id = s.stream_id AND r.key = q.parent_key AND r.state = 2 AND r.deleted_at IS NULL
        WHERE t.source = :source GROUP BY 1
        """)
    }


def _of_deleted_debtors(ground: Ground) -> dict[str, tuple[int, Decimal]]:
    """Open documents of debtors that were deleted, per currency: how many and how much."""
    return {
        str(currency): (int(str(n)), decimal(amount))
        for currency, n, amount in ground.rows(
            f"""
        SELECT coalesce(d.currency, :base, ''), count(*), sum(abs(d.open_amount)) FROM canonical.document d
        WHERE d.debtor_id IN (SELECT id FROM canonical.debtor WHERE deleted_at IS NOT NULL AND merged_into IS NULL)
          AND d.source = :source AND d.open_amount <> 0 AND {LIVE_DOCUMENT}
        GROUP BY 1
        """,
            base=ground.base_currency,
        )
    }


def _missing_money(ground: Ground) -> dict[str, Decimal]:
    """Amounts of what is in quarantine per currency, debits and credits added up: of ledger entries where the source has a ledger, else of documents.

    Of a document also where its ledger entry is published in its place and does not tell what remains.
    """
    return {
        str(c): decimal(v)
        for c, v in ground.rows(
            """
        SELECT coalesce(q.currency, :base, ''), sum(abs(q.amount)) FROM engine.quarantine q JOIN engine.stream t USING (stream_id)
        WHERE t.source = :source AND NOT t.facet AND q.amount IS NOT NULL AND NOT EXISTS (
              SELECT FROM engine.stream s JOIN engine.source_record r USING (stream_id)
              WHERE s.source = t.source AND s.canonical = q.parent_entity AND NOT s.facet AND r.key = q.parent_key AND r.state = 2)
          AND (t.canonical = CASE WHEN EXISTS (SELECT FROM engine.ledger_entry WHERE source = :source) THEN 'ledger_entry' ELSE 'document' END
              OR t.canonical = 'document' AND EXISTS (
                  SELECT FROM canonical.document d WHERE d.source = :source AND d.external_no = q.number AND d.external_id LIKE 'ledger/%'
                      AND d.open_amount IS NULL AND d.deleted_at IS NULL))
        GROUP BY 1
        """,
            base=ground.base_currency,
        )
    }


def _unread(ground: Ground) -> dict[str, str]:
    """Wire entities that were never read, failed since they were, or are offered no more, with why: nobody knows what of them is missing."""
    gone = {one.entity: one.why for one in offers.missing(ground.connection, ground.source)}
    rows = ground.rows(
        f"""
        WITH failed AS (
            SELECT p.entity, p.error, p.finished_at, p.step_id FROM engine.run r JOIN engine.run_step p USING (run_id)
            WHERE r.source = :source AND p.stage = 'pull' AND p.outcome = 'failed' AND r.started_at > (
                SELECT min(coalesce(verified_at, '-infinity')) - interval '2 days' FROM engine.stream WHERE source = :source)
        )
        SELECT t.entity, t.verified_at, (
            SELECT f.error FROM failed f WHERE f.entity = t.entity AND (t.verified_at IS NULL OR f.finished_at > t.verified_at) ORDER BY f.step_id DESC LIMIT 1)
        FROM engine.stream t
        WHERE t.source = :source AND {offers.IS_ASKED_FOR} AND (t.verified_at IS NULL OR t.entity = ANY(:gone) OR EXISTS (
            SELECT FROM failed f WHERE f.entity = t.entity AND f.finished_at > t.verified_at))
        ORDER BY t.rank, t.entity
        """,
        gone=list(gone),
    )
    return {str(entity): _why(read_at, error or gone.get(str(entity))) for entity, read_at, error in rows}


def _why(read_at: object, error: object) -> str:
    since = "was never read" if read_at is None else f"was not read since {read_at:%Y-%m-%d %H:%M} UTC"
    return f"{since}: {error}" if error else since
