"""The agreement, its code lists, customers and contacts.

Where a field has two names, the second is that of SOAP. Lists whose numbers begin at one each are told apart by their keys: `group/1`, `terms/1`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict

from mappings.toolkit.fields import Flag, Id, Instant, Money, Text, is_zero, wire
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

    name: Annotated[Text, wire(("company", "name"), "Name")]
    base_currency: Annotated[Text, wire(("settings", "baseCurrency"), ("BaseCurrencyHandle", "Code"))]
    country: Annotated[Text, wire(("company", "country"), "Country")]
    registration_no: Annotated[Text, wire(("company", "companyIdentificationNumber"), "CINumber")]
    vat_no: Annotated[Text, wire(("company", "vatNumber"), "VatNumber")]


class Listed(TypedDict, total=False):
    """A row of /currencies, /payment-terms, /layouts, /employees, or a dimension: each list has its own name for its number."""

    code: Annotated[Id, wire("code", "paymentTermsNumber", "layoutNumber", "number", "Code", "Id")]
    number: Annotated[Id, wire("employeeNumber", "Number")]
    name: Annotated[Text, wire("name", "Name")]
    email: Annotated[Text, wire("email")]
    days: Annotated[Id, wire("daysOfCredit", "Days")]
    type: Annotated[Text, wire("paymentTermsType", "Type")]


class Value(TypedDict, total=False):
    """A row of /customer-groups and /departments, used or not, and of /values of the Dimensions API."""

    dimension_key: Annotated[Id, wire("dimensionNumber")]
    code: Annotated[Id, wire("customerGroupNumber", "departmentNumber", "key", "Number")]
    name: Annotated[Text, wire("name", "Name")]
    barred: Annotated[Flag, wire("barred")]
    active: Annotated[Flag, wire("active")]
    soap: Annotated[Id, wire(("Handle", "Number"))]


class Customer(TypedDict, total=False):
    """/customers. What nobody filled in is left out, or blank."""

    number: Annotated[Id, wire("customerNumber", "Number")]
    name: Annotated[Text, wire("name", "Name")]
    currency: Annotated[Text, wire("currency", ("CurrencyHandle", "Code"))]
    email: Annotated[Text, wire("email", "Email")]
    phone: Annotated[Text, wire("telephoneAndFaxNumber", "TelephoneAndFaxNumber")]
    mobile: Annotated[Text, wire("mobilePhone")]
    website: Annotated[Text, wire("website", "Website")]
    registration_no: Annotated[Text, wire("corporateIdentificationNumber", "CINumber")]
    vat_no: Annotated[Text, wire("vatNumber", "VatNumber")]
    ean: Annotated[Text, wire("ean", "Ean")]
    credit_limit: Annotated[Money, wire("creditLimit", "CreditMaximum")]
    barred: Annotated[Flag, wire("barred")]
    is_accessible: Annotated[Flag, wire("IsAccessible")]
    address: Annotated[Text, wire("address", "Address")]
    postcode: Annotated[Text, wire("zip", "PostalCode")]
    city: Annotated[Text, wire("city", "City")]
    country: Annotated[Text, wire("country", "Country")]
    group: Annotated[Id, wire(("customerGroup", "customerGroupNumber"), ("DebtorGroupHandle", "Number"))]
    terms: Annotated[Id, wire(("paymentTerms", "paymentTermsNumber"), ("TermOfPaymentHandle", "Id"))]
    owner_code: Annotated[Id, wire(("salesPerson", "employeeNumber"), ("OurReferenceHandle", "Number"))]
    source_modified_at: Annotated[Instant, wire("lastUpdated")]


class Contact(TypedDict, total=False):
    """Contacts of the Customers API: `number` is the key, `userInterfaceNumber` what people see."""

    debtor_key: Annotated[Id, wire("customerNumber", ("DebtorHandle", "Number"))]
    number: Annotated[Id, wire("userInterfaceNumber", "Number")]
    full_name: Annotated[Text, wire("name", "Name")]
    email: Annotated[Text, wire("email", "Email")]
    phone: Annotated[Text, wire("phone", "TelephoneNumber")]
    active: Annotated[Flag, wire("active")]


ABSENT = dict.fromkeys(
    ("email", "phone", "website", "registration_no", "vat_no", "credit_limit", "address", "postcode", "city", "country", "owner_code")
)  # fmt: skip
"""Of a customer: what is not said is empty, for the API leaves out what nobody filled in."""


def _company(key: str, row: Row, out: Normalised) -> None:
    settle_country(key, row, out.gaps)
    keep(key, row, out)


def _terms(key: str, row: Row, out: Normalised) -> None:
    """SOAP writes `PaidInCash` where REST writes `paidInCash`."""
    if row.get("type"):
        row["type"] = row["type"][0].lower() + row["type"][1:]
    reference("payment_terms", "days", "type")(key, row, out)


def _value(dimension: str = "") -> Finish:
    """A value of a dimension that the connector makes, or of one of its own; what is not said to be barred is not."""

    def finish(key: str, row: Row, out: Normalised) -> None:
        if dimension:
            row["dimension_key"] = dimension
        is_blocked = row.pop("barred", False) is True or row.pop("active", True) is False
        if row.pop("soap", None) is None:  # SOAP does not tell it
            row["blocked"] = is_blocked
        keep(key, row, out)

    return finish


def _customer(key: str, row: Row, out: Normalised) -> None:
    """One that is not said to be barred is not; a limit of nought is none."""
    row = ABSENT | row
    barred = row.pop("barred", False) or not row.pop("is_accessible", True)
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
        "payment_terms": Shape(Listed, _terms),
        "layouts": Shape(Listed, reference("layout")),
        "employees": Shape(Listed, keep),
        "dimensions": Shape(Listed, keep),
        "customer_groups": Shape(Value, _value(CUSTOMER_GROUP)),
        "departments": Shape(Value, _value(DEPARTMENT)),
        "dimension_values": Shape(Value, _value()),
        "customers": Shape(Customer, _customer),
        "contacts": Shape(Contact, _contact),
    }
