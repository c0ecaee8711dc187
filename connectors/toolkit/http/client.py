"""One HTTP client: injectable transport, the only retry loop, one renewal of the login, and no trace of what was sent."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import NamedTuple, Protocol, Self

import httpx
import tenacity

from connectors.toolkit.http.body_limit import ACCEPTED, bound
from connectors.toolkit.http.call_budget import WINDOW, Budget, Urgency
from connectors.toolkit.http.concurrency import Slots
from connectors.toolkit.http.errors import Refused, from_httpx, from_status
from sync_engine.errors import (
    AuthenticationFailed,
    ConfigurationError,
    RateLimited,
    SyncError,
    TransientError,
)
from sync_engine.ports import Clock

AtOnce = tuple[type[TransientError], ...]


class Login(Protocol):
    """Who we are towards one host."""

    def authorization(self, wire: httpx.Client, clock: Clock) -> str | None:
        """The Authorization header, got through `wire` where it has to be asked for; raises our errors only."""
        ...

    def renew(self, refused: str | None) -> bool:
        """Forgets what was `refused`; true when another header may be had, so that asking again makes sense."""
        ...


class Reply(NamedTuple):
    """A 2xx answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how often one host is asked, and for how much. Seconds; the window is five minutes, None is no limit; `largest` is
    bytes of one answer, unpacked.
    """

    connect: float = 15.0
    read: float = 180.0
    attempts: int = 6
    first_pause: float = 1.0
    longest_pause: float = 60.0
    longest_retry_after: float = 600.0
    concurrent: int = 4
    calls_per_window: int | None = None
    largest: int = 256 << 20


def tls(verify: bool | str) -> ssl.SSLContext | bool:
    """What httpx takes for `verify`: the system's authorities, or those of a file; raises ConfigurationError."""
    if isinstance(verify, bool):
        return verify
    try:
        return ssl.create_default_context(cafile=verify)
    except (OSError, ssl.SSLError) as failure:
        raise ConfigurationError(
            f"the file of authorities {verify} cannot be used ({type(failure).__name__})",
            key="verify",
            todo="Give a PEM file that exists.",
        ) from None


def _date(header: str) -> datetime | None:
    """The instant of an HTTP date; None where it is none. [RFC 9110, 5.6.7]"""
    try:
        found = parsedate_to_datetime(header)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo is not None else None


def _never(_: Refused) -> bool:
    return False


@dataclass
class HttpClient:
    """Asks one host. `passing(refusal)` tells which refusals (status 4xx) pass by themselves and are worth another try.

    `shared` names the login: clients of that name, in any process of this machine, share `limits.concurrent` and
    `limits.calls_per_window`, and a 429 holds them all; `urgency` says who goes first. Safe to use from two threads. Nothing
    is opened before the first call. `calls` and `received` (bytes of bodies) count everything sent, logins and retries included.
    """

    whose: str
    clock: Clock
    login: Login | None = None
    transport: httpx.BaseTransport | None = None
    verify: bool | str = True
    headers: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    passing: Callable[[Refused], bool] = _never
    shared: str = ""
    urgency: Urgency = Urgency.CHANGES
    calls: int = field(default=0, init=False)
    received: int = field(default=0, init=False)
    _ahead: timedelta | None = field(default=None, init=False, repr=False)
    _wire: httpx.Client | None = field(default=None, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        self._slots = Slots(self.limits.concurrent, self.clock, self.shared)
        self._budget = Budget(self.limits.calls_per_window, self.clock, self.shared)

    @property
    def ahead(self) -> timedelta | None:
        """How far our clock is ahead of the server's, as its last answer said; None where it does not tell."""
        return self._ahead

    def server_now(self) -> datetime:
        """The server's time; ours where it does not tell its own."""
        return self.clock.now() - (self._ahead or timedelta(0))

    def get(
        self,
        url: str,
        *,
        key: str = "",
        headers: Mapping[str, str] | None = None,
        at_once: AtOnce = (),
        stop: threading.Event | None = None,
    ) -> Reply:
        """GETs `url`; see `ask`."""
        return self.ask("GET", url, key=key, headers=headers, at_once=at_once, stop=stop)

    def ask(
        self,
        method: str,
        url: str,
        *,
        content: bytes | None = None,
        key: str = "",
        headers: Mapping[str, str] | None = None,
        at_once: AtOnce = (),
        stop: threading.Event | None = None,
    ) -> Reply:
        """Reads, by whatever method, and returns a 2xx answer; `content` is JSON, `key` is what a message calls it.

        Transient failures are tried again, honouring Retry-After, else with exponential pauses and jitter, `attempts`
        times; a 429 without Retry-After for five minutes. A failure of a kind in `at_once` goes to the caller at once, who
        knows a better question than the same again. Raises the tree of `failures`, nothing of httpx.
        """
        retrying = tenacity.Retrying(
            sleep=self.clock.sleep,
            stop=lambda state: self._enough(state) or (stop is not None and stop.is_set()),
            wait=self._pause,
            retry=tenacity.retry_if_exception(lambda failure: self._worth(failure, at_once)),
            reraise=True,
        )
        extra = {} if content is None else {"Content-Type": "application/json"}
        return retrying(self._once, method, url, content, key, {**extra, **(headers or {})})

    def write(
        self,
        method: str,
        url: str,
        content: bytes,
        *,
        key: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Sends a change, once: after a time-out nobody knows whether it was taken. Raises what `ask` raises."""
        authorization = self._authorization()
        extra = {"Content-Type": "application/json", **(headers or {})}
        answer = self._send(url, key, extra, authorization, method, content)
        if answer.status_code == 401 and self.login is not None and self.login.renew(authorization):
            answer = self._send(url, key, extra, self._authorization(), method, content)
        if answer.is_success:
            return Reply(answer.status_code, answer.headers, answer.content)
        raise from_status(
            answer.status_code,
            answer.headers,
            answer.content,
            now=self.clock.now(),
            whose=self.whose,
            key=key,
        )

    def _worth(self, failure: BaseException, at_once: AtOnce) -> bool:
        if isinstance(failure, RateLimited):
            return (failure.retry_after or 0) <= self.limits.longest_retry_after
        return isinstance(failure, TransientError) and not isinstance(failure, at_once)

    def _enough(self, state: tenacity.RetryCallState) -> bool:
        """Whether it was asked often enough. A 429 that does not say how long passes when older calls leave the window, so that
        long is waited, unless a person waits. [D:administration/operational-limits-online.md]
        """
        failure = state.outcome.exception() if state.outcome else None
        if (
            isinstance(failure, RateLimited)
            and failure.retry_after is None
            and self.urgency > Urgency.ONE_DEBTOR
        ):
            return state.idle_for >= WINDOW
        return state.attempt_number >= self.limits.attempts

    def _pause(self, state: tenacity.RetryCallState) -> float:
        failure = state.outcome.exception() if state.outcome else None
        if isinstance(failure, RateLimited) and failure.retry_after is not None:
            return failure.retry_after
        return tenacity.wait_exponential_jitter(
            initial=self.limits.first_pause, max=self.limits.longest_pause
        )(state)

    def _once(
        self, method: str, url: str, content: bytes | None, key: str, headers: Mapping[str, str]
    ) -> Reply:
        """One attempt; a refused login is renewed once within it."""
        authorization = self._authorization()
        answer = self._send(url, key, headers, authorization, method, content)
        if answer.status_code == 401 and self.login is not None and self.login.renew(authorization):
            answer = self._send(url, key, headers, self._authorization(), method, content)
        if answer.is_success:
            return Reply(answer.status_code, answer.headers, answer.content)
        failure = self._failure(answer, key)
        if answer.status_code == 429 and isinstance(failure, RateLimited):
            self._budget.hold(
                min(failure.retry_after or self.limits.first_pause, self.limits.longest_retry_after)
            )
        raise failure

    def _failure(self, answer: httpx.Response, key: str) -> SyncError:
        failure = from_status(
            answer.status_code,
            answer.headers,
            answer.content,
            now=self.clock.now(),
            whose=self.whose,
            key=key,
        )
        if isinstance(failure, Refused) and self.passing(failure):
            return TransientError(failure.what, whose=self.whose, key=key)
        return failure

    def _authorization(self) -> str | None:
        if self.login is None:
            return None
        try:
            return self.login.authorization(self._open("https:"), self.clock)
        except SyncError as failure:
            if failure.whose:
                raise
            raise _owned(failure, self.whose) from None

    def _send(
        self,
        url: str,
        key: str,
        headers: Mapping[str, str],
        authorization: str | None,
        method: str,
        content: bytes | None,
    ) -> httpx.Response:
        extra = {**headers, "Authorization": authorization} if authorization else dict(headers)
        self._budget.spend(self.urgency)
        with self._slots.one(leave_one=self.urgency >= Urgency.SWEEP):
            try:
                return self._open(url).request(method, url, headers=extra, content=content)
            except (
                httpx.HTTPError,
                httpx.InvalidURL,
                httpx.StreamError,
                httpx.CookieConflict,
                OSError,
                ValueError,
            ) as failure:
                raise from_httpx(failure, whose=self.whose, key=key) from None

    def _open(self, url: str) -> httpx.Client:
        """The client; a host that is asked in plain text and without a login needs no authorities to be loaded."""
        with self._lock:
            if self._wire is None:
                needs_no_tls = self.transport is not None or (self.login is None and url.startswith("http:"))
                self._wire = httpx.Client(
                    transport=self.transport,
                    verify=False if needs_no_tls else tls(self.verify),
                    timeout=httpx.Timeout(self.limits.read, connect=self.limits.connect),
                    limits=httpx.Limits(max_connections=self.limits.concurrent + 1),
                    headers={"Accept-Encoding": ACCEPTED, **self.headers},
                    follow_redirects=False,
                    event_hooks={"request": [self._sent], "response": [self._answered]},
                )
            return self._wire

    def _sent(self, _: httpx.Request) -> None:
        with self._lock:
            self.calls += 1

    def _answered(self, answer: httpx.Response) -> None:
        if not answer.is_stream_consumed:  # a transport may have read all of it itself
            bound(answer, self.limits.largest, self.whose)
        size, said = len(answer.read()), _date(answer.headers.get("Date", ""))
        with self._lock:
            self.received += size
            if said is not None:
                self._ahead = self.clock.now() - said

    def close(self) -> None:
        """Closes connections; may be called again."""
        with self._lock:
            wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _owned(failure: SyncError, whose: str) -> SyncError:
    """The same error, saying whose login failed."""
    if isinstance(failure, RateLimited):
        return RateLimited(
            failure.what, retry_after=failure.retry_after, whose=whose, key=failure.key, todo=failure.todo
        )
    if isinstance(failure, AuthenticationFailed | ConfigurationError | TransientError):
        return type(failure)(failure.what, whose=whose, key=failure.key, todo=failure.todo)
    return failure
