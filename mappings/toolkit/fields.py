"""Field types of the mapping models: each checks and converts inside pydantic-core, without a Python call per field.

Values leave as JSON-ready text: money and rates as plain decimal text, dates and instants as ISO text. What a product writes
for "nothing" (blank text, the zero GUID, 0001-01-01) leaves as None.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AliasChoices, AliasPath, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema
from pydantic_core import core_schema as cs

_ENCODED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_SPLIT = re.compile(r"[;,\s]+")
_GUID = r"^(?:[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})?$"
_YEAR = r"(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_LEAP = r"(?:[0-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_MONTH_AND_DAY = r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
_DATE = rf"(?:{_YEAR}-{_MONTH_AND_DAY}|{_LEAP}-02-29)"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,7})?(?:Z|\+00:00)"
_SAID = r"^(?:[^0]|0[^0]|00[^0]|000[^1]|0001-[^0]|0001-0[^1]|0001-01-[^0]|0001-01-0[^1])"
"""Begins otherwise than 0001-01-01; Rust's regular expressions have no look-ahead."""


@dataclass(frozen=True)
class Core:
    """Gives an annotated type its pydantic-core schema."""

    schema: CoreSchema

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The schema itself; the annotated Python type is for the reader and for mypy."""
        return self.schema


def _said(schema: CoreSchema, kept: CoreSchema) -> CoreSchema:
    """`schema` must hold; of what does, only `kept` says something, the rest is None."""
    return cs.chain_schema([schema, cs.with_default_schema(kept, default=None, on_error="default")])


def _field(schema: CoreSchema, expected: str, kind: str) -> Core:
    """A nullable field whose failure names what was expected."""
    return Core(cs.custom_error_schema(cs.nullable_schema(schema), kind, custom_error_message=expected))


def _decimal(digits: int, scale: int) -> CoreSchema:
    pattern = rf"^-?[0-9]{{1,{digits}}}(?:\.[0-9]{{1,{scale}}})?$"
    return cs.str_schema(coerce_numbers_to_str=True, pattern=pattern)


_TRIMMED = _said(cs.str_schema(strip_whitespace=True), cs.str_schema(min_length=1))

Text = Annotated[str | None, _field(_TRIMMED, "text", "text")]
"""Text, trimmed, inner white space kept; blank is None."""

Money = Annotated[
    str | None,
    _field(_decimal(15, 4), "a decimal number with at most 15 digits before and 4 after the point", "money"),
]
"""An amount that fits numeric(19,4), as plain decimal text."""

Rate = Annotated[
    str | None,
    _field(_decimal(18, 10), "a decimal number with at most 18 digits before and 10 after the point", "rate"),
]
"""A rate, quantity, percentage or unit price that fits numeric(28,10), as plain decimal text."""

Day = Annotated[
    str | None,
    _field(
        _said(
            cs.str_schema(strip_whitespace=True, pattern=rf"^(?:{_DATE})?$"),
            cs.str_schema(min_length=1, pattern=_SAID),
        ),
        "a date of the calendar, YYYY-MM-DD",
        "date",
    ),
]
"""A business date, ISO text; blank and 0001-01-01 are None, 2023-02-29 fails."""

LocalDay = Annotated[
    str | None,
    _field(
        _said(
            cs.str_schema(strip_whitespace=True, pattern=rf"^(?:{_DATE}(?:T00:00:00(?:\.0{{1,7}})?)?)?$"),
            cs.str_schema(min_length=1, pattern=_SAID),
        ),
        "a date of the calendar, YYYY-MM-DD, or its midnight without a zone",
        "date",
    ),
]
"""A business date that travels as its midnight: as received, so the first ten characters are the day."""

Instant = Annotated[
    str | None,
    _field(
        _said(
            cs.str_schema(strip_whitespace=True, pattern=rf"^(?:{_DATE}T{_TIME})?$"),
            cs.str_schema(min_length=1, pattern=_SAID),
        ),
        "an instant in UTC, YYYY-MM-DDThh:mm:ss[.f]Z",
        "instant",
    ),
]
"""An instant in UTC, ISO text as received (fractions of any length up to 7); blank and 0001-01-01 are None."""

Key = Annotated[
    str | None,
    _field(
        _said(
            cs.str_schema(strip_whitespace=True, to_lower=True, pattern=_GUID),
            cs.str_schema(pattern="[1-9a-f]"),
        ),
        "a GUID",
        "key",
    ),
]
"""A GUID in lower case; blank and the zero GUID are None."""

Id = Annotated[
    str | None,
    _field(
        _said(
            cs.str_schema(strip_whitespace=True, coerce_numbers_to_str=True),
            cs.str_schema(min_length=1),
        ),
        "an id: text or a whole number",
        "id",
    ),
]
"""The id of a record, a number or text, as the text that the connector makes its key of; blank is None, 0 is an id."""

Whole = Annotated[int | None, _field(cs.int_schema(), "a whole number", "whole")]
"""A whole number: entry numbers, line sequences."""

EntryNo = Annotated[
    str | None,
    _field(
        _said(
            cs.str_schema(coerce_numbers_to_str=True, pattern="^[0-9]{0,19}$"), cs.str_schema(pattern="[1-9]")
        ),
        "an entry number",
        "entry",
    ),
]
"""The number of a ledger entry, as text; 0 and blank are None."""

Flag = Annotated[bool | None, _field(cs.bool_schema(), "true or false", "flag")]
"""True or false."""

_CUSTOM_TEXT = _said(
    cs.str_schema(strip_whitespace=True, coerce_numbers_to_str=True), cs.str_schema(min_length=1)
)

Custom = Annotated[
    bool | int | str | None,
    _field(
        cs.union_schema(
            [cs.bool_schema(strict=True), cs.int_schema(strict=True), _CUSTOM_TEXT], mode="left_to_right"
        ),
        "text, a number, true or false",
        "custom",
    ),
]
"""A field of the installation's own: text, true/false, whole numbers as such, other numbers as decimal text."""


def wire(*names: str | tuple[str, ...]) -> Any:
    """The right column of a mapping model: the name on the wire, or the spellings it may have there.

    One that is a tuple stands inside another object, as in `at`.
    """
    found = [name if isinstance(name, str) else AliasPath(*name) for name in names]
    return Field(validation_alias=found[0] if len(found) == 1 else AliasChoices(*found))


def at(*path: str) -> Any:
    """The right column for what stands inside another object: the names on the way to it."""
    return Field(validation_alias=AliasPath(*path))


def _letter(found: re.Match[str]) -> str:
    code = int(found[1], 16)
    return found[0] if code == 0 or 0xD800 <= code <= 0xDFFF else chr(code)


@lru_cache(maxsize=4096)
def member(text: str) -> str | None:
    """An enum member as people read it: `Credit_x0020_Memo` and `Credit_Memo` are `Credit Memo`; `_x0020_` is None."""
    return _ENCODED.sub(_letter, text).replace("_", " ").strip() or None


def addresses(text: str | None) -> list[str]:
    """The e-mail addresses of a field that may hold several, `a@x;b@y`, in their order, each once.

    Names beside an address (`Ann <a@x>`) go; where nothing looks like an address, the words stay as they are.
    """
    words = [word for part in _SPLIT.split(text or "") if (word := part.strip("<>\"'"))]
    return list(dict.fromkeys([word for word in words if "@" in word] or words))


def is_zero(decimal: str | None) -> bool:
    """Whether decimal text is nought, in any spelling (`0`, `-0`, `0.00`)."""
    return decimal is not None and not decimal.strip("-0.")


def is_negative(decimal: str) -> bool:
    """Whether decimal text is below nought."""
    return decimal.startswith("-") and not is_zero(decimal)


def turn(row: dict[str, Any], *columns: str) -> None:
    """Turns the sign of what these columns of a row say."""
    for column in columns:
        if row.get(column) is not None:
            row[column] = plain(-Decimal(row[column]))


def unsigned(decimal: str) -> str:
    """Decimal text without its sign."""
    return decimal.removeprefix("-")


def plain(amount: Decimal | int) -> str:
    """Decimal text of an amount, without an exponent and without noughts at its end."""
    text = f"{amount:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"
