"""What belongs to rows and is asked for with them: lines, instalments, relations, deposits; and what was deleted."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from connectors.netsuite.suiteql import Column, KeyPart, Query, among, quoted, told
from connectors.netsuite.tables import GROUP, Account
from connectors.toolkit.damaged_rows import DECODING, DamagedRow
from connectors.toolkit.pagination import Page
from connectors.toolkit.rows import Fields, Row, RowShape, spliced
from sync_engine.errors import ProtocolViolation

Rows = Sequence[Mapping[str, Any]]
Ask = Callable[[Query, str], Sequence[Row]]


class _Keyed(msgspec.Struct):
    id: str | int = ""


_KEYED = Fields(_Keyed)
_LINES = Query(
    (
        *(Column("transaction", "l.transaction"), Column("id", "l.id")),
        *(Column(name, f"l.{name}") for name in ("memo", "quantity", "rate", "foreignamount", "taxline")),
    ),
    "transactionline l",
    (KeyPart("transaction", "l.transaction"), KeyPart("id", "l.id")),
    ("l.mainline = 'F' AND NVL(l.iscogs, 'F') = 'F' AND NVL(l.assemblycomponent, 'F') = 'F'",),
)
"""Lines as they are printed, and those of taxes: not the cost of goods, not the parts of an assembly."""
_INSTALMENTS = Query(
    (
        *(Column("transaction", "i.transaction"), Column("number", "i.installmentnumber")),
        Column("duedate", "i.duedate", "day"),
        *(Column("amount", "i.amount"), Column("open", "i.amountremaining")),
    ),
    "installment i",
    (KeyPart("transaction", "i.transaction"), KeyPart("number", "i.installmentnumber")),
)
_COMPANIES = Query(
    (Column("contact", "r.contact"), Column("company", "r.company")),
    "companycontactrelationship r JOIN customer c ON c.id = r.company",
    (KeyPart("contact", "r.contact"), KeyPart("company", "r.company")),
)
_ADDRESSES = Query(
    (
        *(Column("entity", "b.entity"), Column("address", "b.addressbookaddress")),
        *(Column(name, f"b.{name}") for name in ("label", "defaultbilling", "defaultshipping")),
        *(Column(name, f"a.{name}") for name in ("addr1", "addr2", "city", "state", "zip", "country")),
    ),
    "customeraddressbook b JOIN entityaddress a ON a.nkey = b.addressbookaddress",
    (KeyPart("entity", "b.entity"), KeyPart("address", "b.addressbookaddress")),
)
_DEPOSITS = Query(
    (Column("nextdoc", "d.nextdoc"), Column("previousdoc", "d.previousdoc")),
    "nexttransactionlinelink d",
    (KeyPart("nextdoc", "d.nextdoc"), KeyPart("previousdoc", "d.previousdoc")),
    ("d.previoustype = 'CustDep'",),
)


def of(entity: str, account: Account, ask: Ask) -> Callable[[Page], Page] | None:
    """What adds the children of an entity to its pages; None where it has none."""
    if entity == "customers":
        return _grouped
    if entity == "documents":
        return lambda page: _with_lines(page, account, ask)
    if entity == "addresses":
        return lambda page: _added(page, {"addresses": _by(page, "entity", _ADDRESSES, "b.entity", ask)})
    if entity == "contacts" and account.has("companycontactrelationship"):
        return lambda page: _added(
            page, {"companies": _by(page, "contact", _COMPANIES, "r.contact", ask, "company")}
        )
    if entity == "applications":
        return lambda page: _with_deposits(page, ask)
    return None


def _grouped(page: Page) -> Page:
    """Customers with the groups they are in as one object: dimension -> key of the value, null where they are in none."""
    rows: list[Row] = []
    for row in page.rows:
        if _key(row) == "":
            rows.append(row)
            continue
        said: dict[str, Any] = msgspec.json.decode(bytes(row), type=dict[str, msgspec.Raw])
        found = {
            name.removeprefix(GROUP): msgspec.json.decode(said.pop(name))
            for name in [name for name in said if name.startswith(GROUP)]
        }
        said["groups"] = {
            name: value if value is None else f"{name}/{value}" for name, value in found.items()
        }
        rows.append(msgspec.Raw(msgspec.json.encode(said)))
    return page._replace(rows=rows)


def _with_lines(page: Page, account: Account, ask: Ask) -> Page:
    found: dict[str, Mapping[str, Any]] = {}
    if account.settings.lines:
        found["lines"] = _by(page, "transaction", _LINES, "l.transaction", ask)
    if account.has("installment"):
        found["instalments"] = _by(page, "transaction", _INSTALMENTS, "i.transaction", ask)
    return _added(page, found)


def _by(
    page: Page, parent: str, query: Query, column: str, ask: Ask, only: str = ""
) -> Mapping[str, list[Any]]:
    """Key of a parent -> its children, in their order; a damaged one as it is. Raises ProtocolViolation where one does not say whose it is."""
    found: dict[str, list[Any]] = defaultdict(list)
    keys = [key for row in page.rows if (key := _key(row))]
    shape, table = RowShape((parent,)), query.tables.split()[0]
    for row in ask(query.also(among(column, keys)), table) if keys else ():
        whose = shape.read([row]).records[0].key
        if whose not in keys:
            raise ProtocolViolation(f"a row of {table} does not say whose it is")
        if isinstance(row, DamagedRow):
            found[whose].append(row)
            continue
        [child] = told([row])
        found[whose].append(
            child[only] if only else {name: said for name, said in child.items() if name != parent}
        )
    return found


def _added(page: Page, found: Mapping[str, Mapping[str, list[Any]]]) -> Page:
    """The page with lists of children in its rows, empty ones too. A row with a damaged child is damaged: it would lack a part."""
    rows: list[Row] = []
    for row in page.rows:
        if key := _key(row):
            payload = bytes(row)
            parts = [child for children in found.values() for child in children.get(key, ())]
            if odd := next((child.why for child in parts if isinstance(child, DamagedRow)), ""):
                rows.append(DamagedRow(payload, f"has a part that {odd}"))
                continue
            for name, children in found.items():
                payload = spliced(payload, name, msgspec.json.encode(children.get(key, ())))
            row = msgspec.Raw(payload)
        rows.append(row)
    return page._replace(rows=rows)


def _with_deposits(page: Page, ask: Ask) -> Page:
    """A deposit application settles with its deposit: the row says which."""
    read = [_said(row) for row in page.rows]
    keys = sorted(
        {
            key
            for row in read
            if row and row["nexttype"] == "DepAppl" and (key := str(row["nextdoc"])).isdigit()
        }
    )
    if not keys:
        return page
    found = told(ask(_DEPOSITS.also(among("d.nextdoc", keys)), "deposits"))
    deposits = {str(row["nextdoc"]): str(row["previousdoc"]) for row in found}
    rows = [
        row
        if said is None
        else msgspec.Raw(msgspec.json.encode(said | {"deposit": deposits.get(str(said["nextdoc"]))}))
        for row, said in zip(page.rows, read, strict=True)
    ]
    return page._replace(rows=rows)


def _said(row: Row) -> dict[str, Any] | None:
    """What a row says; None where it is damaged or no object."""
    try:
        return None if isinstance(row, DamagedRow) else msgspec.json.decode(bytes(row), type=dict[str, Any])
    except DECODING:
        return None


def _key(row: Row) -> str:
    found = None if isinstance(row, DamagedRow) else _KEYED.read(row)
    return str(found.id) if found is not None and str(found.id).isdigit() else ""


def either_side(keys: Sequence[str]) -> str:
    """A condition on links that one of these documents is on either side."""
    return f"{among('l.previousdoc', keys)} OR {among('l.nextdoc', keys)}"


def deleted_since(day: str) -> Query:
    """The deletions of a day and later. The service keeps them for good and tells a day's more than once."""
    key = (KeyPart("recordid", "d.recordid"), KeyPart("type", "d.type", is_text=True))
    columns = tuple(Column(part.name, part.sql) for part in key)
    return Query(columns, "deletedrecord d", key, (f"d.deleteddate >= TO_DATE({quoted(day)}, 'YYYY-MM-DD')",))


def kind_of(row: Mapping[str, Any]) -> str:
    """The type of a deleted record: `Customer Payment`, CUSTOMERPAYMENT and customerPayment are the same."""
    return re.sub(r"[^a-z]", "", str(row["type"]).lower())
