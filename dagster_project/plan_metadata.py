"""What a run says about a decision: the plan as tables, by ids, numbers and field names. The values stay in the database.

A plan changes names, addresses and balances, and Dagster keeps its metadata for ever and shows it to everybody who may look at a
run. So a table says which field of which record gets another master; what it said before and says then, `sync-engine links show`
tells those who may read the store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from itertools import islice
from typing import Any

import dagster as dg

from dagster_project.metadata import Metadata, table
from sync_engine.ops.decisions.plan_view import DecisionChange, Plan
from sync_engine.ops.imports import Report
from sync_engine.store.decisions.plans import BalanceChange

SHOWN = 100
"""Rows of a table in the UI; the command line lists all."""
KINDS = {
    "negative_link": "no rule links them",
    "pin": "a value by hand",
    "tag": "tag",
    "merged": "merged",
    "member": "member of the group",
    "group": "group",
    "link_rule": "link mode",
}
UNLINKED = "not linked"
VERBS = {"create": "created", "update": "changed", "delete": "becomes a tombstone", "restore": "back"}


def about_plan(plan: Plan, *, is_applied: bool) -> Metadata:
    """A plan, or what was applied: its hash, what it comes to, and each of its sections that is not empty as a table."""
    return {
        "state": "applied" if is_applied else "planned, nothing was changed",
        **({"takes back": f"plan {plan.operation['plan'][:12]}"} if plan.operation["op"] == "undo" else {}),
        "in short": ", ".join(
            f"{n} {what.removesuffix('s') if n == 1 else what}" for what, n in plan.counts.items() if n
        )
        or "it changes nothing",
        "next": _next(plan, is_applied=is_applied),
        **{name: shown for name, shown in _sections(plan).items() if shown.records},
        "plan": plan.hash,
    }


def _next(plan: Plan, *, is_applied: bool) -> str:
    if is_applied:
        return f"Done. To take it back, launch ops_undo with {_typed(plan)}"
    if plan.vetoed and plan.does_nothing:
        return "Vetoed: applying it would be refused. The table says why; if it is right all the same, launch it again with force: true"
    job, asks = (
        ("ops_switch_to_automatic", "the same form and ")
        if plan.operation["op"] == "go_automatic"
        else ("ops_apply_plan", "")
    )
    return (
        f"Look at the tables, then launch {job} with {asks}{_typed(plan)} - it does exactly this, or refuses if anything has moved. "
        f"The values themselves: sync-engine links show {plan.hash[:12]}"
    )


def _typed(plan: Plan) -> str:
    """What is typed into the form: in quotes, because twelve digits, or digits around an e, would be a number there."""
    return f'plan: "{plan.hash[:12]}"'


def _sections(plan: Plan) -> dict[str, dg.TableMetadataValue]:
    called = {i: n.number or i for i, n in plan.named.items()}

    def name(record: str | None) -> str:
        return "" if record is None else called.get(record, record)

    def rows(some: Iterable[tuple[str, ...]], *columns: str) -> dg.TableMetadataValue:
        return table(
            (dict(zip(columns, row, strict=True)) for row in islice(some, SHOWN)),
            **dict.fromkeys(columns, "string"),
        )

    links = (
        (
            x.entity,
            x.source,
            x.key,
            name(x.old) or UNLINKED,
            name(x.new) or UNLINKED,
            (x.rule or "").replace("_", " "),
        )
        for x in plan.links
    )
    cases = (
        (c.entity, c.source, c.key, c.outcome, c.rung or "", ", ".join(map(name, c.candidates)))
        for c in plan.cases
    )
    vetoed = ((v.entity, v.source, v.key, name(v.record), v.why) for v in plan.vetoed)
    fields = (
        (
            f.entity,
            name(f.record),
            f.field if f.field and f.op == "update" else "all of it",
            VERBS.get(f.op, f.op),
        )
        for f in plan.fields
    )
    masters = (
        (m.entity, name(m.record), m.field, m.old or "nobody", m.new or "nobody") for m in plan.masters
    )
    decisions = (
        (
            KINDS.get(d.kind, d.kind),
            _about(d, name),
            "taken back" if d.new is None else "new" if d.old is None else "changed",
        )
        for d in plan.decisions
    )
    return {
        "vetoed": rows(vetoed, "entity", "source", "record", "would mean", "why not"),
        "for a person": rows(cases, "entity", "source", "record", "outcome", "rung", "candidates"),
        "links": rows(links, "entity", "source", "record", "means before", "means after", "because of"),
        "fields": rows(fields, "entity", "record", "field", "what happens"),
        "masters": rows(masters, "entity", "record", "field", "master before", "master after"),
        "decisions": rows(decisions, "what", "about", "what happens"),
        "balances that move": table(
            _moved(plan.balances),
            **{"currency": "string", "debtors": "int", "moves": "string", "all together": "string"},
        ),
    }


def _about(decision: DecisionChange, name: Callable[[str | None], str]) -> str:
    key = decision.key
    match decision.kind:
        case "negative_link":
            return f"{key[2]} {key[3]} and {name(key[1])}"
        case "pin":
            return f"{key[2].removesuffix('_key')} of {name(key[1])}"
        case "tag":
            return f"{key[2]} of {name(key[1])}"
        case "merged":
            into = (decision.new or decision.old or {}).get("merged_into")
            return f"{name(key[1])} into {name(into)}"
        case "link_rule":
            return f"{key[1]}s of {key[0]}: {(decision.new or {}).get('mode', 'none')}"
        case _:
            return name(key[0])


def _moved(balances: list[BalanceChange]) -> list[Mapping[str, Any]]:
    """By currency: how much leaves debtors and arrives at others, and what that does to the sum. No debtor's own figure."""
    found: dict[str, list[Decimal]] = {}
    for b in balances:
        found.setdefault(b.currency, []).append(Decimal(b.new) - Decimal(b.old))
    return [
        {
            "currency": currency or "base",
            "debtors": len(steps),
            "moves": f"{max(sum(s for s in steps if s > 0), -sum(s for s in steps if s < 0)):,.2f}",
            "all together": "as before" if not sum(steps) else f"{sum(steps):+,.2f}",
        }
        for currency, steps in sorted(found.items())
    ]


def about_import(report: Report, *, is_applied: bool) -> Metadata:
    """An import: how many rows, and of the refused ones line, column and what to do. What a row said stays in its file."""
    refused = [r for r in report.rows if r.outcome == "refused"]
    rows = [{"line": r.line, "column": r.column or "", "what to do": r.todo or ""} for r in refused[:SHOWN]]
    columns = Counter(r.column for r in refused)
    return {
        "state": "imported" if is_applied else "planned, nothing was changed",
        "next": _after_import(report),
        **({"import": report.import_id} if report.import_id is not None else {}),
        "rows read": report.read,
        "rows applied" if is_applied else "rows that would be applied": report.applied,
        "rows unchanged": report.unchanged,
        "rows refused": report.refused,
        "refused because of": ", ".join(f"{column}: {n}" for column, n in columns.most_common()) or "nothing",
        **({"refused": table(rows, line="int", column="string", **{"what to do": "string"})} if rows else {}),
    }


def _after_import(report: Report) -> str:
    if report.import_id is not None:
        return f"Done. To take it back, launch ops_undo_import with number: {report.import_id}"
    left = "; what is refused stays out until the file is corrected" if report.refused else ""
    return (
        f"Look at the counts, then launch it again with apply: true{left}"
        if report.applied
        else "Nothing of it would be applied"
    )
