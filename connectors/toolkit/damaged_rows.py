"""Pages that no JSON parser takes because of one value in them, cut apart at their brackets: it costs its record, nothing else.

A text cut in mid-character leaves half a surrogate pair, a broken code page leaves bytes that are not UTF-8, and a nesting
beyond the parser's depth fails all of a page. Where such a body closes every bracket it opens, its rows can still be told apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

DEEPEST = 180
"""Levels of nesting of a record; documents with lines have three, and the parser of the mapping gives up at 200."""

DECODING = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What msgspec raises over a value that is none, or none of the wanted kind."""

_STRING = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_TOKENS = re.compile(_STRING + rb"|[{}\[\],]", re.DOTALL)
_STRINGS = re.compile(_STRING, re.DOTALL)
_NAMED = re.compile(rb"\s*(" + _STRING + rb")\s*:\s*", re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))
_HALF = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]"
)


class NotApart(ValueError):
    """The brackets of a body do not close: it was cut short, or is no JSON at all."""


class DamagedRow:
    """A row that cannot be read whole. Its bytes are what of it is sound: a JSON object of its single values."""

    def __init__(self, received: bytes, why: str) -> None:
        self.received, self.why = received, why

    def __bytes__(self) -> bytes:
        return _sound_values(self.received)

    @property
    def payload(self) -> bytes:
        """What was received, as a JSON text where it is no JSON."""
        if not flaw(self.received):
            return self.received
        return msgspec.json.encode(self.received.decode("utf-8", "backslashreplace"))


class Parts(NamedTuple):
    """The rows of a damaged page, and its other members as one JSON object."""

    rows: list[msgspec.Raw | DamagedRow]
    others: bytes


def apart(body: bytes, path: Sequence[str]) -> Parts | None:
    """A damaged page, whose list of rows stands at `path`, in parts; None where there is no such list. Raises NotApart."""
    if not path:
        if body.lstrip()[:1] != b"[":
            return None
        return Parts(
            [DamagedRow(row, why) if (why := flaw(row)) else msgspec.Raw(row) for row in _parts(body)], b""
        )
    wanted, inner = msgspec.json.encode(path[0]), None
    others = []
    for part in _parts(body):
        named = _NAMED.match(part)
        if named is None:
            continue
        text = part[named.end() :].strip()
        if named[1] == wanted and inner is None:
            inner = apart(text, path[1:]) if text[:1] == (b"{" if path[1:] else b"[") else None
            if inner is None:
                return None
            text = inner.others
        if text:
            others.append(named[1] + b":" + text)
    return inner and Parts(inner.rows, b"{" + b",".join(others) + b"}")


def flaw(row: bytes) -> str:
    """Why a row cannot be read; empty when it can."""
    if is_too_deep(row):
        return f"is nested deeper than {DEEPEST} levels"
    try:
        row.decode()
        msgspec.json.decode(row, type=msgspec.Raw)
    except UnicodeDecodeError:
        return "holds bytes that are not UTF-8"
    except DECODING:
        return "holds half a character (a lone surrogate)" if _HALF.search(row) else "is no valid JSON"
    return ""


def is_too_deep(row: bytes) -> bool:
    """Whether a row is nested deeper than `DEEPEST`; quick for rows with few brackets."""
    if row.count(b"{") + row.count(b"[") <= DEEPEST:
        return False
    brackets = _STRINGS.sub(b"", row).translate(None, _NO_BRACKETS)
    for _ in range(DEEPEST):
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
        if not brackets:
            return False
    return True


def _sound_values(row: bytes) -> bytes:
    found = []
    try:
        parts = _parts(row) if row[:1] == b"{" else []
    except NotApart:
        parts = []
    for part in parts:
        named = _NAMED.match(part)
        if named and part[named.end() : named.end() + 1] not in (b"{", b"[") and not flaw(b"{" + part + b"}"):
            found.append(part)
    return b"{" + b",".join(found) + b"}"


def _parts(data: bytes) -> list[bytes]:
    """The members or elements of one JSON object or list, white space around them gone. Raises NotApart."""
    depth, start, found = 0, 0, list[bytes]()
    for token in _TOKENS.finditer(data):
        mark = token[0]
        if mark in (b"{", b"["):
            depth += 1
            start = token.end() if depth == 1 else start
        elif mark == b"," and depth == 1:
            found.append(data[start : token.start()].strip())
            start = token.end()
        elif mark in (b"}", b"]"):
            depth -= 1
            if depth == 0:
                last = data[start : token.start()].strip()
                if data[token.end() :].strip():
                    break
                return [*found, last] if last or found else []
    raise NotApart("its brackets do not close")
