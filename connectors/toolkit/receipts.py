"""The answer to a write over HTTP as a receipt: which refusals mean that the record has moved on, and that silence tells nothing."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from connectors.toolkit.http.errors import Refused
from sync_engine.errors import AuthenticationFailed, RateLimited, SourceError, TransientError
from sync_engine.records import Receipt

_number = msgspec.json.Encoder(decimal_format="number").encode


def body(fields: dict[str, Any]) -> bytes:
    """Wire fields as JSON; a Decimal is a number, digit by digit."""
    return _number(fields)


def shown(fields: dict[str, Any]) -> dict[str, Any]:
    """The same for a person to read."""
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in fields.items()}


def receipt(send: Callable[[], object], has_moved: Callable[[Refused], bool]) -> Receipt:
    """What became of a write that `send` sends once; `has_moved` knows the refusals that mean another version.

    Raises AuthenticationFailed and RateLimited, after which nothing was written.
    """
    try:
        send()
    except (AuthenticationFailed, RateLimited):
        raise
    except Refused as refusal:
        return Receipt("conflict" if has_moved(refusal) else "refused", refusal.what)
    except SourceError as refusal:
        return Receipt("refused", refusal.what)
    except TransientError as silence:
        return Receipt("unknown", silence.what)
    return Receipt("delivered")
