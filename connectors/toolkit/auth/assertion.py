"""OAuth 2 client credentials, proven by a signed JWT instead of a secret. [RFC 7523, 2.2; RFC 7518, 3.4 and 3.5]"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
import msgspec

from connectors.toolkit.auth.tokens import TokenLogin, from_answer
from connectors.toolkit.http.errors import from_httpx, from_status, retry_after
from connectors.toolkit.settings import SecretRef, is_loopback
from sync_engine.errors import AuthenticationFailed, ConfigurationError

_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LIFETIME = timedelta(minutes=10)
_SMALLEST_RSA = 2048
_SALT = 32
_COORDINATE = 32


@dataclass
class AssertionLogin(TokenLogin):
    """A client that signs with its private key (PEM, not encrypted); `key_id` names the certificate that belongs to it over there.

    PS256 takes an RSA key of 2048 bits or more, ES256 one on the curve P-256. `audience` is `token_url` where nothing else is said.
    """

    token_url: str
    client_id: str
    private_key: SecretRef
    key_id: str
    algorithm: Literal["PS256", "ES256"] = "PS256"
    scope: str | Sequence[str] = ""
    audience: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def acquire(self) -> Mapping[str, Any]:
        """Asks once. Raises ConfigurationError for a key that cannot sign, AuthenticationFailed, TransientError, RateLimited."""
        if urlsplit(self.token_url).scheme != "https" and not is_loopback(self.token_url):
            raise ConfigurationError("a token is never asked for in the clear", key="auth", todo="Use https.")
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": _JWT_BEARER,
            "client_assertion": self.assertion(),
        }
        try:
            answer = self.wire.post(self.token_url, data=form)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError) as failure:
            raise from_httpx(failure, whose="", key="token") from None
        return self._token(answer, form["client_assertion"])

    def _token(self, answer: httpx.Response, assertion: str) -> Mapping[str, Any]:
        status, now = answer.status_code, self.clock.now()
        try:
            said = msgspec.json.decode(answer.content, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            said = {}
        if answer.is_success and isinstance(said.get("access_token"), str) and said["access_token"]:
            return said
        if answer.is_success:
            what = f"the token service answered no token (HTTP {status})"
            raise AuthenticationFailed(what, key="token", todo="Check the address of the token service.")
        if "error" in said and status < 500 and status != 429:
            raise from_answer(said, retry_after=retry_after(answer.headers, now), secrets=[assertion])
        raise from_status(status, answer.headers, answer.content, now=now, whose="", key="token")

    def assertion(self) -> str:
        """A JWT that says who we are, good for ten minutes."""
        now = int(self.clock.now().timestamp())
        claims: dict[str, object] = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.audience or self.token_url,
            "iat": now,
            "exp": now + int(_LIFETIME.total_seconds()),
            "jti": secrets.token_hex(16),
        }
        if self.scope:
            claims["scope"] = self.scope
        head = {"typ": "JWT", "alg": self.algorithm, "kid": self.key_id}
        text = b".".join(map(_encoded, map(msgspec.json.encode, (head, claims))))
        return (text + b"." + _encoded(self._signed(text))).decode("ascii")

    def _signed(self, text: bytes) -> bytes:
        from cryptography.exceptions import UnsupportedAlgorithm  # only a login by key needs it
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

        try:
            key = serialization.load_pem_private_key(self.private_key.resolve().encode(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise self._unfit("is not readable: give an unencrypted PEM file") from None
        digest = hashes.SHA256()
        if self.algorithm == "PS256":
            if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < _SMALLEST_RSA:
                raise self._unfit(f"is no RSA key of {_SMALLEST_RSA} bits or more, which PS256 takes")
            return key.sign(text, padding.PSS(padding.MGF1(digest), _SALT), digest)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise self._unfit("is not on the curve P-256, which ES256 takes")
        numbers = utils.decode_dss_signature(key.sign(text, ec.ECDSA(digest)))
        return b"".join(number.to_bytes(_COORDINATE, "big") for number in numbers)

    def _unfit(self, why: str) -> ConfigurationError:
        todo = "Give the key of the certificate that key_id names."
        return ConfigurationError(f"the private key {why}", key="auth.private_key", todo=todo)


def _encoded(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")
