"""The fold by example: HANSEN & SØN as an ERP, a CRM and a collections tool know them, under each mode."""

from __future__ import annotations

from datetime import date, timedelta
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
from tests.laws.folding import EVERYBODY, FIELDS, NOON, fold, resolved, said


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


def test_a_list_among_texts_makes_a_union_a_list() -> None:
    """One source keeps several numbers, another one in a text."""
    claims = [said("bc", phone=["1", "2"]), said("sugar", phone="3")]
    assert fold("union").resolve(claims).values == {"phone": ["1", "2", "3"]}


def test_of_two_pins_of_one_field_the_later_in_order_counts() -> None:
    """Whatever their values are: a text and nothing cannot be compared, and need not be."""
    assert fold().resolve([said("bc")], [Pin("phone", None), Pin("phone", "1")]).values == {"phone": "1"}
