"""Plans and their application: a plan is the decision tried in a transaction that is rolled back; applying it does it again and commits.

So a plan shows exactly what would happen, and the hash over what it found and would do is also the test whether anything has moved:
what is applied is what was shown, or nothing.
"""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import Connection

from sync_engine.errors import ConfigurationError, TransientError
from sync_engine.matching.ladder import RUNGS
from sync_engine.ops.decisions.edits import Decided
from sync_engine.ops.decisions.handlers import decide
from sync_engine.ops.decisions.names import somebody
from sync_engine.ops.decisions.operations import OPERATION, Operation
from sync_engine.ops.decisions.plan_view import (
    SHOWN,
    Case,
    DecisionChange,
    LinkChange,
    Plan,
    hash_of,
    line_of,
    moved,
    named,
    plain,
    sections_of,
    unknown,
)
from sync_engine.ops.runs.source_run import Runtime
from sync_engine.store.change_feed.changes import collect_changes, flush_changes
from sync_engine.store.db import one_at_a_time, transaction
from sync_engine.store.decisions import plans
from sync_engine.store.decisions import rows as decisions
from sync_engine.store.decisions.rows import Edit, Row
from sync_engine.store.landing.sources import roles
from sync_engine.store.publishing import refold
from sync_engine.store.publishing.cut import NO_CUT, Cut
from sync_engine.store.publishing.new_links import link_new
from sync_engine.store.publishing.policy import policy_in_force
from sync_engine.store.queries.review_queue import cases_found, settle_cases
from sync_engine.store.runs import source_lock

NO_RUN = UUID(int=0)


class _RunGoesOn(TransientError):
    """A run of `whose` stands in the way."""


class _Tried(NamedTuple):
    plan: Plan
    base: str
    document: dict[str, Any]
    edits: list[Edit]
    decided: Decided


def plan(runtime: Runtime, operation: Operation, *, by: str) -> Plan:
    """Tries a decision and keeps its plan. Raises ConfigurationError where the decision makes no sense now."""
    by = somebody(by)
    tried: list[_Tried] = []
    with transaction(runtime.store, "planning") as connection, _no_collector():
        one_at_a_time(connection)
        savepoint = connection.begin_nested()
        tried.append(_try(runtime, connection, operation, by))
        savepoint.rollback()
        [found] = tried
        plans.keep_plan(
            connection, found.plan.hash, found.base, operation.model_dump(mode="json"), found.document, by
        )
    return found.plan


def apply(runtime: Runtime, plan_hash: str, *, by: str, why: str | None = None, wait: bool = False) -> Plan:
    """Does exactly what a plan showed, in one transaction.

    Raises ConfigurationError, having done nothing, when the plan is unknown, was applied, is vetoed, or would do something else now;
    TransientError while a run of a touched source is going on (unless told to wait).
    """
    while True:
        try:
            return _apply(runtime, plan_hash, somebody(by), why)
        except _RunGoesOn as running:
            if not wait:
                raise
            with source_lock(runtime.store, running.whose, wait=True):
                continue  # it has ended; waiting inside the transaction would hold what the run needs to publish


def _apply(runtime: Runtime, plan_hash: str, by: str, why: str | None) -> Plan:
    with transaction(runtime.store, "applying a plan") as connection, _no_collector():
        one_at_a_time(connection)
        kept = plans.find_plan(connection, plan_hash)
        if kept is None:
            raise unknown(plan_hash)
        if kept.applied_at is not None:
            raise ConfigurationError(
                f"{kept.applied_by or 'somebody'} applied it at {kept.applied_at:%Y-%m-%d %H:%M:%S} UTC",
                key=kept.plan_hash[:12],
                todo="Nothing is left to do.",
            )
        tried = _try(runtime, connection, OPERATION.validate_python(kept.operation), by, locking=True)
        if tried.plan.hash != kept.plan_hash:
            called = named(connection, sections_of(kept.plan)) | tried.plan.named
            raise ConfigurationError(
                f"the data has moved since it was planned: {moved(kept.plan, tried.document, called)}",
                key=kept.plan_hash[:12],
                todo="Plan again and look at it; nothing was done.",
            )
        if tried.plan.vetoed and tried.plan.does_nothing:
            veto = tried.plan.vetoed[0]
            command = "merge" if kept.operation.get("op") == "merge" else "link"
            raise ConfigurationError(
                f"it is vetoed: {veto.why}",
                whose=veto.source,
                key=veto.key,
                todo=f"Nothing was done. If it is right all the same, plan it with `links {command} --force`.",
            )
        edits = (
            tried.edits if why is None or tried.decided.undoes else _with_reason(connection, tried.edits, why)
        )
        plans.note_decisions(connection, edits)
        plans.sign(connection, why)
        flush_changes(connection, run_id=None, cut_id=None, actor=by)
        plans.mark_applied(connection, kept.plan_hash, edits, by, why, tried.decided.undoes)
        settle_cases(connection)
    return tried.plan


@contextmanager
def _no_collector() -> Iterator[None]:
    """A large plan holds a hundred thousand rows and no cycle: looking for one among them, again and again, takes as long as the plan."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _with_reason(connection: Connection, edits: list[Edit], why: str) -> list[Edit]:
    """Pins and negative links carry why they were decided: whoever explains the value later reads it there. A pin that came along has its own."""
    signed = [
        e._replace(after={**e.after, "reason": (e.kind == "pin" and e.after["reason"]) or why})
        if e.kind in ("pin", "negative_link") and e.after
        else e
        for e in edits
    ]
    changed = [e for e, before in zip(signed, edits, strict=True) if e != before]
    decisions.write(connection, changed, "")
    return signed


def do(
    runtime: Runtime, operation: Operation, *, by: str, why: str | None = None, wait: bool = False
) -> Plan:
    """Plans and applies at once, for callers that have seen what they need."""
    return apply(runtime, plan(runtime, operation, by=by).hash, by=by, why=why, wait=wait)


def _try(
    runtime: Runtime, connection: Connection, operation: Operation, by: str, *, locking: bool = False
) -> _Tried:
    collect_changes(connection)
    decided = decide(connection, operation)
    decided.touched |= decided.parted(connection)
    if locking:
        _keep_runs_out(connection, decided)
    decisions.write(connection, decided.edits.values(), by)
    cut = _cut(runtime, connection, by)
    modes = _Modes(cut)
    edits, cases = dict(decided.edits), []
    if decided.automatic is not None and decided.automatic.entity == "debtor":
        link_new(modes.cut_of(decided.automatic.source), "debtor")
        cases = cases_found(connection)
        for key in plans.fresh_links(connection, "debtor", decided.automatic.source):
            edits.setdefault(("link", key), Edit("link", key, None, None))
    edits = _as_they_are(connection, edits)
    moved = [
        _moved_record(e) for e in edits.values() if e.kind == "link" and _target(e.before) != _target(e.after)
    ]
    touched = {(m.entity, i) for m in moved for i in (m.old, m.new) if i} | decided.touched
    plans.look_before(connection, touched)
    follows = refold.refold(
        cut,
        modes.cut_of,
        moved,
        [i for e, i in decided.touched if e == "debtor"],
        [i for e, i in decided.touched if e == "contact"],
        sources=[decided.automatic.source] if decided.automatic else [],
    )
    for key in plans.fresh_links(connection, "contact"):
        edits.setdefault(("link", key), Edit("link", key, None, None))
    edits |= _as_they_are(
        connection, {k: e for k, e in edits.items() if k[0] == "link" and k[1][0] == "contact"}
    )  # a fold links no debtor
    if decided.automatic is not None and decided.automatic.entity == "contact":
        cases = cases_found(connection)
    return _told(
        connection,
        operation,
        decided,
        sorted(edits.values(), key=lambda e: (e.kind, e.key)),
        follows,
        [Case(*c) for c in cases],
    )


def _keep_runs_out(connection: Connection, decided: Decided) -> None:
    linked = [e for e in decided.edits.values() if e.kind == "link"]
    touched = {
        (e.key[0], t) for e in linked for t in (_target(e.before), _target(e.after)) if t
    } | decided.touched
    sources = (
        {e.key[1] for e in linked}
        | set(plans.sources_behind(connection, touched))
        | ({decided.automatic.source} if decided.automatic else set())
    )
    if running := plans.try_source_locks(connection, sorted(sources)):
        source, who = running
        raise _RunGoesOn(
            "a run of this source is going on" + (f" ({who})" if who else ""),
            whose=source,
            todo="Nothing was done; apply again when it has ended, or let `sync-engine links apply HASH --wait` wait for it.",
        )


class _Modes:
    """Cuts of single sources inside the transaction, with the link modes in force."""

    def __init__(self, cut: Cut) -> None:
        self._cut, self._roles = cut, roles(cut.connection)

    def cut_of(self, source: str) -> Cut:
        """The cut as this source would publish it."""
        rules = decisions.read(self._cut.connection, "link_rule", [(source, "debtor"), (source, "contact")])
        found = refold.cut_for(
            self._cut,
            source,
            self._roles.get(source, "erp"),
            {e: r["mode"] for (_, e), r in rules.items()},
            {e: bool(r["rungs"]["create_unmatched"]) for (_, e), r in rules.items()},
            {e: tuple(r["rungs"]["rungs"] or RUNGS) for (_, e), r in rules.items()},
        )
        found.by_hand = True
        return found


def _cut(runtime: Runtime, connection: Connection, by: str) -> Cut:
    now = runtime.clock.now()
    policy = policy_in_force(connection) or runtime.policy
    return Cut(connection, "", "", NO_RUN, NO_CUT, now, now.date(), policy, "", by, accept_moves=True)


def _as_they_are(
    connection: Connection, edits: dict[tuple[decisions.Kind, tuple[str, ...]], Edit]
) -> dict[tuple[decisions.Kind, tuple[str, ...]], Edit]:
    """The edits with `after` as the tables hold it now, stamps and all."""
    found: dict[tuple[decisions.Kind, tuple[str, ...]], Edit] = {}
    for kind in {e.kind for e in edits.values()}:
        some = [e for e in edits.values() if e.kind == kind]
        now = decisions.read(connection, kind, [e.key for e in some])
        found.update({(kind, e.key): e._replace(after=now.get(e.key)) for e in some})
    return found


def _target(row: Row | None) -> str | None:
    return None if row is None else str(row["canonical_id"])


def _moved_record(edit: Edit) -> refold.Moved:
    return refold.Moved(
        cast("refold.Entity", edit.key[0]),
        edit.key[1],
        edit.key[2],
        _target(edit.before),
        _target(edit.after),
    )


def _told(
    connection: Connection,
    operation: Operation,
    decided: Decided,
    edits: list[Edit],
    follows: refold.Follows,
    cases: list[Case],
) -> _Tried:
    """The plan: what people see, and the hash over everything it is made of."""
    links = [
        LinkChange._make((*e.key, _target(e.before), _target(e.after), (e.after or {}).get("rule")))
        for e in edits
        if e.kind == "link" and e.before != e.after
    ]
    others = [
        DecisionChange(e.kind, e.key, plain(e.before), plain(e.after))
        for e in edits
        if e.kind != "link" and e.before != e.after
    ]
    fields, masters, balances = (
        plans.field_changes(connection),
        plans.master_changes(connection),
        plans.balance_changes(connection),
    )
    counts = {
        "decisions": len(links) + len(others),
        "links": len(links),
        "created": sum(f.op == "create" for f in fields),
        "ambiguous": sum(c.outcome == "ambiguous" for c in cases),
        "vetoed": len(decided.vetoed) + sum(c.outcome == "vetoed" for c in cases),
        "fields": sum(f.op == "update" for f in fields),
        "masters": len(masters),
        "balances": len(balances),
        **follows._asdict(),
    }
    body: dict[str, Sequence[Any]] = {
        "links": links,
        "vetoed": decided.vetoed,
        "cases": cases,
        "fields": fields,
        "masters": masters,
        "balances": balances,
        "decisions": others,
    }
    base = hash_of(operation, counts, body, [e.before for e in edits])
    plan_hash = hashlib.sha256(f"{base}/{plans.applications(connection, base)}".encode()).hexdigest()[:32]
    whole = {"vetoed", "cases"}
    shown = {name: list(rows) if name in whole else list(rows[:SHOWN]) for name, rows in body.items()}
    document = {"counts": counts, **{name: [line_of(r) for r in rows] for name, rows in shown.items()}}
    return _Tried(
        Plan(plan_hash, operation.model_dump(mode="json"), counts, **shown, named=named(connection, shown)),
        base,
        document,
        edits,
        decided,
    )
