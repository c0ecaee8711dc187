"""The plan of a first run: what a source's debtors would become, read for real and rolled back. The test before an import.

Nothing is landed and no row is written. Debtors alone are read, with the company they belong to; contacts and documents follow theirs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from sync_engine.config import LinkSettings, SourceConfig
from sync_engine.lake import KeptInMemory
from sync_engine.matching.duplicates import Duplicate, duplicates
from sync_engine.matching.ladder import Known, Outcome, climb
from sync_engine.matching.similarity import Party
from sync_engine.ops.runs.source_run import Runtime, open_connector, open_lane, registered
from sync_engine.ports import Connector
from sync_engine.stages.pull import pull
from sync_engine.stages.run import normalise_each
from sync_engine.stages.source_run import Progress, SourceRun, no_progress
from sync_engine.store.db import rehearsal, transaction
from sync_engine.store.publishing.parties import (
    circumstances,
    labels,
    linked_parties,
    other_sources,
    unlinked_keys,
    unlinked_parties,
)
from sync_engine.store.queries import waiting_debtors
from sync_engine.store.queries.waiting_debtors import Unusable
from sync_engine.store.runs import open_run, source_lock

READ = ("company", "debtor")
"""What the plan needs of the source, by canonical entity."""


class Planned(NamedTuple):
    """A debtor of the source that a rule decides, or leaves to a person: which canonical records, on which rung, and why not."""

    key: str
    number: str | None
    name: str | None
    outcome: str
    rung: str | None
    records: tuple[str, ...]
    called: tuple[str, ...]
    why: str


class Twins(NamedTuple):
    """Two debtors of the source that may be one: number (or key) and name of each, how sure that is, and why."""

    first_number: str
    first_name: str | None
    second_number: str
    second_name: str | None
    score: float
    because: str


@dataclass(slots=True)
class FirstRun:
    """What a first run would do with the debtors. read = new + matched + ambiguous + vetoed + already_linked + quarantined + excluded.

    `new` become debtors of their own where the source may create them (`creates`), else they wait for a person; `decided` holds what
    was matched, and what is left to people, `unusable` what cannot be used or is left out.
    """

    source: str
    mode: str
    creates: bool
    read: int = 0
    already_linked: int = 0
    new: int = 0
    matched: int = 0
    ambiguous: int = 0
    vetoed: int = 0
    quarantined: int = 0
    excluded: int = 0
    decided: list[Planned] = field(default_factory=list)
    twins: list[Twins] = field(default_factory=list)
    unusable: list[Unusable] = field(default_factory=list)


def plan_first_run(
    runtime: Runtime,
    config: SourceConfig,
    *,
    wait: bool = False,
    progress: Progress = no_progress,
    connector: Connector | None = None,
    actor: str = "sync-engine",
) -> FirstRun:
    """Reads the source's debtors, and tells which are new, known already, ambiguous, or twice in the source itself. Raises what `run_source` raises."""
    connector = connector or open_connector(config, runtime.clock, runtime.store)
    with (
        source_lock(runtime.store, config.source, wait=wait),
        rehearsal(runtime.store, "planning a first run") as store,
    ):
        shop = replace(runtime, store=store, lake=KeptInMemory(runtime.lake))
        run_id = open_run(store, config.source, "full", "rehearsal", config.digest)
        lane = open_lane(shop, config, run_id, actor=actor, progress=progress, connector=connector)
        with registered(lane) as source_run:
            for entity, row in source_run.streams().items():
                if row.canonical in READ:
                    pull(source_run, entity, full=True, row=row)
            normalise_each(source_run)
            return _planned(source_run, config.link_settings("debtor"))


def _planned(source_run: SourceRun, links: LinkSettings) -> FirstRun:
    source = source_run.source
    plan = FirstRun(source, str(links.mode), bool(links.create_unmatched))
    with transaction(source_run.store, "comparing with what is there") as connection:
        plan.unusable = waiting_debtors.unusable(connection, source)
        usable = waiting_debtors.usable(connection, source)
        unlinked = list(
            unlinked_parties(connection, "debtor", source, unlinked_keys(connection, "debtor", source))
        )
        linked = list(linked_parties(connection, "debtor", [source]))
        known = Known(linked_parties(connection, "debtor", other_sources(connection, "debtor", source)))
        found = climb(unlinked, known, circumstances(connection, "debtor", source), links.rungs)
        meant = {c for o in found.values() for c in (*o.candidates, *o.vetoed, o.canonical) if c}
        named = labels(connection, "debtor", meant)
    counts = Counter(line.outcome for line in plan.unusable)
    plan.quarantined, plan.excluded = counts["quarantined"], counts["excluded"]
    left_out = {line.key for line in plan.unusable}
    by_key = {party.key: party for party in unlinked if party.key not in left_out}
    plan.already_linked, plan.read = usable - len(by_key), usable + len(plan.unusable)
    decided = [_decided(party, found[key], named) for key, party in by_key.items()]
    came_to = Counter(one.outcome for one in decided)
    plan.new, plan.matched = came_to["new"], came_to["matched"]
    plan.ambiguous, plan.vetoed = came_to["ambiguous"], came_to["vetoed"]
    plan.decided = [one for one in decided if one.outcome != "new"]
    plan.twins = _twins([*linked, *by_key.values()])
    return plan


def _decided(party: Party, found: Outcome, named: Mapping[str, tuple[str | None, str | None]]) -> Planned:
    unmatched = "vetoed" if found.vetoed else "new"
    outcome = {"link": "matched", "ambiguous": "ambiguous", "unmatched": unmatched}[found.kind]
    records = (found.canonical,) if found.canonical else found.candidates or tuple(found.vetoed)
    called = tuple(" ".join(filter(None, named.get(record, ()))) for record in records)
    why = str(found.evidence.get("why", "")) or "; ".join(sorted(set(found.vetoed.values())))
    return Planned(party.key, party.number, party.name, outcome, found.rung, records, called, why)


def _twins(parties: list[Party]) -> list[Twins]:
    called = {p.key: (p.number or p.key, p.name) for p in parties}

    def told(pair: Duplicate) -> Twins:
        because = ", ".join(f"{what} {value:.2f}" for what, value in pair.evidence.items())
        return Twins(*called[pair.first], *called[pair.second], pair.score, because)

    return [told(pair) for pair in duplicates(parties)]
