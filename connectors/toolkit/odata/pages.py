"""OData pages cut into raw rows: a row is copied, not parsed; only its key and its stamp are looked at."""

from __future__ import annotations

from codecs import utf_8_decode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, NamedTuple, TypeVar
from urllib.parse import quote

import msgspec

from connectors.toolkit.damaged_rows import DECODING, DamagedRow, NotApart, apart, flaw
from connectors.toolkit.http.errors import BrokeOff, told
from sync_engine.errors import ProtocolViolation
from sync_engine.records import RawRecord, made_up_key

T = TypeVar("T", bound=msgspec.Struct)
Row = msgspec.Raw | DamagedRow

UNSET_STAMP = "0001-01-01T00:00:00Z"
_PLAIN = "(),'=:;$/"
_NO_STAMP = datetime(1, 1, 2, tzinfo=UTC)
_DIGITS = 18
MOST_COUNTED = 1 << 53
"""No count is higher; what says so is odd."""
EntryNumber = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
"""The number of a ledger entry, a 32-bit whole number in Business Central and its like."""


NEXT = "@odata.nextLink"
NESTED = f'{NEXT}"'.encode()


class _Body(msgspec.Struct):
    value: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET
    next: msgspec.Raw | msgspec.UnsetType = msgspec.field(name=NEXT, default=msgspec.UNSET)
    count: msgspec.Raw | msgspec.UnsetType = msgspec.field(name="@odata.count", default=msgspec.UNSET)
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Cut(NamedTuple):
    """One page: its rows as received, the link to the next one, the count it states, whether a list inside a row goes on elsewhere."""

    rows: Sequence[Row]
    next: str | None
    total: int | None = None
    goes_on_inside: bool = False


_BODY = msgspec.json.Decoder(_Body)


def cut(body: bytes, *, whose: str, key: str) -> Cut:
    """Splits a collection's body without parsing its rows.

    A value that no parser takes costs its row: that is a `DamagedRow`. Rows of a set have the same members: where neither the first
    nor the last holds a list, none is looked for that goes on elsewhere. Raises ProtocolViolation when the body is no collection or
    its link is no address, BrokeOff when it ends with an error.
    """
    body = body.removeprefix(b"\xef\xbb\xbf")
    try:
        page, rows = _BODY.decode(body), None
        if not body.isascii():
            _check_encoding(page)
    except msgspec.ValidationError:
        raise ProtocolViolation("the answer is not a collection", whose=whose, key=key) from None
    except DECODING:
        page, rows = _damaged(body, whose, key)
    if rows is None and isinstance(page.value, msgspec.UnsetType):
        raise ProtocolViolation("the answer has no `value`", whose=whose, key=key)
    if not isinstance(page.error, msgspec.UnsetType) and bytes(page.error) != b"null":
        code, message = told(b'{"error":' + bytes(page.error) + b"}")
        raise BrokeOff(code, message, whose=whose, key=key)
    link, count = _single(page.next), _single(page.count)
    if link is not None and (not isinstance(link, str) or not link.strip()):
        raise ProtocolViolation(
            "the link to the next page is no address",
            whose=whose,
            key=key,
            todo="Nothing was marked complete; run again.",
        )
    counted = count if type(count) is int and 0 <= count < MOST_COUNTED else None
    found: Sequence[Row] = rows if rows is not None else page.value or ()
    goes_on = any(b"[" in bytes(row) for row in (*found[:1], *found[-1:])) and body.count(NESTED) > (
        link is not None
    )
    return Cut(found, link, counted, goes_on)


def _check_encoding(page: _Body) -> None:
    """Raises UnicodeError where something of a page is not UTF-8. Row by row: text of a page's size costs ten times as much to make."""
    for part in (page.value or (), (page.next, page.count, page.error)):
        for raw in part:
            if isinstance(raw, msgspec.Raw):
                utf_8_decode(raw, "strict", True)


def _damaged(body: bytes, whose: str, key: str) -> tuple[_Body, list[Row]]:
    """The members and the rows of a page that cannot be read as a whole."""
    try:
        parts = apart(body)
        if parts is not None:
            return _BODY.decode(parts.others), parts.rows
    except (NotApart, *DECODING):
        pass
    kind = "a web page" if body.lstrip()[:1] == b"<" else "not JSON, or cut short"
    raise ProtocolViolation(
        f"the answer is {kind}", whose=whose, key=key, todo="Check the base address and what stands between."
    )


def _single(value: msgspec.Raw | msgspec.UnsetType) -> Any:
    """A single value of any kind; None where there is none, a list where it is nested."""
    if isinstance(value, msgspec.UnsetType):
        return None
    return [] if bytes(value)[:1] in (b"{", b"[") else msgspec.json.decode(value)


class Fields(Generic[T]):
    """Reads a few fields of rows that are no records here, so that none can be quarantined.

    A value of another kind, and text with a NUL, counts as not said; for a `needed` field it makes the row none, as does being no
    object, or lacking a field without a default.
    """

    def __init__(self, kind: type[T], needed: Sequence[str] = ()) -> None:
        self._kind, self._decoder, self._needed = kind, msgspec.json.Decoder(kind), needed
        self._fields = msgspec.structs.fields(kind)
        self._numbers = [field.name for field in self._fields if "Decimal" in str(field.type)]

    def read(self, row: Row | bytes) -> T | None:
        """The fields of one row; None where it cannot be used."""
        text = bytes(row)
        return self._whole(text) or self._singly(text)

    def strict(self, row: Row | bytes) -> T | None:
        """The same, but None also where any of the fields is odd."""
        return self._whole(bytes(row))

    def _whole(self, text: bytes) -> T | None:
        try:
            found = self._decoder.decode(text)
        except DECODING:
            return None
        return (
            found
            if b"\\u0000" not in text and all(_is_plain(getattr(found, name)) for name in self._numbers)
            else None
        )

    def all(self, rows: Iterable[Row]) -> Iterator[T]:
        """The fields of every row that can be used."""
        return (found for row in rows if (found := self.read(row)) is not None)

    def _singly(self, text: bytes) -> T | None:
        values: dict[str, Any] = {}
        try:
            members = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        except DECODING:
            return None
        for known in self._fields:
            if known.encode_name not in members:
                continue
            with suppress(*DECODING):
                value = msgspec.json.decode(members[known.encode_name], type=known.type)
                if _is_plain(value):
                    values[known.name] = value
            if known.name not in values and known.name in self._needed:
                return None
        return self._kind(**values) if all(f.name in values or not f.required for f in self._fields) else None


def _is_plain(value: Any) -> bool:
    """Whether a store keeps it: a decimal that sums can be made of, a text without NUL, anything else."""
    if isinstance(value, Decimal):
        return value.is_finite() and value.adjusted() < _DIGITS
    return not isinstance(value, str) or "\x00" not in value


def names(row: Row) -> frozenset[str]:
    """The names of a row's fields; none where it is no object."""
    try:
        return frozenset(msgspec.json.decode(bytes(row), type=dict[str, msgspec.Raw]))
    except DECODING:
        return frozenset()


class Rows(NamedTuple):
    """The records of a page, the latest stamp among them, and how many had no key."""

    records: list[RawRecord]
    latest: datetime | None
    keyless: int


@dataclass(frozen=True)
class RowShape:
    """Which fields of a row are its key (several are joined with `|`) and its stamp of last change.

    A row that is damaged, or whose key is missing, blank or not text or number is not lost: it is a record with
    the reason in `unreadable` and, where it has no key, a made-up one. `width` is how many characters every key has, where they are
    all of one length: another one is none.
    """

    keys: tuple[str, ...] = ("id",)
    modified: str | None = None
    width: int = 0
    _fast: msgspec.json.Decoder[Any] = field(init=False, repr=False, compare=False)
    _slow: msgspec.json.Decoder[Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        stamp = Annotated[datetime, msgspec.Meta(tz=True)] | None
        names = [(f"k{n}", str | int | None, None) for n in range(len(self.keys))]
        rename = {f"k{n}": key for n, key in enumerate(self.keys)} | {
            "modified": self.modified or "@syncEngine.none"
        }
        fast = msgspec.defstruct("Row", [*names, ("modified", stamp, None)], rename=rename, gc=False)
        object.__setattr__(self, "_fast", msgspec.json.Decoder(fast))
        object.__setattr__(self, "_slow", msgspec.json.Decoder(dict[str, Any]))

    def read(self, rows: Sequence[Row]) -> Rows:
        """Raw rows to records, in order."""
        decode, single, records, keyless = self._fast.decode, len(self.keys) == 1, list[RawRecord](), 0
        latest, width, made_up = _NO_STAMP, self.width, set[str]()
        for raw in rows:
            payload = bytes(raw)
            try:
                row = decode(payload)
                key, stamp = row.k0 if single else self._joined(row), row.modified
            except DECODING:
                key, stamp = self._patiently(payload), None
            if width and (len(key) if key.__class__ is str else key and len(str(key))) != width:
                key = None
            if (not key and key != 0) or raw.__class__ is DamagedRow:
                keyless += not key and key != 0
                record = self._unreadable(raw, key)
                while record.key in made_up:  # two rows alike without a key are two
                    record = record._replace(key=made_up_key(record.key.encode()))
                made_up.add(record.key)
                records.append(record)
                continue
            if stamp is not None:
                if stamp < _NO_STAMP:
                    stamp = None
                elif stamp > latest:
                    latest = stamp
            records.append(RawRecord(key if key.__class__ is str else str(key), payload, stamp))
        return Rows(records, latest if latest > _NO_STAMP else None, keyless)

    def _unreadable(self, raw: Row, key: str | int | None) -> RawRecord:
        row = raw if isinstance(raw, DamagedRow) else DamagedRow(bytes(raw), flaw(bytes(raw)))
        given = "" if key is None else str(key)
        return RawRecord(
            given or made_up_key(row.received),
            row.payload,
            None,
            row.why or f"has no {' and '.join(self.keys)}",
        )

    def _joined(self, row: Any) -> str | None:
        parts = [getattr(row, f"k{n}") for n in range(len(self.keys))]
        return "|".join(map(str, parts)) if all(part is not None and part != "" for part in parts) else None

    def _patiently(self, payload: bytes) -> str | None:
        """The key of a row whose other fields are odd (a stamp that is none)."""
        try:
            row = self._slow.decode(payload)
        except DECODING:
            return None
        parts = [row.get(key) for key in self.keys]
        return (
            "|".join(map(str, parts))
            if all(type(part) in (str, int) and part != "" for part in parts)
            else None
        )


@dataclass(frozen=True)
class Query:
    """What is asked of an entity set; `url` writes it in a stable order. Text values are quoted by `literal`."""

    filter: str = ""
    select: Sequence[str] = ()
    expand: str = ""
    orderby: str = ""
    top: int | None = None
    count: bool = False
    extra: Mapping[str, str] = field(default_factory=dict)

    def url(self, address: str) -> str:
        """`address` with this query."""
        parts = dict(self.extra) | {
            "$filter": self.filter,
            "$select": ",".join(self.select),
            "$expand": self.expand,
            "$orderby": self.orderby,
            "$top": "" if self.top is None else str(self.top),
            "$count": "true" if self.count else "",
        }
        written = "&".join(f"{name}={quote(value, safe=_PLAIN)}" for name, value in parts.items() if value)
        return f"{address}{'&' if '?' in address else '?'}{written}" if written else address


def literal(text: str) -> str:
    """A text value in a filter: in quotes, its own quotes doubled."""
    return "'" + text.replace("'", "''") + "'"


def instant(moment: datetime) -> str:
    """A point in time in a filter, milliseconds, as Business Central writes it itself."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
