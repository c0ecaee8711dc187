"""Calls of one SOAP service."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import msgspec

from connectors.toolkit.http.client import HttpClient
from connectors.toolkit.soap.answers import Fault, Leaf, fault_in, parsed
from connectors.toolkit.soap.wsdl import Call, load
from sync_engine.errors import ProtocolViolation, SyncError


class SoapClient:
    """Asks one service through `http`; `refusal(fault, key)` is the error that a fault stands for, whatever the status it comes with."""

    def __init__(
        self, http: HttpClient, url: str, wsdl: str, refusal: Callable[[Fault, str], SyncError]
    ) -> None:
        self._http, self._url, self._wsdl, self._refusal = http, url, wsdl, refusal
        http.told = self._told

    def call(self, operation: str, given: dict[str, Any]) -> Call:
        """The request of an operation, checked by the WSDL."""
        return load(self._wsdl).call(operation, given)

    def one(self, operation: str, given: dict[str, Any] | None = None, key: str = "") -> msgspec.Raw | None:
        """The result as JSON; None where there is none: what was looked for is not there."""
        found = self._result(operation, given or {}, key, None)
        return None if found is None else _json(load(self._wsdl).result(operation).value(found))

    def rows(
        self,
        operation: str,
        given: dict[str, Any] | None = None,
        key: str = "",
        stop: threading.Event | None = None,
    ) -> list[msgspec.Raw]:
        """The elements of a result that is an array, each as JSON."""
        found, reader = self._result(operation, given or {}, key, stop), load(self._wsdl).result(operation)
        if found is None or isinstance(reader, Leaf):
            return []
        return [_json(item) for item in reader.items(found)]

    def _result(self, operation: str, given: dict[str, Any], key: str, stop: threading.Event | None) -> Any:
        """The element of the result, or None. Raises ProtocolViolation where the answer is of another call."""
        content, headers = self.call(operation, given)
        body = self._http.ask(
            "POST", self._url, content=content, key=key or operation, headers=headers, stop=stop
        ).body
        found = parsed(body)
        if isinstance(found, Fault):
            raise self._refusal(found, key or operation)
        if found is None or not str(found.tag).endswith(f"}}{operation}Response"):
            raise ProtocolViolation(
                f"the answer is none of {operation}",
                whose=self._http.whose,
                key=key or operation,
                todo="Check the address and what stands between.",
            )
        return found[0] if len(found) else None

    def _told(self, status: int, body: bytes, key: str) -> SyncError | None:
        fault = fault_in(body)
        return None if fault is None else self._refusal(fault, key)


def _json(value: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
