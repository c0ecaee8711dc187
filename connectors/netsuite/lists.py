"""The small lists, read whole with one question: subsidiaries, currencies, terms, and what customers are grouped by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from connectors.netsuite.suiteql import Column, KeyPart, Query
from connectors.netsuite.tables import Account
from sync_engine.errors import ConfigurationError
from sync_engine.records import RawRecord

Rows = Sequence[Mapping[str, Any]]
NAMES = {
    "subsidiary": "Subsidiary",
    "category": "Category",
    "department": "Department",
    "classification": "Class",
    "location": "Location",
}
_TABLE = {"category": "customercategory"}
_PARENTS = ("subsidiary", "department", "classification", "location")
_COLUMNS = ("list", "id", "name", "parent", "isinactive", "code", "currency", "legalname")


def query(account: Account) -> Query:
    """All lists that are there, one below the other."""
    arms = [_arm("currency", "currency", code=account.symbol("y"), currency="y.isbasecurrency")]
    if account.has("term"):
        arms.append(_arm("term", "term"))
    for name in dimensions(account):
        if name == "subsidiary":
            arms.append(_arm(name, name, code="y.country", currency="y.currency", legalname="y.legalname"))
        else:
            arms.append(_arm(name, _table(account, name)))
    columns = tuple(Column(name, f"x.{name}") for name in _COLUMNS)
    key = (KeyPart("list", "x.list", is_text=True), KeyPart("id", "x.id"))
    return Query(columns, f"({' UNION ALL '.join(arms)}) x", key)


def _arm(name: str, table: str, **more: str) -> str:
    parent = "y.parent" if name in _PARENTS else "NULL"
    also = ", ".join(
        f"{more.get(column, 'NULL')} AS {column}" for column in ("code", "currency", "legalname")
    )
    return f"SELECT '{name}' AS list, y.id AS id, y.name AS name, {parent} AS parent, y.isinactive AS isinactive, {also} FROM {table} y"


def _table(account: Account, dimension: str) -> str:
    custom = {group.field: group.values for group in account.settings.customer_groups}
    return custom.get(dimension) or _TABLE.get(dimension, dimension)


def dimensions(account: Account) -> dict[str, str]:
    """Dimension -> its name: what customers are grouped by, then what documents are."""
    custom = {group.field: group.name for group in account.settings.customer_groups}
    known = [
        *account.groups,
        *(name for name in ("department", "classification", "location") if account.has(name)),
    ]
    return {name: custom.get(name) or NAMES[name] for name in known}


def company(rows: Rows, account: Account, whose: str) -> dict[str, Any]:
    """The subsidiary that is the company: the one of the settings, else the top one; without OneWorld the account itself.

    `currency` is the ISO symbol of its base currency, `currency_id` NetSuite's id of it, empty where there is one company only.
    """
    symbols = {str(row["id"]): row for row in rows if row["list"] == "currency"}
    subsidiaries = [row for row in rows if row["list"] == "subsidiary"]
    if not subsidiaries:
        base = next((row["code"] for row in symbols.values() if row["currency"] == "T"), None)
        return {
            "id": "1",
            "name": account.settings.account,
            "country": None,
            "currency": base,
            "currency_id": "",
        }
    wanted = account.settings.subsidiary
    found = [
        row
        for row in subsidiaries
        if (row["parent"] is None if wanted is None else str(row["id"]) == str(wanted))
    ]
    if not found:
        listed = ", ".join(f"{row['id']} ({row['name']})" for row in subsidiaries)
        raise ConfigurationError(
            "there is no such subsidiary", whose=whose, key="subsidiary", todo=f"There are: {listed}."
        )
    row = found[0]
    base = str(row["currency"])
    return {
        "id": str(row["id"]),
        "name": row["legalname"] or row["name"],
        "country": row["code"],
        "currency": symbols[base]["code"] if base in symbols else None,
        "currency_id": base,
    }


def records(entity: str, rows: Rows, account: Account, whose: str) -> Iterator[RawRecord]:
    """The records of one of the streams that are made of the lists."""
    named = dimensions(account)
    if entity == "company":
        found = company(rows, account, whose)
        yield _record(found["id"], found)
    elif entity == "dimensions":
        for code, name in named.items():
            yield _record(code, {"code": code, "name": name})
    elif entity == "dimension_values":
        for row in rows:
            if row["list"] in named:
                yield _value(row)
    else:
        for row in rows:
            if row["list"] in ("currency", "term"):
                said = {name: row[name] for name in ("list", "id", "name", "code", "isinactive")}
                yield _record(f"{row['list']}/{row['id']}", said)


def _value(row: Mapping[str, Any]) -> RawRecord:
    key = f"{row['list']}/{row['id']}"
    parent = None if row["parent"] is None else f"{row['list']}/{row['parent']}"
    said = {name: row[name] for name in ("id", "name", "isinactive")}
    return _record(key, {**said, "dimension": row["list"], "parent": parent})


def _record(key: str, said: Mapping[str, Any]) -> RawRecord:
    return RawRecord(key, msgspec.json.encode(said), None)
