"""What an installation of Business Central may declare about its mapping."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mappings.toolkit.deep_links import WebAddress, deep_link
from mappings.toolkit.rules import Name, Pattern, PositionRules

WireEntity = Literal["customers", "customerCard", "contacts", "salesInvoices", "salesCreditMemos"]
"""Wire entities whose drafts carry custom fields."""

Reference = Literal["number", "externalDocumentNumber"]


class BusinessCentralMapping(BaseModel):
    """The settings of one source's mapping; every one has a default that suits a standard installation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    positions: PositionRules = Field(
        default_factory=PositionRules, description="From a contact's title to its position."
    )
    drafts: bool = Field(
        default=False, description="Publish documents that are not posted; they are no receivables."
    )
    invoice_reference: Reference = Field(default="number", description="What people call an invoice.")
    credit_note_reference: Reference = Field(default="number", description="What people call a credit note.")
    intercompany: tuple[Pattern, ...] = Field(
        default=(), description="Whole customer numbers of sister companies."
    )
    exclude_debtors: tuple[Pattern, ...] = Field(
        default=(), description="Whole customer numbers to leave out."
    )
    exclude_relations: tuple[Name, ...] = Field(
        default=("Vendor", "Bank Account", "Employee"),
        description="Contacts of these business relations are left out.",
    )
    company_contacts: bool = Field(
        default=False,
        description="Keep contacts of type Company, often a shared mailbox; set it in the connection too.",
    )
    contact_link: Literal["auto", "company_number"] = Field(
        default="auto",
        description="`auto`: by customer id where the source tells it; or by company number only.",
    )
    web_client: WebAddress | None = Field(
        default=None,
        description="Address of the web client with the company in it, for links to customers, contacts and documents, such as "
        "https://businesscentral.dynamics.com/TENANT/ENVIRONMENT/?company=CRONUS%20AG.",
    )
    custom_fields: dict[WireEntity, tuple[Name, ...]] = Field(
        default_factory=dict,
        description="Names on the wire of the installation's own fields, per wire entity.",
    )
    ledger_fields: dict[Name, Name] = Field(
        default_factory=dict, description="Own ledger page: canonical field -> its name there."
    )
    application_fields: dict[Name, Name] = Field(
        default_factory=dict,
        description="Own page of detailed entries: field of the mapping -> its name there.",
    )


CUSTOMER_CARD, CONTACT_CARD, INVOICE, CREDIT_MEMO, POSTED_INVOICE, POSTED_CREDIT_MEMO = (
    21,
    5050,
    43,
    44,
    132,
    134,
)
"""Pages of the base application."""


def page_link(settings: BusinessCentralMapping, page: int, number: str | None) -> str | None:
    """The page of the record with this number (`&filter='No.' IS '10000'`, Microsoft Learn, "Web Client URL"); None where no web client is set.

    A quote ends the filter's text, so a number that holds one has no link.
    """
    if settings.web_client is None or number is None or "'" in number:
        return None
    mark = "&" if "?" in settings.web_client else "?"
    return deep_link(f"{settings.web_client}{mark}page={page}&filter='No.'%20IS%20'{{}}'", number)
