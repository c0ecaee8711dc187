"""How e-conomic answers: two tokens in headers on both hosts, one budget of calls, and the faults it is known for."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx

from tests.simulators.economic.books import Books
from tests.simulators.economic.errors import Answered, as_response, problem, rest
from tests.simulators.economic.openapi import OpenApi
from tests.simulators.economic.rest import Rest
from tests.simulators.economic.soap import HOST, PATH, Soap

APP_TOKEN, GRANT_TOKEN = "app~secret~of~simulator", "grant~of~simulator"
BUDGET = 10_000

Fault = Callable[[httpx.Request], Answered | None]


class EconomicTransport(httpx.BaseTransport):
    """An httpx transport into one agreement. `asked` are the requests so far; `open_to` the tokens that are let in.

    `faults` look at a request first, in their order; the first answer one of them gives is the answer.
    """

    def __init__(self, books: Books) -> None:
        self.books, self.asked, self.used = books, list[str](), 0
        self.open_to = (APP_TOKEN, GRANT_TOKEN)
        self.rest, self.openapi, self.soap = Rest(books), OpenApi(books), Soap(books)
        self.faults: list[Fault] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.url.host}{request.url.raw_path.decode()}")
        if request.url.host == HOST:
            return self._call(request)
        is_old = request.url.host.startswith("restapi")
        headers = {}
        try:
            self._let_in(request, is_old)
            for fault in self.faults:
                if (answer := fault(request)) is not None:
                    raise answer
            side = self.rest if is_old else self.openapi
            raise Answered(200, side.answer(request.url.path.strip("/"), request.url.params))
        except Answered as answer:
            cost = 1 if is_old else 3
            self.used += cost
            headers = {
                "X-CallCost": str(cost),
                "X-RateLimiting": f"token-limit-{BUDGET}-per-60-seconds: {self.used % BUDGET}/{BUDGET}",
            }
            answer.headers = headers | answer.headers
            text = (
                answer.body
                if isinstance(answer.body, str)
                else json.dumps(answer.body, default=_number, ensure_ascii=False)
            )
            date = self.books.time.now().strftime("%a, %d %b %Y %H:%M:%S GMT")
            return as_response(answer, text.encode(), date)

    def _call(self, request: httpx.Request) -> httpx.Response:
        """SOAP. Its session is a cookie."""
        assert request.method == "POST", request.method
        assert request.url.path.strip("/") == PATH, request.url.path
        headers = {
            "Content-Type": "text/xml; charset=utf-8",
            "Date": self.books.time.now().strftime("%a, %d %b %Y %H:%M:%S GMT"),
        }
        for fault in self.faults:
            if (answer := fault(request)) is not None:
                return as_response(answer, str(answer.body).encode(), headers["Date"])
        cookies = dict(
            part.strip().split("=", 1) for part in request.headers.get("cookie", "").split(";") if part
        )
        identifier = request.headers.get("x-economicappidentifier", "")
        status, body, opened = self.soap.answer(
            request.read(), cookies.get("ASP.NET_SessionId", ""), identifier, self.open_to
        )
        if opened:
            headers["Set-Cookie"] = f"ASP.NET_SessionId={opened}; path=/; secure; HttpOnly"
        return httpx.Response(status, headers=headers, content=body)

    def _let_in(self, request: httpx.Request, is_old: bool) -> None:
        shown = (request.headers.get("x-appsecrettoken"), request.headers.get("x-agreementgranttoken"))
        if shown == self.open_to:
            return
        if is_old:
            raise rest(401, "Ingen adgang.", "E00500", developerHint="Check your tokens.")
        raise problem(401, "Unauthorized", "Unauthorized")


def _number(value: object) -> Any:
    assert isinstance(value, Decimal), type(value)
    return float(value)
