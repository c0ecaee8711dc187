"""The laws of `resolve`: order, batching and repetition do not matter, only a ranked claimant wins, and nobody better was passed over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from sync_engine.canonical.fields import Field
from sync_engine.ownership.policy import Mode, Policy, Rule, rank
from sync_engine.ownership.resolve import PERSON, Claim, Pin, Resolver, claimed_by_all, merge_facets

FIELDS = (
    Field("name"),
    Field("limit", "money", "credit"),
    Field("note", group="chasing"),
    Field("tags", "set"),
)
PLAIN = tuple(f for f in FIELDS if f.kind != "set")
SOURCES = {"bc": "erp", "nav": "erp", "sugar": "crm", "desk": "collections"}
ORDER = {source: place for place, source in enumerate(SOURCES)}
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MODES: tuple[Mode, ...] = ("master", "on_create", "if_empty", "union")

texts = st.sampled_from([None, "Hansen", "HANSEN & SØN", "0", ""])
sets = st.none() | st.lists(st.sampled_from(["a", "b", "c", "d"]), unique=True)
said = st.fixed_dictionaries({}, optional={"name": texts, "limit": texts, "note": texts, "tags": sets})
names = st.sampled_from([*SOURCES, "erp", "crm", "collections"])


@st.composite
def claim(draw: st.DrawFn) -> Claim:
    """What one source says about a record; its first words may have been others."""
    source = draw(st.sampled_from(sorted(SOURCES)))
    values = draw(said)
    first = draw(st.none() | said)
    return Claim(
        source,
        SOURCES[source],
        draw(st.sampled_from("xyz")),
        NOON + timedelta(hours=draw(st.integers(0, 3))),
        values,
        first,
    )


@st.composite
def policies(draw: st.DrawFn, modes: Sequence[Mode] = MODES) -> Policy:
    """A rule for some field or group, then one for everything."""
    ranking = st.lists(names, min_size=1, max_size=4, unique=True)
    fields, groups = draw(
        st.sampled_from(
            [(("name",), ()), ((), ("credit",)), (("note", "limit"), ()), ((), ("chasing", "credit"))]
        )
    )
    return Policy(
        rules=(
            Rule(
                ranking=tuple(draw(ranking)), mode=draw(st.sampled_from(modes)), fields=fields, groups=groups
            ),
            Rule(ranking=tuple(draw(ranking)), mode=draw(st.sampled_from(modes))),
        )
    )


claims = st.lists(claim(), min_size=1, max_size=6, unique_by=lambda c: (c.source, c.key))


def resolver(policy: Policy) -> Resolver:
    """The fold of a small entity."""
    return Resolver("debtor", FIELDS, policy, order=ORDER)


@given(policies(), claims, st.randoms())
def test_the_order_of_claims_does_not_matter(policy: Policy, found: list[Claim], random: Any) -> None:
    """Whoever spoke first or was read first: the same row, from the same sources."""
    shuffled = list(found)
    random.shuffle(shuffled)
    one, other = resolver(policy).resolve(found), resolver(policy).resolve(shuffled)
    assert (one.values, one.provenance) == (other.values, other.provenance)


@given(policies(), claims)
def test_folding_again_changes_nothing(policy: Policy, found: list[Claim]) -> None:
    """The fold keeps no state: the same resolver, used for other records in between, says the same again."""
    fold = resolver(policy)
    before = fold.resolve(found)
    for single in found:
        fold.resolve([single])
    after = fold.resolve(found)
    assert (before.values, before.provenance) == (after.values, after.provenance)


@given(policies(), claim())
def test_a_record_with_one_source_takes_the_short_way_to_the_same_row(policy: Policy, alone: Claim) -> None:
    """The path for a single claim is an optimisation, not another rule: a claimant without a rank beside it changes nothing."""
    nobody = Claim(
        "stranger", "nobody", "k", NOON, {f.name: "said by nobody" for f in PLAIN} | {"tags": ["z"]}
    )
    one, other = resolver(policy).resolve([alone]), resolver(policy).resolve([alone, nobody])
    assert (one.values, one.provenance) == (other.values, other.provenance)


@given(policies(), claims)
def test_only_ranked_claimants_win(policy: Policy, found: list[Claim]) -> None:
    """Every value stems from a source that the deciding rule names, and that claimed the field."""
    fold = resolver(policy)
    resolved = fold.resolve(found)
    for field in PLAIN:
        claimants = [
            c
            for c in found
            if field.name in c.values and rank(fold.rule(field.name), c.source, c.role) is not None
        ]
        assert (field.name in resolved.values) == bool(claimants)
        if claimants and fold.rule(field.name).mode != "union":
            assert resolved.provenance[field.name] in {c.source for c in claimants}


@given(policies(modes=["master"]), claims)
def test_nobody_better_was_passed_over(policy: Policy, found: list[Claim]) -> None:
    """Master mode: the best ranked claimant wins, and its null wins too."""
    fold = resolver(policy)
    resolved = fold.resolve(found)
    for field in PLAIN:
        ranked = [
            (place, c)
            for c in found
            if field.name in c.values and (place := rank(fold.rule(field.name), c.source, c.role)) is not None
        ]
        if ranked:
            best = min(place for place, _ in ranked)
            assert resolved.values[field.name] in [
                c.values[field.name] for place, c in ranked if place == best
            ]
            assert resolved.provenance[field.name] in [c.source for place, c in ranked if place == best]


@given(policies(modes=["if_empty"]), claims)
def test_a_lower_rank_fills_what_the_higher_left_empty(policy: Policy, found: list[Claim]) -> None:
    """The first ranked value that is not null; null only when all say null. Nought and the empty text are values."""
    fold = resolver(policy)
    resolved = fold.resolve(found)
    for field in PLAIN:
        ranked = [
            c
            for c in found
            if field.name in c.values and rank(fold.rule(field.name), c.source, c.role) is not None
        ]
        if ranked:
            assert (resolved.values[field.name] is None) == all(c.values[field.name] is None for c in ranked)


@given(policies(modes=["on_create"]), claims)
def test_the_first_word_stays_for_ever(policy: Policy, found: list[Claim]) -> None:
    """Later words of the sources change nothing, as long as who was first stays."""
    found = [c._replace(first_values=c.values) for c in found]
    later = [c._replace(values=dict.fromkeys(c.values, "said later")) for c in found]
    one, other = resolver(policy).resolve(found), resolver(policy).resolve(later)
    assert {f.name: one.values.get(f.name) for f in PLAIN} == {
        f.name: other.values.get(f.name) for f in PLAIN
    }
    assert one.provenance == other.provenance


@given(policies(), claims)
def test_sets_are_united(policy: Policy, found: list[Claim]) -> None:
    """A set holds the members of all ranked sources; taking one source away takes away only what nobody else says."""
    fold = resolver(policy)
    rule = fold.rule("tags")
    ranked = [c for c in found if "tags" in c.values and rank(rule, c.source, c.role) is not None]
    united = {member for c in ranked for member in (c.values["tags"] or ())}
    resolved = fold.resolve(found)
    assert set(resolved.values.get("tags") or ()) == united
    assert resolved.values.get("tags", []) == sorted(united)


@given(policies(), claims, texts)
def test_a_pin_beats_every_claim_until_its_day(policy: Policy, found: list[Claim], value: str | None) -> None:
    """A person's value wins with whatever the sources say, through its last day, and is gone on the next."""
    until = date(2026, 3, 10)
    pin = Pin("name", value, until=until)
    pinned = resolver(policy).resolve(found, [pin], until)
    assert (pinned.values["name"], pinned.provenance["name"]) == (value, PERSON)
    after, never = (
        resolver(policy).resolve(found, [pin], until + timedelta(days=1)),
        resolver(policy).resolve(found),
    )
    assert (after.values, after.provenance) == (never.values, never.provenance)


@given(policies(), claims)
def test_a_pin_until_the_source_changes(policy: Policy, found: list[Claim]) -> None:
    """It holds while the sources say what they said when it was set; one other word ends it."""
    pin = Pin("name", "by hand", while_claimed=claimed_by_all(found, "name"))
    assert resolver(policy).resolve(found, [pin]).values["name"] == "by hand"
    moved = [found[0]._replace(values={**found[0].values, "name": "quite another"}), *found[1:]]
    assert resolver(policy).resolve(moved, [pin]).provenance.get("name") != PERSON


@given(policies(), claims, claim())
def test_unlinking_gives_everything_back(policy: Policy, found: list[Claim], joined: Claim) -> None:
    """A source that joins and leaves again leaves no trace: the fold knows no history."""
    assume((joined.source, joined.key) not in {(c.source, c.key) for c in found})
    before = resolver(policy).resolve(found)
    resolver(policy).resolve([*found, joined])
    after = resolver(policy).resolve(found)
    assert (before.values, before.provenance) == (after.values, after.provenance)


@given(st.lists(said, min_size=1, max_size=4))
def test_facets_add_and_never_take_away(parts: list[dict[str, Any]]) -> None:
    """The defining stream's values stay; a facet only fills what is absent or null; the parts are left as they were."""
    before = [dict(part) for part in parts]
    whole = merge_facets(parts)
    assert all(whole[name] == value for name, value in parts[0].items() if value is not None)
    assert set(whole) == {name for part in parts for name in part}
    assert all(whole[name] is not None for part in parts for name, value in part.items() if value is not None)
    assert parts == before
