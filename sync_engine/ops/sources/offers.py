"""What a source offered and does not any more: to look at, and to accept."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine

from sync_engine.errors import ConfigurationError
from sync_engine.store.db import transaction
from sync_engine.store.landing import offers
from sync_engine.store.landing.offers import Missing


def missing(store: Engine, source: str | None = None) -> list[Missing]:
    """Wire entities that were offered and cannot be read now, since when and why."""
    with transaction(store, "reading what is missing") as connection:
        return offers.missing(connection, source)


def accept(
    store: Engine, source: str, entities: Sequence[str] = (), *, by: str, why: str | None = None
) -> list[Missing]:
    """Accepts that entities are gone, all that are missing when none is named; the next run reads what is offered instead.

    Raises ConfigurationError when nothing is missing, or one that is named is not.
    """
    with transaction(store, "accepting what is missing") as connection:
        found = offers.missing(connection, source)
        listed = ", ".join(one.entity for one in found) or "nothing"
        if unknown := sorted(set(entities) - {one.entity for one in found}):
            raise ConfigurationError(
                f"{', '.join(unknown)} is not missing", whose=source, todo=f"Missing: {listed}."
            )
        if not found:
            raise ConfigurationError(
                "nothing is missing", whose=source, todo="A run notes what is: sync-engine run " + source
            )
        taken = [one for one in found if not entities or one.entity in entities]
        offers.accept(connection, source, [one.entity for one in taken], by=by, why=why)
    return taken
