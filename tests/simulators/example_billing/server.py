"""How Example Billing answers: two tokens in headers, `?offset=&limit=` over lists sorted by id, errors as JSON."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx

from tests.simulators.example_billing.books import Books, Row

APP_TOKEN, CUSTOMER_TOKEN = "app~of~simulator", "customer~of~simulator"
ACCOUNT = {"id": 7, "name": "HANSEN & SØN's A/S", "country": "DK", "currency": "DKK", "api_version": "1.4"}
TABLES = ("customer_groups", "customers", "contacts", "invoices", "payments", "payment_allocations")
MOST = 100
"""Rows on a page, whatever is asked for."""


class ExampleBillingTransport(httpx.BaseTransport):
    """An httpx transport into the service; any host name will do. `asked` are the requests so far; `open_to` the tokens that are let in."""

    def __init__(self, books: Books) -> None:
        self.books, self.asked = books, list[str]()
        self.open_to = (APP_TOKEN, CUSTOMER_TOKEN)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.raw_path.decode())
        if (request.headers.get("x-app-token"), request.headers.get("x-customer-token")) != self.open_to:
            return self._answer(401, {"message": "unknown token"})
        _, version, *path = request.url.path.split("/")
        if version != "v1" or not path:
            return self._answer(404, {"message": "no such address"})
        if path == ["account"]:
            return self._answer(200, ACCOUNT)
        if path == ["balances"]:
            rows = [{"customer_id": key, "balance": self.books.balance(key)} for key in self.books.customers]
        elif path[0] in TABLES:
            rows = [row for _, row in sorted(getattr(self.books, path[0]).items())]
        else:
            return self._answer(404, {"message": "no such list"})
        return self._page(rows, path[0], request.url.params) if len(path) == 1 else self._one(rows, path[1])

    def _one(self, rows: list[Row], key: str) -> httpx.Response:
        found = [row for row in rows if str(row["id"]) == key]
        return self._answer(200, found[0]) if found else self._answer(404, {"message": "no such record"})

    def _page(self, rows: list[Row], table: str, asked: httpx.QueryParams) -> httpx.Response:
        if customer := asked.get("customer_id"):
            rows = [row for row in rows if str(self._customer_of(row)) == customer]
        if since := asked.get("changed_since"):
            if table not in ("customers", "invoices"):
                return self._answer(400, {"message": f"{table} cannot be filtered by changed_since"})
            rows = [
                row
                for row in rows
                if datetime.fromisoformat(row["changed_at"]) >= datetime.fromisoformat(since)
            ]
        start, limit = int(asked.get("offset", "0")), min(int(asked.get("limit", "20")), MOST)
        return self._answer(200, {"items": rows[start : start + limit], "total": len(rows)})

    def _customer_of(self, row: Row) -> int | None:
        if "payment_id" in row:
            row = self.books.payments[row["payment_id"]]
        found: int | None = row.get("customer_id")
        return found

    def _answer(self, status: int, body: Any) -> httpx.Response:
        text = json.dumps(body, default=_number, ensure_ascii=False).encode()
        date = self.books.time.now().strftime("%a, %d %b %Y %H:%M:%S GMT")
        return httpx.Response(
            status, headers={"Content-Type": "application/json", "Date": date}, content=text
        )


def _number(value: object) -> float:
    assert isinstance(value, Decimal)
    return float(value)
