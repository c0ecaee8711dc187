"""The usual styles of paging, for `pagination.walk`: a link in the body or a header, an offset, a page number, a key, a cursor.

Whatever can be asked for is a parameter of the query; the base request may be a POST whose body stays the same. Without a total, an
offset and a page number are at their end with the first empty page: a short page proves nothing, a server may cap the size.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from urllib.parse import quote

import msgspec

from connectors.toolkit.pagination import Answer, Page, Paginator, Request, at_home
from connectors.toolkit.rows import Path, Row, RowShape, Splitter, single
from sync_engine.errors import ProtocolViolation

_LINK = re.compile(r"<([^>]*)>((?:\s*;\s*[\w!#$&+.^`|~*-]+\s*(?:=\s*(?:\"(?:[^\"\\]|\\.)*\"|[^\s;,\"]*))?)*)")
_REL = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]*))", re.IGNORECASE)
_NOWHERE = ("",)


def with_parameters(url: str, **given: str | int) -> str:
    """A URL with these parameters at the end of its query."""
    written = "&".join(
        f"{quote(name, safe='$')}={quote(str(value), safe='')}" for name, value in given.items()
    )
    return f"{url}{'&' if '?' in url else '?'}{written}" if written else url


def next_link(header: str) -> str | None:
    """The target of `rel=next` in a Link header; None where there is none. [RFC 8288, 3]"""
    for target, parameters in _LINK.findall(header):
        found = _REL.search(parameters)
        if found and "next" in (found[1] or found[2]).lower().split():
            return str(target)
    return None


def _says_none(told: Sequence[msgspec.Raw | None]) -> bool:
    """Whether a body that has no list says itself that there is nothing: a total of nought."""
    return bool(told) and single(told[0]) == 0


class _Styled(Paginator[Page]):
    """What all have in common: a base request, and where in a body the rows, a total and a `more` (true or false) stand.

    A body without rows whose total is nought has none.
    """

    start = ""

    def __init__(
        self,
        base: Request,
        rows: Path,
        *,
        limit: str = "",
        total: Path = "",
        more: Path = "",
        also: Path = "",
    ) -> None:
        self._base, self._limit, self._seen = base, limit, 0
        self._splitter = Splitter(rows, [path or _NOWHERE for path in (total, more, also)])

    def _asked(self, size: int, **given: str | int) -> Request:
        return replace(self._base, url=with_parameters(self._base.url, **given, **self._sized(size)))

    def _sized(self, size: int) -> dict[str, int]:
        return {self._limit: size} if self._limit else {}

    def read(self, answer: Answer) -> Page:
        split = self._splitter.split(
            answer.reply.body, whose=answer.whose, key=answer.key, is_empty=_says_none
        )
        total, more, also = map(single, split.told)
        page = Page(self.shaped(split.rows), None, total if type(total) is int and total >= 0 else None)
        if more is False:
            return page
        return page._replace(next=self._next(page, also, more is True, answer))

    def shaped(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows of a page as they are handed on: as received, unless a service writes the same row in different ways."""
        return rows

    @abstractmethod
    def _next(self, page: Page, also: object, more: bool, answer: Answer) -> str | None:
        """Where a page leads; `more` says that the other side itself says that there is more."""

    def _ends(self, page: Page, seen: int, more: bool, answer: Answer) -> bool:
        """Whether a page is the last one of those that are counted by us, after `seen` rows with its own."""
        if more:
            return False
        if not page.rows and page.total is not None and seen < page.total:
            raise ProtocolViolation(
                f"there are no rows after {seen:,} of {page.total:,}",
                whose=answer.whose,
                key=answer.key,
                todo="Nothing was marked complete; read it in smaller parts.",
            )
        return not page.rows or (
            page.total is not None and seen >= page.total and len(page.rows) < answer.size
        )


class Offset(_Styled):
    """`offset` rows are skipped and `limit` asked for. Rows that vanish while it is read shift those behind them: sort by a fixed key."""

    start = "0"

    def __init__(
        self, base: Request, rows: Path = "", *, offset: str, limit: str, total: Path = "", more: Path = ""
    ) -> None:
        super().__init__(base, rows, limit=limit, total=total, more=more)
        self._offset = offset

    def request(self, place: str, size: int) -> Request:
        """The base request with the two parameters."""
        return self._asked(size, **{self._offset: place})

    def _next(self, page: Page, also: object, more: bool, answer: Answer) -> str | None:
        seen = int(answer.place) + len(page.rows)
        return None if self._ends(page, seen, more, answer) else str(seen)


class PageNumber(_Styled):
    """Pages counted from `first`; their size stays what it was on the first one that came."""

    def __init__(
        self,
        base: Request,
        rows: Path = "",
        *,
        page: str,
        limit: str,
        first: int = 1,
        total: Path = "",
        more: Path = "",
    ) -> None:
        super().__init__(base, rows, limit=limit, total=total, more=more)
        self.start, self._page, self._size = str(first), page, 0

    def request(self, place: str, size: int) -> Request:
        """The base request with the two parameters."""
        return self._asked(self._size or size, **{self._page: place})

    def can_resize(self, place: str) -> bool:
        """Another size would move the border between pages."""
        return place == self.start

    def _next(self, page: Page, also: object, more: bool, answer: Answer) -> str | None:
        self._size = self._size or answer.size
        self._seen += len(page.rows)
        ends = self._ends(page, self._seen, more, answer._replace(size=self._size))
        return None if ends else str(int(answer.place) + 1)


class Cursor(_Styled):
    """Each body holds at `cursor` what the parameter `parameter` of the next request is; a body without it is the last."""

    def __init__(
        self,
        base: Request,
        rows: Path = "",
        *,
        cursor: Path,
        parameter: str = "cursor",
        limit: str = "",
        total: Path = "",
        more: Path = "",
    ) -> None:
        super().__init__(base, rows, limit=limit, total=total, more=more, also=cursor)
        self._parameter = parameter

    def request(self, place: str, size: int) -> Request:
        """The base request, behind the first page with the cursor."""
        return self._asked(size, **{self._parameter: place} if place else {})

    def _next(self, page: Page, also: object, more: bool, answer: Answer) -> str | None:
        return _named(also, "the cursor", answer)


class LinkInBody(_Styled):
    """Each body holds at `link` the address of the next page, followed on our host and scheme; a body without it is the last."""

    def __init__(
        self,
        base: Request,
        rows: Path = "",
        *,
        link: Path = "",
        limit: str = "",
        total: Path = "",
        more: Path = "",
    ) -> None:
        super().__init__(base, rows, limit=limit, total=total, more=more, also=link)
        self.start = base.url

    def request(self, place: str, size: int) -> Request:
        """The base request, or what a link named: its size is part of it."""
        return self._asked(size) if place == self.start else replace(self._base, url=place)

    def can_resize(self, place: str) -> bool:
        """A link is followed as it is."""
        return place == self.start

    def _next(self, page: Page, also: object, more: bool, answer: Answer) -> str | None:
        link = self._link(also, answer)
        return None if link is None else at_home(link, self.start, against=answer.url, whose=answer.whose)

    def _link(self, also: object, answer: Answer) -> str | None:
        return _named(also, "the link to the next page", answer)


class LinkInHeader(LinkInBody):
    """The header Link names the next page with `rel=next`; an answer without it is the last. [RFC 8288]"""

    def _link(self, also: object, answer: Answer) -> str | None:
        return next_link(answer.reply.headers.get("link", ""))


class Keyset(_Styled):
    """Each page begins behind the key of the last row before it: rows that vanish shift nothing. `request` is told that key, "" at first;
    a key of several fields is told joined with `|`.

    The other side must give rows in the order of the key, and only those behind it.
    """

    def __init__(
        self,
        request: Callable[[str, int], Request],
        rows: Path = "",
        *,
        key: str | tuple[str, ...],
        total: Path = "",
        more: Path = "",
    ) -> None:
        super().__init__(Request(""), rows, total=total, more=more)
        self._request, self._key = request, RowShape((key,) if isinstance(key, str) else key)

    def request(self, place: str, size: int) -> Request:
        """What the caller makes of the last key."""
        return self._request(place, size)

    def _next(self, page: Page, also: object, more: bool, answer: Answer) -> str | None:
        if not page.rows and not more:
            return None
        for row in reversed(page.rows):
            read = self._key.read([row])
            if not read.keyless:
                return read.records[0].key
        raise ProtocolViolation(
            "no row of a page has a key to go on from", whose=answer.whose, key=answer.key
        )


def _named(value: object, what: str, answer: Answer) -> str | None:
    """A link or a cursor: text or a whole number; nothing, or an empty text, is the end. Raises ProtocolViolation."""
    if value is None or value == "":
        return None
    if type(value) not in (str, int):
        raise ProtocolViolation(f"{what} is neither text nor number", whose=answer.whose, key=answer.key)
    return str(value)
