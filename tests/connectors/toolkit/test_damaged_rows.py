"""Damaged pages: what no parser takes costs its row, and every other row arrives as it came."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from connectors.toolkit.damaged_rows import DEEPEST, DamagedRow, NotApart, apart, is_too_deep
from connectors.toolkit.http.errors import BrokeOff
from connectors.toolkit.odata.pages import cut
from connectors.toolkit.rows import Fields, RowShape
from sync_engine.errors import ProtocolViolation
from tests.connectors.support import is_made_up

BEFORE, AFTER = b'{"id":"before","n":1.10}', b'{"id":"after", "x":"\\u00f8"}'
DAMAGED = {
    "half a character": (rb'{"id":"odd","text":"cut \ud83c"}', "half a character"),
    "the other half": (rb'{"id":"odd","text":"\udf89 cut"}', "half a character"),
    "bytes of another code page": (b'{"id":"odd","text":"S\xd8N"}', "not UTF-8"),
    "a raw control character": (b'{"id":"odd","text":"a\x00b"}', "no valid JSON"),
    "a number that is none": (b'{"id":"odd","n":NaN}', "no valid JSON"),
    "nested beyond measure": (
        b'{"id":"odd","x":' + b"[" * 1500 + b"]" * 1500 + b"}",
        f"deeper than {DEEPEST} levels",
    ),
    "objects beyond measure": (
        b'{"id":"odd","x":' + b'{"a":' * 1500 + b"1" + b"}" * 1501,
        f"deeper than {DEEPEST} levels",
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_costs_its_row(name: str) -> None:
    """The neighbours arrive byte for byte, the damaged row with its own key and the reason, its link and count with them."""
    row, why = DAMAGED[name]
    page = cut(
        b'{"value":['
        + BEFORE
        + b" , "
        + row
        + b","
        + AFTER
        + b'],"@odata.count":3,"@odata.nextLink":"https://h/x"}',
        whose="bc",
        key="customers",
    )
    found = RowShape(("id",)).read(page.rows)
    assert [r.key for r in found.records] == ["before", "odd", "after"]
    assert [r.payload for r in found.records[::2]] == [BEFORE, AFTER]
    assert why in found.records[1].unreadable
    assert [r.unreadable for r in found.records[::2]] == ["", ""]
    assert (page.next, page.total) == ("https://h/x", 3)
    msgspec.json.decode(found.records[1].payload)


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_row_without_a_key_gets_one_of_its_own(name: str) -> None:
    """The same at every reading."""
    row = DAMAGED[name][0].replace(b'"id"', b'"no"')
    page = cut(b'{"value":[' + BEFORE + b"," + row + b"]}", whose="bc", key="customers")
    first, again = (RowShape(("id",)).read(page.rows).records[1] for _ in range(2))
    assert is_made_up(first.key)
    assert first == again


def test_a_damaged_key_is_no_key() -> None:
    """Nothing is guessed about what stood there."""
    page = cut(rb'{"value":[{"id":"A\ud83c"},{"id":"B"}]}', whose="bc", key="customers")
    odd, even = RowShape(("id",)).read(page.rows).records
    assert is_made_up(odd.key)
    assert even.key == "B"


def test_brackets_in_text_are_no_brackets() -> None:
    """Quotes, backslashes and brackets inside the texts of a damaged page do not move the rows."""
    tricky = '} ] , { [ \\ " \\" ,"id":"x"'
    row = msgspec.json.encode({"id": tricky, "deep": {"a": [1, {"b": tricky}]}})
    page = cut(
        b'{"x":{"value":[1]},"value":[' + row + rb',{"id":"odd","t":"\ud800"},' + row + b"]}",
        whose="bc",
        key="customers",
    )
    assert [bytes(r) for r in page.rows[::2]] == [row, row]


@pytest.mark.parametrize(
    "body",
    [
        b'{"value":[{"id":"1","t":"\\ud83c"',
        b'{"value":[{"id":"\\ud83c"}]}]',
        b'{"value":"\\ud83c"}',
        b"\xff\xfe",
        b'{"t":"\\ud83c"}',
    ],
)
def test_what_cannot_be_told_apart_is_a_violation(body: bytes) -> None:
    """A page that was cut short as well says nothing certain."""
    with pytest.raises(ProtocolViolation):
        cut(body, whose="bc", key="customers")


def test_rows_are_told_apart_whatever_is_in_them() -> None:
    """A thousand random pages with one damaged row: the others are always what they were."""
    chance = random.Random(20261129)

    def value(depth: int) -> Any:
        kind = chance.randrange(6 if depth else 4)
        if kind == 4:
            return [value(depth - 1) for _ in range(chance.randrange(3))]
        if kind == 5:
            return {chance.choice('{}[],:"') * 2: value(depth - 1) for _ in range(chance.randrange(3))}
        return [chance.choice('{}[],:"\\ø') * chance.randrange(4), chance.randrange(-9, 9), None, True][kind]

    for _ in range(1000):
        rows = [msgspec.json.encode({"id": str(n), "v": value(3)}) for n in range(chance.randrange(1, 6))]
        place = chance.randrange(len(rows) + 1)
        parts = apart(
            b'{"value":[' + b",".join([*rows[:place], rb'{"id":"\ud800"}', *rows[place:]]) + b"]}", ("value",)
        )
        assert parts is not None
        assert isinstance(parts.rows.pop(place), DamagedRow)
        assert [bytes(row) for row in parts.rows] == rows


def test_nesting_is_measured_with_siblings_between() -> None:
    """Lists that close between those that go deeper do not hide the depth; many lines are not deep."""
    deep = b'{"s":[],"a":' * (DEEPEST + 1) + b"1" + b"}" * (DEEPEST + 1)
    assert is_too_deep(deep)
    assert not is_too_deep(b'{"lines":[' + b",".join([b'{"n":[]}'] * 5000) + b"]}")


def test_no_brackets_are_no_page() -> None:
    """Said as such, for the caller to word."""
    with pytest.raises(NotApart):
        apart(b"no JSON at all", ("value",))


def test_a_page_that_ends_with_an_error_is_no_page() -> None:
    """Status 200, some rows, then an error: nothing can be said about what would have come."""
    with pytest.raises(BrokeOff, match="cancelled"):
        cut(
            b'{"value":[{"id":"1"}],"error":{"code":"x","message":"The operation was cancelled."}}',
            whose="bc",
            key="customers",
        )
    assert len(cut(b'{"value":[{"id":"1"}],"error":null}', whose="bc", key="customers").rows) == 1


@pytest.mark.parametrize("link", [b"7", b'""', b'" "', b"{}", b"[]", b"true"])
def test_a_link_that_is_no_text_is_no_end(link: bytes) -> None:
    """Read as an end, it would close a sweep."""
    with pytest.raises(ProtocolViolation, match="the link to the next page"):
        cut(b'{"value":[],"@odata.nextLink":' + link + b"}", whose="bc", key="customers")


@pytest.mark.parametrize("count", [b'"12"', b"1.5", b"-1", b"null", b"{}", b"1" + b"0" * 400])
def test_an_odd_count_is_no_count(count: bytes) -> None:
    """It costs neither the page nor its rows."""
    page = cut(b'{"value":[{"id":"1"}],"@odata.count":' + count + b"}", whose="bc", key="customers")
    assert (len(page.rows), page.total) == (1, None)


class Card(msgspec.Struct):
    """A row of which a few fields matter."""

    id: str
    name: str = ""
    number: int = 0


@pytest.mark.parametrize("odd", ["null", "7", "true", "[]", "{}", '"a\\u0000b"'])
def test_an_odd_field_is_not_said(odd: str) -> None:
    """The row is still read; without what it must have, or with an odd needed field, it is none."""
    text = f'{{"id":"1","name":{odd},"number":3}}'.encode()
    assert Fields(Card).read(text) == Card("1", "", 3)
    assert Fields(Card, ("name",)).read(text) is None
    assert Fields(Card).strict(text) is None
    assert Fields(Card).read(f'{{"id":{odd}}}'.encode()) is None


@pytest.mark.parametrize("row", [b"null", b"7", b'"x"', b"[]", b"true", b"", b"{", rb'{"id":"\ud83c"}'])
def test_what_is_no_object_has_no_fields(row: bytes) -> None:
    """It counts as a row that cannot be used."""
    assert Fields(Card).read(row) is None
