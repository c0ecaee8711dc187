"""The connector: one company of one Business Central, behind the engine's port."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

import httpx
import msgspec

from connectors.business_central import writing
from connectors.business_central.analytics import AnalyticsLedger
from connectors.business_central.capabilities import capabilities, untold
from connectors.business_central.catalogue import LISTLESS, Entity
from connectors.business_central.client import client_of, explained
from connectors.business_central.companies import companies_of, is_meant
from connectors.business_central.contacts import ContactsInformation
from connectors.business_central.control_totals import ControlTotals
from connectors.business_central.cursors import Mark
from connectors.business_central.dimensions import DefaultDimensions
from connectors.business_central.installation import Installation
from connectors.business_central.ledger import EntryFields, LedgerReading, OpenInvoices
from connectors.business_central.reading import Reading, following
from connectors.business_central.settings import Settings
from connectors.business_central.urls import is_guid
from connectors.business_central.webhooks import WebhookReceiver, subscribe
from connectors.toolkit.http.call_budget import Urgency
from connectors.toolkit.http.errors import Refused
from connectors.toolkit.odata.query import literal
from connectors.toolkit.rows import Fields, Row
from sync_engine.errors import (
    SourceError,
)
from sync_engine.ports import Clock, LoginLimits
from sync_engine.records import (
    Change,
    ControlTotal,
    Current,
    Cursor,
    FoundCompany,
    Offered,
    Probe,
    RawRecord,
    Receipt,
    RecordBatch,
    Stream,
    Subscribed,
    WriteRequest,
)

T = TypeVar("T")
PRODUCT = "Microsoft Dynamics 365 Business Central"


class _Numbered(msgspec.Struct):
    number: str = ""


_NUMBERED = Fields(_Numbered)


class BusinessCentral:
    """One company. Looks at the installation when it is first asked for something, and only once."""

    def __init__(
        self, source: str, settings: Settings, clock: Clock, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.source, self.settings = source, settings
        self._clock, self._transport = clock, transport
        self._client = client_of(source, settings, clock, transport)
        self._site = Installation(self._client, settings)
        self._reading = Reading(self._client, self._site, settings)
        self._analytics = AnalyticsLedger(self._reading)
        self._control = ControlTotals(self._reading)

    def __repr__(self) -> str:
        return f"BusinessCentral({self.source!r})"

    @property
    def calls(self) -> int:
        """Requests sent, retries and logins included."""
        return self._client.calls

    @property
    def received(self) -> int:
        """Bytes of answers read."""
        return self._client.received

    @property
    def company_id(self) -> str:
        """The id of the company; asks for it once."""
        return self._site.company.id

    @cached_property
    def streams(self) -> Mapping[str, Stream]:
        """The wire entities this installation offers, parents first."""
        silent = untold(self._site)
        return {
            name: replace(entity.stream, untold=silent.get(name, ""))
            for name, entity in self._site.offer.entities.items()
        }

    @property
    def offered(self) -> Offered:
        """What this installation offers now, for the engine to remember."""
        return self._site.remembered

    def share_login(self, limits: LoginLimits) -> None:
        """Counts its calls with all machines that use the login."""
        self._client.share_login(limits)

    def probe(self) -> Probe:
        """Version, company and what can be read; asks every entity for one row, so that missing permissions show."""
        offer, company = self._site.offer, self._site.company
        return Probe(
            PRODUCT,
            company.version,
            company.label,
            capabilities(self._site, self.settings, self._control.count),
            {
                "company_id": company.id,
                "ledger_route": offer.route,
                "environment": self.settings.environment or "on premises",
            },
        )

    def pull(self, entity: str, since: Cursor | None) -> Iterator[RecordBatch]:
        """Reads one wire entity; how depends on what it is, see the modules of the readers."""
        found = self._site.offered(entity)
        urgency = Urgency.BACKFILL if since is None and found.stream.has_cursor else Urgency.CHANGES
        try:
            yield from self._urged(self._batches(found, since), urgency)
        except Refused as refusal:
            raise self._explained(refusal) from None

    def _urged(self, batches: Iterator[T], urgency: Urgency) -> Iterator[T]:
        """From when one of these is asked for, calls have this urgency: pages are fetched ahead while others are used."""
        self._client.urgency = urgency
        for found in batches:
            yield found
            self._client.urgency = urgency

    def _batches(self, entity: Entity, since: Cursor | None) -> Iterator[RecordBatch]:
        leader = self._site.offer.entities.get(entity.follows)
        if leader is not None and entity.reader == "contacts_information":
            found, mark = ContactsInformation(self._reading, entity), Mark.read(since)
            return following(
                self._reading,
                entity,
                leader,
                since,
                found.pull(mark.signal if mark else ""),
                lambda: found.in_vain,
            )
        if leader is not None:
            return following(self._reading, entity, leader, since, self._reader(entity, None))
        return self._reader(entity, since)

    def _reader(self, entity: Entity, since: Cursor | None) -> Iterator[RecordBatch]:
        match entity.reader:
            case "entries":
                return LedgerReading(self._reading, entity).pull(since)
            case "grouped_entries":
                return self._analytics.entries(entity, since)
            case "applications":
                return self._analytics.applications(entity, since)
            case "open_invoices":
                return OpenInvoices(self._reading, entity).pull(since)
            case "default_dimensions":
                return DefaultDimensions(self._reading, entity).pull(since)
            case "contacts_information":
                return ContactsInformation(self._reading, entity).pull()
            case "plain" | "documents":
                return self._reading.pull(entity, since)

    def keys(self, entity: str) -> Iterator[Sequence[str]]:
        """Ids that exist now. Raises SourceError for what is made from several rows, which has no cheap list."""
        found = self._site.offered(entity)
        if found.reader in LISTLESS:
            raise SourceError("there is no list of its keys", whose=self.source, key=entity)
        try:
            yield from self._urged(self._reading.keys(found), Urgency.SWEEP)
        except Refused as refusal:
            raise self._explained(refusal) from None

    def count(self, entity: str) -> int | None:
        """How many records the source says it has; None where it does not say."""
        self._client.urgency = Urgency.SWEEP
        return self._control.count(self._site.offered(entity))

    def totals(self, entity: str) -> Sequence[ControlTotal]:
        """Control figures about an entity."""
        self._client.urgency = Urgency.SWEEP
        return self._control.totals(self._site.offered(entity))

    def pull_debtor(self, debtor_key: str) -> Iterator[RecordBatch]:
        """One customer with its dimensions, contacts, documents and ledger entries; told as deleted when it is gone."""
        if not is_guid(debtor_key):
            raise SourceError(
                "no known customer has this number, and it is no id",
                whose=self.source,
                key=debtor_key,
                todo="Look the number up; a customer never read before needs its id, not the number.",
            )
        try:
            yield from self._urged(self._closure(debtor_key), Urgency.ONE_DEBTOR)
        except Refused as refusal:
            raise self._explained(refusal) from None

    def _closure(self, key: str) -> Iterator[RecordBatch]:
        offered = self._site.offer.entities
        customers = self._rows(offered["customers"], f"id eq {key}")
        if not customers:
            yield RecordBatch("customers", (), deleted=(key,))
            return
        yield RecordBatch("customers", customers)
        if (dimensions := offered.get("defaultDimensions")) is not None:
            yield RecordBatch(dimensions.name, DefaultDimensions(self._reading, dimensions).of_customer(key))
        yield from self._contacts_of(key)
        for name, condition in (
            ("customerFinancialDetails", f"id eq {key}"),
            ("salesInvoices", f"billToCustomerId eq {key}"),
            ("openInvoices", f"billToCustomerId eq {key}"),
            ("salesCreditMemos", f"billToCustomerId eq {key}"),
        ):
            if name in offered:
                yield RecordBatch(name, self._rows(offered[name], condition))
        found = _NUMBERED.read(customers[0].payload)
        number = found.number if found is not None else ""
        for entity in offered.values():
            if number and entity.reader in ("grouped_entries", "applications"):
                yield RecordBatch(entity.name, self._analytics.of_customer(entity, number))
            elif number and (field := self._customer_field(entity)):
                yield RecordBatch(entity.name, self._rows(entity, f"{field} eq {literal(number)}"))

    def _contacts_of(self, key: str) -> Iterator[RecordBatch]:
        """Needs contactsInformation: the link of a contact to its customer is nowhere else."""
        offered = self._site.offer.entities
        links, contacts, persons = (
            offered.get(name) for name in ("contactsInformation", "contacts", "customerContacts")
        )
        if persons is not None:
            yield RecordBatch(persons.name, self._rows(persons, f"customerId eq {key}", optional=True))
        if links is None or contacts is None:
            return
        found = ContactsInformation(self._reading, links).of_customer(key)
        yield RecordBatch(links.name, found)
        ids = [record.key.rpartition("|")[2] for record in found]
        for start in range(0, len(ids), 20):
            condition = " or ".join(
                f"id eq {contact}" for contact in ids[start : start + 20] if is_guid(contact)
            )
            if condition:
                yield RecordBatch(contacts.name, self._rows(contacts, condition))

    def _customer_field(self, entity: Entity) -> str:
        """What a ledger entity calls the customer's number; empty for entities of other families."""
        if entity.stream.family != "payments":
            return ""
        if entity.reader == "entries":
            return EntryFields.of(entity, self.settings).customer
        if entity.name == "detailedEntriesApi":
            given = self.settings.ledger.custom.fields if self.settings.ledger.custom else {}
            return given.get("detailed_customer", "customerNumber")
        return "customerNumber"

    def _rows(self, entity: Entity, condition: str, *, optional: bool = False) -> list[RawRecord]:
        try:
            return [
                record for portion in self._reading.where(entity, condition) for record in portion.records
            ]
        except Refused:
            if optional:
                return []
            raise

    def _explained(self, refusal: Refused) -> Exception:
        return explained(refusal, self.settings, self.source)

    def discover(self) -> list[FoundCompany]:
        """Environments and companies of the login, also those it cannot enter. `company` need not be set for this.

        [D:webservices/api-get-environments.md] On premises, and where environments cannot be listed, the configured one.
        """
        return companies_of(self._client, self._reading.pages, self.settings)

    def enters(self, connection: Mapping[str, Any], company: FoundCompany) -> bool:
        """Whether the settings of a source mean this company: the same address and tenant, its environment, one of its names."""
        return is_meant(self.settings, connection, company)

    def now(self) -> datetime:
        """The server's now, where it tells; else the clock's."""
        return self._client.server_now()

    @property
    def ahead(self) -> timedelta | None:
        """How far our clock is ahead of the server's; None where it does not tell."""
        return self._client.ahead

    @property
    def oddities(self) -> Mapping[str, str]:
        """What was odd about what was read and is no failure, by wire entity."""
        return self._reading.oddities

    def receiver(self, hear: Callable[[str], None]) -> WebhookReceiver | None:
        """What answers Business Central's notifications about this company; None where the settings ask for none."""
        hints = self.settings.hints
        return None if hints is None else WebhookReceiver(hints.secret.resolve(), hear)

    def subscribe(self) -> Sequence[Subscribed]:
        """Makes and renews the subscriptions that the settings ask for; their receiver is asked at once."""
        return () if self.settings.hints is None else subscribe(self, self.settings.hints)

    def rows(self, path: str) -> list[Row]:
        """All rows of a set of API v2.0 outside any company."""
        return self._site.rows(path)

    def write(self, method: str, path: str, body: dict[str, str], *, etag: str = "") -> bytes:
        """Sends a change to an address of API v2.0 outside any company, once."""
        headers = {"If-Match": etag} if etag else {}
        url = self._site.addresses.installation(f"api/v2.0/{path}")
        return self._client.write(
            method, url, msgspec.json.encode(body), key=path.partition("(")[0], headers=headers
        ).body

    def writable(self, entity: str) -> frozenset[str]:
        """The fields of customers and contacts; not of a page that stands in for one of them."""
        return frozenset() if entity in self.settings.pages else writing.WRITABLE.get(entity, frozenset())

    def current(self, entity: str, key: str) -> Current | None:
        """One record with its etag."""
        return writing.current(self._reading, self._site.offered(entity), key)

    def request(self, change: Change) -> WriteRequest:
        """The request that `push` would send."""
        return writing.request(self._reading, self._site.offered(change.entity), change)

    def push(self, change: Change) -> Receipt:
        """Changes the named fields of one record, if it still has the etag it was read with."""
        return writing.push(self._reading, self._site.offered(change.entity), change)

    def close(self) -> None:
        """Releases connections; may be called again."""
        self._client.close()


class Plugin:
    """The entry point `business_central` of group `sync_engine.connectors`."""

    settings = Settings

    def open(
        self, source: str, settings: Settings, clock: Clock, transport: httpx.BaseTransport | None = None
    ) -> BusinessCentral:
        """Opens one company; sends nothing yet. `transport` replaces the network, for tests."""
        return BusinessCentral(source, settings, clock, transport)

    def is_told(self, settings: Settings) -> bool:
        """Whether the settings ask for notifications."""
        return settings.hints is not None
