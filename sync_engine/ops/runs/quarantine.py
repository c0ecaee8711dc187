"""Quarantine: what could not be used and why; trying it again."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Engine

from sync_engine.errors import ConfigurationError, LandedFileDamaged
from sync_engine.lake import Lake
from sync_engine.store.claims.causes import Cause, causes
from sync_engine.store.claims.quarantine import PutAside, put_aside, request_retry
from sync_engine.store.db import transaction
from sync_engine.store.landing import damage


class Shown(NamedTuple):
    """One quarantined record; `payload` is what the source sent, None when it was not asked for or has gone; `lost` says why it has."""

    record: PutAside
    payload: str | None
    lost: str | None = None


def quarantined(store: Engine, source: str | None = None, entity: str | None = None) -> list[PutAside]:
    """Everything in quarantine, oldest first."""
    with transaction(store, "reading the quarantine") as connection:
        return put_aside(connection, source=source, entity=entity)


def told_once(store: Engine, source: str | None = None, entity: str | None = None) -> list[Cause]:
    """What there is to mend: each cause with everything that waits for it."""
    with transaction(store, "reading the quarantine") as connection:
        return causes(connection, source, entity)


def show(store: Engine, lake: Lake, key: str, *, with_payload: bool = False) -> list[Shown]:
    """The quarantined records of this key (a key may occur in several entities). Raises ConfigurationError when there is none."""
    with transaction(store, "reading the quarantine") as connection:
        found = put_aside(connection, key=key)
    if not found:
        raise ConfigurationError(
            "nothing of this key or number is in quarantine",
            key=key,
            todo="`sync-engine quarantine list` shows what is.",
        )
    return [_with_payload(store, lake, r) if with_payload else Shown(r, None) for r in found]


def _with_payload(store: Engine, lake: Lake, record: PutAside) -> Shown:
    """A damaged landed file is noted, and takes nothing from the reasons."""
    if record.batch_id is None:
        return Shown(record, None)
    with transaction(store, "looking for a landed batch") as connection:
        batch = damage.batch(connection, record.batch_id)
    try:
        landed = lake.read(batch.path, batch.checksum)
    except LandedFileDamaged as error:
        with transaction(store, "noting a damaged batch") as connection:
            damage.note(connection, batch.batch_id, error.damage)
        return Shown(record, None, str(batch.failure(error.damage)))
    return Shown(
        record, next((payload.decode(errors="replace") for key, payload in landed if key == record.key), None)
    )


def retry(
    store: Engine,
    *,
    key: str | None = None,
    source: str | None = None,
    entity: str | None = None,
    everything: bool = False,
) -> list[PutAside]:
    """Lets the next run of their source try these records again; returns them. Raises ConfigurationError when there are none, or none are named."""
    if not (key or source or entity or everything):
        raise ConfigurationError(
            "say which records", todo="Name a key, a source or an entity, or ask for everything."
        )
    with transaction(store, "asking for another try") as connection:
        found = put_aside(connection, source=source, entity=entity, key=key)
        if not found and everything and not (key or source or entity):
            raise ConfigurationError("nothing is in quarantine", todo="There is nothing to do.")
        if not found:
            raise ConfigurationError(
                "nothing in quarantine fits",
                whose=source or "",
                key=key or entity or "",
                todo="`sync-engine quarantine list` shows what is there.",
            )
        request_retry(connection, [r.quarantine_id for r in found])
    return found
