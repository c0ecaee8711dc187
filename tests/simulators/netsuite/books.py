"""What an account of NetSuite knows, in tables, and the verbs with which people change it.

Stamps are UTC. Applying and un-applying touch the payment's side only at its creation: the settled document keeps its stamp.
"""

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
class Books:
    """One account. `session` is how its API user sees it."""

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
            f'INSERT INTO "{table}" ({names}) VALUES ({marks})', [_plain(v) for v in values.values()]
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
        self.db.execute(f'UPDATE "{table}" SET {named} WHERE "id" = ?', [*map(_plain, values.values()), key])

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

    # --- transactions

    def _transaction(
        self, kind: str, entity: int | None, total: Decimal, subsidiary: int | None, **values: Any
    ) -> int:
        key = self.next_id()
        given = {
            "tranid": f"{kind[:4].upper()}{key}",
            "trandate": self.today(),
            "createddate": self.stamp(),
            "status": "A",
            "posting": "T",
            "voided": "F",
            "exchangerate": "1",
        }
        symbol = values.pop("currency", "USD")
        self.add(
            "transaction",
            id=key,
            type=kind,
            recordtype=schema.RECORDS[kind],
            entity=entity,
            foreigntotal=total,
            currency=self.currency(symbol),
            **(given | values),
        )
        if kind != "Journal":
            self.line(key, 0, RECEIVABLE, total, entity=entity, subsidiary=subsidiary, mainline="T")
        return key

    def line(self, transaction: int, number: int, account: int, amount: Decimal, **values: Any) -> None:
        """A line of a transaction, with its posting."""
        given = {"mainline": "F", "taxline": "F", "linesequencenumber": number} | values
        self.add(
            "transactionline",
            uniquekey=self.next_id(),
            transaction=transaction,
            id=number,
            foreignamount=amount,
            netamount=amount,
            linelastmodifieddate=self.stamp(),
            **given,
        )
        rate = Decimal(
            str(self.one('SELECT "exchangerate" FROM "transaction" WHERE "id" = ?', transaction) or 1)
        )
        self.add(
            "transactionaccountingline",
            transaction=transaction,
            transactionline=number,
            accountingbook=1,
            account=account,
            amount=round(amount * rate, 2),
        )

    def invoice(
        self,
        customer: int,
        *nets: str,
        subsidiary: int | None = None,
        tax: str = "0",
        instalments: Sequence[tuple[str, str]] = (),
        **values: Any,
    ) -> int:
        """An invoice with a line for each net amount. `instalments`: due day and amount of each."""
        total = sum(map(Decimal, nets), Decimal(tax))
        due = (self.time.now().date() + timedelta(days=30)).isoformat()
        key = self._transaction(
            "CustInvc", customer, total, subsidiary, **({"duedate": due, "foreignamountpaid": 0} | values)
        )
        for number, net in enumerate(nets, 1):
            self.line(
                key,
                number,
                INCOME,
                -Decimal(net),
                memo=f"Item {number}",
                quantity=-1,
                rate=net,
                subsidiary=subsidiary,
            )
        if Decimal(tax):
            self.line(key, len(nets) + 1, INCOME, -Decimal(tax), taxline="T", subsidiary=subsidiary)
        self.line(key, 90, INCOME, Decimal(7), iscogs="T", subsidiary=subsidiary)
        for number, (day, amount) in enumerate(instalments, 1):
            self.add(
                "installment",
                transaction=key,
                installmentnumber=number,
                duedate=day,
                amount=amount,
                amountremaining=amount,
            )
        self.settle(key)
        return key

    def credit(
        self,
        customer: int,
        amount: str,
        *,
        subsidiary: int | None = None,
        applied: Links | None = None,
        **values: Any,
    ) -> int:
        """A credit memo, applied to these documents."""
        return self._credit("CustCred", customer, -Decimal(amount), subsidiary, applied, values)

    def pay(
        self,
        customer: int,
        amount: str,
        applied: Links | None = None,
        *,
        subsidiary: int | None = None,
        **values: Any,
    ) -> int:
        """A payment, applied to these documents."""
        return self._credit("CustPymt", customer, Decimal(amount), subsidiary, applied, values)

    def deposit(self, customer: int, amount: str, *, subsidiary: int | None = None, **values: Any) -> int:
        """Money before there is anything to pay."""
        return self._credit("CustDep", customer, Decimal(amount), subsidiary, None, values)

    def apply_deposit(self, deposit: int, applied: Links) -> int:
        """A deposit application: it uses the deposit for these documents."""
        customer, currency = self.rows(
            'SELECT t."entity", c."symbol" FROM "transaction" t JOIN "currency" c ON c."id" = t."currency" WHERE t."id" = ?',
            deposit,
        )[0]
        amount = sum(map(Decimal, applied.values()), Decimal(0))
        key = self._transaction("DepAppl", customer, amount, self.subsidiary_of(deposit), currency=currency)
        self.link(deposit, key, str(amount), kind="DepAppl")
        for document, part in applied.items():
            self.link(document, key, part)
        self.settle(deposit, key, *applied)
        return key

    def refund(self, customer: int, amount: str, credit: int, **values: Any) -> int:
        """Money given back for a credit memo, a payment or a deposit, which stands on the other side of the link."""
        subsidiary = self.subsidiary_of(credit)
        key = self._transaction("CustRfnd", customer, -Decimal(amount), subsidiary, **values)
        self.link(credit, key, amount)
        self.settle(credit, key)
        return key

    def subsidiary_of(self, key: int) -> int | None:
        """Whose books a transaction is in."""
        found: int | None = self.one(
            'SELECT MAX("subsidiary") FROM "transactionline" WHERE "transaction" = ?', key
        )
        return found

    def _credit(
        self,
        kind: str,
        customer: int,
        total: Decimal,
        subsidiary: int | None,
        applied: Links | None,
        values: dict[str, Any],
    ) -> int:
        key = self._transaction(kind, customer, total, subsidiary, **values)
        self.settle(key)
        self.apply(key, applied or {})
        return key

    def journal(self, *lines: tuple[int, str], subsidiary: int | None = None, **values: Any) -> int:
        """A journal over receivables: (customer, amount) each, what he owes is positive; the other side is the bank."""
        key = self._transaction("Journal", None, Decimal(0), subsidiary, **values)
        for number, (customer, amount) in enumerate(lines):
            self.line(key, number, RECEIVABLE, Decimal(amount), entity=customer, subsidiary=subsidiary)
        rest = -sum((Decimal(amount) for _, amount in lines), Decimal(0))
        self.line(key, len(lines), BANK, rest, subsidiary=subsidiary)
        self.settle(key)
        return key

    # --- settlement

    def link(
        self,
        previous: int,
        following: int,
        amount: str,
        *,
        kind: str = "Payment",
        lines: tuple[int, int] = (0, 0),
    ) -> None:
        """A row of the graph of transactions."""
        types = dict(
            self.rows('SELECT "id", "type" FROM "transaction" WHERE "id" IN (?, ?)', previous, following)
        )
        self.add(
            "nexttransactionlinelink",
            previousdoc=previous,
            previousline=lines[0],
            previoustype=types[previous],
            nextdoc=following,
            nextline=lines[1],
            nexttype=types[following],
            linktype=kind,
            foreignamount=amount,
        )

    def apply(
        self, credit: int, applied: Links, *, line: int = 0, to_lines: Mapping[int, int] | None = None
    ) -> None:
        """Uses a credit for documents; the credit is written anew, the documents are not."""
        for document, amount in applied.items():
            self.link(document, credit, amount, lines=((to_lines or {}).get(document, 0), line))
        if applied:
            self.edit("transaction", credit)
        self.settle(credit, *applied)

    def unapply(self, credit: int, document: int) -> None:
        """Takes an application back. Nothing but the amounts tells of it."""
        self.db.execute(
            'DELETE FROM "nexttransactionlinelink" WHERE ("previousdoc" = ? AND "nextdoc" = ?) OR ("previousdoc" = ? AND "nextdoc" = ?)',
            (document, credit, credit, document),
        )
        self.settle(credit, document)

    def used(self, key: int) -> dict[int, Decimal]:
        """Line of a transaction -> what settles it, or what it settles."""
        found: dict[int, Decimal] = {}
        for line, amount in self.rows(
            """SELECT "previousline", "foreignamount" FROM "nexttransactionlinelink" WHERE "previousdoc" = ?
            UNION ALL SELECT "nextline", "foreignamount" FROM "nexttransactionlinelink" WHERE "nextdoc" = ? AND "linktype" = 'Payment'""",
            key,
            key,
        ):
            found[line] = found.get(line, Decimal(0)) + Decimal(str(amount))
        return found

    def settle(self, *keys: int) -> None:
        """Derives what is open and unused of these transactions, and the balances of whom they concern."""
        entities = set[int]()
        for key in keys:
            found = self.rows(
                'SELECT "type", "foreigntotal", "entity" FROM "transaction" WHERE "id" = ?', key
            )
            if not found:
                continue
            kind, total, entity = found[0]
            used = self.used(key)
            if kind == "Journal":
                entities |= self._settle_journal(key, used)
                continue
            entities.add(entity)
            whole, part = abs(Decimal(str(total))), sum(used.values(), Decimal(0))
            if kind in DEBTS:
                values = {"foreignamountpaid": part, "foreignamountunpaid": whole - part}
                self._settle_instalments(key, part)
            else:
                values = {"foreignpaymentamountused": part, "foreignpaymentamountunused": whole - part}
            status = "V" if self.one('SELECT "voided" FROM "transaction" WHERE "id" = ?', key) == "T" else "A"
            self.edit("transaction", key, touch=False, status="B" if whole == part else status, **values)
        for entity in entities:
            self._balance(entity)

    def _settle_journal(self, key: int, used: dict[int, Decimal]) -> set[int]:
        entities = set[int]()
        for unique, line, amount, entity in self.rows(
            'SELECT "uniquekey", "id", "foreignamount", "entity" FROM "transactionline" WHERE "transaction" = ? AND "entity" IS NOT NULL',
            key,
        ):
            rest = abs(Decimal(str(amount))) - used.get(line, Decimal(0))
            column = "foreignamountunpaid" if amount > 0 else "foreignpaymentamountunused"
            self.db.execute(
                f'UPDATE "transactionline" SET "{column}" = ? WHERE "uniquekey" = ?', (_plain(rest), unique)
            )
            entities.add(entity)
        return entities

    def _settle_instalments(self, key: int, paid: Decimal) -> None:
        for row, amount in self.rows(
            'SELECT rowid, "amount" FROM "installment" WHERE "transaction" = ? ORDER BY "installmentnumber"',
            key,
        ):
            part = min(paid, Decimal(str(amount)))
            paid -= part
            self.db.execute(
                'UPDATE "installment" SET "amountremaining" = ? WHERE rowid = ?',
                (_plain(Decimal(str(amount)) - part), row),
            )

    def _balance(self, entity: int) -> None:
        self.edit("customer", entity, touch=False, balancesearch=self.balance(entity))

    def balance(self, entity: int) -> Decimal:
        """What somebody owes in base currency: what is open less what is unused, each at its own rate."""
        rows = self.rows(
            """SELECT coalesce("foreignamountunpaid", 0) - coalesce("foreignpaymentamountunused", 0), "exchangerate" FROM "transaction"
            WHERE "entity" = ?1 AND "posting" = 'T' AND "voided" = 'F'
            UNION ALL SELECT coalesce(l."foreignamountunpaid", 0) - coalesce(l."foreignpaymentamountunused", 0), t."exchangerate"
            FROM "transactionline" l JOIN "transaction" t ON t."id" = l."transaction"
            WHERE l."entity" = ?1 AND t."type" = 'Journal' AND t."posting" = 'T' AND t."voided" = 'F'
              AND NOT EXISTS (SELECT 1 FROM "transaction" v WHERE v."id" = l."createdfrom" AND v."voided" = 'T')""",
            entity,
        )
        parts = (round(Decimal(str(amount)) * Decimal(str(rate)), 2) for amount, rate in rows)
        return sum(parts, Decimal(0))


def _plain(value: Any) -> Any:
    return (
        float(value)
        if isinstance(value, Decimal)
        else value.isoformat()
        if isinstance(value, date)
        else value
    )
