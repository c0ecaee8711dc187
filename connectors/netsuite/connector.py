"""The connector: one account of NetSuite behind the engine's port, read by SuiteQL alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

import httpx

from connectors.netsuite import (
    catalogue,
    children,
    control_totals,
    lists,
    permissions,
    pulse,
    rows,
)
from connectors.netsuite.asking import Asking
from connectors.netsuite.positions import Position
from connectors.netsuite.pulse import Pulse
from connectors.netsuite.settings import Settings
from connectors.netsuite.suiteql import Column, KeyPart, Query, quoted, readable, told
from connectors.netsuite.tables import DEBTS, PERMISSION, Account, Source
from connectors.toolkit.lanes import together
from connectors.toolkit.pagination import Page
from connectors.toolkit.rows import Splitter
from sync_engine.errors import SourceError
from sync_engine.ports import Clock, LoginLimits
from sync_engine.records import ControlTotal, Cursor, Offered, Probe, RawRecord, RecordBatch, Stream

_ITEMS = Splitter("items")
_DAY, _FRESH = timedelta(days=1), timedelta(minutes=5)
_PARTS = 2
"""Parts of a long list for each call at a time: they are not of one size."""
_EXPANDED: dict[str, Callable[[Account], rows.Expand]] = {
    "contacts": lambda _: rows.people,
    "addresses": lambda _: rows.address_books,
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
        self._asking = Asking(source, settings, clock, transport)
        self._gone: dict[str, lists.Rows] = {}
        self._looked: _Seen | None = None
        self._has_read = False

    def __repr__(self) -> str:
        return f"NetSuite({self.source!r}, account {self.settings.account})"

    @property
    def calls(self) -> int:
        """Requests sent so far, retries and logins included."""
        return self._asking.client.calls

    @property
    def ahead(self) -> timedelta | None:
        """How far our clock is ahead of the service's."""
        return self._asking.client.ahead

    @property
    def oddities(self) -> Mapping[str, str]:
        """What was dropped or not visible at the last reading, by stream."""
        return self._asking.oddities

    @property
    def _seen(self) -> _Seen:
        """What the account looked like when it was looked at last."""
        if self._looked is None:
            self._looked = self._look()
            self._gone.clear()
        return self._looked

    def _refresh(self) -> _Seen:
        """What it looked like minutes ago at most."""
        if self._looked is not None and self._clock.now() - self._looked.at > _FRESH:
            self._looked = None
        return self._seen

    def _look(self) -> _Seen:
        at, found = self._clock.now(), self._take_pulse()
        account, self._asking.zone = Account(self.settings, found.lacking), found.zone
        listed = self._asking.rows(lists.query(account), "lists")
        with readable("the answer about subsidiaries and currencies"):
            base = lists.company(listed, account, self.source)["currency_id"]
            account = replace(account, base=str(int(base)) if base else "")
        return _Seen(at, found, account, listed, catalogue.sources(account))

    def _take_pulse(self) -> Pulse:
        with readable("the answer to whether anything has changed"):
            return pulse.take(Account(self.settings), lambda text: self._asking.short(text, "pulse"))

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
        self._asking.client.share_login(limits)

    def probe(self) -> Probe:
        """The account, its time zone, and what the role does not see."""
        seen = self._refresh()
        with readable("the answer to what the role sees"):
            found = permissions.probe(seen.account, seen.pulse, self._asking.short, seen.sources)
        ending = permissions.certificate(self.settings, self._clock.now().date())
        return replace(found, capabilities=(*ending, *found.capabilities))

    def pull(self, entity: str, since: Cursor | None) -> Iterator[RecordBatch]:
        """Everything, or what may have changed since the cursor; nothing is asked while the pulse says that nothing has.

        Stamps go back by the overlap of the stream, in the clock of the session. What is open is always read again: settling leaves
        the stamp of a document alone, and un-settling leaves no trace but what is open.
        """
        self._refresh()
        source = self._known(entity)
        if not source.pulse:
            found = list(lists.records(entity, self._seen.lists, self._seen.account, self.source))
            yield RecordBatch(entity, found, complete=True)
            return
        seen, now = self._seen, self._asking.client.server_now()
        there = Position.seen(source, seen.pulse, seen.account.shape(source), now)
        here = None if since is None else Position.read(since)
        if here is not None and here.is_still(there):
            yield RecordBatch(entity, (), resume_from=there.cursor)
            return
        self._has_read = True
        if here is None:
            yield from self._swept(source, there.cursor)
            return
        if source.gone:
            yield self._deletions(source, here.moment)
        if here.asks_otherwise(there, source.whole_on) or self._hidden_ones_show(here, there, now):
            yield from self._changed(source, "")
        else:
            shown = seen.pulse.zone.not_after(here.moment - source.stream.overlap, now)
            touched = source.touched.format(since=f"TO_TIMESTAMP({quoted(shown)}, 'YYYY-MM-DD HH24:MI:SS')")
            yield from (self._resettled if entity == "applications" else self._changed)(source, touched)
        self._note_vanished(source, here, there)
        yield RecordBatch(entity, (), resume_from=there.cursor)

    def _hidden_ones_show(self, here: Position, there: Position, now: datetime) -> bool:
        """Whether there are more rows than were made meanwhile: then some that the role did not see have old stamps."""
        grown = here.grown(there)
        shown = self._seen.pulse.zone.not_after(here.moment, now)
        question = pulse.created_since(self._seen.account, list(grown), shown)
        rows = self._asking.short(question, "created") if question else ()
        with readable("the answer to how many records are new"):
            made = {str(row["name"]): int(row["n"]) for row in rows}
        return any(grown[name] > n for name, n in made.items())

    def _note_vanished(self, source: Source, here: Position, there: Position) -> None:
        """Rows that are not shown any more and were not deleted: nothing of theirs is touched, and it is said."""
        fewer = here.shrunk(there)
        gone = sum(children.kind_of(row) in source.gone for row in self._deleted(here.moment)) if fewer else 0
        if fewer > gone:
            self._asking.oddities[source.stream.entity] = (
                f"{fewer - gone:,} records are not shown to this role any more and were not deleted; they stay as they were: look at its "
                "permissions and its subsidiaries"
            )

    def _swept(self, source: Source, cursor: Cursor) -> Iterator[RecordBatch]:
        """All there is: a long list in parts, several at a time, for each part asks for its children one after the other."""
        entity = source.stream.entity
        walks = [self._pages(source, source.query.also(part)) for part in self._parts(source)]
        for page in together(walks, self.settings.concurrent):
            yield RecordBatch(entity, self._records(source, page))
        yield RecordBatch(entity, (), resume_from=cursor, complete=True)

    def _parts(self, source: Source) -> list[str]:
        """Conditions that split a list by ids, in parts of a few pages and more."""
        arm = self._seen.pulse.arms.get(source.spread[0]) if source.spread else None
        n = min(_PARTS * self.settings.concurrent, arm.n // (2 * self.settings.page_size)) if arm else 0
        if arm is None or source.spread is None or n < 2:
            return [""]
        column, (least, greatest) = source.spread[1], arm.ids
        step = (greatest - least) // n + 1
        edges = [least + step * part for part in range(1, n)]
        lower = ["", *(f"{column} >= {edge}" for edge in edges)]
        upper = [*(f"{column} < {edge}" for edge in edges), ""]
        return [" AND ".join(filter(None, both)) for both in zip(lower, upper, strict=True)]

    def _changed(self, source: Source, touched: str) -> Iterator[RecordBatch]:
        """What was touched; of a parent whose lines lie on two pages nobody can say that one of them has all."""
        before = ""
        for page in self._pages(source, source.query.also(touched)):
            parents = rows.parents(page.rows) if source.children else []
            cut = {before, *(parents[-1:] if page.next is not None else ())} if source.is_of_lines else set()
            before = parents[-1] if parents else ""
            whole = [parent for parent in parents if parent not in cut]
            yield RecordBatch(source.stream.entity, self._records(source, page), whole=whole)

    def _resettled(self, source: Source, touched: str) -> Iterator[RecordBatch]:
        """The whole graph of every document that may be settled otherwise now: what it lacks is not applied any more."""
        kinds = ", ".join(map(quoted, (*DEBTS, "Journal")))
        documents = Query(
            (Column("id", "t.id"),),
            "transaction t",
            (KeyPart("id", "t.id"),),
            (f"t.type IN ({kinds})", touched),
        )
        for page in self._asking.pages(documents, "applications"):
            settled = rows.parents(page.rows)
            meant = frozenset(settled)
            found = [
                record
                for links in self._pages(source, source.query.also(children.either_side(settled)))
                for debt, record in map(rows.application, told(links.rows))
                if debt in meant
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
            pages = self._asking.pages(children.deleted_since(day), "deleted records")
            self._gone[day] = [row for page in pages for row in told(page.rows)]
        return self._gone[day]

    def pull_debtor(self, debtor_key: str) -> Iterator[RecordBatch]:
        """One customer or project, with its groups, contacts, documents, payments and what settled what."""
        self._refresh()
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
        with readable("what the account states of its totals"):
            if entity == "customers":
                found += control_totals.balances(self._seen.account, self._seen.lists, self._asking.rows)
            if entity == "documents":
                found += control_totals.open_amounts(self._seen.account, self._asking.rows)
        return found

    def close(self) -> None:
        """Releases connections; may be called again."""
        self._asking.client.close()

    def _now(self) -> Pulse:
        """The pulse; taken again once something was read, since it may have changed meanwhile."""
        self._refresh()
        if self._has_read:
            self._seen.pulse, self._has_read = self._take_pulse(), False
        return self._seen.pulse

    def _pages(self, source: Source, query: Query) -> Iterator[Page]:
        entity = source.stream.entity
        complete = children.of(entity, self._seen.account, self._asking.raw)
        return self._asking.tolerant(query, entity, complete)

    def _known(self, entity: str) -> Source:
        if entity not in self._seen.sources:
            known = ", ".join(self._seen.sources)
            raise SourceError("is not offered", whose=self.source, key=entity, todo=f"Offered: {known}.")
        return self._seen.sources[entity]

    def _records(self, source: Source, page: Page) -> list[RawRecord]:
        entity = source.stream.entity
        if entity == "applications":
            return rows.applications(page.rows)
        if entity in _EXPANDED:
            return rows.expanded(_EXPANDED[entity](self._seen.account), page.rows)
        return rows.of_line(page.rows) if source.children else rows.single(page.rows)


class Plugin:
    """The entry point `netsuite` of group `sync_engine.connectors`."""

    settings = Settings

    def open(
        self, source: str, settings: Settings, clock: Clock, transport: httpx.BaseTransport | None = None
    ) -> NetSuite:
        """Opens one account; sends nothing yet. `transport` replaces the network, for tests."""
        return NetSuite(source, settings, clock, transport)
