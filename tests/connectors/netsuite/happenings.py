"""What may happen to an account between two runs, each by a number that chooses whom, and an amount."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from tests.simulators.netsuite import Books, verbs

Happening = Callable[[Books, int, int], None]
_OPEN = """SELECT "id" FROM "transaction" WHERE "type" = 'CustInvc' AND "posting" = 'T' AND "voided" = 'F' AND "foreignamountunpaid" > 0 ORDER BY "id" """
_UNUSED = """SELECT "id" FROM "transaction" WHERE "type" IN ('CustPymt', 'CustCred') AND "voided" = 'F' AND "foreignpaymentamountunused" > 0 ORDER BY "id" """
_LINKS = """SELECT "previousdoc", "nextdoc" FROM "nexttransactionlinelink" WHERE "linktype" = 'Payment' AND "previoustype" = 'CustInvc'
    AND "nexttype" IN ('CustPymt', 'CustCred') ORDER BY "previousdoc", "nextdoc" """
_VOIDABLE = """SELECT "id" FROM "transaction" WHERE "type" IN ('CustInvc', 'CustPymt') AND "voided" = 'F' AND "posting" = 'T' ORDER BY "id" """
_DELETABLE = """SELECT "id" FROM "transaction" WHERE "type" IN ('CustInvc', 'CustPymt', 'CustCred') AND "voided" = 'F'
    AND NOT EXISTS (SELECT 1 FROM "nexttransactionlinelink" k JOIN "transaction" r ON r."id" = k."nextdoc" AND r."type" IN ('CustRfnd', 'DepAppl')
        WHERE k."previousdoc" = "transaction"."id") ORDER BY "id" """


def _one(books: Books, statement: str, n: int) -> int | None:
    found = books.rows(statement)
    return int(found[n % len(found)][0]) if found else None


def _customer(books: Books, n: int) -> int:
    found = _one(books, 'SELECT "id" FROM "customer" ORDER BY "id"', n)
    assert found is not None
    return found


def _currency(books: Books, key: int) -> dict[str, str]:
    symbol, rate = books.rows(
        'SELECT c."symbol", t."exchangerate" FROM "transaction" t JOIN "currency" c ON c."id" = t."currency" WHERE t."id" = ?',
        key,
    )[0]
    return {"currency": symbol, "exchangerate": str(rate)}


def _invoice(books: Books, n: int, m: int) -> None:
    money = {"currency": "EUR", "exchangerate": "1.1"} if m % 5 == 0 else {}
    parts = [("2026-05-01", f"{m}.10"), ("2026-06-01", "9")] if m % 3 == 0 else []
    books.invoice(_customer(books, n), f"{m}.10", "9", subsidiary=2, instalments=parts, **money)


def _pay(books: Books, n: int, m: int) -> None:
    """By its customer, or by another one of the group: then the payment is the parent's and the invoice the child's."""
    invoice = _one(books, _OPEN, n)
    if invoice is None:
        return
    owner, rest = books.rows(
        'SELECT "entity", "foreignamountunpaid" FROM "transaction" WHERE "id" = ?', invoice
    )[0]
    payer = _customer(books, m) if m % 4 == 0 else owner
    used = min(Decimal(str(rest)), Decimal(m))
    books.pay(payer, str(Decimal(m) + m % 2), {invoice: str(used)}, subsidiary=2, **_currency(books, invoice))


def _credit(books: Books, n: int, m: int) -> None:
    books.credit(_customer(books, n), str(m), subsidiary=2)


def _apply(books: Books, n: int, m: int) -> None:
    credit, invoice = _one(books, _UNUSED, n), _one(books, _OPEN, m)
    if credit is None or invoice is None or _currency(books, credit) != _currency(books, invoice):
        return
    rest = books.one('SELECT "foreignpaymentamountunused" FROM "transaction" WHERE "id" = ?', credit)
    owed = books.one('SELECT "foreignamountunpaid" FROM "transaction" WHERE "id" = ?', invoice)
    books.apply(credit, {invoice: str(min(Decimal(str(rest)), Decimal(str(owed)), Decimal(m)))})


def _unapply(books: Books, n: int, m: int) -> None:
    links = books.rows(_LINKS)
    if links:
        document, credit = links[n % len(links)]
        books.unapply(credit, document)


def _void(books: Books, n: int, m: int) -> None:
    key = _one(books, _VOIDABLE, n)
    if key is not None:
        (verbs.void_by_journal if m % 2 else verbs.void)(books, key)


def _delete(books: Books, n: int, m: int) -> None:
    key = _one(books, _DELETABLE, n)
    if key is not None:
        verbs.delete(books, "transaction", key)


def _merge(books: Books, n: int, m: int) -> None:
    source, target = _customer(books, n), _customer(books, m)
    if source != target and len(books.rows('SELECT 1 FROM "customer"')) > 3:
        verbs.merge(books, source, target)


def _move(books: Books, n: int, m: int) -> None:
    child, parent = _customer(books, n), _customer(books, m)
    books.edit("customer", child, parent=parent if parent < child else None)


def _regroup(books: Books, n: int, m: int) -> None:
    values = [key for (key,) in books.rows('SELECT "id" FROM "customlist_region" ORDER BY "id"')]
    books.edit("customer", _customer(books, n), custentity_region=[*values, None][m % (len(values) + 1)])


def _rename(books: Books, n: int, m: int) -> None:
    books.edit("customer", _customer(books, n), altname=f"Debtor renamed {m}", creditlimit=m % 3 or None)


def _new_customer(books: Books, n: int, m: int) -> None:
    key = books.customer(
        f"New {m}",
        subsidiaries=[2],
        email=f"new{m}@example.com",
        parent=_customer(books, n) if m % 2 else None,
    )
    books.contact(f"Kim New{m}", key, title="Buyer")


def _person(books: Books, n: int, m: int) -> None:
    """A person joins one more company, leaves one, or moves."""
    person = _one(books, 'SELECT "id" FROM "contact" ORDER BY "id"', n)
    if person is None:
        return
    if m % 3 == 0:
        books.db.execute('DELETE FROM "companycontactrelationship" WHERE "contact" = ?', (person,))
    elif m % 3 == 1:
        books.add("companycontactrelationship", contact=person, company=_customer(books, m))
    else:
        books.edit("contact", person, company=_customer(books, m))


def _deposit(books: Books, n: int, m: int) -> None:
    invoice = _one(books, _OPEN, n)
    if invoice is None:
        return
    owner, rest = books.rows(
        'SELECT "entity", "foreignamountunpaid" FROM "transaction" WHERE "id" = ?', invoice
    )[0]
    deposit = books.deposit(owner, str(m), subsidiary=2, **_currency(books, invoice))
    if m % 2:
        books.apply_deposit(deposit, {invoice: str(min(Decimal(str(rest)), Decimal(m)))})


def _refund(books: Books, n: int, m: int) -> None:
    credit = _one(books, _UNUSED, n)
    if credit is None:
        return
    owner, rest = books.rows(
        'SELECT "entity", "foreignpaymentamountunused" FROM "transaction" WHERE "id" = ?', credit
    )[0]
    books.refund(owner, str(min(Decimal(str(rest)), Decimal(m))), credit, **_currency(books, credit))


def _journal(books: Books, n: int, m: int) -> None:
    """A debt and a credit by journal; the credit settles an invoice in the same currency where there is one."""
    customer = _customer(books, n)
    key = books.journal((customer, str(m)), (_customer(books, m), f"-{m}"), subsidiary=2)
    invoice = _one(books, _OPEN, m)
    if invoice is not None and _currency(books, invoice)["currency"] == "USD":
        owed = books.one('SELECT "foreignamountunpaid" FROM "transaction" WHERE "id" = ?', invoice)
        books.apply(key, {invoice: str(min(Decimal(m), Decimal(str(owed))))}, line=1)


def _nothing_links(books: Books, n: int, m: int) -> None:
    """A link of nought, as they occur."""
    credit, invoice = _one(books, _UNUSED, n), _one(books, _OPEN, m)
    if credit is not None and invoice is not None:
        books.link(invoice, credit, "0")


def _zone(books: Books, n: int, m: int) -> None:
    books.session.zone = ("America/Los_Angeles", "Europe/Copenhagen", "Pacific/Auckland", "Asia/Kolkata")[
        n % 4
    ]
    books.session.date_format = ("%m/%d/%Y", "%d-%b-%Y", "%d.%m.%Y")[m % 3]


def _restrict(books: Books, n: int, m: int) -> None:
    """The role does not see some rows any more, or sees all of them again."""
    hidden = {
        "transaction": f'"id" % 3 = {m % 3}',
        "customer": f'"id" % 4 = {m % 4}',
        "contact": '"id" % 2 = 0',
    }
    table = sorted(hidden)[n % 3]
    if table in books.session.hidden:
        del books.session.hidden[table]
    else:
        books.session.hidden[table] = hidden[table]


def _switch(books: Books, n: int, m: int) -> None:
    """A feature goes off, or on again."""
    books.session.off ^= {("installments", "departments", "projects")[n % 3]}


HAPPENINGS: dict[str, Happening] = {
    "invoice": _invoice,
    "pay": _pay,
    "credit": _credit,
    "apply": _apply,
    "unapply": _unapply,
    "void": _void,
    "delete": _delete,
    "merge": _merge,
    "move": _move,
    "regroup": _regroup,
    "rename": _rename,
    "new customer": _new_customer,
    "person": _person,
    "deposit": _deposit,
    "refund": _refund,
    "journal": _journal,
    "link of nought": _nothing_links,
    "zone": _zone,
    "restrict": _restrict,
    "switch": _switch,
}


def heal(books: Books) -> None:
    """The role sees everything again, every feature is on."""
    books.session.hidden.clear()
    books.session.off.clear()


def happen(books: Books, name: str, n: int, m: int) -> None:
    """Minutes after the last thing that happened."""
    books.time.sleep(60 * (1 + m % 90))
    HAPPENINGS[name](books, n, m)
