"""Rows of the service of 2011 in the shape of the Web API: names in lower case, lookups as ids, dates as ISO text, amounts as numbers.

So there is one wire to map. Nothing is rounded and nothing is lost but the metadata and links of each row. [facts: section 2.1, 3.4]
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from connectors.dynamics_crm.tables import lookup_name
from connectors.toolkit.damaged_rows import DECODING, DamagedRow
from connectors.toolkit.declared import payload
from connectors.toolkit.rows import Row
from sync_engine.canonical.cells import Number, plain_number

LOGICAL_NAME = "Microsoft.Dynamics.CRM.lookuplogicalname"
_DATE = re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_decode = msgspec.json.Decoder(dict[str, Any], float_hook=Number).decode


def like_the_web_api(row: Row, zone: ZoneInfo, days: Collection[str] = ()) -> Row:
    """One row in the other shape; `days` are the lower-case names of columns that hold a day of `zone`. A damaged row stays what it is."""
    if isinstance(row, DamagedRow):
        return row
    try:
        found = _decode(bytes(row))
    except DECODING:
        return row
    said: dict[str, Any] = {}
    for name, value in found.items():
        _put(said, name.lower(), value, zone, days)
    return msgspec.Raw(payload(said))


def _put(said: dict[str, Any], name: str, value: Any, zone: ZoneInfo, days: Collection[str]) -> None:
    if isinstance(value, str):
        said[name] = _text(value, zone, is_day=name in days)
    elif type(value) is int:
        said[name] = Number(value)
    elif not isinstance(value, dict):
        said[name] = value
    elif "__deferred" not in value and name != "__metadata":
        _put_complex(said, name, value)


def _put_complex(said: dict[str, Any], name: str, value: dict[str, Any]) -> None:
    kind = str((value.get("__metadata") or {}).get("type", ""))
    if kind.endswith(".EntityReference") or "LogicalName" in value:
        known, what = value.get("Id"), lookup_name(name)
        said[what] = known.lower() if isinstance(known, str) else None
        if said[what] is not None:
            said[f"{what}@{LOGICAL_NAME}"] = value.get("LogicalName")
    elif kind.endswith(".Money") and isinstance(value.get("Value"), str):
        plain = plain_number(value["Value"])
        said[name] = Number(plain) if plain[-1:].isdigit() else value["Value"]
    elif "Value" in value:
        found = value["Value"]
        said[name] = Number(found) if type(found) is int else found
    else:
        said[name] = {inner: one for inner, one in value.items() if inner != "__metadata"}


def _text(value: str, zone: ZoneInfo, *, is_day: bool) -> str:
    """A date as ISO text. The milliseconds count from 1970 in UTC, before it backwards; an offset only says how it was shown."""
    found = _DATE.fullmatch(value)
    if found is None:
        return value
    try:
        moment = _EPOCH + timedelta(milliseconds=int(found[1]))
        if is_day:
            return moment.astimezone(zone).date().isoformat()
    except OverflowError:
        return value
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds").replace(
        "+00:00", "Z"
    )
