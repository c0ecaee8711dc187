"""What happens to a company's books between two readings, by a name and two numbers that choose."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from tests.connectors.economic.stage import EconomicStage
from tests.simulators.economic import APP_TOKEN, GRANT_TOKEN
from tests.simulators.economic.books import DIMENSION_MODULE, Row
from tests.simulators.economic.openapi import VERSIONS

Happening = Callable[[EconomicStage, int, int], None]


def _customer(stage: EconomicStage, n: int) -> int:
    numbers = sorted(stage.books.customers)
    return numbers[n % len(numbers)]


def _contact(stage: EconomicStage, n: int) -> Row:
    rows = [row for _, row in sorted(stage.books.contacts.items())]
    return rows[n % len(rows)]


def _book(stage: EconomicStage, n: int, amount: int) -> None:
    stage.books.invoice(_customer(stage, n), str(amount), f"{amount}.40", days=n % 40 - 10)


def _book_in_a_hole(stage: EconomicStage, n: int, amount: int) -> None:
    """Another series of numbers, below all that were seen."""
    number = 500 + n
    if number not in stage.books.invoices:
        day = stage.books.today() - timedelta(days=n)
        stage.books.invoice(_customer(stage, n), str(amount), number=number, day=day)


def _credit(stage: EconomicStage, n: int, amount: int) -> None:
    stage.books.invoice(_customer(stage, n), f"-{amount}")


def _pay(stage: EconomicStage, n: int, amount: int) -> None:
    """Some of what a customer owes in one currency, at a rate of the day, or more."""
    books, customer = stage.books, _customer(stage, n)
    owing = [row for row in books.open_entries(customer) if row["remainder"] > 0]
    owing = [row for row in owing if row["currency"] == owing[0]["currency"]][: 1 + n % 3]
    rate = None if not owing or owing[0]["currency"] == "DKK" else str(740 + amount % 12)
    books.pay(customer, str(amount * 7), *owing, rate=rate)


def _other_entry(stage: EconomicStage, n: int, amount: int) -> None:
    books, customer = stage.books, _customer(stage, n)
    match n % 5:
        case 0:
            books.manual_invoice(customer, str(amount), invoice=7000 + n)
        case 1:
            books.reminder(customer, str(amount), number=n)
        case 2:
            books.opening(customer, str(amount - 60))
        case 3:
            books.refund(customer, str(amount))
        case _:
            books.entry(5, Decimal(amount - 40), customer, text="Bilag")


def _match(stage: EconomicStage, n: int, amount: int) -> None:
    """Money on account settles something after all."""
    books = stage.books
    rows = books.open_entries(_customer(stage, n))
    for one in rows:
        for other in rows:
            if one["remainder"] < 0 < other["remainder"] and one["currency"] == other["currency"]:
                if (one["number"], other["number"]) not in books.matched:
                    books.match(one, other)
                return


def _unmatch(stage: EconomicStage, n: int, amount: int) -> None:
    pairs = sorted(stage.books.matched)
    if pairs:
        stage.books.unmatch(*pairs[n % len(pairs)])


def _edit(stage: EconomicStage, n: int, amount: int) -> None:
    row = stage.books.customers[_customer(stage, n)]
    stage.books.touch(
        row, name=f"Nyt navn {amount} ApS", barred=amount % 2 == 0, credit_limit=Decimal(amount)
    )


def _regroup(stage: EconomicStage, n: int, amount: int) -> None:
    """Groups with the same account: another account is a matter of its own."""
    row = stage.books.customers[_customer(stage, n)]
    if row["group"] != 2:
        stage.books.touch(row, group=1 if amount % 2 else 3)


def _new_customer(stage: EconomicStage, n: int, amount: int) -> None:
    number = 200 + n
    if number not in stage.books.customers:
        stage.books.customer(number, f"Kunde {number}-{amount}", 1, cvr=f"{20_000_000 + 100 * n + amount}")


def _delete_customer(stage: EconomicStage, n: int, amount: int) -> None:
    """One without entries; the number may be given to another one later."""
    used = {row["customer"] for row in stage.books.entries.values()}
    free = [number for number in sorted(stage.books.customers) if number not in used]
    if free:
        stage.books.delete_customer(free[n % len(free)])


def _renumber(stage: EconomicStage, n: int, amount: int) -> None:
    """A customer gets a number nobody had."""
    new = 1000 + 100 * n + amount
    if new not in stage.books.customers:
        stage.books.renumber(_customer(stage, n), new)


def _contacts(stage: EconomicStage, n: int, amount: int) -> None:
    match amount % 3:
        case 0:
            stage.books.contact(_customer(stage, n), f"Person {amount}", email=f"p{amount}@example.dk")
        case 1 if stage.books.contacts:
            stage.books.touch(_contact(stage, n), name=f"Person {amount}")
        case _ if stage.books.contacts:
            stage.books.touch(_contact(stage, n), deleted=True)


def _switch_module(stage: EconomicStage, n: int, amount: int) -> None:
    modules = stage.books.modules
    if DIMENSION_MODULE in modules:
        del modules[DIMENSION_MODULE]
    else:
        modules[DIMENSION_MODULE] = "Dimension"


def _raise_version(stage: EconomicStage, n: int, amount: int) -> None:
    stage.transport.openapi.versions["bookedEntriesapi"] = "6.0.0"


def _withdraw_token(stage: EconomicStage, n: int, amount: int) -> None:
    stage.transport.open_to = ("", "")


def heal(stage: EconomicStage) -> None:
    """Everything is as the settings say again."""
    stage.books.modules[DIMENSION_MODULE] = "Dimension"
    stage.transport.openapi.versions |= VERSIONS
    stage.transport.open_to = (APP_TOKEN, GRANT_TOKEN)


HAPPENINGS: dict[str, Happening] = {
    "book": _book,
    "book in a hole": _book_in_a_hole,
    "credit": _credit,
    "pay": _pay,
    "other entry": _other_entry,
    "match": _match,
    "unmatch": _unmatch,
    "edit": _edit,
    "regroup": _regroup,
    "new customer": _new_customer,
    "delete customer": _delete_customer,
    "renumber": _renumber,
    "contacts": _contacts,
    "switch module": _switch_module,
    "raise version": _raise_version,
    "withdraw token": _withdraw_token,
}
