"""Customer numbers are used again, and can be changed: what is known under a number moves to nobody else by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_engine.config import SourceConfig
from sync_engine.ops.decisions import links
from sync_engine.ops.decisions.plan import apply
from sync_engine.ops.runs.replay import replay_source
from sync_engine.store.db import open_engine
from tests.connectors.economic.stage import stage
from tests.connectors.economic.support import SOURCE, Company


@pytest.fixture
def company(monkeypatch: pytest.MonkeyPatch, database: str, tmp_path: Path) -> Iterator[Company]:
    """The source over furnished books, with a database of its own."""
    store = open_engine(database)
    yield Company(stage(monkeypatch), store, tmp_path / "lake")
    store.dispose()


def named(company: Company, number: str) -> list[tuple[object, ...]]:
    """Name of the living debtors of a number."""
    return company.rows(
        "SELECT name FROM canonical.debtor WHERE number = :number AND deleted_at IS NULL", number=number
    )


def test_a_number_that_is_used_again_waits_for_a_person(company: Company) -> None:
    """A customer without bookings was deleted, and somebody else got its number."""
    books = company.stage.books
    books.customer(200, "Gammel Kro", 1, cvr="30000001")
    company.run()
    books.delete_customer(200)
    books.time.sleep(60)
    books.customer(200, "Ny Smedje", 1, cvr="30000002")
    company.run()
    assert "has another registration number than before" in company.doubts()["200"]
    assert named(company, "200") == [("Gammel Kro",)]
    company.release()
    company.run()
    assert company.doubts() == {}
    assert named(company, "200") == [("Ny Smedje",)]


def test_another_name_without_bookings_is_doubted_and_with_bookings_is_not(company: Company) -> None:
    """Who has booked entries cannot be deleted, so it is the same one and is called otherwise."""
    books = company.stage.books
    books.customer(200, "Gammel Kro", 1)
    for number in (102, 200):
        books.touch(books.customers[number], cvr=None)
    company.run()
    for number in (102, 200):
        books.touch(books.customers[number], name="Helt Andet")
    company.run()
    assert company.doubts().keys() == {"200"}
    assert named(company, "102") == [("Helt Andet",)]


@pytest.mark.parametrize("changes", [{"name": "Kroen ved Søen"}, {"name": "Gammel Kro ApS", "cvr": None}])
def test_the_same_company_is_not_doubted(company: Company, changes: dict[str, str | None]) -> None:
    """One registration number, whatever the name; a word of the name, where there is no number."""
    books = company.stage.books
    row = books.customer(200, "Gammel Kro", 1, cvr="30000001")
    company.run()
    books.touch(row, **changes)
    company.run()
    assert company.doubts() == {}
    assert named(company, "200") == [(changes["name"],)]


def test_a_customer_that_got_another_number_waits_and_keeps_its_debtor(company: Company) -> None:
    """Its old key vanished and a new one looks like it: a person links the two, and its history is under one debtor again."""
    books = company.stage.books
    company.run()
    ((debtor, owed),) = company.rows("""
        SELECT debtor_id, balance_base FROM canonical.debtor_balance b JOIN canonical.debtor d ON d.id = b.debtor_id WHERE d.number = '102'
        """)
    books.time.sleep(60)
    books.renumber(102, 900)
    company.run()
    assert "looks like 102, which is gone" in company.doubts()["900"]
    assert named(company, "900") == []
    runtime = company.runtime
    apply(runtime, links.link(runtime, "economic", "900", str(debtor), by="ada", force=True).hash, by="ada")
    company.release()
    company.run()
    company.run(hours=30)
    assert company.doubts() == {}
    assert company.rows(
        "SELECT id, number FROM canonical.debtor WHERE number = '900' AND deleted_at IS NULL"
    ) == [(debtor, "900")]
    assert company.rows(
        "SELECT balance_base FROM canonical.debtor_balance WHERE debtor_id = :id", id=debtor
    ) == [(owed,)]


def test_two_that_are_not_the_same_are_two(company: Company) -> None:
    """A person says so: the new one gets a debtor of its own."""
    books = company.stage.books
    books.customer(200, "Gammel Kro", 1, cvr="30000001")
    company.run()
    books.delete_customer(200)
    books.time.sleep(60)
    books.customer(201, "Gammel Kro", 1, cvr="30000001")
    company.run()
    assert company.doubts().keys() == {"201"}
    company.part("201", "200")
    company.release()
    company.run()
    assert company.doubts() == {}
    assert named(company, "201") == [("Gammel Kro",)]


def test_a_replay_doubts_the_same_and_asks_nobody(company: Company) -> None:
    """What kind of keys a stream has is remembered where it is read: the lake is read again with the source out of reach."""
    books = company.stage.books
    books.customer(200, "Gammel Kro", 1, cvr="30000001")
    company.run()
    books.delete_customer(200)
    books.time.sleep(60)
    books.customer(200, "Ny Smedje", 1, cvr="30000002")
    company.run()
    company.stage.transport.open_to = ("", "")
    replay_source(company.runtime, SourceConfig.model_validate(SOURCE))
    assert company.doubts().keys() == {"200"}
    assert named(company, "200") == [("Gammel Kro",)]


def test_a_deleted_customer_is_gone_at_the_next_reading(company: Company) -> None:
    """There is no feed of deletions: the count of customers tells, and their numbers are listed."""
    books = company.stage.books
    books.customer(200, "Gammel Kro", 1)
    company.run()
    books.delete_customer(200)
    company.run()
    assert named(company, "200") == []
