"""Example Billing: every wire entity its connector delivers, as canonical drafts. The connector and this mapping are an example to copy.

A mapping model is a table of two columns: the canonical field, and its type with its name on the wire. What has to be decided
about a whole record stands in a `Finish` function; `SHAPES` says which wire entity is read how.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

from pydantic import AliasPath, BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from mappings.toolkit.deep_links import WebAddress, linked
from mappings.toolkit.fields import Day, Flag, Id, Instant, Money, Rate, Text, is_zero, wire
from mappings.toolkit.normaliser import ShapePlugin
from mappings.toolkit.rows import Refused, Row
from mappings.toolkit.rules import PositionRules, Positions, settle_country, settle_position
from mappings.toolkit.shapes import Finish, Shape, choose, exclude, keep
from sync_engine.ports import Draft, Normalised

CUSTOMER_GROUP = "customer_group"
"""Key and code of the one dimension: `portfolio: {dimension: customer_group}` makes every group a portfolio."""


class ExampleBillingMapping(BaseModel):
    """What an installation may declare about its mapping."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    positions: PositionRules = Field(
        default_factory=PositionRules, description="From a contact's role to its position."
    )
    web_address: WebAddress | None = Field(
        default=None, description="Where people open the service, for links: https://app.example.com."
    )


class Account(TypedDict, total=False):
    """account: the company whose receivables these are."""

    name: Annotated[Text, wire("name")]
    base_currency: Annotated[Text, wire("currency")]
    country: Annotated[Text, wire("country")]


class Dimension(TypedDict, total=False):
    """dimensions: the record that the connector makes itself, because the API has groups and no dimension around them."""

    code: Annotated[Text, wire("code")]
    name: Annotated[Text, wire("name")]


class CustomerGroup(TypedDict, total=False):
    """customer_groups, used or not."""

    code: Annotated[Id, wire("id")]
    name: Annotated[Text, wire("name")]


class Customer(TypedDict, total=False):
    """customers. A credit limit of null or 0 is none."""

    number: Annotated[Text, wire("number")]
    name: Annotated[Text, wire("name")]
    email: Annotated[Text, wire("email")]
    phone: Annotated[Text, wire("phone")]
    currency: Annotated[Text, wire("currency")]
    credit_limit: Annotated[Money, wire("credit_limit")]
    blocked: Annotated[Flag, wire("blocked")]
    group_key: Annotated[Id, wire("group_id")]
    address_line1: Annotated[Text, Field(validation_alias=AliasPath("address", "street"))]
    postcode: Annotated[Text, Field(validation_alias=AliasPath("address", "postcode"))]
    city: Annotated[Text, Field(validation_alias=AliasPath("address", "city"))]
    country: Annotated[Text, Field(validation_alias=AliasPath("address", "country"))]
    source_modified_at: Annotated[Instant, wire("changed_at")]


class Contact(TypedDict, total=False):
    """contacts."""

    debtor_key: Annotated[Id, wire("customer_id")]
    first_name: Annotated[Text, wire("first_name")]
    last_name: Annotated[Text, wire("last_name")]
    email: Annotated[Text, wire("email")]
    phone: Annotated[Text, wire("phone")]
    title: Annotated[Text, wire("role")]


class Line(TypedDict, total=False):
    """lines of an invoice."""

    line_key: Annotated[Id, wire("id")]
    description: Annotated[Text, wire("text")]
    quantity: Annotated[Rate, wire("quantity")]
    unit_price: Annotated[Rate, wire("unit_price")]
    net: Annotated[Money, wire("net")]


class Invoice(TypedDict, total=False):
    """invoices with their lines; `state` is draft, open, paid or void."""

    debtor_key: Annotated[Id, wire("customer_id")]
    number: Annotated[Text, wire("number")]
    issue_date: Annotated[Day, wire("issued_on")]
    due_date: Annotated[Day, wire("due_on")]
    currency: Annotated[Text, wire("currency")]
    subtotal: Annotated[Money, wire("net")]
    tax: Annotated[Money, wire("vat")]
    total: Annotated[Money, wire("total")]
    open_amount: Annotated[Money, wire("open_amount")]
    erp_status: Annotated[Text, wire("state")]
    lines: Annotated[list[Line] | None, wire("lines")]
    source_modified_at: Annotated[Instant, wire("changed_at")]


class Payment(TypedDict, total=False):
    """payments: what a customer paid, whatever it settled."""

    debtor_key: Annotated[Id, wire("customer_id")]
    payment_date: Annotated[Day, wire("paid_on")]
    currency: Annotated[Text, wire("currency")]
    amount: Annotated[Money, wire("amount")]
    method: Annotated[Text, wire("method")]
    reference: Annotated[Text, wire("reference")]


class Allocation(TypedDict, total=False):
    """payment_allocations: how much of a payment settled which invoice."""

    payment_key: Annotated[Id, wire("payment_id")]
    document_key: Annotated[Id, wire("invoice_id")]
    amount: Annotated[Money, wire("amount")]
    applied_on: Annotated[Day, wire("allocated_on")]


STATES = {"open": "open", "paid": "paid", "void": "void"}


def _account(key: str, row: Row, out: Normalised) -> None:
    settle_country(key, row, out.gaps)
    keep(key, row, out)


def _with(**values: str) -> Finish:
    """The row is the draft, with what holds for every record of its kind."""
    return lambda key, row, out: keep(key, {**row, **values}, out)


def _customer(key: str, row: Row, out: Normalised) -> None:
    if "blocked" in row:
        row["status"] = "blocked" if row.pop("blocked") else "active"
    if is_zero(row.get("credit_limit")):
        row["credit_limit"] = None
    if "group_key" in row:  # a customer of no group says so
        row["memberships"] = {CUSTOMER_GROUP: row.pop("group_key")}
    settle_country(key, row, out.gaps)
    keep(key, row, out)


def _contact(positions: Positions, key: str, row: Row, out: Normalised) -> None:
    settle_position(key, row, positions, out.gaps)
    keep(key, row, out)


def _invoice(key: str, row: Row, out: Normalised) -> None:
    """A draft is owed by nobody. What is open of any other invoice must be said: a blank is not nought."""
    if row.get("erp_status") == "draft":
        exclude(key, "draft", out)
        return
    if row.get("open_amount") is None:
        raise Refused("open_amount", "open_amount is missing: what is still owed cannot be told")
    lines = row.pop("lines", None) or ()
    choose(key, row, "erp_status", STATES, out)
    if row.get("erp_status") == "open" and row["open_amount"] != row.get("total"):
        row["erp_status"] = "partially_paid"
    out.drafts.append(Draft(key, {**row, "kind": "invoice", "is_posted": True}, lines))


def shapes(settings: ExampleBillingMapping) -> dict[str, Shape]:
    """The wire entities, and how each is read."""
    return {
        "account": Shape(Account, _account),
        "dimensions": Shape(Dimension, keep),
        "customer_groups": Shape(CustomerGroup, _with(dimension_key=CUSTOMER_GROUP)),
        "customers": Shape(Customer, linked(settings.web_address, "customers", _customer)),
        "contacts": Shape(
            Contact,
            linked(settings.web_address, "contacts", partial(_contact, Positions(settings.positions))),
        ),
        "invoices": Shape(Invoice, linked(settings.web_address, "invoices", _invoice)),
        "payments": Shape(Payment, linked(settings.web_address, "payments", _with(kind="payment"))),
        "payment_allocations": Shape(Allocation, keep),
    }


plugin = ShapePlugin("example_billing", ExampleBillingMapping, shapes)
