"""OAuth 1.0a: every request is signed by itself, with a nonce and a time of its own. [RFC 5849]"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote

import httpx

from connectors.toolkit.auth.login import Login
from connectors.toolkit.settings import SecretRef

METHOD = "HMAC-SHA256"
_FORM = "application/x-www-form-urlencoded"
_PORTS = {"http": 80, "https": 443}


def _nonce() -> str:
    return secrets.token_hex(16)


@dataclass
class OAuth1Login(Login):
    """A consumer (the app) with a token (its user), signed with HMAC-SHA256. `realm` is told and not signed. [RFC 5849, 3.4.1.3.1]

    It signs in the moment of sending, never before a wait: servers refuse a time that is minutes off, and a nonce seen before.
    """

    consumer_key: SecretRef
    consumer_secret: SecretRef
    token: SecretRef
    token_secret: SecretRef
    realm: str = ""
    nonce: Callable[[], str] = field(default=_nonce, repr=False)
    requires_request_body = True

    def headers(self, request: httpx.Request) -> Mapping[str, str]:
        """One Authorization header, good for this one request."""
        said = {
            "oauth_consumer_key": self.consumer_key.resolve(),
            "oauth_nonce": self.nonce(),
            "oauth_signature_method": METHOD,
            "oauth_timestamp": str(int(self.clock.now().timestamp())),
            "oauth_token": self.token.resolve(),
            "oauth_version": "1.0",
        }
        key = f"{escaped(self.consumer_secret.resolve())}&{escaped(self.token_secret.resolve())}"
        signed = hmac.digest(key.encode(), base_string(request, said.items()).encode(), "sha256")
        said["oauth_signature"] = base64.b64encode(signed).decode()
        if self.realm:
            said = {"realm": self.realm, **said}
        written = ", ".join(f'{name}="{escaped(value)}"' for name, value in said.items())
        return {"Authorization": f"OAuth {written}"}

    def renew(self, refused: Mapping[str, str]) -> bool:
        """A request that was refused is signed anew: its nonce may have been seen before, or its time have passed in a queue."""
        return True


def base_string(request: httpx.Request, said: Iterable[tuple[str, str]]) -> str:
    """What is signed: the method, the address without its query, and all parameters in order. [RFC 5849, 3.4.1]

    A body counts only where it is a form; a JSON body is not signed.
    """
    url = request.url
    path, _, query = url.raw_path.decode("ascii").partition("?")
    port = f":{url.port}" if url.port and url.port != _PORTS.get(url.scheme) else ""
    parameters = [*parse_qsl(query, keep_blank_values=True), *said]
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM:
        parameters += parse_qsl(request.content.decode(), keep_blank_values=True)
    pairs = sorted((escaped(name), escaped(value)) for name, value in parameters)
    address = f"{url.scheme}://{url.raw_host.decode('ascii').lower()}{port}{path or '/'}"
    return "&".join(
        map(escaped, (request.method.upper(), address, "&".join(f"{name}={value}" for name, value in pairs)))
    )


def escaped(text: str) -> str:
    """Percent-encoded, all but letters, digits and `-._~`. [RFC 5849, 3.6]"""
    return quote(text, safe="~")
