"""The ownership policy: as it is in force, whether one makes sense here, and what would change if one were applied."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from sync_engine.canonical.contact import CONTACT
from sync_engine.canonical.debtor import DEBTOR
from sync_engine.config import SourceConfig, load_policy, read_policy
from sync_engine.ops.runs.source_run import Runtime
from sync_engine.ownership.policy import Policy
from sync_engine.store.change_feed.changes import collect_changes
from sync_engine.store.db import one_at_a_time, transaction
from sync_engine.store.decisions import plans
from sync_engine.store.decisions.plans import FieldChange, MasterChange
from sync_engine.store.publishing import contacts, debtors
from sync_engine.store.publishing.cut import NO_CUT, Cut
from sync_engine.store.publishing.policy import companies, policy_in_force

__all__ = ["Difference", "Shown", "check", "configured", "diff", "show"]
ROLES = ("erp", "crm", "collections")
SHOWN = 500


class Shown(NamedTuple):
    """Who decides about a field: the ranking as it is read, best first, and how."""

    entity: str
    field: str
    group: str
    company: str | None
    mode: str
    ranking: tuple[str, ...]


class Difference(NamedTuple):
    """What a policy would change. `fields` and `masters` hold the first ones, `counts` says how many there are; `odd` are rules for nobody."""

    digest: str
    in_force: str | None
    counts: dict[str, int]
    fields: list[FieldChange]
    masters: list[MasterChange]
    odd: list[str]


def configured(folder: Path) -> Policy:
    """The policy of the defs folder, or the default. Raises ConfigurationError."""
    return load_policy(folder)


def show(policy: Policy) -> list[Shown]:
    """The deciding rule of every field, and of every field a company has a rule of its own for."""
    companies = [None, *sorted({r.company for r in policy.rules if r.company})]
    shown = []
    for entity, fields in (("debtor", DEBTOR), ("contact", CONTACT)):
        for field in fields:
            general = policy.rule_for(entity, field.name, field.group)
            for company in companies:
                rule = policy.rule_for(entity, field.name, field.group, company)
                if company is None or rule is not general:
                    shown.append(Shown(entity, field.name, field.group, company, rule.mode, rule.ranking))
    return shown


def check(policy: Policy, sources: Mapping[str, SourceConfig]) -> list[str]:
    """What is odd about a policy here, in sentences: names nobody bears, sources nobody believes, rules that never decide."""
    ranked = {name for rule in policy.rules for name in rule.ranking}
    unborne = sorted((ranked | set(policy.sources)) - set(ROLES) - set(sources))
    found = [
        f"{name!r} is neither a role nor a configured source: nobody is believed by that name"
        for name in unborne
    ]
    for source, config in sorted(sources.items()):
        if source not in ranked and config.role not in ranked:
            found.append(f"{source} (role {config.role}) is in no ranking: nothing it says is believed")
    deciding = {
        id(policy.rule_for(e, f.name, f.group, c))
        for e, fields in (("debtor", DEBTOR), ("contact", CONTACT))
        for f in fields
        for c in {None, *(r.company for r in policy.rules)}
    }
    found += [
        f"rule {place} never decides: every field it names is decided by a rule before it"
        for place, r in enumerate(policy.rules, 1)
        if id(r) not in deciding
    ]
    return found


def diff(runtime: Runtime, policy: Policy) -> Difference:
    """Which values and masters would change if this policy were applied: everything is folded again by it, and rolled back.

    Reads the claims in chunks; asks no ERP; writes nothing.
    """
    with transaction(runtime.store, "comparing policies") as connection:
        one_at_a_time(connection)
        in_force = policy_in_force(connection)
        savepoint = connection.begin_nested()
        collect_changes(connection)
        now = runtime.clock.now()
        cut = Cut(
            connection,
            "",
            "",
            UUID(int=0),
            NO_CUT,
            now,
            now.date(),
            policy,
            "",
            "policy diff",
            accept_moves=True,
        )
        plans.look_before(connection, plans.linked_records(connection))
        debtors.mark_dirty_debtors(cut, everything=True, everyone=True)
        debtors.publish_debtors(cut)
        contacts.begin_contacts(cut)
        cut.sql(
            "INSERT INTO dirty_contact SELECT DISTINCT canonical_id FROM canonical.link WHERE entity = 'contact'"
        )
        contacts.fold_contacts(cut)
        odd = _unheard_of(policy, companies(connection))
        fields, masters = plans.field_changes(connection), plans.master_changes(connection)
        savepoint.rollback()
    counts = {
        "values": len(fields),
        "masters": len(masters),
        "records": len({(f.entity, f.record) for f in fields} | {(m.entity, m.record) for m in masters}),
    }
    return Difference(
        policy.digest,
        None if in_force is None else in_force.digest,
        counts,
        fields[:SHOWN],
        masters[:SHOWN],
        odd,
    )


def _unheard_of(policy: Policy, known: list[str]) -> list[str]:
    """Rules for a company that no source keeps books of: mistyped, they would decide about nothing and nobody would notice."""
    there = ", ".join(known) or "none yet"
    heard_of = {name.casefold() for name in known}
    wanted = sorted({r.company for r in policy.rules if r.company and r.company.casefold() not in heard_of})
    return [
        f"a rule is for company {name!r}, whose books no source keeps; there are: {there}" for name in wanted
    ]


def from_file(file: Path) -> Policy:
    """A policy that is not in force yet. Raises ConfigurationError."""
    return read_policy(file)
