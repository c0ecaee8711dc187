"""Which rule decides, by example: the first that names the record, its company and the field; who stands where in its ranking."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from sync_engine.ownership.policy import DEFAULT_POLICY, GROUPS, Policy, Rule, rank, source_order

ERP = Rule(ranking=("erp",))
CRM_NAMES = Rule(fields=("name",), ranking=("crm",))
CRM_ADDRESSES = Rule(groups=("address",), ranking=("crm",))

MISTYPED = (
    "Value error, unknown field group ['Credit', 'adress', 'money', 'prise', 'zeal']; there are ['identity', 'general', 'address', 'billing_address', "
    "'contact', 'credit', 'classification', 'prices', 'chasing', 'custom']"
)


def decides(field: str, group: str, *rules: Rule, entity: str = "debtor", company: str | None = None) -> Rule:
    """The rule of a policy that decides a field."""
    return Policy(rules=rules).rule_for(entity, field, group, company)


def test_the_first_rule_that_names_the_field_decides() -> None:
    """By its name, by its group, or by naming nothing; what a rule does not name goes on to the next."""
    assert decides("name", "general", CRM_NAMES, CRM_ADDRESSES, ERP) is CRM_NAMES
    assert decides("city", "address", CRM_NAMES, CRM_ADDRESSES, ERP) is CRM_ADDRESSES
    assert decides("phone", "general", CRM_NAMES, CRM_ADDRESSES, ERP) is ERP
    assert decides("name", "general", ERP, CRM_NAMES) is ERP


def test_a_rule_names_a_member_of_the_custom_fields_or_all_of_them() -> None:
    """`custom.segment` is decided by who names it, else by who names `custom`, its group, or nothing."""
    segment, whole = (
        Rule(fields=("custom.segment",), ranking=("crm",)),
        Rule(fields=("custom",), ranking=("desk",)),
    )
    assert decides("custom.segment", "custom", segment, whole, ERP) is segment
    assert decides("custom.size", "custom", segment, whole, ERP) is whole
    assert decides("custom", "custom", segment, whole, ERP) is whole
    assert decides("custom.size", "custom", segment, ERP) is ERP
    assert decides("custom.size.unit", "custom", segment, whole, ERP) is whole


def test_a_rule_may_be_for_one_entity() -> None:
    """What is said of contacts says nothing of debtors; without a word it is said of both."""
    of_contacts = Rule(entity="contact", ranking=("crm",))
    assert decides("name", "general", of_contacts, ERP) is ERP
    assert decides("name", "general", of_contacts, ERP, entity="contact") is of_contacts
    assert decides("name", "general", ERP, of_contacts, entity="contact") is ERP


def test_a_rule_may_be_for_one_company() -> None:
    """Nordlys, however it is written; not Sydlys, and not a record whose company nobody knows."""
    nordlys = Rule(company="NORDLYS Straße", ranking=("crm",))
    assert decides("name", "general", nordlys, ERP, company="nordlys strasse") is nordlys
    assert decides("name", "general", nordlys, ERP, company="Sydlys") is ERP
    assert decides("name", "general", nordlys, ERP) is ERP
    assert decides("name", "general", nordlys, ERP, company="Nordlys Straße", entity="contact") is nordlys
    assert (
        nordlys.is_for("debtor", None),
        nordlys.is_for("debtor", "NORDLYS STRASSE"),
        ERP.is_for("debtor", None),
    ) == (False, True, True)
    assert Policy(rules=(nordlys, ERP)).overrides_companies is True
    assert Policy(rules=(ERP,)).overrides_companies is False


def test_a_field_nobody_decides_is_an_error_that_says_what_to_do() -> None:
    """Named with its entity."""
    with pytest.raises(LookupError) as error:
        decides("city", "address", CRM_NAMES)
    assert (
        str(error.value)
        == "no ownership rule names debtor.city; end the policy with a rule without fields and groups"
    )


def test_a_source_stands_where_its_name_or_its_role_stands_first() -> None:
    """The old CRM after the ERP, every other CRM before it; who is not named is not believed."""
    rule = Rule(ranking=("sugar", "erp", "crm"))
    assert [
        rank(rule, source, role)
        for source, role in (("sugar", "crm"), ("bc", "erp"), ("desk", "crm"), ("calls", "collections"))
    ] == [0, 1, 2, None]


def test_sources_of_one_role_stand_in_declared_order() -> None:
    """The tie inside a role."""
    assert source_order(("second", "erp")) == {"second": 0, "erp": 1}


def test_the_default_believes_the_erp_and_the_collectors_about_chasing() -> None:
    """Sane without configuration."""
    assert DEFAULT_POLICY.rule_for("debtor", "chasing_paused", "chasing").ranking == (
        "collections",
        "crm",
        "erp",
    )
    assert DEFAULT_POLICY.rule_for("debtor", "name", "general").ranking == ("erp", "crm", "collections")
    assert {DEFAULT_POLICY.rule_for("contact", "anything", group).mode for group in GROUPS} == {"master"}


@pytest.mark.parametrize(("attributes", "said"), [
    ({"ranking": []}, "Tuple should have at least 1 item after validation, not 0"), ({"ranking": ["erp"], "rank": ["crm"]}, "Extra inputs are not permitted"),
    ({}, "Field required"),
    ({"ranking": ["erp"], "groups": ["zeal", "adress", "Credit", "money", "prise", "credit"]}, MISTYPED),
], ids=["nobody", "a mistyped key", "no ranking", "mistyped groups"])  # fmt: skip
def test_a_rule_that_cannot_be_meant_is_refused(attributes: dict[str, object], said: str) -> None:
    """In a sentence that names what is wrong."""
    with pytest.raises(ValidationError) as error:
        Rule.model_validate(attributes)
    assert [e["msg"] for e in error.value.errors()] == [said]


def test_a_policy_is_a_value() -> None:
    """Nothing in it can be changed or mistyped; its digest is of its content alone and short enough for a log line."""
    policy = Policy(rules=(ERP,))
    with pytest.raises(ValidationError, match="frozen"):
        policy.rules = ()  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        ERP.mode = "union"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="Extra inputs"):
        Policy.model_validate({"rules": [], "source": ["erp"]})
    assert policy.sources == ()
    assert (ERP.mode, ERP.entity, ERP.fields, ERP.groups, ERP.company) == ("master", "*", (), (), None)
    assert policy.digest == Policy.model_validate(policy.model_dump(mode="json")).digest
    assert len(policy.digest) == 16
    assert len({policy.digest, Policy(rules=(ERP,), sources=("erp",)).digest, DEFAULT_POLICY.digest}) == 3
