"""Companies, owners, customers, projects, contacts, and the lists they are in."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from typing_extensions import TypedDict

from mappings.netsuite.settings import NetSuiteMapping, linked
from mappings.toolkit.fields import Flag, Id, Instant, Money, Text, addresses, wire
from mappings.toolkit.rows import Refused, Row
from mappings.toolkit.rules import Numbers, Positions, settle_country, settle_position
from mappings.toolkit.shapes import Shape, exclude, gather_custom, keep
from sync_engine.ports import Normalised

NO_DEBTORS = ("lead", "prospect")


class Company(TypedDict, total=False):
    """company: the subsidiary whose books these are, or the account where there is one company only."""

    name: Annotated[Text, wire("name")]
    base_currency: Annotated[Text, wire("currency")]
    country: Annotated[Text, wire("country")]


class Dimension(TypedDict, total=False):
    """dimensions: what customers and documents are grouped by."""

    code: Annotated[Text, wire("code")]
    name: Annotated[Text, wire("name")]


class DimensionValue(TypedDict, total=False):
    """dimension_values: subsidiaries, categories, departments, classes, locations, values of lists and segments."""

    dimension_key: Annotated[Text, wire("dimension")]
    code: Annotated[Id, wire("id")]
    name: Annotated[Text, wire("name")]
    parent_key: Annotated[Text, wire("parent")]
    blocked: Annotated[Flag, wire("isinactive")]


class Reference(TypedDict, total=False):
    """references: currencies and terms."""

    kind: Annotated[Text, wire("list")]
    code: Annotated[Text, wire("code")]
    name: Annotated[Text, wire("name")]


class Employee(TypedDict, total=False):
    """employees: sales representatives and others, inactive ones too, since records still name them."""

    number: Annotated[Id, wire("id")]
    external_number: Annotated[Text, wire("entityid")]
    email: Annotated[Text, wire("email")]
    first: Annotated[Text, wire("firstname")]
    last: Annotated[Text, wire("lastname")]


class Customer(TypedDict, total=False):
    """customers. A credit limit that is blank is none, one of 0 is no credit."""

    number: Annotated[Text, wire("entityid")]
    external_number: Annotated[Text, wire("externalid")]
    name: Annotated[Text, wire("altname")]
    company_name: Annotated[Text, wire("companyname")]
    first: Annotated[Text, wire("firstname")]
    last: Annotated[Text, wire("lastname")]
    is_person: Annotated[Flag, wire("isperson")]
    inactive: Annotated[Flag, wire("isinactive")]
    stage: Annotated[Text, wire("searchstage")]
    email: Annotated[Text, wire("email")]
    phone: Annotated[Text, wire("phone")]
    website: Annotated[Text, wire("url")]
    currency: Annotated[Text, wire("currency")]
    vat_no: Annotated[Text, wire("vatregnumber")]
    language: Annotated[Text, wire("language")]
    credit_limit: Annotated[Money, wire("creditlimit")]
    payment_terms_key: Annotated[Id, wire("terms")]
    parent_key: Annotated[Id, wire("parent")]
    owner_code: Annotated[Id, wire("salesrep")]
    address_line1: Annotated[Text, wire("addr1")]
    address_line2: Annotated[Text, wire("addr2")]
    city: Annotated[Text, wire("city")]
    region: Annotated[Text, wire("state")]
    postcode: Annotated[Text, wire("zip")]
    country: Annotated[Text, wire("country")]
    memberships: Annotated[dict[str, str | None], wire("groups")]
    source_modified_at: Annotated[Instant, wire("modified")]


class Project(TypedDict, total=False):
    """projects (jobs): a debtor below its customer."""

    number: Annotated[Text, wire("entityid")]
    external_number: Annotated[Text, wire("externalid")]
    name: Annotated[Text, wire("companyname")]
    inactive: Annotated[Flag, wire("isinactive")]
    email: Annotated[Text, wire("email")]
    parent_key: Annotated[Id, wire("parent")]
    source_modified_at: Annotated[Instant, wire("modified")]


class Address(TypedDict, total=False):
    """addresses: one of a customer's address book."""

    debtor_key: Annotated[Id, wire("customer")]
    billing: Annotated[Flag, wire("defaultbilling")]
    shipping: Annotated[Flag, wire("defaultshipping")]
    address_line1: Annotated[Text, wire("addr1")]
    address_line2: Annotated[Text, wire("addr2")]
    city: Annotated[Text, wire("city")]
    region: Annotated[Text, wire("state")]
    postcode: Annotated[Text, wire("zip")]
    country: Annotated[Text, wire("country")]


class Contact(TypedDict, total=False):
    """contacts: a person at one of its customers."""

    debtor_key: Annotated[Id, wire("company")]
    first_name: Annotated[Text, wire("firstname")]
    last_name: Annotated[Text, wire("lastname")]
    full_name: Annotated[Text, wire("entityid")]
    title: Annotated[Text, wire("title")]
    email: Annotated[Text, wire("email")]
    phone: Annotated[Text, wire("phone")]
    mobile: Annotated[Text, wire("mobilephone")]
    inactive: Annotated[Flag, wire("isinactive")]
    privacy_blocked: Annotated[Flag, wire("isprivate")]
    source_modified_at: Annotated[Instant, wire("modified")]


class CardContact(TypedDict, total=False):
    """card_contacts: an address in a field of the customer card."""

    debtor_key: Annotated[Id, wire("customer")]
    email: Annotated[Text, wire("email")]
    origin_field: Annotated[Text, wire("field")]


def _company(key: str, row: Row, out: Normalised) -> None:
    settle_country(key, row, out.gaps)
    keep(key, row, out)


def _reference(key: str, row: Row, out: Normalised) -> None:
    if row.get("kind") == "term":
        row |= {"kind": "payment_terms", "code": row.get("name")}
    keep(key, row, out)


def _joined(row: Row) -> str | None:
    return " ".join(filter(None, (row.pop("first", None), row.pop("last", None)))) or None


def _employee(key: str, row: Row, out: Normalised) -> None:
    row["name"] = _joined(row) or row.get("external_number")
    keep(key, row, out)


def _customer(settings: NetSuiteMapping, intercompany: Numbers, key: str, row: Row, out: Normalised) -> None:
    """A lead or prospect owes nothing. Words of a stage may be in another language: only those that are known exclude."""
    if (row.pop("stage", None) or "").casefold() in NO_DEBTORS:
        exclude(key, "a lead or prospect", out)
        return
    person = _joined(row)
    called = (row.pop("company_name", None), row.get("name"), person, row.get("number"))
    row["name"] = next(filter(None, called), None)
    row["kind"] = "person" if row.pop("is_person", None) else "company"
    if terms := row.get("payment_terms_key"):
        row["payment_terms_key"] = f"term/{terms}"
    if row.get("email"):
        row["email"] = next(iter(addresses(row["email"])), None)
    _status(row)
    if intercompany.cover(row.get("number")):
        row["is_intercompany"] = True
    settle_country(key, row, out.gaps)
    gather_custom(row, settings.custom.get("customers", ()))
    keep(key, row, out)


def _status(row: Row) -> None:
    if "inactive" in row:
        row["status"] = "inactive" if row.pop("inactive") else "active"


def _project(key: str, row: Row, out: Normalised) -> None:
    _status(row)
    row["name"] = row.get("name") or row.get("number")
    keep(key, {**row, "kind": "company"}, out)


def _address(key: str, row: Row, out: Normalised) -> None:
    """An address that is for bills only is a billing address; any other may be delivered to."""
    billing, shipping = row.pop("billing", None), row.pop("shipping", None)
    row["kind"] = "billing" if billing and not shipping else "delivery"
    row["is_default"] = bool(billing or shipping)
    settle_country(key, row, out.gaps)
    keep(key, row, out)


def _contact(positions: Positions, key: str, row: Row, out: Normalised) -> None:
    if row.get("debtor_key") is None:
        exclude(key, "of no customer", out)
        return
    _status(row)
    settle_position(key, row, positions, out.gaps)
    keep(key, row, out)


def _card_contact(key: str, row: Row, out: Normalised) -> None:
    if not row.get("email"):
        raise Refused("email", "email is missing")
    keep(key, {**row, "full_name": row["email"], "status": "active"}, out)


def shapes(settings: NetSuiteMapping) -> dict[str, Shape]:
    """The wire entities of parties, and how each is read."""
    customer = partial(_customer, settings, Numbers(settings.intercompany))
    entity = partial(linked, settings, "common/entity/custjob")
    return {
        "company": Shape(Company, _company),
        "dimensions": Shape(Dimension, keep),
        "dimension_values": Shape(DimensionValue, keep),
        "references": Shape(Reference, _reference),
        "employees": Shape(Employee, _employee),
        "customers": Shape(Customer, entity(customer), custom=settings.custom.get("customers", ())),
        "projects": Shape(Project, entity(_project)),
        "addresses": Shape(Address, _address),
        "contacts": Shape(
            Contact,
            linked(settings, "common/entity/contact", partial(_contact, Positions(settings.positions))),
        ),
        "card_contacts": Shape(CardContact, entity(_card_contact)),
    }
