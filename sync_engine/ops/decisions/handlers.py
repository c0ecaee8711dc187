"""From an operation to the decision rows it changes: what must be so before, what is vetoed, what will be so after."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, cast

from sqlalchemy import Connection

from sync_engine.errors import AmbiguousMatch, ConfigurationError
from sync_engine.matching.similarity import Party, different_company, different_numbers
from sync_engine.ops.decisions import operations as ops
from sync_engine.ops.decisions.names import exists, field_named, is_known, record_id, survivor
from sync_engine.ops.decisions.pins import claimed_now, pinned_value
from sync_engine.store.decisions import plans
from sync_engine.store.decisions import rows as decisions
from sync_engine.store.decisions.rows import Edit, Kind, Row
from sync_engine.store.publishing.cut import SEPARATOR, canonical_id
from sync_engine.store.publishing.parties import circumstances, linked_parties, unlinked_parties
from sync_engine.store.queries import evidence, lookups

GROUP_SPACE = "debtor_group"


class Vetoed(NamedTuple):
    """A link that is not made, and why."""

    entity: str
    source: str
    key: str
    record: str
    why: str


@dataclass(slots=True)
class Decided:
    """The edits of one operation. `touched` are canonical records to fold again besides those whose links move."""

    edits: dict[tuple[Kind, tuple[str, ...]], Edit] = field(default_factory=dict)
    vetoed: list[Vetoed] = field(default_factory=list)
    touched: set[tuple[str, str]] = field(default_factory=set)
    automatic: ops.GoAutomatic | None = None
    undoes: str | None = None
    coming: dict[tuple[str, str], set[tuple[str, str]]] = field(default_factory=dict)
    """(entity, canonical record) -> the (source, key) that edits so far moved to it; `link_now` knows whether they stayed."""
    about: dict[tuple[Kind, str, str], set[tuple[str, ...]]] = field(default_factory=dict)
    """(kind, entity, canonical record) -> the keys of edited pins and tags; `about_now` knows what became of them."""

    def put(self, connection: Connection, kind: Kind, key: tuple[str, ...], after: Row | None, before: Row | None = None) -> None:
        """Adds an edit; two edits of one row become one."""
        if kind in ("pin", "tag"):
            self.about.setdefault((kind, key[0], key[1]), set()).add(key)
        if (earlier := self.edits.get((kind, key))) is not None:
            self.edits[kind, key] = earlier._replace(after=after)
            return
        self.edits[kind, key] = Edit(kind, key, before if before is not None else decisions.read(connection, kind, [key]).get(key), after)

    def link_now(self, connection: Connection, key: tuple[str, ...]) -> Row | None:
        """The link row as it will be after the edits so far."""
        if ("link", key) in self.edits:
            return self.edits["link", key].after
        return decisions.read(connection, "link", [key]).get(key)

    def linked_now(self, connection: Connection, entity: str, canonical: str) -> list[tuple[str, ...]]:
        """The keys of links to a canonical record, as it will be after the edits so far: what one file says first, its next row must know."""
        moved = {(entity, *key) for key in self.coming.get((entity, canonical), ())}
        keys = sorted(moved | set(decisions.keys_linked_to(connection, entity, canonical)))
        return [k for k in keys if ("link", k) not in self.edits or _canonical(self.edits["link", k].after) == canonical]

    def about_now(self, connection: Connection, kind: Literal["pin", "tag"], entity: str, canonical: str) -> dict[tuple[str, ...], Row]:
        """The pins or tags of a canonical record as they will be after the edits so far."""
        rows = decisions.read(connection, kind, decisions.keys_about(connection, kind, entity, canonical))
        edited = {key: self.edits[kind, key].after for key in self.about.get((kind, entity, canonical), ())}
        return {key: row for key, row in {**rows, **edited}.items() if row is not None}

    def becomes(self, entity: str, canonical: str) -> str:
        """The record one is merged into by the edits so far, or itself."""
        while (edit := self.edits.get(("merged", (entity, canonical)))) is not None and edit.after is not None:
            canonical = str(edit.after["merged_into"])
        return canonical


def _canonical(row: Row | None) -> str | None:
    return None if row is None else str(row["canonical_id"])


def decide(connection: Connection, operation: ops.Operation, decided: Decided | None = None) -> Decided:
    """The edits an operation means now. Raises ConfigurationError where it means nothing, AmbiguousMatch where a name means several."""
    decided = decided if decided is not None else Decided()
    handler = cast("Callable[[Connection, Any, Decided], None]", _HANDLERS[type(operation)])
    handler(connection, operation, decided)
    return decided


def creates(connection: Connection, source: str, entity: str) -> bool:
    """Whether an unlinked record of this source stands for itself."""
    rule = decisions.read(connection, "link_rule", [(source, entity)]).get((source, entity))
    return rule is not None and rule["mode"] == "automatic" and bool(rule["rungs"]["create_unmatched"])


def own_id(connection: Connection, entity: str, source: str, key: str) -> str:
    """The id of the record's own canonical record: the first of its ids that no other record lives in."""
    for again in range(1, 1000):
        candidate = str(canonical_id(source, entity, key if again == 1 else f"{key}{SEPARATOR}{again}"))
        if not lookups.is_lived_in(connection, entity, candidate, source, key):
            return candidate
    raise ConfigurationError("too many records live in the ids of this one", whose=source, key=key)


def _link(connection: Connection, o: ops.Link, decided: Decided) -> None:
    exists(connection, o.entity, o.source, o.key)
    to, key = decided.becomes(o.entity, record_id(connection, o.entity, o.to)), (o.entity, o.source, o.key)
    now = decided.link_now(connection, key)
    if now is not None and now["canonical_id"] == to:
        raise ConfigurationError("it is linked to this record already", whose=o.source, key=o.key)
    if not o.force and (why := _veto(connection, decided, o, to)):
        decided.vetoed.append(Vetoed(o.entity, o.source, o.key, to, why))
        return
    _move(connection, decided, key, to, "link", o.evidence or None)
    negative = (o.entity, to, o.source, o.key)
    if decisions.read(connection, "negative_link", [negative]):
        decided.put(connection, "negative_link", negative, None)


def _veto(connection: Connection, decided: Decided, o: ops.Link, to: str) -> str | None:
    [party] = unlinked_parties_of(connection, o.entity, o.source, [o.key])
    circumstance = circumstances(connection, o.entity, o.source)
    members = _members_now(connection, decided, o.entity, to, besides=(o.source, o.key))
    taken = any(m.source == o.source for m in members)
    circumstance.taken = {to} if taken else set()
    why = circumstance.hard_veto(party, to, members) or circumstance.soft_veto(party, to, members)
    return f"{why} (merge the two canonical records if they are one)" if why and taken else why


def _members_now(connection: Connection, decided: Decided, entity: str, to: str, besides: tuple[str, str] | None = None) -> list[Party]:
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


def _move(connection: Connection, decided: Decided, key: tuple[str, ...], to: str | None, rule: str, details: dict[str, Any] | None = None) -> None:
    """The link row of one record, pinned. Its contacts' links by rule are the rules' again, unless everything around them moves along."""
    before = decided.link_now(connection, key)
    after = None if to is None else {"canonical_id": to, "method": "manual", "rule": rule, "confidence": 1.0, "evidence": details, "pinned": True}
    decided.put(connection, "link", key, after, before)
    if to is not None:
        decided.coming.setdefault((key[0], to), set()).add((key[1], key[2]))
    if key[0] == "debtor" and rule != "merge":
        contacts = [("contact", key[1], c) for c in lookups.contacts_of(connection, key[1], key[2])]
        for contact, row in decisions.read(connection, "link", contacts).items():
            if not row["pinned"] and (row["method"] == "rule" or to is None):
                decided.put(connection, "link", contact, None, row)


def _unlink(connection: Connection, o: ops.Unlink, decided: Decided) -> None:
    key = (o.entity, o.source, o.key)
    now = decided.link_now(connection, key)
    if now is None:
        raise ConfigurationError("it is not linked", whose=o.source, key=o.key)
    own = own_id(connection, o.entity, o.source, o.key) if creates(connection, o.source, o.entity) else None
    if own == now["canonical_id"]:
        raise ConfigurationError("it stands for itself already, nothing else is linked to its record", whose=o.source, key=o.key)
    _move(connection, decided, key, own, "unlink")
    decided.put(connection, "negative_link", (o.entity, str(now["canonical_id"]), o.source, o.key), {"reason": "unlinked"})


def _merge(connection: Connection, o: ops.Merge, decided: Decided) -> None:
    losing, into = (decided.becomes(o.entity, record_id(connection, o.entity, named)) for named in (o.losing, o.into))
    if losing == into:
        raise ConfigurationError(f"a {o.entity} cannot be merged into itself", key=o.losing)
    links = decided.linked_now(connection, o.entity, losing)
    if not links:
        raise ConfigurationError("no source record means this record any more", key=o.losing, todo="There is nothing to merge.")
    if not o.force:
        conditions = circumstances(connection, o.entity, "")
        for ours in _members_now(connection, decided, o.entity, losing):
            for theirs in _members_now(connection, decided, o.entity, into):
                why = different_numbers(ours, theirs)
                if different_company(ours.source, theirs.source, conditions.companies, conditions.roles):
                    why = "another company"
                if why:
                    decided.vetoed.append(Vetoed(o.entity, ours.source, ours.key, into, why))
                    return
    for key in links:
        _move(connection, decided, key, into, "merge", {"merged_from": losing})
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
        closes_a_circle = key[2] == "parent_key" and _stands_under(connection, row["value"], (losing, into))
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


def _unmerge(connection: Connection, o: ops.Unmerge, decided: Decided) -> None:
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


def _not_the_same(connection: Connection, o: ops.NotTheSame, decided: Decided) -> None:
    exists(connection, o.entity, o.source, o.key)
    record = record_id(connection, o.entity, o.record)
    now = decided.link_now(connection, (o.entity, o.source, o.key))
    if now is not None and now["canonical_id"] == record:
        raise ConfigurationError("it is linked to this record", whose=o.source, key=o.key, todo="Unlink it; a rule will not link it again.")
    decided.put(connection, "negative_link", (o.entity, record, o.source, o.key), {"reason": "not the same"})


def _pin(connection: Connection, o: ops.PinField, decided: Decided) -> None:
    record, known = record_id(connection, o.entity, o.record), field_named(o.entity, o.field)
    watched = claimed_now(connection, o.entity, record, known) if o.until_source_changes else None
    decided.put(
        connection,
        "pin",
        (o.entity, record, known.name),
        {
            "value": pinned_value(connection, o.entity, known, o.value),
            "until": o.until.isoformat() if o.until else None,
            "while_claimed": watched,
            "reason": None,
        },
    )
    decided.touched.add((o.entity, record))


def _unpin(connection: Connection, o: ops.UnpinField, decided: Decided) -> None:
    record, known = record_id(connection, o.entity, o.record), field_named(o.entity, o.field)
    key = (o.entity, record, known.name)
    if not decisions.read(connection, "pin", [key]):
        raise ConfigurationError("this field is not pinned", whose=o.record, key=known.stored_as)
    decided.put(connection, "pin", key, None)
    decided.touched.add((o.entity, record))


def _go_automatic(connection: Connection, o: ops.GoAutomatic, decided: Decided) -> None:
    is_known(connection, o.source)
    decided.put(connection, "link_rule", (o.source, o.entity), {"mode": "automatic", "rungs": {"create_unmatched": o.create_unmatched, "rungs": list(o.rungs)}})
    decided.automatic = o


def _set_parent(connection: Connection, o: ops.SetParent, decided: Decided) -> None:
    debtor = record_id(connection, "debtor", o.debtor)
    parent = None if o.parent is None else record_id(connection, "debtor", o.parent)
    if _stands_under(connection, parent, (debtor,)):
        raise ConfigurationError(
            "a debtor cannot stand under itself: this would close a circle of parents", key=o.debtor, todo="Look at the chain above the parent."
        )
    decided.put(connection, "pin", ("debtor", debtor, "parent_key"), {"value": parent, "until": None, "while_claimed": None, "reason": None})
    decided.touched.add(("debtor", debtor))


def _stands_under(connection: Connection, debtor: str | None, above: Sequence[str]) -> bool:
    """Whether a debtor is one of these, or one of them is in its chain of parents."""
    for _ in range(1000):
        if debtor is None or debtor in above:
            break
        debtor = lookups.parent_of(connection, debtor)
    return debtor is not None and debtor in above


def _set_group(connection: Connection, o: ops.SetGroup, decided: Decided) -> None:
    name = " ".join(o.name.split())
    group = str(canonical_id("", GROUP_SPACE, name.casefold()))
    before = decisions.read(connection, "group", [(group,)]).get((group,))
    members = lookups.group_members(connection, group)
    if o.dissolve and before is None:
        raise ConfigurationError("there is no such group", key=o.name)
    kept = before or {}
    after = {
        "name": kept.get("name") or name,
        "external_no": kept.get("external_no"),
        "deleted_at": "now" if o.dissolve else None,
        "top_debtor_id": record_id(connection, "debtor", o.top_debtor) if o.top_debtor else kept.get("top_debtor_id"),
        "credit_limit": None if o.credit_limit == "none" else o.credit_limit if o.credit_limit is not None else kept.get("credit_limit"),
    }
    decided.put(connection, "group", (group,), after)
    leaving = members if o.dissolve else {record_id(connection, "debtor", d) for d in o.leaving} & members
    joining = set() if o.dissolve else {record_id(connection, "debtor", d) for d in o.members} - members
    for debtor in sorted(leaving):
        decided.put(connection, "member", (debtor,), None)
    for debtor in sorted(joining):
        decided.put(connection, "member", (debtor,), {"group_id": group})


def _undo(connection: Connection, o: ops.Undo, decided: Decided) -> None:
    done = plans.applied_plan(connection, o.plan)
    if done is None:
        raise ConfigurationError("no applied plan has this hash", key=o.plan, todo="See `sync-engine links history`.")
    if done.undone_by is not None:
        raise ConfigurationError("it was undone already", key=done.plan_hash[:12])
    by_kind: dict[Kind, list[dict[str, Any]]] = {}
    for edit in plans.edits_of(connection, done):
        by_kind.setdefault(edit["kind"], []).append(edit)
    for kind, edits in by_kind.items():
        now = decisions.read(connection, kind, [tuple(e["key"]) for e in edits])
        for edit in edits:
            key = tuple(edit["key"])
            if now.get(key) != edit["after"]:
                raise ConfigurationError(
                    f"{kind} {'/'.join(key)} was decided again since", key=done.plan_hash[:12], todo="Undo the later decision first, or decide anew."
                )
            decided.edits[kind, key] = Edit(kind, key, now.get(key), edit["before"])
            if kind in ("pin", "merged"):
                decided.touched.add((key[0], key[1]))
    decided.undoes = done.plan_hash


def _bulk(connection: Connection, o: ops.Bulk, decided: Decided) -> None:
    wrong: list[str] = []
    said: dict[tuple[str, str, str], tuple[int, ops.Operation]] = {}
    for place, operation in enumerate(o.operations, 1):
        try:
            if isinstance(operation, ops.Link | ops.Unlink):
                first, earlier = said.setdefault((operation.entity, operation.source, operation.key), (place, operation))
                if first != place and earlier == operation:
                    continue  # the same row twice is one decision
                if first != place:
                    raise ConfigurationError(f"row {first} decides about it too, and otherwise")
            decide(connection, operation, decided)
        except (ConfigurationError, AmbiguousMatch) as error:
            which = operation.op if isinstance(operation, ops.Merge) else f"{operation.source} {operation.key}"
            wrong.append(f"decision {place} ({which}): {error.what}")
    if wrong:
        raise ConfigurationError(
            "; ".join(wrong[:20]), todo=f"{len(wrong)} of {len(o.operations)} decisions make no sense now; none was planned. Correct or remove them."
        )


_HANDLERS: dict[type[Any], Callable[..., None]] = {
    ops.Link: _link,
    ops.Unlink: _unlink,
    ops.Merge: _merge,
    ops.Unmerge: _unmerge,
    ops.NotTheSame: _not_the_same,
    ops.PinField: _pin,
    ops.UnpinField: _unpin,
    ops.GoAutomatic: _go_automatic,
    ops.SetParent: _set_parent,
    ops.SetGroup: _set_group,
    ops.Undo: _undo,
    ops.Bulk: _bulk,
}
