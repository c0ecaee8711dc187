"""Requests and responses as the simulator sees them, independent of WSGI and sockets."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

import msgspec

from tests.simulators.business_central.wire import JsonObject

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_READABLE = "$,()'-:;="
JSON_TYPE = "application/json; odata.metadata=minimal; odata.streaming=true"
REASONS = {
    200: "OK", 201: "Created", 204: "No Content", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout", 409: "Conflict", 412: "Precondition Failed",
    413: "Payload Too Large", 429: "Too Many Requests", 500: "Internal Server Error", 501: "Not Implemented",
    502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
}  # fmt: skip


class ConnectionDropped(ConnectionResetError):
    """The simulator hangs up; a server closes the socket, in process it reaches the caller.

    `sent` is what went out before, if anything.
    """

    def __init__(self, sent: bytes = b"") -> None:
        super().__init__("the simulator dropped the connection")
        self.sent = sent


@dataclass(frozen=True)
class Request:
    """A request; header names are lower case, the path is decoded, the query is not."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    scheme: str = "http"
    host: str = "localhost"

    def header(self, name: str) -> str:
        return self.headers.get(name.lower(), "")

    @property
    def options(self) -> dict[str, str]:
        return dict(parse_qsl(self.query, keep_blank_values=True))

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host}"

    @property
    def target(self) -> str:
        """Path and decoded query: what faults match against."""
        return f"{self.path}?{unquote(self.query.replace('+', ' '))}" if self.query else self.path

    def json(self) -> Any:
        return msgspec.json.decode(self.body) if self.body else {}


@dataclass(frozen=True)
class Served:
    """What a page of rows was, for faults that depend on it."""

    entity_set: str
    keys: tuple[str, ...]
    expanded: tuple[str, ...]
    with_page_size: bool = False


@dataclass
class Response:
    """Either bytes or a payload that is still an object, so that faults can spoil it before it is encoded."""

    status: int = 200
    payload: JsonObject | None = None
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    served: Served | None = None

    def encoded(self) -> bytes:
        return _ENCODER.encode(self.payload) if self.payload is not None else self.body

    def finished(self) -> tuple[str, list[tuple[str, str]], bytes]:
        """Status line, headers with length and type, body."""
        body = self.encoded()
        headers = {"Content-Type": JSON_TYPE, "OData-Version": "4.0", **self.headers}
        if self.status == 204:
            headers.pop("Content-Type")
        headers["Content-Length"] = str(len(body))
        return f"{self.status} {REASONS.get(self.status, 'Unknown')}", list(headers.items()), body


def from_environ(environ: Mapping[str, Any]) -> Request:
    """A request from WSGI; the path may be UTF-8 in Latin-1 clothes (the standard) or plain text (httpx)."""
    path = str(environ.get("SCRIPT_NAME", "")) + str(environ.get("PATH_INFO", ""))
    with suppress(UnicodeError):
        path = path.encode("latin-1").decode("utf-8")
    headers = {k[5:].replace("_", "-").lower(): str(v) for k, v in environ.items() if k.startswith("HTTP_")}
    if environ.get("CONTENT_TYPE"):
        headers["content-type"] = str(environ["CONTENT_TYPE"])
    length = int(environ.get("CONTENT_LENGTH") or 0)
    stream = environ["wsgi.input"]
    body = stream.read(length) if length else stream.read() if "HTTP_TRANSFER_ENCODING" in environ else b""
    return Request(
        str(environ["REQUEST_METHOD"]),
        path,
        str(environ.get("QUERY_STRING", "")),
        headers,
        body,
        str(environ.get("wsgi.url_scheme", "http")),
        headers.get("host")
        or f"{environ.get('SERVER_NAME', 'localhost')}:{environ.get('SERVER_PORT', '80')}",
    )


def query_string(options: Iterable[tuple[str, str]]) -> str:
    """A query as Business Central writes it into links: `$` and commas stay readable."""
    return "&".join(f"{name}={quote(value, safe=_READABLE)}" for name, value in options)
