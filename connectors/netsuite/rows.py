"""From rows to records: most rows are one, some are a record for each list, customer, address or side that they name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from connectors.netsuite.suiteql import told
from connectors.toolkit.damaged_rows import DamagedRow
from connectors.toolkit.rows import Row, RowShape
from sync_engine.errors import ProtocolViolation
from sync_engine.records import RawRecord, made_up_key

Expand = Callable[[Mapping[str, Any]], Iterator[tuple[str, Mapping[str, Any]]]]
"""From a row to its records: (what stands behind `<parent>|`, what it says)."""
ODD = (AttributeError, LookupError, TypeError, ValueError)
"""What a value of a kind that nobody foresaw raises where a row is taken apart."""
_APART = re.compile(r"[;,\s]+")
_SINGLE = RowShape(("id",), modified="modified")
_LINE = RowShape(("id", "line"), modified="modified")
DEBT_TYPES = ("CustInvc", "FinChrg", "CustRfnd")


def single(rows: Sequence[Row]) -> list[RawRecord]:
    """A record of each row, by its id."""
    return _SINGLE.read(rows).records


def of_line(rows: Sequence[Row]) -> list[RawRecord]:
    """A record of each line, keyed `<transaction>|<line>`."""
    return _LINE.read(rows).records


def parents(rows: Sequence[Row]) -> list[str]:
    """The ids of rows, each once, in their order."""
    found = (_SINGLE.read([row]).records[0] for row in rows)
    return list(dict.fromkeys(record.key for record in found if not record.unreadable))


def expanded(expand: Expand, rows: Sequence[Row]) -> list[RawRecord]:
    """The records of rows of which each is several, keyed `<parent>|...`.

    A row that cannot be read is one, unreadable, under a made-up key: which records it is, nobody can tell, so a sweep buries none.
    """
    found: list[RawRecord] = []
    for row in rows:
        read = _SINGLE.read([row]).records[0]
        if isinstance(row, DamagedRow) or read.unreadable:
            found.append(read._replace(key=made_up_key(read.payload)))
            continue
        said = msgspec.json.decode(bytes(row))
        try:
            several = list(expand(said))
        except ODD:
            found.append(
                read._replace(
                    key=made_up_key(read.payload), unreadable="holds a value of a kind that cannot be used"
                )
            )
            continue
        found += [
            RawRecord(f"{read.key}|{rest}", msgspec.json.encode(value), read.changed_at)
            for rest, value in several
        ]
    return found


def people(row: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """A record for each customer of a person; one of no customer is a record without."""
    also = row.get("companies") or []
    companies = list(dict.fromkeys(str(c) for c in (row.get("company"), *also) if c is not None))
    for company in companies or [""]:
        yield (
            company,
            {name: value for name, value in row.items() if name != "companies"}
            | {"company": company or None},
        )


def address_books(row: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """A record for each address of a customer."""
    for address in row.get("addresses") or ():
        yield str(address["address"]), {"customer": row["id"], **address}


def addresses(fields: Sequence[str]) -> Expand:
    """A record for each e-mail address in these fields of the customer card; several stand in one field."""

    def expand(row: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        seen = set[str]()
        for name in fields:
            for address in filter(None, _APART.split(str(row.get(name) or ""))):
                if "@" in address and (key := f"{name}|{address.casefold()}") not in seen:
                    seen.add(key)
                    yield key, {"customer": row["id"], "field": name, "email": address}

    return expand


def applications(rows: Sequence[Row]) -> list[RawRecord]:
    """A record of each link; one whose sides cannot be told is unreadable, under a key of its own."""
    found: list[RawRecord] = []
    for row in rows:
        try:
            if isinstance(row, DamagedRow):
                raise ProtocolViolation(f"a link {row.why}")
            found += [record for _, record in map(application, told([row]))]
        except (*ODD, ProtocolViolation):
            damaged = (
                row if isinstance(row, DamagedRow) else DamagedRow(bytes(row), "does not say what it settles")
            )
            found.append(RawRecord(made_up_key(damaged.received), damaged.payload, None, damaged.why))
    return found


def application(row: Mapping[str, Any]) -> tuple[str, RawRecord]:
    """The document that is settled, and the record: which side is which follows from the types, since a document may be on either.

    A deposit application stands for its deposit, where that is known. Of two journals, the line that is owed is settled.
    """
    sides = [
        {
            "id": str(row[f"{side}doc"]),
            "line": str(row[f"{side}line"]),
            "type": row[f"{side}type"],
            "date": row[f"{side}date"],
        }
        for side in ("previous", "next")
    ]
    debt, credit = sides if _is_owed(sides, row) else reversed(sides)
    days = [side["date"] for side in sides if side["date"]]
    said = {
        "debt": _end(debt),
        "debt_type": debt["type"],
        "credit": row.get("deposit") or _end(credit),
        "credit_type": "CustDep" if row.get("deposit") else credit["type"],
        "amount": row["amount"],
        "currency": row["currency"],
        "applied_on": max(days, default=None),
    }
    key = "|".join((debt["id"], debt["line"], credit["id"], credit["line"]))
    return debt["id"], RawRecord(key, msgspec.json.encode(said), None)


def _is_owed(sides: Sequence[Mapping[str, Any]], row: Mapping[str, Any]) -> bool:
    """Whether the previous side is the one that is settled."""
    previous, following = sides
    if previous["type"] == following["type"] == "Journal":
        return not str(row.get("previousamount") or "").startswith("-")
    if previous["type"] == "Journal":
        return following["type"] not in DEBT_TYPES
    return previous["type"] in DEBT_TYPES


def _end(side: Mapping[str, Any]) -> str:
    return f"{side['id']}|{side['line']}" if side["type"] == "Journal" else side["id"]
