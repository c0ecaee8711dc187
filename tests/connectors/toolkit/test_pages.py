"""Pages: rows uncut and uncounted twice, links that stay at home, sizes that give way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import msgspec
import pytest

from connectors.toolkit.http.client import HttpClient
from connectors.toolkit.http.errors import TooSlow
from connectors.toolkit.http.limits import Limits
from connectors.toolkit.odata.pages import Pages, cut
from connectors.toolkit.odata.query import Query, instant, literal
from connectors.toolkit.pagination import PageSize
from connectors.toolkit.rows import RowShape
from sync_engine.errors import ProtocolViolation, TransientError
from tests.connectors.support import Hands

ROOT = "https://bc.example.com/v2.0/t/p"
FIRST = f"{ROOT}/api/v2.0/companies(1)/customers"


def pages(answer: Callable[[httpx.Request], httpx.Response]) -> Pages:
    """Pages of a made-up host."""
    return Pages(
        HttpClient(
            whose="bc", clock=Hands(), transport=httpx.MockTransport(answer), limits=Limits(attempts=2)
        ),
        ROOT,
    )


def body(*numbers: int, following: str | None = None) -> httpx.Response:
    """A page of rows."""
    page: dict[str, object] = {"value": [{"id": f"id{n}", "n": n} for n in numbers]}
    return httpx.Response(200, json=page | ({"@odata.nextLink": following} if following else {}))


def walked(answer: Callable[[httpx.Request], httpx.Response], size: PageSize | None = None) -> list[str]:
    """The keys of a whole walk."""
    shape = RowShape(("id",))
    return [
        r.key
        for page in pages(answer).walk(FIRST, key="customers", size=size or PageSize(100))
        for r in shape.read(page.rows).records
    ]


@pytest.mark.parametrize(
    "link",
    [
        f"{FIRST}?aid=FIN&$skiptoken=5de545bc",
        "https://other.example.com/v2.0/t/p/api/v2.0/companies(1)/customers?aid=FIN&$skiptoken=5de545bc",
        "api/v2.0/companies(1)/customers?aid=FIN&$skiptoken=5de545bc",
        "/v2.0/t/p/api/v2.0/companies(1)/customers?aid=FIN&$skiptoken=5de545bc",
        "http://bc.example.com/v2.0/t/p/api/v2.0/companies(1)/customers?aid=FIN&$skiptoken=5de545bc",
    ],
    ids=["absolute", "another host", "relative to the service root", "rooted", "plain http"],
)
def test_a_link_is_followed_on_our_host_and_scheme(link: str) -> None:
    """Whatever host it names, the login goes to the configured one; the size is asked for on each page."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return body(1, following=link) if len(seen) == 1 else body(2)

    assert walked(answer) == ["id1", "id2"]
    assert str(seen[1].url).replace("%24", "$") == f"{FIRST}?aid=FIN&$skiptoken=5de545bc"
    assert {request.headers["prefer"] for request in seen} == {"odata.maxpagesize=100"}


def test_empty_pages_are_followed() -> None:
    """The last page may be empty, and so may one in the middle. [LIVE amp]"""
    answers = iter(
        [
            body(1, following=f"{FIRST}?$skiptoken=a"),
            body(following=f"{FIRST}?$skiptoken=b"),
            body(2, following=f"{FIRST}?$skiptoken=c"),
            body(),
        ]
    )
    assert walked(lambda _: next(answers)) == ["id1", "id2"]


def test_a_repeated_link_is_noticed() -> None:
    """Also when another parameter beside the token changes."""
    number = iter(range(100))
    with pytest.raises(ProtocolViolation, match="repeats"):
        walked(lambda _: body(n := next(number), following=f"{FIRST}?x={n}&$skiptoken=same"))


def test_a_repeated_page_is_noticed() -> None:
    """New tokens, always the same rows."""
    number = iter(range(100))
    with pytest.raises(ProtocolViolation, match="came twice"):
        walked(lambda _: body(1, 2, following=f"{FIRST}?$skiptoken={next(number)}"))


def test_a_page_gives_way_to_time_outs_and_recovers() -> None:
    """400 rows are too many: 200, 100; after three good pages more again."""
    sizes: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sizes.append(int(request.headers["prefer"].rpartition("=")[2]))
        if sizes[-1] > 150:
            return httpx.Response(504)
        return body(len(sizes), following=f"{FIRST}?$skiptoken={len(sizes)}" if len(sizes) < 9 else None)

    walked(answer, PageSize(400))
    assert sizes == [400, 200, 100, 100, 100, 200, 100, 100, 100]


def test_the_floor_is_retried_and_then_told() -> None:
    """Twenty rows that take too long are no longer a matter of size."""
    asked = pages(lambda _: httpx.Response(408))
    with pytest.raises(TooSlow):
        list(asked.walk(FIRST, key="customers", size=PageSize(40)))
    assert asked.client.calls == 1 + 2


@pytest.mark.parametrize(
    "content", [b"<html>login</html>", b'{"value":[{"id":"1"', b'{"error":1}', b'{"value":{}}', b"[]", b""]
)
def test_what_is_no_collection_is_a_violation(content: bytes) -> None:
    """A login page with status 200, a body cut short, no `value`."""
    with pytest.raises(ProtocolViolation):
        cut(content, whose="bc", key="customers")


def test_the_next_page_is_fetched_while_this_one_is_used() -> None:
    """One ahead, never two."""
    seen = threading.Semaphore(0)
    count = iter(range(1, 100))

    def answer(_: httpx.Request) -> httpx.Response:
        seen.release()
        return body(n := next(count), following=f"{FIRST}?$skiptoken={n}")

    walk = pages(answer).walk(FIRST, key="customers", size=PageSize(5))
    next(walk)
    assert seen.acquire(timeout=60)
    assert seen.acquire(timeout=60)
    assert not seen.acquire(timeout=0.05)
    walk.close()  # type: ignore[attr-defined]
    assert [t for t in threading.enumerate() if t.name.startswith("next-page")] == []


def test_a_failure_ahead_is_raised_after_the_page_before() -> None:
    """What was read is delivered first."""
    answers = iter([body(1, following=f"{FIRST}?$skiptoken=a"), httpx.Response(503), httpx.Response(503)])
    walk = pages(lambda _: next(answers)).walk(FIRST, key="customers", size=PageSize(5))
    assert len(next(walk).rows) == 1
    with pytest.raises(TransientError):
        next(walk)


def test_rows_are_copied_not_parsed() -> None:
    """Spelling, order, decimals and escapes stay as they came."""
    raw = b'{"@odata.nextLink":null,"value":[ {"x" : 1.10, "id":"a\\u00f8" ,"lastModifiedDateTime":"2025-03-05T19:19:22.37Z"} ]}'
    found = RowShape(("id",), "lastModifiedDateTime").read(cut(raw, whose="", key="").rows)
    assert (
        found.records[0].payload
        == b'{"x" : 1.10, "id":"a\\u00f8" ,"lastModifiedDateTime":"2025-03-05T19:19:22.37Z"}'
    )
    assert (found.records[0].key, found.latest) == ("aø", datetime(2025, 3, 5, 19, 19, 22, 370000, UTC))


@pytest.mark.parametrize(
    ("stamp", "read"),
    [
        ("2025-01-01T00:00:00Z", datetime(2025, 1, 1, tzinfo=UTC)),
        ("2025-01-01T00:00:00.2Z", datetime(2025, 1, 1, 0, 0, 0, 200000, UTC)),
        ("2025-01-01T00:00:00.293Z", datetime(2025, 1, 1, 0, 0, 0, 293000, UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("soon", None),
        ("2025-01-01T00:00:00", None),
    ],
)
def test_stamps_are_instants(stamp: str, read: datetime | None) -> None:
    """0 to 3 digits, the blank one, and what is none: the row is kept in any case."""
    row = msgspec.Raw(msgspec.json.encode({"id": "1", "at": stamp}))
    record = RowShape(("id",), "at").read([row]).records[0]
    assert (record.key, record.changed_at) == ("1", read)


def test_a_row_without_a_key_is_not_lost() -> None:
    """It gets the hash of its payload as its key, the same at every reading."""
    rows = [
        msgspec.Raw(text)
        for text in (b'{"n":1}', b'{"id":"","n":2}', b'{"id":{"x":1}}', b'"text"', b"null", b'{"id":true}')
    ]
    found = RowShape(("id",)).read(rows)
    assert found.keyless == 6
    assert len({r.key for r in found.records}) == 6
    assert all(r.key.startswith("?") for r in found.records)
    assert [r.key for r in RowShape(("id",)).read(rows).records] == [r.key for r in found.records]


def test_numbers_and_several_fields_are_keys() -> None:
    """Entry numbers, 0 included, and dimension code with value code."""
    assert RowShape(("n",)).read([msgspec.Raw(b'{"n":0}'), msgspec.Raw(b'{"n":17}')]).records[1].key == "17"
    assert RowShape(("n",)).read([msgspec.Raw(b'{"n":0}')]).keyless == 0
    both = RowShape(("a", "b")).read([msgspec.Raw(b'{"a":"AREA","b":7}'), msgspec.Raw(b'{"a":"AREA"}')])
    assert both.records[0].key == "AREA|7"
    assert both.keyless == 1


def test_queries_are_written_safely() -> None:
    """Quotes are doubled, spaces and ampersands escaped, names in a stable order."""
    url = Query(filter=f"name eq {literal('R&D 50% + O’Neill’s ' + chr(39))}", select=("id", "a"), top=1).url(
        "https://h/x?tenant=t"
    )
    assert url.startswith("https://h/x?tenant=t&$filter=name%20eq%20'R%26D%2050%25%20%2B%20")
    assert url.endswith("'''&$select=id,a&$top=1")
    assert instant(datetime(2019, 8, 18, 20, 5, 51, 603999, UTC)) == "2019-08-18T20:05:51.603Z"


def test_preferences_go_with_every_page_and_the_last_leads_to_changes() -> None:
    """Change tracking: the same preferences on each page, and the link to what changes from then on is on the last one only."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers["prefer"])
        if request.url.query:
            return httpx.Response(
                200, json={"value": [{"id": 2}], "@odata.deltaLink": "https://elsewhere/x?$deltatoken=7%21a"}
            )
        return httpx.Response(
            200, json={"value": [{"id": 1}], "@odata.nextLink": "https://elsewhere/x?$skiptoken=a"}
        )

    client = HttpClient(whose="crm", clock=Hands(), transport=httpx.MockTransport(answer))
    pages = Pages(client, "https://crm.example.com/api", prefer=("odata.track-changes",))
    found = list(pages.walk("https://crm.example.com/x", key="x", size=PageSize(50)))
    assert [page.delta for page in found] == [None, "https://elsewhere/x?$deltatoken=7%21a"]
    assert pages.at_home(found[-1].delta or "") == "https://crm.example.com/x?$deltatoken=7%21a"
    assert asked == ["odata.maxpagesize=50,odata.track-changes"] * 2
