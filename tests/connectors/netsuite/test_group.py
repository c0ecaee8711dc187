"""A group of customers with five levels in three subsidiaries and two currencies, paid at the top for those below: all of it ties."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.netsuite.account import InTheStore, in_the_store, verdicts
from tests.connectors.netsuite.stage import NetSuiteStage, keys_into
from tests.simulators.netsuite import Books

LEVELS = 5
BOOKS = {"all books in dollars": ("USD", "USD", "USD"), "one subsidiary in euro": ("USD", "USD", "EUR")}
BUCKETS = ((0, "current"), (30, "1-30"), (60, "31-60"), (90, "61-90"), (9999, "91+"))
Truth = dict[tuple[str, str], Decimal]
Ageing = dict[tuple[str, str, str], Decimal]


def group(books: Books, currencies: tuple[str, ...]) -> list[list[int]]:
    """Customers by level: one at the top, three below it, and so on; invoices in both currencies, the top pays for the others."""
    subsidiaries = [books.subsidiary("Contoso", currencies[0])]
    subsidiaries += [
        books.subsidiary(f"Contoso {code}", code, parent=subsidiaries[0]) for code in currencies[1:]
    ]
    books.currency("EUR", rate="1.1")
    levels = [[books.customer("Umbrella", subsidiaries=subsidiaries)]]
    for level in range(1, LEVELS):
        levels.append(
            [
                books.customer(
                    f"Level {level} no {number}",
                    parent=levels[-1][number % len(levels[-1])],
                    subsidiaries=subsidiaries[number % 3 :],
                )
                for number in range(3)
            ]
        )
    _trade(books, levels, subsidiaries, currencies)
    return levels


def _trade(
    books: Books, levels: list[list[int]], subsidiaries: list[int], currencies: tuple[str, ...]
) -> None:
    """Every customer has two invoices of each currency; those of the lower levels are paid from the top, in whole, in part, or not at all."""
    due, top = date(2026, 1, 1), levels[0][0]
    for level, customers in enumerate(levels):
        for number, customer in enumerate(customers):
            at = number % 3
            for symbol in ("USD", "EUR"):
                rate = "1" if symbol == currencies[at] else "1.1" if symbol == "EUR" else "0.9"
                money: Any = {"currency": symbol, "exchangerate": rate}
                due += timedelta(days=3)
                whole, part = (
                    books.invoice(
                        customer,
                        f"{100 * level + number}.37",
                        tax="4.11",
                        subsidiary=subsidiaries[at],
                        duedate=due.isoformat(),
                        **money,
                    )
                    for _ in range(2)
                )
                if level >= 2:
                    total = books.one('SELECT "foreigntotal" FROM "transaction" WHERE "id" = ?', whole)
                    books.pay(
                        top,
                        str(Decimal(str(total)) + 20),
                        {whole: str(total), part: "13.5"},
                        subsidiary=subsidiaries[at],
                        **money,
                    )


def true_balances(books: Books) -> Truth:
    """(customer, currency) -> what it owes less what it has not used."""
    found: Truth = defaultdict(Decimal)
    for entity, symbol, amount in books.rows(
        """SELECT t."entity", c."symbol", coalesce(t."foreignamountunpaid", 0) - coalesce(t."foreignpaymentamountunused", 0)
        FROM "transaction" t JOIN "currency" c ON c."id" = t."currency" """
    ):
        found[str(entity), symbol] += Decimal(str(amount))
    return {key: amount for key, amount in found.items() if amount}


def true_ageing(books: Books) -> Ageing:
    """(customer, currency, bucket) -> what is open of its invoices, by days past due; credits apart as `unapplied`."""
    found: Ageing = defaultdict(Decimal)
    today = date.fromisoformat(books.today())
    for entity, symbol, due, unpaid, unused in books.rows(
        """SELECT t."entity", c."symbol", t."duedate", coalesce(t."foreignamountunpaid", 0), coalesce(t."foreignpaymentamountunused", 0)
        FROM "transaction" t JOIN "currency" c ON c."id" = t."currency" """
    ):
        late = (today - date.fromisoformat(due)).days if due else 0
        bucket = next(label for last, label in BUCKETS if late <= last)
        found[str(entity), symbol, bucket] += Decimal(str(unpaid))
        found[str(entity), symbol, "unapplied"] += Decimal(str(unused))
    return {key: amount for key, amount in found.items() if amount}


@pytest.fixture(params=BOOKS)
def told(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, database: str, tmp_path: Path
) -> Iterator[tuple[InTheStore, list[list[int]]]]:
    """The source, and its customers by level."""
    keys_into(monkeypatch)
    books = Books()
    levels = group(books, BOOKS[request.param])
    with in_the_store(NetSuiteStage(books), database, tmp_path / "lake") as account:
        yield account, levels


def test_a_group_paid_at_the_top_ties_to_the_cent(told: tuple[InTheStore, list[list[int]]]) -> None:
    """Balances by customer and currency, their ageing, the ultimate parent of everybody, the sum of the group; certificate A."""
    account, levels = told
    ran = account.run(connection={"customer_groups": []})
    assert ran.certificate is not None
    assert ran.certificate.grade == "A", (ran.certificate.sentence, verdicts(ran))

    key = "(SELECT l.external_id FROM canonical.link l WHERE l.entity = 'debtor' AND l.canonical_id = {0})"
    balances = {
        (debtor, currency): amount
        for debtor, currency, amount in account.rows(
            f"SELECT {key.format('b.debtor_id')}, currency, balance FROM canonical.debtor_balance b WHERE balance <> 0"
        )
    }
    truth = true_balances(account.stage.books)
    assert balances == truth
    assert len({currency for _, currency in truth}) == 2

    aged = {
        (debtor, currency, bucket): amount
        for debtor, currency, bucket, amount in account.rows(
            f"""SELECT {key.format("a.debtor_id")}, currency, bucket, coalesce(sum(open_amount), 0) + coalesce(sum(unapplied), 0)
            FROM canonical.ageing a GROUP BY 1, 2, 3"""
        )
        if amount
    }
    assert aged == true_ageing(account.stage.books)
    assert {"current", "1-30", "31-60", "unapplied"} <= {bucket for _, _, bucket in aged}

    top = str(levels[0][0])
    tops = dict(
        account.rows(
            f"SELECT {key.format('d.id')}, {key.format('d.ultimate_parent_id')} FROM canonical.debtor d"
        )
    )
    assert {tops[str(customer)] for customers in levels[1:] for customer in customers} == {top}

    consolidated = dict(
        account.rows(
            """SELECT b.currency, sum(balance) FROM canonical.debtor_balance b JOIN canonical.debtor d ON d.id = b.debtor_id
            GROUP BY coalesce(d.ultimate_parent_id, d.id), b.currency"""
        )
    )
    for currency in ("USD", "EUR"):
        assert consolidated[currency] == sum(
            amount for (_, symbol), amount in truth.items() if symbol == currency
        )

    paid = account.rows(
        """SELECT count(*) FROM canonical.application a JOIN canonical.payment p ON p.id = a.from_id
        JOIN canonical.document d ON d.id = a.to_id WHERE p.debtor_id <> d.debtor_id"""
    )
    assert paid == [(2 * 2 * 3 * (LEVELS - 2),)]
