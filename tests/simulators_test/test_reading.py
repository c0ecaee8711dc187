"""The OData wire: filters, selections, expansions, pages, and the way values are written."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.simulators_test.conftest import Tenant, exact


@pytest.fixture
def peopled(tenant: Tenant) -> Tenant:
    """Five customers, two of them blocked, written a minute apart."""
    for place, name in enumerate(("O'Malley", "Ångström", "HANSEN & SOEN", "VanArsdel", "Relecloud")):
        tenant.clock.advance(timedelta(minutes=1))
        card: dict[str, Any] = {
            "blocked": "Ship" if place > 2 else " ",
            "city": "Odense" if place % 2 else "",
        }
        tenant.company.create_customer(name, number=f"0{place}", **card)
    return tenant


def numbers(tenant: Tenant, filter_: str, **options: str) -> list[str]:
    """The numbers of the customers that match, sorted."""
    extra = "".join(f"&${k}={v}" for k, v in options.items())
    return sorted(str(x["number"]) for x in tenant.rows(f"customers?$filter={filter_}{extra}"))


def refusal(tenant: Tenant, path: str) -> tuple[int, str, str]:
    """Status, code and text of an error."""
    answer = tenant.get(path)
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"]


@pytest.mark.parametrize(
    ("filter_", "found"),
    [
        ("displayName eq 'O''Malley'", ["00"]),
        ("contains(displayName,'%26')", ["02"]),
        ("startswith(tolower(displayName),'rele')", ["04"]),
        ("endswith(number,'3')", ["03"]),
        ("number gt '01' and number le '03'", ["02", "03"]),
        ("number eq '00' or number eq '04'", ["00", "04"]),
        ("(number eq '00' or number eq '04') and blocked eq 'Ship'", ["04"]),
        ("blocked eq '_x0020_'", ["00", "01", "02"]),
        ("blocked eq ' ' and city eq ''", ["00", "02"]),
        ("creditLimit lt 1 and city ne ''", ["01", "03"]),
        ("'02' lt number", ["03", "04"]),
        ("defaultDimensions/any(d: d/dimensionCode eq 'AREA')", ["00", "01", "02", "03", "04"]),
    ],
)
def test_filters(peopled: Tenant, filter_: str, found: list[str]) -> None:
    """Comparisons, text functions and `or` on one field work; a lambda is silently ignored."""
    assert numbers(peopled, filter_) == found


def test_instants_are_compared_as_instants(peopled: Tenant) -> None:
    """`.5Z` and `.500Z` are the same moment, and a row without a stamp is found as the year one."""
    peopled.clock.set(datetime(2026, 5, 2, 8, 0, 0, 500_000, tzinfo=UTC))
    peopled.company.edit_customer("03", city="Lyon")
    assert (
        peopled.rows("customers?$filter=number eq '03'")[0]["lastModifiedDateTime"]
        == "2026-05-02T08:00:00.5Z"
    )
    assert numbers(peopled, "lastModifiedDateTime ge 2026-05-02T08:00:00.500Z") == ["03"]
    assert numbers(peopled, "lastModifiedDateTime gt 2026-05-02T08:00:00.5Z") == []
    peopled.company.forget_stamp("customers", "01")
    found = numbers(
        peopled,
        "lastModifiedDateTime gt 2026-05-02T00:00:00Z or lastModifiedDateTime eq 0001-01-01T00:00:00Z",
    )
    assert found == ["01", "03"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "customers?$filter=number eq '1' or displayName eq 'x'",
            "The 'OR' operator is not supported on distinct fields on an OData filter.",
        ),
        (
            "customers?$filter=nickname eq 'x'",
            "Could not find a property named 'nickname' on type 'Microsoft.NAV.customer'.",
        ),
        (
            "customers?$select=id,nickname",
            "Could not find a property named 'nickname' on type 'Microsoft.NAV.customer'.",
        ),
        (
            "customers?$expand=customerFinancialDetails",
            "Could not find a property named 'customerFinancialDetails'",
        ),
        (
            "customers?$filter=id eq 'abc'",
            "Found operand types 'Edm.Guid' and 'Edm.String' for operator kind 'Equal'.",
        ),
        ("customers?$filter=blocked eq 'Never'", "'Never' is not an option. The existing options are:"),
        ("customers?$filter=number in ('1')", "not supported"),
        ("customers?$filter=number eq", "Syntax error"),
        ("salesInvoiceLines", "You must specify an Id or a Document Id to get the lines."),
        (
            "salesCreditMemoLines?$filter=sequence eq 10000",
            "You must specify an Id or a Document Id to get the lines.",
        ),
        ("contactsInformation", "id type not specified."),
        ("contactsInformation?$filter=relatedType eq 'Customer'", "id type not specified."),
        ("customerPayments", "You must specify a journal batch ID or a journal ID to get a journal line."),
        ("dimensionSetLines", "You must specify a parent id"),
    ],
)
def test_refusals(peopled: Tenant, path: str, message: str) -> None:
    """What the service does not do, it says in its own words and with a correlation id."""
    status, _, text = refusal(peopled, path)
    assert status == 400
    assert message in text
    assert "  CorrelationId:  " in text


def test_in_works_with_the_newer_schema(peopled: Tenant) -> None:
    """`in` needs $schemaversion=2.1."""
    assert numbers(peopled, "number in ('00','03')", schemaversion="2.1") == ["00", "03"]


@pytest.mark.parametrize("segment", ["contact", "customers(11111111-2222-3333-4444-555555555555)"])
def test_gone_and_misspelt_look_the_same(peopled: Tenant, segment: str) -> None:
    """A deleted record and a wrong set name are the same 404."""
    status, code, text = refusal(peopled, segment)
    assert (status, code) == (404, "BadRequest_ResourceNotFound")
    assert f"segment '{segment.split('(')[0]}'" in text


def test_pages_walk_the_keys(peopled: Tenant) -> None:
    """Server-driven pages follow the key of the last row, keep the filter, and echo the preference."""
    url = peopled.url("customers?$filter=number ne '00'&$select=number")
    answer = peopled.client.get(url, headers={"Prefer": "odata.maxpagesize=3"})
    first = answer.json()
    assert answer.headers["Preference-Applied"] == "odata.maxpagesize=3"
    assert [set(x) for x in first["value"]] == [{"@odata.etag", "number"}] * 3
    assert "?aid=FIN&" in first["@odata.nextLink"]
    assert "$skiptoken=" in first["@odata.nextLink"]
    second = peopled.client.get(first["@odata.nextLink"], headers={"Prefer": "odata.maxpagesize=3"}).json()
    assert sorted(x["number"] for x in first["value"] + second["value"]) == ["01", "02", "03", "04"]
    assert "@odata.nextLink" not in second


def test_the_last_page_may_be_empty(peopled: Tenant) -> None:
    """A full page promises another one, even when there is nothing left."""
    url = peopled.url("customers")
    first = peopled.client.get(url, headers={"Prefer": "odata.maxpagesize=5"}).json()
    last = peopled.client.get(first["@odata.nextLink"], headers={"Prefer": "odata.maxpagesize=5"}).json()
    assert (len(first["value"]), last["value"]) == (5, [])
    assert "@odata.nextLink" not in last


def test_an_empty_last_page_can_be_had_always(peopled: Tenant) -> None:
    """A switch makes every list end with an empty page."""
    peopled.world.installation.always_empty_last_page = True
    pages, url = [], peopled.url("customers")
    while url:
        page = peopled.client.get(url, headers={"Prefer": "odata.maxpagesize=4"}).json()
        pages.append(len(page["value"]))
        url = page.get("@odata.nextLink", "")
    assert pages == [4, 1, 0]


def test_top_gives_no_next_link(peopled: Tenant) -> None:
    """Paging with $top and $skip has no next link."""
    page = peopled.get("customers?$top=2&$skip=1&$count=true").json()
    assert (len(page["value"]), page["@odata.count"], "@odata.nextLink" in page) == (2, 5, False)


def test_pages_larger_than_the_limit_are_413(peopled: Tenant) -> None:
    """More than 20,000 rows a page are refused."""
    assert peopled.get("customers", Prefer="odata.maxpagesize=20001").status_code == 413
    assert peopled.get("customers", Prefer="odata.maxpagesize=20000").status_code == 200


def test_rows_that_are_written_while_one_pages(peopled: Tenant) -> None:
    """Keyset paging misses a row that lands before the token, and does not lose its place when one goes."""
    page = peopled.get("customers?$select=id", Prefer="odata.maxpagesize=2").json()
    seen = [x["id"] for x in page["value"]]
    peopled.company.delete_customer(seen[0])
    rest = peopled.client.get(page["@odata.nextLink"], headers={"Prefer": "odata.maxpagesize=10"}).json()[
        "value"
    ]
    assert len({*seen, *(x["id"] for x in rest)}) == 5


def test_an_order_goes_into_the_token(peopled: Tenant) -> None:
    """With $orderby the token holds the values; a row that is changed meanwhile comes again."""
    url = peopled.url("customers?$orderby=lastModifiedDateTime&$select=number")
    page = peopled.client.get(url, headers={"Prefer": "odata.maxpagesize=3"}).json()
    assert [x["number"] for x in page["value"]] == ["00", "01", "02"]
    peopled.clock.advance(timedelta(minutes=1))
    peopled.company.edit_customer("00", city="Lyon")
    rest = peopled.client.get(page["@odata.nextLink"], headers={"Prefer": "odata.maxpagesize=10"}).json()[
        "value"
    ]
    assert [x["number"] for x in rest] == ["03", "04", "00"]
    down = peopled.all_rows("customers?$orderby=city desc,number desc", 2)
    assert [x["number"] for x in down] == ["03", "01", "00", "04", "02"]


def test_next_links_may_carry_the_tenant(peopled: Tenant) -> None:
    """The link may have another path than the one that was asked, on the same host."""
    peopled.world.installation.next_link_carries_tenant = True
    url = f"http://localhost/v2.0/Production/api/v2.0/companies({peopled.company.id})/customers"
    page = peopled.client.get(url, headers={"Prefer": "odata.maxpagesize=2"}).json()
    assert f"/v2.0/{peopled.settings.tenant_id}/Production/" in page["@odata.nextLink"]
    assert peopled.client.get(page["@odata.nextLink"]).status_code == 200


def test_counts_alone(peopled: Tenant) -> None:
    """`/$count` is a number in plain text."""
    assert peopled.get("customers/$count?$filter=blocked eq 'Ship'").text == "2"


def test_a_record_by_id_has_context_and_etag(peopled: Tenant) -> None:
    """One record comes without `value`; its etag is weak and moves with every write."""
    row = peopled.company.customer("02")
    before = peopled.get(f"customers({row.id})").json()
    peopled.company.edit_customer("02", city="Lyon")
    after = peopled.get(f"customers({row.id.upper()})").json()
    assert before["@odata.context"].endswith("/customers/$entity")
    assert before["@odata.etag"].startswith('W/"')
    assert before["@odata.etag"] != after["@odata.etag"]


def test_blanks_are_never_null(peopled: Tenant) -> None:
    """Text is "", ids are the null GUID, dates the year one, a blank enum `_x0020_`."""
    peopled.company.create_contact("Zoë Lund")
    customer, contact = (
        peopled.rows("customers?$filter=number eq '00'")[0],
        peopled.rows("contacts?$filter=type eq 'Person'")[0],
    )
    assert (customer["email"], customer["blocked"], customer["paymentTermsId"]) == (
        "",
        "_x0020_",
        "00000000-0000-0000-0000-000000000000",
    )
    assert (contact["lastInteractionDate"], contact["jobTitle"], contact["contactBusinessRelation"]) == (
        "0001-01-01",
        "",
        "None",
    )
    assert not [name for row in (customer, contact) for name, value in row.items() if value is None]


def test_stamps_lose_their_trailing_zeros(peopled: Tenant) -> None:
    """Fractions have 0 to 3 digits."""
    texts = []
    for micros in (0, 70_000, 250_000, 293_999):
        peopled.clock.set(datetime(2026, 6, 1, 1, 2, 3, micros, tzinfo=UTC))
        peopled.company.edit_customer("00", city=str(micros))
        texts.append(peopled.rows("customers?$filter=number eq '00'")[0]["lastModifiedDateTime"][19:])
    assert texts == ["Z", ".07Z", ".25Z", ".293Z"]


def test_decimals_are_exact_json_numbers(peopled: Tenant) -> None:
    """Amounts come as numbers without noise and without trailing zeros."""
    peopled.company.post_invoice("00", Decimal("3036.60"))
    peopled.company.post_invoice("01", Decimal("944400.00"))
    peopled.company.post_invoice("02", Decimal("0.10"))
    text = peopled.get("salesInvoices").text
    for part in ('"remainingAmount":3036.6,', '"remainingAmount":944400,', '"remainingAmount":0.1,'):
        assert part in text
    peopled.company.post_invoice("02", Decimal("0.20"))
    assert {x["balanceDue"] for x in peopled.rows("customers")} == {
        Decimal("3036.6"),
        944400,
        Decimal("0.3"),
        0,
    }


def test_expansions_nest(peopled: Tenant) -> None:
    """Several expansions, with options inside their parentheses, to any depth."""
    company = peopled.company
    company.create_contact("Priya Iyer", customer="01")
    company.set_default_dimension("01", "CUSTOMERGROUP", "LARGE")
    company.post_invoice("01", Decimal(10))
    path = (
        "customers?$filter=number eq '01'&$expand=contactsInformation($filter=contactType eq 'Person';$expand=contact($select=email)),"
        "defaultDimensions($expand=dimension,dimensionValue),customerFinancialDetail,agedAccountsReceivable,currency"
    )
    row: dict[str, Any] = peopled.rows(path)[0]
    assert [x["contactName"] for x in row["contactsInformation"]] == ["Priya Iyer"]
    assert set(row["contactsInformation"][0]["contact"]) == {"@odata.etag", "email"}
    assert row["defaultDimensions"][0]["dimensionValue"]["code"] == "LARGE"
    assert (
        row["customerFinancialDetail"]["balance"],
        row["agedAccountsReceivable"]["balanceDue"],
        row["currency"],
    ) == (10, 10, None)
    invoice = peopled.rows(
        "salesInvoices?$expand=salesInvoiceLines,customer($expand=customerFinancialDetail)"
    )[0]
    assert invoice["salesInvoiceLines"][0]["amountIncludingTax"] == 10
    assert invoice["customer"]["customerFinancialDetail"]["balance"] == 10


def test_sub_pages_are_reached_through_their_parent(peopled: Tenant) -> None:
    """Lines, contact links and default dimensions below their record; the flat forms that are allowed."""
    company = peopled.company
    invoice = company.post_invoice("01", Decimal(10))
    customer = company.customer("01")
    company.set_default_dimension("01", "CUSTOMERGROUP", "LARGE")
    assert len(peopled.rows(f"salesInvoices({invoice.id})/salesInvoiceLines")) == 1
    assert len(peopled.rows(f"salesInvoiceLines?$filter=documentId eq {invoice.id}")) == 1
    linked = peopled.rows(f"customers({customer.id})/contactsInformation")
    assert [(x["contactType"], x["relatedId"]) for x in linked] == [("Company", customer.id)]
    assert linked == peopled.rows(
        f"contactsInformation?$filter=relatedId eq {customer.id} and relatedType eq 'Customer'"
    )
    assert (
        peopled.get(f"customers({customer.id})/contactsInformation({linked[0]['contactId']})/contact").json()[
            "displayName"
        ]
        == "Ångström"
    )
    flat = peopled.rows(
        "defaultDimensions?$filter=parentType eq 'Customer' and dimensionCode eq 'CUSTOMERGROUP'"
    )
    assert [x["parentId"] for x in flat] == [customer.id]


def test_published_pages_have_their_own_names_and_keys(peopled: Tenant) -> None:
    """Dots vanish, spaces are underscores, the key is Entry_No, and blank means the local currency."""
    entry = peopled.company.post_payment("01", Decimal(5))
    url = f"{peopled.settings.base_url}/ODataV4/Company(Id={peopled.company.id})"
    row = exact(peopled.client.get(f"{url}/Cust_LedgerEntries({entry.entry_no})"))
    assert (row["Remaining_Amt_LCY"], row["Currency_Code"], row["Document_Type"]) == (-5, "", "Payment")
    assert peopled.client.get(f"{url}/Cust_LedgerEntries(Entry_No={entry.entry_no})").status_code == 200
    for name in ("A", "B", "C"):
        peopled.company.post_payment("01", Decimal(1), external_no=name)
    page = peopled.client.get(
        f"{url}/Cust_LedgerEntries?$filter=Entry_No gt {entry.entry_no}",
        headers={"Prefer": "odata.maxpagesize=2"},
    )
    rest = peopled.client.get(
        page.json()["@odata.nextLink"], headers={"Prefer": "odata.maxpagesize=2"}
    ).json()["value"]
    assert [x["External_Document_No"] for x in rest] == ["C"]


def test_metadata_and_definitions_name_what_there_is(peopled: Tenant) -> None:
    """$metadata lists fields and encoded enum members; entityDefinitions can be filtered by entityName only."""
    text = peopled.client.get(f"{peopled.api}/$metadata").text
    assert '<Property Name="jobTitle" Type="Edm.String" MaxLength="30"/>' in text
    assert '<Member Name="In_x0020_Review"' in text
    url = f"{peopled.api}/entityDefinitions?$filter="
    found = peopled.client.get(f"{url}entityName eq 'customer'").json()["value"]
    assert [x["entitySetName"] for x in found] == ["customers"]
    assert peopled.client.get(f"{url}entitySetName eq 'customers'").status_code == 400
