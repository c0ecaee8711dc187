"""The fold by example: HANSEN & SØN as an ERP, a CRM and a collections tool know them, under each mode."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sync_engine.canonical.fields import Field
from sync_engine.ownership.policy import Mode, Policy, Rule
from sync_engine.ownership.resolve import (
    PERSON,
    Claim,
    Overruled,
    Pin,
    Resolved,
    Resolver,
    claimed_by_all,
    last_said,
    merge_facets,
    pin_holds,
)

FIELDS = (
    Field("name"),
    Field("phone", group="contact"),
    Field("tags", "set"),
    Field("portfolio", group="classification"),
)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ROLES = {"bc": "erp", "nav": "erp", "sugar": "crm", "desk": "collections"}
EVERYBODY = ("erp", "crm", "collections")


def said(source: str = "bc", key: str = "1", *, hour: int = 0, first: dict[str, Any] | None = None, derived: dict[str, Any] | None = None,
         **values: Any) -> Claim:  # fmt: skip
    """A claim of a record that was linked at noon, or some hours later."""
    return Claim(source, ROLES[source], key, NOON + timedelta(hours=hour), values, first, derived)


def fold(mode: Mode = "master", ranking: tuple[str, ...] = EVERYBODY, **more: Any) -> Resolver:
    """A resolver with one rule for everything."""
    return Resolver("debtor", FIELDS, Policy(rules=(Rule(ranking=ranking, mode=mode),)), **more)


def resolved(values: dict[str, Any], provenance: dict[str, str]) -> Resolved:
    """What is expected."""
    return Resolved(values, provenance)


def test_the_master_wins_also_with_nothing_to_say() -> None:
    """The ERP's empty phone is its word; what it does not speak of, the CRM may."""
    claims = [said("sugar", name="Hansen", phone="87654321"), said("bc", phone=None)]
    assert fold().resolve(claims) == resolved(
        {"name": "Hansen", "phone": None}, {"name": "sugar", "phone": "bc"}
    )
    assert fold(ranking=("crm",)).resolve(claims) == resolved(
        {"name": "Hansen", "phone": "87654321"}, {"name": "sugar", "phone": "sugar"}
    )
    assert fold(ranking=("collections",)).resolve(claims) == resolved({}, {})
    assert fold().resolve([]) == resolved({}, {})


def test_rules_are_those_of_the_entity_and_its_company() -> None:
    """Field, group, entity and company each find their rule."""
    policy = Policy(rules=(
        Rule(entity="contact", ranking=("desk",)), Rule(company="Nordlys", ranking=("nav",)), Rule(fields=("name",), ranking=("crm",)),
        Rule(groups=("contact",), ranking=("bc",)), Rule(ranking=("erp",)),
    ))  # fmt: skip
    assert [Resolver("debtor", FIELDS, policy).rule(f).ranking for f in ("name", "phone", "tags")] == [
        ("crm",),
        ("bc",),
        ("erp",),
    ]
    assert Resolver("contact", FIELDS, policy).rule("name").ranking == ("desk",)
    assert Resolver("debtor", FIELDS, policy, company="nordlys").rule("name").ranking == ("nav",)


def test_ties_fall_to_the_order_of_sources_then_the_older_link_then_the_key() -> None:
    """Each only where the one before says nothing; sources nobody ordered come last."""
    ordered = fold(order={"nav": 0, "bc": 1})
    assert (
        ordered.resolve([said("bc", name="BC", hour=0), said("nav", name="NAV", hour=3)]).values["name"]
        == "NAV"
    )
    assert (
        fold(order={"nav": 0})
        .resolve([said("bc", name="BC"), said("nav", name="NAV", hour=3)])
        .values["name"]
        == "NAV"
    )
    assert (
        fold()
        .resolve([said("bc", "1", name="younger", hour=1), said("nav", "2", name="older")])
        .values["name"]
        == "older"
    )
    assert fold().resolve([said("nav", "1", name="NAV"), said("bc", "2", name="BC")]).values["name"] == "BC"
    assert (
        fold().resolve([said("bc", "2", name="second"), said("bc", "1", name="first")]).values["name"]
        == "first"
    )
    assert (
        fold(ranking=("nav", "bc"), order={"bc": 0, "nav": 1})
        .resolve([said("bc", name="BC"), said("nav", name="NAV")])
        .values["name"]
        == "NAV"
    )


def test_if_empty_takes_the_first_who_says_something() -> None:
    """Nobody has a phone: the master is master of the emptiness."""
    claims = [said("desk", phone="3"), said("sugar", phone="2"), said("bc", phone=None)]
    assert fold("if_empty").resolve(claims) == resolved({"phone": "2"}, {"phone": "sugar"})
    nobody = [said("sugar", phone=None), said("desk", phone=None), said("bc", phone=None)]
    assert fold("if_empty").resolve(nobody) == resolved({"phone": None}, {"phone": "bc"})


def test_the_first_value_wins_for_ever() -> None:
    """Of the source linked first, whatever the ranking, and what it said first; a field it spoke of only later has what it says of it."""
    claims = [
        said("bc", name="Hansen A/S", hour=2),
        said("sugar", name="Hansen & Søn", first={"name": "Hansen"}, hour=1),
        said("desk", phone="1"),
    ]
    assert fold("on_create").resolve(claims) == resolved(
        {"name": "Hansen", "phone": "1"}, {"name": "sugar", "phone": "desk"}
    )
    alone = said("bc", name="Hansen & Søn", phone="12345678", first={"name": None})
    assert fold("on_create").resolve([alone]) == resolved(
        {"name": None, "phone": "12345678"}, {"name": "bc", "phone": "bc"}
    )
    together = [said("sugar", name="Hansen"), said("bc", name="HANSEN"), said("desk", name="hansen")]
    assert fold("on_create").resolve(together).provenance == {"name": "bc"}


def test_tags_are_united_and_named_by_all_who_gave_them() -> None:
    """Sorted, each once; an empty set is one."""
    claims = [
        said("sugar", tags=["vip", "north"]),
        said("bc", tags=("north", "big")),
        said("desk", tags=None),
    ]
    assert fold().resolve(claims) == resolved({"tags": ["big", "north", "vip"]}, {"tags": "bc+desk+sugar"})
    assert fold(ranking=("erp",)).resolve(claims) == resolved({"tags": ["big", "north"]}, {"tags": "bc"})
    assert fold().resolve([said(tags=None)]) == resolved({"tags": []}, {"tags": "bc"})


def test_what_many_give_is_told_in_one_order() -> None:
    """Eight branches with a tag each: tags and branches by name, not as a set happens to hold them, or every publish would be a change."""
    branches = [f"branch {n}" for n in range(8)]
    claims = [
        Claim(branch, "erp", "1", NOON, {"tags": [f"tag of {branch}"]}) for branch in reversed(branches)
    ]
    assert fold().resolve(claims) == resolved(
        {"tags": [f"tag of {branch}" for branch in branches]}, {"tags": "+".join(branches)}
    )


def test_texts_are_united_too_where_the_policy_says_so() -> None:
    """Phones of all sources, those of one text apart; without any there is none."""
    claims = [said("sugar", phone="2; 1 ;"), said("bc", phone="3"), said("desk", phone=None)]
    assert fold("union").resolve(claims) == resolved({"phone": "1; 2; 3"}, {"phone": "bc+desk+sugar"})
    assert fold("union").resolve([said(phone=" ; ")]) == resolved({"phone": None}, {"phone": "bc"})
    assert fold("union").resolve([said(phone=45)]) == resolved({"phone": "45"}, {"phone": "bc"})


def test_what_is_derived_cannot_be_claimed() -> None:
    """Only what the engine computed from the source's records counts."""
    claims = [
        said("bc", portfolio="claimed"),
        said("sugar", portfolio="Small", derived={"portfolio": "Small"}),
    ]
    assert fold("derived").resolve(claims) == resolved({"portfolio": "Small"}, {"portfolio": "sugar"})
    assert fold("derived").resolve([said(portfolio="claimed", name="Hansen")]) == resolved({}, {})


@pytest.mark.parametrize("mode", ["master", "if_empty", "on_create", "union", "derived"])
def test_a_record_alone_is_folded_like_one_of_many(mode: Mode) -> None:
    """The short way for one source gives what the long way gives, field by field, ranked or not; and again for the next record."""
    claim = said(
        "sugar",
        name="Hansen",
        phone="1",
        tags=["a"],
        portfolio="Small",
        derived={"portfolio": "Small"},
        first={"name": "H"},
    )
    silent = said("bc")
    for ranking in (EVERYBODY, ("erp",), ("sugar",)):
        resolver = fold(mode, ranking)
        assert resolver.resolve([claim]) == resolver.resolve([claim, silent])
        assert resolver.resolve([said("desk", name="D")]) == resolver.resolve(
            [said("desk", name="D"), silent]
        )
        assert resolver.resolve([claim]) == resolver.resolve([silent, claim])


def test_what_was_not_believed_is_told() -> None:
    """Who said what, and by whom it was overruled; silence, agreement, tags and unknown fields are no disagreement."""
    resolver = fold(ranking=("erp", "collections"))
    claims = [said("bc", name="HANSEN", phone=None, tags=["a"]), said("sugar", "7", name="Hansen", phone="1", tags=["b"], shoe_size="44"),
              said("desk", "8", name="HANSEN", phone=None), said("nav", "9", hour=1, name=None)]  # fmt: skip
    found = resolver.overruled(claims, resolver.resolve(claims))
    assert found == [
        Overruled("name", "sugar", "7", "Hansen", "bc"),
        Overruled("phone", "sugar", "7", "1", "bc"),
    ]
    unheard = [said("sugar", "7", name="Hansen")]
    assert resolver.overruled(unheard, resolver.resolve(unheard)) == [
        Overruled("name", "sugar", "7", "Hansen", "")
    ]
    united = fold("union")
    several = [said("bc", phone="1"), said("desk", phone="2")]
    assert united.overruled(several, united.resolve(several)) == []


@pytest.mark.parametrize(("mode", "ranking", "may"), [
    ("master", EVERYBODY, False), ("if_empty", EVERYBODY, False), ("union", EVERYBODY, False), ("union", ("erp",), False),
    ("master", ("erp",), True), ("on_create", EVERYBODY, True), ("derived", EVERYBODY, True),
])  # fmt: skip
def test_a_source_alone_is_overruled_where_it_is_not_ranked_or_came_too_late(
    mode: Mode, ranking: tuple[str, ...], may: bool
) -> None:
    """The store asks before it compares every value of a million records."""
    assert fold(mode, ranking).may_be_overruled(said("sugar")) is may


def test_a_person_is_believed_before_everybody() -> None:
    """Also with nothing, also about a field nobody spoke of; through the last day."""
    last = date(2026, 3, 10)
    pins = [Pin("name", None), Pin("phone", "1", until=last)]
    claims = [said(name="Hansen")]
    assert fold().resolve(claims, pins, last) == resolved(
        {"name": None, "phone": "1"}, {"name": PERSON, "phone": PERSON}
    )
    assert fold().resolve(claims, pins, last + timedelta(days=1)) == resolved(
        {"name": None}, {"name": PERSON}
    )
    assert fold().resolve(claims, pins) == fold().resolve(claims, pins, last)


def test_a_pin_holds_until_its_day_or_another_word_of_whom_it_watches() -> None:
    """Either ends it; neither is needed. Who is not watched may say what he likes, and who is gone has said nothing."""
    day, claims = (
        date(2026, 3, 10),
        [said("sugar", "1", name="b"), said("bc", "2", name="c"), said("bc", "1", name="a")],
    )
    watched = {"sugar": {"1": "b"}, "bc": {"2": "c", "1": "a"}}
    assert claimed_by_all(claims, "name") == watched
    assert claimed_by_all(claims, "phone") == {"sugar": {"1": None}, "bc": {"2": None, "1": None}}
    assert pin_holds(Pin("name", "x"), claims, day) is True
    assert pin_holds(Pin("name", "x", while_claimed=watched), claims, day) is True
    assert pin_holds(Pin("name", "x", while_claimed={}), claims, day) is True
    assert (
        pin_holds(
            Pin("name", "x", while_claimed={"bc": {"1": "a", "gone": "z"}, "nav": {"1": "z"}}), claims, day
        )
        is True
    )
    assert pin_holds(Pin("name", "x", while_claimed={"bc": {"1": "a", "2": "other"}}), claims, day) is False
    assert pin_holds(Pin("phone", "x", while_claimed=watched), claims, day) is False
    assert pin_holds(Pin("name", "x", day, watched), claims, day) is True
    assert pin_holds(Pin("name", "x", day, watched), claims, day + timedelta(days=1)) is False
    assert pin_holds(Pin("name", "x", day), claims, day - timedelta(days=1)) is True


def test_of_statements_about_several_records_of_one_debtor_the_last_counts() -> None:
    """Field by field; what was taken back last is said by nobody, and who numbers nothing is left as he is."""
    older = said("desk", "L", note="paused", phone="1", name="L")._replace(
        said_in={"note": 5, "phone": 7, "city": 1}
    )
    newer = said("desk", "S", note="chase", city="Aarhus")._replace(
        said_in={"note": 6, "phone": 8, "city": 2}
    )
    other = said("bc", note="erp", phone="3")
    assert [c.values for c in last_said([older, newer, other])] == [
        {"name": "L"},
        {"note": "chase", "city": "Aarhus"},
        {"note": "erp", "phone": "3"},
    ]
    assert [c.values for c in last_said([newer, older])] == [
        {"note": "chase", "city": "Aarhus"},
        {"name": "L"},
    ]
    assert [c.values for c in last_said([older, other])] == [
        {"note": "paused", "phone": "1", "name": "L"},
        {"note": "erp", "phone": "3"},
    ]
    assert fold(ranking=("collections", "erp")).resolve([older, newer], []).values["name"] == "L"
    plain = [other, said("nav", phone="4")]
    assert last_said(plain) is plain


def test_what_several_records_state_is_added_and_what_they_do_not_state_is_counted() -> None:
    """Of the best ranked role; a nought is stated, a null and silence are not; one record alone says what it says."""
    balance = Resolver(
        "debtor", (Field("owed", "money", is_summed=True),), Policy(rules=(Rule(ranking=("erp", "crm")),))
    )
    three = [
        said("bc", owed="350.50"),
        said("nav", owed="0"),
        said("bc", "2", owed="-40.25"),
        said("sugar", owed="7"),
    ]
    assert balance.resolve(three) == Resolved({"owed": "310.25"}, {"owed": "bc+nav"}, {"owed": 0})
    assert balance.overruled(three, balance.resolve(three)) == []
    unsure = [said("bc", owed=None), said("nav"), said("nav", "2", owed="5")]
    assert balance.resolve(unsure) == Resolved({"owed": "5"}, {"owed": "nav"}, {"owed": 2})
    assert balance.resolve(unsure[:2]) == Resolved({"owed": None}, {"owed": "bc"}, {"owed": 2})
    assert balance.resolve([said("bc", owed=None), said("sugar", owed="7")]) == Resolved(
        {"owed": None}, {"owed": "bc"}, {"owed": 0}
    )
    assert balance.resolve([said("sugar", owed="7"), said("desk", owed="8")]) == Resolved(
        {"owed": "7"}, {"owed": "sugar"}, {"owed": 0}
    )
    assert balance.resolve([said("bc", owed="350.50")]) == Resolved({"owed": "350.50"}, {"owed": "bc"})
    assert balance.resolve([said("desk", owed="8"), said("desk", "2", owed="9")]) == Resolved()
    unranked = [said("desk", owed="8"), said("desk", "2", owed="9")]
    assert [o.said for o in balance.overruled(unranked, balance.resolve(unranked))] == ["8", "9"]


def test_facets_fill_what_the_record_itself_leaves_open() -> None:
    """In order; nought is a value."""
    assert merge_facets([{"name": "Hansen", "phone": None, "limit": 0}, {"name": "H", "phone": None, "limit": 5}, {"phone": "1", "tags": ["a"]}]) == {
        "name": "Hansen", "phone": "1", "limit": 0, "tags": ["a"],
    }  # fmt: skip
    assert merge_facets([{"name": "Hansen"}]) == {"name": "Hansen"}
    parts: list[dict[str, Any]] = [
        {"custom": {"a": 1, "b": None}},
        {"custom": {"a": 2, "b": 3, "c": 4}},
        {"custom": None},
        {"custom": {"c": 5, "d": 6}},
    ]
    assert merge_facets(parts) == {"custom": {"a": 1, "b": 3, "c": 4, "d": 6}}
    assert parts[0] == {"custom": {"a": 1, "b": None}}, "what the source said is left as it is"


def own(*rules: Rule) -> Resolver:
    """A resolver of an entity with custom fields; without a rule the ERP is believed before the CRM."""
    return Resolver(
        "debtor",
        (Field("name"), Field("custom", "json", "custom")),
        Policy(rules=(*rules, Rule(ranking=EVERYBODY))),
    )


def test_custom_fields_are_folded_member_by_member() -> None:
    """A CRM's segment does not hide the ERP's route, and an empty set of custom fields hides nothing."""
    claims = [
        said("sugar", custom={"segment": "gold", "size": 3}),
        said("bc", "2", custom={"route": "8000-A", "size": None}),
    ]
    found = own().resolve(claims)
    assert found.values == {"custom": {"route": "8000-A", "segment": "gold", "size": None}}
    assert found.provenance == {
        "custom": "bc+sugar",
        "custom.route": "bc",
        "custom.segment": "sugar",
        "custom.size": "bc",
    }
    assert own().resolve([said("sugar", custom={"segment": "gold"}), said("bc", custom={})]).values == {
        "custom": {"segment": "gold"}
    }
    assert own().resolve([said("sugar", custom=None), said("bc", custom=None)]) == resolved(
        {"custom": None}, {"custom": "bc"}
    )
    assert own().resolve([said("sugar", name="Hansen"), said("bc")]).values == {"name": "Hansen"}
    assert own().resolve([said("sugar", custom={}), said("bc", custom={})]).values == {"custom": {}}
    assert own(Rule(groups=("custom",), ranking=("desk",))).resolve(claims) == resolved({}, {})
    assert own(Rule(groups=("custom",), ranking=("desk",))).resolve(
        [said("sugar", custom=None), said("bc", custom=None)]
    ) == resolved({}, {})


def test_a_member_of_the_custom_fields_has_a_rule_of_its_own() -> None:
    """`custom.size` is the CRM's, all else the ERP's; alone, a source is believed in what it is ranked for."""
    rules = (Rule(fields=("custom.size",), ranking=("crm",)), Rule(fields=("custom",), ranking=("erp",)))
    claims = [
        said("bc", custom={"size": 3, "route": "A"}),
        said("sugar", "7", custom={"size": 4, "route": "B"}),
    ]
    fold_ = own(*rules)
    found = fold_.resolve(claims)
    assert found.values == {"custom": {"size": 4, "route": "A"}}
    assert fold_.overruled(claims, found) == [
        Overruled("custom.size", "bc", "1", 3, "sugar"),
        Overruled("custom.route", "sugar", "7", "B", "bc"),
    ]
    assert fold_.resolve(claims[:1]).values == {"custom": {"route": "A"}}
    assert fold_.resolve(claims[1:]).values == {"custom": {"size": 4}}
    assert fold_.may_be_overruled(claims[0]) is True
    assert own().may_be_overruled(claims[0]) is False
    assert fold_.rule("custom.size").ranking == ("crm",)
    assert (
        Resolver("debtor", FIELDS, Policy(rules=(Rule(ranking=EVERYBODY),))).overruled(claims, Resolved())
        == []
    ), "an entity without custom fields"
    ours = Resolver("debtor", (Field("custom", "json", "custom"),), Policy(rules=(Rule(fields=("custom.size",), ranking=("crm",), company="Nordlys"),
        Rule(entity="contact", fields=("custom.size",), ranking=("desk",)), Rule(ranking=("erp",)))), company="nordlys")  # fmt: skip
    assert ours.rule("custom.size").ranking == ("crm",)


def test_members_keep_the_mode_of_their_rule() -> None:
    """The first value for ever, the members of all, and only what the engine computed."""
    first = own(Rule(groups=("custom",), ranking=EVERYBODY, mode="on_create"))
    claims = [
        said("bc", custom={"size": 3}, first={"custom": {"size": 1}}),
        said("sugar", "7", hour=1, custom={"size": 4}),
    ]
    assert first.resolve(claims).values == {"custom": {"size": 1}}
    assert first.resolve([said("bc", custom={"size": 3}, first={"name": "H"})]).values == {
        "custom": {"size": 3}
    }
    united = own(Rule(fields=("custom.tags",), ranking=EVERYBODY, mode="union"))
    several = [said("bc", custom={"tags": ["a"]}), said("sugar", "7", custom={"tags": ["b", "a"]})]
    assert united.resolve(several).values == {"custom": {"tags": ["a", "b"]}}
    assert united.resolve(
        [said("bc", custom={"tags": "b; a"}), said("sugar", "7", custom={"tags": "c"})]
    ).values == {"custom": {"tags": "a; b; c"}}
    assert united.resolve(several).provenance == {"custom.tags": "bc+sugar", "custom": "bc+sugar"}
    assert united.overruled(several, united.resolve(several)) == []
    derived = own(Rule(groups=("custom",), ranking=EVERYBODY, mode="derived"))
    assert derived.resolve([said("bc", custom={"size": 3}, derived={"custom": {"size": 9}})]).values == {
        "custom": {"size": 9}
    }
    assert derived.resolve([said("bc", custom={"size": 3})]) == resolved({}, {})


def test_a_value_is_found_by_its_name() -> None:
    """Of a field and of a member of the custom fields."""
    found = resolved({"name": "Hansen", "custom": {"size": 3}}, {})
    assert [found.value(name) for name in ("name", "custom.size", "custom.route", "phone")] == [
        "Hansen",
        3,
        None,
        None,
    ]
    assert resolved({}, {}).value("custom.size") is None


def test_a_custom_field_is_pinned_by_itself() -> None:
    """A person's segment leaves the route as the sources say it; a pin of all custom fields comes first; without claims the pin is all there is."""
    fields = Resolver(
        "debtor", (*FIELDS, Field("custom", "json", "custom")), Policy(rules=(Rule(ranking=EVERYBODY),))
    )
    pin = Pin("custom.segment", "gold")
    one, two = (
        said(custom={"segment": "lead", "route": "8000"}),
        said("sugar", custom={"segment": None, "zone": 1}),
    )
    alone = fields.resolve([one], [pin])
    assert alone == resolved(
        {"custom": {"segment": "gold", "route": "8000"}}, {"custom": "bc+person", "custom.segment": PERSON}
    )
    assert alone.value("custom.segment") == "gold"
    assert fields.overruled([one], alone) == [Overruled("custom.segment", "bc", "1", "lead", PERSON)]
    both = fields.resolve([one, two], [pin])
    assert both.values == {"custom": {"segment": "gold", "route": "8000", "zone": 1}}
    assert both.provenance == {
        "custom": "bc+person+sugar",
        "custom.segment": PERSON,
        "custom.route": "bc",
        "custom.zone": "sugar",
    }
    assert one.values["custom"]["segment"] == "lead"
    assert fields.resolve([], [pin]) == resolved(
        {"custom": {"segment": "gold"}}, {"custom": PERSON, "custom.segment": PERSON}
    )
    assert fields.resolve([said(custom=None)], [pin]).values == {"custom": {"segment": "gold"}}
    assert fields.resolve([one], [pin, Pin("custom", {"route": "1"})]).values == {
        "custom": {"route": "1", "segment": "gold"}
    }
    customer = fold().resolve([said(name="a")], [Pin("customer", 1)])
    assert customer.values == {"name": "a", "customer": 1}


def test_a_pin_of_a_custom_field_watches_that_field() -> None:
    """Until the source changes means until it says another segment, not another route."""
    claims = [said(custom={"segment": "lead", "route": "8000"})]
    watched = claimed_by_all(claims, "custom.segment")
    assert watched == {"bc": {"1": "lead"}}
    pin = Pin("custom.segment", "gold", while_claimed=watched)
    assert pin_holds(pin, [said(custom={"segment": "lead", "route": "1"})], None) is True
    assert pin_holds(pin, [said(custom={"segment": "gold", "route": "8000"})], None) is False


MANY = ("zeta", "delta", "alpha", "omega", "beta", "kappa")


def of_many(source: str, **values: Any) -> Claim:
    """A claim of one of many ERPs."""
    return Claim(source, "erp", "1", NOON, values)


def test_who_is_believed_about_a_field_is_told_best_first() -> None:
    """As the fold ranks them; who is silent or not ranked is not among them, nor is a statement that another one replaced."""
    claims = [
        said("sugar", phone="2"),
        said("bc", name="Hansen"),
        said("nav", phone=None),
        said("desk", phone="3"),
    ]
    assert [c.source for c in fold(ranking=("erp", "crm")).ranked(claims, "phone")] == ["nav", "sugar"]
    inbox = [
        Claim("inbox", "collections", key, NOON, {"phone": key}, said_in={"phone": place})
        for key, place in (("1", 7), ("2", 4))
    ]
    assert [c.key for c in fold().ranked(inbox, "phone")] == ["1"]
    member = own(Rule(fields=("custom.segment",), ranking=("crm",)))
    named: dict[str, Any] = {"custom.segment": "b"}
    spoken = [said("bc", custom={"segment": "a"}), said("sugar", **named)]
    assert [c.source for c in member.ranked(spoken, "custom.segment")] == ["sugar"]


def test_a_statement_without_a_place_is_replaced_by_the_first_that_has_one() -> None:
    """Places begin at 1; a field that nobody placed is left alone."""
    older = Claim("inbox", "collections", "1", NOON, {"phone": "1", "name": "L"}, said_in={"note": 1})
    newer = Claim("inbox", "collections", "2", NOON, {"phone": "2"}, said_in={"phone": 1})
    assert [dict(c.values) for c in last_said([older, newer])] == [{"name": "L"}, {"phone": "2"}]


def test_rules_of_members_are_those_of_the_entity() -> None:
    """A rule for contacts says nothing about a debtor's custom fields, and one for debtors does."""
    claims = [said("bc", custom={"x": "e"}), said("sugar", custom={"x": "c"})]
    for entity, expected in (("contact", "e"), ("debtor", "c")):
        rule = Rule.model_validate({"entity": entity, "fields": ("custom.x",), "ranking": ("crm",)})
        assert own(rule).resolve(claims).values == {"custom": {"x": expected}}


def test_rules_of_members_change_nothing_where_there_are_no_custom_fields() -> None:
    """A source alone is believed in all it says, whatever the policy says of custom fields of other entities; what is no field is not judged."""
    rules = (Rule(fields=("custom.x",), ranking=("crm",)), Rule(ranking=EVERYBODY))
    assert not Resolver("contact", FIELDS, Policy(rules=rules)).may_be_overruled(said("bc"))
    strange = [said("bc", strange="a")]
    assert own().overruled(strange, own().resolve(strange)) == []


def test_what_follows_custom_fields_and_sums_is_folded_too() -> None:
    """The order of the fields means nothing; a sum that keeps its first value keeps it as it was said."""
    fields = (Field("custom", "json", "custom"), Field("owed", "money", is_summed=True), Field("name"))
    resolver = Resolver("debtor", fields, Policy(rules=(Rule(ranking=EVERYBODY),)))
    claims = [said("bc", custom={"x": 1}, owed="1", name="A"), said("nav", owed="2")]
    assert resolver.resolve(claims).values == {"custom": {"x": 1}, "owed": "3", "name": "A"}
    first = Resolver("debtor", fields, Policy(rules=(Rule(ranking=EVERYBODY, mode="on_create"),)))
    assert first.resolve([said("bc", owed="2", first={"owed": "1"})]).values == {"owed": "1"}


def test_a_list_among_texts_makes_a_union_a_list() -> None:
    """One source keeps several numbers, another one in a text."""
    claims = [said("bc", phone=["1", "2"]), said("sugar", phone="3")]
    assert fold("union").resolve(claims).values == {"phone": ["1", "2", "3"]}


def test_many_sources_and_members_are_told_in_one_order() -> None:
    """By name, not as they came."""
    claims = [of_many(s, custom={s: 1}, owed="1") for s in MANY]
    fields = (Field("owed", "money", is_summed=True), Field("custom", "json", "custom"))
    found = Resolver("debtor", fields, Policy(rules=(Rule(ranking=("erp",)),))).resolve(claims)
    assert list(found.values["custom"]) == sorted(MANY)
    assert found.provenance["custom"] == found.provenance["owed"] == "+".join(sorted(MANY))
    both = own(Rule(fields=("custom.x",), ranking=EVERYBODY, mode="union"))
    shared = [said("bc", custom={"x": "1"}), said("sugar", custom={"x": "2", "y": "3"})]
    assert both.resolve(shared).provenance["custom"] == "bc+sugar"


def test_without_any_member_the_best_says_whether_there_are_none_or_nothing_is_said() -> None:
    """No custom fields is an empty set of them; null is null."""
    for best, other in (({}, None), (None, {})):
        found = own().resolve([said("sugar", custom=other), said("bc", custom=best)])
        assert found == resolved({"custom": best}, {"custom": "bc"})


def test_of_two_pins_of_one_field_the_later_in_order_counts() -> None:
    """Whatever their values are: a text and nothing cannot be compared, and need not be."""
    assert fold().resolve([said("bc")], [Pin("phone", None), Pin("phone", "1")]).values == {"phone": "1"}
