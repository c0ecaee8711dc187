"""What happens to records later: voids, deletions, merges."""

from __future__ import annotations

from decimal import Decimal

from tests.simulators.netsuite.books import Books
from tests.simulators.netsuite.registers import RECEIVABLE


def void(books: Books, key: int) -> None:
    """Voids a transaction: what it settled or was settled by is not any more, its amounts are nought."""
    others = _partners(books, key)
    books.db.execute(
        'DELETE FROM "nexttransactionlinelink" WHERE "previousdoc" = ?1 OR "nextdoc" = ?1', (key,)
    )
    books.edit("transaction", key, voided="T", status="V")
    books.settle(key, *others)


def void_by_journal(books: Books, key: int) -> int:
    """Voids by a reversing journal, as an account may be set up to do: it is linked to what it voids."""
    entity, total, kind = books.rows(
        'SELECT "entity", "foreigntotal", "type" FROM "transaction" WHERE "id" = ?', key
    )[0]
    others = _partners(books, key)
    books.db.execute(
        'DELETE FROM "nexttransactionlinelink" WHERE "previousdoc" = ?1 OR "nextdoc" = ?1', (key,)
    )
    amount = abs(Decimal(str(total)))
    signed = -amount if kind == "CustInvc" else amount
    subsidiary = books.subsidiary_of(key)
    journal = books._transaction("Journal", None, Decimal(0), subsidiary, memo="VOID")
    books.line(journal, 0, RECEIVABLE, signed, entity=entity, createdfrom=key, subsidiary=subsidiary)
    books.edit("transaction", key, voided="T")
    if kind == "CustInvc":
        books.link(key, journal, str(amount))
    else:
        books.link(journal, key, str(amount))
    books.settle(key, journal, *others)
    return journal


def delete(books: Books, table: str, key: int) -> None:
    """Deletes a record for good, and notes that."""
    kind = table
    if table == "transaction":
        kind = books.one('SELECT "recordtype" FROM "transaction" WHERE "id" = ?', key)
        others = _partners(books, key)
        for child in ("transactionline", "transactionaccountingline", "installment"):
            books.db.execute(f'DELETE FROM "{child}" WHERE "transaction" = ?', (key,))
        books.db.execute(
            'DELETE FROM "nexttransactionlinelink" WHERE "previousdoc" = ?1 OR "nextdoc" = ?1', (key,)
        )
    entity = books.one('SELECT "entity" FROM "transaction" WHERE "id" = ?', key)
    books.db.execute(f'DELETE FROM "{table}" WHERE "id" = ?', (key,))
    if table == "contact":
        books.db.execute('DELETE FROM "companycontactrelationship" WHERE "contact" = ?', (key,))
    books.add(
        "deletedrecord",
        recordid=key,
        type=kind.upper() if key % 2 else kind,
        name=f"{kind} {key}",
        deleteddate=books.stamp(),
        iscustomrecord="F",
    )
    if table == "transaction":
        books.settle(*others)
        if entity:
            books._balance(entity)


def merge(books: Books, source: int, target: int) -> None:
    """Merges a customer into another: its transactions are re-pointed and modified, then it is gone."""
    for (key,) in books.rows('SELECT "id" FROM "transaction" WHERE "entity" = ?', source):
        books.edit("transaction", key, entity=target)
    for (key,) in books.rows(
        'SELECT DISTINCT "transaction" FROM "transactionline" WHERE "entity" = ?', source
    ):
        books.edit("transaction", key)
    books.db.execute('UPDATE "transactionline" SET "entity" = ? WHERE "entity" = ?', (target, source))
    for (key,) in books.rows('SELECT "id" FROM "contact" WHERE "company" = ?', source):
        books.edit("contact", key, company=target)
    for (key,) in books.rows('SELECT "id" FROM "customer" WHERE "parent" = ?', source):
        books.edit("customer", key, parent=target if key != target else None)
    books.db.execute('DELETE FROM "companycontactrelationship" WHERE "company" = ?', (source,))
    books.db.execute('DELETE FROM "customersubsidiaryrelationship" WHERE "entity" = ?', (source,))
    delete(books, "customer", source)
    books._balance(target)
    books.edit("customer", target)


def _partners(books: Books, key: int) -> list[int]:
    return [
        other
        for (other,) in books.rows(
            """SELECT "nextdoc" FROM "nexttransactionlinelink" WHERE "previousdoc" = ?1
            UNION SELECT "previousdoc" FROM "nexttransactionlinelink" WHERE "nextdoc" = ?1""",
            key,
        )
    ]
