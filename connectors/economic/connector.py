"""The connector: one agreement of e-conomic behind the engine's port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property

import httpx
import msgspec

from connectors.economic import filters
from connectors.economic.catalogue import ENTITIES, Entity
from connectors.economic.ledger import Ledger
from connectors.economic.reading import Reading
from connectors.economic.settings import Settings
from connectors.toolkit.http.errors import NotFound
from connectors.toolkit.rows import Fields
from sync_engine.errors import ProtocolViolation, SourceError
from sync_engine.ports import Clock
from sync_engine.records import (
    Capability,
    ControlTotal,
    Cursor,
    Offered,
    Probe,
    RawRecord,
    RecordBatch,
    Stream,
)

MADE = (
    RawRecord("customer_group", b'{"code":"customer_group","name":"Customer group"}', None),
    RawRecord("department", b'{"code":"department","name":"Department"}', None),
)
"""Dimensions that have values and no record of their own."""


class _Module(msgspec.Struct):
    number: int = msgspec.field(name="moduleNumber")
    name: str = ""


class _Company(msgspec.Struct):
    name: str = ""


class _Self(msgspec.Struct):
    agreement: int = msgspec.field(name="agreementNumber")
    company: _Company = msgspec.field(default_factory=_Company)
    modules: tuple[_Module, ...] = ()


class _Account(msgspec.Struct):
    number: int = msgspec.field(name="accountNumber")
    balance: Decimal | None = None


class _Group(msgspec.Struct):
    account: _Account | None = None


class _Balance(msgspec.Struct):
    customer: int = msgspec.field(name="customerNumber")
    balance: Decimal


class _Mark(msgspec.Struct):
    """Where the booked invoices stand: the highest number, and how many there were."""

    last: int
    count: int


_SELF, _GROUP, _BALANCE = Fields(_Self), Fields(_Group), Fields(_Balance)


class Economic:
    """One agreement. Nothing is sent before the first question."""

    def __init__(
        self, source: str, settings: Settings, clock: Clock, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.source, self.settings = source, settings
        self._reading = Reading(source, settings, clock, transport)

    def __repr__(self) -> str:
        return f"Economic({self.source!r})"

    @property
    def calls(self) -> int:
        """Requests sent so far, retries included."""
        return sum(client.calls for client in self._reading.clients)

    @property
    def ahead(self) -> timedelta | None:
        """How far our clock is ahead of the server's; None where it does not tell."""
        return self._reading.rest.ahead

    @cached_property
    def _agreement(self) -> tuple[RawRecord, _Self]:
        """Who it is, as received and as read; a refused token shows here."""
        body = self._reading.rest.get(self._reading.url("self"), key="agreement").body
        found = _SELF.strict(body)
        if found is None:
            raise ProtocolViolation("does not say which agreement it is", whose=self.source, key="agreement")
        return RawRecord(str(found.agreement), body, None), found

    @property
    def _has_dimensions(self) -> bool:
        return "dimension_values" in self._entities

    @cached_property
    def _entities(self) -> Mapping[str, Entity]:
        modules = {module.number for module in self._agreement[1].modules}
        return {e.name: e for e in ENTITIES if e.module is None or e.module in modules}

    @property
    def streams(self) -> Mapping[str, Stream]:
        """What this agreement has, parents first: a module that is not active costs what needs it."""
        return {name: entity.stream for name, entity in self._entities.items()}

    @property
    def offered(self) -> Offered:
        """What this agreement offers now, for the engine to remember."""
        missing = {
            e.name: f"module {e.module} (Dimension) is not active in the agreement"
            for e in ENTITIES
            if e.name not in self._entities
        }
        return Offered(company=str(self._agreement[1].agreement), missing=missing)

    def probe(self) -> Probe:
        """The agreement, and which lists the tokens may read: each is counted."""
        _, agreement = self._agreement
        modules = ", ".join(f"{module.number} {module.name}" for module in agreement.modules)
        return Probe(
            "Visma e-conomic",
            "REST and OpenAPI",
            agreement.company.name,
            tuple(map(self._capability, ENTITIES)),
            {"agreement": str(agreement.agreement), "modules": modules},
        )

    def _capability(self, entity: Entity) -> Capability:
        if entity.name not in self._entities:
            return Capability(entity.name, False, self.offered.missing[entity.name])
        try:
            found = self.count(entity.name)
        except SourceError as failure:
            return Capability(entity.name, False, failure.what, failure.todo)
        return Capability(entity.name, True, "" if found is None else f"{found:,} records")

    @cached_property
    def _ledger(self) -> Ledger:
        """The entries on the accounts of receivables: those of the customer groups, and those the settings add."""
        return Ledger(self._reading, tuple(sorted({*self._accounts(), *self.settings.receivables_accounts})))

    def _accounts(self) -> dict[int, Decimal | None]:
        """The accounts of the customer groups, with their balances."""
        return {
            found.account.number: found.account.balance
            for page in self._reading.rows(self._known("customer_groups"))
            for found in _GROUP.all(page.rows)
            if found.account
        }

    def pull(self, entity: str, since: Cursor | None) -> Iterator[RecordBatch]:
        """Everything when `since` is None, else what changed; how, the catalogue says."""
        found = self._known(entity)
        match found.reader:
            case "dimensions":
                rows = self._register(found) if self._has_dimensions else ()
                yield RecordBatch(entity, MADE, complete=not self._has_dimensions)
                yield from rows
            case "self":
                yield RecordBatch(entity, [self._agreement[0]], complete=True)
            case "register":
                yield from self._register(found)
            case "changes":
                yield from self._changes(found, since)
            case "invoices":
                yield from self._invoices(found, since)
            case "entries":
                yield from self._ledger.pull(found, since)
            case "pairs":
                for records in self._ledger.pairs(found, self._known("entries")):
                    yield RecordBatch(entity, records, complete=True)

    def _register(self, entity: Entity) -> Iterator[RecordBatch]:
        """A small list whole. Where its total moves while it is read, a row may have slipped between two pages: nothing is complete."""
        totals = set[int | None]()
        for page in self._reading.rows(entity):
            totals.add(page.total)
            steady = page.next is None and len(totals) == 1
            yield RecordBatch(entity.name, entity.shape.read(page.rows).records, complete=steady)

    def _changes(self, entity: Entity, since: Cursor | None) -> Iterator[RecordBatch]:
        """By stamp of change, which is precise to a second. Contacts say themselves that they are deleted."""
        latest = start = datetime.fromisoformat(since) if since else None
        condition = ""
        if start is not None:
            condition = filters.where(entity.stamp or "", "gte", start - entity.stream.overlap)
        client = self._reading.client_of(entity)
        for page in self._reading.rows(entity, condition):
            read = entity.shape.read(page.rows)
            latest = max(filter(None, (latest, read.latest)), default=None)
            gone = {record.key for record in read.records if _is_deleted(record)}
            yield RecordBatch(
                entity.name,
                [record for record in read.records if record.key not in gone],
                deleted=sorted(gone) if since else (),
                resume_from=_cursor(latest, client.server_now()) if page.next is None else None,
                complete=page.next is None and since is None,
            )

    def _invoices(self, entity: Entity, since: Cursor | None) -> Iterator[RecordBatch]:
        """By number. Series of other numbers leave holes that are filled later: where the count does not fit, all are read again."""
        mark = msgspec.json.decode(since, type=_Mark) if since else _Mark(0, 0)
        new, last = 0, mark.last
        behind = filters.where("bookedInvoiceNumber", "gt", mark.last) if since else ""
        counted = self._reading.listed(entity)
        for page in self._reading.rows(entity, behind):
            records = entity.shape.read(page.rows).records
            new += len(records)
            last = max([last, *(int(r.key) for r in records if r.key.isdigit())])
            is_last = page.next is None
            fits = since is None or mark.count + new >= counted
            resume = _written(_Mark(last, mark.count + new)) if is_last and fits else None
            yield RecordBatch(entity.name, records, resume_from=resume, complete=is_last and since is None)
        if since and mark.count + new < counted:
            yield from (_of_changes(batch) for batch in self._invoices(entity, None))

    def pull_debtor(self, debtor_key: str) -> Iterator[RecordBatch]:
        """One customer with its contacts, invoices, entries and what settled them; told as deleted when it is gone."""
        customers = self._known("customers")
        try:
            body = self._reading.rest.get(
                self._reading.url(f"customers/{int(debtor_key)}"), key="customers"
            ).body
        except (NotFound, ValueError):
            yield RecordBatch("customers", (), deleted=(debtor_key,))
            return
        yield RecordBatch("customers", customers.shape.read([msgspec.Raw(body)]).records)
        for name, field in (
            ("contacts", "customerNumber"),
            ("invoices", "customer.customerNumber"),
            ("entries", "customerNumber"),
        ):
            condition = filters.where(field, "eq", debtor_key)
            if name == "entries":
                condition = filters.both(condition, self._ledger.owed)
            entity = self._known(name)
            for page in self._reading.rows(entity, condition):
                records = entity.shape.read(page.rows).records
                yield RecordBatch(name, [record for record in records if not _is_deleted(record)])

    def count(self, entity: str) -> int | None:
        """How many records the source says it has; None where it does not say."""
        found = self._known(entity)
        match found.reader:
            case "dimensions":
                return len(MADE) + (self._reading.listed(found) if self._has_dimensions else 0)
            case "self":
                return 1
            case "pairs":
                return None
            case "entries":
                return self._reading.listed(found, self._ledger.owed)
        return self._reading.listed(found, "isDeleted$eq:false" if entity == "contacts" else "")

    def totals(self, entity: str) -> Sequence[ControlTotal]:
        """The count of any list; for customers the balance of each, for entries that of their accounts, all in base currency."""
        counted = self.count(entity)
        found = [] if counted is None else [ControlTotal(entity, "count", Decimal(counted))]
        if entity == "customers":
            found += self._balances()
        if entity == "entries":
            found += [
                ControlTotal(entity, "control_account", balance, key=str(account))
                for account, balance in self._accounts().items()
                if balance is not None
            ]
        return found

    def _balances(self) -> Iterator[ControlTotal]:
        """A balance that cannot be read is no figure: then none is stated, rather than a part. Those of nought are not asked for."""
        customers = self._known("customers")
        for page in self._reading.rows(customers, "balance$ne:0"):
            for row in page.rows:
                balance = _BALANCE.strict(row)
                if balance is None:
                    raise ProtocolViolation("a balance cannot be read", whose=self.source, key="customers")
                yield ControlTotal("customers", "debtor_balance", balance.balance, key=str(balance.customer))

    def close(self) -> None:
        """Releases connections; may be called again."""
        for client in self._reading.clients:
            client.close()

    def _known(self, entity: str) -> Entity:
        if entity not in self._entities:
            known = ", ".join(self._entities)
            raise SourceError("is not offered", whose=self.source, key=entity, todo=f"Offered: {known}.")
        return self._entities[entity]


def _is_deleted(record: RawRecord) -> bool:
    return b'"isDeleted":true' in record.payload.replace(b" ", b"")


def _of_changes(batch: RecordBatch) -> RecordBatch:
    """A batch of a sweep that nobody asked for: it deletes nothing."""
    return RecordBatch(batch.entity, batch.records, resume_from=batch.resume_from)


def _cursor(latest: datetime | None, now: datetime) -> Cursor | None:
    """No stamp later than the server's own clock is believed, or what changes until then would be passed over."""
    return None if latest is None else Cursor(min(latest, now).isoformat())


def _written(mark: _Mark) -> Cursor:
    return Cursor(msgspec.json.encode(mark).decode())


class Plugin:
    """The entry point `economic` of group `sync_engine.connectors`."""

    settings = Settings

    def open(
        self, source: str, settings: Settings, clock: Clock, transport: httpx.BaseTransport | None = None
    ) -> Economic:
        """Opens one agreement; sends nothing yet. `transport` replaces the network, for tests."""
        return Economic(source, settings, clock, transport)
