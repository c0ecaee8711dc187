"""A history of decisions as it is played on the engine, beside the oracle."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

from sync_engine.errors import AmbiguousMatch, ConfigurationError
from sync_engine.ops.decisions import operations as ops
from sync_engine.ops.decisions.plan import do
from sync_engine.ops.imports import apply_import, undo_import
from sync_engine.ops.inspect.explain import explain
from sync_engine.ownership.resolve import PERSON
from sync_engine.store.db import run_sql, transaction
from tests.laws.decisions_histories import Event
from tests.laws.decisions_oracle import Key, Oracle, Record
from tests.laws.decisions_rules import FED, NAMES, ORDERS, RULES, SOURCES, SPOKEN, policy_of, rules_of
from tests.links.support import World


class History:
    """One history, in the engine and in the oracle."""

    def __init__(self, world: World, drawer: Path) -> None:
        self.world, self.drawer = world, drawer
        self.plans: list[str] = []
        self.imports: list[tuple[int, str]] = []
        self.done: Counter[str] = Counter()
        self.earlier: dict[Key, list[dict[str, Any]]] = {}
        self.before = self._found()
        self.oracle = Oracle(
            dict(SOURCES), frozenset(("erp", "second")), rules_of(0), ORDERS[0], world.clock.time.date()
        )
        self.oracle.begin("first")
        for source, role in SOURCES.items():
            for key, values in world.records[source]["debtors"].items():
                self.oracle.records[source, key] = Record(dict(values))
                if role == "erp":
                    self.oracle.link((source, key), str(world.debtor_of(source, key)))

    def go(self, event: Event) -> None:
        """Lets it happen on both sides. What the engine refuses does not happen."""
        self.seq = self.world.one("SELECT coalesce(max(seq), 0) FROM canonical.change")
        getattr(self, f"_{event.kind.replace(' ', '_')}")(event)
        self.oracle.settle()

    def check(self) -> None:
        """Every living debtor is the same on both sides, and the change feed told how it became so."""
        expected, found = self.oracle.state(NAMES), self._found()
        self._check_feed(found)
        different = {d: {n: (expected.get(d, {}).get(n), found.get(d, {}).get(n)) for n in (expected.get(d) or found[d])
            if expected.get(d, {}).get(n) != found.get(d, {}).get(n)} for d in expected.keys() | found.keys()}  # fmt: skip
        assert {d: fields for d, fields in different.items() if fields} == {}, (
            "what the oracle expects, and what the engine has"
        )

    def _check_feed(self, found: dict[str, dict[str, Any]]) -> None:
        """Of debtors that lived before and live now: what is other than it was before the event is told, from what it was to what it is."""
        told: dict[tuple[str, str], list[tuple[Any, Any]]] = {}
        for record, name, old, new in self.world.rows(
            "SELECT CAST(record_id AS text), field, old, new FROM canonical.change WHERE seq > :seq AND entity = 'debtor' AND op = 'update' ORDER BY seq",
            seq=self.seq,
        ):
            told.setdefault((record, name), []).append((old, new))
        moved = {
            (debtor, column): (self.before[debtor][name], values[name])
            for debtor, values in found.items()
            if debtor in self.before
            for name, column in FED.items()
            if self.before[debtor][name] != values[name]
        }
        self.before = found
        assert {
            key: (told[key][0][0], told[key][-1][1]) if key in told else None for key in moved
        } == moved, "what the change feed told, and what became other"

    def check_stories(self) -> None:
        """What is told of each field holds: the value is the pinned one, or that of the one claim called believed, of who is called its master."""
        for (debtor,) in self.world.rows(
            "SELECT CAST(id AS text) FROM canonical.debtor WHERE deleted_at IS NULL"
        ):
            for told in explain(self.world.store, "debtor", debtor).fields:
                if told.field not in NAMES:
                    continue
                believed = [claim for claim in told.claims if claim.believed]
                said = [claim.value for claim in believed]
                if told.master == PERSON:
                    assert (said, told.value) == ([], told.pinned and told.pinned.value), (debtor, told)
                else:
                    assert said == [told.value] or (not said and told.value is None), (debtor, told)
                    assert {claim.source for claim in believed} <= {told.master}, (debtor, told)

    def check_overruled(self) -> None:
        """What is listed as overruled is what was said, against what is believed and whom; and nothing that was said otherwise is missing."""
        assert self.world.rows(f"""
            SELECT d.number, c.stored_as, c.source, c.external_id, c.said, o.said, o.believed, o.believed_source
            FROM (SELECT * FROM canonical.overruled WHERE entity = 'debtor' AND field IN {NAMES}) o
            FULL JOIN (
                SELECT c.* FROM canonical.field_claim c JOIN canonical.debtor d ON d.id = c.record_id WHERE c.entity = 'debtor' AND c.stored_as IN {NAMES}
                AND NOT c.is_deleted AND c.said <> 'null' AND c.said <> to_jsonb(d) -> c.stored_as) c
                ON (c.record_id, c.stored_as, c.source, c.external_id) = (o.record_id, o.field, o.source, o.external_id)
            JOIN canonical.debtor d ON d.id IN (o.record_id, c.record_id) AND d.deleted_at IS NULL
            WHERE c.said IS DISTINCT FROM o.said OR coalesce(o.believed, 'null') <> to_jsonb(d) -> o.field
                OR o.believed_source IS DISTINCT FROM d.provenance ->> o.field
            """) == []  # fmt: skip

    def _found(self) -> dict[str, dict[str, Any]]:
        rows = self.world.rows(f"""
            SELECT CAST(d.id AS text), {", ".join(f"d.{n}" for n in NAMES)}, CAST(d.parent_id AS text), CAST(d.ultimate_parent_id AS text), g.name,
                d.erp_balance, d.erp_balance_unknown,
                ARRAY(SELECT t.name FROM canonical.tag t WHERE t.owner_id = d.id), ARRAY(SELECT l.source || '/' || l.external_id FROM canonical.link l
                    WHERE l.canonical_id = d.id AND l.entity = 'debtor' AND l.source <> 'inbox')
            FROM canonical.debtor d LEFT JOIN canonical.debtor_group g ON g.id = d.group_id WHERE d.deleted_at IS NULL
            """)
        return {
            str(i): dict(zip(NAMES, rest[: len(NAMES)], strict=True)) | dict(zip(("parent", "top", "group"), rest[len(NAMES):], strict=False)) | {
                "balance": (rest[-4], rest[-3]), "tags": set(rest[-2]), "records": {tuple(r.split("/")) for r in rest[-1]},
            }
            for i, *rest in rows
        }  # fmt: skip

    # --- who is chosen

    def _debtor(self, number: int) -> str:
        """The debtor that a record means, or where it means none that lives, the one of the record behind it."""
        records, living = sorted(self.oracle.records), self.oracle.living()
        turned = [records[(number + step) % len(records)] for step in range(len(records))]
        means = (link.debtor for r in turned if (link := self.oracle.facts.get(("link", *r))) is not None)
        return next(str(debtor) for debtor in means if debtor in living)

    def _record(self, number: int) -> Key:
        records = sorted(self.oracle.records)
        return records[number % len(records)]

    def _decide(self, kind: str, operation: ops.Operation) -> bool:
        """Whether the engine did it; then the oracle has begun a plan of the same name."""
        try:
            plan = do(self.world.runtime, operation, by="ada").hash
        except (ConfigurationError, AmbiguousMatch):
            return False
        self.done[kind] += 1
        self.plans.append(plan)
        self.oracle.begin(plan)
        return True

    # --- what happens

    def _pull(self, source: str) -> None:
        self.world.run(source)
        for record in (r for r in self.oracle.records if r[0] == source):
            values = self.world.records[source]["debtors"].get(record[1])
            self.oracle.records[record] = (
                Record(self.oracle.records[record].values, True) if values is None else Record(dict(values))
            )

    def _changes(self, event: Event) -> None:
        source, key = self._record(event.a)
        there = self.world.records[source]["debtors"]
        if key in there:
            name = (*SPOKEN, "chasing_paused", "parent_key", "erp_balance")[event.b % 6]
            others = [k for s, k in sorted(self.oracle.records) if s == source]
            said: dict[str, tuple[Any, ...]] = {
                "chasing_paused": (True, False),
                "parent_key": (*others, None),
                "erp_balance": ("5", "7.50", None),
            }
            if name == "parent_key" and SOURCES[source] != "erp":
                name = "name"
            if name == "erp_balance" and SOURCES[source] != "erp":
                name = "phone"
            values = said.get(name, (f"{name} one", f"{name} two", None))
            if there[key].get(name) == values[event.c % len(values)]:
                event = event._replace(c=event.c + 1)
            self.earlier.setdefault((source, key), []).append(there[key])
            there[key] = {**there[key], name: values[event.c % len(values)]}
        self._pull(source)

    def _says_it_again(self, event: Event) -> None:
        """A record that is there says word for word what it said before it last changed."""
        changed = [r for r in sorted(self.earlier) if r[1] in self.world.records[r[0]]["debtors"]]
        if changed:
            named = self._record(event.a)
            source, key = named if named in changed else changed[event.a % len(changed)]
            before = self.earlier[source, key].pop()
            if not self.earlier[source, key]:
                del self.earlier[source, key]
            self.world.records[source]["debtors"][key] = before
            self.done["says it again"] += 1
            self._pull(source)

    def _is_deleted(self, event: Event) -> None:
        source, key = self._record(event.a)
        self.world.records[source]["debtors"].pop(key, None)
        if self.world.records[source]["debtors"]:
            self._pull(source)
        else:
            self.world.records[source]["debtors"][key] = dict(self.oracle.records[source, key].values)

    def _comes_back(self, event: Event) -> None:
        gone = [r for r in sorted(self.oracle.records) if self.oracle.records[r].is_deleted]
        if gone:
            source, key = gone[event.a % len(gone)]
            self.world.records[source]["debtors"][key] = {
                **self.oracle.records[source, key].values,
                **({"name": "back again"} if event.b % 2 else {}),
            }
            self._pull(source)

    def _time(self, event: Event) -> None:
        self.world.clock.time += timedelta(days=1 + event.a % 3)
        self.oracle.today = self.world.clock.time.date()
        self._pull(tuple(SOURCES)[event.b % 4])

    def _policy(self, event: Event) -> None:
        place = event.a % len(RULES)
        self.world.policy, self.oracle.rules, self.oracle.order = (
            policy_of(place),
            rules_of(place),
            ORDERS[place],
        )
        self._pull(tuple(SOURCES)[event.b % 4])

    def _link(self, event: Event) -> None:
        record, to = self._record(event.a), self._debtor(event.b)
        if self._decide("link", ops.Link(source=record[0], key=record[1], to=to, force=True)):
            self.oracle.link(record, to)

    def _unlink(self, event: Event) -> None:
        record = self._record(event.a)
        if self._decide("unlink", ops.Unlink(source=record[0], key=record[1])):
            own = self.world.debtor_of(*record)
            assert (own is not None) == (record[0] in self.oracle.creating)
            assert own is None or self.oracle.linked_to(own) == [], (
                "it stands for itself, and nothing else does"
            )
            self.oracle.unlink(record, own)

    def _merge(self, event: Event) -> None:
        losing, into = self._debtor(event.a), self._debtor(event.b)
        if self._decide("merge", ops.Merge(losing=losing, into=into, force=True)):
            self.oracle.merge(losing, into)

    def _unmerge(self, event: Event) -> None:
        away = sorted(fact[1] for fact in self.oracle.facts if fact[0] == "merged")
        if away and self._decide("unmerge", ops.Unmerge(record=(debtor := away[event.a % len(away)]))):
            self.oracle.unmerge(debtor)

    def _not_the_same(self, event: Event) -> None:
        record = self._record(event.a)
        self._decide(
            "not the same", ops.NotTheSame(source=record[0], key=record[1], record=self._debtor(event.b))
        )

    def _pin(self, event: Event) -> None:
        debtor, name = self._debtor(event.a), SPOKEN[event.b % 3]
        value = (
            ("+45 87 65 43 21", "+45 11 22 33 44", None)
            if name == "phone"
            else ("by hand", "by hand too", None)
        )[event.c % 3]
        until = self.oracle.today + timedelta(days=event.c % 4) if event.c % 5 == 0 else None
        watches = event.c % 5 in (1, 2)
        if self._decide(
            "pin",
            ops.PinField(record=debtor, field=name, value=value, until=until, until_source_changes=watches),
        ):
            self.oracle.pin(debtor, name, value, until, while_same=watches)

    def _unpin(self, event: Event) -> None:
        debtor, name = self._debtor(event.a), (*SPOKEN, "parent_key")[event.b % 4]
        if self._decide("unpin", ops.UnpinField(record=debtor, field=name)):
            self.oracle.unpin(debtor, name)

    def _parent(self, event: Event) -> None:
        debtor, parent = self._debtor(event.a), None if event.c % 4 == 0 else self._debtor(event.b)
        if self._decide("parent", ops.SetParent(debtor=debtor, parent=parent)):
            self.oracle.pin(debtor, "parent_key", parent)

    def _group(self, event: Event) -> None:
        debtor, group = self._debtor(event.a), ("Nord", "Syd")[event.b % 2]
        if self._decide("group", ops.SetGroup(name=group, members=(debtor,))):
            self.oracle.join(debtor, group)

    def _leave(self, event: Event) -> None:
        debtor, group = self._debtor(event.a), ("Nord", "Syd")[event.b % 2]
        if ("group", group) in self.oracle.facts and self._decide(
            "leave", ops.SetGroup(name=group, leaving=(debtor,))
        ):
            self.oracle.leave(debtor, group)

    def _dissolve(self, event: Event) -> None:
        group = ("Nord", "Syd")[event.a % 2]
        if ("group", group) in self.oracle.facts and self._decide(
            "dissolve", ops.SetGroup(name=group, dissolve=True)
        ):
            self.oracle.dissolve(group)

    def _states(self, event: Event) -> None:
        """An application speaks of any debtor, merged away or not; the next cut of any source hears it."""
        known = sorted({*self.oracle.living(), *(f[1] for f in self.oracle.facts if f[0] == "merged")})
        debtor = self._debtor(event.a) if event.c % 2 else known[event.a % len(known)]
        name = ("chasing_paused", "pause_reason")[event.b % 2]
        value: Any = (
            (None, event.c % 3 == 1)[event.c % 3 > 0]
            if name == "chasing_paused"
            else (None, "waits", "promised")[event.c % 3]
        )
        with transaction(self.world.store, "saying") as connection:
            run_sql(
                connection,
                "INSERT INTO canonical.claim_inbox (entity, record_id, field, value, said_by) VALUES ('debtor', CAST(:id AS uuid), "
                ":name, CAST(:value AS jsonb), 'app')",
                id=debtor,
                name=name,
                value=None if value is None else json.dumps(value),
            )
        self._pull(tuple(SOURCES)[event.c % 4])
        if (
            self.world.one("SELECT answer FROM canonical.claim_inbox ORDER BY inbox_id DESC LIMIT 1")
            == "refused"
        ):
            assert self.oracle.became(debtor) not in self.oracle.living(), "only who is gone is not spoken of"
        else:
            self.done["states"] += 1
            self.oracle.say(debtor, name, value, takes_back=value is None)

    def _undo(self, event: Event) -> None:
        if self.plans:
            plan = self.plans[-1 - event.a % min(len(self.plans), 6)]
            if self._decide("undo", ops.Undo(plan=plan)):
                self.oracle.undo(plan)

    def _import(self, kind: str, heading: str, row: str) -> int | None:
        """The number of an import of one row that was applied."""
        path = self.drawer / f"{len(self.imports)}.csv"
        path.write_text(f"{heading}\n{row}\n", encoding="utf-8")
        report = apply_import(self.world.store, kind, path, who="mia", clock=self.world.clock)
        if not report.applied:
            return None
        self.done[f"import {kind}"] += 1
        name = f"import {report.import_id}"
        self.imports.append((report.import_id or 0, name))
        self.oracle.begin(name)
        return report.import_id

    def _import_tag(self, event: Event) -> None:
        """The row names a record by its source's id: its debtor is meant, whoever that is now."""
        record, tag = self._record(event.a), ("vip", "post")[event.b % 2]
        debtor = next((d for d in self.oracle.living() if record in self.oracle.linked_to(d)), None)
        if self._import("debtor-tags", "customer,tag", f"{record[1]},{tag}") is not None:
            assert debtor is not None, "only a living debtor is tagged"
            self.oracle.tag(debtor, tag)

    def _import_parent(self, event: Event) -> None:
        debtor, parent = self._debtor(event.a), self._debtor(event.b)
        if self._import("groups", "customer,parent_customer", f"{debtor},{parent}") is not None:
            self.oracle.pin(debtor, "parent_key", parent)

    def _undo_import(self, event: Event) -> None:
        if self.imports:
            number, name = self.imports[event.a % len(self.imports)]
            try:
                undo_import(self.world.store, number, who="mia", clock=self.world.clock)
            except ConfigurationError:
                assert not self.oracle.made[name], "what is left of an import can be taken back"
                return
            self.done["undo import"] += 1
            self.oracle.begin(f"undo of {name}")
            self.oracle.undo_import(name)
