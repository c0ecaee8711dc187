"""Raw rows: a page is split without parsing its rows; of a row only its key, its stamp and a few named fields are looked at."""

from __future__ import annotations

from codecs import utf_8_decode
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

import msgspec

from connectors.toolkit.damaged_rows import DECODING, DamagedRow, NotApart, apart, flaw
from sync_engine.errors import ProtocolViolation
from sync_engine.records import RawRecord, made_up_key

T = TypeVar("T", bound=msgspec.Struct)
Row = msgspec.Raw | DamagedRow
Path = str | tuple[str, ...]
"""Where something stands in a body: `"paging.next"`, or `("@odata.nextLink",)` where a name holds a dot; empty is the body itself."""

_NO_STAMP = datetime(1, 1, 2, tzinfo=UTC)
_DIGITS = 18
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def _never(_: Sequence[msgspec.Raw | None]) -> bool:
    return False


class Body(NamedTuple):
    """The rows of one body as received, and the other values it was split for, in their order; None where one is not said."""

    rows: Sequence[Row]
    told: tuple[msgspec.Raw | None, ...] = ()


class Splitter:
    """Splits JSON bodies whose list of rows stands at `rows`, and reads what stands at the paths `also` with it.

    One pass over the bytes; a row is copied, not parsed. A value that no parser takes costs its row, which is then a `DamagedRow`.
    """

    def __init__(self, rows: Path = "", also: Sequence[Path] = ()) -> None:
        self._rows, self._also = _steps(rows), tuple(map(_steps, also))
        kind: Any = _struct({self._rows: list[msgspec.Raw], **dict.fromkeys(self._also, msgspec.Raw)})
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
            kind if self._rows else list[msgspec.Raw]
        )

    def split(
        self,
        body: bytes,
        *,
        whose: str,
        key: str,
        is_empty: Callable[[Sequence[msgspec.Raw | None]], bool] = _never,
    ) -> Body:
        """The rows of a body. Raises ProtocolViolation when it is no JSON, or there is no list where the rows should be.

        `is_empty(told)` says whether the other values excuse a list that is not there: they say themselves that it is empty.
        """
        body = body.removeprefix(_BYTE_ORDER_MARK)
        try:
            found: Any = self._decoder.decode(body)
            rows = found if not self._rows else _at(found, self._rows)
            told = self._told(found)
            if not body.isascii():
                _check_encoding((*(rows or ()), *told))
        except msgspec.ValidationError:
            raise ProtocolViolation("the answer is not a collection", whose=whose, key=key) from None
        except DECODING:
            rows, told = self._damaged(body, whose, key)
        if rows is None and is_empty(told):
            rows = ()
        if rows is None:
            raise ProtocolViolation(f"the answer has no `{'.'.join(self._rows)}`", whose=whose, key=key)
        return Body(rows, told)

    def _told(self, found: Any) -> tuple[msgspec.Raw | None, ...]:
        return tuple(_at(found, path) if self._rows else None for path in self._also)

    def _damaged(self, body: bytes, whose: str, key: str) -> tuple[Sequence[Row] | None, tuple[Any, ...]]:
        """The rows and the values of a page that cannot be read as a whole."""
        try:
            parts = apart(body, self._rows)
            if parts is not None:
                return parts.rows, self._told(self._decoder.decode(parts.others) if self._rows else None)
        except (NotApart, *DECODING):
            pass
        kind = "a web page" if body.lstrip()[:1] == b"<" else "not JSON, or cut short"
        todo = "Check the base address and what stands between."
        raise ProtocolViolation(f"the answer is {kind}", whose=whose, key=key, todo=todo)


def _steps(path: Path) -> tuple[str, ...]:
    return path if isinstance(path, tuple) else tuple(filter(None, path.split(".")))


def _struct(leaves: dict[tuple[str, ...], Any]) -> type[msgspec.Struct]:
    """A type that holds nothing but what stands at these paths; all of it may be missing."""
    heads = list(dict.fromkeys(path[0] for path in leaves if path))
    fields: list[tuple[str, Any, Any]] = []
    for number, head in enumerate(heads):
        below = {path[1:]: kind for path, kind in leaves.items() if path[:1] == (head,)}
        kind = below[()] if () in below else _struct(below) | None
        fields.append((f"m{number}", kind | msgspec.UnsetType, msgspec.UNSET))
    rename = {f"m{number}": head for number, head in enumerate(heads)}
    return msgspec.defstruct("Members", fields, rename=rename, gc=False)


def _at(found: Any, path: tuple[str, ...]) -> Any:
    """What a type of `_struct` holds at a path; None where nothing stands there."""
    for step in path:
        names = found.__struct_encode_fields__
        found = getattr(found, f"m{names.index(step)}") if step in names else msgspec.UNSET
        if found is msgspec.UNSET or found is None:
            return None
    return found


def _check_encoding(parts: Iterable[msgspec.Raw | None]) -> None:
    """Raises UnicodeError where something of a page is not UTF-8. Row by row: text of a page's size costs ten times as much to make."""
    for raw in parts:
        if raw is not None:
            utf_8_decode(raw, "strict", True)


def single(value: msgspec.Raw | None) -> Any:
    """A single value of any kind; None where there is none, a list where it is nested."""
    if value is None:
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
    all of one length: another one is none. `prefix` stands before every key,
    where lists that are numbered each by themselves become records of one kind. `zone` is that of stamps that name none; without one,
    such a stamp is none.
    """

    keys: tuple[str, ...] = ("id",)
    modified: str | None = None
    width: int = 0
    prefix: str = ""
    zone: tzinfo | None = None
    _fast: msgspec.json.Decoder[Any] = field(init=False, repr=False, compare=False)
    _slow: msgspec.json.Decoder[Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        stamp: Any = Annotated[datetime, msgspec.Meta(tz=None if self.zone else True)] | None
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
        latest, width, zone, made_up = _NO_STAMP, self.width, self.zone, set[str]()
        prefix = self.prefix
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
                if zone is not None and stamp.tzinfo is None:
                    stamp = stamp.replace(tzinfo=zone).astimezone(UTC)
                if stamp < _NO_STAMP:
                    stamp = None
                elif stamp > latest:
                    latest = stamp
            name = key if key.__class__ is str else str(key)
            records.append(RawRecord(prefix + name if prefix else name, payload, stamp))
        return Rows(records, latest if latest > _NO_STAMP else None, keyless)

    def _unreadable(self, raw: Row, key: str | int | None) -> RawRecord:
        row = raw if isinstance(raw, DamagedRow) else DamagedRow(bytes(raw), flaw(bytes(raw)))
        given = "" if key is None else f"{self.prefix}{key}"
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


def sound(rows: Sequence[Row]) -> Sequence[Row]:
    """Rows of a list inside a record; raises ProtocolViolation when one is damaged, for then the list is not whole."""
    for row in rows:
        if isinstance(row, DamagedRow):
            raise ProtocolViolation(f"a line {row.why}")
    return rows


def spliced(payload: bytes, name: str, value: bytes) -> bytes:
    """A JSON object with one more member at its end."""
    comma = b"" if payload[1:-1].strip() == b"" else b","
    return payload[:-1] + comma + msgspec.json.encode(name) + b":" + value + b"}"
