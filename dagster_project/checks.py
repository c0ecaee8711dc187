"""The checks of a lane: what each one asks, and its answer from what the step knows and the store remembers.

A check about something that waits for a person (quarantine, a missing rule, a held sweep) looks at all that waits, not only at
what this run added: it stays red until it is mended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import dagster as dg

from dagster_project.metadata import Metadata, counted, graded, table
from sync_engine.stages.publish import Published
from sync_engine.stages.source_run import SourceRun
from sync_engine.store.controls import Certificate, Check
from sync_engine.store.db import transaction
from sync_engine.store.landing import damage
from sync_engine.store.queries import review_queue, source_status

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
EVERY_STREAM_WAS_READ = "every_stream_was_read"
SWEEP_NOT_SUSPICIOUSLY_SMALL = "sweep_not_suspiciously_small"
NOTHING_QUARANTINED = "nothing_quarantined"
NO_CODE_GAPS = "no_code_gaps"
LANDED_FILES_ARE_WHOLE = "landed_files_are_whole"
EVERY_DOCUMENT_HAS_ITS_DEBTOR = "every_document_has_its_debtor"
CONTROL_TOTALS_AGREE = "control_totals_agree"
NOTHING_IS_MISSING = "nothing_is_missing"
AMBIGUOUS_LINKS = "ambiguous_links"
OVERRULED_BY_ENTITY = "overruled_by_entity"
SHOWN = 20
"""Rows of a table in the UI; the command line lists all."""


def of_pulled(key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """The checks of a pulled family."""
    return [
        dg.AssetCheckSpec(
            EVERY_STREAM_WAS_READ,
            asset=key,
            description="The source answered for every stream of the family. When it did not, the others went on, and the run ends red.",
        ),
        dg.AssetCheckSpec(
            SWEEP_NOT_SUSPICIOUSLY_SMALL,
            asset=key,
            blocking=True,
            description="No full sweep came back with so few records that much would be deleted. When one did, nothing was deleted, and nothing is "
            "published until a person has looked.",
        ),
    ]


def of_normalised(key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """The checks of a normalised family."""
    return [
        dg.AssetCheckSpec(
            NOTHING_QUARANTINED,
            asset=key,
            description="No record of the family waits in quarantine. One that does is left out of what is published.",
        ),
        dg.AssetCheckSpec(
            NO_CODE_GAPS,
            asset=key,
            description="A rule knows every code. Where none does, the field is left empty rather than guessed.",
        ),
        dg.AssetCheckSpec(
            LANDED_FILES_ARE_WHOLE,
            asset=key,
            description="No landed file that is needed is known to be missing or damaged. What lies in one stays as it was published.",
        ),
    ]


def of_canonical_documents(key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """The check of the published documents."""
    said = "No document waits because its debtor is not known. One that does is missing from every balance."
    return [dg.AssetCheckSpec(EVERY_DOCUMENT_HAS_ITS_DEBTOR, asset=key, description=said)]


def of_canonical_people(key: dg.AssetKey, entity: str) -> list[dg.AssetCheckSpec]:
    """The checks of what several sources may speak about: debtors, contacts."""
    return [
        dg.AssetCheckSpec(
            AMBIGUOUS_LINKS,
            asset=key,
            description=f"The rules know which {entity} each record of this source means. One that fits several, or that a veto "
            "keeps apart, is linked to none of them until a person has decided.",
        ),
        dg.AssetCheckSpec(
            OVERRULED_BY_ENTITY,
            asset=key,
            description=f"Nothing this source says about a {entity} is overruled by a person or by a source that ranks before "
            "it. What is overruled is kept, and counts again when its record is unlinked from the others.",
        ),
    ]


def of_certificate(key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """The checks of the certificate."""
    agree = "Every figure the source states about itself agrees with the canonical store, or each difference is explained."
    there = (
        "Nothing the source has is missing from the cut: quarantined, waiting for a record that is, never read. A warning while it is little; an error "
        "above the share that the YAML allows (missing.share), and when an entity could not be read."
    )
    return [
        dg.AssetCheckSpec(CONTROL_TOTALS_AGREE, asset=key, description=agree),
        dg.AssetCheckSpec(NOTHING_IS_MISSING, asset=key, description=there),
    ]


def every_stream_was_read(missing: Mapping[str, str], streams: Iterable[str]) -> dg.AssetCheckResult:
    """`missing` are the streams that failed in this run, with the sentence that says why."""
    names = set(streams)
    said = {entity: sentence for entity, sentence in missing.items() if entity in names}
    if not said:
        return passed(EVERY_STREAM_WAS_READ, ERROR, "The source answered for every stream.")
    return failed(
        EVERY_STREAM_WAS_READ, ERROR, "\n".join(dict.fromkeys(said.values())), {"not read": ", ".join(said)}
    )


def sweep_not_suspiciously_small(source_run: SourceRun, streams: Iterable[str]) -> dg.AssetCheckResult:
    """Fails while a sweep of the family is held and nobody has approved it."""
    names = set(streams)
    with transaction(source_run.store, "looking for held sweeps") as connection:
        held = [
            h
            for h in source_status.holds(connection, source_run.source)
            if h.entity in names and h.approved_at is None
        ]
    if not held:
        return passed(SWEEP_NOT_SUSPICIOUSLY_SMALL, ERROR, "No sweep is held.")
    todo = (
        "Nothing was deleted and nothing is published. Look into the source: if these records are really gone, approve it "
        f"(sync-engine sweep approve {source_run.source} {held[0].entity}, or accept_deletes in the full resync job); "
        "if not, the next complete sweep releases the hold by itself."
    )
    rows = [
        {
            "stream": h.entity,
            "known": h.known,
            "seen": h.seen,
            "missing": h.missing,
            "stated": "" if h.stated is None else str(h.stated),
        }
        for h in held
    ]
    shown = table(rows, stream="string", known="int", seen="int", missing="int", stated="string")
    return failed(
        SWEEP_NOT_SUSPICIOUSLY_SMALL, ERROR, "\n".join([*map(_of_sweep, held), todo]), {"held": shown}
    )


def _of_sweep(hold: source_status.Hold) -> str:
    stated = "" if hold.stated is None else f", the source says it has {hold.stated}"
    return f"{hold.entity}: the sweep saw {hold.seen} records{stated}, and {hold.missing} of {hold.known} known ones are missing."


def nothing_quarantined(source_run: SourceRun, streams: Iterable[str]) -> dg.AssetCheckResult:
    """Fails while records of the family wait in quarantine."""
    names = set(streams)
    with transaction(source_run.store, "counting the quarantine") as connection:
        waiting = {
            e.entity: e.quarantined
            for e in source_status.entities(connection, source_run.source)
            if e.entity in names and e.quarantined
        }
    if not waiting:
        return passed(NOTHING_QUARANTINED, WARN, "Quarantine is empty.")
    shown = table(
        ({"stream": entity, "records": records} for entity, records in waiting.items()),
        stream="string",
        records="int",
    )
    said = (
        f"{counted(sum(waiting.values()), 'record waits', 'records wait')} in quarantine, not published. "
        f"See them, with reasons: sync-engine quarantine list {source_run.source}"
    )
    return failed(NOTHING_QUARANTINED, WARN, said, {"waiting": shown})


def no_code_gaps(source_run: SourceRun, streams: Iterable[str]) -> dg.AssetCheckResult:
    """Fails while codes of the family have no rule."""
    names = set(streams)
    with transaction(source_run.store, "counting code gaps") as connection:
        found = [g for g in source_status.gaps(connection, source_run.source) if g.entity in names]
    if not found:
        return passed(NO_CODE_GAPS, WARN, "Every code has its rule.")
    rows = (
        {"stream": g.entity, "field": g.field, "code": g.code, "records": g.records} for g in found[:SHOWN]
    )
    said = (
        f"No rule knows {counted(len(found), 'code', 'codes')}; the field stays empty. Add rules to the YAML under `mapping`. "
        f"All of them: sync-engine gaps {source_run.source}"
    )
    return failed(
        NO_CODE_GAPS,
        WARN,
        said,
        {"codes": table(rows, stream="string", field="string", code="string", records="int")},
    )


def landed_files_are_whole(source_run: SourceRun, streams: Iterable[str]) -> dg.AssetCheckResult:
    """Fails while landed bytes of current records of the family are lost."""
    names = set(streams)
    with transaction(source_run.store, "looking for damaged batches") as connection:
        lost = [b for b in damage.damaged(connection, source_run.source) if b.entity in names]
    if not lost:
        return passed(LANDED_FILES_ARE_WHOLE, ERROR, "No landed file is known to be damaged.")
    rows = (
        {"stream": b.entity, "file": b.path, "damage": b.damage or "", "records": b.needed}
        for b in lost[:SHOWN]
    )
    said = (
        f"{counted(len(lost), 'landed file is', 'landed files are')} not what was landed. The next run of the lane lands their records again by itself; "
        f"{source_run.source}_full_resync does it now."
    )
    return failed(
        LANDED_FILES_ARE_WHOLE,
        ERROR,
        said,
        {"damaged": table(rows, stream="string", file="string", damage="string", records="int")},
    )


def every_document_has_its_debtor(published: Published, key: dg.AssetKey, source: str) -> dg.AssetCheckResult:
    """Fails while documents wait for a debtor nobody has seen."""
    waiting = int(published.counts.get("document", {}).get("waiting_for_debtor", 0))
    if not waiting:
        return passed(EVERY_DOCUMENT_HAS_ITS_DEBTOR, ERROR, "Every document has its debtor.", key=key)
    said = f"{counted(waiting, 'document waits', 'documents wait')} for a debtor that is not known. See which: sync-engine quarantine list {source}"
    return failed(EVERY_DOCUMENT_HAS_ITS_DEBTOR, ERROR, said, {"waiting": waiting}, key=key)


def ambiguous_links(source_run: SourceRun, key: dg.AssetKey, entity: str) -> dg.AssetCheckResult:
    """Fails while records of this source wait for a person to say whom they mean."""
    with transaction(source_run.store, "looking for ambiguous links") as connection:
        found = review_queue.open_cases(connection, source_run.source, entity)
    if not found:
        return passed(AMBIGUOUS_LINKS, WARN, "No record waits for a person.", {"waiting": 0}, key)
    rows = (
        {
            "record": c["key"],
            "outcome": c["outcome"],
            "rung": c["rung"] or "",
            "candidates": len(c["candidates"]),
        }
        for c in found[:SHOWN]
    )
    said = (
        f"{counted(len(found), 'record waits', 'records wait')} for a person. "
        f"See them, with their candidates: sync-engine links cases {source_run.source}; decide with the job ops_link."
    )
    shown = table(rows, record="string", outcome="string", rung="string", candidates="int")
    return failed(AMBIGUOUS_LINKS, WARN, said, {"waiting": len(found), "records": shown}, key=key)


def overruled_by_entity(source_run: SourceRun, key: dg.AssetKey, entity: str) -> dg.AssetCheckResult:
    """Fails while this source says something that nobody believes."""
    with transaction(source_run.store, "counting what is overruled") as connection:
        found = review_queue.overrulings(connection, source_run.source, entity)
    if not found:
        return passed(
            OVERRULED_BY_ENTITY, WARN, "Nothing this source says is overruled.", {"overruled": 0}, key
        )
    records = sum(f.records for f in found)
    said = (
        f"{counted(records, f'value of {source_run.source} is', f'values of {source_run.source} are')} overruled. "
        f"Which: canonical.overruled; why: sync-engine explain {entity} NUMBER. "
        "Correct them in the source, take back what a person set (job ops_unpin), or change the ranking in the policy."
    )
    rows = (
        {"entity": f.entity, "field": f.field, "believed": f.believed_source, "records": f.records}
        for f in found[:SHOWN]
    )
    shown = table(rows, entity="string", field="string", believed="string", records="int")
    return failed(OVERRULED_BY_ENTITY, WARN, said, {"overruled": records, "by field": shown}, key=key)


def of_certified(certificate: Certificate) -> list[dg.AssetCheckResult]:
    """The answers to the checks of the certificate."""
    return [
        control_totals_agree(certificate),
        *([nothing_is_missing(certificate, lost)] if (lost := certificate.missing) else []),
    ]


def control_totals_agree(certificate: Certificate) -> dg.AssetCheckResult:
    """Fails when a check broke and its differences are not all accounted for; what is missing has a check of its own."""
    broken = [c for c in certificate.checks if c.verdict == "breaks" and not c.explained and c.code != "C14"]
    about = graded(certificate)
    if not broken:
        return passed(
            CONTROL_TOTALS_AGREE,
            ERROR,
            f"Grade {certificate.grade}: nothing disagrees without an explanation. {about['checked']}.",
            about,
        )
    listed = "; ".join(
        f"{c.code} {c.title} ({counted(c.n_differences, 'difference', 'differences')})" for c in broken
    )
    said = f"Grade {certificate.grade}. {listed}. Down to documents: sync-engine certificate {certificate.source}"
    return failed(CONTROL_TOTALS_AGREE, ERROR, said, about)


def nothing_is_missing(certificate: Certificate, lost: Check) -> dg.AssetCheckResult:
    """Fails while anything is missing; an error when it is more than the settings allow."""
    about = graded(certificate)
    if lost.verdict == "holds":
        return passed(NOTHING_IS_MISSING, ERROR, "Everything the source has is in the cut.", about)
    severity = WARN if lost.explained else ERROR
    rows = (
        {"record": f"{d.what} {d.key}", "why": d.reason, "waiting for it": d.source_value or ""}
        for d in lost.sample
    )
    said = " ".join(
        part
        for part in (
            lost.note,
            f"Missing: {lost.difference}." if lost.difference else "",
            f"See why: sync-engine quarantine list {certificate.source}",
        )
        if part
    )
    shown = table(rows, **{"record": "string", "why": "string", "waiting for it": "string"})
    return failed(NOTHING_IS_MISSING, severity, said, {**about, **({"causes": shown} if lost.sample else {})})


def passed(
    name: str,
    severity: dg.AssetCheckSeverity,
    said: str,
    metadata: Metadata | None = None,
    key: dg.AssetKey | None = None,
) -> dg.AssetCheckResult:
    """A check that holds, and what was looked at."""
    return dg.AssetCheckResult(
        check_name=name, asset_key=key, passed=True, severity=severity, description=said, metadata=metadata
    )


def failed(
    name: str, severity: dg.AssetCheckSeverity, said: str, metadata: Metadata, key: dg.AssetKey | None = None
) -> dg.AssetCheckResult:
    """A check that does not hold. Why stands in the metadata too: the log of a run shows no description."""
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=key,
        passed=False,
        severity=severity,
        description=said,
        metadata={"why": said, **metadata},
    )
