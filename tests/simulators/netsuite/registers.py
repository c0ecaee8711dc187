"""What an account of NetSuite knows, in tables: subsidiaries, currencies, customers, contacts."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.simulators.netsuite import schema, suiteql
from tests.simulators.netsuite.suiteql import Session

START = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
RECEIVABLE, BANK, INCOME = 119, 100, 400
"""Accounts: trade debtors, bank, sales."""
DEBTS = ("CustInvc", "CustRfnd")
Links = Mapping[int, str]


@dataclass
class Time:
    """A clock that moves when it is told to; its sleep is such a move."""

    at: datetime = START

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Registers:
    """The tables of one account and its master data. `session` is how its API user sees it."""

    time: Time = field(default_factory=Time)
    session: Session = field(default_factory=Session)
    _last: int = 0

    def __post_init__(self) -> None:
        self.db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        suiteql.prepare(self.db)
        for statement in schema.statements():
            self.db.execute(statement)
        for number, kind in ((RECEIVABLE, "AcctRec"), (BANK, "Bank"), (INCOME, "Income")):
            self.add("account", id=number, acctnumber=str(number), accttype=kind, isinactive="F")
        self.add("accountingbook", id=1, name="Primary", isprimary="T")
        self._currencies, self._links = dict[str, int](), 0

    # --- tables

    def add(self, table: str, **values: Any) -> int:
        """A new row; gives its id, the next one where none is given."""
        if "id" in schema.TABLES[table] and "id" not in values:
            values["id"] = self.next_id()
        if "lastmodifieddate" in schema.TABLES[table]:
            values.setdefault("lastmodifieddate", self.stamp())
        if "datecreated" in schema.TABLES[table]:
            values.setdefault("datecreated", self.stamp())
        names = ", ".join(f'"{name}"' for name in values)
        marks = ", ".join("?" * len(values))
        self.db.execute(
            f'INSERT INTO "{table}" ({names}) VALUES ({marks})', [plain(v) for v in values.values()]
        )
        return int(values.get("id", 0))

    def next_id(self) -> int:
        """One number for all kinds of records."""
        self._last += 1
        return self._last

    def edit(self, table: str, key: int, *, touch: bool = True, **values: Any) -> None:
        """Writes values into a row, and when."""
        if touch and "lastmodifieddate" in schema.TABLES[table]:
            values["lastmodifieddate"] = self.stamp()
        named = ", ".join(f'"{name}" = ?' for name in values)
        self.db.execute(f'UPDATE "{table}" SET {named} WHERE "id" = ?', [*map(plain, values.values()), key])

    def rows(self, statement: str, *given: Any) -> list[tuple[Any, ...]]:
        """What SQLite says."""
        return self.db.execute(statement, given).fetchall()

    def one(self, statement: str, *given: Any) -> Any:
        """The first value of the first row; None where there is none."""
        found = self.rows(statement, *given)
        return found[0][0] if found else None

    def stamp(self) -> str:
        """Now, as the tables have it."""
        return self.time.now().strftime("%Y-%m-%d %H:%M:%S")

    def today(self) -> str:
        """The day of a new transaction."""
        return self.time.now().date().isoformat()

    # --- master data

    def currency(self, symbol: str, *, base: bool = False, precision: int = 2, rate: str = "1") -> int:
        """A currency by the symbol that somebody typed."""
        if symbol not in self._currencies:
            self._currencies[symbol] = self.add(
                "currency",
                name=symbol,
                symbol=symbol,
                currencyprecision=precision,
                isbasecurrency="T" if base else "F",
                exchangerate=rate,
                isinactive="F",
            )
        return self._currencies[symbol]

    def subsidiary(self, name: str, currency: str, parent: int | None = None, country: str = "US") -> int:
        """A company of the group."""
        return self.add(
            "subsidiary",
            name=name,
            fullname=name,
            parent=parent,
            currency=self.currency(currency, base=parent is None),
            country=country,
            iselimination="F",
            isinactive="F",
            legalname=f"{name} Inc",
        )

    def customer(
        self,
        name: str,
        *,
        parent: int | None = None,
        subsidiaries: Sequence[int] = (),
        currency: str = "USD",
        **values: Any,
    ) -> int:
        """A customer of these subsidiaries, the first of which is its primary one."""
        key = self.next_id()
        given = {
            "entityid": f"C{key:05}",
            "altname": name,
            "companyname": name,
            "isperson": "F",
            "isinactive": "F",
            "searchstage": "Customer",
            "balancesearch": 0,
            "datecreated": self.stamp(),
        }
        address = self.next_id()
        self.add(
            "entityaddress",
            nkey=address,
            addressee=name,
            addr1=f"{key} Main Street",
            city="Springfield",
            state="IL",
            zip="62701",
            country="US",
        )
        self.add(
            "customeraddressbook",
            entity=key,
            label="Main",
            defaultbilling="T",
            defaultshipping="T",
            addressbookaddress=address,
        )
        self.add(
            "customer",
            id=key,
            parent=parent,
            currency=self.currency(currency),
            defaultbillingaddress=address,
            **(given | values),
        )
        for place, subsidiary in enumerate(subsidiaries):
            self.add(
                "customersubsidiaryrelationship",
                entity=key,
                subsidiary=subsidiary,
                isprimarysub="F" if place else "T",
            )
        return key

    def contact(self, name: str, *companies: int, **values: Any) -> int:
        """A person of these companies; the first is on its card, the others are relations."""
        first, _, last = name.partition(" ")
        key = self.add(
            "contact",
            entityid=name,
            firstname=first,
            lastname=last,
            company=companies[0] if companies else None,
            isinactive="F",
            isprivate="F",
            **values,
        )
        for company in companies[1:]:
            self.add("companycontactrelationship", contact=key, company=company)
        return key


def plain(value: Any) -> Any:
    """A value as SQLite keeps it."""
    return (
        float(value)
        if isinstance(value, Decimal)
        else value.isoformat()
        if isinstance(value, date)
        else value
    )
