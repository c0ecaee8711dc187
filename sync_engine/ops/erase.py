"""Erasing a person: planned, carried out by the plan's hash, audited without a value, and kept from coming back.

What is of the person leaves the database and the lake in one go: new files are written beside the old ones, one transaction
removes the rows, points the manifest at the new files and suppresses the keys, then the old files go. A crash in between leaves
old files that the next `erase` removes. What the source itself holds is not ours to erase; the report says what that is.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import ExitStack
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from sync_engine.errors import ConfigurationError, StoreError
from sync_engine.lake import Lake
from sync_engine.ops.decisions.names import record_id, somebody
from sync_engine.ops.runs.source_run import Runtime
from sync_engine.records import Landed
from sync_engine.store import erasure
from sync_engine.store.db import one_at_a_time, transaction
from sync_engine.store.erasure import LandedFile, Record
from sync_engine.store.runs import source_lock
from sync_engine.store.suppression import suppress


class ErasePlan(NamedTuple):
    """What would be erased: the person's id, how many records of which wire entity, in how many landed files."""

    hash: str
    record_id: str
    records: dict[str, int]
    files: int
    audit_rows: int


class Erased(NamedTuple):
    """What was erased, by table; what sources still hold of them, and which other records of ours name them."""

    plan: ErasePlan
    rows: dict[str, int]
    files: int
    in_sources: dict[str, int]
    elsewhere: dict[str, int]


class _Found(NamedTuple):
    ids: list[UUID]
    records: list[Record]
    keys: list[tuple[str, str]]
    files: list[LandedFile]
    plan: ErasePlan


def plan(runtime: Runtime, contact: str) -> ErasePlan:
    """What erasing a contact would take away. Raises ConfigurationError for one nobody knows, AmbiguousMatch for several."""
    with transaction(runtime.store, "planning an erasure") as connection:
        return _found(connection, runtime.lake, record_id(connection, "contact", contact)).plan


def apply(runtime: Runtime, contact: str, plan_hash: str, *, by: str, why: str) -> Erased:
    """Erases what the plan showed. Raises ConfigurationError, having done nothing, where that is not what is there now, no reason is
    given, or a run of a source concerned is going on.
    """
    by = somebody(by)
    if not why.strip():
        raise ConfigurationError(
            "no reason is given",
            key="reason",
            todo="Say which request this answers; no personal data, it stays.",
        )
    finish(runtime)
    with ExitStack() as held:
        with transaction(runtime.store, "looking for the person") as connection:
            found = _found(connection, runtime.lake, record_id(connection, "contact", contact))
        if len(plan_hash) < 12 or not found.plan.hash.startswith(plan_hash):
            raise ConfigurationError(
                "this is not what would be erased now",
                key=plan_hash[:12],
                todo="Plan again and look; nothing was done.",
            )
        for source in sorted({source for source, _ in found.keys}):
            held.enter_context(source_lock(runtime.store, source, wait=False))
        with transaction(runtime.store, "erasing") as connection:
            one_at_a_time(connection)
            again = _found(connection, runtime.lake, found.plan.record_id)
            if again.plan != found.plan:
                raise ConfigurationError(
                    "it changed just now", key=plan_hash[:12], todo="Plan again; nothing was done."
                )
            written = _written_again(runtime.lake, again)
            names = erasure.names_of(connection, again.ids, again.records)
            for file, landed in written:
                erasure.replace_file(connection, file.batch_id, landed)
            suppress(connection, "contact", {*again.keys, *((r.source, r.key) for r in again.records)})
            rows = erasure.erase_rows(connection, again.ids, again.records, names, by=by, why=why.strip())
            elsewhere = erasure.spoken_of_elsewhere(connection, names)
            replaced = [file.path for file, _ in written] + _strays(connection, runtime.lake, again)
            erasure.keep_report(
                connection, again.plan.hash, again.plan.record_id, rows, replaced, by=by, why=why.strip()
            )
    finish(runtime)
    return Erased(
        found.plan,
        rows,
        len(written),
        found.plan.records,
        {f"{source} {entity}": n for source, entity, n in elsewhere},
    )


def finish(runtime: Runtime) -> int:
    """Removes landed files that an erasure has replaced; how many. Safe to run at any time."""
    with transaction(runtime.store, "reading what is to be removed") as connection:
        waiting = erasure.files_to_remove(connection)
    for plan_hash, files in waiting:
        for path in files:
            runtime.lake.remove(path)
        with transaction(runtime.store, "noting what was removed") as connection:
            erasure.files_removed(connection, plan_hash)
    return sum(len(files) for _, files in waiting)


def _found(connection: Connection, lake: Lake, contact: str) -> _Found:
    ids = erasure.same_person(connection, contact)
    records, keys = erasure.records_of(connection, ids), erasure.linked_keys(connection, ids)
    files = [
        file for file in erasure.files_of(connection, records) if _holds(lake, file, _keys(records, file))
    ]
    counted: dict[str, int] = {}
    for record in records:
        counted[f"{record.source} {record.entity}"] = counted.get(f"{record.source} {record.entity}", 0) + 1
    n = erasure.audit_rows(connection, ids)
    told = json.dumps([sorted(map(str, ids)), sorted(records), sorted(keys), [f.checksum for f in files], n])
    digest = hashlib.sha256(told.encode()).hexdigest()
    return _Found(ids, records, keys, files, ErasePlan(digest, contact, counted, len(files), n))


def _keys(records: list[Record], file: LandedFile) -> set[str]:
    return {r.key for r in records if (r.source, r.entity) == (file.source, file.entity)}


def _holds(lake: Lake, file: LandedFile, keys: set[str]) -> bool:
    return any(key in keys for key, _ in lake.read(file.path, file.checksum))


def _strays(connection: Connection, lake: Lake, found: _Found) -> list[str]:
    """Files of no batch, of runs that were killed, that hold the person or cannot be read: nobody misses them."""
    gone: list[str] = []
    sources = sorted({record.source for record in found.records})
    known = erasure.landed_paths(connection, sources)
    for path in (path for source in sources for path in lake.files(source) if path not in known):
        source, entity = path.split("/")[:2]
        keys = {r.key for r in found.records if (r.source, r.entity) == (source, entity)}
        try:
            holds = any(key in keys for key, _ in lake.read(path))
        except StoreError:
            holds = bool(keys)
        if holds:
            gone.append(path)
    return gone


def _written_again(lake: Lake, found: _Found) -> list[tuple[LandedFile, Landed]]:
    """The files without the person, beside those with them."""
    place = f"e{found.plan.hash[:8]}"
    made = [
        (file, lake.without(file.path, file.checksum, _keys(found.records, file), place))
        for file in found.files
    ]
    return [(file, landed) for file, landed in made if landed is not None]
