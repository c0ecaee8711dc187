"""The agreement, its code lists, customers and contacts.

Lists whose numbers begin at one each are told apart by their keys: `group/1`, `terms/1`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict

from mappings.toolkit.fields import Flag, Id, Instant, Money, Text, at, is_zero, wire
from mappings.toolkit.rows import Row
from mappings.toolkit.rules import address_lines, settle_country, several_addresses
from mappings.toolkit.shapes import Finish, Shape, keep, reference
from sync_engine.ports import Normalised

CUSTOMER_GROUP, DEPARTMENT = "customer_group", "department"
"""Keys and codes of the dimensions that the connector makes: `portfolio: {dimension: customer_group}` makes every group a portfolio."""


class EconomicMapping(BaseModel):
    """What an installation may declare about its mapping."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Agreement(TypedDict, total=False):
    """/self: the company whose receivables these are."""

    name: Annotated[Text, at("company", "name")]
    base_currency: Annotated[Text, at("settings", "baseCurrency")]
    country: Annotated[Text, at("company", "country")]
    registration_no: Annotated[Text, at("company", "companyIdentificationNumber")]
    vat_no: Annotated[Text, at("company", "vatNumber")]


class Listed(TypedDict, total=False):
    """A row of /currencies, /payment-terms, /layouts, /employees, or a dimension: each list has its own name for its number."""

    code: Annotated[Id, wire("code", "paymentTermsNumber", "layoutNumber", "number")]
    number: Annotated[Id, wire("employeeNumber")]
    name: Annotated[Text, wire("name")]
    email: Annotated[Text, wire("email")]
    days: Annotated[Id, wire("daysOfCredit")]
    type: Annotated[Text, wire("paymentTermsType")]


class Value(TypedDict, total=False):
    """A row of /customer-groups and /departments, used or not, and of /values of the Dimensions API."""

    dimension_key: Annotated[Id, wire("dimensionNumber")]
    code: Annotated[Id, wire("customerGroupNumber", "departmentNumber", "key")]
    name: Annotated[Text, wire("name")]
    barred: Annotated[Flag, wire("barred")]
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
    group: Annotated[Id, at("customerGroup", "customerGroupNumber")]
    terms: Annotated[Id, at("paymentTerms", "paymentTermsNumber")]
    owner_code: Annotated[Id, at("salesPerson", "employeeNumber")]
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
    ("email", "phone", "website", "registration_no", "vat_no", "credit_limit", "address", "postcode", "city", "country", "owner_code")
)  # fmt: skip
"""Of a customer: what is not said is empty, for the API leaves out what nobody filled in."""


def _company(key: str, row: Row, out: Normalised) -> None:
    settle_country(key, row, out.gaps)
    keep(key, row, out)


def _value(dimension: str = "") -> Finish:
    """A value of a dimension that the connector makes, or of one of its own; what is not said to be barred is not."""

    def finish(key: str, row: Row, out: Normalised) -> None:
        if dimension:
            row["dimension_key"] = dimension
        row["blocked"] = row.pop("barred", False) is True or row.pop("active", True) is False
        keep(key, row, out)

    return finish


def _customer(key: str, row: Row, out: Normalised) -> None:
    """One that is not said to be barred is not; a limit of nought is none."""
    row = ABSENT | row
    barred = row.pop("barred", False)
    row["status"], row["block_reason"] = ("blocked", "invoice") if barred else ("active", None)
    if is_zero(row["credit_limit"]):
        row["credit_limit"] = None
    row["phone"] = row["phone"] or row.get("mobile")
    row["memberships"] = {CUSTOMER_GROUP: _keyed("group", row.pop("group", None))}
    row["payment_terms_key"] = _keyed("terms", row.pop("terms", None))
    custom = {name: row.pop(name, None) for name in ("ean", "mobile")}
    row["custom"] = {name: value for name, value in custom.items() if value is not None}
    address_lines(row, "address")
    several_addresses(row)
    settle_country(key, row, out.gaps)
    keep(key, row, out)


def _keyed(kind: str, number: str | None) -> str | None:
    return number and f"{kind}/{number}"


def _contact(key: str, row: Row, out: Normalised) -> None:
    row["status"] = "inactive" if row.pop("active", True) is False else "active"
    several_addresses(row)
    keep(key, row, out)


def shapes(settings: EconomicMapping) -> dict[str, Shape]:
    """The wire entities of this module."""
    return {
        "agreement": Shape(Agreement, _company),
        "currencies": Shape(Listed, reference("currency")),
        "payment_terms": Shape(Listed, reference("payment_terms", "days", "type")),
        "layouts": Shape(Listed, reference("layout")),
        "employees": Shape(Listed, keep),
        "dimensions": Shape(Listed, keep),
        "customer_groups": Shape(Value, _value(CUSTOMER_GROUP)),
        "departments": Shape(Value, _value(DEPARTMENT)),
        "dimension_values": Shape(Value, _value()),
        "customers": Shape(Customer, _customer),
        "contacts": Shape(Contact, _contact),
    }
