"""Lists that belong to a record and are listed apart: the lines of all invoices in one list, put to their invoices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from connectors.toolkit.pagination import Page
from connectors.toolkit.rows import Row, RowShape, sound, spliced
from sync_engine.errors import ProtocolViolation


def grouped(pages: Iterable[Page], key: str) -> Mapping[str, list[bytes]]:
    """The rows of these pages by what stands in their field `key`, in order. Raises ProtocolViolation where one does not say it."""
    found, shape = defaultdict[str, list[bytes]](list), RowShape((key,))
    for page in pages:
        read = shape.read(sound(page.rows))
        if read.keyless:
            raise ProtocolViolation(f"a row has no {key}: what it belongs to cannot be told")
        for record in read.records:
            found[record.key].append(record.payload)
    return found


def with_lists(rows: Sequence[Row], key: str, name: str, lists: Mapping[str, list[bytes]]) -> list[Row]:
    """The rows, each with its list as the member `name`, empty where it has none; a row without a key stays as it is."""
    return [
        row
        if record.unreadable or not isinstance(row, msgspec.Raw)
        else msgspec.Raw(spliced(bytes(row), name, b"[" + b",".join(lists.get(record.key, ())) + b"]"))
        for row, record in zip(rows, RowShape((key,)).read(rows).records, strict=True)
    ]
