"""What an installation of NetSuite is told in its YAML. Unknown keys are refused; secrets are references."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from connectors.toolkit.settings import SecretRef, Strict, Timeouts


def _identifier(name: str) -> str:
    """A name as SuiteQL has them: nothing else is ever put into a query."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,59}", name.lower()):
        raise ValueError("must be the id of a field or a list: letters, digits and underscores")
    return name.lower()


Identifier = Annotated[str, AfterValidator(_identifier)]


class TokenBased(Strict):
    """Token-based authentication: an integration (consumer) with a token of its user and role."""

    kind: Literal["token"]
    consumer_key: SecretRef = Field(description="Client id of the integration record.")
    consumer_secret: SecretRef = Field(description="Client secret of the integration record.")
    token: SecretRef = Field(description="Id of the access token.")
    token_secret: SecretRef = Field(description="Secret of the access token.")


class ClientCredentials(Strict):
    """OAuth 2.0 client credentials: the integration proves itself with a certificate."""

    kind: Literal["client_credentials"]
    client_id: str = Field(description="Client id of the integration record.")
    certificate_id: str = Field(description="Id that NetSuite gave the certificate at its mapping.")
    private_key: SecretRef = Field(description="Key of the certificate, PEM, not encrypted.")
    algorithm: Literal["PS256", "ES256"] = Field(default="PS256", description="ES256 for a key on P-256.")
    expires: date | None = Field(
        default=None, description="Last day of the certificate: doctor warns 30 days before."
    )


class CustomerGroup(Strict):
    """A list or segment on the customer card whose values become a dimension."""

    field: Identifier = Field(description="Field of the customer: custentity_region, cseg_market.")
    values: Identifier = Field(
        description="Record with its values: customlist_region, customrecord_cseg_market."
    )
    name: str = Field(description="What people call it.")


class Settings(Strict):
    """One account of NetSuite."""

    account: str = Field(description="Account id, in any spelling: 1234567_SB1 or 1234567-sb1.")
    auth: Annotated[TokenBased | ClientCredentials, Field(discriminator="kind")] = Field(
        description="Token-based, or OAuth 2.0 client credentials (the only one for new integrations from 2027.1)."
    )
    subsidiary: int | None = Field(
        default=None, description="Id of the subsidiary that is the company; the top one where left out."
    )
    customer_groups: tuple[CustomerGroup, ...] = Field(
        default=(), description="Lists and segments of the customer card that become dimensions."
    )
    customer_fields: tuple[Identifier, ...] = Field(
        default=(), description="Other fields of the customer to read, for `custom` of the mapping."
    )
    document_fields: tuple[Identifier, ...] = Field(
        default=(), description="Other fields of invoices and credit memos to read."
    )
    email_fields: tuple[Identifier, ...] = Field(
        default=("email",), description="Fields of the customer card whose addresses become contacts."
    )
    currencies: dict[str, Annotated[str, Field(pattern="^[A-Z]{3}$")]] = Field(
        default={"CAN": "CAD"}, description="Symbols of currencies that are no ISO codes -> their code."
    )
    lines: bool = Field(default=True, description="Whether lines of invoices and credit memos are read.")
    concurrent: int = Field(
        default=4,
        ge=1,
        le=20,
        description="Calls at a time, of all machines that use this database: the account has one pool for all its integrations.",
    )
    page_size: int = Field(default=1000, ge=1, le=1000, description="Rows asked for at once.")
    timeouts: Timeouts = Timeouts()

    @field_validator("account", mode="before", json_schema_input_type=str | int)
    @classmethod
    def _account(cls, given: object) -> str:
        """YAML reads an account without letters as a number."""
        found = str(given).strip().upper().replace("-", "_")
        if not re.fullmatch(r"[A-Z0-9]+(_[A-Z0-9]+)?", found):
            raise ValueError("must be an account id such as 1234567 or 1234567_SB1")
        return found

    @property
    def host(self) -> str:
        """The account's own host, the only one that is ever asked."""
        return f"https://{self.account.lower().replace('_', '-')}.suitetalk.api.netsuite.com"
