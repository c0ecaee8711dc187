"""Logins per request: signatures that others compute alike, assertions that others verify, and a host they never leave."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from connectors.toolkit.auth.assertion import AssertionLogin
from connectors.toolkit.auth.login import Login
from connectors.toolkit.auth.oauth1 import OAuth1Login, base_string
from connectors.toolkit.auth.static import BasicLogin, StaticHeaders
from connectors.toolkit.http.client import HttpClient
from connectors.toolkit.http.limits import Limits
from connectors.toolkit.settings import SecretRef
from sync_engine.errors import (
    AuthenticationFailed,
    ConfigurationError,
    ProtocolViolation,
    RateLimited,
    SyncError,
    TransientError,
)
from tests.connectors.support import Hands

URL = "https://api.example.com/rest/customers?limit=5"
TOKEN_URL = "https://login.example.com/oauth2/v1/token"
SECRETS = {
    "CONSUMER_KEY": "dpf43f3p2l4k3l03",
    "CONSUMER_SECRET": "kd94hf93k423kf44",
    "TOKEN": "nnch734d00sl2jdk",
    "TOKEN_SECRET": "pfkkdhi9sl3r4s00",
}


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four secrets in variables."""
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)


def signed(nonce: str = "") -> OAuth1Login:
    """A consumer with a token."""
    four = [SecretRef(f"env:{name}") for name in SECRETS]
    login = OAuth1Login(four[0], four[1], four[2], four[3], "TSTDRV12345")
    return replace(login, nonce=lambda: nonce) if nonce else login


def client(
    answer: Callable[[httpx.Request], httpx.Response], login: httpx.Auth, home: str = ""
) -> HttpClient:
    """A client of a made-up host; the token service answers through the same transport."""
    transport = httpx.MockTransport(answer)
    return HttpClient("api", Hands(), login, home, transport=transport, limits=Limits(attempts=3))


class Seen:
    """Answers everything, and remembers who asked."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(200)


def test_a_signature_is_the_one_others_compute() -> None:
    """The example that the RESTlet client of Celigo tests itself with, made at http://lti.tools/oauth/."""
    login, hands = signed("tUoTBMCLMiW"), Hands()
    hands.time.set(datetime.fromtimestamp(1594207766, UTC))
    login.attach(httpx.Client(), hands)
    url = "https://tstdrv12345.restlets.api.netsuite.com/app/site/hosting/restlet.nl?script=custscript1&deploy=custdeploy1"
    header = login.headers(httpx.Request("GET", url))["Authorization"]
    assert header.startswith('OAuth realm="TSTDRV12345", ')
    assert 'oauth_signature="QqWfhrLQOlRFKR69DqenrtLaCVWuSzKklotUVWD3I04%3D"' in header
    assert 'oauth_signature_method="HMAC-SHA256"' in header


def test_what_is_signed_is_what_the_standard_says() -> None:
    """The example of RFC 5849, 3.4.1.1: a form, repeated and empty parameters, escapes, a host in capitals, its default port."""
    request = httpx.Request(
        "post",
        "http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b",
        content=b"c2&a3=2+q",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    said = {
        "oauth_consumer_key": "9djdj82h48djs9d2",
        "oauth_token": "kkk9d7dh3k39sjv7",
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": "137131201",
        "oauth_nonce": "7d8f3e4a",
    }
    assert base_string(request, said.items()) == (
        "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26"
        "oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26"
        "oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
    )


def test_a_json_body_is_not_signed() -> None:
    """Two bodies, one text to sign."""
    one, two = (
        httpx.Request("POST", "https://h:8443/q", content=body, headers={"Content-Type": "application/json"})
        for body in (b'{"q":1}', b"{}")
    )
    assert base_string(one, []) == base_string(two, []) == "POST&https%3A%2F%2Fh%3A8443%2Fq&"


def test_every_attempt_is_signed_anew() -> None:
    """A server that has seen a nonce refuses it: also a retry has one of its own."""
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(re.findall('oauth_nonce="([^"]+)"', request.headers["authorization"])[0])
        return httpx.Response(503 if len(seen) < 3 else 200, content=b"{}")

    asked = client(answer, signed())
    asked.ask("POST", URL, content=b"{}")
    assert len(set(seen)) == 3


def keys(folder: Path) -> dict[str, tuple[SecretRef, Any]]:
    """A private key in a file, and the public one, by algorithm."""
    found: dict[str, tuple[SecretRef, Any]] = {}
    pair: dict[str, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey] = {
        "PS256": rsa.generate_private_key(65537, 2048),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "small": rsa.generate_private_key(65537, 1024),  # noqa: S505 - what must be refused
        "P-384": ec.generate_private_key(ec.SECP384R1()),
    }
    for name, key in pair.items():
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / name).write_bytes(pem)
        found[name] = SecretRef(f"file:{folder / name}"), key.public_key()
    return found


def test_a_refused_signature_is_made_anew_once() -> None:
    """Its time may have passed in a queue. What is refused then is refused."""
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(re.findall('oauth_nonce="([^"]+)"', request.headers["authorization"])[0])
        return httpx.Response(200 if len(seen) == 2 else 401, content=b"{}")

    client(answer, signed()).ask("POST", URL, content=b"{}")
    assert len(set(seen)) == 2
    with pytest.raises(AuthenticationFailed):
        client(answer, signed()).ask("POST", URL, content=b"{}")
    assert len(set(seen)) == 4


@pytest.mark.parametrize("algorithm", ["PS256", "ES256"])
def test_an_assertion_is_verified_by_others(algorithm: str, tmp_path: Path) -> None:
    """PyJWT takes it with the public key; the bearer token that came for it is used for every request."""
    private, public = keys(tmp_path)[algorithm]
    forms: list[dict[str, list[str]]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if str(request.url) == TOKEN_URL:
            assert "authorization" not in request.headers
            forms.append(parse_qs(request.content.decode()))
            return httpx.Response(200, json={"access_token": f"T{len(forms)}", "expires_in": "3600"})
        return httpx.Response(200 if request.headers["authorization"] == "Bearer T1" else 401)

    login = AssertionLogin(TOKEN_URL, "client", private, "cert7", algorithm, "rest_webservices")  # type: ignore[arg-type]
    asked = client(answer, login)
    for _ in range(3):
        asked.get(URL)
    (form,) = forms
    assert form["grant_type"] == ["client_credentials"]
    text = form["client_assertion"][0]
    assert jwt.get_unverified_header(text) == {"typ": "JWT", "alg": algorithm, "kid": "cert7"}
    claims = jwt.decode(
        text, public, [algorithm], audience=TOKEN_URL, options={"verify_exp": False, "verify_iat": False}
    )
    assert (claims["iss"], claims["scope"]) == ("client", "rest_webservices")
    assert claims["exp"] - claims["iat"] == 600


def test_a_token_that_ended_is_renewed_once(tmp_path: Path) -> None:
    """Refused in mid-run, asked for again, and the same request goes on; refused again, that is an answer."""
    private, _ = keys(tmp_path)["ES256"]
    tokens = iter(range(9))

    def answer(request: httpx.Request) -> httpx.Response:
        if str(request.url) == TOKEN_URL:
            return httpx.Response(200, json={"access_token": f"T{next(tokens)}", "expires_in": 3600})
        return httpx.Response(200 if request.headers["authorization"] == "Bearer T1" else 401)

    asked = client(answer, AssertionLogin(TOKEN_URL, "client", private, "cert7", "ES256"))
    assert asked.get(URL).status == 200
    assert next(tokens) == 2
    with pytest.raises(AuthenticationFailed):
        client(
            lambda r: httpx.Response(401) if str(r.url) == URL else answer(r), asked.login or signed()
        ).get(URL)


@pytest.mark.parametrize(
    ("status", "body", "ours"),
    [
        (400, '{"error":"invalid_grant","error_description":"no"}', AuthenticationFailed),
        (401, '{"error":"invalid_client"}', AuthenticationFailed),
        (400, '{"error":"invalid_scope"}', ConfigurationError),
        (429, "{}", RateLimited),
        (503, '{"error":"server_error"}', TransientError),
        (502, "<html>", TransientError),
        (200, "<html>", AuthenticationFailed),
        (200, '{"access_token":""}', AuthenticationFailed),
    ],
)
def test_a_refused_assertion_says_who_must_act(
    status: int, body: str, ours: type[SyncError], tmp_path: Path
) -> None:
    """Whose it is and who must act; neither the key nor the assertion is told."""
    private, _ = keys(tmp_path)["ES256"]
    login = AssertionLogin(TOKEN_URL, "client", private, "cert7", "ES256")

    def echoes(request: httpx.Request) -> httpx.Response:
        (said,) = parse_qs(request.content.decode())["client_assertion"]
        return httpx.Response(status, text=body.replace('":"no"', f'":"{said} is no assertion"'))

    with pytest.raises(ours, match=r"api (token|auth)") as caught:
        client(echoes, login).get(URL)
    assert "eyJ" not in str(caught.value)


@pytest.mark.parametrize(
    ("algorithm", "key"), [("PS256", "ES256"), ("ES256", "PS256"), ("PS256", "small"), ("ES256", "P-384")]
)
def test_a_key_of_another_kind_is_a_setting(algorithm: str, key: str, tmp_path: Path) -> None:
    """Nothing is signed that the other side would refuse."""
    login = AssertionLogin(TOKEN_URL, "client", keys(tmp_path)[key][0], "cert7", algorithm)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="private key"):
        client(lambda _: httpx.Response(200), login).get(URL)


def test_a_token_is_not_asked_for_in_the_clear(tmp_path: Path) -> None:
    """An assertion on the wire is a login for ten minutes."""
    login = AssertionLogin(
        TOKEN_URL.replace("https", "http"), "client", keys(tmp_path)["ES256"][0], "c", "ES256"
    )
    with pytest.raises(ConfigurationError, match="in the clear"):
        client(lambda _: httpx.Response(200), login).get(URL)


def test_two_headers_are_sent_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token of the app and that of its customer; one with a line break in it is a setting."""
    login = StaticHeaders({"X-App": SecretRef("env:TOKEN"), "X-Grant": SecretRef("env:TOKEN_SECRET")})
    seen = Seen()
    asked = client(seen, login)
    asked.get(URL)
    assert (seen.requests[0].headers["x-app"], seen.requests[0].headers["x-grant"]) == (
        SECRETS["TOKEN"],
        SECRETS["TOKEN_SECRET"],
    )
    assert not any(secret in repr(login) + repr(asked) for secret in SECRETS.values())
    monkeypatch.setenv("TOKEN", "a\nX-Evil: b")
    with pytest.raises(ConfigurationError, match="X-App"):
        client(lambda _: httpx.Response(200), StaticHeaders({"X-App": SecretRef("env:TOKEN")})).get(URL)


LOGINS: dict[str, Callable[[], Login]] = {
    "basic": lambda: BasicLogin("SYNC", SecretRef("env:TOKEN")),
    "headers": lambda: StaticHeaders({"X-App": SecretRef("env:TOKEN")}),
    "oauth1": signed,
}


@pytest.mark.parametrize("kind", LOGINS)
@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example.com/x",
        "http://api.example.com/x",
        "https://api.example.com:8443/x",
        "https://api.example.com@evil.example.com/x",
        "https://api.example.com.evil.example.com/x",
    ],
)
def test_a_login_stays_at_home(kind: str, elsewhere: str) -> None:
    """Another host, another port, plain http: nothing is sent, with a home that was given or the one that was asked first."""
    seen = Seen()
    asked = client(seen, LOGINS[kind]())
    asked.get(URL)
    for one in (
        asked,
        client(seen, LOGINS[kind](), home=URL),
    ):
        with pytest.raises(ProtocolViolation, match="another host"):
            one.get(elsewhere)
        with pytest.raises(ProtocolViolation, match="another host"):
            one.write("POST", elsewhere, b"{}")
    assert {request.url.host for request in seen.requests} == {"api.example.com"}
    assert len(seen.requests) == 1


@pytest.mark.parametrize("kind", LOGINS)
def test_no_secret_is_in_a_repr(kind: str) -> None:
    """Before it is used and after."""
    login = LOGINS[kind]()
    client(lambda _: httpx.Response(200), login).get(URL)
    assert not any(secret in repr(login) + repr(vars(login).keys()) for secret in SECRETS.values())


def test_it_is_signed_in_its_place_and_not_before() -> None:
    """A request that waited for the window has the time of its sending, not that of its asking."""
    seen: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(int(re.findall('oauth_timestamp="([0-9]+)"', request.headers["authorization"])[0]))
        return httpx.Response(200)

    hands = Hands()
    limits = Limits(calls_per_window=2)
    asked = HttpClient("api", hands, login=signed(), transport=httpx.MockTransport(answer), limits=limits)
    for _ in range(3):
        asked.get(URL)
    assert sum(hands.slept) > 250
    assert seen[-1] == int(hands.now().timestamp())
