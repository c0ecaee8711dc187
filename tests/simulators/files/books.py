"""The truth: customers, persons and open invoices of a company, of any size, the same for the same seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal


@dataclass
class Customer:
    """A customer; the note of every seventh has a comma and a line break in it."""

    number: str
    name: str
    note: str
    limit: Decimal
    blocked: bool
    city: str = "Odense"
    country: str = "DK"


@dataclass
class Person:
    """A person of a customer."""

    customer: str
    first_name: str
    last_name: str
    email: str
    title: str


@dataclass
class Invoice:
    """An open item; negative ones are credit notes."""

    number: str
    customer: str
    issued: date
    due: date
    total: Decimal
    open: Decimal


@dataclass
class Books:
    """All of it, with the figures a test compares."""

    customers: list[Customer] = field(default_factory=list)
    persons: list[Person] = field(default_factory=list)
    invoices: list[Invoice] = field(default_factory=list)

    @property
    def open_amount(self) -> Decimal:
        """What is owed, credit notes taken off."""
        return sum((i.open for i in self.invoices), Decimal(0))

    def customer_rows(self) -> tuple[list[str], list[list[str]]]:
        """Heading and rows, decimals with a point."""
        heading = ["Customer No.", "Name", "Note", "Credit limit", "Blocked", "City", "Country"]
        return heading, [
            [c.number, c.name, c.note, str(c.limit), "yes" if c.blocked else "", c.city, c.country]
            for c in self.customers
        ]

    def person_rows(self) -> tuple[list[str], list[list[str]]]:
        """Heading and rows."""
        return ["Customer No.", "First name", "Last name", "E-mail", "Title"], [
            [p.customer, p.first_name, p.last_name, p.email, p.title] for p in self.persons
        ]

    def invoice_rows(self) -> tuple[list[str], list[list[str]]]:
        """Heading and rows, ISO dates."""
        heading = ["Invoice No.", "Customer No.", "Issued", "Due", "Total", "Open"]
        return heading, [
            [i.number, i.customer, i.issued.isoformat(), i.due.isoformat(), str(i.total), str(i.open)]
            for i in self.invoices
        ]


NAMES = (
    "HANSEN & SØN",
    "Größe; Maß GmbH",
    'Åse "Bo" Berg',
    "L'Été, SARL",
    "Müller\u00a0& Co",
    "Æbleskive A/S",
    "O'Neill Ltd",
)
TITLES = ("Controller", "CFO", "Bookkeeper", "")


def small_books(customers: int = 12, *, seed: int = 7) -> Books:
    """Books of so many customers, two invoices each, a credit note for every fifth."""
    chance, books = random.Random(seed), Books()
    for place in range(customers):
        number = str(10000 + place * 10)
        note = "pays late,\r\ncall first" if place % 7 == 0 else ""
        books.customers.append(
            Customer(
                number,
                f"{NAMES[place % len(NAMES)]} {place}",
                note,
                Decimal(place * 1000) + Decimal("0.50"),
                place % 6 == 5,
            )
        )
        books.persons.append(
            Person(
                number, "Anna", f"Berg{place}", f"anna.berg{place}@example.com", TITLES[place % len(TITLES)]
            )
        )
        for nth in range(2):
            total = Decimal(chance.randint(100, 999_999)) / 100
            day = date(2026, 1, 1) + timedelta(days=chance.randint(0, 60))
            books.invoices.append(
                Invoice(
                    f"INV-{number}-{nth}",
                    number,
                    day,
                    day + timedelta(days=30),
                    total,
                    total if nth else (total / 2).quantize(Decimal("0.01")),
                )
            )
        if place % 5 == 0:
            books.invoices.append(
                Invoice(
                    f"CN-{number}",
                    number,
                    date(2026, 2, 1),
                    date(2026, 2, 1),
                    Decimal("-30.00"),
                    Decimal("-30.00"),
                )
            )
    return books
