"""The Web API of Dataverse: OData v4, 5,000 rows a page, links followed as they are, change tracking. [facts: section 3.2 to 3.6]"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from connectors.dynamics_crm.dialect import Looked, Part
from connectors.dynamics_crm.old_values import LOGICAL_NAME
from connectors.dynamics_crm.settings import Settings
from connectors.dynamics_crm.tables import MODIFIED, Table, lookup_name
from connectors.toolkit import receipts
from connectors.toolkit.damaged_rows import DECODING
from connectors.toolkit.http.client import HttpClient
from connectors.toolkit.http.errors import NotFound, Refused
from connectors.toolkit.odata.pages import Cut, Pages
from connectors.toolkit.odata.query import Query, instant
from connectors.toolkit.pagination import PageSize
from connectors.toolkit.rows import Fields, Row
from sync_engine.errors import CursorExpired, ProtocolViolation
from sync_engine.records import Receipt, WriteRequest

HEADERS = {
    "Accept": "application/json",
    "OData-MaxVersion": "4.0",
    "OData-Version": "4.0",
    "If-None-Match": "null",
    "User-Agent": "sync-engine",
}
ANNOTATED = f'odata.include-annotations="{LOGICAL_NAME}"'
TRACKED = "odata.track-changes"
EXPIRED = "0x80044352"
MOST_COUNTED = 5000
"""A count goes no further. [facts: section 3.2]"""
_GONE = b"/$deletedEntity"


class _Me(msgspec.Struct):
    user: str = msgspec.field(default="", name="UserId")
    organisation: str = msgspec.field(default="", name="OrganizationId")


class _Version(msgspec.Struct):
    version: str = msgspec.field(default="", name="Version")


class _Definition(msgspec.Struct):
    logical: str = msgspec.field(name="LogicalName")
    tracked: bool = msgspec.field(default=False, name="ChangeTrackingEnabled")


class _Tagged(msgspec.Struct):
    etag: str = msgspec.field(name="@odata.etag")


class _Deleted(msgspec.Struct):
    id: str


_TAGGED = Fields(_Tagged)
_ME, _VERSION, _DEFINITION, _DELETED = Fields(_Me), Fields(_Version), Fields(_Definition), Fields(_Deleted)


class WebApi:
    """One organisation through its Web API."""

    def __init__(self, client: HttpClient, settings: Settings) -> None:
        self._client, self._settings, self._root = client, settings, settings.root

    def look(self) -> Looked:
        me = _ME.read(msgspec.Raw(self._client.get(f"{self._root}/WhoAmI()", key="WhoAmI").body)) or _Me()
        body = self._client.get(f"{self._root}/RetrieveVersion()", key="RetrieveVersion").body
        return Looked((_VERSION.read(msgspec.Raw(body)) or _Version()).version, me.organisation, me.user)

    def tracked(self) -> frozenset[str]:
        """By the definitions of the tables; none where the login may not read them."""
        query = Query(select=("LogicalName", "ChangeTrackingEnabled"))
        try:
            body = self._client.get(
                query.url(f"{self._root}/EntityDefinitions"), key="EntityDefinitions"
            ).body
        except Refused:
            return frozenset()
        found = msgspec.json.decode(body, type=dict[str, msgspec.Raw]).get("value", msgspec.Raw(b"[]"))
        rows = msgspec.json.decode(found, type=list[msgspec.Raw])
        return frozenset(one.logical for one in _DEFINITION.all(rows) if one.tracked)

    def rows(self, table: Table, *, since: datetime | None = None, track: bool = False) -> Iterator[Part]:
        """Neither filter nor order may be asked for where changes are tracked."""
        conditions = [f"({table.filter})"] if table.filter else []
        if since is not None:
            conditions.append(f"{MODIFIED.lower()} ge {instant(since)}")
        query = Query(filter=" and ".join(conditions), select=table.selected)
        for page in self._walk(table, query.url(self._address(table)), track=track):
            yield Part(page.rows, (), page.delta, page.next is None)

    def changes(self, table: Table, link: str) -> Iterator[Part]:
        """Changed rows first, then the ids of what is gone. [facts: section 3.3]"""
        address = Pages(self._client, self._root).at_home(link)
        try:
            for page in self._walk(table, address, track=True):
                yield _changed(page)
        except Refused as refusal:
            if refusal.code.lower() != EXPIRED and "expired" not in refusal.message.lower():
                raise
            raise CursorExpired(
                "the CRM no longer knows what changed since the last run",
                whose=self._client.whose,
                key=table.entity,
            ) from None

    def ids(self, table: Table) -> Iterator[Sequence[Row]]:
        query = Query(filter=table.filter, select=(table.key.lower(),))
        return (page.rows for page in self._walk(table, query.url(self._address(table))))

    def one(self, table: Table, key: str) -> Row | None:
        url = Query(select=table.selected).url(f"{self._address(table)}({key})")
        try:
            reply = self._client.get(url, key=table.entity, headers={"Prefer": ANNOTATED})
        except NotFound:
            return None
        return msgspec.Raw(reply.body)

    def version(self, row: Row) -> str:
        found = _TAGGED.read(row)
        return found.etag if found is not None else ""

    def request(self, table: Table, key: str, fields: Mapping[str, Any], version: str) -> WriteRequest:
        """If-Match also keeps PATCH from making a record again that was deleted."""
        return WriteRequest(
            "PATCH", f"{self._address(table)}({key})", receipts.shown(dict(fields)), {"If-Match": version}
        )

    def write(self, table: Table, key: str, fields: Mapping[str, Any], version: str) -> Receipt:
        """404 and 412 both say that the record is not the one that was read. [facts: section 3.6, 5.2]"""
        sent = self.request(table, key, fields, version)
        return receipts.receipt(
            lambda: self._client.write(
                sent.what, sent.where, receipts.body(dict(fields)), key=table.entity, headers=sent.conditions
            ),
            lambda refusal: refusal.status in (404, 412),
        )

    def where(self, table: Table, lookup: str, key: str) -> Iterator[Part]:
        conditions = [f"({table.filter})"] if table.filter else []
        query = Query(
            filter=" and ".join([*conditions, f"{lookup_name(lookup)} eq {key}"]), select=table.selected
        )
        for page in self._walk(table, query.url(self._address(table))):
            yield Part(page.rows, (), None, page.next is None)

    def merged(self, table: Table) -> Iterator[Sequence[Row]]:
        columns = (table.key.lower(), lookup_name("MasterId"), MODIFIED.lower())
        query = Query(filter="merged eq true", select=columns)
        return (page.rows for page in self._walk(table, query.url(self._address(table))))

    def count(self, table: Table) -> int | None:
        query = Query(filter=table.filter, select=(table.key.lower(),), count=True)
        headers = {"Prefer": "odata.maxpagesize=1"}
        body = self._client.get(query.url(self._address(table)), key=table.entity, headers=headers).body
        try:
            found = msgspec.json.decode(body, type=dict[str, msgspec.Raw]).get("@odata.count")
            counted = None if found is None else msgspec.json.decode(found, type=int)
        except DECODING:
            return None
        return counted if counted is not None and 0 <= counted < MOST_COUNTED else None

    def labels(self, column: str) -> Mapping[str, str]:
        """The options of a choice, its own or a shared one, in the organisation's language."""
        address = (
            f"{self._root}/EntityDefinitions(LogicalName='account')/Attributes(LogicalName='{column.lower()}')"
            "/Microsoft.Dynamics.CRM.PicklistAttributeMetadata?$select=LogicalName&$expand=OptionSet,GlobalOptionSet"
        )
        body = self._client.get(address, key=f"options of {column}").body
        try:
            found: dict[str, Any] = msgspec.json.decode(body)
            options = [
                one
                for of in ("OptionSet", "GlobalOptionSet")
                for one in (found.get(of) or {}).get("Options", ())
            ]
            return {str(one["Value"]): one["Label"]["UserLocalizedLabel"]["Label"] for one in options}
        except (*DECODING, KeyError, TypeError, AttributeError):
            raise ProtocolViolation(
                "the options of a choice cannot be read",
                whose=self._client.whose,
                key=column,
                todo="Write its labels under `option_sets`.",
            ) from None

    def _address(self, table: Table) -> str:
        return f"{self._root}/{table.set}"

    def _walk(self, table: Table, url: str, *, track: bool = False) -> Iterator[Cut]:
        prefer = (TRACKED, ANNOTATED) if track else (ANNOTATED,)
        pages = Pages(self._client, self._root, prefer=prefer)
        return pages.walk(url, key=table.entity, size=PageSize(self._settings.page_size))


def _changed(page: Cut) -> Part:
    rows: list[Row] = []
    deleted: list[str] = []
    for row in page.rows:
        if _GONE in bytes(row) and (gone := _DELETED.read(row)) is not None:
            deleted.append(gone.id.lower())
        else:
            rows.append(row)
    return Part(rows, deleted, page.delta, page.next is None)
