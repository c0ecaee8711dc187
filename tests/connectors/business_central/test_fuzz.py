"""Every endpoint and field of the simulator, made odd at random: neighbours arrive, every key is accounted for, only our errors are raised.

SYNC_ENGINE_FUZZ is how many mutated answers are tried, SYNC_ENGINE_FUZZ_SEED where chance begins; both are told with a failure.
"""

from __future__ import annotations

import os
import random
from typing import Any

import pytest

from connectors.business_central import BusinessCentral
from mappings.business_central.normaliser import plugin as mapping
from sync_engine.errors import SyncError
from sync_engine.ports import Normaliser
from sync_engine.records import RawRecord
from tests.connectors.business_central.fuzzing import Mutation, Question, asked_sets, questions
from tests.connectors.support import Bench, bench, is_made_up

TRIED = int(os.environ.get("SYNC_ENGINE_FUZZ", "500"))
SEED = os.environ.get("SYNC_ENGINE_FUZZ_SEED", "HANSEN & SØN")
INSTALLED: dict[str, tuple[str, dict[str, Any]]] = {
    "custom_api": ("custom_api", {}),
    "odata_page": ("odata_page", {}),
    "analytics": ("analytics", {}),
    "reports_finance": ("reports_finance", {}),
    "invoices": ("invoices", {}),
    "before version 25": ("invoices", {"version": 22}),
}
"""The ledger route, and the installation: to an old one every customer is a question of its own, whose contacts they are."""


def accounted(normaliser: Normaliser, entity: str, records: list[RawRecord]) -> set[str]:
    """The keys that become drafts or are excluded; each key is in exactly one of drafts, failed, excluded, unreadable."""
    readable = [(record.key, record.payload) for record in records if not record.unreadable]
    outcome = normaliser.normalise(entity, readable)
    used = [draft.key for draft in outcome.drafts] + [exclusion.key for exclusion in outcome.excluded]
    assert sorted([*used, *(key for key, _ in outcome.failed)]) == sorted(key for key, _ in readable)
    return set(used)


def outcome(question: Question, opened: BusinessCentral) -> tuple[list[RawRecord], Exception | None]:
    """The records that came, or what was raised instead."""
    try:
        return question.ask(opened), None
    except Exception as failure:  # noqa: BLE001 - what kind it is is what is asked
        return [], failure


def open_on(there: Bench, route: str) -> BusinessCentral:
    """A connector that reads every set in one page."""
    ledger: dict[str, Any] = {"route": route}
    if route == "custom_api":
        publisher, group, version = there.simulator.world.installation.custom_api_route.split("/")
        ledger["custom"] = {"publisher": publisher, "group": group, "version": version}
    return there.open(
        page_size=500, document_page_size=500, control_accounts="by_category", attempts=2, ledger=ledger
    )


@pytest.mark.parametrize("installed", INSTALLED)
def test_an_odd_answer_costs_what_is_odd(installed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One mutated answer after another, of every endpoint in turn, on each ledger route."""
    route, changes = INSTALLED[installed]
    there = bench(monkeypatch, **changes)
    normaliser = mapping.normaliser("bc", mapping.settings())
    opened = open_on(there, route)
    debtor = next(iter(there.company.customers))
    asked: dict[str, list[tuple[Question, set[str]]]] = {}
    for question in questions(opened, debtor):
        records = question.ask(opened)
        usable = accounted(normaliser, question.entity, records) if question.entity else set()
        for entity_set in asked_sets(there, opened, question):
            asked.setdefault(entity_set, []).append((question, usable))
    struck = 0
    for number in range(TRIED // len(INSTALLED)):
        seed = f"{SEED} {installed} {number}"
        chance = random.Random(seed)
        entity_set = sorted(asked)[number % len(asked)]
        question, calm = chance.choice(asked[entity_set])
        mutation = Mutation(entity_set, seed)
        there.simulator.inject(mutation)
        fresh = opened if question.entity else open_on(there, route)
        records, failure = outcome(question, fresh)
        story = f"{seed}, {question.name}, {mutation.said}: {failure!r}"
        assert failure is None or isinstance(failure, SyncError), f"{story} is none of our errors"
        assert failure is None or mutation.of_page or not question.entity, (
            f"{story} costs more than its record"
        )
        if failure is None and question.entity:
            lost = calm - accounted(normaliser, question.entity, records)
            unnamed = any(is_made_up(record.key) for record in records)
            assert len(lost) <= 1 or unnamed, f"{story}, {lost} did not arrive"
        struck += mutation.struck > 0
        there.simulator.heal()
    assert struck > TRIED // len(INSTALLED) // 2, f"{struck} answers were mutated"
