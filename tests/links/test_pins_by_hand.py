"""Values pinned by hand: they beat every claim until they end, and go along with a merge."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from sync_engine.errors import ConfigurationError
from sync_engine.ops.decisions import links
from sync_engine.ops.decisions.plan import apply
from sync_engine.ops.inspect.explain import explain
from sync_engine.store.db import run_sql, transaction
from tests.links.support import World
from tests.links.test_by_hand import carry_out


def test_a_pin_beats_every_claim_until_it_ends(running: World) -> None:
    """Pinned for good, until a date, until the source says something else."""
    world, before = running, running.state()
    bianchi = world.debtor_of("erp", "E3")
    carry_out(world, links.pin(world.runtime, str(bianchi), "email", "crediti@bianchi.it", by="ada"))
    assert (world.field(bianchi, "email"), world.master(bianchi, "email")) == ("crediti@bianchi.it", "person")
    carry_out(world, links.unpin(world.runtime, str(bianchi), "email", by="ada"))
    assert world.state() == before
    carry_out(
        world,
        links.pin(
            world.runtime, str(bianchi), "name", "Bianchi (in lite)", by="ada", until_source_changes=True
        ),
    )
    world.run("erp")
    assert world.field(bianchi, "name") == "Bianchi (in lite)"
    world.say(
        "erp", "debtors", "E3", **{**world.records["erp"]["debtors"]["E3"], "name": "Bianchi Italia S.p.A."}
    )
    world.run("erp")
    assert world.field(bianchi, "name") == "Bianchi Italia S.p.A."
    carry_out(
        world, links.pin(world.runtime, str(bianchi), "credit_limit", "0", by="ada", until=date(2026, 3, 31))
    )
    assert world.field(bianchi, "credit_limit") == 0
    world.clock.sleep(40 * 86400)
    world.run("erp")
    assert world.field(bianchi, "credit_limit") == 1000


def test_a_pin_until_yesterday_is_refused(running: World) -> None:
    """It would be shown as set by hand and never hold; until today it holds."""
    world = running
    today = world.clock.time.date()
    with pytest.raises(ConfigurationError, match="is over"):
        links.pin(world.runtime, "10002", "credit_limit", "0", by="ada", until=today - timedelta(days=1))
    carry_out(world, links.pin(world.runtime, "10002", "credit_limit", "0", by="ada", until=today))
    assert world.master(world.debtor_of("erp", "E3"), "credit_limit") == "person"


def test_why_a_value_was_pinned_is_told_where_it_is_explained(running: World) -> None:
    """The reason given when a plan is applied stays with the pin, and an undo brings the earlier one back with its own."""
    world = running
    for value, why in (("0", "insolvent"), ("500", "a guarantee came")):
        apply(
            world.runtime,
            links.pin(world.runtime, "10002", "credit_limit", value, by="ada").hash,
            by="ada",
            why=why,
        )
    assert explained(world, "credit_limit") == ("500", "a guarantee came")
    apply(world.runtime, links.undo(world.runtime, by="bo").hash, by="bo", why="it was forged")
    assert explained(world, "credit_limit") == ("0", "insolvent")


def explained(world: World, field: str) -> tuple[str, str | None]:
    """The pinned value of 10002's field, and why."""
    [story] = explain(world.store, "debtor", "10002", field).fields
    assert story.pinned is not None
    return str(story.pinned.value), story.pinned.reason


def test_of_two_cards_of_one_source_the_older_link_gives_the_portfolio(empty_world: World) -> None:
    """Not the smaller key; also where the older one's card has no value; value and explanation agree, and unmerge gives both back."""
    world = empty_world
    world.add("erp", "erp", portfolio={"dimension": "GROUP"})
    world.say("erp", "companies", "1", name="Nordlys A/S", base_currency="DKK")
    world.say("erp", "dimensions", "G", code="GROUP", name="Customer group")
    for value in ("MEDIUM", "SMALL"):
        world.say("erp", "values", f"V{value}", dimension_key="G", code=value, name=value.title())
    for key, code in (("Z", "MEDIUM"), ("Y", None)):
        world.say("erp", "debtors", key, number=f"1000{key}", name=f"HANSEN & SØN {key}", status="active")
        world.say(
            "erp",
            "cards",
            f"card {key}",
            debtor_key=key,
            dimension_key="G",
            dimension_value_key=code and f"V{code}",
        )
    world.run("erp")
    world.say("erp", "debtors", "A", number="1000A", name="HANSEN & SØN A", status="active")
    world.say("erp", "cards", "card A", debtor_key="A", dimension_key="G", dimension_value_key="VSMALL")
    world.run("erp")
    for older, portfolio in (("Z", "Medium"), ("Y", None)):
        staying, before = str(world.debtor_of("erp", older)), world.state()
        carry_out(world, links.merge(world.runtime, "1000A", staying, by="ada"))
        [told] = explain(world.store, "debtor", staying, "portfolio").fields
        assert told.shown == portfolio
        assert [c.value for c in told.claims if c.believed] == [portfolio and portfolio.upper()], (
            "what is explained is what holds"
        )
        carry_out(world, links.undo(world.runtime, by="ada"))
        assert world.state() == before


def test_tags_and_pins_go_along_with_a_merge_and_come_back(running: World) -> None:
    """The survivor gets "vip" and what was pinned on the other one, keeps its own pin, and unmerge and undo give every row back."""
    world = running
    hansen, old = str(world.debtor_of("erp", "E1")), str(world.debtor_of("erp", "E4"))
    with transaction(world.store, "tagging") as connection:
        for owner, tag in ((old, "vip"), (old, "post"), (hansen, "post")):
            for table in ("engine", "canonical"):
                run_sql(
                    connection,
                    f"INSERT INTO {table}.tag VALUES ('debtor', CAST(:o AS uuid), :t, 'person')",
                    o=owner,
                    t=tag,
                )
    for debtor, field, value in (
        (old, "phone", "114"),
        (old, "credit_limit", "4"),
        (hansen, "credit_limit", "1"),
        (old, "parent", hansen),
    ):
        apply(
            world.runtime,
            links.pin(world.runtime, debtor, field, value, by="bo").hash,
            by="bo",
            why="bo knows",
        )

    def everything() -> dict[str, frozenset[str]]:
        return (
            world.state()
            | world.decided()
            | {
                "tag": frozenset(
                    str(r[0]) for r in world.rows("SELECT CAST(to_jsonb(t) AS text) FROM canonical.tag t")
                )
            }
        )

    before = everything()
    carry_out(world, links.merge(world.runtime, old, hansen, by="ada"))
    assert sorted(map(tuple, world.rows("SELECT CAST(owner_id AS text), name FROM canonical.tag"))) == [
        (hansen, "post"),
        (hansen, "vip"),
    ]
    assert [str(world.field(hansen, f)) for f in ("phone", "credit_limit", "parent_id")] == [
        "114",
        "1.0000",
        "None",
    ]
    [pin] = world.rows(
        "SELECT pinned_by, pinned_because FROM canonical.explained WHERE field = 'phone' AND record_id = CAST(:id AS uuid)",
        id=hansen,
    )
    assert tuple(pin) == ("bo", "bo knows")
    merged = everything()
    carry_out(world, links.unmerge(world.runtime, old, by="ada"))
    assert {k: v for k, v in everything().items() if before[k] != v} == {}
    carry_out(world, links.undo(world.runtime, by="ada"))
    assert everything() == merged
    carry_out(world, links.undo(world.runtime, by="ada"))
    assert everything() == before


def test_an_owner_is_pinned_by_mailbox(running: World) -> None:
    """As imports and the inbox take it; whom nobody knows is refused with how to name one."""
    world = running
    world.say("erp", "owners", "O1", number="ADA", name="Ada Berg", email="Ada@example.com")
    world.run("erp")
    carry_out(world, links.pin(world.runtime, "10000", "owner", "ada@example.com", by="ada"))
    [told] = explain(world.store, "debtor", "10000", "owner").fields
    assert told.shown == "Ada Berg"
    with pytest.raises(
        ConfigurationError,
        match=r"there is no owner 'bo@example.com'\. Name exactly one by e-mail, number, name or id",
    ):
        links.pin(world.runtime, "10000", "owner", "bo@example.com", by="ada")


def test_one_custom_field_is_pinned_and_its_neighbours_are_not(running: World) -> None:
    """A segment by hand, through pulls, an expiry of what is watched, and undo; what is no value of it is refused in words."""
    world = running
    before = world.records["erp"]["debtors"]["E1"]
    world.say("erp", "debtors", "E1", **{**before, "custom": {"segment": "lead", "route": "8000"}})
    world.run("erp")
    state, debtor = world.state(), world.debtor_of("erp", "E1")
    planned = links.pin(world.runtime, "10000", "custom.segment", "gold", by="ada", until_source_changes=True)
    links.apply(world.runtime, planned.hash, by="ada")
    assert (world.field(debtor, "custom"), world.master(debtor, "custom")) == (
        {"segment": "gold", "route": "8000"},
        "erp+person",
    )
    assert world.rows("SELECT field, said, believed, believed_source FROM canonical.overruled WHERE record_id = CAST(:id AS uuid)", id=debtor) == [
        ("custom.segment", "lead", "gold", "person"),
    ]  # fmt: skip
    [told] = explain(world.store, "debtor", "10000", "custom.segment").fields
    assert [c.op for c in told.history if c.field == "custom.segment"] == ["pin"]
    world.say("erp", "debtors", "E1", **{**before, "custom": {"segment": "lead", "route": "9000"}})
    world.run("erp")
    assert world.field(debtor, "custom") == {"segment": "gold", "route": "9000"}
    world.say("erp", "debtors", "E1", **{**before, "custom": {"segment": "lead", "route": "8000"}})
    world.run("erp")
    links.apply(world.runtime, links.undo(world.runtime, by="ada").hash, by="ada")
    assert world.state() == state
    for name, value in (
        ("custom.segment", {"a": 1}),
        ("custom.segment", "a\x00b"),
        ("custom.", "x"),
        ("custom.a\x00", "x"),
    ):
        with pytest.raises(ConfigurationError, match=r"cannot be pinned|has no field"):
            links.pin(world.runtime, "10000", name, value, by="ada")
    links.apply(
        world.runtime,
        links.pin(world.runtime, "10000", "custom.colour", "red", by="ada", until_source_changes=True).hash,
        by="ada",
    )
    assert world.field(debtor, "custom") == {"segment": "lead", "route": "8000", "colour": "red"}
    world.say(
        "erp", "debtors", "E1", **{**before, "custom": {"segment": "lead", "route": "8000", "colour": "blue"}}
    )
    world.run("erp")
    assert world.field(debtor, "custom")["colour"] == "blue"
    with pytest.raises(ConfigurationError, match="not pinned"):
        links.unpin(world.runtime, "10000", "custom.segment", by="ada")
