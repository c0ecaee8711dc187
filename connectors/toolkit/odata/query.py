"""What is asked of an OData entity set, written in a stable order with its values quoted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

UNSET_STAMP = "0001-01-01T00:00:00Z"
"""How .NET writes a point in time that was never set."""
_PLAIN = "(),'=:;$/"


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
    """A point in time in a filter, in UTC, cut to milliseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
