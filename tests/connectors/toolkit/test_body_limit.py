"""Answers that unpack to more than they should, that were cut short, or that are packed in a way nobody asked for."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator

import httpx
import pytest

from connectors.toolkit.http.client import HttpClient
from connectors.toolkit.http.limits import Limits
from sync_engine.errors import ProtocolViolation, TransientError
from tests.connectors.support import Hands

URL, MOST = "https://bc.example.com/x", 3 << 20


class Network(httpx.SyncByteStream):
    """A body that comes in pieces; notes how many were taken."""

    def __init__(self, body: bytes, step: int = 4096) -> None:
        self.body, self.step, self.taken = body, step, 0

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self.body), self.step):
            self.taken += 1
            yield self.body[start : start + self.step]


def packed(body: bytes, encoding: str) -> bytes:
    """A body as a server packs it."""
    if encoding in ("gzip", "x-gzip"):
        return gzip.compress(body)
    if encoding == "bare deflate":
        bare = zlib.compressobj(wbits=-15)
        return bare.compress(body) + bare.flush()
    return zlib.compress(body) if encoding == "deflate" else body


def answered(body: bytes, encoding: str) -> tuple[HttpClient, Network]:
    """A client whose every question is answered with this."""
    stream = Network(body)
    header = {"Content-Encoding": encoding} if encoding else {}
    answer = httpx.MockTransport(lambda _: httpx.Response(200, headers=header, stream=stream))
    return HttpClient(
        whose="bc", clock=Hands(), transport=answer, limits=Limits(attempts=2, largest=MOST)
    ), stream


@pytest.mark.parametrize("encoding", ["", "identity", "gzip", "x-gzip", "deflate", "bare deflate"])
def test_what_fits_arrives_whole(encoding: str) -> None:
    """Whatever it was packed with, up to the last byte that is allowed."""
    body = bytes(range(256)) * (MOST // 256)
    client, _ = answered(packed(body, encoding), encoding.removeprefix("bare "))
    assert client.get(URL).body == body
    assert client.received == MOST


@pytest.mark.parametrize("encoding", ["", "gzip", "deflate", "bare deflate"])
def test_what_unpacks_to_too_much_is_not_unpacked(encoding: str) -> None:
    """One sentence, at the first byte too many, and the rest is not even taken from the network."""
    client, stream = answered(packed(bytes(64 << 20), encoding), encoding.removeprefix("bare "))
    with pytest.raises(ProtocolViolation, match=r"the answer is larger than 3 MB.*largest_answer_mb"):
        client.get(URL)
    assert client.calls == 1
    assert stream.taken < len(stream.body) / stream.step


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_packed_answer_that_ends_early_is_asked_for_again(encoding: str) -> None:
    """Cut short it would still unpack, to less than was sent."""
    client, _ = answered(packed(b"a" * 100_000, encoding)[:-9], encoding)
    with pytest.raises(TransientError, match="cut short"):
        client.get(URL)
    assert client.calls == 2


def test_a_packed_answer_that_is_none_is_asked_for_again() -> None:
    """A proxy that says gzip and sends none."""
    client, _ = answered(b"plain text", "gzip")
    with pytest.raises(TransientError, match="cannot be unpacked"):
        client.get(URL)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress"])
def test_only_what_was_asked_for_is_unpacked(encoding: str) -> None:
    """These unpack a small piece into any amount at once."""
    client, _ = answered(b"anything", encoding)
    with pytest.raises(ProtocolViolation, match="which nobody asked for"):
        client.get(URL)


def test_what_is_asked_for() -> None:
    """Only what can be unpacked piece by piece."""
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["accept-encoding"])
        return httpx.Response(200)

    HttpClient(whose="bc", clock=Hands(), transport=httpx.MockTransport(answer)).get(URL)
    assert seen == ["gzip, deflate"]
