"""One company read through REST with OpenAPI and through SOAP, each into a database of its own: the same rows, table by table."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Engine, Table, select

from sync_engine.store.db import open_engine
from sync_engine.store.schema import canonical
from tests.connectors.economic.soap_stage import SoapStage
from tests.connectors.economic.soap_stage import stage as soap_stage
from tests.connectors.economic.stage import EconomicStage
from tests.connectors.economic.support import Company, verdicts

OF_THE_RUN = {"first_seen_at", "changed_at", "cut_id", "source_modified_at", "provenance"}
"""Columns that say when and how it was read, and not what."""
TABLES: list[Table] = [
    table
    for table in canonical.debtor.metadata.tables.values()
    if table.schema == canonical.debtor.schema and not {"seq", "check", "n_checks", "decided_at", "answered_at"} & set(table.columns.keys())
]  # fmt: skip
UNTOLD: dict[str, dict[str, Any]] = {
    "account_owner": {"email": None},
    "reference": {"name": None},
    "dimension_value": {"blocked": False},
}
"""Table -> columns of which SOAP says nothing, with what stands there then: the address of an employee, the name of a currency, whether a
department is barred."""
UNLISTED = {"application", "dimension", "dimension_value"}
"""Tables of which SOAP lists a part: not what settled what, and none of the dimensions of the newer interfaces."""


class Both(NamedTuple):
    """The same books, read twice."""

    rest: Company
    soap: Company

    def run(self) -> None:
        """One run each at the same hour; both succeed and tie."""
        for company in self:
            ran = company.run(hours=1 if company is self.rest else 0)
            assert (ran.outcome, ran.failures) == ("succeeded", {})
            assert company.rows("SELECT message FROM engine.quarantine") == []
            assert company.rows("SELECT * FROM engine.code_gap") == []
            assert ran.certificate is not None
            assert ran.certificate.grade == "A", ran.certificate.sentence
            assert {verdicts(ran)[code] for code in ("C2", "C3", "C4", "C5")} == {"holds"}


@pytest.fixture
def both(
    monkeypatch: pytest.MonkeyPatch, database: str, second_database: str, tmp_path: Path
) -> Iterator[Both]:
    """One company behind both dialects, a database for each."""
    soap, stores = soap_stage(monkeypatch), (open_engine(database), open_engine(second_database))
    rest = EconomicStage(soap.books)
    yield Both(Company(rest, stores[0], tmp_path / "rest"), Company(soap, stores[1], tmp_path / "soap"))
    for store in stores:
        store.dispose()


def rows(store: Engine, table: Table) -> dict[Any, dict[str, Any]]:
    """Key of a row -> what it says."""
    columns = [column for column in table.columns if column.name not in OF_THE_RUN]
    keys = [column.name for column in table.primary_key] or [column.name for column in columns]
    with store.connect() as connection:
        found = [dict(row) for row in connection.execute(select(*columns)).mappings()]
    for row in found:
        if "deleted_at" in row:
            row["deleted_at"] = row["deleted_at"] is not None
    return {tuple(str(row[key]) for key in keys): row for row in found}


def assert_alike(both: Both) -> dict[str, int]:
    """Compares all tables; gives how many rows were alike in each."""
    counts = dict[str, int]()
    for table in TABLES:
        one, other = rows(both.rest.store, table), rows(both.soap.store, table)
        assert other.keys() <= one.keys(), table.name
        assert table.name in UNLISTED or one.keys() == other.keys(), table.name
        for key, row in other.items():
            differs = {
                name: (one[key][name], value) for name, value in row.items() if one[key][name] != value
            }
            untold = UNTOLD.get(table.name, {})
            assert differs.keys() <= untold.keys(), (table.name, key, differs)
            assert all(value == untold[name] for name, (_, value) in differs.items()), (table.name, differs)
        counts[table.name] = len(other)
    return counts


def test_both_dialects_give_the_same_rows(both: Both) -> None:
    """To the cent, and as the books have it: at first, and after bookings, a payment, a change of group and a deleted contact."""
    books = both.rest.stage.books
    both.run()
    counts = assert_alike(both)
    assert counts["debtor"] == len(books.customers)
    assert counts["document_line"] == sum(len(row["lines"]) for row in books.invoices.values())
    invoice = books.invoice(102, "80", "0.01")
    books.pay(102, "25", invoice)
    books.invoice(103, "99.99", currency="EUR")
    books.invoice(104, "-12.34")
    books.touch(books.customers[106], group=3, credit_limit=Decimal("5000.50"))
    books.touch(next(iter(books.contacts.values())), deleted=True)
    both.run()
    assert_alike(both)
    assert both.soap.open_items() == both.soap.true_open_items()
    assert both.soap.portfolios() == both.soap.true_portfolios()
    open_base = dict(
        both.soap.rows("""
        SELECT d.number, sum(x.base) FROM canonical.debtor d JOIN (
            SELECT debtor_id, CASE kind WHEN 'credit_note' THEN -open_amount_base ELSE open_amount_base END AS base
            FROM canonical.document WHERE deleted_at IS NULL
            UNION ALL
            SELECT debtor_id, CASE kind WHEN 'refund' THEN unapplied_amount_base ELSE -unapplied_amount_base END
            FROM canonical.payment WHERE deleted_at IS NULL
        ) x ON x.debtor_id = d.id GROUP BY d.number
        """)
    )
    assert open_base == {str(number): books.balance(number) for number in books.customers}


def test_a_source_may_change_its_dialect(both: Both) -> None:
    """Marks of one dialect are read as none by the other: everything is read again, and nothing of it changes but what it says more."""
    rest, soap = both
    rest.run()
    assert isinstance(soap.stage, SoapStage)
    before = {table.name: rows(rest.store, table) for table in TABLES}
    rest.stage.books.invoice(105, "10")
    Company(soap.stage, rest.store, rest.lake).run()
    assert rest.open_items() == rest.true_open_items()
    after = {table.name: rows(rest.store, table) for table in TABLES}
    assert before["debtor"].keys() == after["debtor"].keys()
    assert len(after["document"]) == len(before["document"]) + 1
    ran = rest.run()
    assert (ran.outcome, ran.failures) == ("succeeded", {})
    assert rest.open_items() == rest.true_open_items()
    assert rest.settled() == rest.true_settled()
