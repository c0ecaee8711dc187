"""One question that says which tables there are, how many records they hold, and whether anything may have changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from connectors.netsuite.tables import DOCUMENTS, OPTIONAL, PAYMENTS, Account, listed
from connectors.netsuite.zone import SessionZone
from connectors.toolkit.http.errors import Refused

_NOT_FOUND = re.compile(r"Record '(\w+)' was not found")


_STAMPED = ("customer", "employee", "contact", "job")
_COUPLES = {
    "customersubsidiaryrelationship": ("entity", "subsidiary"),
    "companycontactrelationship": ("contact", "company"),
}
_OPEN = "SUM(NVL({0}.foreignamountunpaid, 0)), SUM(NVL({0}.foreignpaymentamountunused, 0))"


class Arm(NamedTuple):
    """What the pulse saw of one table: how many rows, the latest stamp as the session's clock shows it, sums that move with them."""

    n: int
    latest: str
    sums: tuple[str, ...]
    ids: tuple[int, int] = (0, 0)
    """The least and the greatest."""


@dataclass(frozen=True)
class Pulse:
    """The account at one moment."""

    zone: SessionZone
    arms: Mapping[str, Arm]
    lacking: frozenset[str]


Ask = Callable[[str], Sequence[Mapping[str, Any]]]
"""Asks one query and gives its rows."""


def take(account: Account, ask: Ask) -> Pulse:
    """Asks until no table is missing any more: each refusal names one. Raises what the client raises."""
    lacking = set[str]()
    while True:
        try:
            rows = ask(query(Account(account.settings, frozenset(lacking))))
            break
        except Refused as refusal:
            named = _NOT_FOUND.search(refusal.message)
            table = named[1].lower() if named else ""
            if table not in OPTIONAL or table in lacking:
                raise
            lacking.add(table)
    arms = {str(row["name"]): _arm(row) for row in rows}
    session = arms.pop("session")
    return Pulse(SessionZone(session.latest), arms, frozenset(lacking))


def _arm(row: Mapping[str, Any]) -> Arm:
    sums = tuple(str(Decimal(str(row.get(name) or 0))) for name in ("one", "two", "three"))
    ids = int(row.get("least") or 0), int(row.get("greatest") or 0)
    return Arm(int(row.get("n") or 0), str(row.get("latest") or ""), sums, ids)


class _Asked(NamedTuple):
    """An arm: of which tables, what its three sums are of, its stamp and its id."""

    name: str
    tables: str
    sums: str = "0, 0, 0"
    stamp: str = ""
    key: str = ""

    @property
    def written(self) -> str:
        latest = f"TO_CHAR(MAX({self.stamp}), 'YYYY-MM-DD HH24:MI:SS')" if self.stamp else "NULL"
        ids = f"MIN({self.key}), MAX({self.key})" if self.key else "0, 0"
        return f"SELECT '{self.name}', COUNT(*), {latest}, {self.sums}, {ids} FROM {self.tables}"


def query(account: Account) -> str:
    """The question: an arm for each table that may be there. Of most of those that may be missing it only asks whether they are there."""
    session = "SELECT 'session' AS name, 0 AS n, SESSIONTIMEZONE AS latest, 0 AS one, 0 AS two, 0 AS three, 0 AS least, 0 AS greatest FROM DUAL"
    optional = (table for table in OPTIONAL if account.has(table))
    arms = (*_transactions(account), *(_optional(t) for t in ("customer", *optional)))
    return " UNION ALL ".join((session, *(arm.written for arm in arms)))


def _optional(table: str) -> _Asked:
    if table in _STAMPED:
        return _Asked(table, f"{table} t", "SUM(t.id), 0, 0", "t.lastmodifieddate", "t.id")
    if table in _COUPLES:
        one, other = _COUPLES[table]
        return _Asked(table, f"{table} t", f"SUM(t.{one}), SUM(t.{other}), 0")
    if table == "entityaddress":
        return _Asked(table, f"{table} t", stamp="t.lastmodifieddate")
    return _Asked(table, f"{table} t" if table == "installment" else f"{table} t WHERE 1 = 0")


def _transactions(account: Account) -> Iterator[_Asked]:
    stamp, key = "t.lastmodifieddate", "t.id"
    for name, types in (("documents", DOCUMENTS), ("payments", PAYMENTS)):
        yield _Asked(
            name,
            f"transaction t WHERE t.type IN ({listed(types)})",
            f"SUM(t.id), {_OPEN.format('t')}",
            stamp,
            key,
        )
    for name, sign in (("journal_debits", ">"), ("journal_credits", "<")):
        yield _Asked(name, _of_lines(account, sign), f"SUM(t.id), {_OPEN.format('l')}", stamp, key)
    links = "nexttransactionlinelink k WHERE k.linktype = 'Payment'"
    yield _Asked("links", links, "SUM(k.foreignamount), 0, 0", "k.lastmodifieddate", "k.previousdoc")


def _of_lines(account: Account, sign: str) -> str:
    return (
        "transactionline l JOIN transaction t ON t.id = l.transaction JOIN customer c ON c.id = l.entity"
        f" WHERE t.type = 'Journal' AND ({account.receivable_line('l')}) AND l.foreignamount {sign} 0"
    )


def created_since(account: Account, arms: Sequence[str], shown: str) -> str:
    """How many rows of these arms were made after a moment of the session's clock; empty where none of them tells."""
    told = {
        **{table: f"{table} t WHERE t.datecreated" for table in _STAMPED},
        "documents": f"transaction t WHERE t.type IN ({listed(DOCUMENTS)}) AND t.createddate",
        "payments": f"transaction t WHERE t.type IN ({listed(PAYMENTS)}) AND t.createddate",
        "journal_debits": f"{_of_lines(account, '>')} AND t.createddate",
        "journal_credits": f"{_of_lines(account, '<')} AND t.createddate",
    }
    since = f"TO_TIMESTAMP('{shown}', 'YYYY-MM-DD HH24:MI:SS')"
    return " UNION ALL ".join(
        f"SELECT '{name}' AS name, COUNT(*) AS n FROM {told[name]} > {since}" for name in arms if name in told
    )
