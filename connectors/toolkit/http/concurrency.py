"""How many calls one login makes at once, over all processes of this machine or of all machines.

Several sources may share one login. Places are files that are locked while a call runs, or what `LoginLimits` holds; a killed process
gives its place back.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import xxhash

from sync_engine.ports import Clock, LoginLimits

_PAUSE = 0.05


class Slots:
    """`number` places for the login called `name`; without a name, or where no folder can be had, they count in this process only."""

    def __init__(
        self,
        number: int,
        clock: Clock,
        name: str = "",
        folder: Path | None = None,
        *,
        everywhere: LoginLimits | None = None,
    ) -> None:
        self._here = threading.BoundedSemaphore(number)
        self._number, self._clock = number, clock
        self._mark = xxhash.xxh3_128_hexdigest(name.encode())
        self._everywhere = everywhere if name else None
        place = folder or folder_of_this_user() if name else None
        self._files = [place / f"{self._mark}-{n}" for n in range(number)] if place else None

    @contextlib.contextmanager
    def one(self, *, leave_one: bool = False) -> Iterator[None]:
        """Holds a place; waits for one while all are taken. `leave_one` never takes the last place, which others may want."""
        with self._here:
            if self._everywhere is not None:
                yield from self._everywhere_held(self._everywhere, max(1, self._number - leave_one))
                return
            lock = self._lock(leave_one=leave_one) if self._files else None
            try:
                yield
            finally:
                if lock is not None:
                    os.close(lock)

    def _everywhere_held(self, limits: LoginLimits, number: int) -> Iterator[None]:
        while True:
            with limits.place(self._mark, number) as held:
                if held:
                    yield
                    return
            self._clock.sleep(_PAUSE)

    def _lock(self, *, leave_one: bool) -> int | None:
        files = (self._files or [])[: max(1, self._number - leave_one)]
        while True:
            for file in files:
                try:
                    handle = os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
                except OSError:
                    return None
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    os.close(handle)
                else:
                    return handle
            self._clock.sleep(_PAUSE)


def folder_of_this_user() -> Path | None:
    """A folder of this user alone."""
    folder = Path(tempfile.gettempdir()) / f"sync-engine-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        owned = folder.stat(follow_symlinks=False)
    except OSError:
        return None
    return folder if owned.st_uid == os.getuid() and not owned.st_mode & 0o022 else None
