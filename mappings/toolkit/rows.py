"""Payloads in bytes -> rows of one mapping model: a batch in one pass, record by record only where a batch fails.

A JSON number becomes an f64 inside pydantic-core, exact up to 15 significant digits. A record with a longer literal takes a
slower, lossless way; one scan over the batch tells whether there is any.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, get_type_hints

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from mappings.toolkit.fields import Custom, wire
from sync_engine.canonical.cells import plain_number
from sync_engine.errors import MappingFailed, RecordError

Row = dict[str, Any]

CHUNK = 500
"""Records validated in one pass: the memory of a pass, and what a bad record sends through the slow way."""

CUSTOM = "custom:"
"""Marks the columns that hold an installation's own fields."""

_DIGITS = bytes.maketrans(b"123456789.,[- \t\r\n", b"0000000000:::::::")
_LONG = b":" + b"0" * 16


class Refused(Exception):
    """Raised while a row is shaped into a draft: `what` is wrong with `field`."""

    def __init__(self, field: str, what: str) -> None:
        super().__init__(what)
        self.field, self.what = field, what


def table(
    base: Any, name: str, *, aliases: Mapping[str, str] | None = None, custom: Sequence[str] = ()
) -> Any:
    """A mapping model like `base` with other names on the wire (canonical field -> name) and the custom fields added."""
    columns = get_type_hints(base, include_extras=True)
    for column, alias in (aliases or {}).items():
        columns[column] = Annotated[columns[column], wire(alias)]
    for field in custom:
        columns[CUSTOM + field] = Annotated[Custom, wire(field)]
    return TypedDict(name, columns, total=False)  # type: ignore[operator]


def wire_name_of(model: Any) -> dict[str, str]:
    """Column of a mapping model -> what it is called on the wire; a column with several spellings is left out."""
    return {
        column: name
        for column, hint in get_type_hints(model, include_extras=True).items()
        for mark in getattr(hint, "__metadata__", ())
        if isinstance(name := getattr(mark, "validation_alias", None), str)
    }


def wire_names(model: Any) -> frozenset[str]:
    """What the columns of a mapping model are called on the wire; a column with several spellings is left out."""
    marks = (
        mark
        for column in get_type_hints(model, include_extras=True).values()
        for mark in getattr(column, "__metadata__", ())
    )
    return frozenset(
        name for mark in marks if isinstance(name := getattr(mark, "validation_alias", None), str)
    )


class Reader:
    """Reads the payloads of one wire entity through one mapping model; absent stays absent, null is None."""

    def __init__(self, model: Any, whose: str) -> None:
        self._whose = whose
        self._many = TypeAdapter(list[model])
        self._one = TypeAdapter(model)

    def rows(self, records: Sequence[tuple[str, bytes]]) -> Iterator[tuple[str, Row | RecordError]]:
        """Every record once, in order: its key with its row, or with why there is none."""
        for start in range(0, len(records), CHUNK):
            chunk = records[start : start + CHUNK]
            rows = self._together([payload for _, payload in chunk])
            for place, (key, payload) in enumerate(chunk):
                yield key, self._alone(key, payload) if rows is None else rows[place]

    def _together(self, payloads: list[bytes]) -> list[Row] | None:
        """All rows in one pass, or None where one of them needs to be looked at alone."""
        joined = b"[" + b",".join(payloads) + b"]"
        if has_long_number(joined) or b"\\u0000" in joined:
            return None
        try:
            rows: list[Row] = self._many.validate_json(joined)
        except ValidationError:
            return None
        return rows if len(rows) == len(payloads) else None

    def _alone(self, key: str, payload: bytes) -> Row | RecordError:
        try:
            if has_long_number(payload):
                row: Row = self._one.validate_python(lossless(payload))
            else:
                row = self._one.validate_json(payload)
        except ValidationError as error:
            return self._failed(key, *_explained(error), self._readable(payload, error))
        except (ValueError, RecursionError):
            return self._failed(key, "", "is not a JSON object in UTF-8")
        for column, value in row.items():
            if _holds_nul(value):
                return self._failed(key, column, f"{column} holds a NUL character, which no database stores")
        return row

    def _readable(self, payload: bytes, error: ValidationError) -> Row:
        """The fields of a record that fails which are as they should be; none where it is no object."""
        try:
            found = lossless(payload)
            if not isinstance(found, dict):
                return {}
            bad = {
                e["loc"][0]
                for e in error.errors(include_url=False, include_context=False, include_input=False)
                if e["loc"]
            }
            row: Row = self._one.validate_python(
                {name: value for name, value in found.items() if name not in bad}
            )
        except (ValueError, RecursionError):
            return {}
        return row

    def _failed(self, key: str, field: str, what: str, readable: Row | None = None) -> MappingFailed:
        return MappingFailed(what, field=field, whose=self._whose, key=key, readable=readable)


def has_long_number(payload: bytes) -> bool:
    """Whether a number literal of more than 15 digits may be in there; says yes too often, never too seldom."""
    return _LONG in payload.translate(_DIGITS)


def lossless(payload: bytes) -> Any:
    """The payload as Python objects, with long decimals as plain decimal text; raises ValueError."""
    return json.loads(payload, parse_float=plain_number, parse_constant=_no_number)


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    return isinstance(value, list) and any(_holds_nul(field) for row in value for field in row.values())


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _explained(error: ValidationError) -> tuple[str, str]:
    """The first field that failed, and a sentence on it: what was expected and what shape was found, never the value."""
    first = error.errors(include_url=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    if first["type"].startswith("json_"):
        return "", "is not a JSON object in UTF-8"
    expected = (
        first["msg"]
        if first["type"] in _KINDS
        else _WORDS.get(first["type"], first["type"].replace("_", " "))
    )
    return field, f"{field or 'the record'} should be {expected}, found {looks(first['input'])}"


_KINDS = frozenset(
    {"text", "money", "rate", "date", "instant", "id", "key", "whole", "entry", "flag", "custom"}
)
_WORDS = {"dict_type": "an object", "list_type": "a list"}


def looks(value: Any) -> str:
    """What kind of value it is and how it is built (`text like 9999-99-99`), without what it says."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if not isinstance(value, str):
        return "a list" if isinstance(value, list) else "an object"
    if len(value) > 40:
        return f"text of {len(value)} characters"
    shape = "".join(
        "9" if c.isdigit() else "a" if c.isalpha() else c if c in " .,:+-_/@" else "?" for c in value
    )
    return f"text like '{shape}'" if value.strip() else "blank text"
