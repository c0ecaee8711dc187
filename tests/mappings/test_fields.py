"""Laws of the field types: what leaves is exactly what the wire said, or the record fails."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from typing_extensions import TypedDict

from mappings.toolkit.fields import (
    Day,
    Id,
    Instant,
    Key,
    LocalDay,
    Money,
    Rate,
    Text,
    addresses,
    is_negative,
    is_zero,
    member,
    wire,
)
from mappings.toolkit.rows import Reader, table
from sync_engine.errors import RecordError


class Everything(TypedDict, total=False):
    """One column of each type."""

    text: Annotated[Text, wire("t")]
    money: Annotated[Money, wire("m")]
    rate: Annotated[Rate, wire("r")]
    day: Annotated[Day, wire("d")]
    local: Annotated[LocalDay, wire("l")]
    instant: Annotated[Instant, wire("i")]
    key: Annotated[Key, wire("k")]
    id: Annotated[Id, wire("n")]


READER = Reader(table(Everything, "Everything"), "test everything")


def read(literal: str, name: str, other: str = "") -> Any:
    """The value of one field given as a JSON literal; a `RecordError` where it fails."""
    payload = f'{{"{name}": {literal}{other}}}'.encode()
    ((_, row),) = READER.rows([("key", payload)])
    return row if isinstance(row, RecordError) else next(iter(row.values()))


LITERALS = st.from_regex(r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)


def fits(number: Decimal, digits: int, scale: int) -> bool:
    """Whether numeric(digits + scale, scale) holds the number without rounding."""
    return (
        abs(number) < Decimal(10) ** digits and number == number.quantize(Decimal(1).scaleb(-scale))
        if abs(number) < 10**60
        else False
    )


@given(LITERALS, st.sampled_from([("m", 15, 4), ("r", 18, 10)]))
@example("3036.6", ("m", 15, 4))
@example("123456789012345.6789", ("m", 15, 4))
@example("123456789012345678.0123456789", ("r", 18, 10))
@example("12345678901234567890", ("m", 15, 4))
@example("1e-10", ("r", 18, 10))
@example("0.30000000000000004", ("m", 15, 4))
@example("-0.0", ("m", 15, 4))
@example("1E3", ("m", 15, 4))
@example("0e99", ("m", 15, 4))
def test_a_decimal_is_exactly_the_literal_of_the_wire_or_fails(
    literal: str, kind: tuple[str, int, int]
) -> None:
    """No digit is lost, none is invented, and what the column cannot hold fails instead of being rounded."""
    name, digits, scale = kind
    number, found = Decimal(literal), read(literal, name)
    if isinstance(found, RecordError):
        assert not fits(number, digits, scale) or (number == 0 and "e" in literal.lower())
    else:
        assert Decimal(found) == number
        assert "e" not in found.lower()
        assert fits(number, digits, scale)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**14), max_value=10**14, places=4))
def test_a_neighbour_with_a_long_number_changes_nothing(number: Decimal) -> None:
    """The fast and the lossless way give the same text for the same literal."""
    literal = f"{number:f}"
    assume(len(literal) < 16)
    assert read(literal, "m") == read(literal, "m", other=', "x": 0.12345678901234567890')


def test_decimals_may_come_as_text() -> None:
    """OData with IEEE754Compatible writes decimals as strings."""
    assert read('"12.50"', "m") == "12.50"
    assert isinstance(read('"1,250.00"', "m"), RecordError)
    assert isinstance(read("true", "m"), RecordError)


@given(st.dates())
def test_every_date_of_the_calendar_passes_unchanged(day: date) -> None:
    """Business dates leave as they came; 0001-01-01 is none."""
    assert read(f'"{day.isoformat()}"', "d") == (None if day == date.min else day.isoformat())


@given(st.integers(0, 9999), st.integers(0, 19), st.integers(0, 39))
@example(1900, 2, 29)
@example(2000, 2, 29)
@example(0, 1, 1)
def test_a_date_passes_exactly_when_the_calendar_has_it(year: int, month: int, day: int) -> None:
    """What Python's calendar refuses, fails; leap years included."""
    text = f"{year:04d}-{month:02d}-{day:02d}"
    try:
        exists = date(year, month, day) is not None
    except ValueError:
        exists = False
    assert isinstance(read(f'"{text}"', "d"), RecordError) is not exists


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2022-05-31T00:00:00", "2022-05-31"),
        ("2022-05-31T00:00:00.000", "2022-05-31"),
        ("2022-05-31", "2022-05-31"),
        ("0001-01-01T00:00:00", None),
        ("", None),
    ],
)
def test_a_day_may_travel_as_its_midnight(text: str, day: str | None) -> None:
    """Its first ten characters are the day, in no zone."""
    found = read(json.dumps(text), "l")
    assert (found and found[:10]) == day


@pytest.mark.parametrize("text", ["2022-05-31T23:00:00", "2022-05-31T00:00:00Z", "2023-02-29T00:00:00"])
def test_another_hour_is_no_midnight(text: str) -> None:
    """An instant is not cut down to the day it has somewhere."""
    assert isinstance(read(json.dumps(text), "l"), RecordError)


@given(st.datetimes(min_value=datetime.fromisoformat("0001-01-02")), st.integers(0, 3))
def test_instants_keep_their_fraction_of_any_length(moment: datetime, digits: int) -> None:
    """BC trims trailing zeros of the fraction, so stamps have 0 to 3 digits; text leaves that parses to the same instant."""
    fraction = f"{moment.microsecond // 1000:03d}"[:digits]
    text = moment.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0") + (f".{fraction}" if fraction else "") + "Z"
    found = read(f'"{text}"', "i")
    assert datetime.fromisoformat(found).utcoffset() == timedelta(0)
    assert datetime.fromisoformat(found) == datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2025-13-01T00:00:00Z",
        "2025-01-01T24:00:00Z",
        "2025-01-01T00:00:00",
        "2025-01-01T00:00:00+02:00",
        "yesterday",
    ],
)
def test_an_instant_that_is_not_utc_fails(text: str) -> None:
    """No instant without a zone, none in local time."""
    assert isinstance(read(f'"{text}"', "i"), RecordError)


@given(st.uuids())
def test_keys_are_guids_in_lower_case(guid: Any) -> None:
    """GUIDs compare as text, so they are written in one way."""
    assert read(json.dumps(str(guid).upper()), "k") == (str(guid) if guid.int else None)


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00")))
def test_text_is_trimmed_and_blank_is_none(text: str) -> None:
    """Inner white space is kept."""
    found = read(json.dumps(text), "t")
    assert found is None or (found and found in text and found == found.strip(" \t\r\n\u00a0"))
    assert (found is None) == (
        not text.strip("".join(c for c in text if c.isspace() and c not in "\x1c\x1d\x1e\x1f"))
    )


@given(st.text(st.characters(min_codepoint=32, max_codepoint=0xD7FF, blacklist_characters="_"), min_size=1))
def test_enum_members_survive_their_encoding(name: str) -> None:
    """Whatever is no letter or digit is written `_xHHHH_`; reading gives the member back."""
    encoded = "".join(c if re.match("[A-Za-z0-9]", c) else f"_x{ord(c):04X}_" for c in name)
    assert member(encoded) == (name.strip() or None)


@pytest.mark.parametrize(
    ("wire_text", "meant"),
    [
        ("_x0020_", None),
        (" ", None),
        ("", None),
        ("Same_Code", "Same Code"),
        ("Begin_x002D_Total", "Begin-Total"),
        ("_xD800_", "xD800"),
        ("_x0000_", "x0000"),
    ],
)
def test_enum_spellings(wire_text: str, meant: str | None) -> None:
    """Blank members, the spelling of the documentation, and code points that no text may hold."""
    assert member(wire_text) == meant


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a@x.dk;b@y.dk", ["a@x.dk", "b@y.dk"]),
        (" a@x.dk ; ; a@x.dk,", ["a@x.dk"]),
        ("Ann Bo <a@x.dk>", ["a@x.dk"]),
        ("none", ["none"]),
        (None, []),
    ],
)
def test_addresses_of_one_field(text: str | None, found: list[str]) -> None:
    """Customers' e-mail fields hold lists; the order is theirs."""
    assert addresses(text) == found


def test_nought_in_every_spelling() -> None:
    """0, -0 and 0.00 are nought and not below it."""
    assert all(is_zero(text) and not is_negative(text) for text in ("0", "-0", "0.00", "-0.0"))
    assert not any(is_zero(text) for text in ("0.01", "10", None))


@pytest.mark.parametrize("name", ["t", "m", "r", "d", "i", "k"])
def test_null_is_none_and_an_object_fails(name: str) -> None:
    """Null is said to be empty; a structure where a value belongs is no value."""
    assert read("null", name) is None
    assert isinstance(read('{"a": 1}', name), RecordError)


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        ("0", "0"),
        ("17", "17"),
        ('" 17 "', "17"),
        ('"C|1"', "C|1"),
        ('""', None),
        ('" "', None),
        ("null", None),
    ],
)
def test_an_id_is_the_text_its_key_is_made_of(literal: str, expected: str | None) -> None:
    """Numbers and text alike; nought is an id, blank is none."""
    assert read(literal, "n") == expected


@pytest.mark.parametrize("literal", ["true", "[]", "{}"])
def test_what_is_no_id_is_refused(literal: str) -> None:
    """With what was expected, in words."""
    found = read(literal, "n")
    assert isinstance(found, RecordError)
    assert "an id: text or a whole number" in str(found)
