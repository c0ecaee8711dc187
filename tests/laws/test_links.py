"""Laws of links and ownership on PostgreSQL: random sequences of pulls, links, unlinks, merges, pins, policy changes and undos, of four sources."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sync_engine.errors import AmbiguousMatch, ConfigurationError
from sync_engine.ops.decisions import operations as ops
from sync_engine.ops.decisions.operations import Operation, PinField, Undo, Unlink, Unmerge
from sync_engine.ops.decisions.plan import apply, do, plan
from sync_engine.ownership.policy import Policy, Rule
from tests.conftest import new_database
from tests.links.support import CRM_FIRST, World, open_world

POLICIES = (
    CRM_FIRST,
    Policy.model_validate({"rules": [{"ranking": ["erp", "crm", "collections"]}]}),
    Policy(
        rules=(
            Rule(fields=("phone",), ranking=("crm", "erp", "collections"), mode="if_empty"),
            Rule(groups=("billing_address",), ranking=("second", "erp")),
            Rule(ranking=("collections", "crm", "erp")),
        ),
        sources=("second", "erp"),
    ),
)
NAMES = ("HANSEN & SØN A/S", "Hansen & Soen", "Müller GmbH", "Bianchi S.p.A.", None)
SOURCES = ("erp", "second", "crm", "dunning")
KEYS = ("1", "2", "3")
FIELDS = ("name", "phone", "city")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]
Worlds = Callable[[], AbstractContextManager[World]]


def four_sources(world: World) -> World:
    """Two ERPs of one company, one creating, one linking what it can; a CRM and a collections tool that wait for people."""
    world.policy = CRM_FIRST
    world.add("erp", "erp")
    world.add("second", "erp")
    world.add(
        "crm",
        "crm",
        links={"debtor": {"mode": "manual"}, "contact": {"mode": "automatic", "create_unmatched": True}},
    )
    world.add("dunning", "collections", links={"debtor": {"mode": "none"}})
    for source in ("erp", "second"):
        world.say(
            source, "companies", "1", name="Nordlys A/S", base_currency="DKK", registration_no="10203040"
        )
    for source in SOURCES:
        for key in KEYS:
            world.say(
                source,
                "debtors",
                key,
                number=f"{source}-{key}" if key != "1" else "10000",
                name="HANSEN & SØN A/S",
                phone=None,
                city="Aarhus",
                status="active",
            )
            world.say(
                source, "contacts", key, debtor_key=key, full_name=f"Anna {key}", email=f"anna{key}@hansen.dk"
            )
    for key in KEYS:
        world.say(
            "erp", "documents", f"D{key}", debtor_key=key, kind="invoice", number=f"I{key}", issue_date="2026-01-15", due_date="2026-02-15", currency="DKK",
            total=f"{key}00.00", open_amount=f"{key}00.00", erp_status="open", is_posted=True, lines=[],
        )  # fmt: skip
    return world


@pytest.fixture(scope="module")
def worlds(migrated_template: str, server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    """Copies of a world published once."""
    with new_database(migrated_template, "migrated") as url:
        lake = tmp_path_factory.mktemp("lake")
        original = four_sources(open_world(url, lake))
        for source in SOURCES:
            original.run(source)
        original.store.dispose()

        @contextmanager
        def another() -> Iterator[World]:
            with new_database(server, url.rpartition("/")[2].partition("?")[0]) as copy:
                there = open_world(copy, Path(lake))
                there.clock, there.policy, there.configs, there.records = (
                    deepcopy(original.clock),
                    original.policy,
                    dict(original.configs),
                    deepcopy(original.records),
                )
                try:
                    yield there
                finally:
                    there.store.dispose()

        yield another


def records(world: World) -> list[str]:
    """The living canonical debtors."""
    return [
        str(r[0]) for r in world.rows("SELECT id FROM canonical.debtor WHERE deleted_at IS NULL ORDER BY id")
    ]


def linked(world: World) -> list[tuple[str, str]]:
    """The debtor records that have a link."""
    return [
        (str(s), str(k))
        for s, k in world.rows(
            "SELECT source, external_id FROM canonical.link WHERE entity = 'debtor' ORDER BY 1, 2"
        )
    ]


def random_decision(world: World, rng: random.Random) -> Operation:
    """A decision that makes sense more often than not."""
    living, source, key = records(world), rng.choice(SOURCES), rng.choice(KEYS)
    kind = rng.choice(("link", "link", "unlink", "merge", "pin", "not_the_same", "parent"))
    if kind == "link":
        return ops.Link(source=source, key=key, to=rng.choice(living), force=True)
    if kind == "unlink":
        return Unlink(source=source, key=key)
    if kind == "merge":
        return ops.Merge(losing=rng.choice(living), into=rng.choice(living), force=True)
    if kind == "pin":
        return PinField(
            record=rng.choice(living),
            field=rng.choice(FIELDS),
            value=rng.choice(("112", None)),
            until_source_changes=rng.random() < 0.5,
        )
    if kind == "parent":
        return ops.SetParent(debtor=rng.choice(living), parent=rng.choice(living))
    return ops.NotTheSame(source=source, key=key, record=rng.choice(living))


def disturb(world: World, rng: random.Random) -> None:
    """A source says something else, a policy changes, or a source is pulled."""
    what = rng.random()
    if what < 0.5:
        source, key = rng.choice(SOURCES), rng.choice(KEYS)
        world.records[source]["debtors"][key] = {
            **world.records[source]["debtors"][key],
            "name": rng.choice(NAMES),
            "phone": rng.choice((None, "1", "2")),
        }
    elif what < 0.6:
        world.policy = rng.choice(POLICIES)
    world.run(rng.choice(SOURCES))


def decide(world: World, operation: Operation) -> bool:
    """Applies a decision; false where it makes no sense now."""
    try:
        do(world.runtime, operation, by="ada")
    except (ConfigurationError, AmbiguousMatch):
        return False
    return True


def something_happens(world: World, rng: random.Random) -> None:
    """A source speaks or a person decides."""
    if rng.random() < 0.5:
        disturb(world, rng)
    else:
        decide(world, random_decision(world, rng))


def everybody_speaks(world: World, rng: random.Random) -> None:
    """Every source has linked records and says something of its own: without two that disagree a ranking decides nothing."""
    for source in SOURCES:
        for key in KEYS:
            world.records[source]["debtors"][key] |= {
                "name": f"{source} {key}",
                "phone": rng.choice((None, f"{source} {key}")),
            }
    for source in ("crm", "dunning"):
        for key in KEYS:
            assert decide(world, ops.Link(source=source, key=key, to=rng.choice(records(world)), force=True))


def settle(world: World, sources: tuple[str, ...] = SOURCES) -> None:
    """Everything the sources say is published by the policy."""
    for source in sources:
        world.run(source)


few = settings(
    max_examples=int(os.environ.get("LAW_EXAMPLES", "3")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    print_blob=True,
)


@few
@given(seed=st.integers(0, 2**32))
def test_undo_restores_the_same_state(worlds: Worlds, seed: int) -> None:
    """After any sequence, each further decision and its undo leave what was there; undoing the undo leaves what was decided."""
    rng = random.Random(seed)
    with worlds() as world:
        for _ in range(4):
            something_happens(world, rng)
        settle(world)
        for _ in range(4):
            before = world.state() | world.decided()
            if decide(world, random_decision(world, rng)):
                after = world.state() | world.decided()
                assert decide(world, Undo(plan="last"))
                assert_same(before, world.state() | world.decided())
                undo = str(
                    world.one(
                        "SELECT plan_hash FROM engine.link_plan WHERE operation ->> 'op' = 'undo' ORDER BY place DESC LIMIT 1"
                    )
                )
                assert decide(world, Undo(plan=undo))
                assert_same(after, world.state() | world.decided())


@few
@given(seed=st.integers(0, 2**32))
def test_unlink_after_link_and_unmerge_after_merge_restore_the_same_state(worlds: Worlds, seed: int) -> None:
    """What a person joined and parted again is as if never joined, documents, contacts and balances too."""
    rng = random.Random(seed)
    with worlds() as world:
        for _ in range(3):
            disturb(world, rng)
        settle(world)
        before = world.state()
        free = sorted({(s, k) for s in ("crm", "dunning") for k in KEYS} - set(linked(world)))
        source, key = rng.choice(free)
        assert decide(world, ops.Link(source=source, key=key, to=rng.choice(records(world)), force=True))
        assert world.state() != before
        assert decide(world, Unlink(source=source, key=key))
        assert_same(before, world.state())
        living = records(world)
        if len(living) > 1:
            losing, into = rng.sample(living, 2)
            assert decide(world, ops.Merge(losing=losing, into=into, force=True))
            assert decide(world, Unmerge(record=losing))
            assert_same(before, world.state())


@few
@given(seed=st.integers(0, 2**32))
def test_order_batching_and_repetition_do_not_matter(worlds: Worlds, seed: int) -> None:
    """The same claims, links and policy give the same rows, whoever publishes last and however often; a policy change equals a rebuild."""
    rng = random.Random(seed)
    with worlds() as world:
        for _ in range(5):
            something_happens(world, rng)
        settle(world)
        state = world.state()
        settle(world, tuple(rng.sample(SOURCES, len(SOURCES))) * 2)
        assert_same(state, world.state())
        was, world.policy = world.policy, rng.choice([p for p in POLICIES if p != world.policy])
        world.run(rng.choice(SOURCES))
        world.policy = was
        world.run(rng.choice(SOURCES))
        assert_same(state, world.state())


@few
@given(seed=st.integers(0, 2**32))
def test_only_a_ranked_claimant_wins_and_none_better_was_passed_over(worlds: Worlds, seed: int) -> None:
    """Read from the tables: for every value, its master is linked and ranked, and whoever ranks better and speaks says no other thing."""
    rng = random.Random(seed)
    with worlds() as world:
        everybody_speaks(world, rng)
        for _ in range(4):
            something_happens(world, rng)
        settle(world)
        contested = 0
        roles = {name: config.role for name, config in world.configs.items()}
        claims: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        for record, source, claim in world.rows("""
                SELECT l.canonical_id, l.source, r.claim FROM canonical.link l JOIN engine.stream s ON s.source = l.source AND s.canonical = 'debtor'
                JOIN engine.source_record r ON r.stream_id = s.stream_id AND r.key = l.external_id WHERE l.entity = 'debtor' AND r.deleted_at IS NULL"""):
            claims.setdefault(str(record), []).append((source, claim))
        for record, row in world.rows(
            "SELECT id, to_jsonb(d) FROM canonical.debtor d WHERE deleted_at IS NULL"
        ):
            for field in FIELDS:
                rule = world.policy.rule_for(
                    "debtor", field, "billing_address" if field == "city" else "general"
                )
                master = row["provenance"].get(field)
                said = {(s, c[field]) for s, c in claims[str(record)] if field in c}
                places = {
                    s: next((place for place, name in enumerate(rule.ranking) if name in (s, roles[s])), None)
                    for s, _ in said
                }
                if master == "person":
                    continue
                contested += len({(places[s], v) for s, v in said if places[s] is not None}) > 1
                if master is None:
                    assert all(p is None for p in places.values())
                    assert row[field] is None
                    continue
                assert places.get(master) is not None, "only a ranked claimant wins"
                assert row[field] in {v for s, v in said if s == master}
                ranked = {s: place for s, place in places.items() if place is not None}
                better = [(s, v) for s, v in said if s in ranked and ranked[s] < ranked[master]]
                assert all(rule.mode == "if_empty" and v is None for _, v in better), (
                    "no better-ranked claim was passed over"
                )
        assert contested, "nothing was decided between two"


@few
@given(seed=st.integers(0, 2**32))
def test_an_applied_plan_does_what_it_showed(worlds: Worlds, seed: int) -> None:
    """Planning changes nothing; applying changes exactly the fields, masters and balances that were shown; a spoiled plan changes nothing."""
    rng = random.Random(seed)
    with worlds() as world:
        for _ in range(3):
            something_happens(world, rng)
        settle(world)
        before = world.state()
        try:
            shown = plan(world.runtime, random_decision(world, rng), by="ada")
        except (ConfigurationError, AmbiguousMatch):
            return
        assert_same(before, world.state())
        values = {
            (f.record, f.field): (f.old, f.new)
            for f in shown.fields
            if f.entity == "debtor" and f.op == "update" and f.field in FIELDS
        }
        rows = {str(i): row for i, row in world.rows("SELECT id, to_jsonb(d) FROM canonical.debtor d")}
        apply(world.runtime, shown.hash, by="ada")
        now = {str(i): row for i, row in world.rows("SELECT id, to_jsonb(d) FROM canonical.debtor d")}
        assert {
            (i, f): (rows[i][f], now[i][f]) for i in rows for f in FIELDS if rows[i][f] != now[i][f]
        } == values


def assert_same(expected: dict[str, frozenset[str]], found: dict[str, frozenset[str]]) -> None:
    """Equal as sets; else what came and what went, table by table."""
    different = {
        t: (sorted(expected[t] - found[t]), sorted(found[t] - expected[t]))
        for t in expected
        if expected[t] != found[t]
    }
    assert different == {}
