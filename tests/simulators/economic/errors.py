"""Every body that an error of e-conomic may have."""

from __future__ import annotations

from typing import Any

import httpx

LOG = {"logId": "8d79f54f226ebe44-CPH", "logTime": "2026-03-02T09:00:00"}


class Answered(Exception):
    """An answer that ends the request."""

    def __init__(self, status: int, body: Any, kind: str = "application/json", **headers: str) -> None:
        super().__init__(status)
        self.status, self.body, self.kind, self.headers = status, body, kind, headers


def rest(status: int, message: str, code: str = "", errors: Any = None, **more: Any) -> Answered:
    """REST: `errors` is a list of sentences, an object or a list of objects, as the kind of error will have it."""
    body: dict[str, Any] = {
        "message": message,
        "developerHint": "Look at the documentation.",
        "httpStatusCode": status,
        **LOG,
    }
    if code:
        body["errorCode"] = code
    if errors is not None:
        body["errors"] = errors
    return Answered(status, body | more)


def problem(status: int, title: str, code: str, detail: str = "", errors: Any = ()) -> Answered:
    """OpenAPI: application/problem+json."""
    body = {
        "type": f"https://tools.ietf.org/html/rfc9110#section-15.5.{status - 399}",
        "title": title,
        "status": status,
        "detail": detail,
        "errors": list(errors),
        "traceId": "a2a259bbe959d8d5-CPH",
        "traceTimeUtc": "2026-03-02T08:00:00",
        "errorCode": code,
    }
    return Answered(status, body, "application/problem+json")


def validation() -> Answered:
    """REST, errors as an object: a name has errors of its own."""
    found = {
        "propertyName": "paymentTerms",
        "errorMessage": "PaymentTerms '4711' not found.",
        "errorCode": "E07080",
        "inputValue": 4711,
    }
    return rest(
        400,
        "Validation failed. 1 error found.",
        "E04300",
        {"paymentTerms": {"errors": [found]}},
        errorCount=1,
    )


def of_an_array() -> Answered:
    """REST, errors as a list of objects."""
    item = {
        "propertyName": "name",
        "errorMessage": "Navn mangler.",
        "errorCode": "E04300",
        "developerHint": "",
    }
    return rest(400, "Validation failed.", "E04300", [{"arrayIndex": 0, "entries": {"items": [item]}}])


def web_page(status: int = 502) -> Answered:
    """What a gateway says."""
    return Answered(
        status,
        "<!DOCTYPE html><html><head><title>The gateway exploded</title></head><body>Bad</body></html>",
        "text/html",
    )


def as_response(answer: Answered, text: bytes, date: str) -> httpx.Response:
    """The answer on the wire."""
    return httpx.Response(
        answer.status, headers={"Content-Type": answer.kind, "Date": date, **answer.headers}, content=text
    )
