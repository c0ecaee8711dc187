"""A small agreement: Danish, with groups, dimensions, EUR and DKK."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from tests.simulators.economic.books import (
    FOREIGN_RECEIVABLES,
    RECEIVABLES,
    SUPPLIER,
    TRANSFERRED,
    VOUCHER,
    Books,
    Row,
)


def furnished(fill: Callable[[Books], None] | None = None) -> Books:
    """Books of a small Danish company."""
    books = Books()
    (fill or _fill)(books)
    return books


def registers(books: Books) -> None:
    """Groups (one of them empty), terms, employees, departments, dimensions: what every agreement has."""
    for number, name in enumerate(("Danske debitorer", "EU-debitorer", "Grønland & Færøerne"), 1):
        books.group(number, name, FOREIGN_RECEIVABLES if number == 2 else RECEIVABLES)
    for number, name, kind, days in (
        (1, "Netto 8 dage", "net", 8),
        (2, "Løbende måned + 30", "invoiceMonth", 30),
    ):
        books.terms[number] = {"number": number, "name": name, "type": kind, "days": days}
    books.layouts[19] = {"number": 19, "name": "DK. std. m. bankoplys. 1.5"}
    for number, name in ((1, "Søren Æbelø"), (2, "Åse Øster")):
        books.employees[number] = {"number": number, "name": name, "email": f"salg{number}@example.dk"}
    for number, name in ((1, "Øst"), (2, "Vest")):
        books.departments[number] = {"number": number, "name": name, "barred": number == 2}
        books.distributions[number] = {"number": number, "name": name, "shares": {number: Decimal(100)}}
    for number, name in ((1, "Marked"), (2, "Kampagne")):
        books.dimensions[number] = {"number": number, "name": name, "active": True}
    for dimension, key, name in ((1, 10, "Privat"), (1, 20, "Erhverv"), (2, 7, "Forår")):
        books.values[dimension, key] = {"dimension": dimension, "key": key, "name": name, "active": key != 20}


def _fill(books: Books) -> None:
    registers(books)
    names = (
        "Decathlon Århus", "Brød & Smør ApS", "Les Frères Heureux", "Øl $ (Vin) [A/S]",
        "Rødgrød med fløde I/S", "Færø Fisk", "Jens Æ. Ågård",
    )  # fmt: skip
    for place, name in enumerate(names):
        books.time.sleep(3600)
        number = 101 + place
        foreign = place in (2, 3)
        given: Row = {"email": f"bogholderi{number}@example.dk", "cvr": f"{10_000_000 + number}"}
        if place == 0:
            given |= {
                "address": "Steen 3 ApS\rVirksomhedsvej 58\nBygning B",
                "email": "ap@example.dk faktura@example.dk;x@example.dk",
            }
        books.customer(
            number,
            name,
            2 if foreign else 1,
            currency="EUR" if foreign else "DKK",
            sales_person=1 + place % 2,
            barred=place == 4,
            credit_limit=Decimal(1000 * place) or None,
            country="France" if foreign else "Danmark",
            **given,
        )
        books.contact(number, f"Anna Ågård {number}", email=f"anna{number}@example.dk", phone="86 12 34 56")
        first = books.invoice(number, "100.40", "20", department=1, dimensions=[(1, 10)])
        second = books.invoice(number, "400", days=-10)
        if place % 2:
            books.pay(
                number, str(books.remainder(first) + 50), first, second, rate="746" if foreign else None
            )
        if place == 2:
            books.pay(number, "50", first, rate="743.5")
        if place == 5:
            books.invoice(number, "-80")
    books.pay(101, "30")
    books.manual_invoice(105, "250", invoice=7001)
    books.opening(106, "1200.50")
    books.opening(107, "-75")
    books.reminder(101, "100", number=1)
    books.refund(105, "12.50")
    books.entry(TRANSFERRED, Decimal(0), None, text="Overført primo")
    books.entry(VOUCHER, Decimal(-3), 107, text="Øreafrunding")
    books.entry(SUPPLIER, Decimal(-500), None, text="Leverandør", account=6800)
