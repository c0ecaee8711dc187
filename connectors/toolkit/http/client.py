"""One HTTP client: injectable transport, the only retry loop, one renewal of the login, and no trace of what was sent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import NamedTuple, Protocol, Self, runtime_checkable
from urllib.parse import urlsplit

import httpx
import tenacity

from connectors.toolkit.http.authorities import tls
from connectors.toolkit.http.body_limit import ACCEPTED, bound
from connectors.toolkit.http.call_budget import Budget, Urgency
from connectors.toolkit.http.concurrency import Slots
from connectors.toolkit.http.errors import Refused, from_httpx, from_status
from connectors.toolkit.http.limits import Limits
from connectors.toolkit.http.silence import Silence
from sync_engine.errors import (
    AuthenticationFailed,
    ConfigurationError,
    ProtocolViolation,
    RateLimited,
    SyncError,
    TransientError,
    Unreachable,
)
from sync_engine.ports import Clock, LoginLimits

_PORTS = {"http": 80, "https": 443}
_DAY = 86_400.0
AtOnce = tuple[type[TransientError], ...]


@runtime_checkable
class Attached(Protocol):
    """A login that asks for something itself."""

    def attach(self, wire: httpx.Client, clock: Clock) -> None:
        """Gives it what it may ask through, and the time."""
        ...


class Reply(NamedTuple):
    """A 2xx answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def _date(header: str) -> datetime | None:
    """The instant of an HTTP date; None where it is none. [RFC 9110, 5.6.7]"""
    try:
        found = parsedate_to_datetime(header)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo is not None else None


def _never(_: Refused) -> bool:
    return False


def _by_status(status: int, body: bytes, key: str) -> SyncError | None:
    return None


@dataclass
class HttpClient:
    """Asks one host. The `login` goes to the host and scheme of `home` and nowhere else; without one, to those that are asked first.

    `passing(refusal)` tells which refusals (status 4xx) pass by themselves and are worth another try. `told(status, body, key)` is the
    error of an answer whose status does not tell it (SOAP says 500 to everything); None where the status does.

    `shared` names the login: clients of that name, in any process of this machine (after `share_login`, of all machines), share
    `limits.concurrent` and `limits.calls_per_window`, and a 429 holds them all; `urgency` says who goes first. Safe to use from two threads. Nothing
    is opened before the first call. `calls` and `received` (bytes of bodies) count everything sent, logins and retries included.
    """

    whose: str
    clock: Clock
    login: httpx.Auth | None = None
    home: str = ""
    transport: httpx.BaseTransport | None = None
    verify: bool | str = True
    headers: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    passing: Callable[[Refused], bool] = _never
    told: Callable[[int, bytes, str], SyncError | None] = _by_status
    shared: str = ""
    urgency: Urgency = Urgency.CHANGES
    calls: int = field(default=0, init=False)
    received: int = field(default=0, init=False)
    _ahead: timedelta | None = field(default=None, init=False, repr=False)
    _wire: httpx.Client | None = field(default=None, init=False, repr=False)
    _silence: Silence = field(init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        self._silence = Silence(self.clock, self.limits.silence)
        self.share_login(None)

    def share_login(self, limits: LoginLimits | None) -> None:
        """Counts calls in `limits` from now on, with all machines that use the login; None: with this machine's processes only."""
        self._slots = Slots(self.limits.concurrent, self.clock, self.shared, everywhere=limits)
        self._budget = Budget(
            self.limits.calls_per_window,
            self.clock,
            self.shared,
            window=self.limits.window,
            shares=self.limits.shares,
            everywhere=limits,
        )
        self._day = Budget(
            self.limits.calls_per_day,
            self.clock,
            self.shared,
            window=_DAY,
            shares=self.limits.shares,
            patience=self.limits.longest_retry_after,
            everywhere=limits,
        )

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
        times; a 429 without Retry-After for `limits.patience`; a host of which nothing is heard for `limits.silence`. A failure
        of a kind in `at_once` goes to the caller at once, who knows a better question than the same again. Raises the tree of `failures`, nothing of httpx.
        """
        retrying = tenacity.Retrying(
            sleep=self.clock.sleep,
            stop=lambda state: self._enough(state) or (stop is not None and stop.is_set()),
            wait=self._pause,
            retry=tenacity.retry_if_exception(lambda failure: self._worth(failure, at_once)),
            reraise=True,
        )
        extra = {} if content is None else {"Content-Type": "application/json"}
        self._silence.begins()
        try:
            return retrying(self._once, method, url, content, key, {**extra, **(headers or {})})
        except at_once:
            raise
        except TransientError as failure:
            is_stopped = stop is not None and stop.is_set()
            if is_stopped or (given_up := self._silence.given_up(failure)) is failure:
                raise
            raise given_up from None

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
        extra = {"Content-Type": "application/json", **(headers or {})}
        answer = self._send(url, key, extra, method, content)
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
        """Whether it was asked often enough; a 429 that does not say how long has its own measure, unless a person waits."""
        failure = state.outcome.exception() if state.outcome else None
        if self._silence.is_too_long(failure, state.upcoming_sleep):
            return True
        if (
            isinstance(failure, RateLimited)
            and failure.retry_after is None
            and self.limits.patience is not None
            and self.urgency > Urgency.ONE_DEBTOR
        ):
            return state.idle_for >= self.limits.patience
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
        answer = self._send(url, key, headers, method, content)
        if answer.is_success:
            return Reply(answer.status_code, answer.headers, answer.content)
        failure = self._failure(answer, key)
        if answer.status_code == 429 and isinstance(failure, RateLimited):
            self._budget.hold(
                min(failure.retry_after or self.limits.first_pause, self.limits.longest_retry_after)
            )
        raise failure

    def _failure(self, answer: httpx.Response, key: str) -> SyncError:
        told = self.told(answer.status_code, answer.content, key)
        if told is not None:
            return told
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

    def _send(
        self, url: str, key: str, headers: Mapping[str, str], method: str, content: bytes | None
    ) -> httpx.Response:
        """One request in a place of its own. The login signs it there, and once more where a 401 lets it."""
        self._keep_at_home(url, key)
        self._spend()
        with self._slots.one(leave_one=self.urgency >= Urgency.SWEEP):
            try:
                return self._open(url).request(
                    method, url, headers=dict(headers), content=content, auth=self.login
                )
            except SyncError as failure:
                if failure.whose:
                    raise
                raise _owned(failure, self.whose) from None
            except (
                httpx.HTTPError,
                httpx.InvalidURL,
                httpx.StreamError,
                httpx.CookieConflict,
                OSError,
                ValueError,
            ) as failure:
                raise from_httpx(failure, whose=self.whose, key=key) from None

    def _spend(self) -> None:
        """Counts one call. Raises RateLimited where the day's are used up."""
        self._budget.spend(self.urgency)
        if self.limits.calls_per_day is None:
            return
        try:
            self._day.spend(self.urgency)
        except RateLimited as failure:
            raise _owned(failure, self.whose) from None

    def _keep_at_home(self, url: str, key: str) -> None:
        """Raises ProtocolViolation where an address would take the login to another host."""
        if self.login is None:
            return
        self.home = self.home or url
        if _origin(url) != _origin(self.home):
            raise ProtocolViolation(
                "an address leads to another host, where the login does not go",
                whose=self.whose,
                key=key,
                todo="Check the base address.",
            )

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
                login: object = self.login
                if isinstance(login, Attached):
                    login.attach(self._wire, self.clock)
            return self._wire

    def _sent(self, _: httpx.Request) -> None:
        with self._lock:
            self.calls += 1

    def _answered(self, answer: httpx.Response) -> None:
        self._silence.heard()
        if not answer.is_stream_consumed:  # a transport may have read all of it itself
            bound(answer, self.limits.largest, self.whose)
        size, said = len(answer.read()), _date(answer.headers.get("Date", ""))
        if (used := self.limits.used(answer.headers)) is not None:
            self._budget.told(used)
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


def _origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port; nothing where a URL has none, which is for the request to say."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return "", "", None


def _owned(failure: SyncError, whose: str) -> SyncError:
    """The same error, saying whose login failed."""
    if isinstance(failure, RateLimited):
        return RateLimited(
            failure.what, retry_after=failure.retry_after, whose=whose, key=failure.key, todo=failure.todo
        )
    if isinstance(failure, Unreachable):
        return Unreachable(
            failure.what, waited=failure.waited, whose=whose, key=failure.key, todo=failure.todo
        )
    if isinstance(failure, AuthenticationFailed | ConfigurationError | TransientError):
        return type(failure)(failure.what, whose=whose, key=failure.key, todo=failure.todo)
    return failure
