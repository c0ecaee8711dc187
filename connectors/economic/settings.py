"""What an installation of e-conomic is told in its YAML. Unknown keys are refused; secrets are references."""

from __future__ import annotations

from pydantic import Field, field_validator

from connectors.toolkit.settings import SecretRef, Strict, Timeouts, is_loopback


class Versions(Strict):
    """The versions of the newer services, which are each numbered alone; a version is part of the address."""

    customers: str = Field(default="3.1.0", pattern=r"^\d+\.\d+\.\d+$", description="customersapi")
    q2c: str = Field(default="5.3.0", pattern=r"^\d+\.\d+\.\d+$", description="q2capi")
    booked_entries: str = Field(default="4.0.0", pattern=r"^\d+\.\d+\.\d+$", description="bookedEntriesapi")
    dimensions: str = Field(default="5.3.1", pattern=r"^\d+\.\d+\.\d+$", description="dimensionsapi")


class Settings(Strict):
    """One agreement of e-conomic, read through its REST API and its OpenAPI services."""

    app_secret_token: SecretRef = Field(description="Says which app asks (X-AppSecretToken).")
    agreement_grant_token: SecretRef = Field(
        description="Says whose agreement it may read (X-AgreementGrantToken)."
    )
    rest_url: str = Field(default="https://restapi.e-conomic.com", description="Address of the REST API.")
    openapi_url: str = Field(
        default="https://apis.e-conomic.com", description="Address of the OpenAPI services."
    )
    versions: Versions = Versions()
    receivables_accounts: tuple[int, ...] = Field(
        default=(),
        description="Accounts that customers were booked on before, besides those of the customer groups now.",
    )
    page_size: int = Field(default=1000, ge=1, le=1000, description="Rows asked for at once of the REST API.")
    timeouts: Timeouts = Timeouts()

    @field_validator("rest_url", "openapi_url")
    @classmethod
    def _address(cls, url: str) -> str:
        if not url.startswith("https://") and not (url.startswith("http://") and is_loopback(url)):
            raise ValueError("must be https: a token is never sent in the clear")
        return url.rstrip("/")
