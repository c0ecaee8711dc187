"""The gate to automatic links, and the ownership policy: checked, compared, put in force without asking any ERP."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sync_engine.canonical.contact import CONTACT
from sync_engine.canonical.debtor import DEBTOR
from sync_engine.config import LinkSettings, load_policy, parse_policy
from sync_engine.errors import ConfigurationError
from sync_engine.ops import policy
from sync_engine.ops.decisions import links
from sync_engine.ops.decisions.plan import apply
from sync_engine.ownership.policy import DEFAULT_POLICY, GROUPS, Policy, Rule
from sync_engine.ownership.resolve import Claim, Resolver
from tests.links.support import World


def open_to_rules(world: World, source: str, *, create: bool) -> None:
    """The YAML says automatic now."""
    config = world.configs[source]
    world.configs[source] = config.model_copy(
        update={"links": {**config.links, "debtor": LinkSettings(mode="automatic", create_unmatched=create)}}
    )


@pytest.mark.parametrize("create", [True, False], ids=["creates", "only links"])
def test_the_gate_opens_by_an_applied_plan_only(running: World, create: bool) -> None:
    """Refused without a plan; refused with one that is not current; open once a current one was applied, which does exactly what it showed."""
    world, before = running, running.state()
    open_to_rules(world, "crm", create=create)
    with pytest.raises(ConfigurationError, match=r"3 records are not linked.*links plan crm"):
        world.run("crm")
    assert world.state() == before
    stale = links.go_automatic(world.runtime, world.configs["crm"], by="ada")
    world.say(
        "erp",
        "debtors",
        "E9",
        number="K-3",
        name="Prospekt & Partner",
        country="DK",
        email="hej@prospekt.dk",
        postcode="2100",
        status="active",
    )
    world.run("erp")
    with pytest.raises(ConfigurationError, match="moved"):
        apply(world.runtime, stale.hash, by="ada")
    current = links.go_automatic(world.runtime, world.configs["crm"], by="ada")
    assert {(c.key, c.old, c.new is None) for c in current.links if c.entity == "debtor"} == {
        ("C1", None, False),
        ("C2", None, False),
        ("C3", None, False),
    }
    with pytest.raises(ConfigurationError, match="links plan"):
        world.run("crm")
    apply(world.runtime, current.hash, by="ada")
    opened = world.state()
    world.run("crm")
    assert world.state() == opened
    assert world.debtor_of("crm", "C3") == world.debtor_of("erp", "E9")
    assert (
        world.one(
            "SELECT count(*) FROM canonical.change WHERE entity = 'link_rule' AND actor = 'ada' AND new ->> 'mode' = 'automatic'"
        )
        == 1
    )


def test_a_source_that_is_automatic_from_the_start_needs_no_gate(empty_world: World) -> None:
    """There was nothing to link differently."""
    world = empty_world
    world.add("erp", "erp")
    world.say("erp", "debtors", "1", number="1", name="Først A/S")
    world.run("erp")
    assert world.debtor_of("erp", "1") is not None


def test_two_erps_share_no_debtor_without_proof_of_one_company(empty_world: World) -> None:
    """Customer 10000 of one company is not customer 10000 of another; with the same registration number of the company it is."""
    world = empty_world
    for name, registration in (("north", "10203040"), ("south", "50607080"), ("again", "10203040")):
        world.add(name, "erp")
        world.say(
            name,
            "companies",
            "1",
            name=f"Nordlys {name}",
            base_currency="DKK",
            country="DK",
            registration_no=registration,
        )
        world.say(name, "debtors", "1", number="10000", name="Hansen", vat_no="DK31415926")
        world.run(name)
    assert world.debtor_of("north", "1") == world.debtor_of("again", "1") != world.debtor_of("south", "1")
    assert [c["outcome"] for c in links.cases(world.runtime, "south")] == ["vetoed"]


def test_an_ambiguous_erp_record_waits_in_quarantine_until_a_person_decides(empty_world: World) -> None:
    """Counts still add up; its link makes it usable with the next cut."""
    world = empty_world
    world.add("crm", "crm", links={"debtor": {"mode": "automatic", "create_unmatched": True}})
    world.add("erp", "erp")
    for key in ("1", "2"):
        world.say("crm", "debtors", key, name=f"Hansen {key}", vat_no="DK31415926")
    world.run("crm")
    world.say("erp", "debtors", "E1", number="10000", name="Hansen", vat_no="DK 31 41 59 26")
    world.run("erp")
    assert world.debtor_of("erp", "E1") is None
    assert world.one("SELECT message FROM engine.quarantine WHERE error = 'AmbiguousMatch'").startswith(
        "erp E1: 2 canonical records match by registration"
    )
    chosen = str(world.debtor_of("crm", "2"))
    apply(world.runtime, links.link(world.runtime, "erp", "E1", chosen, by="ada").hash, by="ada")
    assert world.rows("SELECT 1 FROM engine.quarantine") == []
    assert links.cases(world.runtime) == []
    world.run("erp")
    assert world.field(chosen, "number") == "10000"


def test_a_policy_change_is_a_fold_of_all_sources(running: World) -> None:
    """The diff says what the next publish does, of any source; it is in the audit with before and after."""
    world = running
    apply(world.runtime, links.link(world.runtime, "crm", "C1", "10000", by="ada").hash, by="ada")
    linked, hansen = world.state(), world.debtor_of("erp", "E1")
    erp_first = Policy(rules=(Rule(ranking=("erp", "crm", "collections")),))
    found = policy.diff(world.runtime, erp_first)
    assert world.state() == linked
    assert ("name", "Hansen & Soen", "HANSEN & SØN A/S") in {(c.field, c.old, c.new) for c in found.fields}
    assert ("name", "crm", "erp") in {(m.field, m.old, m.new) for m in found.masters}
    before, world.policy = world.policy, erp_first
    world.run("dunning")
    assert (world.field(hansen, "name"), world.master(hansen, "name")) == ("HANSEN & SØN A/S", "erp")
    assert policy.diff(world.runtime, erp_first).counts["values"] == 0
    world.policy = before
    world.run("dunning")
    assert world.state() == linked, "a policy put back gives the rows back"
    rows = world.rows(
        "SELECT old ->> 'rules', new ->> 'rules', actor FROM canonical.change WHERE entity = 'policy' ORDER BY seq"
    )
    assert [(bool(r[0]), bool(r[1]), r[2]) for r in rows] == [
        (False, True, "engine"),
        (True, True, "engine"),
        (True, True, "engine"),
    ]


MODES = {
    "master, also with null": ("master", None), "if empty": ("if_empty", "12345678"), "union": ("union", "+45 12 34 56 78; 12345678"),
}  # fmt: skip


@pytest.mark.parametrize(("mode", "value"), MODES.values(), ids=MODES)
def test_modes_at_a_publish(empty_world: World, mode: str, value: str | None) -> None:
    """The first in the ranking says nothing, two others say something."""
    world = empty_world
    world.policy = Policy.model_validate(
        {
            "rules": [
                {"fields": ["phone"], "ranking": ["crm", "collections", "erp"], "mode": mode},
                {"ranking": ["erp", "crm", "collections"]},
            ]
        }
    )
    for source, role, phone in (
        ("erp", "erp", "+45 12 34 56 78"),
        ("crm", "crm", None),
        ("calls", "collections", "12345678"),
    ):
        world.add(source, role, links={"debtor": {"mode": "automatic"}})
        world.say(source, "debtors", source, number="10000", name="Hansen", phone=phone)
        world.run(source)
    assert world.field(world.debtor_of("erp", "erp"), "phone") == value


def test_on_create_keeps_the_first_value(empty_world: World) -> None:
    """The first value wins for ever; a later one is overruled and visible."""
    world = empty_world
    world.policy = Policy.model_validate(
        {"rules": [{"fields": ["name"], "ranking": ["erp"], "mode": "on_create"}, {"ranking": ["erp"]}]}
    )
    world.add("erp", "erp")
    for name in ("Først", "Siden", "Sidst"):
        world.say("erp", "debtors", "1", number="1", name=name)
        world.run("erp")
    assert world.field(world.debtor_of("erp", "1"), "name") == "Først"
    assert world.rows("SELECT field, source, said, believed FROM canonical.overruled") == [
        ("name", "erp", "Sidst", "Først")
    ]


def test_on_create_keeps_the_first_value_of_a_second_page_too(empty_world: World) -> None:
    """What a facet said first stays as well, whether it spoke of the field with the record or after it."""
    world = empty_world
    world.policy = Policy.model_validate(
        {
            "rules": [
                {"fields": ["phone", "city"], "ranking": ["erp"], "mode": "on_create"},
                {"ranking": ["erp"]},
            ]
        }
    )
    world.add("erp", "erp")
    for name, phone, city in (
        ("Først", "1", None),
        ("Siden", "2", "Aarhus"),
        ("Sidst", "3", "Odense"),
        ("Sidst", "4", "Esbjerg"),
    ):
        world.say("erp", "debtors", "1", number="1", name=name)
        world.say("erp", "details", "1", phone=phone, **({"city": city} if city else {}))
        world.run("erp")
    debtor = world.debtor_of("erp", "1")
    assert [world.field(debtor, f) for f in ("name", "phone", "city")] == ["Sidst", "1", "Aarhus"]


def test_a_source_nobody_ranks_is_overruled_from_its_first_record(empty_world: World) -> None:
    """Alone or not: what it says of phones is not believed, and seen not to be; once it is ranked nothing is overruled."""
    world = empty_world
    nobody = {"fields": ["phone"], "ranking": ["collections"]}
    world.policy = Policy.model_validate({"rules": [nobody, {"ranking": ["erp"]}]})
    world.add("erp", "erp")
    world.say("erp", "debtors", "1", number="1", name="Hansen", phone="12345678")
    world.run("erp")
    assert world.rows("SELECT field, source, said, believed, believed_source FROM canonical.overruled") == [
        ("phone", "erp", "12345678", None, None)
    ]
    world.policy = Policy.model_validate({"rules": [{"ranking": ["erp"]}]})
    world.run("erp")
    assert world.rows("SELECT field FROM canonical.overruled") == []
    assert world.field(world.debtor_of("erp", "1"), "phone") == "12345678"


def test_a_company_may_have_rules_of_its_own(empty_world: World) -> None:
    """Nordlys believes its CRM about names, the others their ERP."""
    world = empty_world
    world.policy = Policy.model_validate(
        {
            "rules": [
                {"company": "Nordlys", "fields": ["name"], "ranking": ["crm", "erp"]},
                {"ranking": ["erp", "crm"]},
            ]
        }
    )
    for company in ("Nordlys", "Sydlys"):
        world.add(company.casefold(), "erp")
        world.say(company.casefold(), "companies", "1", name=company, base_currency="DKK")
        world.say(company.casefold(), "debtors", "1", number=company, name="Hansen Transport A/S")
        world.run(company.casefold())
    world.add("crm", "crm", links={"debtor": {"mode": "automatic"}})
    for company in ("Nordlys", "Sydlys"):
        world.say("crm", "debtors", company, number=company, name="HANSEN TRANSPORT")
    world.run("crm")
    assert world.field(world.debtor_of("crm", "Nordlys"), "name") == "HANSEN TRANSPORT"
    assert world.field(world.debtor_of("crm", "Sydlys"), "name") == "Hansen Transport A/S"


def test_who_is_master_of_the_name_does_not_renumber_debtors(running: World) -> None:
    """A CRM that is master of general says what Müller is called; his number, which invoices and bank files name, is the ERP's."""
    world = running
    world.say(
        "erp",
        "debtors",
        "E2",
        **{**world.records["erp"]["debtors"]["E2"], "external_number": "4711", "custom": {"route": "8000-A"}},
    )
    world.say(
        "crm",
        "debtors",
        "C2",
        **{**world.records["crm"]["debtors"]["C2"], "external_number": "X-2", "custom": {"segment": "gold"}},
    )
    world.run("erp")
    world.run("crm")
    apply(world.runtime, links.link(world.runtime, "crm", "C2", "10001", by="ada").hash, by="ada")
    debtor = world.debtor_of("crm", "C2")
    assert [world.field(debtor, name) for name in ("name", "number", "external_number")] == [
        "Mueller Gmbh",
        "10001",
        "4711",
    ]
    assert world.field(debtor, "custom") == {"route": "8000-A", "segment": "gold"}, (
        "and linking it hides none of the ERP's own fields"
    )


@pytest.mark.parametrize(("attributes", "said"), [
    pytest.param({"rules": [{"ranking": ["erp"], "groups": ["adress"]}]}, "unknown field group", id="a mistyped group"),
    pytest.param({"rules": [{"ranking": ["erp"], "fields": ["nmae"]}, {"ranking": ["erp"]}]}, "nmae, which no record has", id="a mistyped field"),
    pytest.param({"rules": [{"ranking": ["erp"], "groups": ["general"]}]}, "end the policy with a rule without fields", id="fields nobody decides"),
    pytest.param({"rules": [{"ranking": []}]}, "rules.0.ranking", id="an empty ranking"),
    pytest.param({"rules": [{"ranking": ["erp"], "fields": ["credit_limit"], "mode": "union"}, {"ranking": ["erp"]}]}, "could be united", id="money united"),
    pytest.param({"rules": [{"ranking": ["erp"], "groups": ["credit"], "mode": "union"}, {"ranking": ["erp"]}]},
                 "credit_limit, erp_balance, payment_terms_key is no set", id="money united by its group"),
    pytest.param({"rules": [{"ranking": ["erp"], "groups": ["contact"], "mode": "union"}, {"ranking": ["erp"]}]}, "is_primary", id="yes and no united"),
    pytest.param({"rules": [{"ranking": ["erp"], "groups": ["classification"], "mode": "union"}, {"ranking": ["erp"]}]}, "owner_code", id="owners united"),
    pytest.param({"rules": [{"ranking": ["erp"], "groups": ["general"], "mode": "union"}, {"ranking": ["erp"]}]}, "currency", id="currencies united"),
    pytest.param({"rules": [{"ranking": ["erp"], "mode": "union"}]}, "could be united", id="everything united"),
    pytest.param({"rules": [{"ranking": ["erp"]}, {"ranking": ["erp"], "company": "Nordlys", "fields": ["status"], "mode": "union"}]}, "status",
                 id="a code united where another rule decides"),
])  # fmt: skip
def test_a_wrong_policy_is_refused_in_a_sentence(attributes: dict[str, object], said: str) -> None:
    """File and key are named."""
    with pytest.raises(ConfigurationError, match=said):
        parse_policy(attributes, "canonical_store/defs.yaml")


def test_every_union_that_is_let_in_can_be_folded() -> None:
    """Whatever field or group is united: the policy is refused, or the fold of two sources gives a text or a set of both."""
    entities = {"debtor": DEBTOR, "contact": CONTACT}
    for entity, group in sorted(
        {(e, f.group) for e, some in entities.items() for f in some}
        | {(e, f.name) for e, some in entities.items() for f in some}
    ):
        named = {"groups": [group]} if group in GROUPS and group != "custom" else {"fields": [group]}
        try:
            policy = parse_policy(
                {
                    "rules": [
                        {"entity": entity, "ranking": ["erp", "crm"], "mode": "union", **named},
                        {"ranking": ["erp"]},
                    ]
                },
                "policy.yaml",
            )
        except ConfigurationError:
            continue
        united = [f for f in entities[entity] if policy.rule_for(entity, f.name, f.group).mode == "union"]
        assert united, f"{entity} {group} unites nothing"
        now = datetime(2026, 3, 2, tzinfo=UTC)
        claims = [
            Claim(source, source, "1", now, {f.name: source for f in united}) for source in ("erp", "crm")
        ]
        assert set(Resolver(entity, entities[entity], policy).resolve(claims).values.values()) == {"crm; erp"}
        assert all(f.kind == "text" and not f.column for f in united)


def test_check_says_what_is_odd(world: World) -> None:
    """Names nobody bears, sources nobody believes, rules that never decide."""
    odd = Policy(
        rules=(Rule(ranking=("erp", "nav")), Rule(fields=("name",), ranking=("crm",))), sources=("erp",)
    )
    said = " / ".join(policy.check(odd, world.configs))
    assert "'nav' is neither" in said
    assert "dunning (role collections) is in no ranking" in said
    assert "rule 2 never decides" in said
    assert policy.check(DEFAULT_POLICY, world.configs) == []


def test_a_rule_for_a_company_nobody_knows_is_told(running: World) -> None:
    """Mistyped, it would decide about nothing: comparing says so, beside what would change."""
    mistyped = Policy(
        rules=(
            Rule(company="Nordlyss A/S", ranking=("crm",)),
            Rule(company="Nordlys A/S", ranking=("erp",)),
            *DEFAULT_POLICY.rules,
        )
    )
    assert policy.diff(running.runtime, mistyped).odd == [
        "a rule is for company 'Nordlyss A/S', whose books no source keeps; there are: Nordlys A/S"
    ]


def test_the_shipped_policy_is_sound(tmp_path: Path) -> None:
    """The YAML in the repository reads, decides about every field and is odd in nothing; without one there is a default."""
    shipped = load_policy(Path(__file__).resolve().parents[2] / "dagster_project" / "defs")
    assert policy.check(shipped, {}) == []
    assert {s.field for s in policy.show(shipped)} >= {"name", "credit_limit", "email"}
    assert load_policy(tmp_path) == DEFAULT_POLICY
