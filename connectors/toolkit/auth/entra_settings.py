"""How an installation says by which app registration of Microsoft Entra it is logged in to."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from connectors.toolkit.auth.entra import EntraLogin
from connectors.toolkit.settings import SecretRef, Strict

AUTHORITY = "https://login.microsoftonline.com"
"""Where tokens are asked for; the tenant comes behind it."""


class EntraSecret(Strict):
    """An app registration with a client secret."""

    kind: Literal["secret"] = "secret"
    client_id: str = Field(description="Application (client) id of the app registration.")
    client_secret: SecretRef = Field(description="Its client secret.")

    def login(self, authority: str, scope: str) -> EntraLogin:
        """The login; nothing is asked for yet."""
        return EntraLogin(authority, self.client_id, scope, client_secret=self.client_secret)


class EntraCertificate(Strict):
    """An app registration with a certificate: its private key, and the certificate itself or its thumbprint."""

    kind: Literal["certificate"]
    client_id: str = Field(description="Application (client) id of the app registration.")
    private_key: SecretRef = Field(description="The private key, PEM.")
    public_certificate: SecretRef | None = Field(
        default=None, description="The certificate, PEM; preferred to its thumbprint."
    )
    thumbprint: str | None = Field(
        default=None, description="SHA-1 thumbprint, where there is no certificate."
    )

    @model_validator(mode="after")
    def _identified(self) -> Self:
        if self.public_certificate is None and not self.thumbprint:
            raise ValueError("a certificate login needs public_certificate (preferred) or thumbprint")
        return self

    def login(self, authority: str, scope: str) -> EntraLogin:
        """The login; nothing is asked for yet."""
        return EntraLogin(
            authority,
            self.client_id,
            scope,
            private_key=self.private_key,
            public_certificate=self.public_certificate,
            thumbprint=self.thumbprint,
        )
