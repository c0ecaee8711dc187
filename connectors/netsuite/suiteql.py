"""SuiteQL: how a query is written, asked for page by page behind the last key, and how its rows become JSON that does not change.

Of a row the service leaves out what is null, writes stamps in the clock of the session, and promises no casing of names: rows get all
the columns that were asked for, stamps in UTC, and lose `links`. [Oracle: Executing SuiteQL Queries Through REST Web Services]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import msgspec

from connectors.netsuite.zone import SessionZone
from connectors.toolkit.damaged_rows import DECODING, DamagedRow
from connectors.toolkit.http.client import HttpClient
from connectors.toolkit.pagination import Page, PageSize, Request, walk
from connectors.toolkit.paginators import Keyset
from connectors.toolkit.rows import Row
from sync_engine.errors import ConfigurationError, ProtocolViolation

PATH = "/services/rest/query/v1/suiteql"
WIDEST = 90
"""Columns of a query: with more than 100 the service answers nothing at all, and calls that a success."""
MOST_IN_A_LIST = 500
_NULL, _QUERY = msgspec.Raw(b"null"), msgspec.json.Encoder()
_ROW: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
_FORMATS = {"day": "YYYY-MM-DD", "stamp": "YYYY-MM-DD HH24:MI:SS"}
Kind = Literal["plain", "day", "stamp"]


class Column(NamedTuple):
    """A column: its name in the row, what SuiteQL calls it. `lost`: what cannot be told without it; empty where nothing works without."""

    name: str
    sql: str
    kind: Kind = "plain"
    lost: str = ""

    @property
    def written(self) -> str:
        """As it stands behind SELECT. Dates are told in the user's own format, and stamps without their time, unless TO_CHAR says how."""
        form = _FORMATS.get(self.kind)
        return f"{self.sql if form is None else f'TO_CHAR({self.sql}, {quoted(form)})'} AS {self.name}"


class KeyPart(NamedTuple):
    """A part of the key that rows are sorted by: its name in the row, and in SuiteQL. A number, unless it is text."""

    name: str
    sql: str
    is_text: bool = False


@dataclass(frozen=True)
class Query:
    """What is read of which tables, sorted by `key`, which is unique and whose columns are part of `columns`."""

    columns: tuple[Column, ...]
    tables: str
    key: tuple[KeyPart, ...]
    where: tuple[str, ...] = ()
    grouped: str = ""
    dropped: frozenset[str] = field(default_factory=frozenset)

    def also(self, *conditions: str) -> Query:
        """The same of fewer rows."""
        return replace(self, where=(*self.where, *filter(None, conditions)))

    def without(self, dropped: frozenset[str]) -> Query:
        """The same without these columns."""
        return replace(self, dropped=dropped)

    @property
    def asked(self) -> tuple[Column, ...]:
        """The columns that are asked for."""
        return tuple(column for column in self.columns if column.name not in self.dropped)

    def text(self, place: str = "") -> str:
        """The query behind the row whose key is `place`. Raises ConfigurationError when it is too wide."""
        asked = self.asked
        if len(asked) > WIDEST:
            todo = "Read fewer custom fields."
            raise ConfigurationError(f"{len(asked)} columns in one query, at most {WIDEST} work", todo=todo)
        conditions = [*self.where, *([behind(self.key, place)] if place else [])]
        where = f" WHERE {' AND '.join(f'({one})' for one in conditions)}" if conditions else ""
        order = ", ".join(f"{part.sql} ASC" for part in self.key)
        listed = ", ".join(column.written for column in asked)
        return f"SELECT {listed} FROM {self.tables}{where}{f' {self.grouped}' if self.grouped else ''} ORDER BY {order}"


def quoted(text: str) -> str:
    """A literal."""
    return "'" + text.replace("'", "''") + "'"


def numbers(values: Sequence[str]) -> str:
    """Ids for a list: digits and nothing else. Raises ValueError."""
    return ", ".join(str(int(value)) for value in values)


def among(column: str, values: Sequence[str]) -> str:
    """A condition that a column is one of these ids, in lists of the length that the service takes."""
    parts = (values[start : start + MOST_IN_A_LIST] for start in range(0, len(values), MOST_IN_A_LIST))
    return " OR ".join(f"{column} IN ({numbers(part)})" for part in parts)


def behind(key: Sequence[KeyPart], place: str) -> str:
    """A condition that rows come behind a place in the order of the key."""
    first, *rest = key
    said, _, further = place.partition("|") if rest else (place, "", "")
    with readable("the key that the next page begins behind"):
        value = quoted(said) if first.is_text else str(int(said))
    if not rest:
        return f"{first.sql} > {value}"
    return f"{first.sql} > {value} OR ({first.sql} = {value} AND ({behind(rest, further)}))"


class Pages(Keyset):
    """The pages of a query. A page is sorted and begins behind the one before it, so that the limit of 100,000 rows is none."""

    def __init__(
        self, host: str, query: Query, zone: SessionZone, complete: Callable[[Page], Page] | None = None
    ) -> None:
        super().__init__(self._asked_for, "items", key=tuple(part.name for part in query.key), more="hasMore")
        self._host, self._query, self._zone, self._complete = host, query, zone, complete

    def _asked_for(self, place: str, size: int) -> Request:
        return request(self._host, self._query.text(place), size)

    def shaped(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Rows with every column that was asked for."""
        return [tidy(row, self._query.asked, self._zone) for row in rows]

    def whole(self, page: Page) -> Page:
        """The page with what belongs to its rows."""
        return self._complete(page) if self._complete and page.rows else page


def request(host: str, query: str, size: int) -> Request:
    """How a query is asked for."""
    body = _QUERY.encode({"q": query})
    return Request(f"{host}{PATH}?limit={size}", "POST", body, {"Prefer": "transient"})


def tidy(row: Row, asked: Sequence[Column], zone: SessionZone) -> Row:
    """A row with exactly the columns that were asked for; one that is damaged, or no object, stays as it is."""
    if isinstance(row, DamagedRow):
        return row  # what of it is sound would look like a whole row that says nothing of the rest
    try:
        found = {name.lower(): value for name, value in _ROW.decode(bytes(row)).items()}
    except DECODING:
        return row
    only = [value for name, value in found.items() if name != "links"]
    if len(asked) == len(only) == 1:  # an alias may be ignored
        found[asked[0].name] = only[0]
    whole: dict[str, Any] = {}
    for column in asked:
        value = found.get(column.name, _NULL)
        whole[column.name] = _instant(value, zone) if column.kind == "stamp" else value
    return msgspec.Raw(msgspec.json.encode(whole))


def _instant(value: msgspec.Raw, zone: SessionZone) -> Any:
    """A stamp in UTC; what is none stays as it is, for the mapping to refuse."""
    try:
        return zone.utc(msgspec.json.decode(value, type=str)).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (*DECODING, ValueError, OverflowError):
        return value


def read(
    client: HttpClient,
    host: str,
    query: Query,
    zone: SessionZone,
    *,
    key: str,
    size: PageSize,
    complete: Callable[[Page], Page] | None = None,
) -> Iterator[Page]:
    """All pages of a query; `complete` adds to a page what belongs to its rows, while the one before it is used."""
    yield from walk(client, Pages(host, query, zone, complete), key=key, size=size)


@contextmanager
def readable(what: str) -> Iterator[None]:
    """What everything else rests on is read inside. Raises ProtocolViolation where a value of it is of a kind that nobody foresaw."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        raise ProtocolViolation(
            f"{what} cannot be used", todo="Nothing was marked complete; run again."
        ) from None


def told(rows: Sequence[Row]) -> list[Mapping[str, Any]]:
    """Rows as dictionaries, numbers as they are written. Raises ProtocolViolation where one is damaged or no object."""
    return [_object(row) for row in rows]


def _object(row: Row) -> Mapping[str, Any]:
    if isinstance(row, DamagedRow):
        raise ProtocolViolation(f"a row {row.why}")
    try:
        return msgspec.json.decode(bytes(row), type=dict[str, Any])
    except DECODING:
        raise ProtocolViolation("a row is no object") from None
