"""What an installation of Example Billing is told in its YAML. Unknown keys are refused; secrets are references."""

from __future__ import annotations

from pydantic import Field, field_validator

from connectors.toolkit.settings import SecretRef, Strict, Timeouts, is_loopback


class Settings(Strict):
    """One account of Example Billing."""

    base_url: str = Field(description="Address of the API, without a version: https://api.example.com.")
    app_token: SecretRef = Field(description="Says which program asks (X-App-Token).")
    customer_token: SecretRef = Field(description="Says whose account it may read (X-Customer-Token).")
    page_size: int = Field(default=100, ge=1, le=100, description="Rows asked for at once.")
    timeouts: Timeouts = Timeouts()

    @field_validator("base_url")
    @classmethod
    def _address(cls, url: str) -> str:
        if not url.startswith("https://") and not (url.startswith("http://") and is_loopback(url)):
            raise ValueError("must be https: a token is never sent in the clear")
        return url.rstrip("/")
