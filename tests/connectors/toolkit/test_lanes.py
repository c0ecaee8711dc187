"""Several walks at the same time: all pages, none twice, one failure ends all, nobody is left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from connectors.toolkit.lanes import together


def pages(start: int, many: int, closed: list[int]) -> Iterator[int]:
    """A walk that says when it ended."""
    try:
        for number in range(many):
            time.sleep(0.001)
            yield start + number
    finally:
        closed.append(start)


def left_over() -> list[str]:
    """Threads of lanes that are still there."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("next-page")]


@pytest.mark.parametrize("lanes", [1, 3, 20])
def test_all_pages_come_once(lanes: int) -> None:
    """Of more walks than lanes, and of fewer."""
    closed: list[int] = []
    found = list(together([pages(start, 10, closed) for start in range(0, 100, 10)], lanes))
    assert sorted(found) == list(range(100))
    assert sorted(closed) == list(range(0, 100, 10))
    assert left_over() == []


def test_walks_go_on_at_the_same_time() -> None:
    """Each waits for all others to have begun."""
    begun = threading.Barrier(4, timeout=5)

    def walk() -> Iterator[int]:
        begun.wait()
        yield 1

    assert list(together([walk() for _ in range(4)], 4)) == [1] * 4


def test_one_failure_ends_all() -> None:
    """It is raised where the pages are used, and no other walk goes on."""
    closed: list[int] = []

    def fails() -> Iterator[int]:
        yield 0
        raise ValueError("broke off")

    with pytest.raises(ValueError, match="broke off"):
        list(together([fails(), pages(1, 100_000, closed)], 2))
    assert closed == [1]
    assert left_over() == []


def test_leaving_early_ends_all() -> None:
    """Also where pages wait to be handed over."""
    closed: list[int] = []
    running = together([pages(start, 100_000, closed) for start in (0, 1)], 2)
    next(running)
    running.close()  # type: ignore[attr-defined]
    assert sorted(closed) == [0, 1]
    assert left_over() == []
