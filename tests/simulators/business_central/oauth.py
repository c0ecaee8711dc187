"""The token endpoint: client credentials with a secret or a signed assertion, and who may enter the API.

Error bodies follow Microsoft Entra: AADSTS codes in `error_description`, JSON with `error_codes`.
"""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl
from uuid import uuid4

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.simulators.business_central.http import Request, Response
from tests.simulators.business_central.world import World

SCOPE = "https://api.businesscentral.dynamics.com/.default"


class TokenService:
    """Issues bearer tokens and knows which are still good.

    They age in real time, as their holder's cache believes; give it the world's clock to let them age with the world.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.issued = 0
        self._expiry: dict[str, datetime] = {}
        self._certificates: list[x509.Certificate] = []

    def register_certificate(self, pem: bytes) -> None:
        """Accept assertions signed with the key of this certificate."""
        self._certificates.append(x509.load_pem_x509_certificate(pem))

    def revoke_all(self) -> None:
        self._expiry.clear()

    def accepts(self, token: str) -> bool:
        expiry = self._expiry.get(token)
        return expiry is not None and self.clock() < expiry

    def knows_tenant(self, tenant: str) -> bool:
        installed = self.world.installation
        return tenant.lower() in (installed.tenant_id, installed.tenant_domain)

    def configuration(self, request: Request, tenant: str) -> Response:
        """The OpenID document that msal reads before it asks for a token."""
        authority = f"{request.origin}/{tenant}"
        return _plain(
            200,
            {
                "token_endpoint": f"{authority}/oauth2/v2.0/token",
                "authorization_endpoint": f"{authority}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{authority}/oauth2/v2.0/devicecode",
                "jwks_uri": f"{authority}/discovery/v2.0/keys",
                "issuer": f"{authority}/v2.0",
                "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
                "response_types_supported": ["code"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
            },
        )

    def token(self, request: Request, tenant: str) -> Response:
        """Answer a client credentials request."""
        form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        installed = self.world.installation
        if not self.knows_tenant(tenant):
            return self._refuse(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")
        if form.get("grant_type") != "client_credentials":
            return self._refuse(
                400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type."
            )
        if form.get("client_id") != installed.client_id:
            text = f"Application with identifier '{form.get('client_id')}' was not found in the directory."
            return self._refuse(400, "unauthorized_client", 700016, text)
        if SCOPE not in form.get("scope", "").split():
            text = (
                f"The provided value for the input parameter 'scope' is not valid. Scope {form.get('scope')}."
            )
            return self._refuse(400, "invalid_scope", 70011, text)
        if "client_assertion" in form:
            if not self._assertion_holds(form["client_assertion"], request):
                return self._refuse(
                    401, "invalid_client", 700027, "The certificate used to sign is not registered."
                )
        elif form.get("client_secret") != installed.client_secret:
            text = (
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
                f"value, not the client secret ID, for a secret added to app '{installed.client_id}'."
            )
            return self._refuse(401, "invalid_client", 7000215, text)
        return self._issue()

    def _issue(self) -> Response:
        lifetime = self.world.installation.token_lifetime
        self.issued += 1
        token = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9." + base64.urlsafe_b64encode(uuid4().bytes).decode()
        self._expiry[token] = self.clock() + lifetime
        seconds = int(lifetime.total_seconds())
        body = {
            "token_type": "Bearer",
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "access_token": token,
        }
        return _plain(200, body)

    def _refuse(self, status: int, error: str, code: int, text: str) -> Response:
        moment, trace, correlation = datetime.now(UTC), uuid4(), uuid4()
        description = f"AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {moment:%Y-%m-%d %H:%M:%SZ}"
        return _plain(
            status,
            {
                "error": error,
                "error_description": description,
                "error_codes": [code],
                "timestamp": f"{moment:%Y-%m-%d %H:%M:%SZ}",
                "trace_id": str(trace),
                "correlation_id": str(correlation),
                "error_uri": f"https://login.microsoftonline.com/error?code={code}",
            },
        )

    def _assertion_holds(self, assertion: str, request: Request) -> bool:
        """A JWT signed RS256 or PS256 by a registered certificate, for this client and endpoint, not expired."""
        try:
            head, claims, signature = assertion.split(".")
            header, body = json.loads(_decode(head)), json.loads(_decode(claims))
        except ValueError:
            return False
        client = self.world.installation.client_id
        fresh = float(body.get("exp", 0)) > (datetime.now(UTC) - timedelta(minutes=5)).timestamp()
        aimed = str(body.get("aud", "")).endswith(request.path)
        if not fresh or not aimed or body.get("iss") != client or body.get("sub") != client:
            return False
        signed = f"{head}.{claims}".encode()
        return any(_signed_by(x, signed, _decode(signature), header.get("alg")) for x in self._certificates)


def _signed_by(certificate: x509.Certificate, signed: bytes, signature: bytes, algorithm: str) -> bool:
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        return False
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    try:
        key.verify(signature, signed, pss if algorithm == "PS256" else padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _plain(status: int, body: dict[str, object]) -> Response:
    headers = {"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store, no-cache"}
    return Response(status, body=json.dumps(body).encode(), headers=headers)
