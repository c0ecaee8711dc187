"""A column that the account has not costs itself, not its stream: found by its name in the refusal, else by halving."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from connectors.netsuite.suiteql import Column, Query
from connectors.toolkit.http.errors import BrokeDown, Refused
from sync_engine.errors import SourceError, SyncError

_NAMED = re.compile(r"Field '(\w+)' for record|Unknown identifier '(\w+)'", re.IGNORECASE)
First = Callable[[Query, str], None]


def found(query: Query, failure: SyncError, first: First, *, whose: str, key: str) -> Mapping[str, str]:
    """Columns without which the query can be asked -> what cannot be told without them.

    Raises the failure where no column explains it, and SourceError where one does that nothing works without.
    """
    lost: dict[str, str] = {}
    latest: SyncError | None = failure
    while latest is not None:
        columns = _culprits(query.without(frozenset(lost)), latest, first, key)
        if not columns:
            raise failure
        for column in columns:
            if not column.lost:
                what = f"the field {column.sql.rpartition('.')[2]} is not there, and nothing works without it"
                raise SourceError(what, whose=whose, key=key, todo="Grant the role what shows it.")
            lost[column.name] = column.lost
        latest = _refusal(query.without(frozenset(lost)), first, key)
    return lost


def _culprits(query: Query, failure: SyncError, first: First, key: str) -> list[Column]:
    named = _NAMED.search(failure.message) if isinstance(failure, Refused) else None
    if named:
        name = (named[1] or named[2]).lower()
        return [column for column in query.asked if re.search(rf"\b{name}\b", column.sql.lower())]
    return _halved(
        query, [c for c in query.asked if c.name not in {part.name for part in query.key}], first, key
    )


def _halved(query: Query, suspects: list[Column], first: First, key: str) -> list[Column]:
    """Those of the suspects with which the query is refused, when it is not without any of them."""
    if not suspects:
        return []
    kept = {part.name for part in query.key} | {column.name for column in suspects}
    if (
        _refusal(replace(query, columns=tuple(c for c in query.columns if c.name in kept)), first, key)
        is None
    ):
        return []
    if len(suspects) == 1:
        return suspects
    half = len(suspects) // 2
    return _halved(query, suspects[:half], first, key) + _halved(query, suspects[half:], first, key)


def _refusal(query: Query, first: First, key: str) -> SyncError | None:
    try:
        first(query, key)
    except (Refused, BrokeDown) as refusal:
        return refusal
    return None


def sentence(lost: Mapping[str, str]) -> str:
    """What a run says about it."""
    told = ", ".join(f"{name} ({what} cannot be told)" for name, what in sorted(lost.items()))
    return f"fields that this account or role has not were left out: {told}"
