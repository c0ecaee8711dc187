"""Patience with a host of which nothing is heard: it ends within a minute, however patient one is with a host that answers."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from connectors.toolkit.http.errors import NoConnection
from sync_engine.errors import RateLimited, TransientError, Unreachable
from sync_engine.ports import Clock


class Silence:
    """How long nothing has been heard. Safe to use from several threads.

    A connection that does not come about is silence at any time; one that is closed or kept waiting without a word only
    until a first answer came, because later it is about what was asked. After `patience` seconds the host is given up, and for
    as long again nobody asks it: who has a dozen questions is told a dozen times at once, and not after a dozen waits.
    """

    def __init__(self, clock: Clock, patience: float) -> None:
        self._clock, self._patience = clock, timedelta(seconds=patience)
        self._lock = threading.Lock()
        self._heard = False
        self._since: datetime | None = None
        self._given_up: tuple[datetime, Unreachable] | None = None

    def heard(self) -> None:
        """An answer came, whatever it says."""
        with self._lock:
            self._heard, self._since, self._given_up = True, None, None

    def begins(self) -> None:
        """A question begins. Raises Unreachable where the host was given up a short while ago."""
        with self._lock:
            now = self._clock.now()
            if self._given_up is not None and now - self._given_up[0] < self._patience:
                said = self._given_up[1]
                raise Unreachable(
                    said.what, waited=said.waited, whose=said.whose, key=said.key, todo=said.todo
                )
            if self._given_up is not None or self._since is None:
                self._since, self._given_up = now, None

    def is_one(self, failure: BaseException | None) -> bool:
        """Whether a failure is silence."""
        if isinstance(failure, NoConnection):
            return True
        return (
            isinstance(failure, TransientError) and not isinstance(failure, RateLimited) and not self._heard
        )

    def is_too_long(self, failure: BaseException | None, pause: float) -> bool:
        """Whether to wait for `pause` seconds and to ask once more would be more than the patience there is."""
        if not self.is_one(failure):
            return False
        with self._lock:
            since = self._since
        return since is not None and self._clock.now() - since + timedelta(seconds=pause) > self._patience

    def given_up(self, failure: TransientError) -> TransientError:
        """The error of a question that was given up: Unreachable where it met silence, which is remembered."""
        if not self.is_one(failure):
            return failure
        with self._lock:
            now = self._clock.now()
            waited = (now - (self._since or now)).total_seconds()
            what = f"nothing was heard for {waited:.0f} s, {failure.what}" if waited >= 1 else failure.what
            said = Unreachable(what, waited=waited, whose=failure.whose, key=failure.key, todo=failure.todo)
            self._given_up = (now, said)
        return said
