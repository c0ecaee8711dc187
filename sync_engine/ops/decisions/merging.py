"""Two canonical records become one, and are parted again: what goes along, what comes back, and what forbids it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from sync_engine.errors import ConfigurationError
from sync_engine.matching.similarity import Party, different_company, different_numbers
from sync_engine.ops.decisions import operations as ops
from sync_engine.ops.decisions.edits import Decided, Vetoed, move
from sync_engine.ops.decisions.names import record_id, survivor
from sync_engine.store.decisions import plans
from sync_engine.store.decisions import rows as decisions
from sync_engine.store.publishing.parties import circumstances, linked_parties, unlinked_parties
from sync_engine.store.queries import evidence, lookups


def merge(connection: Connection, o: ops.Merge, decided: Decided) -> None:
    """Every link of `losing` moves to `into`, and what people said about it goes along. Raises ConfigurationError where there is nothing to merge."""
    losing, into = (decided.becomes(o.entity, record_id(connection, o.entity, named)) for named in (o.losing, o.into))
    if losing == into:
        raise ConfigurationError(f"a {o.entity} cannot be merged into itself", key=o.losing)
    links = decided.linked_now(connection, o.entity, losing)
    if not links:
        raise ConfigurationError("no source record means this record any more", key=o.losing, todo="There is nothing to merge.")
    if not o.force:
        conditions = circumstances(connection, o.entity, "")
        for ours in members_now(connection, decided, o.entity, losing):
            for theirs in members_now(connection, decided, o.entity, into):
                why = different_numbers(ours, theirs)
                if different_company(ours.source, theirs.source, conditions.companies, conditions.roles):
                    why = "another company"
                if why:
                    decided.vetoed.append(Vetoed(o.entity, ours.source, ours.key, into, why))
                    return
    for key in links:
        move(connection, decided, key, into, "merge", {"merged_from": losing})
    _take_along(connection, decided, o.entity, losing, into)
    decided.put(connection, "merged", (o.entity, losing), {"merged_into": into})


def _take_along(connection: Connection, decided: Decided, entity: str, losing: str, into: str) -> None:
    """The tags of a record that is merged away move; its pins stay with it, and hold for the other one where that has none of the field."""
    for key, row in decided.about_now(connection, "tag", entity, losing).items():
        decided.put(connection, "tag", key, None)
        if (theirs := (entity, into, *key[2:])) not in decided.about_now(connection, "tag", entity, into):
            decided.put(connection, "tag", theirs, row)
    pinned = decided.about_now(connection, "pin", entity, into)
    for key, row in decided.about_now(connection, "pin", entity, losing).items():
        closes_a_circle = key[2] == "parent_key" and stands_under(connection, row["value"], (losing, into))
        if (theirs := (entity, into, key[2])) not in pinned and not closes_a_circle:
            decided.put(connection, "pin", theirs, row)


def _give_back(connection: Connection, decided: Decided, edits: Sequence[Mapping[str, Any]], entity: str, losing: str, into: str) -> None:
    """What `_take_along` did for a merge is undone, as far as it is still so."""
    came = {(e["kind"], *e["key"][2:]) for e in edits if e["kind"] in ("tag", "pin") and e["key"][1] != losing and not e["before"]}
    gone = {tuple(e["key"]): e["before"] for e in edits if e["kind"] == "tag" and e["key"][1] == losing and e["before"]}
    now = decided.about_now(connection, "tag", entity, into)
    for key, row in gone.items():
        decided.put(connection, "tag", key, row)
        if ("tag", *key[2:]) in came and now.get(theirs := (entity, into, *key[2:])) == row:
            decided.put(connection, "tag", theirs, None)
    now = decided.about_now(connection, "pin", entity, into)
    for key, row in decided.about_now(connection, "pin", entity, losing).items():
        copied = now.get((entity, into, key[2]))
        if ("pin", key[2]) in came and copied is not None and all(copied[c] == row[c] for c in ("value", "pinned_by", "pinned_at")):
            decided.put(connection, "pin", (entity, into, key[2]), None)


def unmerge(connection: Connection, o: ops.Unmerge, decided: Decided) -> None:
    """The record gets back what it gave, as far as it is still there. Raises ConfigurationError for a record that was not merged away."""
    found = evidence.find(connection, o.entity, o.record, merged_away=True)
    if len(found) != 1:
        raise ConfigurationError(f"there is no {o.entity} of this name or id that was merged away", key=o.record, todo="Name it by its canonical id.")
    losing = str(found[0].id)
    into = survivor(connection, o.entity, losing)
    merge = plans.merging_plan(connection, o.entity, losing)
    edits = plans.edits_of(connection, merge) if merge is not None else []
    for edit in edits:
        key = tuple(edit["key"])
        if edit["kind"] != "link" or not edit["before"] or edit["before"]["canonical_id"] != losing:
            continue
        now = decided.link_now(connection, key)
        if now is not None and now["canonical_id"] == into:
            decided.put(connection, "link", key, edit["before"], now)
    _give_back(connection, decided, edits, o.entity, losing, into)
    decided.put(connection, "merged", (o.entity, losing), None)


def members_now(connection: Connection, decided: Decided, entity: str, to: str, besides: tuple[str, str] | None = None) -> list[Party]:
    """The parties that will be linked to one canonical record after the edits so far."""
    there = {(m.source, m.key): m for m in members_of(connection, entity, to)}
    keys = [(source, key) for _, source, key in decided.linked_now(connection, entity, to) if (source, key) != besides]
    return [m for s, k in keys for m in ([there[s, k]] if (s, k) in there else unlinked_parties_of(connection, entity, s, [k]))]


def unlinked_parties_of(connection: Connection, entity: str, source: str, keys: Sequence[str]) -> list[Party]:
    """Parties of named records; contacts are compared without their debtor, which a person may mean to change."""
    return [p._replace(within=None) for p in unlinked_parties(connection, entity, source, keys)]


def members_of(connection: Connection, entity: str, canonical: str, besides: tuple[str, str] | None = None) -> list[Party]:
    """The parties linked to one canonical record."""
    sources = sorted({s for _, s, _ in decisions.linked_to(connection, entity, canonical)})
    return [p._replace(within=None) for p in linked_parties(connection, entity, sources, canonical) if (p.source, p.key) != besides]


def stands_under(connection: Connection, debtor: str | None, above: Sequence[str]) -> bool:
    """Whether a debtor is one of these, or one of them is in its chain of parents."""
    for _ in range(1000):
        if debtor is None or debtor in above:
            break
        debtor = lookups.parent_of(connection, debtor)
    return debtor is not None and debtor in above
