"""What the engine asks of the outside: small protocols that are required, and optional ones that are asked for by isinstance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol, runtime_checkable

from pydantic import BaseModel

from sync_engine.errors import RecordError
from sync_engine.records import (
    Change,
    ControlTotal,
    Current,
    Cursor,
    FoundCompany,
    Offered,
    Probe,
    Receipt,
    RecordBatch,
    Stream,
    Subscribed,
    WriteRequest,
)

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]
"""A WSGI program."""


class Clock(Protocol):
    """Time and sleep, injected so that tests need no waiting."""

    def now(self) -> datetime:
        """The current instant, aware, UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Waits."""
        ...


class Connector(Protocol):
    """One configured installation of an ERP or CRM. Every method may raise the `SourceError` and `TransientError` trees.

    This much is required. What a connector can do besides, it says by having the methods of an optional protocol below.
    """

    source: str

    @property
    def streams(self) -> Mapping[str, Stream]:
        """The wire entities this installation offers now, by name, parents before children."""
        ...

    def probe(self) -> Probe:
        """Looks at the installation without reading records: version, company, capabilities."""
        ...

    def pull(self, entity: str, since: Cursor | None) -> Iterator[RecordBatch]:
        """Reads one wire entity: everything when `since` is None (a full sweep), else what changed.

        A sorted stream sets `resume_from` on every batch, an unsorted one on its last. A full sweep ends with a batch
        whose `complete` is true, also when that batch is empty.
        """
        ...

    def close(self) -> None:
        """Releases connections."""
        ...


@runtime_checkable
class CountsCalls(Protocol):
    """A connector that counts the requests it sends."""

    @property
    def calls(self) -> int:
        """Requests sent so far, retries included."""
        ...


@runtime_checkable
class ReadsOneDebtor(Protocol):
    """A connector that can read one debtor with all that belongs to it."""

    def pull_debtor(self, debtor_key: str) -> Iterator[RecordBatch]:
        """Reads the closure of one debtor: itself, its contacts, dimensions, open documents, ledger entries."""
        ...


@runtime_checkable
class StatesTotals(Protocol):
    """A connector whose source states figures of its own."""

    def count(self, entity: str) -> int | None:
        """How many records of this entity the source says it has now (one cheap request); None where it does not say."""
        ...

    def totals(self, entity: str) -> Sequence[ControlTotal]:
        """The figures the source states itself about this entity; empty where it states none."""
        ...


@runtime_checkable
class ListsKeys(Protocol):
    """A connector that can tell which records exist without reading them."""

    def keys(self, entity: str) -> Iterator[Sequence[str]]:
        """A cheap sweep of the ids that exist now, in pages; raises `SourceError` for an entity where there is none."""
        ...


@runtime_checkable
class RemembersOffers(Protocol):
    """A connector whose source decides what it offers; others offer what their settings declare."""

    @property
    def offered(self) -> Offered:
        """What the installation offers now, for comparing it with what it offered before."""
        ...


class LoginLimits(Protocol):
    """What the callers of one login share on all machines: how many calls were made, and how many are made at once."""

    def changed(self, login: str, change: Callable[[bytes, float], tuple[bytes, float]]) -> float:
        """Hands over what is stored for a login (empty at first) and the time they share, in seconds since 1970; stores the first of what `change`
        gives, returns the second. Nobody else changes it meanwhile. Raises StoreError."""
        ...

    def place(self, login: str, number: int) -> AbstractContextManager[bool]:
        """Tries to hold one of `number` places while the context lasts; false where all are taken. A process that dies gives its place back."""
        ...


@runtime_checkable
class SharesLogins(Protocol):
    """A connector whose login may be used on several machines at once."""

    def share_login(self, limits: LoginLimits) -> None:
        """Counts its calls there from now on; called before the first one."""
        ...


@runtime_checkable
class TellsTime(Protocol):
    """A connector that hears its source's clock."""

    @property
    def ahead(self) -> timedelta | None:
        """How far our clock is ahead of the source's; None where it does not tell."""
        ...


@runtime_checkable
class NotesOddities(Protocol):
    """A connector that notes what is odd and no failure."""

    @property
    def oddities(self) -> Mapping[str, str]:
        """A sentence about what was odd at the last reading, by wire entity."""
        ...


@runtime_checkable
class DiscoversCompanies(Protocol):
    """A connector whose login can see several companies."""

    def discover(self) -> Sequence[FoundCompany]:
        """Every company of the login, also those it cannot enter. The settings need not name one for this."""
        ...

    def enters(self, connection: Mapping[str, Any], company: FoundCompany) -> bool:
        """Whether these connection settings, as a source's YAML has them, mean this company."""
        ...


@runtime_checkable
class ReceivesWebhooks(Protocol):
    """A connector whose source can tell by itself that something changed."""

    def receiver(self, hear: Callable[[str], None]) -> Wsgi | None:
        """The WSGI program that answers notifications and calls `hear` with the wire entity; None where the settings ask for none."""
        ...

    def subscribe(self) -> Sequence[Subscribed]:
        """Makes and renews the subscriptions that the settings ask for."""
        ...


@runtime_checkable
class WritesBack(Protocol):
    """A connector that can change records of its source. It is asked to only where the YAML names fields under `writable`."""

    def writable(self, entity: str) -> frozenset[str]:
        """The wire fields of an entity that can be written; empty where none can."""
        ...

    def current(self, entity: str, key: str) -> Current | None:
        """Reads one record and its version; None where there is none. Raises what a pull raises."""
        ...

    def request(self, change: Change) -> WriteRequest:
        """What `push` would send; sends nothing."""
        ...

    def push(self, change: Change) -> Receipt:
        """Sends a change once, to the version it was computed from and no other. Raises RateLimited and AuthenticationFailed, where nothing was
        written; every other answer, and none, is a receipt."""
        ...


class ConnectorPlugin(Protocol):
    """What an entry point of group `sync_engine.connectors` resolves to."""

    settings: type[BaseModel]

    def open(self, source: str, settings: Any, clock: Clock) -> Connector:
        """Opens one installation; sends nothing before the first call. `settings` is an instance of `self.settings`."""
        ...


@runtime_checkable
class ToldByWebhooks(Protocol):
    """A plugin whose settings may ask for notifications."""

    def is_told(self, settings: Any) -> bool:
        """Whether these settings ask for notifications; `settings` is an instance of `self.settings`."""
        ...


class Draft(NamedTuple):
    """What one raw record says: canonical field -> value. A field that is absent says nothing, None says empty.

    Values are JSON-ready: text, bool, int, None; money and rates as decimal text, dates as ISO text, sets as sorted lists.
    `lines` are the children of a document, in order; `instalments` what it asks for day by day, where it is split and no ledger
    entry says so. Without them a document has one.
    """

    key: str
    values: dict[str, Any]
    lines: Sequence[dict[str, Any]] = ()
    instalments: Sequence[dict[str, Any]] = ()


class CodeGap(NamedTuple):
    """No rule knows `code` for `field`: the field was left out of the claim of `key`."""

    key: str
    field: str
    code: str


class Exclusion(NamedTuple):
    """The record is outside the configured filter; not an error, not deleted."""

    key: str
    reason: str


@dataclass(slots=True)
class Normalised:
    """The outcome of normalising some raw records: every key is in exactly one of drafts, failed and excluded."""

    drafts: list[Draft] = field(default_factory=list)
    failed: list[tuple[str, RecordError]] = field(default_factory=list)
    excluded: list[Exclusion] = field(default_factory=list)
    gaps: list[CodeGap] = field(default_factory=list)


class Normaliser(Protocol):
    """Raw record -> draft, for all wire entities of one source. Pure: no I/O, no clock."""

    version: str
    """A hash of the mapping module and its rules: another version re-normalises what is landed."""

    def normalise(self, entity: str, records: Sequence[tuple[str, bytes]]) -> Normalised:
        """Maps (key, payload) pairs of one wire entity; one bad record never stops its neighbours."""
        ...


@runtime_checkable
class TellsFields(Protocol):
    """A normaliser that tells which fields it reads, so that one that vanishes from the wire is missed."""

    def reads(self, entity: str) -> frozenset[str]:
        """The wire fields that the mapping of one entity reads."""
        ...


@runtime_checkable
class WritesFields(Protocol):
    """A normaliser that can also say canonical fields in the words of its source."""

    def writes(self, entity: str) -> Mapping[str, str]:
        """Canonical field, or `custom.NAME`, -> the wire field that says it; only such as come back as they were said."""
        ...

    def to_wire(self, entity: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values as wire fields. Raises MappingFailed for a value that no word of the source stands for."""
        ...


class MappingPlugin(Protocol):
    """What an entry point of group `sync_engine.mappings` resolves to; its name equals the connector's."""

    settings: type[BaseModel]

    def normaliser(self, source: str, settings: Any) -> Normaliser:
        """Builds the normaliser of one source. `settings` is an instance of `self.settings`."""
        ...


class SendsAlerts(Protocol):
    """What brings an alert to where people look, found by the entry-point group `sync_engine.alerts`."""

    def send(self, address: str, title: str, lines: Sequence[str], clock: Clock) -> None:
        """Sends one message. `address` may hold a token and is repeated in no error.

        Raises ConfigurationError for an address nobody understands, TransientError and SourceError where it was not taken.
        """
        ...
