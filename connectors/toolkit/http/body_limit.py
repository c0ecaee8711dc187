"""Answers unpacked while they are read, up to a limit: a small body must not become a large one in memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import cast

import httpx

from sync_engine.errors import ProtocolViolation, TransientError

ACCEPTED = "gzip, deflate"
"""What is asked for: both can be unpacked piece by piece."""

_STEP = 1 << 20
_GZIP, _DEFLATE, _BARE_DEFLATE = 31, 15, -15


class BoundedStream(httpx.SyncByteStream):
    """The body of an answer, unpacked; raises ProtocolViolation as soon as it is larger than `most` bytes, TransientError when it was cut short."""

    def __init__(self, inner: httpx.SyncByteStream, encoding: str, most: int, whose: str) -> None:
        self._inner, self._encoding, self._most, self._whose = inner, encoding, most, whose

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for piece in self._pieces():
            size += len(piece)
            if size > self._most:
                raise ProtocolViolation(
                    f"the answer is larger than {self._most >> 20} MB",
                    whose=self._whose,
                    todo="Ask for smaller pages (page_size), or raise largest_answer_mb if it is meant.",
                )
            yield piece

    def _pieces(self) -> Iterator[bytes]:
        if self._encoding in ("", "identity"):
            yield from self._inner
        elif self._encoding in ("gzip", "x-gzip", "deflate"):
            yield from self._inflated()
        else:
            raise ProtocolViolation(
                f"the answer is packed as {self._encoding[:20]!r}, which nobody asked for", whose=self._whose
            )

    def _inflated(self) -> Iterator[bytes]:
        unpack, begun = zlib.decompressobj(_DEFLATE if self._encoding == "deflate" else _GZIP), False
        try:
            for packed in self._inner:
                if not begun and packed and self._encoding == "deflate" and packed[0] & 15 != 8:
                    unpack = zlib.decompressobj(
                        _BARE_DEFLATE
                    )  # some servers send deflate without its heading
                begun = begun or bool(packed)
                while packed:
                    yield unpack.decompress(packed, _STEP)
                    packed = unpack.unconsumed_tail
        except zlib.error:
            raise TransientError("the answer cannot be unpacked", whose=self._whose) from None
        if begun and not unpack.eof:
            raise TransientError("the answer was cut short", whose=self._whose)

    def close(self) -> None:
        """Closes the connection's side of it."""
        self._inner.close()


def bound(answer: httpx.Response, most: int, whose: str) -> None:
    """Makes an answer that is not yet read one that unpacks itself up to `most` bytes."""
    encoding = answer.headers.pop("content-encoding", "").strip().lower()
    answer.stream = BoundedStream(cast(httpx.SyncByteStream, answer.stream), encoding, most, whose)
