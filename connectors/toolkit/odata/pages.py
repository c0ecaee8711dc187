"""OData collections: pages cut into raw rows, links that stay at home, lists inside rows read to their end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from connectors.toolkit.damaged_rows import DECODING, DamagedRow
from connectors.toolkit.http.client import HttpClient
from connectors.toolkit.http.errors import BrokeOff, Refused, told
from connectors.toolkit.pagination import (
    MOST_PAGES,
    Answer,
    PageSize,
    Paginator,
    Request,
    Rescue,
    at_home,
    walk,
)
from connectors.toolkit.rows import Row, Splitter, single, sound
from sync_engine.errors import ProtocolViolation

NEXT = "@odata.nextLink"
DELTA = "@odata.deltaLink"
NESTED = f'{NEXT}"'.encode()
MOST_COUNTED = 1 << 53
"""No count is higher; what says so is odd."""
_INSIDE = 500
"""Rows asked for at once where a list inside a row goes on."""
_MOST_INSIDE = 200
_DEEPEST_INSIDE = 3
_UNFINISHED = 10
"""More rows of one walk whose inner lists cannot be read on are no single records: the walk itself fails."""

_SPLITTER = Splitter(("value",), [(NEXT,), ("@odata.count",), ("error",), (DELTA,)])


class Cut(NamedTuple):
    """One page: its rows as received, the link to the next one, the count it states, whether a list inside a row goes on elsewhere, and
    the link that leads to what changes from now on.
    """

    rows: Sequence[Row]
    next: str | None
    total: int | None = None
    goes_on_inside: bool = False
    delta: str | None = None


def cut(body: bytes, *, whose: str, key: str) -> Cut:
    """Splits a collection's body without parsing its rows.

    A value that no parser takes costs its row: that is a `DamagedRow`. Rows of a set have the same members: where neither the first
    nor the last holds a list, none is looked for that goes on elsewhere. Raises ProtocolViolation when the body is no collection or
    its link is no address, BrokeOff when it ends with an error.
    """
    found, (following, counted, error, changes) = _SPLITTER.split(body, whose=whose, key=key)
    if error is not None and bytes(error) != b"null":
        code, message = told(b'{"error":' + bytes(error) + b"}")
        raise BrokeOff(code, message, whose=whose, key=key)
    count, link = single(counted), _link(following, "the next page", whose, key)
    total = count if type(count) is int and 0 <= count < MOST_COUNTED else None
    goes_on = any(b"[" in bytes(row) for row in (*found[:1], *found[-1:])) and body.count(NESTED) > (
        link is not None
    )
    return Cut(found, link, total, goes_on, _link(changes, "what changes", whose, key))


def _link(said: msgspec.Raw | None, to: str, whose: str, key: str) -> str | None:
    link = single(said)
    if link is not None and (not isinstance(link, str) or not link.strip()):
        raise ProtocolViolation(
            f"the link to {to} is no address",
            whose=whose,
            key=key,
            todo="Nothing was marked complete; run again.",
        )
    return link


@dataclass
class Pages:
    """Collections of one host. `root` is the service root: links are resolved against it and stay on its host and scheme.

    `prefer` are preferences that go with every page, besides its size.
    """

    client: HttpClient
    root: str
    most: int = MOST_PAGES
    inside: int = 0
    prefer: Sequence[str] = ()

    def walk(self, url: str, *, key: str, size: PageSize, rescue: Rescue[Cut] | None = None) -> Iterator[Cut]:
        """Pages from `url` until there is no next link. `next` is None on the last page, which may be empty.

        A list inside a row that goes on behind a link of its own is read to its end; a row whose list cannot be is a
        `DamagedRow`. Raises what `pagination.walk` raises.
        """
        return walk(self.client, _Links(self, url), key=key, size=size, rescue=rescue, most=self.most)

    def resolve(self, page: Cut) -> str:
        """The address of the next page on the host and scheme we were told to use, whatever host the link names.

        A server may name another host of its own (a tenant inserted, a public name on premises); a login never goes anywhere
        but to the configured one. A relative link counts from the service root, not from the request.
        """
        return self.at_home(page.next or "")

    def at_home(self, link: str) -> str:
        """The address that a link of a page leads to, in the same way. Raises ProtocolViolation."""
        return at_home(link, self.root, against=f"{self.root.rstrip('/')}/", whose=self.client.whose)


class _Links(Paginator[Cut]):
    """One walk: the size is asked for in a header, each page holds the link to the next, and rows are made whole."""

    def __init__(self, pages: Pages, url: str) -> None:
        self.start, self._pages = url, pages
        self._unfinished = 0

    def request(self, place: str, size: int) -> Request:
        return Request(
            place, headers={"Prefer": ",".join((f"odata.maxpagesize={size}", *self._pages.prefer))}
        )

    def read(self, answer: Answer) -> Cut:
        return cut(answer.reply.body, whose=answer.whose, key=answer.key)

    def following(self, page: Cut) -> str | None:
        return None if page.next is None else self._pages.resolve(page)

    def mark(self, place: str) -> str:
        """What tells pages of one walk apart: the skip token where there is one."""
        for part in urlsplit(place).query.replace("%24", "$").split("&"):
            if part.startswith("$skiptoken="):
                return part
        return place

    def whole(self, page: Cut) -> Cut:
        """The page with every inner list read to its end."""
        if not page.goes_on_inside:
            return page
        return page._replace(rows=[self._whole_row(row) for row in page.rows])

    def _whole_row(self, row: Row) -> Row:
        if isinstance(row, DamagedRow) or NESTED not in bytes(row):
            return row
        try:
            return msgspec.Raw(self._continued(bytes(row)))
        except DECODING:
            return DamagedRow(bytes(row), "one of its lists goes on, and is no list")
        except (Refused, ProtocolViolation) as failure:
            self._unfinished += 1
            if self._unfinished > _UNFINISHED:
                raise
            return DamagedRow(
                bytes(row), f"one of its lists goes on, and the rest cannot be read ({failure.what})"
            )

    def _continued(self, text: bytes) -> bytes:
        """A JSON value with the lists inside it completed and their links gone."""
        if NESTED not in text:
            return text
        if text[:1] == b"[":
            rows = msgspec.json.decode(text, type=list[msgspec.Raw])
            return b"[" + b",".join(self._continued(bytes(row)) for row in rows) + b"]"
        if text[:1] != b"{":
            return text
        members = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        found = {
            name: self._continued(bytes(value)) for name, value in members.items() if not name.endswith(NEXT)
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
        pages, whose = self._pages, self._pages.client.whose
        first = cut(b'{"value":[],"%b":%b}' % (NEXT.encode(), link), whose=whose, key=key)
        if pages.inside >= _DEEPEST_INSIDE:
            raise ProtocolViolation("lists inside lists go on without end", whose=whose, key=key)
        if first.next is not None:
            inner = Pages(pages.client, pages.root, _MOST_INSIDE, pages.inside + 1, pages.prefer)
            for page in inner.walk(inner.resolve(first), key=key, size=PageSize(_INSIDE)):
                yield from map(bytes, sound(page.rows))
