"""Quarantine: what could not be used and why; trying it again."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Engine

from sync_engine.errors import ConfigurationError
from sync_engine.lake import Lake
from sync_engine.store.claims.causes import Cause, causes
from sync_engine.store.claims.quarantine import PutAside, put_aside, request_retry
from sync_engine.store.db import transaction


class Shown(NamedTuple):
    """One quarantined record; `payload` is what the source sent, None when it was not asked for or has gone."""

    record: PutAside
    payload: str | None


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
        raise ConfigurationError("nothing of this key or number is in quarantine", key=key, todo="`sync-engine quarantine list` shows what is.")
    return [Shown(r, _payload(lake, r) if with_payload else None) for r in found]


def _payload(lake: Lake, record: PutAside) -> str | None:
    if record.path is None:
        return None
    return next((payload.decode(errors="replace") for key, payload in lake.read(record.path) if key == record.key), None)


def retry(store: Engine, *, key: str | None = None, source: str | None = None, entity: str | None = None, everything: bool = False) -> list[PutAside]:
    """Lets the next run of their source try these records again; returns them. Raises ConfigurationError when there are none, or none are named."""
    if not (key or source or entity or everything):
        raise ConfigurationError("say which records", todo="Name a key, a source or an entity, or ask for everything.")
    with transaction(store, "asking for another try") as connection:
        found = put_aside(connection, source=source, entity=entity, key=key)
        if not found and everything and not (key or source or entity):
            raise ConfigurationError("nothing is in quarantine", todo="There is nothing to do.")
        if not found:
            raise ConfigurationError(
                "nothing in quarantine fits", whose=source or "", key=key or entity or "", todo="`sync-engine quarantine list` shows what is there."
            )
        request_retry(connection, [r.quarantine_id for r in found])
    return found
