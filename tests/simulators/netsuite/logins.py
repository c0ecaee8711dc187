"""Who is let in: signatures checked by oauthlib's server side, assertions by joserfc. Nothing of ours is used to check ours."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from oauthlib.oauth1 import (  # type: ignore[import-untyped]
    SIGNATURE_HMAC_SHA256,
    RequestValidator,
    ResourceEndpoint,
)

WINDOW = timedelta(minutes=5)
TOKEN_LIFE = 3600


@dataclass(frozen=True)
class Keys:
    """The four secrets of a token-based login."""

    consumer_key: str = "consumer~key~of~simulator"
    consumer_secret: str = "consumer~secret~of~simulator"
    token: str = "token~of~simulator~user"
    token_secret: str = "token~secret~of~simulator"


class _Validator(RequestValidator):  # type: ignore[misc]
    """oauthlib's questions, answered for one consumer and one token; the time is the simulator's."""

    def __init__(self, keys: Keys, account: str, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._keys, self._account, self._now = keys, account, now
        self.seen = set[tuple[str, str]]()

    enforce_ssl = True
    timestamp_lifetime = 10**10
    client_key_length = access_token_length = (1, 100)
    nonce_length = (6, 64)
    allowed_signature_methods = (SIGNATURE_HMAC_SHA256,)
    realms = ()
    dummy_client = dummy_access_token = "dummy~of~simulator"

    def check_client_key(self, client_key: str) -> bool:
        return client_key.isprintable()

    check_access_token = check_client_key

    def check_nonce(self, nonce: str) -> bool:
        return nonce.isalnum()

    def validate_client_key(self, client_key: str, request: Any) -> bool:
        return client_key == self._keys.consumer_key

    def validate_access_token(self, client_key: str, token: str, request: Any) -> bool:
        return token == self._keys.token

    def validate_timestamp_and_nonce(
        self, client_key: str, timestamp: str, nonce: str, request: Any, **_: Any
    ) -> bool:
        told = datetime.fromtimestamp(int(timestamp), self._now().tzinfo)
        fresh = (timestamp, nonce) not in self.seen
        self.seen.add((timestamp, nonce))
        return fresh and abs(told - self._now()) <= WINDOW

    def validate_realms(self, *_: Any, **__: Any) -> bool:
        return True

    def get_client_secret(self, client_key: str, request: Any) -> str:
        return self._keys.consumer_secret

    def get_access_token_secret(self, client_key: str, token: str, request: Any) -> str:
        return self._keys.token_secret


@dataclass
class Doorkeeper:
    """Checks the Authorization of every request. With `closed` nobody is let in."""

    account: str
    now: Callable[[], datetime]
    keys: Keys = field(default_factory=Keys)
    client_id: str = "client~id~of~simulator"
    certificates: dict[str, Any] = field(default_factory=dict)
    closed: bool = False

    def __post_init__(self) -> None:
        self._validator = _Validator(self.keys, self.account, self.now)
        self._signed = ResourceEndpoint(self._validator)
        self._tokens: dict[str, datetime] = {}
        self.issued = 0

    def lets_in(self, request: httpx.Request) -> bool:
        """Whether the login of a request holds."""
        header = request.headers.get("authorization", "")
        if self.closed:
            return False
        if header.startswith("Bearer "):
            until = self._tokens.get(header.removeprefix("Bearer "))
            return until is not None and until > self.now()
        if f'realm="{self.account}"' not in header:
            return False
        found, _ = self._signed.validate_protected_resource_request(
            str(request.url),
            request.method,
            None,
            {"Authorization": header.replace(f'realm="{self.account}", ', "")},
        )
        return bool(found)

    def certify(self, name: str, pem: bytes) -> None:
        """Takes a certificate's public key, as it is uploaded at the mapping of the integration."""
        key: Any = serialization.load_pem_public_key(pem)
        kind = RSAKey if isinstance(key, rsa.RSAPublicKey) else ECKey
        self.certificates[name] = kind.import_key(pem)

    def token(self, request: httpx.Request, audience: str) -> tuple[int, dict[str, object]]:
        """Answers the token endpoint: a signed assertion becomes a token of an hour."""
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        assertion = form.get("client_assertion", "")
        try:
            claims = jwt.decode(
                assertion,
                self.certificates[_kid(assertion)],
                algorithms=["PS256", "PS384", "PS512", "ES256", "ES384", "ES512"],
            ).claims
        except (JoseError, KeyError, ValueError):
            return 400, {"error": "invalid_client", "error_description": "the assertion is refused"}
        now = self.now().timestamp()
        holds = (
            not self.closed
            and form.get("grant_type") == "client_credentials"
            and claims.get("iss") == self.client_id
            and claims.get("aud") == audience
            and claims["iat"] <= now + 60
            and now < claims["exp"] <= claims["iat"] + 3600
            and "rest_webservices" in str(claims.get("scope"))
        )
        if not holds:
            return 400, {"error": "invalid_client", "error_description": "the claims are refused"}
        self.issued += 1
        token = f"token~{self.issued}~of~simulator"
        self._tokens[token] = self.now() + timedelta(seconds=TOKEN_LIFE)
        return 200, {"access_token": token, "expires_in": str(TOKEN_LIFE), "token_type": "bearer"}


def _kid(assertion: str) -> str:
    head = assertion.split(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"])


def key_pair(algorithm: str) -> tuple[str, bytes]:
    """A private key (PEM) that fits an algorithm, and its public half."""
    key: Any = (
        rsa.generate_private_key(65537, 2048)
        if algorithm.startswith("PS")
        else ec.generate_private_key(ec.SECP256R1())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public
