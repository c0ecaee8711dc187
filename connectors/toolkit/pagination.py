"""Walking the pages of a collection: the next is fetched while this one is used, sizes shrink and recover, loops are seen.

`walk` is the one loop; a `Paginator` says how one style of paging asks for a page and where it leads. `toolkit.paginators` holds
the usual styles, `toolkit.odata.pages` that of OData. A whole reader of a JSON API with two header tokens and offset paging:

    client = HttpClient(
        whose=source,
        clock=clock,
        headers={"Accept": "application/json"},
        login=StaticHeaders({"X-App-Token": settings.app_token, "X-Grant-Token": settings.grant_token}),
    )
    shape = RowShape(("customerNumber",), modified="lastUpdated")  # numbers become text
    customers = Offset(
        Request(f"{settings.base_url}/customers?sort=customerNumber"),
        rows="collection",  # "" where the body itself is the list, "data.items" where it lies deeper
        offset="skip",
        limit="pagesize",
        total="pagination.results",
    )
    for page in walk(client, customers, key="customers", size=PageSize(1000)):
        read = shape.read(page.rows)
        yield RecordBatch("customers", read.records, complete=page.next is None)
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, Protocol, TypeVar
from urllib.parse import urljoin, urlsplit, urlunsplit

import httpx
import msgspec
import xxhash

from connectors.toolkit.http.client import AtOnce, HttpClient, Reply
from connectors.toolkit.http.errors import BrokeDown, NotFound, Refused, TooSlow
from connectors.toolkit.rows import Row
from sync_engine.errors import ProtocolViolation

_FLOOR = 20
_CALM = 3
EMPTY_IN_A_ROW = 100
"""More empty pages one after another that all lead on lead nowhere; a filter over a large table gives a few."""
MOST_PAGES = 1_000_000
"""No collection has more pages: at the smallest size that is twenty million rows."""
_NEW_MEANWHILE = 10_000
"""Rows that may be added while a collection is read, on top of twice what it says it has."""


@dataclass
class PageSize:
    """Rows asked for per page: halves when the other side is too slow, doubles again after three good pages."""

    most: int
    floor: int = _FLOOR
    now: int = field(init=False)
    _good: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.now = self.most

    @property
    def can_shrink(self) -> bool:
        """Whether a smaller page is left to try."""
        return self.now > self.floor

    def shrink(self) -> bool:
        """Halves; false at the floor."""
        if not self.can_shrink:
            return False
        self.now, self._good = max(self.floor, self.now // 2), 0
        return True

    def went_well(self) -> None:
        """Counts a good page."""
        self._good += 1
        if self._good >= _CALM and self.now < self.most:
            self.now, self._good = min(self.most, self.now * 2), 0


@dataclass(frozen=True)
class Request:
    """One question to the other side; with `content` (JSON) it is usually a POST that reads. It is asked again when it fails."""

    url: str
    method: str = "GET"
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Answer(NamedTuple):
    """What came for the page at `place`, asked for by `url` with `size` rows; `whose` and `key` are for messages."""

    reply: Reply
    url: str
    place: str
    size: int
    whose: str
    key: str


class HasRows(Protocol):
    """What a page of any kind has: its rows, the place of the next page (None on the last), how many rows the collection says it has."""

    @property
    def rows(self) -> Sequence[Row]: ...
    @property
    def next(self) -> str | None: ...
    @property
    def total(self) -> int | None: ...


P = TypeVar("P", bound=HasRows)
P_co = TypeVar("P_co", bound=HasRows, covariant=True)


class Page(NamedTuple):
    """The plain kind of page; `next` is whatever its paginator calls a place: an address, an offset, a cursor, a key."""

    rows: Sequence[Row]
    next: str | None = None
    total: int | None = None


class Paginator(ABC, Generic[P]):
    """One style of paging over one collection. A place is text that says where a page begins; used for one walk only."""

    start: str
    """The place of the first page."""

    @abstractmethod
    def request(self, place: str, size: int) -> Request:
        """How the page at `place` is asked for, with `size` rows where the other side lets us choose."""

    @abstractmethod
    def read(self, answer: Answer) -> P:
        """The page in an answer. Raises ProtocolViolation."""

    def following(self, page: P) -> str | None:
        """The place that a page leads to; None ends the walk."""
        return page.next

    def mark(self, place: str) -> str:
        """What must differ between two pages of one walk."""
        return place

    def can_resize(self, place: str) -> bool:
        """Whether the page at `place` may be asked for with another size than the one before it."""
        return True

    def whole(self, page: P) -> P:
        """The page with what else its rows need, asked for once it is known to be a new one."""
        return page


class Rescue(Protocol[P_co]):
    """How a page is read after all that one record spoils."""

    def fits(self, refusal: Refused | BrokeDown | TooSlow, url: str) -> bool:
        """Whether this failure of `url` is of the kind that a plainer request avoids; may ask for that. Raises TransientError."""
        ...

    def read(self, url: str, headers: dict[str, str]) -> P_co:
        """The page of `url`, asked for plainly; its `next` leads on as if nothing had happened."""
        ...


class Step(NamedTuple, Generic[P]):
    """One page and where it leads; `place` None ends the walk."""

    page: P
    place: str | None


def walk(
    client: HttpClient,
    paginator: Paginator[P],
    *,
    key: str,
    size: PageSize,
    rescue: Rescue[P] | None = None,
    most: int = MOST_PAGES,
) -> Iterator[P]:
    """Pages until one leads nowhere; the last may be empty. `key` is what messages call the collection.

    Raises ProtocolViolation when a place or a whole page repeats, when pages stay empty, when there are more than `most` of them or
    far more rows than the collection says it has. Closing the generator ends the fetch in the background.
    """
    guard, stop = _Guard(client.whose, key, most), threading.Event()
    asking = _Asking(client, paginator, key, size, rescue, stop)

    def fetch(place: str) -> Step[P]:
        guard.link(paginator.mark(place))
        page = asking.page(place)
        size.went_well()
        guard.page(page)
        following = paginator.following(page)
        return Step(paginator.whole(page), following)

    for step in ahead(fetch, paginator.start, stop):
        yield step.page


@dataclass
class _Asking(Generic[P]):
    """Asks for one page until it is there: smaller where it is too much, by the rescue where one record spoils it."""

    client: HttpClient
    paginator: Paginator[P]
    key: str
    size: PageSize
    rescue: Rescue[P] | None
    stop: threading.Event

    def page(self, place: str) -> P:
        broken: AtOnce = ()
        while True:
            asked = self.paginator.request(place, self.size.now)
            can_shrink = self.size.can_shrink and self.paginator.can_resize(place)
            at_once: AtOnce = (*broken, TooSlow) if can_shrink else broken
            try:
                reply = self._reply(asked, at_once)
                answer = Answer(reply, asked.url, place, self.size.now, self.client.whose, self.key)
                return self.paginator.read(answer)
            except TooSlow as slowness:
                if not (can_shrink and self.size.shrink()):
                    if self._rescues(slowness, asked):
                        return self._rescued(asked)
                    raise
            except (Refused, BrokeDown) as refusal:
                if self._rescues(refusal, asked):
                    # It was asked for often enough: from here a smaller page helps, or the rescue.
                    broken = (BrokeDown,)
                    if not (can_shrink and self.size.shrink()):
                        return self._rescued(asked)
                elif isinstance(refusal, NotFound) and place != self.paginator.start:
                    what = "the link to the next page leads nowhere"
                    raise ProtocolViolation(what, whose=self.client.whose, key=self.key) from None
                else:
                    raise

    def _reply(self, asked: Request, at_once: AtOnce) -> Reply:
        return self.client.ask(
            asked.method,
            asked.url,
            content=asked.content,
            key=self.key,
            headers=asked.headers,
            at_once=at_once,
            stop=self.stop,
        )

    def _rescues(self, failure: Refused | BrokeDown | TooSlow, asked: Request) -> bool:
        return self.rescue is not None and self.rescue.fits(failure, asked.url)

    def _rescued(self, asked: Request) -> P:
        assert self.rescue is not None
        return self.rescue.read(asked.url, dict(asked.headers))


def ahead(fetch: Callable[[str], Step[P]], first: str, stop: threading.Event) -> Iterator[Step[P]]:
    """Runs `fetch` one page ahead in a thread of its own. Its exceptions are raised here; the thread ends with the generator.

    A walk that was given up may be closed by the garbage collector, in any thread, also in one that fetches: only the thread
    that walks waits for the end of the fetch, another one would wait for itself, or for what waits for it.
    """
    walks, pool = threading.get_ident(), ThreadPoolExecutor(1, thread_name_prefix="next-page")
    try:
        pending = pool.submit(fetch, first)
        while True:
            step = pending.result()
            if step.place is None:
                yield step
                return
            pending = pool.submit(fetch, step.place)
            yield step
    finally:
        stop.set()
        pool.shutdown(wait=threading.get_ident() == walks)


def at_home(link: str, root: str, *, against: str, whose: str) -> str:
    """The address a link means, on the host and scheme of `root` whatever host it names: a login never goes anywhere else.

    A relative link counts from `against`. Raises ProtocolViolation when it is no web address.
    """
    try:
        link = link.strip()
        parts, home = urlsplit(link), urlsplit(root)
        if parts.scheme not in ("", "http", "https"):
            raise ValueError(parts.scheme)
        if not parts.netloc and not parts.scheme:
            parts = urlsplit(urljoin(against, link))
        address = urlunsplit((home.scheme, home.netloc, parts.path, parts.query, ""))
        httpx.URL(address)
    except (
        ValueError,
        httpx.InvalidURL,
    ):  # a bracket or a port that is none, a control character, beyond 65,536 characters
        what = "the link to the next page is no web address"
        raise ProtocolViolation(what, whose=whose, todo="Nothing was marked complete.") from None
    return address


class _Guard:
    """Notices a server that leads in circles, or on and on."""

    def __init__(self, whose: str, key: str, most: int) -> None:
        self._whose, self._key, self._most = whose, key, most
        self._links: set[int] = set()
        self._pages: set[int] = set()
        self._empty = self._rows = self._told = 0

    def link(self, mark: str) -> None:
        seen = xxhash.xxh3_64_intdigest(mark.encode())
        if seen in self._links:
            raise self._violation("the link to the next page repeats")
        self._links.add(seen)
        if len(self._links) > self._most:
            raise self._violation(f"there are more than {self._most:,} pages")

    def page(self, page: HasRows) -> None:
        self._empty = 0 if page.rows else self._empty + 1
        if self._empty > EMPTY_IN_A_ROW:
            raise self._violation(f"{self._empty} empty pages one after another lead on")
        if not page.rows:
            return
        rows = xxhash.xxh3_64()
        for row in page.rows:
            rows.update(row if isinstance(row, msgspec.Raw) else row.received)
        mark = rows.intdigest()
        if mark in self._pages:
            raise self._violation("the same page came twice")
        self._pages.add(mark)
        self._count(page)

    def _count(self, page: HasRows) -> None:
        self._rows, self._told = self._rows + len(page.rows), max(self._told, page.total or 0)
        if self._told and self._rows > 2 * self._told + _NEW_MEANWHILE:
            raise self._violation(f"{self._rows:,} rows came of a collection of {self._told:,}")

    def _violation(self, what: str) -> ProtocolViolation:
        return ProtocolViolation(
            what, whose=self._whose, key=self._key, todo="Nothing was marked complete; run again."
        )
