"""Many records by their keys, so many at a time, where one that is gone spoils the whole answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from connectors.toolkit.http.errors import NotFound
from connectors.toolkit.pagination import Page, Step, ahead
from connectors.toolkit.rows import Row

K = TypeVar("K")
Ask = Callable[[Sequence[K], threading.Event], Sequence[Row]]
"""Gives the records of some keys; raises NotFound where one of them is gone. The event says that nobody waits any more."""


def by_keys(ask: Ask[K], keys: Sequence[K], size: int) -> Iterator[Page]:
    """The records of these keys, a page of them while the one before is used; those that are gone are left out."""
    stop = threading.Event()

    def fetch(place: str) -> Step[Page]:
        end = int(place) + size
        following = str(end) if end < len(keys) else None
        rows = _there(ask, keys[int(place) : end], stop)
        return Step(Page(rows, following, len(keys)), following)

    return (step.page for step in ahead(fetch, "0", stop))


def _there(ask: Ask[K], keys: Sequence[K], stop: threading.Event) -> list[Row]:
    """Where one is gone, each half is asked for by itself."""
    if not keys:
        return []
    try:
        return list(ask(keys, stop))
    except NotFound:
        half = len(keys) // 2
        return [row for part in (keys[:half], keys[half:]) for row in _there(ask, part, stop)] if half else []
