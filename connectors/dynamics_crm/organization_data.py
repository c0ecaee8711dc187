"""The Organization Data Service of 2011: OData v2, 50 rows a page, no deletes told, no counts. [facts: section 2.1, 3.1, 3.6]"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from connectors.dynamics_crm.dialect import Looked, Part
from connectors.dynamics_crm.old_values import like_the_web_api
from connectors.dynamics_crm.settings import Settings
from connectors.dynamics_crm.tables import MODIFIED, Table
from connectors.dynamics_crm.writing import as_of_2011
from connectors.toolkit import receipts
from connectors.toolkit.damaged_rows import DECODING
from connectors.toolkit.http.client import HttpClient
from connectors.toolkit.http.errors import NotFound
from connectors.toolkit.odata.query import Query
from connectors.toolkit.pagination import Page, PageSize, Request, walk
from connectors.toolkit.paginators import LinkInBody
from connectors.toolkit.rows import Fields, Row
from sync_engine.errors import ProtocolViolation
from sync_engine.records import Receipt, WriteRequest


class _Stamped(msgspec.Struct):
    modified: str = msgspec.field(name="modifiedon")


_STAMPED = Fields(_Stamped)
HEADERS = {"Accept": "application/json", "User-Agent": "sync-engine"}


class OrganizationData:
    """One organisation through the service of 2011; its rows are given in the shape of the Web API."""

    def __init__(self, client: HttpClient, settings: Settings) -> None:
        self._client, self._settings, self._root = client, settings, settings.root
        self._zone = ZoneInfo(settings.time_zone)

    def look(self) -> Looked:
        """Nothing tells version or organisation: one row is asked for."""
        query = Query(select=("TransactionCurrencyId",), top=1)
        self._client.get(query.url(f"{self._root}/TransactionCurrencySet"), key="TransactionCurrencySet")
        return Looked("2011", "", "")

    def tracked(self) -> frozenset[str]:
        return frozenset()

    def rows(self, table: Table, *, since: datetime | None = None, track: bool = False) -> Iterator[Part]:
        """Sorted by the stamp where only changes are asked for; a record that changes meanwhile then comes again at the end."""
        if since is None:
            return self._read(table, [])
        stamp = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return self._read(table, [f"{MODIFIED} ge datetime'{stamp}'"], orderby=MODIFIED)

    def changes(self, table: Table, link: str) -> Iterator[Part]:
        raise ProtocolViolation("tracks no changes", whose=self._client.whose, key=table.entity)

    def ids(self, table: Table) -> Iterator[Sequence[Row]]:
        query = Query(filter=table.filter, select=(table.key,))
        return (page.rows for page in self._walk(table, query))

    def one(self, table: Table, key: str) -> Row | None:
        url = Query(select=table.selected_2011).url(f"{self._root}/{table.set}(guid'{key}')")
        try:
            body = self._client.get(url, key=table.entity).body
        except NotFound:
            return None
        try:
            return self._shaped(table, msgspec.json.decode(body, type=dict[str, msgspec.Raw])["d"])
        except (*DECODING, KeyError):
            raise ProtocolViolation(
                "the answer holds no record", whose=self._client.whose, key=table.entity
            ) from None

    def version(self, row: Row) -> str:
        """The stamp, in whole seconds: rows of this service carry no etag. [facts: section 5.1]"""
        found = _STAMPED.read(row)
        return found.modified if found is not None else ""

    def request(self, table: Table, key: str, fields: Mapping[str, Any], version: str) -> WriteRequest:
        address = f"{self._root}/{table.set}(guid'{key}')"
        return WriteRequest("MERGE", address, as_of_2011(table, fields), {"read just before": version})

    def write(self, table: Table, key: str, fields: Mapping[str, Any], version: str) -> Receipt:
        """The service compares no versions: the record is read once more just before, which leaves a moment for somebody else's edit."""
        row = self.one(table, key)
        if row is None or self.version(row) != version:
            return Receipt("conflict", "the record was changed since it was read")
        sent = self.request(table, key, fields, version)
        headers = {"X-HTTP-Method": "MERGE"}
        return receipts.receipt(
            lambda: self._client.write(
                "POST", sent.where, receipts.body(dict(sent.fields)), key=table.entity, headers=headers
            ),
            lambda refusal: refusal.status == 404,
        )

    def where(self, table: Table, lookup: str, key: str) -> Iterator[Part]:
        return self._read(table, [f"{lookup}/Id eq guid'{key}'"])

    def merged(self, table: Table) -> Iterator[Sequence[Row]]:
        query = Query(filter="Merged eq true", select=(table.key, "MasterId", MODIFIED))
        return (page.rows for page in self._walk(table, query))

    def count(self, table: Table) -> int | None:
        return None

    def labels(self, column: str) -> Mapping[str, str]:
        return {}

    def _read(self, table: Table, conditions: list[str], orderby: str = "") -> Iterator[Part]:
        conditions = [*([f"({table.filter})"] if table.filter else []), *conditions]
        query = Query(filter=" and ".join(conditions), select=table.selected_2011, orderby=orderby)
        for page in self._walk(table, query):
            yield Part(page.rows, (), None, page.next is None)

    def _walk(self, table: Table, query: Query) -> Iterator[Page]:
        """`__next` is followed as it is: `$skip` fails behind 5,000 rows, and what fails there is not the end."""
        base = Request(query.url(f"{self._root}/{table.set}"))
        pages = LinkInBody(base, rows="d.results", link="d.__next")
        for page in walk(self._client, pages, key=table.entity, size=PageSize(50)):
            yield page._replace(rows=[self._shaped(table, row) for row in page.rows])

    def _shaped(self, table: Table, row: Row) -> Row:
        return like_the_web_api(row, self._zone, {day.lower() for day in table.dates})
