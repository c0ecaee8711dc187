"""Logins by token: asked for once, kept until shortly before its end, asked for again when it was refused."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx

from connectors.toolkit.auth.login import Login
from connectors.toolkit.http.redaction import sentence
from sync_engine.errors import (
    AuthenticationFailed,
    ConfigurationError,
    RateLimited,
    SyncError,
    TransientError,
)

_EARLY = timedelta(minutes=2)
_HOUR = 3600
_SETTING_ERRORS = (
    "invalid_request",
    "invalid_scope",
    "unsupported_grant_type",
    "invalid_resource",
    "unauthorized_client",
    "invalid_instance",
)


class TokenLogin(Login):
    """A bearer token. One is asked for at a time, however many threads want it."""

    def __init__(self) -> None:
        self._header: str | None = None
        self._until: datetime | None = None
        self._lock = threading.Lock()

    @abstractmethod
    def acquire(self) -> Mapping[str, Any]:
        """Asks for a token: `access_token` and, where it is said, `expires_in` seconds. Raises our errors only."""

    def headers(self, request: httpx.Request) -> Mapping[str, str]:
        """The bearer header; a token is asked for when there is none, or it ends within two minutes."""
        with self._lock:
            if self._header is None or self._until is None or self.clock.now() >= self._until:
                answer = self.acquire()
                lifetime = timedelta(seconds=_seconds(answer.get("expires_in")))
                self._header = f"Bearer {answer['access_token']}"
                self._until = self.clock.now() + lifetime - min(_EARLY, lifetime / 2)
            return {"Authorization": self._header}

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Forgets the token that was refused, unless another thread has renewed it already."""
        with self._lock:
            if self._header == refused.get("Authorization"):
                self._header = None
            return True


def _seconds(given: Any) -> int:
    """Number or text; an hour where it is not said."""
    try:
        return max(0, int(given))
    except (TypeError, ValueError, OverflowError):
        return _HOUR


def from_answer(
    answer: Mapping[str, Any],
    *,
    retry_after: float | None = None,
    secrets: Sequence[str] = (),
    settings: Sequence[str] = (),
    todo: str = "Renew the credential where it was issued, and put it where the settings refer to.",
) -> SyncError:
    """The error of an OAuth answer without a token: who must act follows from its `error`, or from words in `settings`. [RFC 6749, 5.2]"""
    error, text = (
        str(answer.get("error", "")),
        sentence(str(answer.get("error_description", "")), limit=200, secrets=secrets),
    )
    what = f"the token was refused, {error}" + (f" ({text})" if text else "")
    if error in ("temporarily_unavailable", "server_error", "service_unavailable"):
        return TransientError(what, key="token")
    if error in ("throttled", "too_many_requests", "slow_down"):
        return RateLimited(what, key="token", retry_after=retry_after)
    if error in _SETTING_ERRORS or any(code in text for code in settings):
        return ConfigurationError(
            what, key="auth", todo="Check the client, its scope and where the token is asked for."
        )
    return AuthenticationFailed(what, key="token", todo=todo)
