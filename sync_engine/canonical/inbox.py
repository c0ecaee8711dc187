"""What applications may say through the claims inbox: a few fields that collections own, each with its type."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, NamedTuple

from sync_engine.canonical.by_hand import COLLECTION_STATES, Unfit, checked

SayableKind = Literal["bool", "text", "date", "percentage", "owner", "status"]
PERCENTAGE_PLACES = 4
"""As many as the column holds: what is stored is what was said."""


class Sayable(NamedTuple):
    """A field, the column it is stored in, and what it takes."""

    field: str
    column: str
    kind: SayableKind


_DEBTOR = (
    Sayable("chasing_paused", "chasing_paused", "bool"),
    Sayable("pause_reason", "pause_reason", "text"),
    Sayable("pause_until", "pause_until", "date"),
    Sayable("credit_alert_pct", "credit_alert_pct", "percentage"),
    Sayable("owner_code", "owner_id", "owner"),
)
_DOCUMENT = (
    Sayable("promised_date", "promised_date", "date"),
    Sayable("dispute_reason", "dispute_reason", "text"),
    Sayable("collection_status", "collection_status", "status"),
)
SAYABLE: dict[str, dict[str, Sayable]] = {
    "debtor": {s.field: s for s in _DEBTOR} | {"owner": _DEBTOR[-1], "owner_id": _DEBTOR[-1]},
    "document": {s.field: s for s in _DOCUMENT} | {"promise": _DOCUMENT[0], "dispute": _DOCUMENT[1]},
}
"""By entity and by what applications call the field."""


class Refusal(Exception):
    """Why a row of the inbox is not taken, in words for the application's developer."""


def understood(entity: str, field: str, value: str | None) -> tuple[Sayable, Any]:
    """The field meant and its value as a claim holds it; `value` is JSON text. Raises Refusal."""
    if entity not in SAYABLE:
        raise Refusal(f"there is no entity {entity!r} here; say {' or '.join(SAYABLE)}")
    sayable = SAYABLE[entity].get(field)
    if sayable is None:
        open_ones = ", ".join(dict.fromkeys(s.field for s in SAYABLE[entity].values()))
        raise Refusal(f"{field!r} of a {entity} is not open to applications; these are: {open_ones}")
    said = None if value is None else plain(value)
    return sayable, None if said is None else _checked(entity, sayable, _READ[sayable.kind](said))


def _checked(entity: str, sayable: Sayable, said: Any) -> Any:
    """The same check that a person's pin of this field goes through."""
    try:
        return checked(entity, sayable.field, said)
    except Unfit as why:
        raise Refusal(str(why)) from None


def plain(value: str) -> Any:
    """JSON text as Python has it. Raises Refusal: jsonb holds numbers longer and lists deeper than Python reads, and one such row must not stop a cut."""
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise Refusal("the value cannot be read: a number too long, or too deep a structure") from None


def _bool(said: Any) -> bool:
    if isinstance(said, bool):
        return said
    raise Refusal("it takes true or false")


def _text(said: Any) -> str | None:
    if isinstance(said, str) and "\x00" not in said:
        return said.strip() or None
    raise Refusal("it takes text")


def _date(said: Any) -> str:
    try:
        date.fromisoformat(said)
    except (TypeError, ValueError):
        raise Refusal("it takes a date, YYYY-MM-DD, as text") from None
    return str(said)


def _percentage(said: Any) -> str:
    try:
        number = Decimal(said if isinstance(said, str) else "" if isinstance(said, bool) else str(said))
    except InvalidOperation:
        number = Decimal("NaN")
    if number.is_nan():
        raise Refusal("it takes a percentage such as 80")
    if not 0 <= number <= 1000:
        raise Refusal("it takes a percentage from 0 to 1000")
    return f"{round(number, PERCENTAGE_PLACES).normalize():f}"


def _owner(said: Any) -> str:
    if isinstance(said, str) and said.strip():
        return said.strip()
    raise Refusal("it takes an account owner's id, e-mail address or number, as text")


def _status(said: Any) -> str:
    if said in COLLECTION_STATES:
        return str(said)
    raise Refusal(f"it takes one of {', '.join(COLLECTION_STATES)}")


_READ = {
    "bool": _bool,
    "text": _text,
    "date": _date,
    "percentage": _percentage,
    "owner": _owner,
    "status": _status,
}
