"""What every login does: put headers on a request, and once more with new ones where they were refused."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import NamedTuple

import httpx

from sync_engine.ports import Clock


class _Client(NamedTuple):
    """What a login borrows from the client it is attached to."""

    wire: httpx.Client
    clock: Clock


class Login(httpx.Auth):
    """Who we are towards one host. The client that uses it attaches itself before the first request."""

    _client: _Client | None = None

    def attach(self, wire: httpx.Client, clock: Clock) -> None:
        """Gives the login what it may ask for a token through, and the time."""
        self._client = _Client(wire, clock)

    @property
    def wire(self) -> httpx.Client:
        """The client's own connections."""
        return self._attached.wire

    @property
    def clock(self) -> Clock:
        """The client's own clock."""
        return self._attached.clock

    @property
    def _attached(self) -> _Client:
        assert self._client is not None, "a login is used through a client"
        return self._client

    def headers(self, request: httpx.Request) -> Mapping[str, str]:
        """What goes onto `request`; raises our errors only."""
        raise NotImplementedError

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Forgets the headers that were `refused`; true when others may be had, so that asking again makes sense."""
        return False

    def is_refused(self, answer: httpx.Response) -> bool:
        """Whether an answer says that the headers were refused."""
        return answer.status_code == 401

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """The request with its headers; once more where they were refused and the login can be renewed."""
        sent = self.headers(request)
        request.headers.update(sent)
        answer = yield request
        if self.is_refused(answer) and self.renew(sent):
            request.headers.update(self.headers(request))
            yield request
