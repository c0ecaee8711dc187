"""A walk that is given up: whoever closes it, and in which thread."""

from __future__ import annotations

import threading

from connectors.toolkit.odata.pages import Cut
from connectors.toolkit.pagination import Step, ahead


def test_a_walk_closed_by_another_thread_waits_for_nobody() -> None:
    """The garbage collector closes in any thread, also in one that fetches: it must not wait for the fetch that goes on."""
    go_on, is_fetching, has_ended = threading.Event(), threading.Event(), threading.Event()

    def fetch(address: str) -> Step[Cut]:
        if address == "second":
            is_fetching.set()
            go_on.wait(30)
        return Step(Cut([], None), "second")

    walk = ahead(fetch, "first", threading.Event())
    next(walk)
    assert is_fetching.wait(30)

    def close() -> None:
        walk.close()  # type: ignore[attr-defined]
        has_ended.set()

    threading.Thread(target=close).start()
    was_free = has_ended.wait(10)
    go_on.set()
    assert was_free
