"""Every way a request can fail is one of our errors, is tried again when that helps, and says nothing it should not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import httpx
import pytest

from connectors.toolkit.auth.login import Login
from connectors.toolkit.http.authorities import tls
from connectors.toolkit.http.call_budget import Urgency
from connectors.toolkit.http.client import HttpClient
from connectors.toolkit.http.errors import (
    BrokeDown,
    NoConnection,
    NotFound,
    Refused,
    TooSlow,
    from_httpx,
    from_status,
    told,
)
from connectors.toolkit.http.limits import Limits
from sync_engine.errors import (
    AuthenticationFailed,
    ConfigurationError,
    PermissionMissing,
    ProtocolViolation,
    RateLimited,
    SyncError,
    TransientError,
)
from tests.connectors.support import START, Hands

WINDOW = 300.0
URL = "https://bc.example.com/api?$filter=email eq 'anna@example.com'"


def client(
    answer: Callable[[httpx.Request], httpx.Response],
    hands: Hands | None = None,
    patience: float | None = WINDOW,
    **more: object,
) -> HttpClient:
    """Three attempts on a made-up host."""
    return HttpClient(
        whose="bc",
        clock=hands or Hands(),
        transport=httpx.MockTransport(answer),
        limits=Limits(attempts=3, patience=patience),
        **more,  # type: ignore[arg-type]
    )


def everything_of_httpx() -> list[type[Exception]]:
    """All exception classes that httpx exports."""
    found = [
        thing for thing in vars(httpx).values() if isinstance(thing, type) and issubclass(thing, Exception)
    ]
    assert len(found) > 20
    return found


@pytest.mark.parametrize("kind", everything_of_httpx(), ids=lambda kind: kind.__name__)
def test_no_exception_of_httpx_escapes(kind: type[Exception]) -> None:
    """Raised inside the transport, each comes out as ours, without the URL's query."""

    def fail(request: httpx.Request) -> httpx.Response:
        if kind is httpx.HTTPStatusError:
            raise httpx.HTTPStatusError(URL, request=request, response=httpx.Response(500))
        raise kind(*[] if issubclass(kind, httpx.StreamError) and kind is not httpx.StreamError else [URL])

    with pytest.raises(SyncError) as caught:
        client(fail).get(URL, key="customers")
    assert "anna" not in str(caught.value)
    assert "bc customers" in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "ours"),
    [
        (httpx.ReadTimeout, TooSlow),
        (httpx.ConnectTimeout, NoConnection),
        (httpx.ConnectError, NoConnection),
        (httpx.RemoteProtocolError, TransientError),
        (httpx.UnsupportedProtocol, ConfigurationError),
        (httpx.InvalidURL, ConfigurationError),
        (httpx.TooManyRedirects, ProtocolViolation),
        (ConnectionResetError, TransientError),
    ],
)
def test_the_class_says_what_to_do(kind: type[Exception], ours: type[SyncError]) -> None:
    """A time-out asks for less, a lost connection for another try, an address for a person."""
    assert type(from_httpx(kind("x"), whose="bc", key="k")) is ours


def test_an_untrusted_certificate_is_a_setting() -> None:
    """Waiting does not make a certificate trusted."""
    failure = httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate")
    assert isinstance(from_httpx(failure, whose="bc", key=""), ConfigurationError)


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        (302, ProtocolViolation),
        (400, Refused),
        (401, AuthenticationFailed),
        (403, PermissionMissing),
        (404, NotFound),
        (405, Refused),
        (408, TooSlow),
        (409, Refused),
        (413, TooSlow),
        (429, RateLimited),
        (500, BrokeDown),
        (501, Refused),
        (502, BrokeDown),
        (503, TransientError),
        (504, TooSlow),
    ],
)
def test_statuses(status: int, ours: type[SyncError]) -> None:
    """One table."""
    assert type(from_status(status, {}, b"", now=START, whose="bc", key="k")) is ours


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (
            b'{"error":{"code":"BadRequest","message":"No.  CorrelationId:  233b73c2-aaaa-bbbb-cccc-000000000000."}}',
            "BadRequest",
            "No.",
        ),
        (b'\xef\xbb\xbf{"error":{"code":"","message":{"lang":"en","value":"v2 shape"}}}', "", "v2 shape"),
        (
            b'<error xmlns="http://x"><code>NoEnvironment</code><message>It does not exist.</message></error>',
            "NoEnvironment",
            "It does not exist.",
        ),
        (
            b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>x</body></html>",
            "",
            "502 Bad Gateway",
        ),
        (
            b"<html><body><h2>Our services aren't available</h2></body></html>",
            "",
            "Our services aren't available",
        ),
        (
            b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><error><message>&e;</message></error>',
            "",
            "&e;",
        ),
        (
            b'{"type":"t","title":"Bad Request","status":400,"o:errorDetails":[{"detail":"Record x was not found.","o:errorCode":"INVALID"}]}',
            "INVALID",
            "Record x was not found.",
        ),
        (b'{"title":"Bad Request","detail":"No such field."}', "", "No such field."),
        (
            b'{"message":"Could not parse.","errors":["Filtering is not allowed on property \'x\'."],"developerHint":"..."}',
            "",
            "Could not parse. Filtering is not allowed on property 'x'.",
        ),
        (
            (
                b'{"message":"Validation failed.","errorCode":"E04300","errors":{"terms":{"errors":[{"propertyName":"terms",'
                b'"errorMessage":"Terms not found.","inputValue":"4711 Secret"}]}}}'
            ),
            "E04300",
            "Validation failed. Terms not found.",
        ),
        (
            b'{"message":"Validation failed.","errorCode":"E04300","errors":[{"arrayIndex":0,"entries":{"items":[{"errorMessage":"Navn mangler."}]}}]}',
            "E04300",
            "Validation failed. Navn mangler.",
        ),
        (
            (
                b'{"type":"https://tools.ietf.org/html/rfc9110","title":"Access denied.","status":403,"detail":"The module is missing.",'
                b'"errors":[],"errorCode":"MissingModules"}'
            ),
            "MissingModules",
            "The module is missing.",
        ),
        (b'{"title":"Many.","errors":["1.","2.","3.","4."]}', "", "Many. 1. 2. 3."),
        (b"", "", ""),
        (b"upstream died", "", "upstream died"),
        (b'{"error":', "", "an error that is not valid JSON"),
    ],
)
def test_error_bodies_become_one_sentence(body: bytes, code: str, message: str) -> None:
    """JSON, XML, a web page, text, nothing; no entity is resolved."""
    assert told(body) == (code, message)


def test_personal_data_in_an_error_is_hidden() -> None:
    """Messages quote values; addresses, queries and tokens go."""
    said = told(
        b'{"error":{"code":"x","message":"anna@example.com at https://h/p?$filter=a Bearer eyJhbGciOi.abc.def Value: Secret AS"}}'
    ).message
    assert not any(word in said for word in ("anna", "$filter", "eyJ", "Secret"))


def test_retry_after_is_honoured_in_seconds_and_as_a_date() -> None:
    """And the pause is the clock's, so that this test takes none."""
    hands = Hands()
    later = (START + timedelta(seconds=40)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    answers = iter(
        [
            httpx.Response(429, headers={"Retry-After": "7"}),
            httpx.Response(503, headers={"Retry-After": later}),
            httpx.Response(200),
        ]
    )
    assert client(lambda _: next(answers), hands).get(URL).status == 200
    assert hands.slept == [7.0, 33.0]


def test_an_endless_retry_after_is_not_waited_for() -> None:
    """An hour is for the scheduler to wait, not for a step."""
    hands = Hands()
    with pytest.raises(RateLimited) as caught:
        client(lambda _: httpx.Response(429, headers={"Retry-After": "3600"}), hands).get(URL)
    assert (caught.value.retry_after, hands.slept) == (3600.0, [])


def full(hands: Hands, seconds: float) -> Callable[[httpx.Request], httpx.Response]:
    """A host whose window is full for so long, and which does not say so."""
    until = hands.now() + timedelta(seconds=seconds)
    return lambda _: httpx.Response(200 if hands.now() >= until else 429)


def test_a_full_window_is_waited_for() -> None:
    """Five minutes, within which the calls that filled it leave it; a few calls are enough to find that out."""
    hands = Hands()
    asked = client(full(hands, WINDOW), hands)
    assert asked.get(URL).status == 200
    assert sum(hands.slept) < WINDOW + Limits().longest_pause + 1
    assert asked.calls < WINDOW / 20


def test_a_window_that_stays_full_ends_the_wait() -> None:
    """Then it is for the scheduler to wait."""
    hands = Hands()
    with pytest.raises(RateLimited):
        client(full(hands, 4 * WINDOW), hands).get(URL)
    assert WINDOW <= sum(hands.slept) < WINDOW + Limits().longest_pause + 1


def test_a_person_is_not_kept_for_a_full_window() -> None:
    """Who asks for one debtor is told after the usual attempts."""
    hands = Hands()
    asked = client(full(hands, WINDOW), hands, urgency=Urgency.ONE_DEBTOR)
    with pytest.raises(RateLimited):
        asked.get(URL)
    assert asked.calls == asked.limits.attempts


def test_without_patience_a_429_is_one_of_the_attempts() -> None:
    """Where it means too many at once and not a full window, waiting for minutes is no use."""
    hands = Hands()
    asked = client(full(hands, WINDOW), hands, patience=None)
    with pytest.raises(RateLimited):
        asked.get(URL)
    assert asked.calls == asked.limits.attempts


@pytest.mark.parametrize("failure", [429, 502, 503, 504])
def test_a_read_that_is_a_post_is_asked_again(failure: int) -> None:
    """With the same body; what a query language answers is no change."""
    bodies: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        return httpx.Response(200 if len(bodies) == 2 else failure)

    assert client(answer).ask("POST", URL, content=b'{"q":"SELECT 1"}').status == 200
    assert bodies == [b'{"q":"SELECT 1"}'] * 2


@pytest.mark.parametrize("failure", [429, 500, 503, 504, httpx.ReadTimeout, httpx.ConnectError])
def test_a_write_is_sent_once(failure: int | type[httpx.TransportError]) -> None:
    """Nobody knows whether it was taken; whether it is sent again is for the caller to decide."""

    def answer(request: httpx.Request) -> httpx.Response:
        if isinstance(failure, int):
            return httpx.Response(failure, headers={"Retry-After": "1"})
        raise failure("lost")

    hands = Hands()
    asked = client(answer, hands)
    with pytest.raises(TransientError):
        asked.write("POST", URL, b"{}")
    assert (asked.calls, hands.slept) == (1, [])


def test_attempts_are_bounded_and_pauses_grow() -> None:
    """Three attempts, two pauses, then the error of the last."""
    hands = Hands()
    asked = client(lambda _: httpx.Response(502), hands)
    with pytest.raises(TransientError):
        asked.get(URL)
    assert asked.calls == 3
    assert 1 <= hands.slept[0] <= 2 <= hands.slept[1] <= 3


def test_what_will_not_pass_is_asked_once() -> None:
    """A wrong question stays wrong."""
    asked = client(
        lambda _: httpx.Response(400, json={"error": {"code": "BadRequest", "message": "no such property"}})
    )
    with pytest.raises(Refused):
        asked.get(URL)
    assert asked.calls == 1


def test_who_can_ask_for_less_is_told_at_once() -> None:
    """Who can ask for less does not repeat what was too much."""
    asked = client(lambda _: httpx.Response(504))
    with pytest.raises(TooSlow):
        asked.get(URL, at_once=(TooSlow,))
    assert asked.calls == 1


class Counting(Login):
    """Counts renewals; its header is refused until `good`."""

    def __init__(self, good: int) -> None:
        self.good, self.renewed = good, 0

    def headers(self, request: httpx.Request) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.renewed}"}

    def renew(self, refused: Mapping[str, str]) -> bool:
        self.renewed += 1
        return True


@pytest.mark.parametrize(("good", "ends"), [(1, "well"), (9, "refused")])
def test_a_login_is_renewed_once(good: int, ends: str) -> None:
    """A token that ended is renewed; a login that is refused again is not asked a third time."""
    login = Counting(good)

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200 if request.headers["authorization"] == f"Bearer {good}" else 401)

    asked = client(answer, login=login)
    if ends == "well":
        assert asked.get(URL).status == 200
    else:
        with pytest.raises(AuthenticationFailed):
            asked.get(URL)
    assert login.renewed == 1


def test_redirects_are_not_followed() -> None:
    """A login must not travel to where a redirect says."""
    asked = client(lambda _: httpx.Response(302, headers={"Location": "https://evil.example.com/"}))
    with pytest.raises(ProtocolViolation):
        asked.get(URL)
    assert asked.calls == 1


def test_a_missing_authorities_file_is_a_setting() -> None:
    """`verify` names a file that is not there."""
    with pytest.raises(ConfigurationError, match="verify"):
        tls("/nowhere/ca.pem")


def test_counts_and_closing() -> None:
    """Calls and bytes are counted; closing twice is nothing, and asking again opens again."""
    with client(lambda _: httpx.Response(200, content=b"12345")) as asked:
        asked.get(URL)
        assert (asked.calls, asked.received) == (1, 5)
        asked.close()
        asked.get(URL)
    assert "anna" not in repr(asked)
