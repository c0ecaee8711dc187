"""Business Central's customers, contacts and dimensions as they become debtors, contacts and portfolios."""

from __future__ import annotations

import pytest

from tests.mappings.business_central_cases import (
    BILLED,
    CONTACT,
    NULL,
    SOLD,
    draft,
    excluded,
    invoice,
    normalise,
)

# Customers --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("blocked", "reason"), [("Ship", "ship"), ("Invoice", "invoice"), ("All", "all")])
def test_a_blocked_customer_says_how(blocked: str, reason: str) -> None:
    """Blocked is a status; what is blocked, its reason."""
    assert draft("customers", {"blocked": blocked}) == {"block_reason": reason, "status": "blocked"}


def test_a_credit_limit_of_nought_is_no_limit() -> None:
    """On the card 0 means that none is set; canonically 0 would mean no credit."""
    assert draft("customers", {"creditLimit": 0})["credit_limit"] is None
    assert draft("customers", {"creditLimit": 0.0})["credit_limit"] is None
    assert draft("customers", {"creditLimit": 2500.5})["credit_limit"] == "2500.5"


def test_case_18_numbers_are_text() -> None:
    """Leading zeros, hashes and plus signs are part of them."""
    numbers = ["#1303", "01121212", "+917796636577"]
    assert [
        d.values["number"] for d in normalise("customers", *[{"number": n} for n in numbers]).drafts
    ] == numbers


def test_case_24_the_mixed_balance_of_the_customer_page_is_not_used() -> None:
    """`balanceDue` adds up currencies; the balance of the financial details is in local currency."""
    assert draft("customers", {"balanceDue": 3036.6}) == {}
    assert draft("customerFinancialDetails", {"balance": 3036.6, "overdueAmount": 1}) == {
        "erp_balance": "3036.6"
    }


def test_case_27_several_addresses_in_one_field() -> None:
    """The first is the e-mail, the others are kept."""
    found = draft("customers", {"email": "ap@x.dk; cfo@x.dk;ap2@x.dk"})
    assert found == {"email": "ap@x.dk", "custom": {"emails": ["ap2@x.dk", "cfo@x.dk"]}}


def test_a_country_code_of_ones_own_is_a_gap() -> None:
    """Codes are the installation's; two letters are taken for ISO, and a country in words is understood."""
    result = normalise(
        "customers",
        {"country": "dk"},
        {"country": "EUR-EAST"},
        {"country": "Tyskland"},
        {"country": "Vereinigtes Königreich"},
    )
    assert [d.values for d in result.drafts] == [{"country": "DK"}, {}, {"country": "DE"}, {"country": "GB"}]
    assert [(gap.key, gap.code) for gap in result.gaps] == [("1", "EUR-EAST")]


def test_sister_companies_and_left_out_numbers() -> None:
    """Declared by patterns of whole numbers, or by the partner code on the card."""
    settings = {"intercompany": ["IC-.*"], "exclude_debtors": ["CASH[0-9]*"]}
    assert draft("customers", {"number": "IC-DK"}, **settings)["is_intercompany"] is True
    assert "is_intercompany" not in draft("customers", {"number": "10000"}, **settings)
    assert "excluded" in excluded("customers", {"number": "CASH1"}, **settings)
    assert draft("customerCard", {"No": "10", "IC_Partner_Code": "DK"})["is_intercompany"] is True


def test_a_customer_billed_itself_has_no_parent() -> None:
    """Some cards name the customer as its own bill-to."""
    assert draft("customerCard", {"No": "10000", "Bill_to_Customer_No": "10000"})["bill_to_number"] is None
    assert draft("customerCard", {"No": "10000", "Bill_to_Customer_No": "20000"})["bill_to_number"] == "20000"


def test_custom_fields_by_name() -> None:
    """The installation's own fields, JSON-ready; absent ones say nothing."""
    row = {
        "number": "1",
        "my_Tier": " gold ",
        "my_Score": 12.50,
        "my_Vip": True,
        "my_Count": 3,
        "my_Blank": "",
    }
    found = draft(
        "customers",
        row,
        custom_fields={"customers": ["my_Tier", "my_Score", "my_Vip", "my_Count", "my_Blank", "my_Absent"]},
    )
    assert found["custom"] == {
        "my_Tier": "gold",
        "my_Score": "12.5",
        "my_Vip": True,
        "my_Count": 3,
        "my_Blank": None,
    }
    assert draft(
        "salesInvoices",
        invoice(externalDocumentNumber="X"),
        custom_fields={"salesInvoices": ["externalDocumentNumber"]},
    )["custom"] == {"externalDocumentNumber": "X"}


# Contacts ---------------------------------------------------------------------------------------------------------------------


def test_case_14_a_company_contact_is_left_out_unless_asked_for() -> None:
    """Often it is the shared mailbox of accounts payable."""
    assert excluded("contacts", {"type": "Company"}) == "company contact"
    assert (
        draft("contacts", {"type": "Company", "displayName": "AP"}, company_contacts=True)["full_name"]
        == "AP"
    )
    assert (
        excluded("contactsInformation", {"contactId": CONTACT, "contactType": "Company", "relatedId": BILLED})
        == "company contact"
    )


@pytest.mark.parametrize("relation", ["Customer", "Multiple", "None", "_x0020_", "Other", "Distributor"])
def test_case_14_contacts_that_may_belong_to_a_debtor_stay(relation: str) -> None:
    """`Multiple` is missing from customerContacts, but not here; the store decides on those without a debtor."""
    found = draft("contacts", {"type": "Person", "contactBusinessRelation": relation, "companyNumber": "CT7"})
    assert found == {"company_number": "CT7", "origin_field": "contacts"}


@pytest.mark.parametrize("relation", ["Vendor", "Bank_x0020_Account", "Employee"])
def test_case_14_contacts_of_vendors_are_left_out(relation: str) -> None:
    """Unless the settings say otherwise."""
    assert "another business relation" in excluded("contacts", {"contactBusinessRelation": relation})
    assert draft("contacts", {"contactBusinessRelation": relation}, exclude_relations=[])


def test_case_14_the_stale_customer_id_is_ignored() -> None:
    """customerId repeats the row before where no customer was found; customerName is then blank."""
    row = {"firstName": "Helen", "customerId": BILLED, "customerName": "Trey Research"}
    assert draft("customerContacts", row)["debtor_key"] == BILLED
    assert "debtor_key" not in draft("customerContacts", row | {"customerName": ""})
    assert "debtor_key" not in draft("customerContacts", row, contact_link="company_number")


def test_contacts_of_a_vendor_in_contacts_information_are_left_out() -> None:
    """Only customers have debtors' contacts."""
    row = {"contactId": CONTACT, "contactType": "Person", "relatedId": BILLED, "relatedType": "Vendor"}
    assert "Vendor" in excluded("contactsInformation", row)
    assert draft("contactsInformation", row | {"relatedType": "Customer"}) == {
        "contact_key": CONTACT,
        "debtor_key": BILLED,
    }


def test_case_15_titles_become_positions() -> None:
    """Title as it stands, position by the rules; absent before v25, blank means none."""
    settings = {"positions": {"rules": {"cfo": "Finance director"}}}
    assert draft("contacts", {"jobTitle": " CFO "}, **settings)["position"] == "Finance director"
    assert draft("contacts", {"jobTitle": "Clerk"}, **settings)["position"] == "Clerk"
    assert draft("contacts", {"jobTitle": ""}, **settings)["position"] is None
    assert "position" not in draft("contacts", {"displayName": "Ann"}, **settings)


def test_case_15_a_strict_rule_set_leaves_the_position_open() -> None:
    """The title is still claimed; the position is a code gap."""
    result = normalise("contacts", {"jobTitle": "Clerk"}, positions={"strict": True})
    assert result.drafts[0].values == {"title": "Clerk", "origin_field": "contacts"}
    assert [(gap.field, gap.code) for gap in result.gaps] == [("position", "Clerk")]


def test_case_26_privacy_blocked_contacts_say_so() -> None:
    """They stay, and must not be mailed."""
    assert draft("contacts", {"privacyBlocked": True})["privacy_blocked"] is True


# Dimensions -------------------------------------------------------------------------------------------------------------------


def test_case_17_a_default_dimension_may_have_no_value() -> None:
    """Code Mandatory without a value: the debtor is in no portfolio."""
    row = {
        "parentType": "Customer",
        "parentId": BILLED,
        "dimensionId": SOLD,
        "dimensionValueId": NULL,
        "dimensionValueCode": "",
    }
    assert draft("defaultDimensions", row)["dimension_value_key"] is None


def test_case_17_default_dimensions_of_others_are_left_out() -> None:
    """Items and vendors have them too, and a row may be the default of all customers."""
    assert "Item" in excluded("defaultDimensions", {"parentType": "Item", "parentId": BILLED})
    assert "no single customer" in excluded("defaultDimensions", {"parentType": "Customer", "parentId": NULL})
    assert "no single customer" in excluded("defaultDimensions", {"parentType": "_x0020_", "parentId": NULL})


@pytest.mark.parametrize(
    ("kind", "is_heading"),
    [
        ("Standard", False),
        ("Heading", True),
        ("Total", True),
        ("Begin_x002D_Total", True),
        ("End-Total", True),
        ("_x0020_", False),
    ],
)
def test_case_17_headings_and_totals_are_no_portfolios(kind: str, *, is_heading: bool) -> None:
    """Only Standard values can stand on a card."""
    assert draft("financeDimensionValues", {"dimensionValueType": kind, "blocked": True}) == {
        "blocked": True,
        "is_heading": is_heading,
    }
