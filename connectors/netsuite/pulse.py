"""One question that says which tables there are, how many records they hold, and whether anything may have changed.

A cursor is the latest stamp that the pulse saw, and a mark of all that it saw of a stream: while the mark stays, nothing is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import xxhash

from connectors.netsuite.tables import DOCUMENTS, OPTIONAL, PAYMENTS, Account
from connectors.netsuite.zone import SessionZone
from connectors.toolkit.http.errors import Refused
from sync_engine.records import Cursor

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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


@dataclass(frozen=True)
class Pulse:
    """The account at one moment."""

    zone: SessionZone
    arms: Mapping[str, Arm]
    lacking: frozenset[str]

    def mark(self, names: Sequence[str]) -> str:
        """Stays the same while these arms do."""
        seen = repr([(name, self.arms.get(name)) for name in names])
        return xxhash.xxh3_64_hexdigest(seen.encode())

    def latest(self, names: Sequence[str], now: datetime) -> datetime:
        """The latest stamp of these arms, none of the future."""
        stamps = [self.zone.utc(arm.latest) for name in names if (arm := self.arms.get(name)) and arm.latest]
        return min(max(stamps, default=EPOCH), now)

    def cursor(self, names: Sequence[str], now: datetime) -> Cursor:
        """Where to go on from what is read now."""
        return Cursor(f"{self.latest(names, now).strftime('%Y-%m-%dT%H:%M:%SZ')} {self.mark(names)}")


class Since(NamedTuple):
    """A cursor taken apart."""

    moment: datetime
    mark: str

    @classmethod
    def of(cls, cursor: Cursor) -> Since:
        """Raises ValueError for what is none of ours."""
        moment, _, mark = cursor.partition(" ")
        return cls(datetime.fromisoformat(moment), mark)


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
    return Arm(int(row.get("n") or 0), str(row.get("latest") or ""), sums)


def query(account: Account) -> str:
    """The question: an arm for each table that may be there."""
    asked = [table for table in OPTIONAL if account.has(table) and table not in (*_STAMPED, *_COUPLES)]
    arms = [
        "SELECT 'session' AS name, 0 AS n, SESSIONTIMEZONE AS latest, 0 AS one, 0 AS two, 0 AS three FROM DUAL",
        *(
            _written(t, f"{t} t", "SUM(t.id), 0, 0", stamp="t.lastmodifieddate")
            for t in _STAMPED
            if account.has(t)
        ),
        *(
            _written(t, f"{t} t", f"SUM(t.{a}), SUM(t.{b}), 0")
            for t, (a, b) in _COUPLES.items()
            if account.has(t)
        ),
        *(_transactions(name, types) for name, types in (("documents", DOCUMENTS), ("payments", PAYMENTS))),
        *(_lines(account, name, sign) for name, sign in (("journal_debits", ">"), ("journal_credits", "<"))),
        _written(
            "links",
            "nexttransactionlinelink k WHERE k.linktype = 'Payment'",
            "SUM(k.foreignamount), 0, 0",
            stamp="k.lastmodifieddate",
        ),
        *(_written(t, f"{t} t WHERE 1 = 0", "0, 0, 0") for t in asked),
    ]
    return " UNION ALL ".join(arms)


def _written(name: str, tables: str, sums: str, stamp: str = "") -> str:
    latest = f"TO_CHAR(MAX({stamp}), 'YYYY-MM-DD HH24:MI:SS')" if stamp else "NULL"
    return f"SELECT '{name}', COUNT(*), {latest}, {sums} FROM {tables}"


def _transactions(name: str, types: Sequence[str]) -> str:
    listed = ", ".join(f"'{kind}'" for kind in types)
    sums = f"SUM(t.id), {_OPEN.format('t')}"
    return _written(name, f"transaction t WHERE t.type IN ({listed})", sums, stamp="t.lastmodifieddate")


def _lines(account: Account, name: str, sign: str) -> str:
    tables = (
        "transactionline l JOIN transaction t ON t.id = l.transaction JOIN customer c ON c.id = l.entity"
        f" WHERE t.type = 'Journal' AND ({account.receivable_line('l')}) AND l.foreignamount {sign} 0"
    )
    return _written(name, tables, f"SUM(t.id), {_OPEN.format('l')}", stamp="t.lastmodifieddate")
