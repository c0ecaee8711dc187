"""Text of other systems made fit for a log: one short sentence without queries, tokens, addresses or ids of requests."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

_CORRELATION = re.compile(r"\s*CorrelationId:\s*[0-9a-fA-F-]{8,}\.?")
_TRACE = re.compile(r"\s*(Trace ID|Correlation ID|Timestamp):\s*\S+( \S+Z)?", re.IGNORECASE)
_EMAIL = re.compile(r"[^\s<>()\"',;:@]+@[^\s<>()\"',;:@]+\.[A-Za-z]{2,}")
_URL = re.compile(r"(https?://[^\s?#\"'<>]+)[?#][^\s\"'<>]*")
_USERINFO = re.compile(r"(https?://)[^\s/@]+@")
_TOKEN = re.compile(r"\b(?:Bearer|Basic)\s+[\w.~+/=-]+|\beyJ[\w-]+\.[\w.-]+|(?=[\w+/~-]*\d)[\w+/~-]{40,}=*")
_VALUE = re.compile(r"\bValue:\s.*$", re.DOTALL)


def sentence(text: str, *, limit: int = 300, secrets: Iterable[str] = ()) -> str:
    """One line of at most `limit` characters; e-mail addresses, queries, tokens and `secrets` are replaced by `***`."""
    for secret in secrets:
        text = text.replace(secret, "***") if secret else text
    text = _TRACE.sub("", _CORRELATION.sub("", text))
    text = _USERINFO.sub(r"\1***@", _URL.sub(r"\1", text))
    text = _VALUE.sub("Value: ***", _EMAIL.sub("***", _TOKEN.sub("***", text)))
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def place(url: str) -> str:
    """Scheme, host and path of a URL: what may be told of a request."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}"
