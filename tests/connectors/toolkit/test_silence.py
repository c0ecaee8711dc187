"""A host of which nothing is heard is given up within a minute, and one that answers anything has all the patience there is."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from connectors.toolkit.http.client import HttpClient
from connectors.toolkit.http.errors import NoConnection, TooSlow
from connectors.toolkit.http.limits import Limits
from sync_engine.errors import ConfigurationError, SyncError, TransientError, Unreachable
from tests.connectors.support import Hands

URL = "https://erp.example.com/api"
Answer = Callable[[httpx.Request], httpx.Response]


class Host:
    """Counts what it is asked and does with each request what is told."""

    def __init__(self, does: Answer) -> None:
        self.does, self.asked = does, 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        return self.does(request)


def refuses(request: httpx.Request) -> httpx.Response:
    """Nobody listens."""
    raise httpx.ConnectError("refused", request=request) from ConnectionRefusedError(111, "refused")


def hangs_up(request: httpx.Request) -> httpx.Response:
    """Somebody listens and says nothing."""
    raise httpx.RemoteProtocolError("closed", request=request)


def answers(_: httpx.Request) -> httpx.Response:
    """All is well."""
    return httpx.Response(200, content=b"{}")


def busy(_: httpx.Request) -> httpx.Response:
    """Somebody is there and cannot."""
    return httpx.Response(503)


def opened(host: Host, hands: Hands, **limits: float) -> HttpClient:
    """A client of a host."""
    given = {"attempts": 50, "first_pause": 1.0, **limits}
    return HttpClient(
        whose="bc",
        clock=hands,
        transport=httpx.MockTransport(host),
        limits=Limits(**given),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("does", [refuses, hangs_up], ids=["refuses", "hangs up"])
def test_silence_ends_within_a_minute(does: Answer) -> None:
    """However many attempts a product allows; the sentence says for how long, of whom, and why."""
    hands, host = Hands(), Host(does)
    with pytest.raises(Unreachable, match="nothing was heard for") as caught:
        opened(host, hands).get(URL)
    assert 20 < sum(hands.slept) <= 45
    assert caught.value.waited == pytest.approx(sum(hands.slept), abs=1)
    if does is refuses:
        assert "no connection to erp.example.com: it was refused" in str(caught.value)


def test_attempts_that_are_over_are_silence_too() -> None:
    """Six attempts take less than the patience: that nobody is there is known then."""
    hands = Hands()
    with pytest.raises(Unreachable):
        opened(Host(refuses), hands, attempts=6).get(URL)
    assert sum(hands.slept) < 45


def test_a_host_that_was_given_up_is_not_asked_by_every_question() -> None:
    """A dozen questions do not wait a dozen times; after a while it is asked again, and what it says counts."""
    hands, host = Hands(), Host(refuses)
    client = opened(host, hands)
    with pytest.raises(Unreachable):
        client.get(URL)
    asked, slept = host.asked, len(hands.slept)
    for _ in range(12):
        with pytest.raises(Unreachable, match="nothing was heard"):
            client.get(URL)
    assert (host.asked, len(hands.slept)) == (asked, slept)
    hands.sleep(46)
    host.does = answers
    assert client.get(URL).status == 200
    host.does = refuses
    hands.sleep(300)
    with pytest.raises(Unreachable) as again:
        client.get(URL)
    assert again.value.waited <= 45


def test_a_host_that_answers_is_waited_for() -> None:
    """Refusing to work now is an answer: all attempts are made, and the error is not that nobody is there."""
    hands, host = Hands(), Host(busy)
    with pytest.raises(TransientError) as caught:
        opened(host, hands, attempts=8).get(URL)
    assert not isinstance(caught.value, Unreachable)
    assert host.asked == 8
    assert sum(hands.slept) > 60


def test_who_was_heard_may_close_a_connection() -> None:
    """After a first answer a closed connection or a slow page is about the question; no connection at all never is."""
    hands, host = Hands(), Host(answers)
    client = opened(host, hands, attempts=8)
    client.get(URL)
    host.does = hangs_up
    with pytest.raises(TransientError) as caught:
        client.get(URL)
    assert not isinstance(caught.value, Unreachable)
    assert host.asked == 9
    host.does = refuses
    with pytest.raises(Unreachable):
        client.get(URL)


def test_whoever_knows_a_better_question_hears_at_once() -> None:
    """A failure that a caller asked for goes to it as it is, and shuts no door."""

    def slow(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("slow", request=request)

    hands, host = Hands(), Host(slow)
    client = opened(host, hands)
    with pytest.raises(TooSlow):
        client.get(URL, at_once=(TooSlow,))
    host.does = answers
    assert client.get(URL).status == 200


@contextmanager
def listening(says: bytes) -> Iterator[int]:
    """A port that says the same to everybody and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    with server.accept()[0] as one:
                        one.settimeout(2)
                        one.recv(4096)
                        one.sendall(says)
                except OSError:
                    continue

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            thread.join()


def said_by(url: str) -> SyncError:
    """What a real connection fails with."""
    with (
        HttpClient(whose="bc", clock=Hands(), limits=Limits(attempts=1, connect=2, read=2)) as client,
        pytest.raises(SyncError) as caught,
    ):
        client.get(url)
    return caught.value


def test_real_connections_fail_in_words() -> None:
    """A closed port, a name nobody has, a port that speaks no TLS, one that is closed before it begins."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    refused = said_by(f"https://127.0.0.1:{free}/x?secret=1")
    assert isinstance(refused, Unreachable)
    assert "no connection to 127.0.0.1: it was refused" in str(refused)
    assert "secret" not in str(refused)
    nameless = said_by("https://nobody.invalid/")
    assert isinstance(nameless, Unreachable)
    assert "its name is not known" in str(nameless)
    with listening(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        plain = said_by(f"https://127.0.0.1:{port}/")
    assert isinstance(plain, ConfigurationError)
    assert "TLS" in str(plain)
    with listening(b"") as port:
        assert isinstance(said_by(f"https://127.0.0.1:{port}/"), Unreachable)


def test_an_untrusted_certificate_is_never_silence() -> None:
    """Somebody is there, whom a person has to trust or not."""

    def untrusted(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("x", request=request) from ssl.SSLCertVerificationError(
            "CERTIFICATE_VERIFY_FAILED"
        )

    hands = Hands()
    with pytest.raises(ConfigurationError, match="not trusted"):
        opened(Host(untrusted), hands).get(URL)
    assert hands.slept == []


def test_no_connection_is_worth_another_try() -> None:
    """A host that restarts is back after seconds."""
    hands, host = Hands(), Host(refuses)

    def comes_back(request: httpx.Request) -> httpx.Response:
        return refuses(request) if host.asked < 4 else answers(request)

    host.does = comes_back
    assert opened(host, hands).get(URL).status == 200
    assert issubclass(NoConnection, TransientError)
