"""What an installation of e-conomic is told in its YAML. Unknown keys are refused; secrets are references."""

from __future__ import annotations

from pydantic import Field

from connectors.toolkit.settings import Address, SecretRef, Strict, Timeouts

_VERSION = r"^\d+\.\d+\.\d+$"


class Versions(Strict):
    """The versions of the newer services, which are each numbered alone; a version is part of the address."""

    customers: str = Field(default="3.1.0", pattern=_VERSION, description="customersapi")
    q2c: str = Field(default="5.3.0", pattern=_VERSION, description="q2capi")
    booked_entries: str = Field(default="4.0.0", pattern=_VERSION, description="bookedEntriesapi")
    dimensions: str = Field(default="5.3.1", pattern=_VERSION, description="dimensionsapi")


class Settings(Strict):
    """One agreement of e-conomic, read through its REST API and its OpenAPI services."""

    app_secret_token: SecretRef = Field(description="Says which app asks (X-AppSecretToken).")
    agreement_grant_token: SecretRef = Field(
        description="Says whose agreement it may read (X-AgreementGrantToken)."
    )
    rest_url: Address = Field(default="https://restapi.e-conomic.com", description="Address of the REST API.")
    openapi_url: Address = Field(
        default="https://apis.e-conomic.com", description="Address of the OpenAPI services."
    )
    versions: Versions = Versions()
    receivables_accounts: tuple[int, ...] = Field(
        default=(),
        description="Accounts that customers were booked on before, besides those of the customer groups now.",
    )
    page_size: int = Field(default=1000, ge=1, le=1000, description="Rows asked for at once of the REST API.")
    timeouts: Timeouts = Timeouts()
