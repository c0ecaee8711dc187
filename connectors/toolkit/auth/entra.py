"""Microsoft Entra: client credentials through msal, by secret or by certificate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from connectors.toolkit.auth.tokens import TokenLogin, from_answer
from connectors.toolkit.http.errors import from_httpx, from_status, retry_after
from connectors.toolkit.settings import SecretRef, is_loopback
from sync_engine.errors import (
    AuthenticationFailed,
    ConfigurationError,
    SyncError,
)
from sync_engine.ports import Clock

MICROSOFT = (
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.partner.microsoftonline.cn",
    "login.microsoft.com",
)
_WRONG_TENANT = ("AADSTS90002", "AADSTS900023", "AADSTS500011", "AADSTS700016")


@dataclass
class EntraLogin(TokenLogin):
    """Client credentials, by `client_secret` or by `private_key` with its `public_certificate` or `thumbprint`.

    The token lives here, not in msal: every acquisition makes a new application object, because the throttle cache of an
    old one replays a 400 for 60 s and a 429 or 5xx for 5 s without asking anybody. One token is asked for at a time.
    """

    authority: str
    client_id: str
    scope: str
    client_secret: SecretRef | None = None
    private_key: SecretRef | None = None
    public_certificate: SecretRef | None = None
    thumbprint: str | None = None

    def __post_init__(self) -> None:
        super().__init__()

    def acquire(self) -> Mapping[str, Any]:
        """Asks once, through msal."""
        wire = _MsalWire(self.wire, self.authority, self.clock)
        import msal  # a third of a second of start-up that only a login by token needs

        credential, secrets = self._credential()
        try:
            application = msal.ConfidentialClientApplication(
                self.client_id,
                authority=wire.as_https(self.authority),
                client_credential=credential,
                http_client=wire,
                instance_discovery=None if urlsplit(self.authority).hostname in MICROSOFT else False,
            )
            answer: dict[str, Any] = application.acquire_token_for_client([self.scope])
        except Exception as failure:  # noqa: BLE001 - msal raises whatever its parts raise; all of it is mapped in one place
            raise from_msal(failure, wire, secrets) from None
        if "access_token" not in answer:
            raise from_answer(
                answer,
                retry_after=wire.retry_after(),
                secrets=secrets,
                settings=_WRONG_TENANT,
                todo="Renew the secret or certificate of the app registration and put it where the settings refer to.",
            )
        return answer

    def _credential(self) -> tuple[str | dict[str, str], list[str]]:
        if self.client_secret is not None:
            secret = self.client_secret.resolve()
            return secret, [secret]
        if self.private_key is None:
            raise ConfigurationError("neither a client secret nor a certificate is set", key="auth")
        from cryptography.exceptions import UnsupportedAlgorithm  # only a login by certificate needs it
        from cryptography.hazmat.primitives import serialization

        pem = self.private_key.resolve()
        try:
            serialization.load_pem_private_key(pem.encode(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ConfigurationError(
                "the private key is not readable",
                key="auth.private_key",
                todo="Give an unencrypted PEM file with the key of the certificate.",
            ) from None
        credential = {"private_key": pem}
        if self.thumbprint:
            credential["thumbprint"] = self.thumbprint
        if self.public_certificate is not None:
            credential["public_certificate"] = self.public_certificate.resolve()
        return credential, [pem]


class _MsalWire:
    """msal's idea of an HTTP client over ours, so that transport, time-outs and certificates are shared.

    msal insists on https. For an authority on this very machine that speaks http, the scheme is changed on the way out and
    back in; any other host keeps https.
    """

    def __init__(self, wire: httpx.Client, authority: str, clock: Clock) -> None:
        self._wire, self._clock = wire, clock
        parts = urlsplit(authority)
        self._plain = f"http://{parts.netloc}" if parts.scheme == "http" and is_loopback(authority) else ""
        self.last: httpx.Response | None = None
        self.failure: SyncError | None = None

    def as_https(self, url: str) -> str:
        return url.replace(self._plain, self._plain.replace("http:", "https:"), 1) if self._plain else url

    def get(self, url: str, params: Any = None, headers: Any = None, **_: Any) -> _MsalReply:
        return self._ask("GET", url, params, headers, None)

    def post(
        self, url: str, params: Any = None, data: Any = None, headers: Any = None, **_: Any
    ) -> _MsalReply:
        return self._ask("POST", url, params, headers, data)

    def close(self) -> None:
        """The wire is not ours to close."""

    def _ask(self, method: str, url: str, params: Any, headers: Any, data: Any) -> _MsalReply:
        url = url.replace(self._plain.replace("http:", "https:"), self._plain, 1) if self._plain else url
        try:
            self.last = self._wire.request(method, url, params=params or None, headers=headers, data=data)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError) as failure:
            self.failure = from_httpx(failure, whose="", key="token")
            raise self.failure from None
        if self.last.status_code in (429, 500, 502, 503, 504):
            self.failure = from_status(
                self.last.status_code,
                self.last.headers,
                self.last.content,
                now=self._clock.now(),
                whose="",
                key="token",
            )
            raise self.failure
        return _MsalReply(self.last, self._plain)

    def retry_after(self) -> float | None:
        return retry_after(self.last.headers, self._clock.now()) if self.last is not None else None


class _MsalReply:
    def __init__(self, reply: httpx.Response, plain: str) -> None:
        self.status_code, self.headers = reply.status_code, reply.headers
        self.text = reply.text.replace(plain, plain.replace("http:", "https:")) if plain else reply.text
        self._reply = reply

    def raise_for_status(self) -> None:
        self._reply.raise_for_status()


def from_msal(failure: Exception, wire: Any, secrets: list[str]) -> SyncError:
    """The error an exception out of msal stands for; no text of it is passed on unless it is free of `secrets`."""
    known: SyncError | None = getattr(wire, "failure", None)
    if isinstance(failure, SyncError):
        return failure
    if known is not None:
        return known
    last: httpx.Response | None = getattr(wire, "last", None)
    if last is None:
        return ConfigurationError(
            f"the login could not be prepared ({type(failure).__name__})",
            key="auth",
            todo="Check authority, client_id and the certificate's files.",
        )
    if last.status_code in (200, 401):
        return AuthenticationFailed(
            f"the token service answered something unreadable (HTTP {last.status_code})",
            key="token",
            todo="Check the authority.",
        )
    return ConfigurationError(
        f"the authority does not know this tenant (HTTP {last.status_code})",
        key="authority",
        todo="Check tenant_id and authority.",
    )
