"""Every failure of HTTP said in our exception tree: statuses in one function, httpx's exceptions in another."""

from __future__ import annotations

import errno
import html
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import NamedTuple

import httpx
import msgspec

from connectors.toolkit.damaged_rows import DECODING
from connectors.toolkit.http.redaction import sentence
from sync_engine.errors import (
    AuthenticationFailed,
    ConfigurationError,
    PermissionMissing,
    ProtocolViolation,
    RateLimited,
    SourceError,
    SyncError,
    TransientError,
)


class Refused(SourceError):
    """The other side understood the request and refused it; `status`, `code` and `message` are its own words."""

    def __init__(
        self, status: int, code: str, message: str, *, whose: str = "", key: str = "", todo: str = ""
    ) -> None:
        words = ": ".join(part for part in (code, message) if part)
        super().__init__(
            f"refused with HTTP {status}" + (f" ({words})" if words else ""), whose=whose, key=key, todo=todo
        )
        self.status, self.code, self.message = status, code, message


class BrokeOff(Refused):
    """A page that began well (HTTP 200) and ends with an error: it says nothing about what comes behind it."""

    def __init__(self, code: str, message: str, *, whose: str = "", key: str = "") -> None:
        super().__init__(200, code, message, whose=whose, key=key)


class NotFound(Refused):
    """Nothing is there (404, 410): a deleted record, or an address that this installation does not know."""


class TooSlow(TransientError):
    """Too much was asked at once (408, 413, 504, a time-out): ask for less."""


class BrokeDown(TransientError):
    """It broke down over this request (500, 502): all of it may be down, or this one question is what it cannot answer."""


class NoConnection(TransientError):
    """No connection to the host came about: nobody is there, its name is not known, or the way is blocked."""


class Told(NamedTuple):
    """What an error body says: its code and one clean sentence."""

    code: str
    message: str


class _Inner(msgspec.Struct):
    code: str | int | None = None
    message: str | dict[str, str] | None = None


class _Detail(msgspec.Struct):
    detail: str = ""
    code: str = msgspec.field(default="", name="o:errorCode")


class _Envelope(msgspec.Struct):
    """The envelopes of OData, OAuth and many others; problem details [RFC 9457] with what Oracle's services add to them."""

    error: _Inner | str | None = None
    error_description: str | None = None
    message: str | None = None
    title: str | None = None
    detail: str | None = None
    details: list[_Detail] = msgspec.field(default_factory=list, name="o:errorDetails")
    code: str | int | None = msgspec.field(name="errorCode", default=None)
    errors: msgspec.Raw = msgspec.Raw(b"null")


_MOST_DETAILS = 3


def told(body: bytes) -> Told:
    """Reads an error body of any kind: JSON envelope, XML, an HTML page, plain text, nothing."""
    head = body[:8192].lstrip(b"\xef\xbb\xbf \r\n\t")
    if head.startswith(b"{"):
        try:
            return _from_json(msgspec.json.decode(body.lstrip(b"\xef\xbb\xbf"), type=_Envelope))
        except DECODING:
            return Told("", "an error that is not valid JSON")
    text = head.decode("utf-8", "replace")
    return _from_markup(text) if text.startswith("<") else Told("", sentence(text, limit=200))


def _from_json(envelope: _Envelope) -> Told:
    error = envelope.error
    if isinstance(error, _Inner):
        message = error.message
        if isinstance(message, dict):
            message = message.get("value", "")
        return Told(str(error.code or ""), sentence(message or ""))
    for first in envelope.details:
        return Told(sentence(first.code, limit=80), sentence(first.detail or envelope.title or ""))
    said = [envelope.error_description or envelope.message or envelope.detail or envelope.title]
    said += islice(_details(msgspec.json.decode(envelope.errors)), _MOST_DETAILS)
    words = " ".join(dict.fromkeys(text.strip() for text in said if text and text.strip()))
    return Told(sentence(error or str(envelope.code or ""), limit=80), sentence(words))


def _details(errors: object) -> Iterator[str]:
    """The sentences in `errors`: a list of them, or objects that hold one, however deep: by property, in a list by place. [RFC 9457]

    What stood in a field that was refused (`inputValue`) is no sentence and is not repeated.
    """
    if isinstance(errors, str):
        yield errors
    elif isinstance(errors, list):
        for one in errors:
            yield from _details(one)
    elif isinstance(errors, dict):
        words = errors.get("errorMessage") or errors.get("message")
        if isinstance(words, str):
            yield words
            return
        for one in errors.values():
            if isinstance(one, list | dict):
                yield from _details(one)


def _from_markup(text: str) -> Told:
    """XML `<code>` and `<message>`, else the title or first heading; by pattern, so that no entity is ever resolved."""

    def inside(*tags: str) -> str:
        for tag in tags:
            found = re.search(
                rf"<(?:\w+:)?{tag}\b[^>]*>(.*?)</(?:\w+:)?{tag}>", text, re.DOTALL | re.IGNORECASE
            )
            if found and (words := re.sub(r"<[^>]+>", " ", found[1]).strip()):
                return sentence(html.unescape(words), limit=200)
        return ""

    if re.match(r"<!doctype html|<html", text, re.IGNORECASE):
        return Told("", inside("title", "h1", "h2", "h3", "p") or "a web page without a title")
    return Told(inside("code", "faultcode"), inside("message", "faultstring", "title", "h1", "h2"))


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that the other side asks to wait, from seconds or an HTTP date; None when it does not say."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (ValueError, TypeError):
        return None


def from_status(
    status: int, headers: Mapping[str, str], body: bytes, *, now: datetime, whose: str, key: str
) -> SyncError:
    """The error an answer of `status` (not 2xx) stands for; `key` says what was asked for."""
    code, message = told(body)
    words = ": ".join(part for part in (code, message) if part)
    what = f"HTTP {status}" + (f" ({words})" if words else "")
    match status:
        case 401:
            todo = "Check the credential and that it is registered in the ERP."
            return AuthenticationFailed(f"the login was refused, {what}", whose=whose, key=key, todo=todo)
        case 403:
            return PermissionMissing(
                f"the login may not read this, {what}",
                whose=whose,
                key=key,
                todo="Grant the permission in the ERP.",
            )
        case 404 | 410:
            return NotFound(status, code, message, whose=whose, key=key)
        case 408 | 413 | 504:
            return TooSlow(f"too much at once, {what}", whose=whose, key=key)
        case 429:
            return RateLimited(
                f"too many requests, {what}", retry_after=retry_after(headers, now), whose=whose, key=key
            )
        case 500 | 502 | 503:
            wait = retry_after(headers, now)
            if wait is not None:
                return RateLimited(f"not able to answer now, {what}", retry_after=wait, whose=whose, key=key)
            kind = TransientError if status == 503 else BrokeDown
            return kind(f"not able to answer now, {what}", whose=whose, key=key)
        case _ if 300 <= status < 400:
            todo = "Check the base address: a redirect is never followed with a login."
            return ProtocolViolation(f"answered with a redirect, {what}", whose=whose, key=key, todo=todo)
        case _:
            return Refused(status, code, message, whose=whose, key=key)


def from_httpx(failure: Exception, *, whose: str, key: str) -> SyncError:
    """The error one of httpx's exceptions stands for. The only place that knows them; its text is never passed on."""
    kind = type(failure).__name__
    match failure:
        case httpx.TimeoutException() if isinstance(failure, httpx.ReadTimeout | httpx.WriteTimeout):
            return TooSlow(f"no answer in time ({kind})", whose=whose, key=key)
        case httpx.ConnectError() if _untrusted(failure):
            todo = "Set `verify` to the file of the issuing authority."
            return ConfigurationError("its certificate is not trusted", whose=whose, key=key, todo=todo)
        case httpx.ConnectError() if (said := _no_tls(failure)) is not None:
            todo = "Check scheme and port of the address, and which versions of TLS it speaks."
            return ConfigurationError(
                f"it and we do not understand each other's TLS ({said})", whose=whose, key=key, todo=todo
            )
        case httpx.ConnectError() | httpx.ConnectTimeout():
            host = _host(failure)
            to = f"no connection to {host}" if host else "no connection"
            return NoConnection(f"{to}: {_why(failure)}", whose=whose, key=key)
        case httpx.InvalidURL() | httpx.UnsupportedProtocol():
            todo = "Check the base address: it starts with https://."
            return ConfigurationError(f"the address is not usable ({kind})", whose=whose, key=key, todo=todo)
        case httpx.LocalProtocolError():
            todo = "Check the login for line breaks and other control characters."
            return ConfigurationError(
                f"the request could not be written ({kind})", whose=whose, key=key, todo=todo
            )
        case httpx.TooManyRedirects() | httpx.StreamError() | httpx.CookieConflict():
            return ProtocolViolation(f"its answer could not be read ({kind})", whose=whose, key=key)
        case _:
            return TransientError(f"the connection failed ({kind})", whose=whose, key=key)


def _chain(failure: BaseException) -> Iterator[BaseException]:
    """The exception and what it came of."""
    seen: BaseException | None = failure
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _untrusted(failure: BaseException) -> bool:
    return any(isinstance(one, ssl.SSLCertVerificationError) for one in _chain(failure)) or (
        "CERTIFICATE_VERIFY_FAILED" in str(failure)
    )


def _no_tls(failure: BaseException) -> str | None:
    """Why two that are connected do not come to TLS, as OpenSSL calls it; None where the connection was merely closed."""
    for one in _chain(failure):
        if isinstance(one, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError):
            return None
        if isinstance(one, ssl.SSLError) and one.reason:
            return one.reason
    return None


def _host(failure: httpx.RequestError) -> str:
    try:
        return failure.request.url.host
    except RuntimeError:  # httpx: it was raised outside of a request
        return ""


_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}


def _why(failure: httpx.RequestError) -> str:
    """Why a connection did not come about, in words; of the system's own text nothing is passed on."""
    for one in _chain(failure):
        if isinstance(one, ConnectionRefusedError):
            return "it was refused, nothing listens there"
        if isinstance(one, socket.gaierror):
            return "its name is not known (DNS)"
        if isinstance(one, OSError) and one.errno in _UNREACHABLE:
            return "no way leads there"
        if isinstance(one, ssl.SSLError | ConnectionResetError):
            return "it was closed before it began"
    if isinstance(failure, httpx.ConnectTimeout):
        return "nobody answered in time"
    return f"it failed ({type(failure).__name__})"
