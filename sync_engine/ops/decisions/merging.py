"""Two canonical records become one, and are parted again: what goes along, what comes back, and what forbids it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from sync_engine.errors import ConfigurationError
from sync_engine.matching.similarity import Party, different_company, different_numbers
from sync_engine.ops.decisions import operations as ops
from sync_engine.ops.decisions.edits import Decided, Vetoed, move
from sync_engine.ops.decisions.names import record_id, survivor
from sync_engine.ownership.resolve import INBOX
from sync_engine.store.decisions import plans
from sync_engine.store.decisions import rows as decisions
from sync_engine.store.publishing.parties import circumstances, linked_parties, not_the_same, unlinked_parties
from sync_engine.store.queries import evidence, lookups


def merge(connection: Connection, o: ops.Merge, decided: Decided) -> None:
    """Every link of `losing` moves to `into`; what people decided about `losing` stays with it and counts for `into`.

    Raises ConfigurationError where there is nothing to merge.
    """
    losing, into = (
        decided.becomes(o.entity, record_id(connection, o.entity, named)) for named in (o.losing, o.into)
    )
    if losing == into:
        raise ConfigurationError(f"a {o.entity} cannot be merged into itself", key=o.losing)
    links = [
        key
        for key in decided.linked_now(connection, o.entity, losing)
        if key[1] != INBOX or o.entity != "debtor"
    ]
    if not links:
        raise ConfigurationError(
            "no source record means this record any more", key=o.losing, todo="There is nothing to merge."
        )
    if not o.force and (veto := _veto(connection, decided, o.entity, losing, into)) is not None:
        decided.vetoed.append(veto)
        return
    for key in links:
        move(connection, decided, key, into, "merge", {"merged_from": losing})
    for group in _groups_under(connection, decided, losing) if o.entity == "debtor" else ():
        decided.put(
            connection,
            "group",
            group,
            {**(decided.now(connection, "group", group) or {}), "top_debtor_id": into},
        )
    decided.put(connection, "merged", (o.entity, losing), {"merged_into": into})


def _veto(connection: Connection, decided: Decided, entity: str, losing: str, into: str) -> Vetoed | None:
    """The first pair of records that cannot be one, and why."""
    conditions = circumstances(connection, entity, "")
    leaving, staying = (
        members_now(connection, decided, entity, losing),
        members_now(connection, decided, entity, into),
    )
    said_no = {
        (s, k, c)
        for s in {m.source for m in (*leaving, *staying)}
        for k, c in not_the_same(connection, entity, s)
    }
    for party, record in (*((m, into) for m in leaving), *((m, losing) for m in staying)):
        if (party.source, party.key, record) in said_no:
            return Vetoed(entity, party.source, party.key, record, "a person said they are not the same")
    for ours in leaving:
        for theirs in staying:
            why = different_numbers(ours, theirs)
            if different_company(ours.source, theirs.source, conditions.companies, conditions.roles):
                why = "another company"
            if why:
                return Vetoed(entity, ours.source, ours.key, into, why)
    return None


def _groups_under(connection: Connection, decided: Decided, debtor: str) -> list[tuple[str, ...]]:
    """The groups a debtor will be the top of after the edits so far."""
    edited = [key for kind, key in decided.edits if kind == "group"]
    found = {*decisions.groups_under(connection, debtor), *edited}
    return sorted(
        key for key in found if (decided.now(connection, "group", key) or {}).get("top_debtor_id") == debtor
    )


def unmerge(connection: Connection, o: ops.Unmerge, decided: Decided) -> None:
    """The record gets back the links it gave, as far as they are still there. Raises ConfigurationError for a record that was not merged away."""
    found = evidence.find(connection, o.entity, o.record, merged_away=True)
    if len(found) != 1:
        raise ConfigurationError(
            f"there is no {o.entity} of this name or id that was merged away",
            key=o.record,
            todo="Name it by its canonical id.",
        )
    losing = str(found[0].id)
    into = survivor(connection, o.entity, losing)
    plan = plans.merging_plan(connection, o.entity, losing)
    for edit in plans.edits_of(connection, plan) if plan is not None else ():
        key, before = tuple(edit["key"]), edit["before"] or {}
        if edit["kind"] == "link" and before.get("canonical_id") == losing:
            now = decided.link_now(connection, key)
            if now is not None and now["canonical_id"] == into:
                decided.put(connection, "link", key, before, now)
        if edit["kind"] == "group" and before.get("top_debtor_id") == losing:
            group = decided.now(connection, "group", key)
            if group is not None and group["top_debtor_id"] == into:
                decided.put(connection, "group", key, {**group, "top_debtor_id": losing})
    decided.put(connection, "merged", (o.entity, losing), None)


def members_now(
    connection: Connection, decided: Decided, entity: str, to: str, besides: tuple[str, str] | None = None
) -> list[Party]:
    """The parties that will be linked to one canonical record after the edits so far."""
    there = {(m.source, m.key): m for m in members_of(connection, entity, to)}
    keys = [
        (source, key)
        for _, source, key in decided.linked_now(connection, entity, to)
        if (source, key) != besides
    ]
    return [
        m
        for s, k in keys
        for m in (
            [there[s, k]] if (s, k) in there else unlinked_parties_of(connection, entity, s, [k], living=True)
        )
    ]


def unlinked_parties_of(
    connection: Connection, entity: str, source: str, keys: Sequence[str], *, living: bool = False
) -> list[Party]:
    """Parties of named records; contacts are compared without their debtor, which a person may mean to change. `living` leaves deleted ones out."""
    return [
        p._replace(within=None) for p in unlinked_parties(connection, entity, source, keys, living=living)
    ]


def members_of(
    connection: Connection, entity: str, canonical: str, besides: tuple[str, str] | None = None
) -> list[Party]:
    """The parties linked to one canonical record."""
    sources = sorted({s for _, s, _ in decisions.linked_to(connection, entity, canonical)})
    return [
        p._replace(within=None)
        for p in linked_parties(connection, entity, sources, canonical)
        if (p.source, p.key) != besides
    ]


def stands_under(connection: Connection, debtor: str | None, above: Sequence[str]) -> bool:
    """Whether a debtor is one of these, or one of them is in its chain of parents."""
    for _ in range(1000):
        if debtor is None or debtor in above:
            break
        debtor = lookups.parent_of(connection, debtor)
    return debtor is not None and debtor in above
