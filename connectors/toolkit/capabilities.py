"""What a login may read, found out by counting."""

from __future__ import annotations

from collections.abc import Callable

from sync_engine.errors import SourceError
from sync_engine.records import Capability


def counted(name: str, count: Callable[[str], int | None]) -> Capability:
    """Whether the wire entity can be counted, with how many there are, or with why not and what to do."""
    try:
        found = count(name)
    except SourceError as failure:
        return Capability(name, False, failure.what, failure.todo)
    return Capability(name, True, "" if found is None else f"{found:,} records")
