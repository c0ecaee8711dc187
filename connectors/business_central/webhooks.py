"""Webhook notifications as hints that wake a lane early. Polling stays the truth: a hint says when to look, never what is there.

`HintReceiver` is a WSGI program for one source; `subscribe` makes and renews subscriptions, which live three days.
[D:api-reference/v2.0/dynamics-subscriptions.md]
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Any, Protocol
from urllib.parse import parse_qs

import msgspec

from connectors.business_central.settings import Hints
from connectors.toolkit.damaged_rows import DECODING
from connectors.toolkit.http.errors import Refused
from connectors.toolkit.rows import Fields, Row
from sync_engine.errors import PermissionMissing, ProtocolViolation
from sync_engine.records import Subscribed

RESOURCES = {
    "customers": "customers",
    "salesInvoices": "salesInvoices",
    "salesCreditMemos": "salesCreditMemos",
    "currencies": "currencies",
    "dimensions": "dimensions",
    "paymentTerms": "paymentTerms",
    "paymentMethods": "paymentMethods",
    "generalLedgerEntries": "payments",
}
"""What can be subscribed to, and the wire entity or family to look at then: a posting shows in the general ledger first."""

_RESOURCE = re.compile(r"companies\([0-9a-fA-F-]{36}\)/(\w+)")
_LARGEST = 1 << 20
_RENEW_BEFORE = timedelta(days=2)

Start = Callable[[str, list[tuple[str, str]]], Any]


class _Notification(msgspec.Struct):
    resource: str = ""
    state: str = msgspec.field(name="clientState", default="")


class _Body(msgspec.Struct):
    value: list[msgspec.Raw] = []


class Subscription(msgspec.Struct):
    """A subscription as Business Central shows it."""

    id: str = msgspec.field(name="subscriptionId", default="")
    url: str = msgspec.field(name="notificationUrl", default="")
    resource: str = ""
    expires: datetime | None = msgspec.field(name="expirationDateTime", default=None)
    etag: str = msgspec.field(name="@odata.etag", default="*")


class WebhookReceiver:
    """Answers Business Central about one source. `hear` is told each wire entity or family that was heard of; it may raise OSError."""

    def __init__(self, client_state: str, hear: Callable[[str], None]) -> None:
        self._state, self._hear = client_state.encode(), hear

    def __call__(self, environ: Mapping[str, Any], start: Start) -> Iterable[bytes]:
        """Any status but 200 to 299, 408, 429 and 5xx ends a subscription, so what we do not know is thanked for and forgotten."""
        status, body = self._answer(environ)
        start(status, [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))])
        return [body]

    def _answer(self, environ: Mapping[str, Any]) -> tuple[str, bytes]:
        token = parse_qs(environ.get("QUERY_STRING", "")).get("validationToken")
        if token:
            return (
                ("200 OK", token[0].encode())
                if token[0].isascii() and len(token[0]) <= 2048
                else ("400 Bad Request", b"")
            )
        if environ.get("REQUEST_METHOD") != "POST":
            return "405 Method Not Allowed", b""
        try:
            size = int(environ.get("CONTENT_LENGTH") or 0)
            if size > _LARGEST:
                return "413 Content Too Large", b""
            told = list(
                Fields(_Notification).all(
                    msgspec.json.decode(environ["wsgi.input"].read(max(size, 0)), type=_Body).value
                )
            )
        except (ValueError, *DECODING):
            return "400 Bad Request", b""
        if not all(compare_digest(notification.state.encode(), self._state) for notification in told):
            return "403 Forbidden", b""
        try:
            for resource in {
                found[1]
                for found in (_RESOURCE.search(notification.resource) for notification in told)
                if found
            }:
                if resource in RESOURCES:
                    self._hear(RESOURCES[resource])
        except OSError:
            return "503 Service Unavailable", b""
        return "200 OK", b""


class Subscriber(Protocol):
    """What is asked of a connector to subscribe."""

    source: str

    @property
    def company_id(self) -> str: ...

    def now(self) -> datetime: ...

    def rows(self, path: str) -> list[Row]: ...

    def write(self, method: str, path: str, body: dict[str, str], *, etag: str = "") -> bytes: ...


def subscribe(connector: Subscriber, hints: Hints) -> list[Subscribed]:
    """Makes what is missing and renews what ends within two days. Call it daily; the receiver must be up, it is asked at once.

    A resource that is refused is told and the others go on. Raises what signing in raises.
    """
    url, client_state = f"{hints.url}/{connector.source}", hints.secret.resolve()
    company, now = connector.company_id, connector.now()
    ours = [
        row for row in _existing(connector) if f"({company})".casefold() in row.resource.casefold()
    ]  # the YAML may have named another company
    known = {(row.url, row.resource.rsplit("/", 1)[-1]): row for row in ours}
    found = []
    for resource in RESOURCES:
        row = known.get((url, resource))
        try:
            if row is None:
                wanted = {
                    "notificationUrl": url,
                    "resource": f"/api/v2.0/companies({company})/{resource}",
                    "clientState": client_state,
                }
                connector.write("POST", "subscriptions", wanted)
                found.append(Subscribed(resource, "made"))
            elif row.expires is None or row.expires - now < _RENEW_BEFORE:
                connector.write("PATCH", f"subscriptions('{row.id}')", {}, etag=row.etag)
                found.append(Subscribed(resource, "renewed"))
            else:
                found.append(Subscribed(resource, "kept"))
        except (Refused, PermissionMissing, ProtocolViolation) as refusal:
            found.append(Subscribed(resource, "refused", refusal.what))
    return found


def _existing(connector: Subscriber) -> list[Subscription]:
    return list(Fields(Subscription).all(connector.rows("subscriptions")))
