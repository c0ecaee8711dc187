"""Webhook subscriptions: the validation handshake, three days of life, notifications about changed rows.

Source: dynamics-subscriptions.md. Contacts, default dimensions and dimension values cannot be subscribed to.
"""

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

import msgspec

from tests.simulators.business_central.errors import ODataError, bad_request, not_found
from tests.simulators.business_central.http import Request, Response
from tests.simulators.business_central.state import Change
from tests.simulators.business_central.wire import Json, JsonObject, etag, stamp_text
from tests.simulators.business_central.world import World

Notify = Callable[[str, bytes], tuple[int, bytes]]
LIFE = timedelta(days=3)
MOST = 200
ROWS = {
    "Customer": "customers", "Currency": "currencies", "Dimension": "dimensions", "PaymentTerm": "paymentTerms",
    "GeneralEntry": "generalLedgerEntries", "Account": "accounts",
}  # fmt: skip
SUBSCRIBABLE = {*ROWS.values(), "salesInvoices", "salesCreditMemos", "paymentMethods", "companyInformation"}


@dataclass
class Subscription:
    """One subscriber's wish to hear about one resource."""

    id: str
    url: str
    resource: str
    client_state: str
    expires: datetime
    version: int = 1


class Webhooks:
    """Keeps subscriptions, collects changes, and posts notifications through an injected `notify`.

    `notify(url, body)` gives status and body of the subscriber's answer; a body that is empty is the handshake.
    """

    def __init__(self, world: World, notify: Notify | None) -> None:
        self.world, self.notify = world, notify
        self.subscriptions: dict[str, Subscription] = {}
        self.waiting: deque[Change] = deque(maxlen=10_000)
        world.stamper.listeners.append(self._hear)

    def _hear(self, change: Change) -> None:
        if self.subscriptions:
            self.waiting.append(change)

    def answer(self, request: Request, key: str | None) -> Response:
        """POST, GET, PATCH (renew) and DELETE of subscriptions."""
        if request.method == "POST":
            return self._subscribe(request)
        if key is None:
            return Response(payload={"value": [self._shown(x) for x in self.subscriptions.values()]})
        found = self.subscriptions.get(key.strip("'"))
        if found is None:
            raise not_found("subscriptions")
        if request.method == "GET":
            return Response(payload=self._shown(found))
        if request.header("if-match") not in ("*", etag(found.version)):
            raise bad_request("Could not validate the client concurrency token.", "BadRequest_InvalidToken")
        if request.method == "DELETE":
            del self.subscriptions[found.id]
            return Response(204)
        self._handshake(found.url)
        found.expires, found.version = self.world.clock() + LIFE, found.version + 1
        return Response(payload=self._shown(found))

    def _subscribe(self, request: Request) -> Response:
        given = request.json()
        resource = str(given.get("resource", ""))
        if resource.rstrip("/").split("/")[-1] not in SUBSCRIBABLE:
            raise bad_request(f"The resource {resource} is not supported for webhook notifications.")
        if len(self.subscriptions) >= MOST:
            raise ODataError(429, "Application_TooManyRequests", "Too many subscriptions. Maximum (200).")
        self._handshake(str(given.get("notificationUrl", "")))
        row = Subscription(
            uuid4().hex,
            str(given["notificationUrl"]),
            resource,
            str(given.get("clientState", ""))[:2048],
            self.world.clock() + LIFE,
        )
        self.subscriptions[row.id] = row
        return Response(201, payload=self._shown(row))

    def _handshake(self, url: str) -> None:
        """The notification URL is called with a token and must answer 200 with that token."""
        token = uuid4().hex
        separator = "&" if "?" in url else "?"
        status, body = (
            self.notify(f"{url}{separator}validationToken={token}", b"") if self.notify else (0, b"")
        )
        if status != 200 or body.decode().strip().strip('"') != token:
            raise bad_request(
                "The subscription validation request failed. Response must match validationToken."
            )

    def _shown(self, row: Subscription) -> JsonObject:
        return {
            "@odata.etag": etag(row.version),
            "subscriptionId": row.id,
            "notificationUrl": row.url,
            "resource": row.resource,
            "userId": "00000000-0000-0000-0000-000000000001",
            "lastModifiedDateTime": stamp_text(self.world.clock()),
            "clientState": row.client_state,
            "expirationDateTime": stamp_text(row.expires),
        }

    def deliver(self) -> int:
        """Send what happened; gives the number of notifications. An answer outside the retry list ends a subscription."""
        if not self.waiting or self.notify is None:
            return 0
        changes = list(self.waiting)
        self.waiting.clear()
        sent = 0
        for row in list(self.subscriptions.values()):
            if row.expires <= self.world.clock():
                del self.subscriptions[row.id]
                continue
            values = [self._notification(row, x) for x in changes if self._concerns(row, x)]
            if not values:
                continue
            sent += len(values)
            status, _ = self.notify(row.url, msgspec.json.encode({"value": values}))
            if status >= 300 and status not in (408, 429) and status < 500:
                del self.subscriptions[row.id]
        return sent

    def _set_of(self, change: Change) -> str:
        if change.row_type != "SalesDocument":
            return ROWS.get(change.row_type, "")
        invoices = self.world.companies[change.company_id].invoices
        return "salesInvoices" if change.row_id in invoices else "salesCreditMemos"

    def _concerns(self, row: Subscription, change: Change) -> bool:
        company = re.search(r"companies\(([^)]+)\)", row.resource)
        here = company is None or company[1].lower() == change.company_id
        return here and row.resource.rstrip("/").endswith(f"/{self._set_of(change) or '-'}")

    def _notification(self, row: Subscription, change: Change) -> Json:
        return {
            "subscriptionId": row.id,
            "clientState": row.client_state,
            "expirationDateTime": stamp_text(row.expires),
            "resource": f"{row.resource}({change.row_id})",
            "changeType": change.change,
            "lastModifiedDateTime": stamp_text(change.at),
        }
