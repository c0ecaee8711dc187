"""The connector: one account of Example Billing behind the engine's port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from urllib.parse import urlsplit

import httpx
import msgspec

from connectors.example_billing.settings import Settings
from connectors.toolkit.auth.static import StaticHeaders
from connectors.toolkit.http.client import HttpClient
from connectors.toolkit.http.errors import NotFound
from connectors.toolkit.http.limits import Limits
from connectors.toolkit.pagination import Page, PageSize, Request, walk
from connectors.toolkit.paginators import Offset, with_parameters
from connectors.toolkit.rows import Fields, RowShape
from sync_engine.errors import ProtocolViolation, SourceError
from sync_engine.ports import Clock, LoginLimits
from sync_engine.records import Capability, ControlTotal, Cursor, Probe, RawRecord, RecordBatch, Stream


@dataclass(frozen=True)
class Entity:
    """One stream and where its records come from. `by_customer`: the list takes `?customer_id=`."""

    stream: Stream
    path: str
    by_customer: bool = False
    stamp: str | None = None

    @property
    def shape(self) -> RowShape:
        """Where a row's key and its stamp of change stand."""
        return RowShape(("id",), modified=self.stamp)


CHANGED = "changed_at"
ENTITIES = (
    Entity(Stream("account", "debtors", "company", has_cursor=False), "account"),
    Entity(Stream("dimensions", "dimensions", "dimension", has_cursor=False), ""),
    Entity(Stream("customer_groups", "dimensions", "dimension_value", has_cursor=False), "customer_groups"),
    Entity(Stream("customers", "debtors", "debtor"), "customers", stamp=CHANGED),
    Entity(Stream("contacts", "contacts", "contact", has_cursor=False), "contacts", by_customer=True),
    Entity(Stream("invoices", "documents", "document"), "invoices", by_customer=True, stamp=CHANGED),
    Entity(Stream("payments", "payments", "payment", has_cursor=False), "payments", by_customer=True),
    Entity(
        Stream("payment_allocations", "payments", "application", has_cursor=False),
        "payment_allocations",
        by_customer=True,
    ),
)
"""Parents before children. Only customers and invoices can be asked for what changed; the other lists are read whole.

The API has customer groups, the engine has dimensions with values: `dimensions` is one record that is made here. Which group a customer
is in stands in its own record."""
CUSTOMER_GROUPS = RawRecord("customer_group", b'{"code":"customer_group","name":"Customer group"}', None)


class _Account(msgspec.Struct):
    name: str = ""
    api_version: str = ""


class _Listed(msgspec.Struct):
    total: int


class _Balance(msgspec.Struct):
    customer: int = msgspec.field(name="customer_id")
    balance: Decimal


_ACCOUNT, _LISTED, _BALANCE = Fields(_Account), Fields(_Listed), Fields(_Balance)


class ExampleBilling:
    """One account. Nothing is sent before the first question."""

    def __init__(
        self, source: str, settings: Settings, clock: Clock, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.source, self.settings = source, settings
        self._entities = {entity.stream.entity: entity for entity in ENTITIES}
        self._client = HttpClient(
            whose=source,
            clock=clock,
            login=StaticHeaders(
                {"X-App-Token": settings.app_token, "X-Customer-Token": settings.customer_token}
            ),
            transport=transport,
            headers={"Accept": "application/json", "User-Agent": "sync-engine"},
            limits=Limits(connect=settings.timeouts.connect, read=settings.timeouts.read),
            shared="" if transport else f"{urlsplit(settings.base_url).netloc} {settings.customer_token}",
        )

    def __repr__(self) -> str:
        return f"ExampleBilling({self.source!r})"

    @property
    def calls(self) -> int:
        """Requests sent so far, retries included."""
        return self._client.calls

    @cached_property
    def streams(self) -> Mapping[str, Stream]:
        """Every list of the API, parents first. Asks for the account, so that a refused token shows before anything is read."""
        self._account()
        return {name: entity.stream for name, entity in self._entities.items()}

    def share_login(self, limits: LoginLimits) -> None:
        """Counts its calls with all machines that use the login."""
        self._client.share_login(limits)

    def probe(self) -> Probe:
        """The account, and which lists the tokens may read: one row of each is asked for."""
        account = _ACCOUNT.read(self._account()) or _Account()
        return Probe(
            "Example Billing", account.api_version, account.name, tuple(map(self._capability, ENTITIES))
        )

    def _capability(self, entity: Entity) -> Capability:
        name = entity.stream.entity
        try:
            found = self.count(name)
        except SourceError as failure:
            return Capability(name, False, failure.what, failure.todo)
        return Capability(name, True, "" if found is None else f"{found:,} records")

    def pull(self, entity: str, since: Cursor | None) -> Iterator[RecordBatch]:
        """Everything, or what changed since the cursor, which is the latest stamp of change that was seen.

        A list whose total moves while it is read may have shifted, and a row slipped between two pages: then nothing is marked
        complete and the cursor stays where it was, so that the next run reads it again.
        """
        found = self._known(entity)
        if found.path in ("", "account"):
            record = CUSTOMER_GROUPS if not found.path else self._record("account", entity)
            yield RecordBatch(entity, [record], complete=True)
            return
        latest = start = datetime.fromisoformat(since) if since else None
        given = {} if start is None else {"changed_since": _instant(start - found.stream.overlap)}
        totals = set[int | None]()
        for page in self._walk(found.path, entity, **given):
            read = found.shape.read(page.rows)
            latest = max(filter(None, (latest, read.latest)), default=None)
            totals.add(page.total)
            steady = page.next is None and len(totals) == 1
            yield RecordBatch(
                entity,
                read.records,
                resume_from=self._cursor(latest) if steady and found.stream.has_cursor else None,
                complete=steady and since is None,
            )

    def _cursor(self, latest: datetime | None) -> Cursor | None:
        """No stamp later than the server's own clock is believed, or what changes until then would be passed over."""
        return None if latest is None else Cursor(_instant(min(latest, self._client.server_now())))

    def pull_debtor(self, debtor_key: str) -> Iterator[RecordBatch]:
        """One customer with its group, contacts and invoices; told as deleted when it is gone."""
        customers = self._known("customers")
        try:
            record = self._record(f"customers/{debtor_key}", "customers")
        except NotFound:
            yield RecordBatch("customers", (), deleted=(debtor_key,))
            return
        for entity in ENTITIES:
            if entity.path == customers.path:
                yield RecordBatch(entity.stream.entity, [record])
            elif entity.by_customer:
                pages = self._walk(entity.path, entity.stream.entity, customer_id=debtor_key)
                rows = [record for page in pages for record in entity.shape.read(page.rows).records]
                yield RecordBatch(entity.stream.entity, rows)

    def count(self, entity: str) -> int | None:
        """The total that stands on a page of one row."""
        found = self._known(entity)
        if found.path in ("", "account"):
            return 1
        url = with_parameters(self._url(found.path), limit=1)
        listed = _LISTED.read(msgspec.Raw(self._client.get(url, key=entity).body))
        return listed.total if listed else None

    def totals(self, entity: str) -> Sequence[ControlTotal]:
        """The count of any list; for customers also the balance of each, in the account's currency."""
        counted = self.count(entity)
        found = [] if counted is None else [ControlTotal(entity, "count", Decimal(counted))]
        if entity == "customers":
            found += self._balances()
        return found

    def _balances(self) -> Iterator[ControlTotal]:
        """A balance that cannot be read is no figure: then none is stated, rather than a part."""
        for page in self._walk("balances", "balances"):
            for row in page.rows:
                balance = _BALANCE.strict(row)
                if balance is None:
                    raise ProtocolViolation("a balance cannot be read", whose=self.source, key="balances")
                yield ControlTotal("customers", "debtor_balance", balance.balance, key=str(balance.customer))

    def close(self) -> None:
        """Releases connections; may be called again."""
        self._client.close()

    def _known(self, entity: str) -> Entity:
        if entity not in self._entities:
            known = ", ".join(self._entities)
            raise SourceError("is not offered", whose=self.source, key=entity, todo=f"Offered: {known}.")
        return self._entities[entity]

    def _account(self) -> msgspec.Raw:
        return msgspec.Raw(self._client.get(self._url("account"), key="account").body)

    def _record(self, path: str, key: str) -> RawRecord:
        """A single record by its address."""
        body = self._client.get(self._url(path), key=key).body
        return self._known(key).shape.read([msgspec.Raw(body)]).records[0]

    def _walk(self, path: str, key: str, **given: str) -> Iterator[Page]:
        request = Request(with_parameters(self._url(path), **given))
        pages = Offset(request, rows="items", offset="offset", limit="limit", total="total")
        return walk(self._client, pages, key=key, size=PageSize(self.settings.page_size))

    def _url(self, path: str) -> str:
        return f"{self.settings.base_url}/v1/{path}"


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Plugin:
    """The entry point `example_billing` of group `sync_engine.connectors`."""

    settings = Settings

    def open(
        self, source: str, settings: Settings, clock: Clock, transport: httpx.BaseTransport | None = None
    ) -> ExampleBilling:
        """Opens one account; sends nothing yet. `transport` replaces the network, for tests."""
        return ExampleBilling(source, settings, clock, transport)
