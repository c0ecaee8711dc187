"""The filters, sorting and paging of both interfaces, with the escapes as the servers really read them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

Row = dict[str, Any]
_OPERATORS = ("eq", "ne", "gte", "gt", "lte", "lt", "like", "in", "nin")
_PREDICATE = re.compile(r"([A-Za-z][A-Za-z0-9.]*)\$(eq|ne|gte|gt|lte|lt|like|in|nin):")
_JOIN = re.compile(r"\$(and|or):")
_ESCAPED = "$()*,"
"""What a dollar stands before. A bracket is not among them: `$[` is read as two characters, whatever the documentation says."""
MOST_VALUES = 200

Test = Callable[[Row], bool]


class BadFilter(Exception):
    """What the server cannot read; `field` is one it does not filter by."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class Field(NamedTuple):
    """A property that may be filtered by: what its rows hold there, and by which operators."""

    read: Callable[[Row], Any]
    operators: frozenset[str] = frozenset(_OPERATORS)


def value_at(path: str) -> Callable[[Row], Any]:
    """What stands at a path such as `customer.customerNumber`."""
    steps = path.split(".")

    def read(row: Row) -> Any:
        found: Any = row
        for step in steps:
            found = found.get(step) if isinstance(found, dict) else None
        return found

    return read


def compiled(text: str, fields: Mapping[str, Field]) -> Test:
    """The test that a filter is. Raises BadFilter."""
    if not text:
        return lambda row: True
    parser = _Parser(text, fields)
    test = parser.any_of()
    if parser.at != len(text):
        raise BadFilter("Could not parse query string filter.")
    return test


class _Parser:
    def __init__(self, text: str, fields: Mapping[str, Field]) -> None:
        self.text, self.fields, self.at = text, fields, 0

    def any_of(self) -> Test:
        parts = [self.all_of()]
        while self._joins("or"):
            parts.append(self.all_of())
        return lambda row: any(part(row) for part in parts)

    def all_of(self) -> Test:
        parts = [self.one()]
        while self._joins("and"):
            parts.append(self.one())
        return lambda row: all(part(row) for part in parts)

    def _joins(self, word: str) -> bool:
        found = _JOIN.match(self.text, self.at)
        if found is None or found[1] != word:
            return False
        self.at = found.end()
        return True

    def one(self) -> Test:
        if self.text[self.at : self.at + 1] == "(":
            self.at += 1
            test = self.any_of()
            if self.text[self.at : self.at + 1] != ")":
                raise BadFilter("Could not parse query string filter.")
            self.at += 1
            return test
        found = _PREDICATE.match(self.text, self.at)
        if found is None:
            raise BadFilter("Could not parse query string filter.")
        self.at = found.end()
        name, operator = found[1], found[2]
        field = self.fields.get(name)
        if field is None or operator not in field.operators:
            raise BadFilter(f"Filtering is not allowed on property '{name}'.", name)
        return _test(field.read, operator, self._value())

    def _value(self) -> str | None:
        """Up to the next join or an unescaped bracket; None is the value `$null:`."""
        if self.text.startswith("$null:", self.at):
            self.at += len("$null:")
            return None
        found = ""
        while self.at < len(self.text):
            here = self.text[self.at]
            if here == ")" or _JOIN.match(self.text, self.at):
                break
            if here == "$":
                after = self.text[self.at + 1 : self.at + 2]
                if after in _ESCAPED and after:
                    found += after
                    self.at += 2
                    continue
                if after != "[" and after != "]":
                    raise BadFilter("Could not parse query string filter.")
            found += here
            self.at += 1
        return found


def _test(read: Callable[[Row], Any], operator: str, value: str | None) -> Test:
    if operator in ("in", "nin"):
        if value is None or value[:1] != "[" or value[-1:] != "]":
            raise BadFilter("$in: needs a list in brackets.")
        listed = [part.strip().casefold() for part in value[1:-1].split(",")]
        if len(listed) > MOST_VALUES:
            raise BadFilter(f"$in: takes at most {MOST_VALUES} values.")
        return lambda row: (str(read(row)).casefold() in listed) == (operator == "in")
    if operator == "like":
        pattern = _like(value or "")
        return lambda row: read(row) is not None and pattern.fullmatch(str(read(row))) is not None

    def test(row: Row) -> bool:
        ours = read(row)
        if value is None or ours is None:
            same = value is None and ours is None
            return same if operator == "eq" else (not same if operator == "ne" else False)
        left, right = _comparable(ours, value)
        return bool(_COMPARE[operator](left, right))

    return test


_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": lambda left, right: left == right,
    "ne": lambda left, right: left != right,
    "gt": lambda left, right: left > right,
    "gte": lambda left, right: left >= right,
    "lt": lambda left, right: left < right,
    "lte": lambda left, right: left <= right,
}


def _comparable(ours: Any, value: str) -> tuple[Any, Any]:
    if isinstance(ours, bool):
        return ours, value.casefold() == "true"
    if isinstance(ours, int | float | Decimal):
        try:
            return Decimal(str(ours)), Decimal(value)
        except InvalidOperation:
            raise BadFilter("Could not parse query string filter.") from None
    return str(ours).casefold(), value.casefold()


def _like(value: str) -> re.Pattern[str]:
    """A star is anything, without one the text may stand anywhere; brackets are a character class of SQL."""
    text = value if "*" in value else f"*{value}*"
    parts = re.findall(r"\[[^\]]*\]|\*|.", text)
    written = "".join(".*" if p == "*" else p if p.startswith("[") else re.escape(p) for p in parts)
    return re.compile(written, re.IGNORECASE | re.DOTALL)


def ordered(rows: Sequence[Row], sort: str, allowed: Callable[[str], bool]) -> list[Row]:
    """The rows in the order of `sort`: names, a minus before one that falls. Raises BadFilter."""
    found = list(rows)
    for name in reversed([part for part in sort.split(",") if part]):
        path = name.lstrip("-")
        if not allowed(path):
            raise BadFilter(f"Sorting is not allowed on property '{path}'.", path)
        read = value_at(path)
        found.sort(key=lambda row: (read(row) is not None, read(row)), reverse=name.startswith("-"))
    return found
