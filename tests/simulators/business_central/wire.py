"""How Business Central writes values on the wire: blanks, enums, stamps, decimals, etags.

Sources: captures of BC 25.4 and 26 (customers, companies), and the AL pages of the API v2.0 app.
"""

import base64
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import TypeAlias

NULL_GUID = "00000000-0000-0000-0000-000000000000"
NULL_DATE = "0001-01-01"
NULL_STAMP = "0001-01-01T00:00:00Z"
NO_STAMP = datetime(1, 1, 1, tzinfo=UTC)
NO_DATE = date(1, 1, 1)

Json: TypeAlias = "bool | int | str | Decimal | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = dict[str, Json]


class Edm(StrEnum):
    """The types a field can have in $metadata."""

    TEXT = "Edm.String"
    GUID = "Edm.Guid"
    DATE = "Edm.Date"
    STAMP = "Edm.DateTimeOffset"
    DECIMAL = "Edm.Decimal"
    INT = "Edm.Int32"
    LONG = "Edm.Int64"
    BOOL = "Edm.Boolean"
    ENUM = "Microsoft.NAV.enum"


@cache
def encode_enum(member: str) -> str:
    """Write an enum member as an XML name: a blank is `_x0020_`, `Credit Memo` is `Credit_x0020_Memo`."""
    return "".join(c if (c.isascii() and c.isalnum()) or c == "_" else f"_x{ord(c):04X}_" for c in member)


def decode_enum(text: str) -> str:
    """Read an enum member back; decoded text passes unchanged, because BC accepts both on input."""
    return re.sub(r"_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), text)


def stamp_text(moment: datetime | None) -> str:
    """UTC with 0 to 3 fractional digits, trailing zeros trimmed (`.25Z`, `.07Z`, `Z`)."""
    if moment is None:
        return NULL_STAMP
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")[:23]
    return f"{text.rstrip('0').rstrip('.')}Z" if text.endswith("0") else f"{text}Z"


def read_stamp(text: str) -> datetime:
    """An instant from its wire text; raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def plain(amount: Decimal) -> Decimal:
    """The amount as BC prints it: no trailing zeros, no exponent, so 944400 and 3036.6."""
    if amount == amount.to_integral_value():
        return amount.quantize(Decimal(1)) + Decimal(0)
    return amount.normalize()


def etag(row_version: int) -> str:
    """A weak etag of the captured shape, different for every version of a row."""
    number = (row_version * 0x9E3779B97F4A7C15) % 10**19
    opaque = base64.b64encode(f"'19;{number:019d};00;'".encode()).decode()
    return f'W/"{opaque}"'


def render(edm: Edm, value: object) -> Json:
    """One field as it stands in a JSON body; None is the blank of its type, never null."""
    return _WRITERS[edm](value)


def _decimal(value: object) -> Json:
    return plain(value if isinstance(value, Decimal) else Decimal(str(value or 0)))


_WRITERS: dict[Edm, Callable[[object], Json]] = {
    Edm.TEXT: lambda value: "" if value is None else str(value),
    Edm.GUID: lambda value: str(value) if value else NULL_GUID,
    Edm.DATE: lambda value: value.isoformat() if isinstance(value, date) else NULL_DATE,
    Edm.STAMP: lambda value: stamp_text(value if isinstance(value, datetime) else None),
    Edm.DECIMAL: _decimal,
    Edm.INT: lambda value: int(str(value or 0)),
    Edm.LONG: lambda value: int(str(value or 0)),
    Edm.BOOL: bool,
    Edm.ENUM: lambda value: encode_enum(str(value) if value else " "),
}
