"""What a step says about itself in the UI: counts, codes and durations. Never a name, an address, an amount of one debtor, a URL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from sync_engine.ops.runs.first_run import FirstRun
from sync_engine.ops.runs.rehearsal import Rehearsed
from sync_engine.stages.deliver import Delivered
from sync_engine.stages.normalise import Normalisation
from sync_engine.stages.publish import Published
from sync_engine.store.controls import Certificate, Check, checked

Metadata = dict[str, Any]


def counted(n: int, one: str, many: str) -> str:
    """`1 record waits`, `3 records wait`."""
    return f"{n} {one if n == 1 else many}"


LISTED = 100
"""Lines of a list; the command line has all."""


def table(rows: Iterable[Mapping[str, Any]], **columns: str) -> dg.TableMetadataValue:
    """A small table; `columns` are name -> Dagster type, in order."""
    schema = dg.TableSchema([dg.TableColumn(name, kind) for name, kind in columns.items()])
    return dg.MetadataValue.table(
        [dg.TableRecord({name: row[name] for name in columns}) for row in rows], schema
    )


def about_pull(rows: Mapping[str, Mapping[str, Any]]) -> Metadata:
    """Of `rows`, the run's pull steps by wire entity."""
    sums = {
        name: sum(int(row[name]) for row in rows.values())
        for name in ("read", "changed", "deleted", "calls", "bytes")
    }
    counted = ("read", "changed", "unchanged", "deleted", "calls", "bytes")
    shown = [
        {
            "stream": entity,
            "outcome": row["outcome"],
            **{name: int(row[name]) for name in counted},
            "seconds": float(row["seconds"]),
        }
        for entity, row in rows.items()
    ]
    return {
        "records read": sums["read"], "records changed": sums["changed"], "records deleted": sums["deleted"], "API calls": sums["calls"],
        "bytes landed": sums["bytes"], "seconds": round(sum(float(row["seconds"]) for row in rows.values()), 2),
        "streams": table(
            shown, stream="string", outcome="string", read="int", changed="int", unchanged="int", deleted="int", calls="int", bytes="int", seconds="float",
        ),
    }  # fmt: skip


def about_delivery(done: Delivered) -> Metadata:
    """How many writes were sent, and how many wait."""
    figures = {**done.figures, "waiting": done.waiting.pending}
    return {**figures, **({"left for the next run": done.stopped} if done.stopped else {})}


def about_normalised(done: Sequence[Normalisation], seconds: float) -> Metadata:
    """What normalising the streams of a family came to."""
    shown = [
        {
            "stream": n.entity,
            "read": n.counts.read,
            "changed": n.counts.changed,
            "unchanged": n.counts.unchanged,
            "quarantined": n.counts.quarantined,
            "excluded": n.counts.excluded,
            "code gaps": n.gaps,
        }
        for n in done
    ]
    return {
        "records normalised": sum(n.counts.read for n in done),
        "records quarantined": sum(n.counts.quarantined for n in done),
        "records excluded": sum(n.counts.excluded for n in done),
        "seconds": round(seconds, 2),
        "streams": table(
            shown,
            **{
                "stream": "string",
                "read": "int",
                "changed": "int",
                "unchanged": "int",
                "quarantined": "int",
                "excluded": "int",
                "code gaps": "int",
            },
        ),
    }


def about_cut(published: Published, tables: Sequence[str], certificate: dg.AssetKey) -> Metadata:
    """What a cut did to some tables of the canonical schema; a table it did not touch is told with zeros, or it would seem to be missing."""
    rows: list[dict[str, Any]] = [
        {
            "table": name,
            **{
                verb: int(published.counts.get(name, {}).get(verb, 0))
                for verb in ("created", "updated", "deleted")
            },
        }
        for name in tables
    ]
    written = sum(row["created"] + row["updated"] + row["deleted"] for row in rows)
    return {
        "cut": published.cut_id,
        "rows written": written,
        "changes in the whole cut": published.changes,
        "certificate": dg.MetadataValue.asset(certificate),
        "tables": table(rows, table="string", created="int", updated="int", deleted="int"),
    }


def about_rehearsal(found: Rehearsed) -> Metadata:
    """What a resync would change: entity, what happens to it, which field; `sync-engine run SOURCE --debtor NUMBER --dry-run` shows the values too."""
    by_kind = Counter((c.entity, c.op, c.field or "") for c in found.changes)
    rows = [
        {"entity": entity, "op": op, "field": field, "records": n}
        for (entity, op, field), n in by_kind.items()
    ]
    read = [{"stream": stream, "records": n} for stream, n in found.read.items()]
    difference = (
        {"difference": table(rows, entity="string", op="string", field="string", records="int")}
        if rows
        else {}
    )
    return {
        "state": "a dry run, nothing was changed",
        "changes it would make": len(found.changes),
        **difference,
        "records read": sum(found.read.values()),
        "read": table(read, stream="string", records="int"),
    }


def about_first_run(plan: FirstRun) -> Metadata:
    """What a first run would do with the debtors; keys and reasons, no names: `sync-engine run SOURCE --dry-run` shows those."""
    decided = [
        {"debtor": p.number or p.key, "outcome": p.outcome, "rung": p.rung or "", "why": p.why}
        for p in plan.decided[:LISTED]
    ]
    twins = [
        {"debtor": t.first_number, "and": t.second_number, "score": t.score, "because": t.because}
        for t in plan.twins[:LISTED]
    ]
    unusable = [{"debtor": u.key, "outcome": u.outcome, "why": u.why} for u in plan.unusable[:LISTED]]
    lists: dict[str, tuple[list[dict[str, Any]], dict[str, str]]] = {
        "decided by a rule, or left to a person": (
            decided,
            {"debtor": "string", "outcome": "string", "rung": "string", "why": "string"},
        ),
        "twice in the source itself": (
            twins,
            {"debtor": "string", "and": "string", "score": "float", "because": "string"},
        ),
        "not usable": (unusable, {"debtor": "string", "outcome": "string", "why": "string"}),
    }
    return {
        "state": "a plan, nothing was changed",
        "links are made": plan.mode,
        "debtors read": plan.read,
        "new": plan.new,
        "matched": plan.matched,
        "ambiguous": plan.ambiguous,
        "vetoed": plan.vetoed,
        "linked already": plan.already_linked,
        "quarantined": plan.quarantined,
        "excluded": plan.excluded,
        **{name: table(rows, **columns) for name, (rows, columns) in lists.items() if rows},
    }


def graded(certificate: Certificate) -> Metadata:
    """The grade, how much it stands on, and what is missing."""
    missing = certificate.missing
    return {
        "cut": certificate.cut_id,
        "grade": certificate.grade,
        "checked": checked(certificate.answered, len(certificate.counting), certificate.money_tied),
        **({"missing": missing.difference} if missing and missing.difference else {}),
        **({"notes": "\n".join(certificate.notes)} if certificate.notes else {}),
    }


def about_certificate(certificate: Certificate) -> Metadata:
    """The grade and what each check compared: totals of the whole source only, no debtor's figures."""
    rows = [
        {
            "check": c.code,
            "title": c.title,
            "verdict": c.verdict.replace("_", " "),
            "differences": c.n_differences,
            "why": _why(c),
            "source": _short(c.source_value),
            "canonical": _short(c.canonical_value),
        }
        for c in certificate.checks
    ]
    verdicts = Counter(c.verdict for c in certificate.checks)
    return {
        **graded(certificate),
        "checks that hold": verdicts["holds"], "checks that break": verdicts["breaks"], "not answerable": verdicts["not_answerable"],
        "checks": table(
            rows, check="string", title="string", verdict="string", differences="int", why="string", source="string", canonical="string",
        ),
    }  # fmt: skip


def _why(check: Check) -> str:
    kinds = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in sorted(check.classes.items()))
    return _short("; ".join(part for part in (kinds, check.note) if part), 160)


def _short(text: str | None, most: int = 60) -> str:
    text = text or ""
    return text if len(text) <= most else text[: most - 1] + "…"
