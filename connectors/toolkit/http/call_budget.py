"""How many calls one login makes in a sliding window, over all processes of this machine or of all machines, the urgent ones first.

Each kind of call may use a share of them, so that a backfill never takes what a person waits for; a 429 holds everybody.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path

import xxhash

from connectors.toolkit.http.concurrency import folder_of_this_user
from sync_engine.errors import RateLimited
from sync_engine.ports import Clock, LoginLimits

_PARTS = 30
"""Steps that a window is counted in; a call is forgotten up to one step late."""
_STEPS = _PARTS + 1
_SHAPE = struct.Struct(f"<d{_STEPS * 2}q")
_LONGEST_HOLD = 600.0
"""Seconds. What holds a login for longer was written by a clock that was far ahead."""


class Urgency(IntEnum):
    """Who waits for a call: a person, the lane, a routine, nobody yet."""

    ONE_DEBTOR = 0
    CHANGES = 1
    SWEEP = 2
    BACKFILL = 3


SHARES: Mapping[Urgency, float] = {
    Urgency.ONE_DEBTOR: 1.0,
    Urgency.CHANGES: 0.95,
    Urgency.SWEEP: 0.85,
    Urgency.BACKFILL: 0.7,
}


class Budget:
    """`limit` calls per `window` seconds for the login called `name`; None is no limit. Without a name it counts in this process only.

    `shares` says which part of them each kind of call may use. The calls of the last window stand in a file, or in `everywhere`, which
    several machines share and which has a clock of its own; a login that nobody uses costs nothing.
    Who would have to wait for longer than `patience` seconds is told so instead.
    """

    def __init__(
        self,
        limit: int | None,
        clock: Clock,
        name: str = "",
        folder: Path | None = None,
        *,
        window: float = 300.0,
        shares: Mapping[Urgency, float] = SHARES,
        patience: float = float("inf"),
        everywhere: LoginLimits | None = None,
    ) -> None:
        self._limit, self._clock, self._window, self._shares = limit, clock, window, shares
        self._patience = patience
        self._mark = f"{xxhash.xxh3_128_hexdigest(f'{name} {window:g}'.encode())}-budget"
        self._everywhere = everywhere if name else None
        place = folder or folder_of_this_user() if name else None
        self._file = place / self._mark if place else None
        self._here = bytes(_SHAPE.size)

    def spend(self, urgency: Urgency) -> None:
        """Counts one call; waits while a 429 holds the login, or while its share of the window is used up. Raises RateLimited."""
        while (pause := self._changed(lambda state, now: state.spend(now, self._share(urgency)))) > 0:
            if pause > self._patience:
                what = f"the {self._limit:,} calls it may make in {self._window / 3600:g} hours are used up"
                raise RateLimited(what, retry_after=pause)
            self._clock.sleep(pause)

    def told(self, used: int) -> None:
        """The other side says how much of the window is used up: by calls that cost more than one, or by other programs."""
        self._changed(lambda state, now: state.told(now, used))

    def hold(self, seconds: float) -> None:
        """The other side asked for a pause: nobody calls for so long."""
        self._changed(lambda state, now: state.hold(now + seconds))

    def _share(self, urgency: Urgency) -> float:
        return float("inf") if self._limit is None else max(1.0, self._limit * self._shares[urgency])

    def _changed(self, change: Callable[[_State, float], float]) -> float:
        if self._everywhere is not None:
            return self._everywhere.changed(self._mark, lambda packed, now: self._next(packed, now, change))
        with self._stored() as state:
            return change(state, self._clock.now().timestamp())

    def _next(
        self, packed: bytes, now: float, change: Callable[[_State, float], float]
    ) -> tuple[bytes, float]:
        state = _State(packed if len(packed) == _SHAPE.size else bytes(_SHAPE.size), self._window)
        pause = change(state, now)
        return state.packed(), pause

    @contextmanager
    def _stored(self) -> Iterator[_State]:
        if self._file is None:
            state = _State(self._here, self._window)
            yield state
            self._here = state.packed()
            return
        try:
            handle = os.open(self._file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError:
            self._file = None
            with self._stored() as state:
                yield state
            return
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            found = os.pread(handle, _SHAPE.size, 0)
            state = _State(found if len(found) == _SHAPE.size else bytes(_SHAPE.size), self._window)
            yield state
            os.pwrite(handle, state.packed(), 0)
        finally:
            os.close(handle)


class _State:
    """Until when the login is held, and the calls per step of the window."""

    def __init__(self, packed: bytes, window: float) -> None:
        self._step = window / _PARTS
        self._longest_hold = max(_LONGEST_HOLD, 2 * window)
        self.held_until: float
        self.held_until, *pairs = _SHAPE.unpack(packed)
        self.calls: dict[int, int] = {
            step: count for step, count in zip(pairs[::2], pairs[1::2], strict=True) if count
        }

    def packed(self) -> bytes:
        steps = sorted(self.calls.items())[-_STEPS:]
        flat = [number for pair in steps for number in pair]
        return _SHAPE.pack(self.held_until, *flat, *[0] * (_STEPS * 2 - len(flat)))

    def spend(self, now: float, most: float) -> float:
        """Counts a call and gives 0, or gives the seconds to wait before asking again."""
        if now < self.held_until <= now + self._longest_hold:
            return self.held_until - now
        this = int(now // self._step)
        self.calls = {step: count for step, count in self.calls.items() if this - _STEPS < step <= this}
        if sum(self.calls.values()) >= most:
            return max(0.1, (min(self.calls) + _STEPS) * self._step - now)
        self.calls[this] = self.calls.get(this, 0) + 1
        return 0.0

    def told(self, now: float, used: int) -> float:
        """Counts what was used beyond what we know of."""
        this = int(now // self._step)
        unknown = used - sum(count for step, count in self.calls.items() if this - _STEPS < step <= this)
        if unknown > 0:
            self.calls[this] = self.calls.get(this, 0) + unknown
        return 0.0

    def hold(self, until: float) -> float:
        if not self.held_until <= until + self._longest_hold:
            self.held_until = until
        self.held_until = max(self.held_until, until)
        return 0.0
