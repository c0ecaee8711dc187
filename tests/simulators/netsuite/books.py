"""What an account of NetSuite knows, in tables, and the verbs with which people change it.

Stamps are UTC. Applying and un-applying touch the payment's side only at its creation: the settled document keeps its stamp.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from tests.simulators.netsuite import schema
from tests.simulators.netsuite.registers import BANK, INCOME, RECEIVABLE, Registers, plain

DEBTS = ("CustInvc", "CustRfnd")
Links = Mapping[int, str]


@dataclass
class Books(Registers):
    """One account, and the verbs with which people change it."""

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
                f'UPDATE "transactionline" SET "{column}" = ? WHERE "uniquekey" = ?', (plain(rest), unique)
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
                (plain(Decimal(str(amount)) - part), row),
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
