"""Auditing: whether the change feed is the one that was written."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Engine

from sync_engine.store.audit import Seal, outside_the_chain, seals
from sync_engine.store.db import transaction


class Verified(NamedTuple):
    """What computing the chain again came to; it holds when nothing is broken and nothing lies outside."""

    seals: int
    changes: int
    outside: int
    broken: list[Seal]

    @property
    def holds(self) -> bool:
        """Whether every change is as it was sealed."""
        return not self.broken and not self.outside


def verify(store: Engine) -> Verified:
    """Recomputes every seal of the audit."""
    with transaction(store, "verifying the audit") as connection:
        found = list(seals(connection))
        return Verified(len(found), sum(s.changes for s in found), outside_the_chain(connection), [s for s in found if s.wrong])
