"""A whole source run over the simulator: first run, changes, a second run, deletes by sweep, portfolios, and balances that tie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from sync_engine.config import SourceConfig
from sync_engine.lake import Lake
from sync_engine.ops.runs.source_run import Ran, Runtime, run_source
from sync_engine.store.db import open_engine
from tests.connectors.example_billing.stage import CONNECTION, ExampleStage, stage

SOURCE = {
    "source": "billing",
    "connector": "example_billing",
    "connection": CONNECTION,
    "portfolio": {"dimension": "customer_group"},
    "sweep": {"brake_from": 50},
}


@dataclass
class Billing:
    """The source, its books, and what canonical says about it."""

    stage: ExampleStage
    store: Engine
    lake: Path

    def run(self, source: Mapping[str, Any] = SOURCE, **how: Any) -> Ran:
        """One run, an hour after the last one."""
        self.stage.books.time.sleep(3600)
        runtime = Runtime(self.store, Lake(str(self.lake)), self.stage.books.time)
        config = SourceConfig.model_validate(source)
        return run_source(runtime, config, connector=self.stage.open(), **how)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """All rows of a statement."""
        with self.store.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    def open_invoices(self) -> dict[str, Decimal]:
        """Number -> open amount, where it is not nought."""
        return dict(
            self.rows("""
            SELECT external_no, open_amount FROM canonical.document
            WHERE deleted_at IS NULL AND open_amount <> 0 AND erp_status <> 'void'
            """)
        )

    def true_open_invoices(self) -> dict[str, Decimal]:
        """The same from the books."""
        rows = self.stage.books.invoices.values()
        return {x["number"]: x["open_amount"] for x in rows if x["state"] == "open"}

    def portfolios(self) -> dict[str, str | None]:
        """Number of a debtor -> name of its portfolio."""
        return dict(
            self.rows("""
            SELECT d.number, p.name FROM canonical.debtor d LEFT JOIN canonical.portfolio p ON p.id = d.portfolio_id
            WHERE d.deleted_at IS NULL
            """)
        )

    def true_portfolios(self) -> dict[str, str | None]:
        """The same from the books."""
        groups = {key: row["name"] for key, row in self.stage.books.customer_groups.items()}
        return {x["number"]: groups.get(x["group_id"]) for x in self.stage.books.customers.values()}


@pytest.fixture
def billing(monkeypatch: pytest.MonkeyPatch, database: str, tmp_path: Path) -> Iterator[Billing]:
    """The source over furnished books, with a database of its own."""
    store = open_engine(database)
    yield Billing(stage(monkeypatch), store, tmp_path / "lake")
    store.dispose()


def verdicts(ran: Ran) -> dict[str, str]:
    """Code of a check -> its verdict."""
    assert ran.certificate is not None
    return {check.code: check.verdict for check in ran.certificate.checks}


def test_first_run_change_second_run_delete(billing: Billing) -> None:
    """What the books say is what canonical says, and the balances the service states itself tie, at every step."""
    books = billing.stage.books
    first = billing.run()
    assert (first.outcome, first.failures) == ("succeeded", {})
    assert billing.open_invoices() == billing.true_open_invoices()
    assert verdicts(first)["C5"] == "holds"
    assert first.certificate is not None
    assert first.certificate.grade == "A", first.certificate.sentence

    customer = next(iter(books.customers.values()))
    books.time.sleep(60)
    books.touch(customer, name="Another name", credit_limit=5000)
    invoice = books.invoice(customer, "80")
    books.pay(customer, "25", invoice)
    second = billing.run()
    assert billing.open_invoices() == billing.true_open_invoices()
    assert billing.rows(
        f"SELECT name, credit_limit FROM canonical.debtor WHERE number = '{customer['number']}'"
    ) == [("Another name", Decimal(5000))]
    assert verdicts(second)["C5"] == "holds"

    person = books.contacts.popitem()[1]
    billing.run(full=True)
    gone = f"SELECT deleted_at IS NOT NULL FROM canonical.contact WHERE email = '{person['email']}'"
    assert billing.rows(gone) == [(True,)]
    third = billing.run()
    assert third.published is not None
    assert third.published.changes == 0


def test_every_customer_group_is_a_portfolio(billing: Billing) -> None:
    """Used or not; a customer changes its portfolio with its group, and one without a group is in none."""
    billing.run()
    names = billing.rows("SELECT name FROM canonical.portfolio WHERE archived_at IS NULL ORDER BY name")
    assert [name for (name,) in names] == ["Public sector", "Retail", "Trade"]
    assert billing.portfolios() == billing.true_portfolios()
    books = billing.stage.books
    books.time.sleep(60)
    moved = next(x for x in books.customers.values() if x["group_id"])
    books.touch(moved, group_id=list(books.customer_groups)[2])
    left = next(x for x in books.customers.values() if x["group_id"] and x is not moved)
    books.touch(left, group_id=None)
    billing.run()
    assert billing.portfolios()[moved["number"]] == "Public sector"
    assert billing.portfolios() == billing.true_portfolios()


def memberships(billing: Billing) -> dict[str, str | None]:
    """Number of a debtor -> name of its customer group, of the rows that live."""
    return dict(
        billing.rows("""
        SELECT d.number, v.name FROM canonical.debtor_dimension m JOIN canonical.debtor d ON d.id = m.debtor_id
        LEFT JOIN canonical.dimension_value v ON v.id = m.dimension_value_id WHERE m.deleted_at IS NULL
        """)
    )


def test_a_group_is_read_from_the_customer_itself(billing: Billing) -> None:
    """One row a debtor, of no group too; a group that comes later finds its members; a mapping that stops naming groups ends them."""
    books = billing.stage.books
    late = next(iter(books.customer_groups))
    group = books.customer_groups.pop(late)
    billing.run()
    of_late = {x["number"] for x in books.customers.values() if x["group_id"] == late}
    assert of_late
    assert len(memberships(billing)) == len(books.customers)
    assert {billing.portfolios()[number] for number in of_late} == {None}
    books.customer_groups[late] = group
    billing.run()
    assert billing.portfolios() == billing.true_portfolios()
    assert memberships(billing) == billing.true_portfolios()
    with billing.store.begin() as connection:
        connection.execute(
            text(
                "UPDATE engine.source_record SET claim = claim - 'memberships', dirty = true WHERE claim ? 'memberships'"
            )
        )
    ran = billing.run(accept_moves=True)
    assert memberships(billing) == {}
    assert set(billing.portfolios().values()) == {None}
    assert verdicts(ran)["C1"] == "holds"


def test_who_makes_the_portfolio_is_explained(billing: Billing) -> None:
    """The source and the value, as for a dimension of a customer card."""
    billing.run()
    said = billing.rows("""
        SELECT d.number, c.said #>> '{}' FROM canonical.field_claim c JOIN canonical.debtor d ON d.id = c.record_id WHERE c.field = 'portfolio_key'
        """)
    names = {str(key): row["name"] for key, row in billing.stage.books.customer_groups.items()}
    assert {number: names.get(code) for number, code in said} == billing.true_portfolios()


def test_a_field_makes_the_portfolios(billing: Billing) -> None:
    """Every value that was seen is one; a debtor moves with its field, and the YAML may choose otherwise later."""
    by_field = {**SOURCE, "portfolio": {"field": "country", "move_brake": 1}}
    books = billing.stage.books
    first, second, *_ = books.customers.values()
    books.touch(first, address={**first["address"], "country": "SE"})
    ran = billing.run(source=by_field)
    assert (ran.outcome, verdicts(ran)["C1"]) == ("succeeded", "holds")
    assert billing.portfolios() == {x["number"]: x["address"]["country"] for x in books.customers.values()}
    books.time.sleep(60)
    books.touch(second, address={**second["address"], "country": "NO"})
    ran = billing.run(source=by_field)
    assert billing.portfolios() == {x["number"]: x["address"]["country"] for x in books.customers.values()}
    assert verdicts(ran)["C1"] == "holds"
    quiet = billing.run(source=by_field)
    assert quiet.published is not None
    assert quiet.published.changes == 0
    billing.run(accept_moves=True)
    assert billing.portfolios() == billing.true_portfolios()
    living = billing.rows("SELECT name FROM canonical.portfolio WHERE archived_at IS NULL ORDER BY name")
    assert [name for (name,) in living] == ["Public sector", "Retail", "Trade"]


def test_a_record_says_where_it_can_be_seen(billing: Billing) -> None:
    """Debtors, contacts, documents and payments carry the link that the mapping makes, also when it is told later."""
    billing.run()
    kinds = {"debtor": "customers", "contact": "contacts", "document": "invoices", "payment": "payments"}
    for table in kinds:
        assert billing.rows(f"SELECT DISTINCT source_url FROM canonical.{table}") == [(None,)]
    billing.run(source={**SOURCE, "mapping": {"web_address": "https://app.example.com/"}})
    for table, path in kinds.items():
        key = "l.external_id" if table in ("debtor", "contact") else "t.external_id"
        link = f"JOIN canonical.link l ON l.canonical_id = t.id AND l.entity = '{table}'"
        found = billing.rows(
            f"SELECT {key}, t.source_url FROM canonical.{table} t {link if 'l.' in key else ''}"
        )
        assert found
        assert dict(found) == {key: f"https://app.example.com/{path}/{key}" for key, _ in found}


def test_one_debtor_is_read_alone(billing: Billing) -> None:
    """Its new invoice arrives, the change of another customer does not."""
    billing.run()
    books = billing.stage.books
    first, second, *_ = books.customers.values()
    mine, other = books.invoice(first, "10"), books.invoice(second, "10")
    billing.run(debtor=str(first["id"]))
    assert mine["number"] in billing.open_invoices()
    assert other["number"] not in billing.open_invoices()
