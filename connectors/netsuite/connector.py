"""The connector: one account of NetSuite behind the engine's port, read by SuiteQL alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx

from connectors.netsuite import children, control_totals, lists, permissions, pulse, rows, unknown_columns
from connectors.netsuite.login import login_of, shared_name
from connectors.netsuite.pulse import Pulse, Since
from connectors.netsuite.settings import Settings
from connectors.netsuite.suiteql import Column, KeyPart, Query, quoted, read, request, told
from connectors.netsuite.tables import DEBTS, PERMISSION, Account, Source
from connectors.toolkit.http.client import HttpClient, Limits
from connectors.toolkit.http.errors import BrokeDown, Refused
from connectors.toolkit.pagination import Page, PageSize
from connectors.toolkit.rows import Splitter
from sync_engine.errors import SourceError
from sync_engine.ports import Clock, LoginLimits
from sync_engine.records import ControlTotal, Cursor, Offered, Probe, RawRecord, RecordBatch, Stream

_ITEMS = Splitter("items")
_DAY, _FRESH = timedelta(days=1), timedelta(minutes=5)
_EXPANDED: dict[str, Callable[[Account], rows.Expand]] = {
    "contacts": lambda _: rows.people,
    "card_contacts": lambda account: rows.addresses(account.settings.email_fields),
}


@dataclass
class _Seen:
    """What was learnt about the account since the connector was opened."""

    at: datetime
    pulse: Pulse
    account: Account
    lists: lists.Rows
    sources: Mapping[str, Source]


class NetSuite:
    """One account. Nothing is sent before the first question."""

    def __init__(
        self, source: str, settings: Settings, clock: Clock, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.source, self.settings, self._clock = source, settings, clock
        self._client = HttpClient(
            whose=source,
            clock=clock,
            login=login_of(settings),
            home=settings.host,
            transport=transport,
            headers={"Accept": "application/json", "User-Agent": "sync-engine"},
            limits=Limits(
                connect=settings.timeouts.connect,
                read=settings.timeouts.read,
                concurrent=settings.concurrent,
                attempts=8,
            ),
            passing=lambda refusal: refusal.code == "SSS_REQUEST_LIMIT_EXCEEDED",
            shared="" if transport else shared_name(settings),
        )
        self._dropped: dict[str, frozenset[str]] = {}
        self._odd: dict[str, str] = {}
        self._gone: dict[str, lists.Rows] = {}
        self._looked: _Seen | None = None
        self._has_read = False

    def __repr__(self) -> str:
        return f"NetSuite({self.source!r}, account {self.settings.account})"

    @property
    def calls(self) -> int:
        """Requests sent so far, retries and logins included."""
        return self._client.calls

    @property
    def ahead(self) -> timedelta | None:
        """How far our clock is ahead of the service's."""
        return self._client.ahead

    @property
    def oddities(self) -> Mapping[str, str]:
        """What was dropped or not visible at the last reading, by stream."""
        return self._odd

    @property
    def _seen(self) -> _Seen:
        """What the account looked like minutes ago at most."""
        if self._looked is None or self._clock.now() - self._looked.at > _FRESH:
            self._looked = self._look()
            self._gone.clear()
        return self._looked

    def _look(self) -> _Seen:
        at, found = self._clock.now(), self._take_pulse()
        account = Account(self.settings, found.lacking)
        pages = read(
            self._client, self.settings.host, lists.query(account), found.zone, key="lists", size=self._size()
        )
        listed = [row for page in pages for row in told(page.rows)]
        account = replace(account, base=lists.company(listed, account, self.source)["currency_id"])
        return _Seen(at, found, account, listed, account.sources())

    def _take_pulse(self) -> Pulse:
        return pulse.take(Account(self.settings), lambda text: self.ask(text, key="pulse"))

    @property
    def streams(self) -> Mapping[str, Stream]:
        """What the account has and the role sees, parents first."""
        return {name: source.stream for name, source in self._seen.sources.items()}

    @property
    def offered(self) -> Offered:
        """The subsidiary that is the company, and what is not there because a table is missing."""
        missing = {
            stream: f"the table {table} is not shown to this role (permission: {PERMISSION[table]})"
            for stream, table in (("employees", "employee"), ("contacts", "contact"), ("projects", "job"))
            if not self._seen.account.has(table)
        }
        return Offered(company=self.settings.account, missing=missing)

    def share_login(self, limits: LoginLimits) -> None:
        """Counts its calls with all machines that use the account."""
        self._client.share_login(limits)

    def probe(self) -> Probe:
        """The account, its time zone, and what the role does not see."""
        return permissions.probe(self._seen.account, self._seen.pulse, self.ask, self._seen.sources)

    def pull(self, entity: str, since: Cursor | None) -> Iterator[RecordBatch]:
        """Everything, or what may have changed since the cursor; nothing is asked while the pulse says that nothing has.

        Stamps go back by the overlap of the stream, in the clock of the session. What is open is always read again: settling leaves
        the stamp of a document alone, and un-settling leaves no trace but what is open.
        """
        source = self._known(entity)
        if not source.pulse:
            found = list(lists.records(entity, self._seen.lists, self._seen.account, self.source))
            yield RecordBatch(entity, found, complete=True)
            return
        seen, now = self._seen.pulse, self._client.server_now()
        cursor = seen.cursor(source.pulse, now)
        asked = None if since is None else Since.of(since)
        if asked is not None and asked.mark == seen.mark(source.pulse):
            yield RecordBatch(entity, (), resume_from=cursor)
            return
        self._has_read = True
        if asked is None:
            yield from self._swept(source, cursor)
            return
        if source.gone:
            yield self._deletions(source, asked.moment)
        shown = seen.zone.not_after(asked.moment - source.stream.overlap, now)
        touched = source.touched.format(since=f"TO_TIMESTAMP({quoted(shown)}, 'YYYY-MM-DD HH24:MI:SS')")
        batches = (
            self._resettled(source, touched) if entity == "applications" else self._changed(source, touched)
        )
        yield from batches
        yield RecordBatch(entity, (), resume_from=cursor)

    def _swept(self, source: Source, cursor: Cursor) -> Iterator[RecordBatch]:
        for page in self._pages(source, source.query):
            is_last = page.next is None
            found = self._records(source, page)
            yield RecordBatch(
                source.stream.entity, found, resume_from=cursor if is_last else None, complete=is_last
            )

    def _changed(self, source: Source, touched: str) -> Iterator[RecordBatch]:
        for page in self._pages(source, source.query.also(touched)):
            yield RecordBatch(
                source.stream.entity,
                self._records(source, page),
                whole=rows.parents(page.rows) if source.children else (),
            )

    def _resettled(self, source: Source, touched: str) -> Iterator[RecordBatch]:
        """The whole graph of every document that may be settled otherwise now: what it lacks is not applied any more."""
        kinds = ", ".join(map(quoted, (*DEBTS, "Journal")))
        documents = Query(
            (Column("id", "t.id"),),
            "transaction t",
            (KeyPart("id", "t.id"),),
            (f"t.type IN ({kinds})", touched),
        )
        for page in self._read(documents, "applications"):
            settled = rows.parents(page.rows)
            found = [
                record
                for links in self._pages(source, source.query.also(children.either_side(settled)))
                for debt, record in map(rows.application, told(links.rows))
                if debt in set(settled)
            ]
            yield RecordBatch("applications", found, whole=settled)

    def _deletions(self, source: Source, moment: datetime) -> RecordBatch:
        """What was deleted since the day before; told again and again, which does no harm."""
        keys = [str(row["recordid"]) for row in self._deleted(moment) if children.kind_of(row) in source.gone]
        entity = source.stream.entity
        return RecordBatch(entity, (), whole=keys) if source.children else RecordBatch(entity, (), keys)

    def _deleted(self, moment: datetime) -> lists.Rows:
        if not self._seen.account.has("deletedrecord"):
            return []
        day = (moment - _DAY).date().isoformat()
        if day not in self._gone:
            pages = self._read(children.deleted_since(day), "deleted records")
            self._gone[day] = [row for page in pages for row in told(page.rows)]
        return self._gone[day]

    def pull_debtor(self, debtor_key: str) -> Iterator[RecordBatch]:
        """One customer or project, with its groups, contacts, documents, payments and what settled what."""
        number = str(int(debtor_key)) if debtor_key.isdigit() else "0"
        known = False
        for name, source in self._seen.sources.items():
            if not source.debtor:
                continue
            pages = self._pages(source, source.query.also(source.debtor.format(debtor=number)))
            found = [record for page in pages for record in self._records(source, page)]
            if source.stream.canonical == "debtor":
                known |= bool(found)
            elif not known:
                yield RecordBatch("customers", (), (debtor_key,))
                return
            yield RecordBatch(name, found)

    def count(self, entity: str) -> int | None:
        """How many rows the pulse counted; None where a row is several records."""
        source = self._known(entity)
        if not source.pulse:
            return None
        return self._now().arms[source.pulse[0]].n if source.counted else None

    def totals(self, entity: str) -> Sequence[ControlTotal]:
        """Counts; of customers also their balances, of documents what is open in each currency."""
        counted = self.count(entity)
        found = [] if counted is None else [ControlTotal(entity, "count", Decimal(counted))]
        if entity == "customers":
            found += control_totals.balances(self._seen.account, self._seen.lists, self._rows)
        if entity == "documents":
            found += control_totals.open_amounts(self._seen.account, self._rows)
        return found

    def close(self) -> None:
        """Releases connections; may be called again."""
        self._client.close()

    def _now(self) -> Pulse:
        """The pulse; taken again once something was read, since it may have changed meanwhile."""
        if self._has_read:
            self._seen.pulse, self._has_read = self._take_pulse(), False
        return self._seen.pulse

    def _known(self, entity: str) -> Source:
        if entity not in self._seen.sources:
            known = ", ".join(self._seen.sources)
            raise SourceError("is not offered", whose=self.source, key=entity, todo=f"Offered: {known}.")
        return self._seen.sources[entity]

    def _records(self, source: Source, page: Page) -> list[RawRecord]:
        entity = source.stream.entity
        if entity == "applications":
            return [record for _, record in map(rows.application, told(page.rows))]
        if entity in _EXPANDED:
            return rows.expanded(_EXPANDED[entity](self._seen.account), page.rows)
        return rows.of_line(page.rows) if source.children else rows.single(page.rows)

    def _pages(self, source: Source, query: Query) -> Iterator[Page]:
        """The pages of a stream. Where the service stumbles over a column, that column is looked for and left out, and it begins anew."""
        entity, started = source.stream.entity, False
        complete = children.of(entity, self._seen.account, self._rows)
        try:
            for page in self._read(query.without(self._dropped.get(entity, frozenset())), entity, complete):
                started = True
                yield page
        except (Refused, BrokeDown) as failure:
            if started or entity in self._dropped:
                raise
            found = unknown_columns.found(query, failure, self._first, whose=self.source, key=entity)
            self._dropped[entity] = frozenset(found)
            self._odd[entity] = unknown_columns.sentence(found)
            yield from self._pages(source, query)

    def _read(self, query: Query, key: str, complete: Callable[[Page], Page] | None = None) -> Iterator[Page]:
        zone = self._seen.pulse.zone
        return read(
            self._client, self.settings.host, query, zone, key=key, size=self._size(), complete=complete
        )

    def _rows(self, query: Query, key: str) -> Sequence[Mapping[str, Any]]:
        return [row for page in self._read(query, key) for row in told(page.rows)]

    def _first(self, query: Query, key: str) -> None:
        """Asks for one row, and only once: whether the query can be asked at all."""
        asked = request(self.settings.host, query.text(), 1)
        self._client.ask(
            asked.method,
            asked.url,
            content=asked.content,
            key=key,
            headers=asked.headers,
            at_once=(BrokeDown,),
        )

    def ask(self, text: str, *, key: str) -> Sequence[Mapping[str, Any]]:
        """The rows of a short answer, names in lower case. Raises what the client raises."""
        asked = request(self.settings.host, text, 1000)
        reply = self._client.ask(
            asked.method, asked.url, content=asked.content, key=key, headers=asked.headers
        )
        found = told(_ITEMS.split(reply.body, whose=self.source, key=key).rows)
        return [{name.lower(): value for name, value in row.items()} for row in found]

    def _size(self) -> PageSize:
        return PageSize(self.settings.page_size)


class Plugin:
    """The entry point `netsuite` of group `sync_engine.connectors`."""

    settings = Settings

    def open(
        self, source: str, settings: Settings, clock: Clock, transport: httpx.BaseTransport | None = None
    ) -> NetSuite:
        """Opens one account; sends nothing yet. `transport` replaces the network, for tests."""
        return NetSuite(source, settings, clock, transport)
