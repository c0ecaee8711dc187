"""C1, C11, C12, C13, C15 and C16: every record is accounted for, none is from tomorrow, none is there twice; what nobody told, what was lost or odd."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from sync_engine.store.controls.certificate import SAMPLE, Check, Difference, judged, money, not_answerable
from sync_engine.store.controls.context import LIVE_DOCUMENT, Ground, decimal, list_open_items
from sync_engine.store.landing import damage
from sync_engine.store.staging import staged

COUNTED = {
    "company": "canonical.company",
    "account_owner": "canonical.account_owner",
    "reference": "canonical.reference",
    "dimension": "canonical.dimension",
    "dimension_value": "canonical.dimension_value",
    "debtor_dimension": "canonical.debtor_dimension",
    "address": "canonical.address",
    "activity": "canonical.activity",
    "attachment": "canonical.attachment",
    "payment": "canonical.payment",
    "application": "canonical.application",
    "document": "canonical.document",
    "fx_rate": "canonical.fx_rate",
}
"""Canonical entities whose rows carry their source key, one row a record. Debtors and contacts count through their links."""
DERIVED = {"dimension": "field/%", "dimension_value": "field/%", "debtor_dimension": "member/%"}
"""How the keys begin of rows that no record of their own tells: those made of a debtor's record, and of the ledger where nothing is named."""
BLOCKING = {"document", "ledger_entry", "payment", "application", "debtor"}


class Documents(NamedTuple):
    """What one pass over a source's documents counts: those with a record of their own, those whose debtor is not there, those posted after
    the ledger date, and those that something is open of."""

    recorded: int
    orphaned: int
    late: int
    open: int


def count_documents(ground: Ground) -> Documents:
    """Looks at every living document once; which ones they are is asked only where one should not be there."""
    ((*counts,),) = ground.rows(
        f"""
        SELECT count(*) FILTER (WHERE d.external_id NOT LIKE 'ledger/%'), count(*) FILTER (WHERE r.id IS NULL),
               count(*) FILTER (WHERE coalesce(d.posting_date, d.issue_date) > :day AND {LIVE_DOCUMENT}),
               count(*) FILTER (WHERE d.open_amount <> 0 AND {LIVE_DOCUMENT})
        FROM canonical.document d LEFT JOIN canonical.debtor r ON r.id = d.debtor_id WHERE d.source = :source AND d.deleted_at IS NULL
        """,
        day=ground.ledger_date,
    )
    return Documents(*(int(str(n)) for n in counts))


def records_are_accounted_for(ground: Ground, documents: Documents) -> Check:
    """C1: source = canonical + quarantined + excluded, tombstones apart; first the source's counts, then record by record."""
    lines = lines_of(ground)
    stated = {t.entity: int(t.value) for t in ground.stated("count")}
    found: list[Difference] = []
    classes: Counter[str] = Counter()
    for line in lines:
        said = None if line["facet"] else stated.get(line["entity"])
        line["stated"] = said
        known = line["known"]
        if said is not None and said != known:
            is_late = line["entity"] in ground.not_read or (said < known and line["swept_before"])
            reason = "timing" if is_late else "missing" if said > known else "extra"
            classes[reason] += abs(said - known)
            found.append(Difference("count", line["entity"], reason, str(said), str(known)))
    lost = _lost_between(ground, documents, lines, found, classes)
    counted = [line for line in lines if line["stated"] is not None]
    theirs, ours = (
        str(sum(line[name] for line in counted)) if counted else None for name in ("stated", "known")
    )
    return judged(
        "C1",
        "Every record is accounted for",
        theirs,
        ours,
        found,
        classes=classes,
        blocking=lost,
        note="" if counted else ground.why_not("counts"),
        figures={"streams": lines},
        stated=bool(counted),
    )


def lines_of(ground: Ground) -> list[dict[str, Any]]:
    """How many records of each stream are known, usable, odd and gone; those of erased people are known by their number and excluded.

    `swept_before`: the last sweep ended before the cut before this one, so what was deleted since is found by the next.
    """
    rows = ground.rows(f"""
        SELECT s.stream_id, s.entity, s.canonical, s.facet, r.n - o.tombstoned + s.erased_count, r.n - o.quarantined - o.excluded - o.tombstoned,
               o.quarantined, o.excluded + s.erased_count, o.tombstoned,
               coalesce(s.swept_at <= (
                   SELECT max(c.as_of) FROM canonical.cut c WHERE c.source = :source AND c.cut_id < {ground.cut_id:d}), false)
        FROM engine.stream s
        CROSS JOIN LATERAL (SELECT count(*) AS n FROM engine.source_record r WHERE r.stream_id = s.stream_id) r
        CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE state = 1 AND deleted_at IS NULL) AS quarantined,
                   count(*) FILTER (WHERE state = 2 AND deleted_at IS NULL) AS excluded,
                   count(*) FILTER (WHERE deleted_at IS NOT NULL) AS tombstoned
            FROM engine.source_record x WHERE x.stream_id = s.stream_id AND (x.state <> 0 OR x.deleted_at IS NOT NULL)
        ) o
        WHERE s.source = :source ORDER BY s.rank, s.entity
        """)
    names = (
        "stream_id",
        "entity",
        "canonical",
        "facet",
        "known",
        "usable",
        "quarantined",
        "excluded",
        "tombstoned",
        "swept_before",
    )
    return [dict(zip(names, row, strict=True)) for row in rows]


def _lost_between(
    ground: Ground,
    documents: Documents,
    lines: list[dict[str, Any]],
    found: list[Difference],
    classes: Counter[str],
) -> bool:
    """Usable records that canonical does not have, or has though it should not; true when one of the important kind is lost."""
    usable: dict[str, int] = defaultdict(int)
    streams: dict[str, list[int]] = defaultdict(list)
    for line in lines:
        if not line["facet"]:
            usable[line["canonical"]] += line["usable"]
            streams[line["canonical"]].append(line["stream_id"])
    lost = False
    for canonical, records in usable.items():
        live, waiting = (
            (documents.recorded, 0)
            if canonical == "document"
            else _live(ground, canonical, streams[canonical])
        )
        if live is None:
            continue
        if waiting:
            classes["timing"] += waiting
            found.append(
                Difference(canonical, f"{waiting} waiting for a record they name, or for a link", "timing")
            )
        if records != live + waiting:
            reason = "missing" if records > live + waiting else "extra"
            classes[reason] += abs(records - live - waiting)
            found.append(Difference(canonical, "all", reason, str(records), str(live + waiting)))
            found.extend(_unmatched(ground, canonical, streams[canonical]))
            lost = lost or (reason == "missing" and canonical in BLOCKING)
    if documents.orphaned:
        classes["missing"] += documents.orphaned
        orphans = ground.rows(f"""
            SELECT d.external_id FROM canonical.document d
            WHERE d.source = :source AND d.deleted_at IS NULL AND NOT EXISTS (SELECT FROM canonical.debtor r WHERE r.id = d.debtor_id) LIMIT {SAMPLE}
            """)
        found.extend(Difference("debtor of document", str(key), "missing") for (key,) in orphans)
    return lost or bool(documents.orphaned)


def _live(ground: Ground, canonical: str, streams: list[int]) -> tuple[int | None, int]:
    """Records of this kind that canonical holds, and usable ones that wait for another record."""
    if canonical in ("debtor", "contact"):
        row = ground.rows(
            f"""
            SELECT count(*) FILTER (WHERE t.id IS NOT NULL AND t.deleted_at IS NULL), count(*) FILTER (WHERE l.canonical_id IS NULL)
            FROM engine.source_record r
            LEFT JOIN canonical.link l ON l.entity = :entity AND l.source = :source AND l.external_id = r.key
            LEFT JOIN canonical.{canonical} t ON t.id = l.canonical_id
            WHERE r.stream_id = ANY (:streams) AND r.state = 0 AND r.deleted_at IS NULL
            """,
            entity=canonical,
            streams=streams,
        )[0]
    elif canonical == "ledger_entry":
        row = ground.rows(
            "SELECT count(*), 0 FROM engine.ledger_entry WHERE source = :source AND record_id IS NOT NULL"
        )[0]
    elif canonical in COUNTED:
        row = ground.rows(
            f"SELECT count(*), 0 FROM {COUNTED[canonical]} WHERE source = :source AND deleted_at IS NULL AND external_id NOT LIKE :derived",
            derived=DERIVED.get(canonical, "ledger/%"),
        )[0]
    else:
        return None, 0
    waiting = int(str(row[1]))
    if (
        canonical == "application"
        and ground.rows("SELECT to_regclass(:name)", name=staged(ground.source, "application"))[0][0]
        is not None
    ):
        waiting = int(
            str(
                ground.rows(f"""
            SELECT count(DISTINCT (a.stream_id, a.key)) FROM {staged(ground.source, "application")} a JOIN engine.source_record r USING (stream_id, key)
            WHERE r.state = 0
            """)[0][0]
            )
        )
    return int(str(row[0])), waiting


def _unmatched(ground: Ground, canonical: str, streams: list[int]) -> list[Difference]:
    if canonical not in COUNTED or canonical == "reference":
        return []
    rows = ground.rows(
        f"""
        SELECT coalesce(r.key, t.external_id), CASE WHEN t.external_id IS NULL THEN 'missing' ELSE 'extra' END
        FROM (SELECT key FROM engine.source_record WHERE stream_id = ANY(:streams) AND state = 0 AND deleted_at IS NULL) r
        FULL JOIN (SELECT external_id FROM {COUNTED[canonical]} WHERE source = :source AND deleted_at IS NULL AND external_id NOT LIKE :derived) t
            ON t.external_id = r.key
        WHERE r.key IS NULL OR t.external_id IS NULL ORDER BY 1 LIMIT {SAMPLE}
        """,
        streams=streams,
        derived=DERIVED.get(canonical, "ledger/%"),
    )
    return [Difference(canonical, str(key), str(reason)) for key, reason in rows]


def nothing_is_from_tomorrow(ground: Ground, documents: Documents) -> Check:
    """C11: a document or payment posted after the ledger date of the cut is not part of what was owed on it."""
    late_documents = f"""
        SELECT 'document', d.external_no, d.external_id, CAST(coalesce(d.posting_date, d.issue_date) AS text) FROM canonical.document d
        WHERE d.source = :source AND {LIVE_DOCUMENT} AND coalesce(d.posting_date, d.issue_date) > :day
        UNION ALL"""
    rows = ground.rows(
        f"""
        {late_documents if documents.late else ""}
        SELECT 'payment', p.external_no, p.external_id, CAST(p.payment_date AS text) FROM canonical.payment p
        WHERE p.source = :source AND p.deleted_at IS NULL AND p.payment_date > :day
        ORDER BY 4, 2
        """,
        day=ground.ledger_date,
    )
    found = [
        Difference(str(what), str(number or key), "timing", canonical_value=str(day))
        for what, number, key, day in rows
    ]
    return judged(
        "C11",
        "Nothing is posted after the cut-off",
        None,
        str(len(rows)),
        found,
        figures={"ledger_date": str(ground.ledger_date)},
    )


def duplicates(ground: Ground) -> list[Difference]:
    """Documents that agree in debtor, kind, number, date and amount, and have different keys.

    Entries of a ledger are no duplicates of each other, whatever number somebody typed: the ledger counts them apart.
    """
    rows = ground.rows(f"""
        SELECT d.external_no, count(*), string_agg(d.external_id, ', ' ORDER BY d.external_id) FROM canonical.document d
        WHERE d.source = :source AND {LIVE_DOCUMENT}
          AND d.external_no IN (
              SELECT external_no FROM canonical.document WHERE source = :source AND external_no IS NOT NULL GROUP BY external_no HAVING count(*) > 1)
        GROUP BY d.debtor_id, d.total, d.issue_date, d.external_no, d.kind HAVING count(*) > 1 AND bool_or(d.external_id NOT LIKE 'ledger/%') ORDER BY 1
        """)
    return [
        Difference("document", str(number), "duplicate", canonical_value=f"{n} times: {keys}")
        for number, n, keys in rows
    ]


def nothing_is_there_twice(ground: Ground, documents: Documents, twice: Sequence[Difference]) -> Check:
    """C12: no document is there twice, as `duplicates` finds them, or open by another amount than its instalments together."""
    found = [*twice, *_instalments_that_do_not_add_up(ground, documents)]
    return judged("C12", "No document is there twice", None, str(len(found)), found)


def landed_files_are_whole(ground: Ground) -> Iterator[Check]:
    """C15, where there is something: landed bytes of current records that are lost. What they said stays as it was published last."""
    lost = damage.damaged(ground.connection, ground.source)
    if lost:
        found = [Difference("landed batch", one.path, "missing", str(one.needed), one.damage) for one in lost]
        note = f"Put the files back from a backup, or `sync-engine run {ground.source} --full` lands these records again."
        yield judged(
            "C15",
            "Every landed file is what was landed",
            str(sum(one.needed for one in lost)),
            "0",
            found,
            note=note,
        )


def _instalments_that_do_not_add_up(ground: Ground, documents: Documents) -> list[Difference]:
    """Documents of which another amount is open than of their instalments together.

    As a rule each is open by its one instalment, its first: nothing is added up where that holds for all.
    """
    opened = ground.opened.values()
    n_parts, n_first = sum(one.parts for one in opened), sum(one.first_parts for one in opened)
    if n_parts == n_first == documents.open and not any(one.differs for one in opened):
        return []
    list_open_items(ground)
    without_any = f"""
        UNION ALL SELECT coalesce(d.external_no, d.external_id), d.open_amount, 0 FROM canonical.document d
        WHERE d.source = :source AND d.open_amount <> 0 AND {LIVE_DOCUMENT} AND NOT EXISTS (SELECT FROM control_open o WHERE o.id = d.id)"""
    rows = ground.rows(f"""
        SELECT coalesce(external_no, external_id), whole, abs(sum(effect)) FROM control_open WHERE whole <> 0
        GROUP BY id, external_no, external_id, whole HAVING abs(whole) <> abs(sum(effect))
        {without_any} ORDER BY 1
        """)
    return [
        Difference("instalments", str(number), "amount", money(decimal(whole)), money(decimal(parts)))
        for number, whole, parts in rows
    ]


def what_was_odd(ground: Ground) -> Iterator[Check]:
    """C16, where there is something: what the run that made the cut met while it read and got over, as its steps tell it."""
    rows = ground.rows(
        """
        SELECT string_agg(DISTINCT p.entity, ', ' ORDER BY p.entity), p.error FROM engine.run_step p
        WHERE p.run_id IN (:run, (SELECT run_id FROM canonical.cut WHERE cut_id = :cut))
          AND p.stage = 'pull' AND p.outcome = 'succeeded' AND p.error IS NOT NULL
        GROUP BY p.error ORDER BY 1
        """,
        run=ground.run_id,
        cut=ground.cut_id,
    )
    if rows:
        note = " ".join(f"{entities}: {said}." for entities, said in rows)
        yield not_answerable("C16", "Nothing was odd", note)


def what_is_not_told(
    ground: Ground, untold: Mapping[str, str], has_applications: bool, withheld: str = ""
) -> Iterator[Check]:
    """C13, where there is something: what no check can see, because the source's way of being read does not tell it.

    With how much of what the views answer is marked as not exact: today, and for days before this cut. `withheld` is the sentence about
    documents whose ledger asks for less.
    """
    today, undated = (
        int(str(n))
        for n in ground.rows("""
        SELECT (SELECT count(*) FROM canonical.instalment WHERE source = :source AND why_inexact IS NOT NULL AND deleted_at IS NULL),
               (SELECT count(*) FROM canonical.application WHERE source = :source AND is_reversed AND reversed_on IS NULL AND deleted_at IS NULL)
        """)[0]
    )
    unexplained = (
        int(str(ground.rows("SELECT count(DISTINCT id) FROM control_differing")[0][0]))
        if has_applications
        else 0
    )
    why = [
        str(row[0])
        for row in ground.rows(
            "SELECT why_inexact FROM canonical.as_of_exactness WHERE source = :source AND why_inexact IS NOT NULL AND :money",
            money=ground.claims_money,
        )
    ]
    notes = [
        *(f"{entity}: {sentence}." for entity, sentence in sorted(untold.items())),
        *([f"What remains of {today} instalments is not told exactly (canonical.instalment.why_inexact)."] if today else []),
        *([withheld] if withheld else []),
        *(f"As-of answers: {sentence}." for sentence in why),
        *([f"As-of answers: {unexplained} records were settled by something, and {undated} applications taken back on a day, that is not told."]
            if unexplained or undated else []),
    ]  # fmt: skip
    if notes:
        figures = {
            "inexact_today": today,
            "undated": undated,
            "unexplained": unexplained,
            "tells_applications": not why,
        }
        yield replace(not_answerable("C13", "The source tells everything", " ".join(notes)), figures=figures)
