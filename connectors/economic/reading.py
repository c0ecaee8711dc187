"""How lists are walked: the REST API by key where it can, else by page; the OpenAPI services by cursor."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import httpx

from connectors.economic import filters
from connectors.economic.catalogue import SERVICES, Entity
from connectors.economic.settings import Settings
from connectors.toolkit.auth.static import StaticHeaders
from connectors.toolkit.http.client import HttpClient
from connectors.toolkit.http.errors import NotFound
from connectors.toolkit.http.limits import Limits
from connectors.toolkit.joined import grouped, with_lists
from connectors.toolkit.pagination import Page, PageSize, Paginator, Request, walk
from connectors.toolkit.paginators import Cursor, Keyset, PageNumber, with_parameters
from connectors.toolkit.rows import Splitter, single
from sync_engine.errors import ProtocolViolation, SourceError, TransientError
from sync_engine.ports import Clock

LINES, SETTLED = "@syncEngine.lines", "@syncEngine.settled"
"""What the connector adds to a row: the lines of an invoice, what a pair of entries settled."""
_USED = re.compile(r":\s*(\d+)\s*/\s*\d+\s*$")
_VERSION = re.compile(rb'"version"\s*:\s*"(\d+\.\d+\.\d+)"')


def _used(headers: Mapping[str, str]) -> int | None:
    """Calls of this minute, in `X-RateLimiting: token-limit-10000-per-60-seconds: 147/10000`; some cost three."""
    found = _USED.search(headers.get("x-ratelimiting", ""))
    return int(found[1]) if found else None


_LISTED = Splitter("collection", ["pagination.results"])


class Reading:
    """Both interfaces of one agreement, with the same two tokens and one budget of calls."""

    def __init__(
        self, source: str, settings: Settings, clock: Clock, transport: httpx.BaseTransport | None
    ) -> None:
        self.source, self.settings = source, settings

        def client(url: str) -> HttpClient:
            return HttpClient(
                whose=source,
                clock=clock,
                login=StaticHeaders(settings.tokens),
                home=url,
                transport=transport,
                headers={"Accept": "application/json", "User-Agent": "sync-engine"},
                limits=Limits(
                    connect=settings.timeouts.connect,
                    read=settings.timeouts.read,
                    calls_per_window=10_000,
                    window=60.0,
                    calls_per_day=50_000,
                    used=_used,
                ),
                shared="" if transport else f"e-conomic {settings.agreement_grant_token}",
            )

        self.rest, self.openapi = client(settings.rest_url), client(settings.openapi_url)
        self.clients: tuple[HttpClient, ...] = (self.rest, self.openapi)
        self.size = PageSize(settings.page_size)

    def url(self, path: str, service: str = "") -> str:
        """The address of a path of the REST API, or of a service in the version of the settings."""
        if not service:
            return f"{self.settings.rest_url}/{path}"
        version = getattr(self.settings.versions, service)
        return f"{self.settings.openapi_url}/{SERVICES[service]}/v{version}/{path}"

    def rows(self, entity: Entity, condition: str = "") -> Iterator[Page]:
        """The pages of an entity, those rows of it that fulfil a condition."""
        asked = _filtered(self.url(entity.path, entity.service), condition)
        pages: Paginator[Page]
        if entity.service:
            yield from self._service(asked, entity.service, entity.name)
            return
        if entity.reader == "register":
            total = "pagination.results"
            pages = PageNumber(
                Request(asked), "collection", page="skippages", limit="pagesize", first=0, total=total
            )
        elif entity.reader == "invoices":
            pages = WithLines(self, entity, condition)
        else:
            pages = ByKey(self, entity, condition)
        yield from walk(self.rest, pages, key=entity.name, size=self.size)

    def _service(self, url: str, service: str, key: str) -> Iterator[Page]:
        """Raises SourceError where the service is not there in this version."""
        pages = Cursor(Request(url), rows="items", cursor="cursor")
        try:
            yield from walk(self.openapi, pages, key=key, size=self.size)
        except NotFound:
            raise self._gone(service, key) from None

    def _gone(self, service: str, key: str) -> SourceError:
        """Each service tells its version in the page of its documentation."""
        name, version = SERVICES[service], getattr(self.settings.versions, service)
        try:
            page = self.openapi.get(
                f"{self.settings.openapi_url}/{name}/redoc.html", key=f"{name} documentation"
            ).body
            found = _VERSION.search(page)
        except (SourceError, TransientError):
            found = None
        there = f"It is at {found[1].decode()} now" if found else "Look up its version"
        todo = f"{there}: read its change log, then set versions.{service}."
        return SourceError(f"there is no {name} of version {version}", whose=self.source, key=key, todo=todo)

    def listed(self, entity: Entity, condition: str = "") -> int:
        """How many rows of an entity there are: one small call."""
        if entity.service:
            url = _filtered(self.url(f"{entity.path}/count", entity.service), condition)
            try:
                return int(self.openapi.get(url, key=entity.name).body)
            except NotFound:
                raise self._gone(entity.service, entity.name) from None
        url = with_parameters(_filtered(self.url(entity.path), condition), pagesize=1)
        body = self.rest.get(url, key=entity.name).body
        (told,) = _LISTED.split(body, whose=self.source, key=entity.name, is_empty=bool).told
        found = single(told)
        if type(found) is not int:
            raise ProtocolViolation("a page has no `pagination.results`", whose=self.source, key=entity.name)
        return found

    def lines(self, first: int, last: int) -> Iterator[Page]:
        """The lines of the invoices between two numbers."""
        span = filters.both(f"documentId$gte:{first}", f"documentId$lte:{last}")
        return self._service(
            _filtered(self.url("invoices/booked/lines", "q2c"), span), "q2c", "invoice lines"
        )


def _filtered(url: str, condition: str) -> str:
    return with_parameters(url, **({"filter": condition} if condition else {}))


class ByKey(Keyset):
    """Rows behind the key of the last one, sorted by it: what vanishes or comes meanwhile shifts nothing."""

    def __init__(self, reading: Reading, entity: Entity, condition: str) -> None:
        (key,), self._reading, self._entity = entity.keys, reading, entity

        def request(place: str, size: int) -> Request:
            wanted = filters.both(condition, f"{key}$gt:{int(place)}" if place else "")
            return Request(
                with_parameters(_filtered(reading.url(entity.path), wanted), sort=key, pagesize=size)
            )

        super().__init__(request, "collection", key=key, total="pagination.results")


class WithLines(ByKey):
    """Booked invoices, with the lines that another service lists for all of them at once."""

    def whole(self, page: Page) -> Page:
        """The page with the lines of its invoices."""
        (key,) = self._entity.keys
        numbers = [
            int(record.key) for record in self._entity.shape.read(page.rows).records if record.key.isdigit()
        ]
        if not numbers:
            return page
        lines = grouped(self._reading.lines(min(numbers), max(numbers)), "documentId")
        return page._replace(rows=with_lists(page.rows, key, LINES, lines))
