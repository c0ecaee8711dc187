"""Asking the account: one client, pages of queries, and what to do where the service stumbles over a column."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import httpx

from connectors.netsuite import unknown_columns
from connectors.netsuite.login import login_of, shared_name
from connectors.netsuite.settings import Settings
from connectors.netsuite.suiteql import Query, read, request, told
from connectors.netsuite.zone import SessionZone
from connectors.toolkit.http.client import HttpClient
from connectors.toolkit.http.errors import BrokeDown, Refused
from connectors.toolkit.http.limits import Limits
from connectors.toolkit.pagination import Page, PageSize
from connectors.toolkit.rows import Row, Splitter
from sync_engine.ports import Clock

_ITEMS = Splitter("items")
Complete = Callable[[Page], Page] | None


class Asking:
    """One account. `zone` is that of the session, set once it is known; `oddities` says what was left out, by stream."""

    def __init__(
        self, source: str, settings: Settings, clock: Clock, transport: httpx.BaseTransport | None
    ) -> None:
        self.source, self.settings, self.zone = source, settings, SessionZone("UTC")
        self.client = HttpClient(
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
        self.oddities: dict[str, str] = {}
        self._dropped: dict[str, frozenset[str]] = {}
        self._looking = threading.Lock()

    def pages(self, query: Query, key: str, complete: Complete = None) -> Iterator[Page]:
        """All pages; `complete` adds to a page what belongs to its rows, while the one before it is used."""
        size = PageSize(self.settings.page_size)
        yield from read(
            self.client, self.settings.host, query, self.zone, key=key, size=size, complete=complete
        )

    def rows(self, query: Query, key: str) -> Sequence[Mapping[str, Any]]:
        """All rows of a query that is not long."""
        return told(self.raw(query, key))

    def raw(self, query: Query, key: str) -> Sequence[Row]:
        """The same as received: a damaged one among them costs the record that it is a part of."""
        return [row for page in self.pages(query, key) for row in page.rows]

    def tolerant(self, query: Query, key: str, complete: Complete = None) -> Iterator[Page]:
        """All pages. Where the service stumbles over a column, that column is looked for and left out, and it begins anew."""
        started, used = False, self._dropped.get(key)
        try:
            for page in self.pages(query.without(used or frozenset()), key, complete):
                started = True
                yield page
            return
        except (Refused, BrokeDown) as failure:
            with self._looking:  # several parts of a list may stumble at once
                is_known = used != self._dropped.get(key)
                if started or (used is not None and not is_known):
                    raise
                if not is_known:
                    lost = unknown_columns.found(query, failure, self._first, whose=self.source, key=key)
                    self._dropped[key], self.oddities[key] = frozenset(lost), unknown_columns.sentence(lost)
        yield from self.tolerant(query, key, complete)

    def short(self, text: str, key: str) -> Sequence[Mapping[str, Any]]:
        """The rows of an answer of one page, names in lower case."""
        asked = request(self.settings.host, text, 1000)
        reply = self.client.ask(
            asked.method, asked.url, content=asked.content, key=key, headers=asked.headers
        )
        found = told(_ITEMS.split(reply.body, whose=self.source, key=key).rows)
        return [{name.lower(): value for name, value in row.items()} for row in found]

    def _first(self, query: Query, key: str) -> None:
        """Asks for one row, and only once: whether the query can be asked at all."""
        asked = request(self.settings.host, query.text(), 1)
        self.client.ask(
            asked.method,
            asked.url,
            content=asked.content,
            key=key,
            headers=asked.headers,
            at_once=(BrokeDown,),
        )
