"""Auditing: whether the change feed is the one that was written."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Engine

from sync_engine.errors import ConfigurationError
from sync_engine.store.change_feed.verification import Seal, outside_the_chain, seals
from sync_engine.store.db import transaction

SHORTEST = 12


class Verified(NamedTuple):
    """What computing the chain again came to; it holds when nothing is broken, nothing lies outside and the seal that was asked for is there.

    `head` is the digest of the newest seal, None of an empty chain. Kept elsewhere and asked for later it proves that nothing was cut off
    at the end: a chain that lost its newest changes together with their seals is a whole chain to look at.
    """

    seals: int
    changes: int
    outside: int
    broken: list[Seal]
    head: str | None
    lost: str | None

    @property
    def holds(self) -> bool:
        """Whether every change is as it was sealed."""
        return not self.broken and not self.outside and self.lost is None


def verify(store: Engine, *, head: str | None = None) -> Verified:
    """Recomputes every seal of the audit. `head` is a digest (or its first 12 characters and more) that was the newest once and must still be there.

    Raises ConfigurationError for a digest too short to mean one seal.
    """
    if head is not None and len(head) < SHORTEST:
        raise ConfigurationError(
            f"{head!r} is too short to mean one seal",
            todo=f"Give at least the first {SHORTEST} characters of the digest.",
        )
    with transaction(store, "verifying the audit") as connection:
        found = list(seals(connection))
        lost = (
            head if head is not None and not any(s.digest.startswith(head.lower()) for s in found) else None
        )
        broken = [s for s in found if s.wrong]
        return Verified(
            len(found),
            sum(s.changes for s in found),
            outside_the_chain(connection),
            broken,
            found[-1].digest if found else None,
            lost,
        )
