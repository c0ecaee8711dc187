"""Several walks at the same time, where one after the other would leave most of a login's slots idle."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from queue import Empty, Full, Queue
from typing import Generic, TypeVar

T = TypeVar("T")
_LOOK = 0.2
"""Seconds after which a lane that waits looks whether anybody still wants its pages."""


class _Ended:
    """A lane is through: with an exception, or with nothing."""

    def __init__(self, failure: BaseException | None = None) -> None:
        self.failure = failure


class _Lanes(Generic[T]):
    def __init__(self, walks: Sequence[Iterator[T]], lanes: int) -> None:
        self._waiting, self._stop = list(reversed(walks)), threading.Event()
        self.pages: Queue[T | _Ended] = Queue(2 * lanes)
        self.threads = [
            threading.Thread(target=self._run, name="next-page lane", daemon=True)
            for _ in range(min(lanes, len(walks)))
        ]

    def _run(self) -> None:
        """Takes one walk after the other. Each is closed in the thread that walks."""
        failure: BaseException | None = None
        try:
            while self._waiting and not self._stop.is_set():
                try:
                    walk = self._waiting.pop()
                except IndexError:
                    break
                try:
                    for page in walk:
                        if not self._put(page):
                            break
                finally:
                    walk.close()  # type: ignore[attr-defined]
        except BaseException as caught:  # noqa: BLE001 - raised again where the pages are used
            failure = caught
        self._put(_Ended(failure))

    def _put(self, page: T | _Ended) -> bool:
        while not self._stop.is_set():
            try:
                self.pages.put(page, timeout=_LOOK)
            except Full:
                continue
            return True
        return False

    def end(self) -> None:
        """No more pages are wanted: what waits to hand one over ends."""
        self._stop.set()
        try:
            while True:
                self.pages.get_nowait()
        except Empty:
            pass
        for thread in self.threads:
            thread.join()


def together(walks: Sequence[Iterator[T]], lanes: int) -> Iterator[T]:
    """Pages of all `walks` (generators), `lanes` of them at a time, as they come.

    The first exception of any ends them all and is raised here; so does closing this generator.
    """
    running = _Lanes(walks, lanes)
    for thread in running.threads:
        thread.start()
    left = len(running.threads)
    try:
        while left:
            page = running.pages.get()
            if not isinstance(page, _Ended):
                yield page
            elif page.failure is not None:
                raise page.failure
            else:
                left -= 1
    finally:
        running.end()
