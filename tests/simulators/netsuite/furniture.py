"""A small group of companies: two subsidiaries, customers with parents, documents and money of every kind."""

from __future__ import annotations

from typing import Any

from tests.simulators.netsuite.books import Books


def furnished() -> Books:
    """Books with something of everything, an hour apart."""
    books = Books()
    top = books.subsidiary("Northwind Group", "USD")
    west = books.subsidiary("Northwind West", "USD", parent=top)
    books.currency("EUR", rate="1.1")
    net30 = books.add("term", name="Net 30", daysuntilnetdue=30, isinactive="F")
    rep = books.add(
        "employee", entityid="E1", firstname="Jo", lastname="Berg", email="jo@example.com", isinactive="F"
    )
    north = books.add("customlist_region", name="North", isinactive="F")
    books.add("customlist_region", name="South", isinactive="F")
    key = 0
    for number in range(7):
        books.time.sleep(3600)
        key = books.customer(
            f"Debtor {number} & Søn",
            parent=key if number % 3 == 2 else None,
            subsidiaries=(top, west)[: 1 + number % 2],
            currency="EUR" if number == 5 else "USD",
            email=f"post{number}@example.com; box{number}@example.com",
            terms=net30,
            salesrep=rep,
            creditlimit=1000 * number or None,
            custentity_region=north if number % 2 else None,
        )
        books.contact(f"Anna Berg{number}", key, title="Controller", email=f"anna{number}@example.com")
        _trade(books, key, number, top)
    books.contact("Pat Both", key - 1, key, title="Auditor")
    return books


def _trade(books: Books, customer: int, number: int, subsidiary: int) -> None:
    money: dict[str, Any] = {"currency": "EUR", "exchangerate": "1.1"} if number == 5 else {}
    first = books.invoice(customer, "100.10", "20", tax="12.01", subsidiary=subsidiary, **money)
    second = books.invoice(
        customer,
        "300",
        subsidiary=subsidiary,
        instalments=[("2026-04-01", "100"), ("2026-05-01", "200")],
        **money,
    )
    books.invoice(customer, "1", subsidiary=subsidiary, posting="F", approvalstatus=1, **money)
    if number % 2:
        books.pay(customer, "150.11", {first: "132.11", second: "10"}, subsidiary=subsidiary, **money)
    if number == 2:
        memo = books.credit(customer, "50", subsidiary=subsidiary, applied={second: "20"})
        books.refund(customer, "10", memo)
    if number == 4:
        deposit = books.deposit(customer, "80", subsidiary=subsidiary)
        books.apply_deposit(deposit, {second: "30"})
        journal = books.journal((customer, "75"), (customer, "-25"), subsidiary=subsidiary)
        books.apply(journal, {first: "25"}, line=1)
