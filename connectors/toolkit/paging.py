"""Walking the pages of a collection: the next is fetched while this one is used, sizes shrink and recover, loops are seen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit, urlunsplit

import xxhash

from connectors.toolkit.failures import BrokeDown, NotFound, Refused, TooSlow
from connectors.toolkit.http import AtOnce, HttpClient
from connectors.toolkit.odata import Cut, cut
from sync_engine.errors import ProtocolViolation

_FLOOR = 20
_CALM = 3


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

    def walk(self, url: str, *, key: str, size: PageSize, rescue: Rescue | None = None) -> Iterator[Cut]:
        """Pages from `url` until there is no next link. `next` is None on the last page, which may be empty.

        Raises ProtocolViolation when a link or a whole page repeats. Closing the generator ends the fetch in the background.
        """
        guard, stop = _Guard(self.client.whose, key), threading.Event()

        def fetch(address: str) -> Step:
            guard.link(address)
            page = self._page(address, key, size, rescue, stop, first=address == url)
            size.went_well()
            guard.page(page)
            return Step(page, self.resolve(page) if page.next else None)

        for step in ahead(fetch, url, stop):
            yield step.page

    def _page(self, url: str, key: str, size: PageSize, rescue: Rescue | None, stop: threading.Event, *, first: bool) -> Cut:
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
                    broken = (BrokeDown,)  # it was asked for often enough: from here a smaller page helps, or the rescue
                    if not size.shrink():
                        return rescue.read(url, headers)
                elif isinstance(refusal, NotFound) and not first:
                    raise ProtocolViolation("the link to the next page leads nowhere", whose=self.client.whose, key=key) from None
                else:
                    raise

    def resolve(self, page: Cut) -> str:
        """The address of the next page on the host and scheme we were told to use, whatever host the link names.

        Business Central may name another host of its own (the tenant inserted, a public name on premises); a login never
        goes anywhere but to the configured one. A relative link counts from the service root, not from the request.
        """
        link = page.next or ""
        parts, root = urlsplit(link), urlsplit(self.root)
        if parts.scheme or parts.netloc:
            if parts.scheme and parts.scheme not in ("http", "https"):
                raise ProtocolViolation("the link to the next page is no web address", whose=self.client.whose)
            return urlunsplit((root.scheme, root.netloc, parts.path, parts.query, ""))
        if link.startswith("/"):
            return f"{root.scheme}://{root.netloc}{link}"
        return f"{self.root.rstrip('/')}/{link}"


def ahead(fetch: Callable[[str], Step], first: str, stop: threading.Event) -> Iterator[Step]:
    """Runs `fetch` one page ahead in a thread of its own. Its exceptions are raised here; the thread ends with the generator."""
    with ThreadPoolExecutor(1, thread_name_prefix="next-page") as pool:
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


class _Guard:
    """Notices a server that leads in circles."""

    def __init__(self, whose: str, key: str) -> None:
        self._whose, self._key = whose, key
        self._links: set[int] = set()
        self._last = b""

    def link(self, url: str) -> None:
        mark = xxhash.xxh3_64_intdigest(_token(url).encode())
        if mark in self._links:
            raise ProtocolViolation("the link to the next page repeats", whose=self._whose, key=self._key, todo="Nothing was marked complete; run again.")
        self._links.add(mark)

    def page(self, page: Cut) -> None:
        if not page.rows:
            return
        mark = b"%d:%b:%b" % (len(page.rows), xxhash.xxh3_128_digest(page.rows[0]), xxhash.xxh3_128_digest(page.rows[-1]))
        if mark == self._last:
            raise ProtocolViolation("the same page came twice", whose=self._whose, key=self._key, todo="Nothing was marked complete; run again.")
        self._last = mark


def _token(url: str) -> str:
    """What tells pages of one walk apart: the skip token where there is one."""
    for part in urlsplit(url).query.replace("%24", "$").split("&"):
        if part.startswith("$skiptoken="):
            return part
    return url
