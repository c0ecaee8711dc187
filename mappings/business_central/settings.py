"""What an installation of Business Central may declare about its mapping."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

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
