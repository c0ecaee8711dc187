"""From an operation to the decision rows it changes: what must be so before, what is vetoed, what will be so after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from sqlalchemy import Connection

from sync_engine.errors import AmbiguousMatch, ConfigurationError
from sync_engine.ops.decisions import operations as ops
from sync_engine.ops.decisions.edits import Decided, Vetoed, move
from sync_engine.ops.decisions.merging import members_now, merge, stands_under, unlinked_parties_of, unmerge
from sync_engine.ops.decisions.names import exists, field_named, is_known, record_id, survivor
from sync_engine.ops.decisions.pins import claimed_now, pinned_value
from sync_engine.ownership.resolve import INBOX
from sync_engine.store.decisions import plans
from sync_engine.store.decisions import rows as decisions
from sync_engine.store.decisions.rows import Edit, Kind
from sync_engine.store.publishing.cut import SEPARATOR, canonical_id
from sync_engine.store.publishing.parties import circumstances
from sync_engine.store.queries import lookups

GROUP_SPACE = "debtor_group"


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
    move(connection, decided, key, to, "link", o.evidence or None)
    negative = (o.entity, to, o.source, o.key)
    if decisions.read(connection, "negative_link", [negative]):
        decided.put(connection, "negative_link", negative, None)


def _veto(connection: Connection, decided: Decided, o: ops.Link, to: str) -> str | None:
    [party] = unlinked_parties_of(connection, o.entity, o.source, [o.key])
    circumstance = circumstances(connection, o.entity, o.source)
    members = members_now(connection, decided, o.entity, to, besides=(o.source, o.key))
    taken = any(m.source == o.source for m in members)
    circumstance.taken = {to} if taken else set()
    why = circumstance.hard_veto(party, to, members) or circumstance.soft_veto(party, to, members)
    return f"{why} (merge the two canonical records if they are one)" if why and taken else why


def _unlink(connection: Connection, o: ops.Unlink, decided: Decided) -> None:
    key = (o.entity, o.source, o.key)
    now = decided.link_now(connection, key)
    if now is None:
        raise ConfigurationError("it is not linked", whose=o.source, key=o.key)
    own = own_id(connection, o.entity, o.source, o.key) if creates(connection, o.source, o.entity) else None
    if own == now["canonical_id"]:
        raise ConfigurationError(
            "it stands for itself already, nothing else is linked to its record", whose=o.source, key=o.key
        )
    if own is not None and decided.now(connection, "merged", (o.entity, own)) is not None:
        decided.put(connection, "merged", (o.entity, own), None)
    move(connection, decided, key, own, "unlink")
    decided.put(
        connection,
        "negative_link",
        (o.entity, str(now["canonical_id"]), o.source, o.key),
        {"reason": "unlinked"},
    )


def _not_the_same(connection: Connection, o: ops.NotTheSame, decided: Decided) -> None:
    exists(connection, o.entity, o.source, o.key)
    record = record_id(connection, o.entity, o.record)
    now = decided.link_now(connection, (o.entity, o.source, o.key))
    if now is not None and now["canonical_id"] == record:
        raise ConfigurationError(
            "it is linked to this record",
            whose=o.source,
            key=o.key,
            todo="Unlink it; a rule will not link it again.",
        )
    decided.put(connection, "negative_link", (o.entity, record, o.source, o.key), {"reason": "not the same"})


def _pin(connection: Connection, o: ops.PinField, decided: Decided) -> None:
    record, known = record_id(connection, o.entity, o.record), field_named(o.entity, o.field)
    watched = claimed_now(connection, o.entity, record, known) if o.until_source_changes else None
    value = pinned_value(connection, o.entity, record, known, o.value)
    if known.name == "parent_key":
        _refuse_circle(connection, record, value, o.record)
    decided.put(
        connection,
        "pin",
        (o.entity, record, known.name),
        {
            "value": value,
            "until": o.until.isoformat() if o.until else None,
            "while_claimed": watched,
            "reason": None,
        },
    )
    decided.touched.add((o.entity, record))


def _unpin(connection: Connection, o: ops.UnpinField, decided: Decided) -> None:
    record, known = record_id(connection, o.entity, o.record), field_named(o.entity, o.field)
    keys = decisions.pins_here(connection, o.entity, record, known.name)
    if not keys:
        raise ConfigurationError("this field is not pinned", whose=o.record, key=known.stored_as)
    for key in keys:
        decided.put(connection, "pin", key, None)
    decided.touched.add((o.entity, record))


def _go_automatic(connection: Connection, o: ops.GoAutomatic, decided: Decided) -> None:
    is_known(connection, o.source)
    decided.put(
        connection,
        "link_rule",
        (o.source, o.entity),
        {"mode": "automatic", "rungs": {"create_unmatched": o.create_unmatched, "rungs": list(o.rungs)}},
    )
    decided.automatic = o


def _set_parent(connection: Connection, o: ops.SetParent, decided: Decided) -> None:
    debtor = record_id(connection, "debtor", o.debtor)
    parent = None if o.parent is None else record_id(connection, "debtor", o.parent)
    _refuse_circle(connection, debtor, parent, o.debtor)
    decided.put(
        connection,
        "pin",
        ("debtor", debtor, "parent_key"),
        {"value": parent, "until": None, "while_claimed": None, "reason": None},
    )
    decided.touched.add(("debtor", debtor))


def _refuse_circle(connection: Connection, debtor: str, parent: str | None, named: str) -> None:
    if stands_under(connection, parent, (debtor,)):
        raise ConfigurationError(
            "a debtor cannot stand under itself: this would close a circle of parents",
            key=named,
            todo="Look at the chain above the parent.",
        )


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
        "top_debtor_id": record_id(connection, "debtor", o.top_debtor)
        if o.top_debtor
        else kept.get("top_debtor_id"),
        "credit_limit": None
        if o.credit_limit == "none"
        else o.credit_limit
        if o.credit_limit is not None
        else kept.get("credit_limit"),
    }
    decided.put(connection, "group", (group,), after)
    leaving = members if o.dissolve else {record_id(connection, "debtor", d) for d in o.leaving} & members
    joining = set() if o.dissolve else {record_id(connection, "debtor", d) for d in o.members} - members
    for key in decisions.memberships(connection, group, None if o.dissolve else leaving):
        decided.put(connection, "member", key, None)
    for debtor in sorted(joining):
        decided.put(connection, "member", (debtor,), {"group_id": group})
    decided.touched |= {("debtor", debtor) for debtor in leaving | joining}


def _undo(connection: Connection, o: ops.Undo, decided: Decided) -> None:
    done = plans.applied_plan(connection, o.plan)
    if done is None:
        raise ConfigurationError(
            "no applied plan has this hash", key=o.plan, todo="See `sync-engine links history`."
        )
    if done.undone_by is not None:
        raise ConfigurationError("it was undone already", key=done.plan_hash[:12])
    by_kind: dict[Kind, list[dict[str, Any]]] = {}
    for edit in plans.edits_of(connection, done):
        by_kind.setdefault(edit["kind"], []).append(edit)
    for kind, edits in by_kind.items():
        now = decisions.read(connection, kind, [tuple(e["key"]) for e in edits])
        for edit in edits:
            key = tuple(edit["key"])
            if not decisions.is_as_left(now.get(key), edit["after"]):
                raise ConfigurationError(
                    f"{kind} {'/'.join(key)} was decided again since",
                    key=done.plan_hash[:12],
                    todo="Undo the later decision first, or decide anew.",
                )
            decided.edits[kind, key] = Edit(kind, key, now.get(key), edit["before"])
            if kind in ("pin", "tag", "member"):
                entity, record = ("debtor", key[0]) if kind == "member" else key[:2]
                decided.touched |= {(entity, record), (entity, survivor(connection, entity, record))}
    decided.undoes = done.plan_hash
    _refuse_links_of_the_merged(connection, decided, done.plan_hash[:12])


def _refuse_links_of_the_merged(connection: Connection, decided: Decided, plan: str) -> None:
    """No link may end at a record that is merged away: a merge since must be undone before what it stands on. Nor may merges go in a circle.

    Raises ConfigurationError.
    """
    ends = {
        (key[0], str(edit.after["canonical_id"]))
        for (kind, key), edit in decided.edits.items()
        if kind == "link" and edit.after
    }
    away = [key for key in sorted(ends) if decided.now(connection, "merged", key) is not None]
    merged = [key for (kind, key), edit in decided.edits.items() if kind == "merged" and edit.after]
    again = [
        key for key in merged if any(source != INBOX for _, source, _ in decided.linked_now(connection, *key))
    ]
    if away or again:
        raise ConfigurationError(
            f"{'/'.join((*away, *again)[0])} was {'merged into another record' if away else 'linked to'} since", key=plan,
            todo="Undo the later decision first, or decide anew.",
        )  # fmt: skip
    if circle := [key for key in merged if decided.stands_for(connection, *key) is None]:
        raise ConfigurationError(
            f"{'/'.join(circle[0])} would be merged in a circle: what it was merged into was merged into it since",
            key=plan,
            todo="Undo the later merge first.",
        )


def _bulk(connection: Connection, o: ops.Bulk, decided: Decided) -> None:
    wrong: list[str] = []
    said: dict[tuple[str, str, str], tuple[int, ops.Operation]] = {}
    for place, operation in enumerate(o.operations, 1):
        try:
            if isinstance(operation, ops.Link | ops.Unlink):
                first, earlier = said.setdefault(
                    (operation.entity, operation.source, operation.key), (place, operation)
                )
                if first != place and earlier == operation:
                    continue  # the same row twice is one decision
                if first != place:
                    raise ConfigurationError(f"row {first} decides about it too, and otherwise")
            decide(connection, operation, decided)
        except (ConfigurationError, AmbiguousMatch) as error:
            which = (
                operation.op if isinstance(operation, ops.Merge) else f"{operation.source} {operation.key}"
            )
            wrong.append(f"decision {place} ({which}): {error.what}")
    if wrong:
        raise ConfigurationError(
            "; ".join(wrong[:20]),
            todo=f"{len(wrong)} of {len(o.operations)} decisions make no sense now; none was planned. Correct or remove them.",
        )


_HANDLERS: dict[type[Any], Callable[..., None]] = {
    ops.Link: _link,
    ops.Unlink: _unlink,
    ops.Merge: merge,
    ops.Unmerge: unmerge,
    ops.NotTheSame: _not_the_same,
    ops.PinField: _pin,
    ops.UnpinField: _unpin,
    ops.GoAutomatic: _go_automatic,
    ops.SetParent: _set_parent,
    ops.SetGroup: _set_group,
    ops.Undo: _undo,
    ops.Bulk: _bulk,
}
