"""What a row's key and its stamp become: prefixes, and stamps that name no zone."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from connectors.toolkit.rows import RowShape, spliced

ROW = msgspec.Raw(b'{"n":1,"at":"2026-03-02T08:00:00"}')


def test_a_stamp_without_a_zone_is_none_unless_its_zone_is_known() -> None:
    """In which zone a server writes is a fact about the server; nobody guesses it."""
    assert RowShape(("n",), modified="at").read([ROW]).latest is None
    read = RowShape(("n",), modified="at", zone=ZoneInfo("Europe/Copenhagen")).read([ROW])
    assert read.latest == read.records[0].changed_at == datetime(2026, 3, 2, 7, tzinfo=UTC)
    assert read.records[0].changed_at is not None
    assert read.records[0].changed_at.tzinfo == UTC


def test_a_zone_that_is_named_counts() -> None:
    """The known zone is for stamps that name none."""
    row = msgspec.Raw(b'{"n":1,"at":"2026-03-02T08:00:00Z"}')
    read = RowShape(("n",), modified="at", zone=ZoneInfo("Europe/Copenhagen")).read([row])
    assert read.latest == datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize("row", [b'{"n":1}', b'{"n":1,"n":1,"at":7}', b'{"n":"1"}'])
def test_a_prefix_stands_before_every_key(row: bytes) -> None:
    """Two lists that are numbered from one do not meet in one kind of record, however the row is read."""
    shape = RowShape(("n",), modified="at", prefix="group/")
    assert [record.key for record in shape.read([msgspec.Raw(row)]).records] == ["group/1"]


def test_a_made_up_key_has_no_prefix() -> None:
    """A record that has no key is told by its question mark, wherever it comes from."""
    (record,) = RowShape(("n",), prefix="group/").read([msgspec.Raw(b'{"n":null}')]).records
    assert record.key.startswith("?")
    assert record.unreadable


def test_a_member_is_put_at_the_end() -> None:
    """All else of the object stays as received."""
    assert spliced(b'{"a":1}', "b", b"2") == b'{"a":1,"b":2}'
    assert spliced(b"{ }", "b", b"2") == b'{ "b":2}'
