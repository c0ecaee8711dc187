"""What every wire entity shares: how a row becomes a draft, an exclusion or a code gap."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from mappings.toolkit.fields import member
from mappings.toolkit.rows import CUSTOM, Row
from sync_engine.ports import CodeGap, Draft, Exclusion, Normalised

Say = Callable[[Any], Any]
"""A canonical value -> the JSON value that means it on the wire."""
Finish = Callable[[str, Row, Normalised], None]
"""Takes a key and its row, adds to the outcome exactly one draft or exclusion, and any gaps; may raise `Refused`."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How one wire entity is read: its mapping model, and what is decided about a whole record."""

    model: Any
    finish: Finish
    aliases: Mapping[str, str] = field(default_factory=dict)
    custom: Sequence[str] = ()
    written: Mapping[str, Say] = field(default_factory=dict)
    """Fields that can be written back, and custom ones as `custom.NAME`, -> how a value is said on the wire."""


def as_it_is(value: Any) -> Any:
    """Text, flags and null, where null is how the wire says that there is nothing."""
    return value


def blank_for_none(value: Any) -> Any:
    """Text, where a blank is how the wire says that there is nothing."""
    return "" if value is None else value


def as_number(value: Any) -> Decimal | None:
    """An amount, digit by digit."""
    return None if value is None else Decimal(value)


def nought_for_none(value: Any) -> Decimal:
    """An amount, where nought is how the wire says that there is none."""
    return Decimal(value or 0)


def keep(key: str, row: Row, out: Normalised) -> None:
    """The row is the draft."""
    out.drafts.append(Draft(key, row))


def exclude(key: str, reason: str, out: Normalised) -> None:
    """The record is left out, and why."""
    out.excluded.append(Exclusion(key, reason))


def choose(
    key: str, row: Row, column: str, table: Mapping[str, Any], out: Normalised, blank: Any = None
) -> None:
    """Replaces the enum member in `column`, if said, by its canonical value; one nobody knows becomes a code gap."""
    if column not in row:
        return
    code = member(row[column] or "")
    if code is None:
        row[column] = blank
    elif code in table:
        row[column] = table[code]
    else:
        del row[column]
        out.gaps.append(CodeGap(key, column, code))


def gather_custom(row: Row, names: Sequence[str]) -> None:
    """Moves the declared custom fields into one `custom` object."""
    found = {name: row.pop(CUSTOM + name) for name in names if CUSTOM + name in row}
    if found:
        row.setdefault("custom", {}).update(found)


def reference(kind: str, *attributes: str) -> Finish:
    """A code list entry: `attributes` are the columns that move into its attributes."""

    def finish(key: str, row: Row, out: Normalised) -> None:
        row["kind"] = kind
        found = {name: row.pop(name) for name in attributes if name in row}
        if attributes:
            row["attributes"] = found
        keep(key, row, out)

    return finish
