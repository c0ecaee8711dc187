"""Lists that belong to a record and are listed apart: the lines of all invoices in one list, put to their invoices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from connectors.toolkit.damaged_rows import DamagedRow
from connectors.toolkit.pagination import Page
from connectors.toolkit.rows import Row, RowShape, spliced
from sync_engine.errors import ProtocolViolation


def grouped(pages: Iterable[Page], key: str) -> Mapping[str, list[Row]]:
    """The rows of these pages by what stands in their field `key`, in order; a damaged one too, where it still says that.

    Raises ProtocolViolation where one does not: every record may lack it then.
    """
    found, shape = defaultdict[str, list[Row]](list), RowShape((key,))
    for page in pages:
        read = shape.read(page.rows)
        if read.keyless:
            raise ProtocolViolation(f"a row has no {key}: what it belongs to cannot be told")
        for row, record in zip(page.rows, read.records, strict=True):
            found[record.key].append(row)
    return found


def with_lists(rows: Sequence[Row], key: str, name: str, lists: Mapping[str, Sequence[Row]]) -> list[Row]:
    """The rows, each with its list as the member `name`, empty where it has none; a row without a key stays as it is.

    A row whose list holds a damaged one is damaged itself: it would lack a part.
    """
    return [
        row
        if record.unreadable or isinstance(row, DamagedRow)
        else _with_list(row, name, lists.get(record.key, ()))
        for row, record in zip(rows, RowShape((key,)).read(rows).records, strict=True)
    ]


def _with_list(row: msgspec.Raw, name: str, listed: Sequence[Row]) -> Row:
    for one in listed:
        if isinstance(one, DamagedRow):
            return DamagedRow(bytes(row), f"has a line that {one.why}")
    return msgspec.Raw(spliced(bytes(row), name, b"[" + b",".join(map(bytes, listed)) + b"]"))
