"""Every style of paging reads all rows once, gives way to time-outs, keeps its login at home, and notices circles."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import msgspec
import pytest

from connectors.toolkit.http.client import HttpClient
from connectors.toolkit.http.limits import Limits
from connectors.toolkit.pagination import Page, PageSize, Paginator, Request, walk
from connectors.toolkit.paginators import (
    Cursor,
    Keyset,
    LinkInBody,
    LinkInHeader,
    Offset,
    PageNumber,
    next_link,
    with_parameters,
)
from connectors.toolkit.rows import Row, RowShape, Splitter
from sync_engine.errors import ProtocolViolation
from tests.connectors.support import Hands

ROOT = "https://api.example.com/rest"
URL = f"{ROOT}/customers?sort=number"
Answerer = Callable[[httpx.Request], httpx.Response]


def client_of(answer: Answerer) -> HttpClient:
    """A client of a made-up host."""
    transport = httpx.MockTransport(answer)
    return HttpClient(whose="api", clock=Hands(), transport=transport, limits=Limits(attempts=2))


class Api:
    """Customers 1 to `many`; every style of paging, at most `cap` rows a page, time-outs for more than `bearable`."""

    def __init__(self, many: int, cap: int = 1000, bearable: int = 1000) -> None:
        self.rows = [{"number": n, "name": f"Debtor {n} & Søn"} for n in range(1, many + 1)]
        self.cap, self.bearable = cap, bearable
        self.seen: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        asked = request.url.params
        size = min(int(asked.get("limit", 10)), self.cap)
        if size > self.bearable:
            return httpx.Response(504)
        first = int(asked["skip"]) if "skip" in asked else int(asked.get("page", 0)) * size
        if "after" in asked or request.method == "POST":
            after = asked.get("after") or json.loads(request.content or b"{}").get("after")
            first = int(after or 0)
        rows, last = self.rows[first : first + size], first + size >= len(self.rows)
        body: dict[str, Any] = {
            "data": {"items": rows},
            "paging": {"total": len(self.rows), "more": not last},
        }
        headers = {}
        if not last:
            link = f"http://inner.example.com:8080/rest/customers?limit={size}&after={first + size}"
            body["paging"] |= {"next": link, "cursor": first + size}
            headers["Link"] = (
                f'<{ROOT}/x?a=1,2>; rel="prev", </rest/customers?limit={size}&after={first + size}>; rel=next'
            )
        return httpx.Response(200, json=body, headers=headers)


def by_key(place: str, size: int) -> Request:
    """A question in a POST that names the last key."""
    return Request(f"{ROOT}/query?limit={size}", "POST", msgspec.json.encode({"after": place}))


STYLES: dict[str, Callable[[], Paginator[Page]]] = {
    "offset to an empty page": lambda: Offset(Request(URL), "data.items", offset="skip", limit="limit"),
    "offset to a total": lambda: Offset(
        Request(URL), "data.items", offset="skip", limit="limit", total="paging.total"
    ),
    "offset while there is more": lambda: Offset(
        Request(URL), "data.items", offset="skip", limit="limit", more="paging.more"
    ),
    "page number": lambda: PageNumber(Request(URL), "data.items", page="page", limit="limit", first=0),
    "page number to a total": lambda: PageNumber(
        Request(URL), "data.items", page="page", limit="limit", first=0, total="paging.total"
    ),
    "cursor": lambda: Cursor(
        Request(URL), "data.items", cursor="paging.cursor", parameter="after", limit="limit"
    ),
    "link in the body": lambda: LinkInBody(Request(URL), "data.items", link="paging.next", limit="limit"),
    "link in a header": lambda: LinkInHeader(Request(URL), "data.items", limit="limit"),
    "keyset": lambda: Keyset(by_key, "data.items", key="number"),
}


def numbers(api: Answerer, paginator: Paginator[Page], size: int = 40) -> list[int]:
    """The keys of a whole walk, in order."""
    shape = RowShape(("number",))
    pages = walk(client_of(api), paginator, key="customers", size=PageSize(size))
    return [int(record.key) for page in pages for record in shape.read(page.rows).records]


@pytest.mark.parametrize("many", [0, 1, 39, 40, 41, 80, 205])
@pytest.mark.parametrize("style", STYLES)
def test_every_row_is_read_once(style: str, many: int) -> None:
    """Also none, one page exactly, and one row more."""
    assert numbers(Api(many), STYLES[style]()) == list(range(1, many + 1))


@pytest.mark.parametrize("style", STYLES)
def test_a_server_that_gives_less_than_asked_for_is_read_to_its_end(style: str) -> None:
    """A short page is no last page: forty were asked for, seven came."""
    assert numbers(Api(100, cap=7), STYLES[style]()) == list(range(1, 101))


@pytest.mark.parametrize("style", STYLES)
def test_a_page_gives_way_to_time_outs(style: str) -> None:
    """Forty rows are too many from the first page on; with twenty all of them are read."""
    api = Api(100, bearable=25)
    assert numbers(api, STYLES[style]()) == list(range(1, 101))
    assert {int(request.url.params["limit"]) for request in api.seen} >= {40, 20}


@pytest.mark.parametrize("style", STYLES)
def test_nothing_is_asked_of_another_host(style: str) -> None:
    """Links name an inner host in plain http; every request goes to ours."""
    api = Api(100)
    numbers(api, STYLES[style]())
    assert {(request.url.scheme, request.url.host) for request in api.seen} == {("https", "api.example.com")}


@pytest.mark.parametrize("style", STYLES)
def test_a_server_that_ignores_the_place_is_noticed(style: str) -> None:
    """The first page again and again."""
    api = Api(100)

    def stuck(request: httpx.Request) -> httpx.Response:
        return api(httpx.Request(request.method, with_parameters(ROOT, limit=40, after=0)))

    with pytest.raises(ProtocolViolation, match=r"came twice|repeats"):
        numbers(stuck, STYLES[style]())


def test_a_size_stays_what_the_first_page_had() -> None:
    """A page number means another place with another size: the second page that is too slow is not asked for otherwise."""
    api, paginator = Api(100), STYLES["page number"]()
    assert [paginator.can_resize(place) for place in ("0", "1")] == [True, False]
    size = PageSize(80)
    size.shrink()
    list(walk(client_of(api), paginator, key="customers", size=size))
    assert {request.url.params["limit"] for request in api.seen} == {"40"}


def test_more_rows_than_there_are_is_noticed() -> None:
    """New rows for ever, of a collection that says it has five."""

    def endless(request: httpx.Request) -> httpx.Response:
        first = int(request.url.params["skip"])
        return httpx.Response(200, json={"data": [{"n": n} for n in range(first, first + 4000)], "total": 5})

    paginator = Offset(Request(URL), "data", offset="skip", limit="limit", total="total")
    with pytest.raises(ProtocolViolation, match="12,000 rows came of a collection of 5"):
        list(walk(client_of(endless), paginator, key="customers", size=PageSize(4000)))


def test_an_end_before_the_total_is_no_end() -> None:
    """A server that stops at its hundredth row, of two hundred."""
    api = Api(200)

    def stops(request: httpx.Request) -> httpx.Response:
        if int(request.url.params["skip"]) >= 100:
            return httpx.Response(200, json={"data": {"items": []}, "paging": {"total": 200}})
        return api(request)

    with pytest.raises(ProtocolViolation, match="no rows after 120 of 200"):
        numbers(stops, STYLES["offset to a total"]())


@pytest.mark.parametrize(
    ("header", "link"),
    [
        ("", None),
        ("<a?b=1>; rel=next", "a?b=1"),
        ('<a>; rel="prev next"; title="x, <y>; rel=last"', "a"),
        ('<a>; title="say \\"rel=next\\""; rel=last, <b,c> ; REL="NEXT"', "b,c"),
        ("<a>; rel=nextish", None),
        ("<a>", None),
        ("no link at all", None),
    ],
)
def test_a_link_header_is_read_by_its_grammar(header: str, link: str | None) -> None:
    """Commas in an address, quoted texts that look like links, several relations, any case."""
    assert next_link(header) == link


@pytest.mark.parametrize(
    ("body", "path", "found"),
    [
        (b'\xef\xbb\xbf[{"n":1}, {"n":2}]', "", [b'{"n":1}', b'{"n":2}']),
        (b'\xef\xbb\xbf{"a":{"b":[{"n":1.10}]},"c":null}', "a.b", [b'{"n":1.10}']),
        (b'{"a.b":[1]}', ("a.b",), [b"1"]),
        (b'[{"n":1},{"t":"\xd8"}]', "", [b'{"n":1}', b"{}"]),
        (b'{"x":"\xd8","a":{"b":[{"n":1},{"n":2,"t":"\\ud800"}]}}', "a.b", [b'{"n":1}', b'{"n":2}']),
        (b'{"x":{"b":[1]},"a":{"b":[{"n":1},{"n":2,"t":"\\ud800"}]}}', "a.b", [b'{"n":1}', b'{"n":2}']),
    ],
    ids=[
        "a list",
        "deep",
        "a name with a dot",
        "a damaged list",
        "damage beside the rows",
        "a deep damaged list",
    ],
)
def test_rows_are_found_by_their_path(body: bytes, path: Any, found: list[bytes]) -> None:
    """As they came; a damaged one as its sound values."""
    assert [bytes(row) for row in Splitter(path).split(body, whose="", key="").rows] == found


@pytest.mark.parametrize(
    "body", [b"{}", b'{"a":null}', b'{"a":{}}', b'{"a":{"b":{}}}', b'{"a":[]}', b"[]", b"<html>", b""]
)
def test_a_body_without_its_rows_is_a_violation(body: bytes) -> None:
    """No empty collection is made of it."""
    with pytest.raises(ProtocolViolation):
        Splitter("a.b").split(body, whose="api", key="customers")


def test_what_stands_beside_the_rows_is_told_with_them() -> None:
    """Of any depth, also where a part of the way is null."""
    splitter = Splitter("a.rows", ["a.total", "p.next", "q.x", ("@odata.nextLink",)])
    found = splitter.split(b'{"a":{"total":2,"rows":[]},"p":null,"@odata.nextLink":"x"}', whose="", key="")
    assert [None if told is None else bytes(told) for told in found.told] == [b"2", None, None, b'"x"']


class _Shouting(Keyset):
    """A service that writes the names of members as it likes."""

    def shaped(self, rows: Sequence[Row]) -> Sequence[Row]:
        return [msgspec.Raw(bytes(row).lower()) for row in rows]


def test_a_key_of_several_fields_goes_on_behind_all_of_them() -> None:
    """Also where its rows are brought into one shape before anybody looks at them."""
    lines = [(document, line) for document in range(1, 5) for line in range(1, 4)]
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        after = request.url.params.get("after", "")
        asked.append(after)
        rest = [line for line in lines if not after or line > tuple(map(int, after.split("|")))]
        items = [{"DOC": document, "Line": line} for document, line in rest[:5]]
        return httpx.Response(200, json={"items": items, "hasMore": len(rest) > 5})

    def behind(place: str, _: int) -> Request:
        return Request(with_parameters(URL, after=place) if place else URL)

    pages = walk(
        client_of(answer),
        _Shouting(behind, "items", key=("doc", "line"), more="hasMore"),
        key="lines",
        size=PageSize(5),
    )
    shape = RowShape(("doc", "line"))
    keys = [record.key for page in pages for record in shape.read(page.rows).records]
    assert keys == [f"{document}|{line}" for document, line in lines]
    assert asked == ["", "2|2", "4|1"]


@pytest.mark.parametrize(("body", "is_empty"), [({"total": 0}, True), ({"total": 3}, False), ({}, False)])
def test_a_list_that_is_not_there_is_empty_where_it_is_said(body: dict[str, int], is_empty: bool) -> None:
    """Some services leave an empty list out: a total of nought says so. A list that is merely missing is damage."""
    client = client_of(lambda request: httpx.Response(200, json=body))
    pages = PageNumber(Request(URL), "items", page="page", limit="limit", total="total")
    if is_empty:
        assert [page.rows for page in walk(client, pages, key="customers", size=PageSize(10))] == [()]
        return
    with pytest.raises(ProtocolViolation, match="has no `items`"):
        list(walk(client, pages, key="customers", size=PageSize(10)))
