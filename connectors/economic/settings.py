"""What an installation of e-conomic is told in its YAML. Unknown keys are refused; secrets are references."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, model_validator

from connectors.toolkit.settings import Address, SecretRef, Strict, Timeouts

_VERSION = r"^\d+\.\d+\.\d+$"


class Versions(Strict):
    """The versions of the newer services, which are each numbered alone; a version is part of the address."""

    customers: str = Field(default="3.1.0", pattern=_VERSION, description="customersapi")
    q2c: str = Field(default="5.3.0", pattern=_VERSION, description="q2capi")
    booked_entries: str = Field(default="4.0.0", pattern=_VERSION, description="bookedEntriesapi")
    dimensions: str = Field(default="5.3.1", pattern=_VERSION, description="dimensionsapi")


class Soap(Strict):
    """The older interface, which ended in 2023 but for installations and proxies that still have it."""

    wsdl: str = Field(min_length=1, description="File of its WSDL, saved from its address with ?WSDL.")
    url: Address = Field(
        default="https://api.e-conomic.com/secure/api1/EconomicWebService.asmx", description="Its address."
    )
    agreement_number: int | None = Field(
        default=None, ge=1, description="Number of the agreement, for a user."
    )
    user: str = Field(default="", description="Logs in as this user; without one, the tokens do.")
    password: SecretRef | None = Field(
        default=None, description="The user's; left out, it is asked for at the terminal and not stored."
    )
    app_identifier: str = Field(
        default="", description="Says which program asks (X-EconomicAppIdentifier), for a user."
    )

    @property
    def headers(self) -> dict[str, str]:
        """What says which program asks."""
        return {"X-EconomicAppIdentifier": self.app_identifier} if self.app_identifier else {}


class Settings(Strict):
    """One agreement of e-conomic, read through its REST API and its OpenAPI services, or through SOAP."""

    dialect: Literal["rest", "soap"] = Field(
        default="rest", description="`rest` is the REST API with the OpenAPI services."
    )
    app_secret_token: SecretRef | None = Field(
        default=None, description="Says which app asks (X-AppSecretToken)."
    )
    agreement_grant_token: SecretRef | None = Field(
        default=None, description="Says whose agreement it may read (X-AgreementGrantToken)."
    )
    soap: Soap | None = Field(default=None, description="What the dialect `soap` needs.")
    rest_url: Address = Field(default="https://restapi.e-conomic.com", description="Address of the REST API.")
    openapi_url: Address = Field(
        default="https://apis.e-conomic.com", description="Address of the OpenAPI services."
    )
    versions: Versions = Versions()
    receivables_accounts: tuple[int, ...] = Field(
        default=(),
        description="Accounts that customers were booked on before, besides those of the customer groups now.",
    )
    page_size: int = Field(
        default=1000, ge=1, le=1000, description="Rows asked for at once of the REST API, or records of SOAP."
    )
    timeouts: Timeouts = Timeouts()

    @model_validator(mode="after")
    def _login(self) -> Self:
        if self.dialect == "soap" and self.soap is None:
            raise ValueError("soap.wsdl is needed for the dialect soap")
        is_person = self.dialect == "soap" and self.soap is not None and self.soap.user
        if not is_person and len(self.tokens) < 2:
            raise ValueError("app_secret_token and agreement_grant_token are needed")
        if is_person and self.soap is not None and self.soap.agreement_number is None:
            raise ValueError("soap.agreement_number is needed with soap.user")
        return self

    @property
    def tokens(self) -> Mapping[str, SecretRef]:
        """The headers of the REST API, with their secrets."""
        found = {
            "X-AppSecretToken": self.app_secret_token,
            "X-AgreementGrantToken": self.agreement_grant_token,
        }
        return {name: secret for name, secret in found.items() if secret is not None}
