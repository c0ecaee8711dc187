"""Walking the pages of a collection: the next is fetched while this one is used, sizes shrink and recover, loops are seen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit, urlunsplit

import httpx
import msgspec
import xxhash

from connectors.toolkit.damaged_rows import DECODING, DamagedRow
from connectors.toolkit.http.client import AtOnce, HttpClient
from connectors.toolkit.http.errors import BrokeDown, NotFound, Refused, TooSlow
from connectors.toolkit.odata.pages import NESTED, NEXT, Cut, Row, cut
from sync_engine.errors import ProtocolViolation

_FLOOR = 20
_CALM = 3
_INSIDE = 500
"""Rows asked for at once where a list inside a row goes on."""
_MOST_INSIDE = 200
_DEEPEST_INSIDE = 3
_UNFINISHED = 10
"""More rows of one walk whose inner lists cannot be read on are no single records: the walk itself fails."""
EMPTY_IN_A_ROW = 100
"""More empty pages one after another that all lead on lead nowhere; a filter over a large table gives a few."""
MOST_PAGES = 1_000_000
"""No collection has more pages: at the smallest size that is twenty million rows."""


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


class Rescue(Protocol):
    """How a page is read after all that one record spoils."""

    def fits(self, refusal: Refused | BrokeDown | TooSlow, url: str) -> bool:
        """Whether this failure of `url` is of the kind that a plainer request avoids; may ask for that. Raises TransientError."""
        ...

    def read(self, url: str, headers: dict[str, str]) -> Cut:
        """The page of `url`, asked for plainly; its `next` leads on as if nothing had happened."""
        ...


class Step(NamedTuple):
    """One page and where it leads; `url` None ends the walk."""

    page: Cut
    url: str | None


@dataclass
class Pages:
    """Collections of one host. `root` is the service root: links are resolved against it and stay on its host and scheme."""

    client: HttpClient
    root: str
    most: int = MOST_PAGES
    inside: int = 0

    def walk(self, url: str, *, key: str, size: PageSize, rescue: Rescue | None = None) -> Iterator[Cut]:
        """Pages from `url` until there is no next link. `next` is None on the last page, which may be empty.

        A list inside a row that goes on behind a link of its own is read to its end; a row whose list cannot be is a
        `DamagedRow`. Raises ProtocolViolation when a link or a whole page repeats, when pages stay empty, when there are more
        than `most`. Closing the generator ends the fetch in the background.
        """
        guard, stop = _Guard(self.client.whose, key, self.most), threading.Event()

        def fetch(address: str) -> Step:
            guard.link(address)
            page = self._page(address, key, size, rescue, stop, first=address == url)
            size.went_well()
            guard.page(page)
            following = None if page.next is None else self.resolve(page)
            return Step(self._whole(page, key, guard), following)

        for step in ahead(fetch, url, stop):
            yield step.page

    def _page(
        self, url: str, key: str, size: PageSize, rescue: Rescue | None, stop: threading.Event, *, first: bool
    ) -> Cut:
        broken: AtOnce = ()
        while True:
            headers = {"Prefer": f"odata.maxpagesize={size.now}"}
            at_once: AtOnce = (*broken, TooSlow) if size.can_shrink else broken
            try:
                body = self.client.get(url, key=key, headers=headers, at_once=at_once, stop=stop).body
                return cut(body, whose=self.client.whose, key=key)
            except TooSlow as slowness:
                if not size.shrink():
                    if rescue is not None and rescue.fits(slowness, url):
                        return rescue.read(url, headers)
                    raise
            except (Refused, BrokeDown) as refusal:
                if rescue is not None and rescue.fits(refusal, url):
                    broken = (
                        BrokeDown,
                    )  # it was asked for often enough: from here a smaller page helps, or the rescue
                    if not size.shrink():
                        return rescue.read(url, headers)
                elif isinstance(refusal, NotFound) and not first:
                    raise ProtocolViolation(
                        "the link to the next page leads nowhere", whose=self.client.whose, key=key
                    ) from None
                else:
                    raise

    def _whole(self, page: Cut, key: str, guard: _Guard) -> Cut:
        """The page with every inner list read to its end."""
        if not page.goes_on_inside:
            return page
        return page._replace(rows=[self._whole_row(row, key, guard) for row in page.rows])

    def _whole_row(self, row: Row, key: str, guard: _Guard) -> Row:
        if isinstance(row, DamagedRow) or NESTED not in bytes(row):
            return row
        try:
            return msgspec.Raw(self._continued(bytes(row), key))
        except DECODING:
            return DamagedRow(bytes(row), "one of its lists goes on, and is no list")
        except (Refused, ProtocolViolation) as failure:
            if not guard.bears():
                raise
            return DamagedRow(
                bytes(row), f"one of its lists goes on, and the rest cannot be read ({failure.what})"
            )

    def _continued(self, text: bytes, key: str) -> bytes:
        """A JSON value with the lists inside it completed and their links gone."""
        if NESTED not in text:
            return text
        if text[:1] == b"[":
            return (
                b"["
                + b",".join(
                    self._continued(bytes(row), key)
                    for row in msgspec.json.decode(text, type=list[msgspec.Raw])
                )
                + b"]"
            )
        if text[:1] != b"{":
            return text
        members = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        found = {
            name: self._continued(bytes(value), key)
            for name, value in members.items()
            if not name.endswith(NEXT)
        }
        for name, value in members.items():
            if name.endswith(NEXT):
                inner = name.removesuffix(NEXT)
                begun = [
                    bytes(row) for row in msgspec.json.decode(found.get(inner, b"[]"), type=list[msgspec.Raw])
                ]
                found[inner] = b"[" + b",".join([*begun, *self._rest(bytes(value), inner)]) + b"]"
        return (
            b"{" + b",".join(msgspec.json.encode(name) + b":" + value for name, value in found.items()) + b"}"
        )

    def _rest(self, link: bytes, key: str) -> Iterator[bytes]:
        """The rows of an inner list behind its link."""
        first = cut(b'{"value":[],"%b":%b}' % (NEXT.encode(), link), whose=self.client.whose, key=key)
        if self.inside >= _DEEPEST_INSIDE:
            raise ProtocolViolation("lists inside lists go on without end", whose=self.client.whose, key=key)
        if first.next is not None:
            pages = replace(self, most=_MOST_INSIDE, inside=self.inside + 1)
            for page in pages.walk(self.resolve(first), key=key, size=PageSize(_INSIDE)):
                yield from map(bytes, sound(page.rows))

    def resolve(self, page: Cut) -> str:
        """The address of the next page on the host and scheme we were told to use, whatever host the link names.

        Business Central may name another host of its own (the tenant inserted, a public name on premises); a login never
        goes anywhere but to the configured one. A relative link counts from the service root, not from the request.
        """
        try:
            address = self._at_home((page.next or "").strip())
            httpx.URL(address)
        except (
            ValueError,
            httpx.InvalidURL,
        ):  # a bracket or a port that is none, a control character, beyond 65,536 characters
            raise ProtocolViolation(
                "the link to the next page is no web address",
                whose=self.client.whose,
                todo="Nothing was marked complete.",
            ) from None
        return address

    def _at_home(self, link: str) -> str:
        parts, root = urlsplit(link), urlsplit(self.root)
        if parts.scheme or parts.netloc:
            if parts.scheme and parts.scheme not in ("http", "https"):
                raise ValueError(parts.scheme)
            return urlunsplit((root.scheme, root.netloc, parts.path, parts.query, ""))
        if link.startswith("/"):
            return f"{root.scheme}://{root.netloc}{link}"
        return f"{self.root.rstrip('/')}/{link}"


def ahead(fetch: Callable[[str], Step], first: str, stop: threading.Event) -> Iterator[Step]:
    """Runs `fetch` one page ahead in a thread of its own. Its exceptions are raised here; the thread ends with the generator.

    A walk that was given up may be closed by the garbage collector, in any thread, also in one that fetches: only the thread
    that walks waits for the end of the fetch, another one would wait for itself, or for what waits for it.
    """
    walks, pool = threading.get_ident(), ThreadPoolExecutor(1, thread_name_prefix="next-page")
    try:
        pending = pool.submit(fetch, first)
        while True:
            step = pending.result()
            if step.url is None:
                yield step
                return
            pending = pool.submit(fetch, step.url)
            yield step
    finally:
        stop.set()
        pool.shutdown(wait=threading.get_ident() == walks)


def sound(rows: Sequence[Row]) -> Sequence[Row]:
    """Rows of a list inside a record; raises ProtocolViolation when one is damaged, for then the list is not whole."""
    for row in rows:
        if isinstance(row, DamagedRow):
            raise ProtocolViolation(f"a line {row.why}")
    return rows


class _Guard:
    """Notices a server that leads in circles, or on and on."""

    def __init__(self, whose: str, key: str, most: int) -> None:
        self._whose, self._key, self._most = whose, key, most
        self._links: set[int] = set()
        self._pages: set[int] = set()
        self._empty = self._unfinished = 0

    def link(self, url: str) -> None:
        mark = xxhash.xxh3_64_intdigest(_token(url).encode())
        if mark in self._links:
            raise self._violation("the link to the next page repeats")
        self._links.add(mark)
        if len(self._links) > self._most:
            raise self._violation(f"there are more than {self._most:,} pages")

    def page(self, page: Cut) -> None:
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

    def bears(self) -> bool:
        """Whether one more row whose inner list cannot be read is still a single record."""
        self._unfinished += 1
        return self._unfinished <= _UNFINISHED

    def _violation(self, what: str) -> ProtocolViolation:
        return ProtocolViolation(
            what, whose=self._whose, key=self._key, todo="Nothing was marked complete; run again."
        )


def _token(url: str) -> str:
    """What tells pages of one walk apart: the skip token where there is one."""
    for part in urlsplit(url).query.replace("%24", "$").split("&"):
        if part.startswith("$skiptoken="):
            return part
    return url
