"""Customers and contacts, and the pages that add to them."""

from __future__ import annotations

from typing import Annotated

from typing_extensions import TypedDict

from mappings.business_central.settings import CONTACT_CARD, CUSTOMER_CARD, BusinessCentralMapping, page_link
from mappings.toolkit.fields import Flag, Instant, Key, Money, Text, is_zero, member, wire
from mappings.toolkit.rows import Row
from mappings.toolkit.rules import Numbers, Positions, settle_country, settle_position, several_addresses
from mappings.toolkit.shapes import (
    Finish,
    Say,
    Shape,
    blank_for_none,
    choose,
    exclude,
    gather_custom,
    keep,
    nought_for_none,
)
from sync_engine.ports import Normalised

KIND = {"Company": "company", "Person": "person"}
BLOCK = {"Ship": "ship", "Invoice": "invoice", "All": "all"}


class Customer(TypedDict, total=False):
    """customers. Not on this page: bill-to, language, mobile; `balanceDue` mixes currencies and is not used."""

    number: Annotated[Text, wire("number")]
    name: Annotated[Text, wire("displayName")]
    kind: Annotated[Text, wire("type")]
    block_reason: Annotated[Text, wire("blocked")]
    currency: Annotated[Text, wire("currencyCode")]
    vat_no: Annotated[Text, wire("taxRegistrationNumber")]
    email: Annotated[Text, wire("email")]
    phone: Annotated[Text, wire("phoneNumber")]
    website: Annotated[Text, wire("website")]
    address_line1: Annotated[Text, wire("addressLine1")]
    address_line2: Annotated[Text, wire("addressLine2")]
    city: Annotated[Text, wire("city")]
    region: Annotated[Text, wire("state")]
    postcode: Annotated[Text, wire("postalCode")]
    country: Annotated[Text, wire("country")]
    payment_terms_key: Annotated[Key, wire("paymentTermsId")]
    credit_limit: Annotated[Money, wire("creditLimit")]
    owner_code: Annotated[Text, wire("salespersonCode")]
    source_modified_at: Annotated[Instant, wire("lastModifiedDateTime")]


class CustomerFinancialDetails(TypedDict, total=False):
    """customerFinancialDetails, same id as the customer; `balance` is in local currency."""

    erp_balance: Annotated[Money, wire("balance")]


class CustomerCard(TypedDict, total=False):
    """The published page Customer Card: the only place that tells the bill-to customer."""

    number: Annotated[Text, wire("No")]
    bill_to_number: Annotated[Text, wire("Bill_to_Customer_No")]
    language: Annotated[Text, wire("Language_Code")]
    is_intercompany: Annotated[Text, wire("IC_Partner_Code")]


class Contact(TypedDict, total=False):
    """contacts; `jobTitle` from v25, `companyNumber` is the number of the company's contact."""

    kind: Annotated[Text, wire("type")]
    relation: Annotated[Text, wire("contactBusinessRelation")]
    number: Annotated[Text, wire("number")]
    full_name: Annotated[Text, wire("displayName")]
    email: Annotated[Text, wire("email")]
    phone: Annotated[Text, wire("phoneNumber")]
    mobile: Annotated[Text, wire("mobilePhoneNumber")]
    title: Annotated[Text, wire("jobTitle")]
    company_number: Annotated[Text, wire("companyNumber")]
    privacy_blocked: Annotated[Flag, wire("privacyBlocked")]
    source_modified_at: Annotated[Instant, wire("lastModifiedDateTime")]


class CustomerContact(TypedDict, total=False):
    """customerContacts, from v25, same id as the contact; misses contacts with several business relations."""

    first_name: Annotated[Text, wire("firstName")]
    last_name: Annotated[Text, wire("lastName")]
    title: Annotated[Text, wire("professionalTitle")]
    debtor_key: Annotated[Key, wire("customerId")]
    customer_name: Annotated[Text, wire("customerName")]


class ContactInformation(TypedDict, total=False):
    """contactsInformation of one customer: its contacts, the company's own contact among them; one row per pair."""

    contact_key: Annotated[Key, wire("contactId")]
    kind: Annotated[Text, wire("contactType")]
    debtor_key: Annotated[Key, wire("relatedId")]
    related_type: Annotated[Text, wire("relatedType")]


def _debtor(settings: BusinessCentralMapping) -> Finish:
    intercompany, left_out = Numbers(settings.intercompany), Numbers(settings.exclude_debtors)
    custom = settings.custom_fields.get("customers", ())

    def finish(key: str, row: Row, out: Normalised) -> None:
        if left_out.cover(row.get("number")):
            exclude(key, "customer number is excluded by the settings", out)
            return
        if "block_reason" in row:
            choose(key, row, "block_reason", BLOCK, out)
            row["status"] = "blocked" if row.get("block_reason", "unknown") else "active"
        choose(key, row, "kind", KIND, out)
        settle_country(key, row, out.gaps)
        if is_zero(row.get("credit_limit")):
            row["credit_limit"] = None  # 0 on the card means no limit is set
        if intercompany.cover(row.get("number")):
            row["is_intercompany"] = True
        several_addresses(row)
        if (link := page_link(settings, CUSTOMER_CARD, row.get("number"))) is not None:
            row["source_url"] = link
        gather_custom(row, custom)
        keep(key, row, out)

    return finish


def _card(settings: BusinessCentralMapping) -> Finish:
    custom = settings.custom_fields.get("customerCard", ())

    def finish(key: str, row: Row, out: Normalised) -> None:
        if row.get("bill_to_number") is not None and row["bill_to_number"] == row.get("number"):
            row["bill_to_number"] = None  # a customer that is billed itself has no parent
        if row.pop("is_intercompany", None) is not None:
            row["is_intercompany"] = True
        gather_custom(row, custom)
        keep(key, row, out)

    return finish


def _contact(settings: BusinessCentralMapping, positions: Positions) -> Finish:
    unwanted = {relation.casefold() for relation in settings.exclude_relations}
    custom = settings.custom_fields.get("contacts", ())

    def finish(key: str, row: Row, out: Normalised) -> None:
        relation = member(row.pop("relation", None) or "")
        if relation is not None and relation.casefold() in unwanted:
            exclude(key, f"contact of another business relation ({relation})", out)
            return
        if member(row.pop("kind", None) or "") == "Company" and not settings.company_contacts:
            exclude(key, "company contact", out)
            return
        row["origin_field"] = "contacts"
        settle_position(key, row, positions, out.gaps)
        several_addresses(row)
        if (link := page_link(settings, CONTACT_CARD, row.get("number"))) is not None:
            row["source_url"] = link
        gather_custom(row, custom)
        keep(key, row, out)

    return finish


def _customer_contact(settings: BusinessCentralMapping, positions: Positions) -> Finish:
    def finish(key: str, row: Row, out: Normalised) -> None:
        """A row without customer name repeats the customer of the row before it (AL, SetCalculatedFields): no link."""
        named = row.pop("customer_name", None) is not None
        if not named or settings.contact_link == "company_number" or row.get("debtor_key") is None:
            row.pop("debtor_key", None)
        settle_position(key, row, positions, out.gaps)
        keep(key, row, out)

    return finish


def _contact_information(settings: BusinessCentralMapping) -> Finish:
    def finish(key: str, row: Row, out: Normalised) -> None:
        related = member(row.pop("related_type", None) or "")
        if related is not None and related != "Customer":
            exclude(key, f"contact of another business relation ({related})", out)
            return
        if row.get("debtor_key") is None or settings.contact_link == "company_number":
            row.pop("debtor_key", None)
        if member(row.pop("kind", None) or "") == "Company" and not settings.company_contacts:
            exclude(key, "company contact", out)
            return
        keep(key, row, out)

    return finish


_CUSTOMER: dict[str, Say] = {
    **dict.fromkeys(
        ("name", "phone", "website", "address_line1", "address_line2", "city", "region", "postcode", "country", "vat_no"), blank_for_none
    ),
    "credit_limit": nought_for_none,
}  # fmt: skip
_CONTACT = dict.fromkeys(("full_name", "phone", "mobile", "title"), blank_for_none)
"""Not the e-mail: the field may hold several addresses, of which the first is claimed, and to write one would drop the others."""


def shapes(settings: BusinessCentralMapping) -> dict[str, Shape]:
    """The wire entities of this module."""
    positions = Positions(settings.positions)
    custom = settings.custom_fields
    return {
        "customers": Shape(
            Customer, _debtor(settings), custom=custom.get("customers", ()), written=_CUSTOMER
        ),
        "customerFinancialDetails": Shape(CustomerFinancialDetails, keep),
        "customerCard": Shape(CustomerCard, _card(settings), custom=custom.get("customerCard", ())),
        "contacts": Shape(
            Contact, _contact(settings, positions), custom=custom.get("contacts", ()), written=_CONTACT
        ),
        "customerContacts": Shape(CustomerContact, _customer_contact(settings, positions)),
        "contactsInformation": Shape(ContactInformation, _contact_information(settings)),
    }
