"""`canonical row = resolve(claims, policy)`: a pure fold, independent of order, batching and repetition."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sync_engine.canonical.fields import Field
from sync_engine.ownership.policy import Policy, Rule, rank

PERSON = "person"
"""The provenance of a value that was pinned by hand."""
INBOX = "inbox"
"""The engine's own source: what applications said through the claims inbox, and persons people imported."""


class Claim(NamedTuple):
    """The last thing one source said about one record, and the first (for `on_create`); `linked_at` breaks ties."""

    source: str
    role: str
    key: str
    linked_at: datetime
    values: Mapping[str, Any]
    first_values: Mapping[str, Any] | None = None
    derived: Mapping[str, Any] | None = None
    """The part of `values` that the engine computed from the source's records: all that counts where a rule says `derived`."""
    said_in: Mapping[str, int] | None = None
    """Field -> the place of the statement that said it or took it back, where several records of one debtor have statements of their own."""


Watched = Mapping[str, Mapping[str, Any]]
"""Source -> key -> what that record says."""


class Pin(NamedTuple):
    """A value a person set, of a field or of a custom one (`custom.segment`): it beats every claim until a date, or until a source that
    `while_claimed` names says something else."""

    field: str
    value: Any
    until: date | None = None
    while_claimed: Watched | None = None


class Overruled(NamedTuple):
    """A linked source said something else and was not believed."""

    field: str
    source: str
    key: str
    said: Any
    by: str


@dataclass(slots=True)
class Resolved:
    """The fold: values by field (only fields somebody ranked has claimed), the source each came from, and how many records state none of a sum."""

    values: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)

    def value(self, name: str) -> Any:
        """The value of a field, or of a member of the custom fields (`custom.segment`)."""
        return _value_of(self.values, name)

    def pin(self, name: str, value: Any) -> None:
        """A person's value of a field; of a member of the custom fields it leaves the other members as they are."""
        self.provenance[name] = PERSON
        if not name.startswith(f"{CUSTOM}."):
            self.values[name] = value
            return
        by = {PERSON, *self.provenance.get(CUSTOM, PERSON).split("+")}
        self.values[CUSTOM] = {**(self.values.get(CUSTOM) or {}), name.removeprefix(f"{CUSTOM}."): value}
        self.provenance[CUSTOM] = "+".join(sorted(by))


def merge_facets(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One source's claim from its parts, defining stream first: a later part only adds fields, or fills what is None; custom fields one by one."""
    defining, *others = parts
    whole = dict(defining)
    for part in others:
        for name, value in part.items():
            if whole.get(name) is None:
                whole[name] = value
            elif name == CUSTOM and value:
                whole[name] = merge_facets([whole[name], value])
    return whole


CUSTOM = "custom"
"""The field whose members are folded one by one, each by the rule that names it (`custom.segment`), or else by that of the field."""
AS_SAID = ("master", "if_empty")
"""Modes in which a record of one source has the value it says now."""


class _Alone(NamedTuple):
    """What a record of one source alone comes to: fields that are as it says, those to fold, and whether it may be overruled in any."""

    as_said: tuple[str, ...]
    folded: Mapping[str, Rule]
    may_be_overruled: bool


class Resolver:
    """`resolve` with the policy's rules looked up once per field; use one per entity, company and publish."""

    def __init__(
        self,
        entity: str,
        fields: tuple[Field, ...],
        policy: Policy,
        *,
        company: str | None = None,
        order: Mapping[str, int] | None = None,
        unheard: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        """`unheard`: source -> the fields of which it is not believed, wherever it ranks."""
        self._unheard = unheard or {}
        self._rules = {f.name: policy.rule_for(entity, f.name, f.group, company) for f in fields}
        self._sets = {f.name for f in fields if f.kind == "set"}
        self._members = _MemberRules(entity, policy, company)
        self._sums = {f.name for f in fields if f.is_summed}
        self._order = order or {}
        self._alone: dict[tuple[str, str], _Alone] = {}

    def resolve(
        self, claims: Sequence[Claim], pins: Iterable[Pin] = (), today: date | None = None
    ) -> Resolved:
        """Folds the claims of the source records linked to one canonical record.

        Ranked claimants only; ties by order of sources, then the older link, then the key. A pin that still holds wins.
        """
        resolved = (
            self._single(*claims)
            if len(claims) == 1
            else self._fold(last_said(claims), self._rules, Resolved())
        )
        for pin in sorted(pins, key=lambda p: p.field):
            if pin_holds(pin, claims, today):
                resolved.pin(pin.field, pin.value)
        return resolved

    def may_be_overruled(self, claim: Claim) -> bool:
        """Whether something that this source says can be disbelieved where no other source and no person speaks."""
        return self._believed_alone(claim).may_be_overruled

    def overruled(self, claims: Sequence[Claim], resolved: Resolved) -> list[Overruled]:
        """What linked sources said that did not become the value."""
        return [
            Overruled(name, c.source, c.key, said, resolved.provenance.get(name, ""))
            for c in last_said(claims)
            for name, said in (*c.values.items(), *_members_of(c.values).items())
            if name != CUSTOM
            and self._is_ruled(name)
            and not self._is_set(name)
            and said is not None
            and said != resolved.value(name)
            and not (name in self._sums and name in resolved.values)
        ]

    def unsaid(self, claim: Claim, resolved: Resolved, fields: Iterable[str]) -> dict[str, Any]:
        """Of some fields those that a record states otherwise than they were decided, with what was decided.

        Left out is what the record does not state at all, what several sources fill together, and what another record of the same source decided.
        """
        found = {}
        for name in fields:
            own, decided = _stated(claim.values, name), _stated(resolved.values, name)
            if own is None or decided is None or self._is_set(name) or name in self._sums or own == decided:
                continue
            if resolved.provenance.get(name) != claim.source:
                found[name] = decided[0]
        return found

    def _is_heard(self, source: str, name: str) -> bool:
        unheard = self._unheard.get(source, ())
        return not unheard or not (name in unheard or name.partition(".")[0] in unheard)

    def _has_unheard_members(self, source: str) -> bool:
        return any(name.startswith(f"{CUSTOM}.") for name in self._unheard.get(source, ()))

    def _is_ruled(self, name: str) -> bool:
        return name in self._rules or (CUSTOM in self._rules and name.startswith(f"{CUSTOM}."))

    def _is_set(self, name: str) -> bool:
        return name in self._sets or self.rule(name).mode == "union"

    def rule(self, field_name: str) -> Rule:
        """The rule that decides a field, or a member of the custom fields."""
        return self._rules[field_name] if field_name in self._rules else self._members[field_name]

    def ranked(self, claims: Sequence[Claim], name: str) -> list[Claim]:
        """Who says something about a field and is believed, best first."""
        return self._ranked(last_said(claims), name, self.rule(name))

    def _single(self, claim: Claim) -> Resolved:
        alone = self._believed_alone(claim)
        values = {n: claim.values[n] for n in alone.as_said if n in claim.values}
        return self._fold([claim], alone.folded, Resolved(values, dict.fromkeys(values, claim.source)))

    def _believed_alone(self, claim: Claim) -> _Alone:
        who = (claim.source, claim.role)
        if who not in self._alone:
            folded = {
                n: r
                for n, r in self._rules.items()
                if n in self._sets
                or r.mode not in AS_SAID
                or (n == CUSTOM and (self._members.are_named or self._has_unheard_members(claim.source)))
            }
            as_said = tuple(
                n
                for n, r in self._rules.items()
                if n not in folded and rank(r, *who) is not None and self._is_heard(claim.source, n)
            )
            self._alone[who] = _Alone(
                as_said, folded, any(n not in as_said and not self._is_set(n) for n in self._rules)
            )
        return self._alone[who]

    def _fold(self, claims: Sequence[Claim], rules: Mapping[str, Rule], resolved: Resolved) -> Resolved:
        for name, rule in rules.items():
            if name == CUSTOM:
                self._fold_custom(claims, rule, resolved)
                continue
            ranked = self._ranked(
                [c._replace(values=c.derived or {}) for c in claims] if rule.mode == "derived" else claims,
                name,
                rule,
            )
            if not ranked:
                continue
            if name in self._sums and len(claims) > 1:
                self._add_up(claims, ranked, name, resolved)
                continue
            if self._is_set(name):
                members = sorted({v for c in ranked for v in _members(c.values[name])})
                is_set = name in self._sets or any(isinstance(c.values[name], list) for c in ranked)
                resolved.values[name] = members if is_set else "; ".join(members) or None
                resolved.provenance[name] = "+".join(sorted({c.source for c in ranked}))
                continue
            winner, value = _decide(ranked, name, rule)
            resolved.values[name], resolved.provenance[name] = value, winner.source
        return resolved

    def _fold_custom(self, claims: Sequence[Claim], rule: Rule, resolved: Resolved) -> None:
        """Every member by itself: a source that has no such field does not hide another's. Who is believed and says nothing leaves it empty."""
        members = [_members_only(c) for c in claims]
        named = sorted({name for c in members for name in c.values})
        part = self._fold(members, {name: self._members[name] for name in named}, Resolved())
        if part.values:
            resolved.values[CUSTOM] = {
                name.removeprefix(f"{CUSTOM}."): value for name, value in part.values.items()
            }
            resolved.provenance |= {
                **part.provenance,
                CUSTOM: "+".join(sorted({s for by in part.provenance.values() for s in by.split("+")})),
            }
        elif rule.mode != "derived" and (ranked := self._ranked(claims, CUSTOM, rule)):
            resolved.values[CUSTOM] = None if ranked[0].values[CUSTOM] is None else {}
            resolved.provenance[CUSTOM] = ranked[0].source

    def _add_up(
        self, claims: Sequence[Claim], ranked: Sequence[Claim], name: str, resolved: Resolved
    ) -> None:
        """The sum of what the records of the best ranked role state; one of them that states nothing is counted, not taken for 0."""
        role = ranked[0].role
        added = [c for c in ranked if c.role == role and c.values[name] is not None]
        records = [c for c in claims if c.role == role]
        resolved.values[name] = f"{sum(Decimal(str(c.values[name])) for c in added):f}" if added else None
        resolved.provenance[name] = "+".join(sorted({c.source for c in added or ranked[:1]}))
        resolved.unknown[name] = len(records) - len(added) if len(records) > 1 else 0

    def _ranked(self, claims: Sequence[Claim], name: str, rule: Rule) -> list[Claim]:
        places = [
            (place, c)
            for c in claims
            if name in c.values
            and (place := rank(rule, c.source, c.role)) is not None
            and self._is_heard(c.source, name)
        ]
        places.sort(
            key=lambda p: (
                p[0],
                self._order.get(p[1].source, len(self._order)),
                p[1].linked_at,
                p[1].source,
                p[1].key,
            )
        )
        return [c for _, c in places]


class _MemberRules(dict[str, Rule]):
    """The rule of each member of the custom fields, looked up when it is first met."""

    def __init__(self, entity: str, policy: Policy, company: str | None) -> None:
        self._entity, self._policy, self._company = entity, policy, company
        self.are_named = any(name.startswith(f"{CUSTOM}.") for rule in policy.rules for name in rule.fields)

    def __missing__(self, name: str) -> Rule:
        self[name] = self._policy.rule_for(self._entity, name, CUSTOM, self._company)
        return self[name]


def _value_of(values: Mapping[str, Any], name: str) -> Any:
    return values[name] if name in values else _members_of(values).get(name)


def _stated(values: Mapping[str, Any], name: str) -> tuple[Any] | None:
    """The value of a field or of a custom one, in a tuple, for it may be None; None where nothing is stated."""
    stated = values if name in values else _members_of(values)
    return (stated[name],) if name in stated else None


def _members_of(values: Mapping[str, Any] | None) -> dict[str, Any]:
    """The custom fields of a claim by the names that rules give them."""
    return {f"{CUSTOM}.{name}": value for name, value in ((values or {}).get(CUSTOM) or {}).items()}


def _members_only(claim: Claim) -> Claim:
    first = None if claim.first_values is None else _members_of(claim.first_values)
    return claim._replace(
        values=_members_of(claim.values), first_values=first, derived=_members_of(claim.derived)
    )


def _members(value: Any) -> Sequence[Any]:
    """The members of a set, or of a text that several sources fill together: `a@x.dk; b@x.dk`."""
    if isinstance(value, list | tuple):
        return value
    return [] if value is None else [part for raw in str(value).split(";") if (part := raw.strip())]


def _decide(ranked: list[Claim], name: str, rule: Rule) -> tuple[Claim, Any]:
    if rule.mode == "on_create":
        first = min(ranked, key=lambda c: c.linked_at)
        said_first = first.first_values or {}
        return first, said_first[name] if name in said_first else first.values[name]
    if rule.mode == "if_empty":
        return next(((c, c.values[name]) for c in ranked if c.values[name] is not None), (ranked[0], None))
    return ranked[0], ranked[0].values[name]


def last_said(claims: Sequence[Claim]) -> Sequence[Claim]:
    """The claims without what a later statement about another record of the same debtor replaced or took back."""
    last: dict[str, int] = {}
    for name, place in (said for c in claims for said in (c.said_in or {}).items()):
        last[name] = max(place, last.get(name, place))
    if not last:
        return claims
    return [
        c if c.said_in is None else c._replace(values={n: v for n, v in c.values.items() if n not in last or c.said_in.get(n) == last[n]}) for c in claims
    ]  # fmt: skip


def pin_holds(pin: Pin, claims: Sequence[Claim], today: date | None) -> bool:
    """Whether a pinned value still beats the claims. A watched record that is gone, or linked elsewhere, has said nothing new; one that has come
    to say the pinned value, because it was written back, has said nothing else."""
    if pin.until is not None and today is not None and today > pin.until:
        return False
    watched = pin.while_claimed or {}
    return all(
        _value_of(c.values, pin.field) in (watched[c.source][c.key], pin.value)
        for c in claims
        if c.key in watched.get(c.source, {})
    )


def claimed_by_all(claims: Sequence[Claim], field_name: str) -> Watched:
    """What each linked record says about a field: the state a pin `until the source changes` watches."""
    said: dict[str, dict[str, Any]] = {}
    for c in claims:
        said.setdefault(c.source, {})[c.key] = _value_of(c.values, field_name)
    return said
