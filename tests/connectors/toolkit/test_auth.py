"""Logins say who must act, and never what the secret is."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from pydantic import BaseModel

from connectors.toolkit.auth.entra import EntraLogin
from connectors.toolkit.auth.login import Login
from connectors.toolkit.auth.static import BasicLogin
from connectors.toolkit.settings import SecretRef, is_loopback
from sync_engine.errors import (
    AuthenticationFailed,
    ConfigurationError,
    RateLimited,
    SyncError,
    TransientError,
)
from tests.connectors.support import Hands

AUTHORITY = "https://login.example.com/tenant"
SECRET = "a~very.secret_thing"


def entra(monkeypatch: pytest.MonkeyPatch, authority: str = AUTHORITY) -> EntraLogin:
    """A login with a secret, in a surrounding that misleads the requests library."""
    monkeypatch.setenv("BC_SECRET", SECRET)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/bundle.pem")
    return EntraLogin(authority, "app", "https://api/.default", client_secret=SecretRef("env:BC_SECRET"))


def service(
    token: Callable[[httpx.Request], httpx.Response], seen: list[httpx.Request] | None = None
) -> httpx.Client:
    """A token service with its OpenID document."""

    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        if request.url.path.endswith("openid-configuration"):
            origin = f"{request.url.scheme}://{request.url.netloc.decode()}/tenant"
            return httpx.Response(
                200,
                json={
                    "authorization_endpoint": f"{origin}/a",
                    "token_endpoint": f"{origin}/oauth2/v2.0/token",
                    "issuer": origin,
                },
            )
        return token(request)

    return httpx.Client(transport=httpx.MockTransport(answer))


def authorization(login: Login, wire: httpx.Client, hands: Hands) -> str:
    """The header a login puts on a request."""
    login.attach(wire, hands)
    return login.headers(httpx.Request("GET", "https://api.example.com"))["Authorization"]


def granted(_: httpx.Request) -> httpx.Response:
    """A token for an hour."""
    return httpx.Response(200, json={"access_token": "T1", "token_type": "Bearer", "expires_in": 3600})


def test_a_token_is_kept_until_two_minutes_before_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for once, then again when it is nearly over or was refused."""
    seen: list[httpx.Request] = []
    login, wire, hands = entra(monkeypatch), service(granted, seen), Hands()
    assert [authorization(login, wire, hands) for _ in range(3)] == ["Bearer T1"] * 3
    assert len([r for r in seen if r.method == "POST"]) == 1
    hands.time.advance(timedelta(minutes=58, seconds=1))
    authorization(login, wire, hands)
    assert login.renew({"Authorization": "Bearer T1"})
    authorization(login, wire, hands)
    assert len([r for r in seen if r.method == "POST"]) == 3


def test_two_threads_renew_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes second with the old header does not throw the new one away."""
    login, hands, count = entra(monkeypatch), Hands(), iter(range(9))
    wire = service(
        lambda _: httpx.Response(
            200, json={"access_token": f"T{next(count)}", "expires_in": 3600, "token_type": "Bearer"}
        )
    )
    assert authorization(login, wire, hands) == "Bearer T0"
    login.renew({"Authorization": "Bearer T0"})
    assert authorization(login, wire, hands) == "Bearer T1"
    login.renew({"Authorization": "Bearer T0"})
    assert authorization(login, wire, hands) == "Bearer T1"


def test_plain_http_works_on_this_machine_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """msal insists on https; a simulator on loopback speaks http."""
    seen: list[httpx.Request] = []
    assert (
        authorization(entra(monkeypatch, "http://127.0.0.1:8765/tenant"), service(granted, seen), Hands())
        == "Bearer T1"
    )
    assert {request.url.scheme for request in seen} == {"http"}
    with pytest.raises(ConfigurationError):
        authorization(entra(monkeypatch, "http://login.example.com/tenant"), service(granted), Hands())
    assert all(is_loopback(url) for url in ("http://localhost/", "http://[::1]:1/"))
    assert not any(is_loopback(url) for url in ("http://10.0.0.1/", "http://localhost.evil.com/"))


@pytest.mark.parametrize(
    ("status", "body", "ours"),
    [
        (
            401,
            {
                "error": "invalid_client",
                "error_description": f"AADSTS7000215: Invalid client secret provided: {SECRET} Trace ID: 1",
            },
            AuthenticationFailed,
        ),
        (
            400,
            {"error": "invalid_request", "error_description": "AADSTS90002: Tenant not found."},
            ConfigurationError,
        ),
        (
            400,
            {"error": "unauthorized_client", "error_description": "AADSTS700016: Application not found."},
            ConfigurationError,
        ),
        (400, {"error": "invalid_scope", "error_description": "AADSTS70011"}, ConfigurationError),
        (429, {"error": "throttled"}, RateLimited),
        (503, {"error": "temporarily_unavailable"}, TransientError),
        (500, "<html>", TransientError),
        (200, "<html>not json</html>", AuthenticationFailed),
        (200, {"token_type": "Bearer"}, AuthenticationFailed),
    ],
    ids=str,
)
def test_a_refused_token_says_who_must_act(
    status: int, body: object, ours: type[SyncError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And never shows the secret, even where the service echoes it."""
    content = body if isinstance(body, str) else json.dumps(body)
    with pytest.raises(ours) as caught:
        authorization(
            entra(monkeypatch),
            service(lambda _: httpx.Response(status, text=content, headers={"Retry-After": "9"})),
            Hands(),
        )
    assert SECRET not in str(caught.value) + repr(caught.value) + str(vars(caught.value))


def test_a_refusal_is_asked_again_without_waiting_for_msal(monkeypatch: pytest.MonkeyPatch) -> None:
    """msal replays a 400 for a minute from its own memory; a new secret must work at once."""
    login, good = entra(monkeypatch), iter([False, True])
    wire = service(
        lambda request: (
            granted(request) if next(good) else httpx.Response(400, json={"error": "invalid_client"})
        )
    )
    with pytest.raises(AuthenticationFailed):
        authorization(login, wire, Hands())
    assert authorization(login, wire, Hands()) == "Bearer T1"


def test_a_lost_connection_to_the_token_service_is_transient(monkeypatch: pytest.MonkeyPatch) -> None:
    """msal turns it into many things; it stays what it was."""

    def hang_up(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route")

    with pytest.raises(TransientError):
        authorization(entra(monkeypatch), httpx.Client(transport=httpx.MockTransport(hang_up)), Hands())


def certificate(folder: Path) -> tuple[Path, Path]:
    """A key and its self-signed certificate."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sync")]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
    )
    signed = made.not_valid_before(now).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    private, public = folder / "key.pem", folder / "cert.pem"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    public.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    return private, public


def test_a_certificate_signs_an_assertion(tmp_path: Path) -> None:
    """PS256 with the certificate itself; no secret is sent."""
    private, public = certificate(tmp_path)
    forms: list[str] = []

    def token(request: httpx.Request) -> httpx.Response:
        forms.append(request.content.decode())
        return granted(request)

    login = EntraLogin(
        AUTHORITY,
        "app",
        "s/.default",
        private_key=SecretRef(f"file:{private}"),
        public_certificate=SecretRef(f"file:{public}"),
    )
    assert authorization(login, service(token), Hands()) == "Bearer T1"
    assert "client_assertion=" in forms[0]
    assert "client_secret" not in forms[0]


def test_a_broken_key_is_a_setting_and_stays_hidden(tmp_path: Path) -> None:
    """What is in the file is not shown."""
    (tmp_path / "key.pem").write_text(SECRET)
    login = EntraLogin(
        AUTHORITY,
        "app",
        "s/.default",
        private_key=SecretRef(f"file:{tmp_path / 'key.pem'}"),
        thumbprint="AB" * 20,
    )
    with pytest.raises(ConfigurationError) as caught:
        authorization(login, service(granted), Hands())
    assert SECRET not in str(caught.value)


def test_basic_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """User and key, ASCII only; there is nothing to renew."""
    monkeypatch.setenv("BC_KEY", "k=")
    login = BasicLogin("SYNC", SecretRef("env:BC_KEY"))
    assert base64.b64decode(authorization(login, service(granted), Hands())[6:]) == b"SYNC:k="
    assert not login.renew({})
    monkeypatch.setenv("BC_KEY", "nøgle")
    with pytest.raises(ConfigurationError, match="ASCII"):
        authorization(BasicLogin("SYNC", SecretRef("env:BC_KEY")), service(granted), Hands())


class Settings(BaseModel):
    """Settings with a secret."""

    client_secret: SecretRef


def test_a_secret_in_the_open_is_refused_by_name() -> None:
    """The message names the setting and hides what stood there."""
    for literal in (SECRET, "env:", "http://x", 42):
        with pytest.raises(ConfigurationError) as caught:
            Settings.model_validate({"client_secret": literal})
        assert "client_secret" in str(caught.value)
        assert SECRET not in str(caught.value)


def test_a_reference_is_resolved_late_and_prints_as_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """From a variable or a file; a missing one says which and what to do."""
    (tmp_path / "s").write_text(f"{SECRET}\n")
    reference = Settings.model_validate({"client_secret": f"file:{tmp_path / 's'}"}).client_secret
    assert reference.resolve() == SECRET
    assert (
        SECRET not in repr(reference) + str(reference) + Settings(client_secret=reference).model_dump_json()
    )
    for missing in ("env:NOT_THERE", f"file:{tmp_path / 'nothing'}"):
        with pytest.raises(ConfigurationError, match=missing.partition(":")[2]):
            SecretRef(missing).resolve()
    monkeypatch.setenv("BLANK", "  ")
    with pytest.raises(ConfigurationError, match="BLANK"):
        SecretRef("env:BLANK").resolve()
