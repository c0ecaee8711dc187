"""What crosses the connector boundary: raw records in batches, keys, cursors, and what an installation can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, NamedTuple, NewType

import xxhash

Cursor = NewType("Cursor", str)
"""Where to resume a stream: opaque to the engine, made and read by the connector that issued it."""


class RecordKey(NamedTuple):
    """The ERP's immutable id of a record within one source and wire entity; never its human number."""

    source: str
    entity: str
    value: str


class RawRecord(NamedTuple):
    """One record as received: `payload` is one JSON object in UTF-8, untouched; `changed_at` is aware UTC or None.

    `unreadable` says why it cannot be used, where that shows before any mapping does: it is quarantined with these words. Its
    payload may then be a JSON text of what was received, and its key a made-up one: such a record is always `unreadable`.
    """

    key: str
    payload: bytes
    changed_at: datetime | None
    unreadable: str = ""


def made_up_key(of: bytes) -> str:
    """The key of a record that has none: `?` and the xxh3 hash of what there is of it, the same at every reading."""
    return f"?{xxhash.xxh3_128_hexdigest(of)}"


class Landed(NamedTuple):
    """A landed file as the manifest remembers it; `path` is relative to the lake, `bytes` as stored."""

    path: str
    records: int
    bytes: int
    checksum: str


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Records of one wire entity, in the order they were received.

    `resume_from` is safe to remember once the batch is stored. `deleted` are keys the source itself reported as gone.
    `complete` marks the last batch of a full sweep: what the sweep did not see is gone (the sweep brake permitting).
    `whole` are parents of which this batch has all records, where records are keyed `<parent>|<rest>`: others of theirs are gone.
    """

    entity: str
    records: Sequence[RawRecord]
    deleted: Sequence[str] = ()
    resume_from: Cursor | None = None
    complete: bool = False
    whole: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Stream:
    """One wire entity of a connector, and how it can be read.

    `family` is the group a person thinks in (dimensions, debtors, contacts, documents, payments). `canonical` names the
    canonical entity its records speak about. `facet` streams only add fields to records another stream defines.
    `is_selection`: it lists records by a condition (the open ones), so what left the list is not gone.
    `keys_are_numbers`: its keys are numbers that people may change and give to another record, for the source has no other id.
    `untold` is a sentence: what this way of reading cannot tell. The certificate of every cut repeats it.
    """

    entity: str
    family: str
    canonical: str
    has_cursor: bool = True
    overlap: timedelta = timedelta(minutes=15)
    reports_deletes: bool = False
    sweep_every: timedelta | None = timedelta(hours=24)
    facet: bool = False
    is_selection: bool = False
    keys_are_numbers: bool = False
    untold: str = ""


@dataclass(frozen=True, slots=True)
class Capability:
    """Something this installation and login can or cannot do, in words for `sources doctor`."""

    name: str
    available: bool
    detail: str
    consequence: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a connector found when it looked: the product, its version, the companies, the capabilities."""

    product: str
    version: str
    company: str
    capabilities: tuple[Capability, ...] = ()
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ControlTotal:
    """A figure the source itself states, to compare the canonical store with.

    `name` is one of: `count` (records of `entity`), `open_amount` (sum of open items, `currency`), `open_amount_base`,
    `debtor_balance` (per `key`, base currency), `ageing` (per `key` = bucket label), `control_account` (base currency).
    """

    entity: str
    name: str
    value: Decimal
    currency: str = ""
    key: str = ""
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class Offered:
    """What an installation offers now, for comparing it with what it offered before.

    `company` is the id of the company, empty where it cannot be told. `fields` are those of a wire entity that can be told without
    reading it. `missing` says why an entity is not offered; those `left_out` are not, because the settings or a better route say so.
    Of those `in_doubt` nobody can tell now. With `by_settings` the settings alone decide what is offered.
    """

    company: str = ""
    route: str = ""
    fields: Mapping[str, frozenset[str]] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()
    in_doubt: frozenset[str] = frozenset()
    by_settings: bool = False


@dataclass(frozen=True, slots=True)
class FoundCompany:
    """A company that a login can see.

    `connection` are the settings that mean it, to put over those of the login. `closed` says why it cannot be entered, empty when it
    can. `called` are its names and its id. `alone`: there is no other in its environment, so a source may leave its name out.
    """

    environment: str
    id: str
    name: str
    version: str
    closed: str = ""
    called: tuple[str, ...] = ()
    alone: bool = False
    connection: Mapping[str, Any] = field(default_factory=dict)


class Subscribed(NamedTuple):
    """What became of the subscription to one resource: made, renewed, kept, or refused with a reason."""

    resource: str
    outcome: str
    why: str = ""


Outcome = Literal["delivered", "conflict", "refused", "unknown"]
"""What became of a write. `conflict`: the record is no longer the one it was computed from, and nothing was written. `unknown`: nobody answered in
time, so it may have been taken; the record is read before anything is sent again."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a record of a source should say. `fields` are those of the wire, with JSON values.

    `base_version` is the version of the record it was computed from, as `Current` told it; nothing is written to another one.
    `idempotency_key` stays the same however often the same change is sent.
    """

    entity: str
    key: str
    fields: Mapping[str, Any]
    base_version: str
    idempotency_key: str


class Current(NamedTuple):
    """A record as it is in its source now, as a pull would give it, and its version there: whatever changes when it changes."""

    record: RawRecord
    version: str


class Receipt(NamedTuple):
    """The answer to a write: what became of it, and the words of the system that refused it."""

    outcome: Outcome
    words: str = ""


class WriteRequest(NamedTuple):
    """What would be sent, for a person to read: a method or statement, where to, and the fields with their values."""

    what: str
    where: str
    fields: Mapping[str, Any]
    conditions: Mapping[str, str]
