"""How long and how often one host is asked, and for how much."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from connectors.toolkit.http.call_budget import SHARES, Urgency


def _not_told(_: Mapping[str, str]) -> int | None:
    return None


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how often one host is asked, and for how much: what the connector knows of its product. Times are seconds.

    A login makes `calls_per_window` calls (None: any number) per `window`, of which each kind of call may use its share, and
    `calls_per_day`; when these are used up it is an error. `used(headers)` is how many of a window the other side says are used. `patience` is
    how long a 429 without Retry-After is waited out, which is `window` where it means a full window; None: it is one of `attempts`,
    as where it means too many at once. `silence` is how long a host of which nothing is heard is asked. `largest` is bytes of one answer, unpacked.
    """

    connect: float = 15.0
    read: float = 180.0
    attempts: int = 6
    first_pause: float = 1.0
    longest_pause: float = 60.0
    longest_retry_after: float = 600.0
    concurrent: int = 4
    calls_per_window: int | None = None
    window: float = 300.0
    calls_per_day: int | None = None
    used: Callable[[Mapping[str, str]], int | None] = _not_told
    shares: Mapping[Urgency, float] = field(default_factory=lambda: SHARES)
    patience: float | None = None
    silence: float = 45.0
    largest: int = 256 << 20
