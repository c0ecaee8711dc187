"""The connector: one agreement of e-conomic behind the engine's port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property, partial

import httpx
import msgspec

from connectors.economic import filters
from connectors.economic.catalogue import DIMENSION, ENTITIES, Entity
from connectors.economic.ledger import Ledger
from connectors.economic.reading import Reading
from connectors.economic.settings import Settings
from connectors.toolkit.batches import changed, changed_or_gone, whole
from connectors.toolkit.capabilities import counted
from connectors.toolkit.http.errors import NotFound
from connectors.toolkit.pagination import Page
from connectors.toolkit.rows import Fields
from sync_engine.errors import ProtocolViolation, SourceError
from sync_engine.ports import Clock, LoginLimits
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
NO_MODULE = f"module {DIMENSION} (Dimension) is not active in the agreement"


class _Module(msgspec.Struct):
    number: int = msgspec.field(name="moduleNumber")
    name: str = ""


class Named(msgspec.Struct):
    """Something that has a name."""

    name: str = ""


class Agreement(msgspec.Struct):
    """What is looked at of the agreement itself."""

    agreement: int | str = msgspec.field(name="agreementNumber")
    company: Named = msgspec.field(default_factory=Named)
    modules: tuple[_Module, ...] = ()


class _Account(msgspec.Struct):
    number: int = msgspec.field(name="accountNumber")
    balance: Decimal | None = None


class _Group(msgspec.Struct):
    account: _Account | None = None


class _Balance(msgspec.Struct):
    customer: int = msgspec.field(name="customerNumber")
    balance: Decimal


class _Contact(msgspec.Struct):
    is_deleted: bool = msgspec.field(name="isDeleted", default=False)


class _Mark(msgspec.Struct):
    """Where the booked invoices stand: the highest number, and how many there were."""

    last: int = 0
    count: int = 0


_SELF, _GROUP, _BALANCE, _CONTACT = Fields(Agreement), Fields(_Group), Fields(_Balance), Fields(_Contact)


class Economic:
    """One agreement. Nothing is sent before the first question."""

    dialect = "REST and OpenAPI"

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
        return self._reading.clients[0].ahead

    @cached_property
    def _agreement(self) -> tuple[RawRecord, Agreement]:
        """Who it is, as received and as read; a refused token shows here."""
        body = self._reading.rest.get(self._reading.url("self"), key="agreement").body
        found = _SELF.strict(body)
        if found is None:
            raise ProtocolViolation("does not say which agreement it is", whose=self.source, key="agreement")
        return RawRecord(str(found.agreement), body, None), found

    @cached_property
    def _entities(self) -> Mapping[str, Entity]:
        modules = {module.number for module in self._agreement[1].modules}
        return {e.name: e for e in ENTITIES if e.module is None or e.module in modules}

    @property
    def _missing(self) -> Mapping[str, str]:
        return {e.name: NO_MODULE for e in ENTITIES if e.name not in self._entities}

    @property
    def streams(self) -> Mapping[str, Stream]:
        """What this agreement has, parents first: a module that is not active costs what needs it."""
        return {name: entity.stream for name, entity in self._entities.items()}

    @property
    def offered(self) -> Offered:
        """What this agreement offers now, for the engine to remember."""
        return Offered(company=self._agreement[0].key, missing=self._missing)

    def share_login(self, limits: LoginLimits) -> None:
        """Counts its calls with all machines that use the agreement's login."""
        for client in self._reading.clients:
            client.share_login(limits)

    def probe(self) -> Probe:
        """The agreement, and which lists the tokens may read: each is counted."""
        (record, agreement), missing = self._agreement, self._missing
        modules = ", ".join(f"{module.number} {module.name}" for module in agreement.modules)
        facts = {"agreement": record.key, "modules": modules}
        can = tuple(
            Capability(e.name, False, missing[e.name]) if e.name in missing else counted(e.name, self.count)
            for e in ENTITIES
        )
        return Probe("Visma e-conomic", self.dialect, agreement.company.name, can, facts)

    @cached_property
    def _ledger(self) -> Ledger:
        """The entries on the accounts of receivables: those of the customer groups, and those the settings add."""
        accounts = {*self._accounts(), *self.settings.receivables_accounts}
        return Ledger(self._reading, self._known("entries"), accounts)

    def _accounts(self) -> dict[int, Decimal | None]:
        """The accounts of the customer groups, with their balances."""
        pages = self._reading.rows(self._known("customer_groups"))
        found = (group.account for page in pages for group in _GROUP.all(page.rows))
        return {account.number: account.balance for account in found if account is not None}

    def pull(self, entity: str, since: Cursor | None) -> Iterator[RecordBatch]:
        """Everything when `since` is None, else what changed; how, the catalogue says."""
        found = self._known(entity)
        match found.reader:
            case "self":
                yield RecordBatch(entity, [self._agreement[0]], complete=True)
            case "dimensions":
                has_module = "dimension_values" in self._entities
                yield RecordBatch(entity, MADE, complete=not has_module)
                yield from self._register(found) if has_module else ()
            case "register":
                yield from self._register(found)
            case "changes":
                start = datetime.fromisoformat(since) if since else None
                now = self._reading.openapi.server_now
                yield from changed(entity, self._since(found, start), found.shape, start, now, _is_deleted)
            case "customers":
                rows, count = partial(self._since, found), partial(self._reading.listed, found)
                now = self._reading.rest.server_now
                yield from changed_or_gone(entity, rows, found.shape, since, now, count)
            case "invoices":
                yield from self._invoices(found, since)
            case "entries":
                yield from self._ledger.pull(since)
            case "pairs":
                yield from self._ledger.pairs(found)

    def _register(self, entity: Entity) -> Iterator[RecordBatch]:
        return whole(entity.name, self._reading.rows(entity), entity.shape)

    def _since(self, entity: Entity, start: datetime | None) -> Iterator[Page]:
        """By stamp of change, which is precise to a second."""
        if start is None:
            return self._reading.rows(entity)
        return self._reading.rows(
            entity, filters.where(entity.stamp or "", "gte", start - entity.stream.overlap)
        )

    def _invoices(self, entity: Entity, since: Cursor | None) -> Iterator[RecordBatch]:
        """By number. Series of other numbers leave holes that are filled later: where the count does not fit, all are read again."""
        mark = msgspec.json.decode(since, type=_Mark) if since else _Mark()
        known = self._reading.listed(entity)
        for page in self._reading.rows(entity, f"bookedInvoiceNumber$gt:{mark.last}" if since else ""):
            records = entity.shape.read(page.rows).records
            mark.count += len(records)
            mark.last = max([mark.last, *(int(r.key) for r in records if r.key.isdigit())])
            ends = page.next is None
            resume = Cursor(msgspec.json.encode(mark).decode()) if ends else None
            yield RecordBatch(entity.name, records, resume_from=resume, complete=ends and since is None)
        if since and mark.count < known:
            yield from (replace(batch, complete=False) for batch in self._invoices(entity, None))

    def pull_debtor(self, debtor_key: str) -> Iterator[RecordBatch]:
        """One customer with its contacts, invoices and entries; told as deleted when it is gone."""
        customers = self._known("customers")
        try:
            url = self._reading.url(f"customers/{int(debtor_key)}")
            body = self._reading.rest.get(url, key="customers").body
        except (NotFound, ValueError):
            yield RecordBatch("customers", (), deleted=(debtor_key,))
            return
        yield RecordBatch("customers", customers.shape.read([msgspec.Raw(body)]).records)
        for name, condition in (
            ("contacts", filters.both(f"customerNumber$eq:{debtor_key}", "isDeleted$eq:false")),
            ("invoices", f"customer.customerNumber$eq:{debtor_key}"),
            ("entries", filters.both(f"customerNumber$eq:{debtor_key}", self._ledger.owed)),
        ):
            entity = self._known(name)
            for page in self._reading.rows(entity, condition):
                yield RecordBatch(name, entity.shape.read(page.rows).records)

    def count(self, entity: str) -> int | None:
        """How many records the source says it has; None where it does not say."""
        found = self._known(entity)
        match found.reader:
            case "self":
                return 1
            case "dimensions":
                has_module = "dimension_values" in self._entities
                return len(MADE) + (self._reading.listed(found) if has_module else 0)
            case "pairs":
                return None
            case "entries":
                return self._reading.listed(found, self._ledger.owed)
        return self._reading.listed(found, "isDeleted$eq:false" if entity == "contacts" else "")

    def totals(self, entity: str) -> Sequence[ControlTotal]:
        """The count of any list; for customers the balance of each, for entries that of their accounts, all in base currency."""
        count = self.count(entity)
        found = [] if count is None else [ControlTotal(entity, "count", Decimal(count))]
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
        for page in self._reading.rows(self._known("customers"), "balance$ne:0"):
            for row in page.rows:
                found = _BALANCE.strict(row)
                if found is None:
                    raise ProtocolViolation("a balance cannot be read", whose=self.source, key="customers")
                yield ControlTotal("customers", "debtor_balance", found.balance, key=str(found.customer))

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
    found = _CONTACT.read(record.payload)
    return found is not None and found.is_deleted
