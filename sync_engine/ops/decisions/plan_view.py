"""What a plan shows: its sections, what people call the records in them, the hash over all of it, and a kept plan as it was shown."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from sync_engine.errors import ConfigurationError
from sync_engine.ops.decisions.edits import Vetoed
from sync_engine.ops.decisions.operations import Operation
from sync_engine.ops.runs.source_run import Runtime
from sync_engine.store.db import transaction
from sync_engine.store.decisions import plans
from sync_engine.store.decisions.plans import BalanceChange, FieldChange, MasterChange
from sync_engine.store.decisions.rows import Row
from sync_engine.store.publishing.parties import labels
from sync_engine.store.queries.lookups import group_names
from sync_engine.store.queries.receivables import REFERENCES, name_of

SHOWN = 200
"""Rows of a section that are kept for people; the hash covers all of them, and what nobody decided yet is always listed whole."""
_sorted_json = msgspec.json.Encoder(order="sorted").encode


class LinkChange(NamedTuple):
    """One source record before and after; None means no canonical record."""

    entity: str
    source: str
    key: str
    old: str | None
    new: str | None
    rule: str | None


class Case(NamedTuple):
    """A record the ladder leaves to people."""

    entity: str
    source: str
    key: str
    outcome: str
    rung: str | None
    candidates: list[str]
    why: dict[str, Any]


class DecisionChange(NamedTuple):
    """Another decision row than a link, before and after; None where there is none. `key` identifies it within its kind."""

    kind: str
    key: tuple[str, ...]
    old: dict[str, Any] | None
    new: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a decision does. Sections show at most `SHOWN` rows, `counts` says how many there are; `hash` covers all of it.

    `named` are the canonical records that the sections mention, by id.
    """

    hash: str
    operation: dict[str, Any]
    counts: dict[str, int]
    links: list[LinkChange] = field(default_factory=list)
    vetoed: list[Vetoed] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    fields: list[FieldChange] = field(default_factory=list)
    masters: list[MasterChange] = field(default_factory=list)
    balances: list[BalanceChange] = field(default_factory=list)
    decisions: list[DecisionChange] = field(default_factory=list)
    named: dict[str, Named] = field(default_factory=dict)

    @property
    def does_nothing(self) -> bool:
        """Whether applying it would change no decision."""
        return not self.counts.get("decisions")


class Named(NamedTuple):
    """What people call a canonical record."""

    number: str | None
    name: str | None


STAMPS = (
    "decided_at",
    "decided_by",
    "pinned_at",
    "pinned_by",
    "ended_at",
    "joined_at",
    "first_seen_at",
    "deleted_at",
)
"""When and who, which a plan cannot know: they are no part of what it shows."""
OF_RECORDS = {"negative_link": (0, 1), "pin": (0, 1), "tag": (0, 1), "merged": (0, 1)}
"""Where the key of a decision says which canonical record it is about."""


def named(connection: Connection, sections: Mapping[str, Sequence[Any]]) -> dict[str, Named]:
    """What people call the canonical records that the sections of a plan mention."""
    mentioned = {(x.entity, i) for x in sections["links"] for i in (x.old, x.new) if i}
    mentioned |= {(v.entity, v.record) for v in sections["vetoed"]} | {
        (c.entity, i) for c in sections["cases"] for i in c.candidates
    }
    mentioned |= {(x.entity, x.record) for x in (*sections["fields"], *sections["masters"])} | {
        ("debtor", b.record) for b in sections["balances"]
    }
    for kind, key, *values in sections["decisions"]:
        entity, record = (
            (key[place] for place in OF_RECORDS[kind]) if kind in OF_RECORDS else ("debtor", key[0])
        )
        if kind not in ("link_rule", "group"):
            mentioned.add((entity, record))
        mentioned |= {(entity, str(row["merged_into"])) for row in values if row and row.get("merged_into")}
    referred = {
        (f.field, v)
        for f in sections["fields"]
        if f.field in REFERENCES
        for v in (f.old, f.new)
        if isinstance(v, str)
    }
    found = {v: Named(None, str(name_of(connection, field, v))) for field, v in referred}
    of_groups = [
        row for kind, _, *values in sections["decisions"] if kind == "member" for row in values if row
    ]
    made = {
        key[0]: str(new["name"]) for kind, key, _, new in sections["decisions"] if kind == "group" and new
    }
    found |= {
        i: Named(None, n)
        for i, n in {**group_names(connection, {str(row["group_id"]) for row in of_groups}), **made}.items()
    }
    for entity in ("debtor", "contact"):
        found |= {
            i: Named(*said)
            for i, said in labels(connection, entity, {i for e, i in mentioned if e == entity}).items()
        }
    return found


def hash_of(
    operation: Operation, counts: dict[str, int], body: dict[str, Sequence[Any]], before: Iterable[Row | None]
) -> str:
    """The hash over a decision, everything it would do, and the decision rows it replaces."""
    digest = hashlib.sha256(json.dumps([operation.model_dump(mode="json"), counts], sort_keys=True).encode())
    for name, rows in sorted(body.items()):
        for row in rows:
            digest.update(f"\n{name} {line_of(row)}".encode())
    for state in before:
        digest.update(_sorted_json(state))
    return digest.hexdigest()


def line_of(row: Any) -> str:
    """A row of a section as it is kept and hashed."""
    return _sorted_json(row).decode()


def plain(row: Row | None) -> dict[str, Any] | None:
    """A decision row as a plan shows it."""
    if row is None:
        return None
    dissolved = {"dissolved": True} if row.get("deleted_at") else {}
    return {k: v for k, v in row.items() if k not in STAMPS and v is not None} | dissolved


class Kept(NamedTuple):
    """A plan as it was made, and what became of it."""

    plan: Plan
    made_by: str | None
    applied_by: str | None
    applied_at: datetime | None
    undone_by: str | None


_SECTIONS: dict[str, Callable[..., Any]] = {
    "links": LinkChange, "vetoed": Vetoed, "cases": Case, "fields": FieldChange, "masters": MasterChange, "balances": BalanceChange,
    "decisions": DecisionChange,
}  # fmt: skip


def kept(runtime: Runtime, plan_hash: str) -> Kept:
    """A plan as it was shown when it was made. Raises ConfigurationError for an unknown hash."""
    with transaction(runtime.store, "looking at a plan") as connection:
        found = plans.find_plan(connection, plan_hash)
        if found is None:
            raise unknown(plan_hash)
        sections = sections_of(found.plan)
        plan = Plan(
            found.plan_hash,
            found.operation,
            found.plan["counts"],
            **sections,
            named=named(connection, sections),
        )
        return Kept(plan, found.made_by, found.applied_by, found.applied_at, found.undone_by)


def sections_of(document: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The sections of a kept plan as they were shown."""
    return {
        name: [section(*json.loads(line)) for line in document.get(name, ())]
        for name, section in _SECTIONS.items()
    }


def unknown(plan_hash: str) -> ConfigurationError:
    """Nobody made such a plan."""
    return ConfigurationError(
        "no plan has this hash", key=plan_hash, todo="Plan first; give at least eight characters of the hash."
    )


def moved(planned: Mapping[str, Any], now: Mapping[str, Any], called: Mapping[str, Named]) -> str:
    """In words, about what a plan would do otherwise than when it was made: which records and fields, not what they say."""
    found = [
        f"{what} {planned['counts'].get(what)} -> {n}"
        for what, n in now["counts"].items()
        if planned["counts"].get(what) != n
    ]
    others = [
        (section, line)
        for section in _SECTIONS
        for line in sorted(set(planned.get(section, ())) ^ set(now[section]))
    ]
    found += [_about(section, json.loads(line), called) for section, line in others]
    return "; ".join(list(dict.fromkeys(found))[:6]) or "a decision it rests on was taken again"


def _about(section: str, row: list[Any], called: Mapping[str, Named]) -> str:
    def name(record: str) -> str:
        return (called[record].number if record in called else None) or record

    match section:
        case "fields" | "masters":
            field = FieldChange(*row).field or "whole" if section == "fields" else MasterChange(*row).field
            return f"{field} of {row[0]} {name(row[1])}"
        case "balances":
            return f"balance of debtor {name(row[0])}"
        case "decisions":
            return f"{row[0].replace('_', ' ')} {' '.join(map(name, row[1]))}"
        case _:
            return f"{row[0]} {row[1]} {row[2]}"
