"""How lists are walked: the REST API by key where it can, else by page; the OpenAPI services by cursor."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from urllib.parse import urlsplit

import httpx
import msgspec

from connectors.economic import filters
from connectors.economic.catalogue import SERVICES, Entity
from connectors.economic.settings import Settings
from connectors.toolkit.auth.static import StaticHeaders
from connectors.toolkit.http.client import HttpClient, Limits
from connectors.toolkit.http.errors import NotFound
from connectors.toolkit.pagination import Page, PageSize, Paginator, Request, walk
from connectors.toolkit.paginators import Cursor, Keyset, PageNumber, with_parameters
from connectors.toolkit.rows import Fields, Row, spliced
from sync_engine.errors import ConfigurationError, PermissionMissing, ProtocolViolation
from sync_engine.ports import Clock

LINES, SETTLED = "@syncEngine.lines", "@syncEngine.settled"
"""What the connector adds to a row: the lines of an invoice, what a pair of entries settled."""
_CALLS, _MINUTE = 10_000, 60.0


class _Listed(msgspec.Struct):
    class Paging(msgspec.Struct):
        results: int

    pagination: Paging


class _Line(msgspec.Struct):
    invoice: int = msgspec.field(name="documentId")


class _Number(msgspec.Struct):
    number: int = msgspec.field(name="bookedInvoiceNumber")


_LISTED, _LINE, _NUMBER = Fields(_Listed), Fields(_Line), Fields(_Number)


class Reading:
    """Both interfaces of one agreement, with the same two tokens and one budget of calls."""

    def __init__(
        self, source: str, settings: Settings, clock: Clock, transport: httpx.BaseTransport | None
    ) -> None:
        self.source, self.settings, self._clock, self._transport = source, settings, clock, transport
        self.rest, self.openapi = (self._client(url) for url in (settings.rest_url, settings.openapi_url))

    def _client(self, url: str) -> HttpClient:
        tokens = {
            "X-AppSecretToken": self.settings.app_secret_token,
            "X-AgreementGrantToken": self.settings.agreement_grant_token,
        }
        timeouts = self.settings.timeouts
        return HttpClient(
            whose=self.source,
            clock=self._clock,
            login=StaticHeaders(tokens),
            home=url,
            transport=self._transport,
            headers={"Accept": "application/json", "User-Agent": "sync-engine"},
            limits=Limits(connect=timeouts.connect, read=timeouts.read, calls_per_window=_CALLS, window=_MINUTE),
            shared="" if self._transport else f"e-conomic {tokens['X-AgreementGrantToken']} {urlsplit(url).netloc}",
        )  # fmt: skip

    @property
    def clients(self) -> tuple[HttpClient, HttpClient]:
        """Both."""
        return self.rest, self.openapi

    def client_of(self, entity: Entity) -> HttpClient:
        """The one that asks for an entity."""
        return self.openapi if entity.service else self.rest

    def url(self, path: str, service: str = "") -> str:
        """The address of a path of the REST API, or of a service in the version of the settings."""
        if not service:
            return f"{self.settings.rest_url}/{path}"
        return f"{self.settings.openapi_url}/{SERVICES[service]}/v{getattr(self.settings.versions, service)}/{path}"

    @cached_property
    def size(self) -> PageSize:
        """Rows of a page of the REST API; the other one decides itself."""
        return PageSize(self.settings.page_size)

    def rows(self, entity: Entity, condition: str = "") -> Iterator[Page]:
        """The pages of an entity, those rows of it that fulfil a condition. Raises ConfigurationError where its service is gone."""
        asked = with_parameters(
            self.url(entity.path, entity.service), **({"filter": condition} if condition else {})
        )
        if entity.service:
            pages: Paginator[Page] = Cursor(Request(asked), rows="items", cursor="cursor")
        elif entity.reader == "register":
            pages = PageNumber(
                Request(asked), "collection", page="skippages", limit="pagesize", first=0, total="pagination.results"
            )  # fmt: skip
        elif entity.reader == "invoices":
            pages = WithLines(self, entity, condition)
        else:
            pages = ByKey(self, entity, condition)
        try:
            yield from walk(self.client_of(entity), pages, key=entity.name, size=self.size)
        except NotFound:
            raise self._gone(entity) from None

    def _gone(self, entity: Entity) -> ConfigurationError:
        return ConfigurationError(f"{self.url(entity.path, entity.service)} is not there", whose=self.source)

    def listed(self, entity: Entity, condition: str = "") -> int:
        """How many rows of an entity there are: one small call."""
        given = {"filter": condition} if condition else {}
        if entity.service:
            url = with_parameters(self.url(f"{entity.path}/count", entity.service), **given)
            return int(self.openapi.get(url, key=entity.name).body)
        url = with_parameters(self.url(entity.path), **given, pagesize=1)
        found = _LISTED.read(self.rest.get(url, key=entity.name).body)
        if found is None:
            raise ProtocolViolation("a page has no `pagination.results`", whose=self.source, key=entity.name)
        return found.pagination.results

    def lines_of(self, first: int, last: int) -> Mapping[int, list[bytes]]:
        """The lines of the invoices between two numbers, by number; none where the service is not for this agreement."""
        found = defaultdict[int, list[bytes]](list)
        span = filters.both(
            filters.where("documentId", "gte", first), filters.where("documentId", "lte", last)
        )
        url = with_parameters(self.url("invoices/booked/lines", "q2c"), filter=span)
        pages = Cursor(Request(url), rows="items", cursor="cursor")
        for page in walk(self.openapi, pages, key="invoice lines", size=self.size):
            for row in page.rows:
                line = _LINE.strict(row)
                if line is None:
                    raise ProtocolViolation("a line cannot be read", whose=self.source, key="invoice lines")
                found[line.invoice].append(bytes(row))
        return found


class ByKey(Keyset):
    """Rows behind the key of the last one, sorted by it: what vanishes or comes meanwhile shifts nothing."""

    def __init__(self, reading: Reading, entity: Entity, condition: str) -> None:
        (key,) = entity.keys

        def request(place: str, size: int) -> Request:
            behind = filters.where(key, "gt", int(place)) if place else ""
            wanted = filters.both(condition, behind)
            given = {"filter": wanted} if wanted else {}
            return Request(with_parameters(reading.url(entity.path), **given, sort=key, pagesize=size))

        super().__init__(request, "collection", key=key, total="pagination.results")


class WithLines(ByKey):
    """Booked invoices, with the lines that another service lists for all of them at once."""

    def __init__(self, reading: Reading, entity: Entity, condition: str) -> None:
        super().__init__(reading, entity, condition)
        self._reading = reading

    def whole(self, page: Page) -> Page:
        """The page with the lines of its invoices."""
        numbers = [found.number for row in page.rows if (found := _NUMBER.read(row)) is not None]
        if not numbers:
            return page
        try:
            lines = self._reading.lines_of(min(numbers), max(numbers))
        except PermissionMissing:
            return page
        return page._replace(rows=[self._with(row, lines) for row in page.rows])

    def _with(self, row: Row, lines: Mapping[int, list[bytes]]) -> Row:
        found = _NUMBER.read(row)
        if found is None or not isinstance(row, msgspec.Raw):
            return row
        return msgspec.Raw(spliced(bytes(row), LINES, b"[" + b",".join(lines.get(found.number, ())) + b"]"))
