"""A small, slow model of links, ownership and decisions, written from the design alone: it shares nothing with the engine but the words.

A decision is about one record and stays with it. A record merged away counts for the one it became: that one's own decisions go first,
then those of records fewer merges away, then the newer ones. What a debtor is follows from this and from what its records say now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any, NamedTuple

Key = tuple[str, str]
"""Source and key of a source record."""
Fact = tuple[str, ...]
"""What a decision is about: its kind, and whom it concerns."""
FOREVER = None


class Link(NamedTuple):
    """A source record means this debtor, since its turn."""

    debtor: str
    since: int


@dataclass
class Pin:
    """A value a person set. `watched`: what the records said then, one other word of theirs ends it; `is_over` never becomes false again."""

    value: Any
    turn: int
    until: date | None = None
    watched: Mapping[Key, Any] | None = None
    is_over: bool = False


@dataclass(frozen=True)
class Ranking:
    """Who is believed for a field, best first, by role or source; `fills` lets a lower one fill what a better one left empty."""

    ranking: tuple[str, ...]
    fills: bool = False


@dataclass
class Record:
    """What a source said last about one of its records, and whether it is still there."""

    values: dict[str, Any]
    is_deleted: bool = False


@dataclass
class Oracle:
    """Everything that was said and decided, and what follows from it."""

    roles: dict[str, str]
    creating: frozenset[str]
    rules: dict[str, Ranking]
    order: tuple[str, ...]
    """Which of several sources of a role goes first; those not named come after, the older link first."""
    today: date
    records: dict[Key, Record] = field(default_factory=dict)
    facts: dict[Fact, Any] = field(default_factory=dict)
    words: list[tuple[str, str, Any, bool]] = field(default_factory=list)
    """Statements of applications in their order: the debtor it is about, the field, the value, whether it takes back what was said."""
    made: dict[str, dict[Fact, tuple[Any, Any]]] = field(default_factory=dict)
    """Plan -> the facts it changed, before and after."""
    turns: Iterator[int] = field(default_factory=count)

    # --- what is decided

    def begin(self, plan: str) -> None:
        """A decision starts: what it changes is remembered under this name."""
        self.now = self.made[plan] = {}

    def put(self, fact: Fact, value: Any) -> None:
        """One fact becomes another one; None is no such fact."""
        before = self.now[fact][0] if fact in self.now else deepcopy(self.facts.get(fact))
        self.now[fact] = (before, deepcopy(value))
        if value is None:
            self.facts.pop(fact, None)
        else:
            self.facts[fact] = value

    def link(self, record: Key, debtor: str) -> None:
        """A source record means this debtor now."""
        self.put(("link", *record), Link(self.became(debtor), next(self.turns)))

    def unlink(self, record: Key, own: str | None) -> None:
        """It means its old debtor no longer: none, or where its source creates, one of its own, which stands for itself again."""
        if own is None:
            self.put(("link", *record), None)
            return
        if ("merged", own) in self.facts:
            self.put(("merged", own), None)
        self.put(("link", *record), Link(own, next(self.turns)))

    def merge(self, losing: str, into: str) -> None:
        """Every record of one debtor means the other."""
        turn = next(self.turns)
        for record in self.linked_to(losing):
            self.put(("link", *record), Link(into, turn))
        self.put(("merged", losing), into)

    def unmerge(self, debtor: str) -> None:
        """It stands for itself, with the records it had, as far as they still mean what it became."""
        into = self.became(debtor)
        merge = next(
            m
            for m in reversed(list(self.made.values()))
            if m.get(("merged", debtor), (None, None))[1] is not None
        )
        for fact, (before, _) in list(merge.items()):
            if (
                fact[0] == "link"
                and before is not None
                and before.debtor == debtor
                and self.facts.get(fact, Link("", 0)).debtor == into
            ):
                self.put(fact, before)
        self.put(("merged", debtor), None)

    def pin(
        self, debtor: str, name: str, value: Any, until: date | None = None, *, while_same: bool = False
    ) -> None:
        """A person sets a field of a debtor."""
        watched = {r: self.records[r].values.get(name) for r in self.speaking(debtor)} if while_same else None
        self.put(("pin", debtor, name), Pin(value, next(self.turns), until, watched))

    def unpin(self, debtor: str, name: str) -> None:
        """The sources decide again: what counts for the debtor is gone, whoever of those it was merged of it was said about."""
        for one in self.made_of(debtor):
            pin = self.facts.get(("pin", one, name))
            if pin is not None and not pin.is_over:
                self.put(("pin", one, name), None)

    def join(self, debtor: str, group: str) -> None:
        """A debtor is in a group from now on."""
        self.put(("group", group), True)
        if self.group_of(debtor) != group:
            self.put(("member", debtor), (group, next(self.turns)))

    def leave(self, debtor: str, group: str) -> None:
        """A debtor is not in this group any more."""
        if self.group_of(debtor) == group:
            for one in self.made_of(debtor):
                if self.facts.get(("member", one), (None,))[0] == group:
                    self.put(("member", one), None)

    def dissolve(self, group: str) -> None:
        """There is no such group any more."""
        for fact, value in list(self.facts.items()):
            if fact[0] == "member" and value[0] == group:
                self.put(fact, None)
        self.put(("group", group), None)

    def tag(self, debtor: str, name: str) -> None:
        """A person tags a debtor."""
        self.put(("tag", debtor, name), True)

    def say(self, debtor: str, name: str, value: Any, *, takes_back: bool = False) -> None:
        """An application says something about a debtor."""
        self.words.append((debtor, name, value, takes_back))

    def undo(self, plan: str) -> None:
        """What a decision changed is as before. Nothing of it may have been decided again."""
        for fact, (before, after) in list(self.made[plan].items()):
            assert same(self.facts.get(fact), after), f"undone although {fact} was decided again"
            self.put(fact, before)

    def undo_import(self, plan: str) -> None:
        """What an import decided is as before, where nobody decided again; the rest can be taken back later."""
        for fact, (before, after) in list(self.made[plan].items()):
            if same(self.facts.get(fact), after):
                del self.made[plan][fact]
                self.put(fact, before)

    # --- what follows

    def became(self, debtor: str) -> str:
        """The debtor one was merged into, or itself."""
        while (into := self.facts.get(("merged", debtor))) is not None:
            debtor = into
        return debtor

    def steps(self, debtor: str) -> int:
        """How many merges lie between a debtor and what it became."""
        return 0 if (into := self.facts.get(("merged", debtor))) is None else 1 + self.steps(into)

    def made_of(self, debtor: str) -> list[str]:
        """The debtor and those that became it, nearest first."""
        away = [fact[1] for fact in self.facts if fact[0] == "merged" and self.became(fact[1]) == debtor]
        return [debtor, *sorted(away, key=self.steps)]

    def linked_to(self, debtor: str) -> list[Key]:
        """The source records that mean a debtor, the older links first."""
        found = [
            (link.since, fact[1], fact[2])
            for fact, link in self.facts.items()
            if fact[0] == "link" and link.debtor == debtor
        ]
        return [(source, key) for _, source, key in sorted(found)]

    def speaking(self, debtor: str) -> list[Key]:
        """Those of its records whose word counts: the living ones, or where none lives, the last words of the dead."""
        linked = self.linked_to(debtor)
        return [r for r in linked if not self.records[r].is_deleted] or linked

    def settle(self) -> None:
        """Time and sources end pins: a day that is over, a watched record that says something else. Ended is ended."""
        for fact, pin in self.facts.items():
            if fact[0] != "pin" or pin.is_over:
                continue
            speaking = set(self.speaking(self.became(fact[1])))
            has_changed = any(
                self.records[r].values.get(fact[2]) != was
                for r, was in (pin.watched or {}).items()
                if r in speaking
            )
            pin.is_over = has_changed or (pin.until is not None and self.today > pin.until)

    def pinned(self, debtor: str, name: str) -> Pin | None:
        """The pin that counts: its own, else the newest of the nearest."""
        there = [(self.steps(one) if one != debtor else 0, -pin.turn, pin) for one in self.made_of(debtor)
            if (pin := self.facts.get(("pin", one, name))) is not None and not pin.is_over]  # fmt: skip
        return min(there, key=lambda found: found[:2])[2] if there else None

    def said(self, debtor: str) -> dict[str, Any]:
        """What applications said last about the debtor and those that became it."""
        words: dict[str, Any] = {}
        for about, name, value, takes_back in self.words:
            if self.became(about) == debtor:
                words.pop(name, None)
                if not takes_back:
                    words[name] = value
        return words

    def claims(self, debtor: str, name: str) -> list[Any]:
        """What is said about a field by those who are believed about it, the best first."""
        ranking = self.rules[name].ranking
        found = []
        for source, key in self.speaking(debtor):
            place = next((i for i, who in enumerate(ranking) if who in (source, self.roles[source])), None)
            if place is not None and name in self.records[source, key].values:
                since = self.facts["link", source, key].since
                order = self.order.index(source) if source in self.order else len(self.order)
                found.append((place, order, since, source, key, self.records[source, key].values[name]))
        words = self.said(debtor)
        if "collections" in ranking and name in words:
            found.append((ranking.index("collections"), len(self.order) + 1, 0, "inbox", "", words[name]))
        return sorted(found, key=lambda claim: claim[:5])

    def value(self, debtor: str, name: str) -> Any:
        """The value of a field."""
        if (pin := self.pinned(debtor, name)) is not None:
            return pin.value
        claims = self.claims(debtor, name)
        filled = [c for c in claims if c[-1] is not None]
        chosen = filled if self.rules[name].fills else claims
        return chosen[0][-1] if chosen else None

    def group_of(self, debtor: str) -> str | None:
        """The group a debtor is in: its own, else the newest of the nearest."""
        there = [(self.steps(one) if one != debtor else 0, -turn, group) for one in self.made_of(debtor)
            for group, turn in [self.facts.get(("member", one), (None, 0))] if group is not None and ("group", group) in self.facts]  # fmt: skip
        return min(there)[2] if there else None

    def balance(self, debtor: str) -> tuple[Decimal | None, int]:
        """The sum of what its ERP records state, and how many of several state nothing."""
        records = [self.records[r] for r in self.speaking(debtor) if self.roles[r[0]] == "erp"]
        stated = [
            Decimal(r.values["erp_balance"]) for r in records if r.values.get("erp_balance") is not None
        ]
        return (sum(stated, Decimal(0)) if stated else None), (
            len(records) - len(stated) if len(records) > 1 else 0
        )

    def wanted_parent(self, debtor: str) -> tuple[str | None, bool]:
        """The parent a person pinned or the best source claims, and whether it is pinned."""
        if (pin := self.pinned(debtor, "parent_key")) is not None:
            return (None if pin.value is None else self.became(pin.value)), True
        claims = self.claims(debtor, "parent_key")
        if not claims or claims[0][-1] is None:
            return None, False
        link = self.facts.get(("link", claims[0][3], claims[0][-1]))
        return (None if link is None else link.debtor), False

    def parents(self) -> dict[str, str]:
        """Debtor -> parent. Of a circle nobody is believed but who was pinned, and of one of pins alone nobody at all."""
        wanted = {d: self.wanted_parent(d) for d in self.debtors()}
        above = {d: parent for d, (parent, _) in wanted.items() if parent is not None}
        for circle in circles(above):
            pinned = {d for d in circle if wanted[d][1]}
            for debtor in circle - (pinned if pinned != circle else set()):
                del above[debtor]
        return above

    def debtors(self) -> list[str]:
        """Everybody some source record means."""
        return sorted({link.debtor for fact, link in self.facts.items() if fact[0] == "link"})

    def living(self) -> list[str]:
        """Debtors with a record that is still there."""
        return [d for d in self.debtors() if any(not self.records[r].is_deleted for r in self.linked_to(d))]

    def state(self, names: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Every living debtor as readers should see it."""
        parents = self.parents()
        return {
            debtor: {name: self.value(debtor, name) for name in names} | {
                "parent": parents.get(debtor), "top": top(parents, debtor), "group": self.group_of(debtor), "balance": self.balance(debtor),
                "tags": {fact[2] for fact in self.facts if fact[0] == "tag" and self.became(fact[1]) == debtor},
                "records": set(self.linked_to(debtor)),
            }
            for debtor in self.living()
        }  # fmt: skip


def same(value: Any, left: Any) -> bool:
    """Whether a fact still is what a decision left; that a pin ended by itself is nobody's decision."""
    if isinstance(value, Pin) and isinstance(left, Pin):
        return (value.value, value.turn, value.until) == (left.value, left.turn, left.until)
    return bool(value == left)


def circles(above: Mapping[str, str]) -> list[set[str]]:
    """Every circle of parents there is."""
    found: list[set[str]] = []
    for start in above:
        chain = [start]
        while (up := above.get(chain[-1])) is not None and up not in chain:
            chain.append(up)
        if up == start and set(chain) not in found:
            found.append(set(chain))
    return found


def top(above: Mapping[str, str], debtor: str) -> str | None:
    """The last of a chain of parents."""
    while debtor in above:
        debtor = above[debtor]
        if debtor not in above:
            return debtor
    return None
