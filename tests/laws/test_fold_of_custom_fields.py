"""Custom fields are folded member by member, each by its own rule."""

from __future__ import annotations

from typing import Any

from sync_engine.canonical.fields import Field
from sync_engine.ownership.policy import Policy, Rule
from sync_engine.ownership.resolve import (
    PERSON,
    Claim,
    Overruled,
    Pin,
    Resolved,
    Resolver,
    claimed_by_all,
    last_said,
    pin_holds,
)
from tests.laws.folding import EVERYBODY, FIELDS, NOON, fold, own, resolved, said


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
    assert pin_holds(pin, [said(custom={"segment": "silver", "route": "8000"})], None) is False


def test_a_source_that_says_the_pinned_value_itself_ends_no_pin() -> None:
    """It has it from us, or agrees: the pin goes on, and ends when it says something else."""
    pin = Pin("custom.segment", "gold", while_claimed={"bc": {"1": "lead"}})
    assert pin_holds(pin, [said(custom={"segment": "gold"})], None) is True
    assert pin_holds(pin, [said(custom={"segment": None})], None) is False
    assert pin_holds(Pin("name", "A", while_claimed={"bc": {"1": "B"}}), [said(name="A")], None) is True
    assert pin_holds(Pin("name", "A", while_claimed={"bc": {"1": "B"}}), [said(name="C")], None) is False


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
