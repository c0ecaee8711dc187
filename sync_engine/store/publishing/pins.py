"""Pinned values at a fold: which hold, also those of records merged away, and which have ended and never hold again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sync_engine.ownership.resolve import Claim, Pin, pin_holds
from sync_engine.store.db import copy_rows
from sync_engine.store.publishing.cut import Cut


class Pins:
    """The pins of one entity, by the record they count for: its own before those of records merged into it, then the newest."""

    def __init__(self, cut: Cut, entity: str) -> None:
        self._cut, self._entity = cut, entity
        self._pins: dict[UUID, list[tuple[str, Pin]]] = {}
        self._ended: list[tuple[str, str]] = []
        for record, about, name, value, until, watched in cut.rows(
            """
                SELECT record_id, canonical_id, field, value, until, while_claimed FROM engine.pin_here WHERE entity = :entity
                ORDER BY steps, pinned_at DESC, canonical_id
                """,
            entity=entity,
        ):
            pin = Pin(str(name), value, date.fromisoformat(str(until)) if until else None, _watched(watched))
            self._pins.setdefault(UUID(str(record)), []).append((str(about), pin))

    def that_hold(self, record: UUID, claims: Sequence[Claim], today: date) -> Sequence[Pin]:
        """The one pin of each field that holds; those that do not are remembered for `end`."""
        if record not in self._pins:
            return ()
        holding: dict[str, Pin] = {}
        for about, pin in self._pins[record]:
            if not pin_holds(pin, claims, today):
                self._ended.append((about, pin.field))
            else:
                holding.setdefault(pin.field, pin)
        return list(holding.values())

    def end(self) -> None:
        """What did not hold has ended, whatever the sources say later."""
        if not self._ended:
            return
        self._cut.sql(
            "CREATE TEMP TABLE IF NOT EXISTS ended_pin (canonical_id uuid, field text) ON COMMIT DROP"
        )
        self._cut.sql("DELETE FROM ended_pin")
        copy_rows(self._cut.connection, "ended_pin", ("canonical_id", "field"), self._ended)
        self._cut.sql(
            """
            UPDATE engine.pin p SET ended_at = now() FROM ended_pin e WHERE p.entity = :entity AND p.canonical_id = e.canonical_id AND p.field = e.field
            """,
            entity=self._entity,
        )


def have_expired(cut: Cut, entity: str) -> bool:
    """Whether the last day of a pinned value is over."""
    return cut.exists(f"SELECT FROM engine.pin WHERE {_OVER}", entity=entity, today=cut.ledger_date)


def expire(cut: Cut, entity: str) -> None:
    """Pinned values whose last day is over have ended; the records they counted for are folded again."""
    if have_expired(cut, entity):
        cut.sql(
            f"""
            INSERT INTO dirty_{entity} SELECT DISTINCT record_id FROM engine.pin_here WHERE entity = :entity AND CAST(until AS date) < :today
            ON CONFLICT DO NOTHING
            """,
            entity=entity,
            today=cut.ledger_date,
        )
        cut.sql(f"UPDATE engine.pin SET ended_at = now() WHERE {_OVER}", entity=entity, today=cut.ledger_date)


_OVER = "entity = :entity AND ended_at IS NULL AND CAST(until AS date) < :today"


def _watched(value: Any) -> dict[str, dict[str, Any]] | None:
    return value if isinstance(value, dict) else None
