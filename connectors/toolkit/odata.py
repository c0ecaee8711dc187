"""OData pages cut into raw rows: a row is copied, not parsed; only its key and its stamp are looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple
from urllib.parse import quote

import msgspec
import xxhash

from sync_engine.errors import ProtocolViolation
from sync_engine.records import RawRecord

UNSET_STAMP = "0001-01-01T00:00:00Z"
_PLAIN = "(),'=:;$/"
_NO_STAMP = datetime(1, 1, 2, tzinfo=UTC)


class _Body(msgspec.Struct):
    value: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET
    next: str | None = msgspec.field(name="@odata.nextLink", default=None)
    count: int | None = msgspec.field(name="@odata.count", default=None)


class Cut(NamedTuple):
    """One page: its rows as received, the link to the next one, the count it states."""

    rows: Sequence[msgspec.Raw]
    next: str | None
    total: int | None = None


_BODY = msgspec.json.Decoder(_Body)


def cut(body: bytes, *, whose: str, key: str) -> Cut:
    """Splits a collection's body without parsing its rows; raises ProtocolViolation when it is none."""
    try:
        page = _BODY.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except msgspec.ValidationError:
        raise ProtocolViolation("the answer is not a collection", whose=whose, key=key) from None
    except msgspec.DecodeError:
        kind = "a web page" if body.lstrip()[:1] == b"<" else "not JSON, or cut short"
        raise ProtocolViolation(f"the answer is {kind}", whose=whose, key=key, todo="Check the base address and what stands between.") from None
    if isinstance(page.value, msgspec.UnsetType):
        raise ProtocolViolation("the answer has no `value`", whose=whose, key=key)
    return Cut(page.value, page.next, page.count)


class Rows(NamedTuple):
    """The records of a page, the latest stamp among them, and how many had no key."""

    records: list[RawRecord]
    latest: datetime | None
    keyless: int


@dataclass(frozen=True)
class RowShape:
    """Which fields of a row are its key (several are joined with `|`) and its stamp of last change.

    A row whose key is missing, blank or not text or number is not lost: its key is `?` and the xxh3 hash of its payload,
    so that the engine can quarantine it.
    """

    keys: tuple[str, ...] = ("id",)
    modified: str | None = None
    _fast: msgspec.json.Decoder[Any] = field(init=False, repr=False, compare=False)
    _slow: msgspec.json.Decoder[Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        stamp = Annotated[datetime, msgspec.Meta(tz=True)] | None
        names = [(f"k{n}", str | int | None, None) for n in range(len(self.keys))]
        rename = {f"k{n}": key for n, key in enumerate(self.keys)} | {"modified": self.modified or "@syncEngine.none"}
        fast = msgspec.defstruct("Row", [*names, ("modified", stamp, None)], rename=rename, gc=False)
        object.__setattr__(self, "_fast", msgspec.json.Decoder(fast))
        object.__setattr__(self, "_slow", msgspec.json.Decoder(dict[str, Any]))

    def read(self, rows: Sequence[msgspec.Raw]) -> Rows:
        """Raw rows to records, in order."""
        decode, single, records, keyless = self._fast.decode, len(self.keys) == 1, [], 0
        latest = _NO_STAMP
        for raw in rows:
            payload = bytes(raw)
            try:
                row = decode(payload)
                key, stamp = row.k0 if single else self._joined(row), row.modified
            except msgspec.MsgspecError:
                key, stamp = self._patiently(payload), None
            if not key and key != 0:
                key, keyless = f"?{xxhash.xxh3_128_hexdigest(payload)}", keyless + 1
            if stamp is not None:
                if stamp < _NO_STAMP:
                    stamp = None
                elif stamp > latest:
                    latest = stamp
            records.append(RawRecord(key if key.__class__ is str else str(key), payload, stamp))
        return Rows(records, latest if latest > _NO_STAMP else None, keyless)

    def _joined(self, row: Any) -> str | None:
        parts = [getattr(row, f"k{n}") for n in range(len(self.keys))]
        return "|".join(map(str, parts)) if all(part is not None and part != "" for part in parts) else None

    def _patiently(self, payload: bytes) -> str | None:
        """The key of a row whose other fields are odd (a stamp that is none)."""
        try:
            row = self._slow.decode(payload)
        except msgspec.MsgspecError:
            return None
        parts = [row.get(key) for key in self.keys]
        return "|".join(map(str, parts)) if all(type(part) in (str, int) and part != "" for part in parts) else None


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
            "$filter": self.filter, "$select": ",".join(self.select), "$expand": self.expand, "$orderby": self.orderby,
            "$top": "" if self.top is None else str(self.top), "$count": "true" if self.count else "",
        }
        written = "&".join(f"{name}={quote(value, safe=_PLAIN)}" for name, value in parts.items() if value)
        return f"{address}{'&' if '?' in address else '?'}{written}" if written else address


def literal(text: str) -> str:
    """A text value in a filter: in quotes, its own quotes doubled."""
    return "'" + text.replace("'", "''") + "'"


def instant(moment: datetime) -> str:
    """A point in time in a filter, milliseconds, as Business Central writes it itself."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
