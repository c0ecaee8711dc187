"""A login that a call opens and cookies carry, as ASP.NET keeps its sessions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import httpx

from connectors.toolkit.auth.login import Login
from connectors.toolkit.http.errors import from_status
from connectors.toolkit.soap.answers import Fault, fault_in
from connectors.toolkit.soap.wsdl import Call
from sync_engine.errors import ProtocolViolation, SyncError


class Session(Login):
    """One session at a time, opened by the call that `opening` makes, and again where a fault says that it is lost.

    `refusal` is the error of a fault. One session is asked for at a time, however many threads want it.
    """

    def __init__(
        self,
        url: str,
        opening: Callable[[], Call],
        is_lost: Callable[[Fault], bool],
        refusal: Callable[[Fault, str], SyncError],
    ) -> None:
        self._url, self._opening, self._is_lost, self._refusal = url, opening, is_lost, refusal
        self._cookie: str | None = None
        self._lock = threading.Lock()

    def headers(self, request: httpx.Request) -> Mapping[str, str]:
        """The cookies of the session."""
        with self._lock:
            if self._cookie is None:
                self._cookie = self._opened()
            return {"Cookie": self._cookie}

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Forgets the session that is lost, unless another thread has opened a new one already."""
        with self._lock:
            if self._cookie == refused.get("Cookie"):
                self._cookie = None
            return True

    def is_refused(self, answer: httpx.Response) -> bool:
        """Whether the session is not known any more, which a fault says and no status."""
        fault = fault_in(answer.content)
        return fault is not None and self._is_lost(fault)

    def _opened(self) -> str:
        call = self._opening()
        answer = self.wire.post(self._url, content=call.content, headers=call.headers)
        if (fault := fault_in(answer.content)) is not None:
            raise self._refusal(fault, "login")
        if not answer.is_success:
            now = self.clock.now()
            raise from_status(
                answer.status_code, answer.headers, answer.content, now=now, whose="", key="login"
            )
        cookies = "; ".join(f"{name}={value}" for name, value in answer.cookies.items())
        if not cookies:
            raise ProtocolViolation("a login was answered without a session", key="login")
        return cookies
