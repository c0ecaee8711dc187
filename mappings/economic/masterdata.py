"""The agreement, its code lists, customers and contacts.

Lists whose numbers begin at one each are told apart by their keys: `group/1`, `terms/1`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AliasPath, BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from mappings.toolkit.fields import Flag, Id, Instant, Money, Text, addresses, is_zero, wire
from mappings.toolkit.rows import Row
from mappings.toolkit.rules import settle_country
from mappings.toolkit.shapes import Finish, Shape, keep
from sync_engine.ports import Normalised

CUSTOMER_GROUP, DEPARTMENT = "customer_group", "department"
"""Keys and codes of the dimensions that the connector makes: `portfolio: {dimension: customer_group}` makes every group a portfolio."""


class EconomicMapping(BaseModel):
    """What an installation may declare about its mapping."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Agreement(TypedDict, total=False):
    """/self: the company whose receivables these are."""

    name: Annotated[Text, Field(validation_alias=AliasPath("company", "name"))]
    base_currency: Annotated[Text, Field(validation_alias=AliasPath("settings", "baseCurrency"))]
    country: Annotated[Text, Field(validation_alias=AliasPath("company", "country"))]
    registration_no: Annotated[
        Text, Field(validation_alias=AliasPath("company", "companyIdentificationNumber"))
    ]
    vat_no: Annotated[Text, Field(validation_alias=AliasPath("company", "vatNumber"))]


class Currency(TypedDict, total=False):
    """/currencies."""

    code: Annotated[Text, wire("code")]
    name: Annotated[Text, wire("name")]


class PaymentTerm(TypedDict, total=False):
    """/payment-terms."""

    code: Annotated[Id, wire("paymentTermsNumber")]
    name: Annotated[Text, wire("name")]
    days: Annotated[Id, wire("daysOfCredit")]
    type: Annotated[Text, wire("paymentTermsType")]


class Layout(TypedDict, total=False):
    """/layouts."""

    code: Annotated[Id, wire("layoutNumber")]
    name: Annotated[Text, wire("name")]


class Employee(TypedDict, total=False):
    """/employees."""

    number: Annotated[Id, wire("employeeNumber")]
    name: Annotated[Text, wire("name")]
    email: Annotated[Text, wire("email")]


class Dimension(TypedDict, total=False):
    """Dimensions of the Dimensions API, and those that the connector makes."""

    code: Annotated[Id, wire("code", "number")]
    name: Annotated[Text, wire("name")]


class CustomerGroup(TypedDict, total=False):
    """/customer-groups, used or not."""

    code: Annotated[Id, wire("customerGroupNumber")]
    name: Annotated[Text, wire("name")]


class Department(TypedDict, total=False):
    """/departments; `barred` is said only where it is true."""

    code: Annotated[Id, wire("departmentNumber")]
    name: Annotated[Text, wire("name")]
    blocked: Annotated[Flag, wire("barred")]


class DimensionValue(TypedDict, total=False):
    """/values of the Dimensions API."""

    dimension_key: Annotated[Id, wire("dimensionNumber")]
    code: Annotated[Id, wire("key")]
    name: Annotated[Text, wire("name")]
    active: Annotated[Flag, wire("active")]


class Customer(TypedDict, total=False):
    """/customers. What nobody filled in is left out, or blank."""

    number: Annotated[Id, wire("customerNumber")]
    name: Annotated[Text, wire("name")]
    currency: Annotated[Text, wire("currency")]
    email: Annotated[Text, wire("email")]
    phone: Annotated[Text, wire("telephoneAndFaxNumber")]
    mobile: Annotated[Text, wire("mobilePhone")]
    website: Annotated[Text, wire("website")]
    registration_no: Annotated[Text, wire("corporateIdentificationNumber")]
    vat_no: Annotated[Text, wire("vatNumber")]
    ean: Annotated[Text, wire("ean")]
    credit_limit: Annotated[Money, wire("creditLimit")]
    barred: Annotated[Flag, wire("barred")]
    address: Annotated[Text, wire("address")]
    postcode: Annotated[Text, wire("zip")]
    city: Annotated[Text, wire("city")]
    country: Annotated[Text, wire("country")]
    group: Annotated[Id, Field(validation_alias=AliasPath("customerGroup", "customerGroupNumber"))]
    terms: Annotated[Id, Field(validation_alias=AliasPath("paymentTerms", "paymentTermsNumber"))]
    owner_code: Annotated[Id, Field(validation_alias=AliasPath("salesPerson", "employeeNumber"))]
    source_modified_at: Annotated[Instant, wire("lastUpdated")]


class Contact(TypedDict, total=False):
    """Contacts of the Customers API: `number` is the key, `userInterfaceNumber` what people see."""

    debtor_key: Annotated[Id, wire("customerNumber")]
    number: Annotated[Id, wire("userInterfaceNumber")]
    full_name: Annotated[Text, wire("name")]
    email: Annotated[Text, wire("email")]
    phone: Annotated[Text, wire("phone")]
    active: Annotated[Flag, wire("active")]


ABSENT = dict.fromkeys(
    (
        "currency", "email", "phone", "website", "registration_no", "vat_no", "credit_limit", "postcode", "city", "country", "owner_code",
    )
)  # fmt: skip
"""Of a customer: what is not said is empty, for the API leaves out what nobody filled in."""


def _company(key: str, row: Row, out: Normalised) -> None:
    settle_country(key, row, out.gaps)
    keep(key, row, out)


def _reference(kind: str, *attributes: str) -> Finish:
    """A code list entry: `attributes` are the columns that move into its attributes."""

    def finish(key: str, row: Row, out: Normalised) -> None:
        row["kind"] = kind
        row["attributes"] = {name: row.pop(name) for name in attributes if name in row}
        keep(key, row, out)

    return finish


def _value_of(dimension: str) -> Finish:
    """A value of a dimension that the connector makes; one that is not said to be barred is not."""

    def finish(key: str, row: Row, out: Normalised) -> None:
        keep(key, {"blocked": False, **row, "dimension_key": dimension}, out)

    return finish


def _dimension_value(key: str, row: Row, out: Normalised) -> None:
    row["blocked"] = row.pop("active", True) is False
    keep(key, row, out)


def _customer(key: str, row: Row, out: Normalised) -> None:
    row = ABSENT | row
    row["status"] = "blocked" if row.pop("barred", False) else "active"
    row["block_reason"] = "invoice" if row["status"] == "blocked" else None
    if is_zero(row["credit_limit"]):
        row["credit_limit"] = None
    row["phone"] = row["phone"] or row.get("mobile")
    lines = [line.strip() for line in (row.pop("address", None) or "").splitlines() if line.strip()]
    row["address_line1"], row["address_line2"] = next(iter(lines), None), ", ".join(lines[1:]) or None
    row["memberships"] = {CUSTOMER_GROUP: _keyed("group", row.pop("group", None))}
    row["payment_terms_key"] = _keyed("terms", row.pop("terms", None))
    emails = addresses(row["email"])
    row["email"] = next(iter(emails), None)
    more = {
        "ean": row.pop("ean", None),
        "mobile": row.pop("mobile", None),
        "emails": sorted(emails[1:]) or None,
    }
    row["custom"] = {name: value for name, value in more.items() if value is not None}
    if row["country"] is not None:
        settle_country(key, row, out.gaps)
    keep(key, row, out)


def _keyed(list_name: str, number: str | None) -> str | None:
    return number and f"{list_name}/{number}"


def _contact(key: str, row: Row, out: Normalised) -> None:
    row["status"] = "inactive" if row.pop("active", True) is False else "active"
    row["email"] = next(iter(addresses(row.get("email"))), None)
    keep(key, row, out)


def shapes(settings: EconomicMapping) -> dict[str, Shape]:
    """The wire entities of this module."""
    return {
        "agreement": Shape(Agreement, _company),
        "currencies": Shape(Currency, _reference("currency")),
        "payment_terms": Shape(PaymentTerm, _reference("payment_terms", "days", "type")),
        "layouts": Shape(Layout, _reference("layout")),
        "employees": Shape(Employee, keep),
        "dimensions": Shape(Dimension, keep),
        "customer_groups": Shape(CustomerGroup, _value_of(CUSTOMER_GROUP)),
        "departments": Shape(Department, _value_of(DEPARTMENT)),
        "dimension_values": Shape(DimensionValue, _dimension_value),
        "customers": Shape(Customer, _customer),
        "contacts": Shape(Contact, _contact),
    }
