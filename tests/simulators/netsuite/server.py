"""How the service answers over HTTP: SuiteQL in pages, its clock, tokens; refusals in the forms that it has."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.simulators.netsuite import suiteql
from tests.simulators.netsuite.books import Books
from tests.simulators.netsuite.logins import Doorkeeper

SUITEQL = "/services/rest/query/v1/suiteql"
TOKEN = "/services/rest/auth/oauth2/v1/token"
MOST, FURTHEST = 1000, 100_000


@dataclass
class Faults:
    """What goes wrong with the next requests: each number counts down."""

    too_many: int = 0
    maintenance: int = 0
    unauthorized: int = 0


@dataclass
class NetSuiteTransport(httpx.BaseTransport):
    """An httpx transport into one account. `asked` are its requests so far, `queries` the SuiteQL among them."""

    books: Books
    account: str = "TSTDRV12345_SB1"
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        self.door = Doorkeeper(self.account, self.books.time.now)
        self.asked, self.queries = list[str](), list[str]()
        self._lock = threading.Lock()
        self.host = f"{self.account.lower().replace('_', '-')}.suitetalk.api.netsuite.com"

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One at a time: functions in Python let SQLite's lock and Python's wait for each other otherwise."""
        with self._lock:
            return self._handle(request)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.raw_path.decode())
        if request.url.host != self.host:
            return self._answer(404, {"title": "Not Found", "status": 404})
        if request.url.path == TOKEN:
            return self._answer(*self.door.token(request, f"https://{self.host}{TOKEN}"))
        if fault := self._fault():
            return fault
        if not self.door.lets_in(request):
            return self._refused(401, "INVALID_LOGIN", "Invalid login attempt.")
        if request.url.path != SUITEQL or request.method != "POST":
            return self._refused(404, "NOT_FOUND", "The requested resource does not exist.")
        if request.headers.get("prefer") != "transient":
            return self._refused(400, "INVALID_HEADER", "The required header Prefer is missing.")
        return self._query(request)

    def _query(self, request: httpx.Request) -> httpx.Response:
        asked = request.url.params
        limit, offset = int(asked.get("limit", MOST)), int(asked.get("offset", 0))
        if not 0 < limit <= MOST or offset % limit or offset >= FURTHEST:
            return self._refused(400, "INVALID_PARAMETER", "Invalid limit or offset.")
        statement = json.loads(request.content)["q"]
        self.queries.append(statement)
        try:
            rows = suiteql.run(self.books.db, statement, self.books.session, self.books.time.now())
        except suiteql.Refusal as refusal:
            code = "UNEXPECTED_ERROR" if refusal.status == 500 else "INVALID_PARAMETER"
            return self._refused(refusal.status, code, refusal.detail)
        page, told = rows[offset : offset + limit], min(len(rows), FURTHEST)
        more = offset + limit < told
        href = f"https://{self.host}{SUITEQL}?limit={limit}&offset={{}}"
        links = [{"rel": "self", "href": href.format(offset)}]
        if more:
            links.append({"rel": "next", "href": href.format(offset + limit)})
        return self._answer(
            200,
            {
                "links": links,
                "count": len(page),
                "hasMore": more,
                "items": [{"links": [], **row} for row in page],
                "offset": offset,
                "totalResults": told,
            },
        )

    def _fault(self) -> httpx.Response | None:
        faults = self.faults
        if faults.too_many:
            faults.too_many -= 1
            what = "Concurrent request limit exceeded. Request blocked."
            return self._refused(429, "CONCURRENCY_LIMIT_EXCEEDED", what)
        if faults.maintenance:
            faults.maintenance -= 1
            page = b"<!DOCTYPE html><html><head><title>Scheduled Maintenance</title></head></html>"
            return httpx.Response(503, headers={"Content-Type": "text/html"}, content=page)
        if faults.unauthorized:
            faults.unauthorized -= 1
            return self._refused(401, "INVALID_LOGIN", "Invalid login attempt.")
        return None

    def _refused(self, status: int, code: str, detail: str) -> httpx.Response:
        title = {401: "Unauthorized", 404: "Not Found", 500: "Internal Server Error"}.get(
            status, "Bad Request"
        )
        body = {
            "type": "https://www.w3.org/Protocols/rfc2616/rfc2616-sec10.html",
            "title": title,
            "status": status,
            "o:errorDetails": [{"detail": detail, "o:errorCode": code}],
        }
        return self._answer(status, body)

    def _answer(self, status: int, body: Any) -> httpx.Response:
        date = self.books.time.now().strftime("%a, %d %b %Y %H:%M:%S GMT")
        headers = {"Content-Type": "application/vnd.oracle.resource+json; type=collection", "Date": date}
        return httpx.Response(status, headers=headers, content=json.dumps(body, ensure_ascii=False).encode())
