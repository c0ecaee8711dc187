"""The connector: both dialects of a CRM behind the engine's port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from hashlib import sha256

import httpx
import msgspec

from connectors.dynamics_crm.dialect import Dialect, Part
from connectors.dynamics_crm.followed import Followed, Masters
from connectors.dynamics_crm.login import client_of
from connectors.dynamics_crm.organization_data import OrganizationData
from connectors.dynamics_crm.settings import Settings
from connectors.dynamics_crm.tables import MODIFIED, OVERLAP, Table, tables
from connectors.dynamics_crm.web_api import WebApi
from connectors.dynamics_crm.writing import writable
from connectors.toolkit.rows import RowShape
from sync_engine.canonical.declared import place_of
from sync_engine.errors import SourceError
from sync_engine.ports import Clock, LoginLimits
from sync_engine.records import (
    Capability,
    Change,
    ControlTotal,
    Current,
    Cursor,
    Probe,
    RawRecord,
    Receipt,
    RecordBatch,
    Stream,
    WriteRequest,
)

GROUPS, VALUES = "groups", "group_values"
"""Made here: the dimensions, of which the CRM has none by that name, and the options of choices."""


class _Place(msgspec.Struct, omit_defaults=True):
    """A cursor: what was read, the link to what changed since, the latest stamp, the server's time at the beginning."""

    columns: str
    link: str | None = None
    modified: datetime | None = None
    began: datetime | None = None


class DynamicsCrm:
    """One organisation. Nothing is sent before the first question."""

    def __init__(
        self, source: str, settings: Settings, clock: Clock, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.source, self.settings = source, settings
        self._client = client_of(source, settings, clock, transport)
        speaks = OrganizationData if settings.dialect == "organization_data" else WebApi
        self._dialect: Dialect = speaks(self._client, settings)
        self._tables = tables(settings)
        self._followed_once: dict[str, Followed] = {}
        """What records refer to, for those that are read one by one before they are written."""

    def __repr__(self) -> str:
        return f"DynamicsCrm({self.source!r})"

    @property
    def calls(self) -> int:
        """Requests sent so far, retries included."""
        return self._client.calls

    @property
    def ahead(self) -> timedelta | None:
        """How far our clock is ahead of the server's."""
        return self._client.ahead

    def share_login(self, limits: LoginLimits) -> None:
        """Counts its calls with all machines that use the login."""
        self._client.share_login(limits)

    @cached_property
    def streams(self) -> Mapping[str, Stream]:
        """Every set, parents first. Looks at the organisation, so that a refused login shows before anything is read."""
        self._dialect.look()
        found = [table.stream(is_tracked=self._is_tracked(table)) for table in self._tables.values()]
        if self._dimensions:
            found.append(Stream(GROUPS, "dimensions", "dimension", has_cursor=False))
        if self.settings.option_sets:
            found.append(Stream(VALUES, "dimensions", "dimension_value", has_cursor=False))
        return {stream.entity: stream for stream in sorted(found, key=lambda s: place_of(s.canonical))}

    def probe(self) -> Probe:
        """The organisation, and how each set is read: one row is asked for."""
        looked = self._dialect.look()
        product = "Dynamics CRM (2011)" if self.settings.dialect == "organization_data" else "Dataverse"
        facts = {
            name: said for name, said in (("user", looked.user), ("url", self.settings.base_url)) if said
        }
        found = tuple(map(self._capability, self._tables.values()))
        return Probe(product, looked.version, looked.organisation or self.source, found, facts)

    def _capability(self, table: Table) -> Capability:
        try:
            next(iter(self._dialect.ids(table)), None)
        except SourceError as failure:
            return Capability(table.entity, False, failure.what, failure.todo)
        if self._is_tracked(table):
            return Capability(table.entity, True, f"{table.set}, changes tracked")
        return Capability(
            table.entity,
            True,
            f"{table.set}, asked by {MODIFIED}; deleted records are found by the daily sweep",
        )

    def pull(self, entity: str, since: Cursor | None) -> Iterator[RecordBatch]:
        """Everything, or what changed: by change tracking, else by the time of change.

        Where an account was merged meanwhile, what belongs to it is read again, for it now belongs to another. Raises CursorExpired.
        """
        if entity in (GROUPS, VALUES) and entity in self.streams:
            yield RecordBatch(entity, self._made(entity), complete=True)
            return
        table = self._known(entity)
        is_tracked, followed = self._is_tracked(table), self._followed(table)
        place, began = self._place(table, since), self._client.server_now()
        latest, link = None if place is None else place.modified, None
        waiting = RecordBatch(entity, ())
        for position, part in enumerate(self._parts(table, place, is_tracked=is_tracked)):
            if position:
                yield waiting
            read = self._shape(table).read(followed.rows(table, part.rows))
            latest = max(filter(None, (latest, read.latest)), default=None)
            link = part.delta or link
            waiting = RecordBatch(entity, read.records, part.deleted)
        if (
            place is not None
            and place.began is not None
            and table.account is not None
            and entity != "accounts"
        ):
            yield waiting
            yield from self._of_merged(table, followed, place.began - OVERLAP)
            waiting = RecordBatch(entity, ())
        until = None if latest is None else min(latest, self._client.server_now())
        yield RecordBatch(
            entity,
            waiting.records,
            waiting.deleted,
            resume_from=self._cursor(table, link, until, began),
            complete=since is None,
        )

    def pull_debtor(self, debtor_key: str) -> Iterator[RecordBatch]:
        """One account with what belongs to it, and its master where it was merged; told as deleted when it is gone."""
        accounts, key = self._known("accounts"), debtor_key.lower()
        row = self._dialect.one(accounts, key)
        if row is None:
            yield RecordBatch("accounts", (), deleted=(debtor_key,))
            return
        followed = self._followed(accounts)
        master = followed.masters.of(key)
        rows = [
            row,
            *([] if master == key or (found := self._dialect.one(accounts, master)) is None else [found]),
        ]
        yield RecordBatch("accounts", self._shape(accounts).read(followed.rows(accounts, rows)).records)
        for table in self._tables.values():
            if table.account is None or table is accounts:
                continue
            for account in dict.fromkeys((key, master)):
                for part in self._dialect.where(table, table.account, account):
                    yield RecordBatch(
                        table.entity, self._shape(table).read(followed.rows(table, part.rows)).records
                    )

    def keys(self, entity: str) -> Iterator[Sequence[str]]:
        """The ids of all records of a set."""
        if entity in (GROUPS, VALUES) and entity in self.streams:
            yield [record.key for record in self._made(entity)]
            return
        table = self._known(entity)
        for rows in self._dialect.ids(table):
            yield [record.key for record in self._shape(table).read(rows).records]

    def count(self, entity: str) -> int | None:
        """What the Web API counts, up to 5,000; None beyond, and for the service of 2011."""
        if entity in (GROUPS, VALUES) and entity in self.streams:
            return len(self._made(entity))
        return self._dialect.count(self._known(entity))

    def totals(self, entity: str) -> Sequence[ControlTotal]:
        """The count, where it is said."""
        counted = self.count(entity)
        return [] if counted is None else [ControlTotal(entity, "count", Decimal(counted))]

    def writable(self, entity: str) -> frozenset[str]:
        """The plain columns of accounts and contacts."""
        return writable(self._tables[entity]) if entity in self._tables else frozenset()

    def current(self, entity: str, key: str) -> Current | None:
        """One record with its version."""
        table = self._known(entity)
        row = self._dialect.one(table, key.lower())
        if row is None:
            return None
        if entity not in self._followed_once:
            self._followed_once[entity] = self._followed(table)
        read = self._shape(table).read(self._followed_once[entity].rows(table, [row]))
        return Current(read.records[0], self._dialect.version(row))

    def request(self, change: Change) -> WriteRequest:
        """The request that `push` would send."""
        table = self._known(change.entity)
        return self._dialect.request(table, change.key, change.fields, change.base_version)

    def push(self, change: Change) -> Receipt:
        """Changes the named columns of one record, if it still has the version it was read with."""
        return self._dialect.write(self._known(change.entity), change.key, change.fields, change.base_version)

    def close(self) -> None:
        """Releases connections; may be called again."""
        self._client.close()

    def _parts(self, table: Table, place: _Place | None, *, is_tracked: bool) -> Iterator[Part]:
        if place is not None and is_tracked and place.link is not None:
            return self._dialect.changes(table, place.link)
        if place is not None and not is_tracked and place.modified is not None:
            return self._dialect.rows(table, since=place.modified - OVERLAP)
        return self._dialect.rows(table, track=is_tracked)

    def _of_merged(self, table: Table, followed: Followed, since: datetime) -> Iterator[RecordBatch]:
        assert table.account is not None
        for account in followed.masters.since(since):
            for part in self._dialect.where(table, table.account, account):
                rows = followed.rows(table, part.rows)
                yield RecordBatch(table.entity, self._shape(table).read(rows).records)

    def _followed(self, table: Table) -> Followed:
        """What the rows of a set refer to, as it is now."""
        masters, codes = Masters(), list[msgspec.Raw]()
        accounts = self._tables.get("accounts")
        if table.account is not None and accounts is not None:
            masters = Masters(row for rows in self._dialect.merged(accounts) for row in rows)
        currencies = self._tables.get("currencies")
        if "TransactionCurrencyId" in table.lookups and currencies is not None:
            codes = [
                row
                for part in self._dialect.rows(currencies)
                for row in part.rows
                if isinstance(row, msgspec.Raw)
            ]
        return Followed(masters, codes)

    def _place(self, table: Table, since: Cursor | None) -> _Place | None:
        """Where to go on; None where the cursor is of other columns than are read now: then everything is read."""
        if since is None:
            return None
        try:
            found = msgspec.json.decode(since, type=_Place)
        except (msgspec.DecodeError, UnicodeError):
            return None
        return found if found.columns == _digest(table) else None

    def _cursor(
        self, table: Table, link: str | None, modified: datetime | None, began: datetime
    ) -> Cursor | None:
        if link is None and modified is None:
            return None
        place = _Place(_digest(table), link, modified, began.astimezone(UTC))
        return Cursor(msgspec.json.encode(place).decode())

    def _shape(self, table: Table) -> RowShape:
        return RowShape((table.key.lower(),), modified=MODIFIED.lower())

    def _known(self, entity: str) -> Table:
        if entity not in self._tables:
            known = ", ".join(self.streams)
            raise SourceError("is not offered", whose=self.source, key=entity, todo=f"Offered: {known}.")
        return self._tables[entity]

    @cached_property
    def _tracked(self) -> frozenset[str]:
        return self._dialect.tracked() if self.settings.change_tracking else frozenset()

    def _is_tracked(self, table: Table) -> bool:
        return not table.filter and table.logical in self._tracked

    @property
    def _dimensions(self) -> dict[str, str]:
        """Dimension -> what people call it: the choices of the account, and the sets that are declared as values."""
        found = {column.lower(): column for column in self.settings.option_sets}
        return found | {
            t.logical: t.logical for t in self._tables.values() if t.canonical == "dimension_value"
        }

    def _made(self, entity: str) -> list[RawRecord]:
        if entity == GROUPS:
            return [_record(key, {"code": key, "name": name}) for key, name in self._dimensions.items()]
        return [
            _record(f"{column.lower()}|{value}", {"dimension": column.lower(), "code": value, "name": label})
            for column, given in self.settings.option_sets.items()
            for value, label in (given or self._dialect.labels(column)).items()
        ]


def _record(key: str, said: dict[str, str]) -> RawRecord:
    return RawRecord(key, msgspec.json.encode(said), None)


def _digest(table: Table) -> str:
    """What tells one way of reading a set from another."""
    return sha256(" ".join((table.set, table.filter, *table.selected)).encode()).hexdigest()[:12]


class Plugin:
    """The entry point `dynamics_crm` of group `sync_engine.connectors`."""

    settings = Settings

    def open(
        self, source: str, settings: Settings, clock: Clock, transport: httpx.BaseTransport | None = None
    ) -> DynamicsCrm:
        """Opens one organisation; sends nothing yet. `transport` replaces the network, for tests."""
        return DynamicsCrm(source, settings, clock, transport)
