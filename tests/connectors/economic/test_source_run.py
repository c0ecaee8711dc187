"""A whole source run over the simulator: first run, changes, a second run, deletes, portfolios, and balances that tie."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from sync_engine.store.db import open_engine
from tests.connectors.economic.stage import stage
from tests.connectors.economic.support import Company, verdicts
from tests.simulators.economic.errors import problem


@pytest.fixture
def company(monkeypatch: pytest.MonkeyPatch, database: str, tmp_path: Path) -> Iterator[Company]:
    """The source over furnished books, with a database of its own."""
    store = open_engine(database)
    yield Company(stage(monkeypatch), store, tmp_path / "lake")
    store.dispose()


def test_first_run_change_second_run_delete(company: Company) -> None:
    """What the books say is what canonical says, and what e-conomic states itself ties, at every step."""
    books = company.stage.books
    first = company.run()
    assert (first.outcome, first.failures) == ("succeeded", {})
    assert company.rows("SELECT message FROM engine.quarantine") == []
    assert company.open_items() == company.true_open_items()
    assert company.settled() == company.true_settled()
    assert first.certificate is not None
    assert first.certificate.grade == "A", first.certificate.sentence
    assert {verdicts(first)[code] for code in ("C2", "C3", "C4", "C5", "C9")} == {"holds"}

    card = books.customers[102]
    books.time.sleep(60)
    books.touch(card, name="Smør & Brød ApS", credit_limit=Decimal(5000))
    invoice = books.invoice(102, "80")
    books.pay(102, "25", invoice)
    second = company.run()
    assert company.open_items() == company.true_open_items()
    assert company.settled() == company.true_settled()
    assert company.rows("SELECT name, credit_limit FROM canonical.debtor WHERE number = '102'") == [
        ("Smør & Brød ApS", Decimal(5000))
    ]
    assert verdicts(second)["C5"] == "holds"

    person = next(iter(books.contacts.values()))
    books.touch(person, deleted=True)
    company.run()
    gone = f"SELECT deleted_at IS NOT NULL FROM canonical.contact WHERE email = '{person['email']}'"
    assert company.rows(gone) == [(True,)]
    third = company.run()
    assert third.published is not None
    assert third.published.changes == 0


def test_every_customer_group_is_a_portfolio(company: Company) -> None:
    """Used or not; a customer changes its portfolio with its group."""
    company.run()
    names = company.rows("SELECT name FROM canonical.portfolio WHERE archived_at IS NULL ORDER BY name")
    assert [name for (name,) in names] == ["Danske debitorer", "EU-debitorer", "Grønland & Færøerne"]
    assert company.portfolios() == company.true_portfolios()
    books = company.stage.books
    books.touch(books.customers[106], group=3)
    company.run()
    assert company.portfolios()["106"] == "Grønland & Færøerne"
    assert company.portfolios() == company.true_portfolios()


def test_one_debtor_is_read_alone(company: Company) -> None:
    """Its new invoice arrives, that of another customer does not."""
    company.run()
    books = company.stage.books
    mine, other = books.invoice(102, "10"), books.invoice(103, "10")
    company.run(debtor="102")
    assert str(mine["entry"]) in company.open_items()
    assert str(other["entry"]) not in company.open_items()


def test_entries_of_every_kind(company: Company) -> None:
    """A manual invoice is no booked invoice, whatever its number; reminders, opening balances, refunds and vouchers are what they are."""
    books = company.stage.books
    booked = next(row for row in books.invoices.values() if row["customer"] == 102)
    manual = books.manual_invoice(102, str(booked["gross"]), invoice=booked["number"])
    company.run()
    kinds = dict(
        company.rows(
            "SELECT entry_no, kind FROM canonical.document UNION ALL SELECT entry_no, kind FROM canonical.payment"
        )
    )
    assert (kinds[str(booked["entry"])], kinds[str(manual["number"])]) == ("invoice", "journal")
    found = {
        text: kinds[str(e["number"])]
        for e in books.entries.values()
        if e["remainder"] and (text := e["text"])
    }
    assert {
        text: found[text] for text in ("Rykkergebyr", "Tilbagebetaling", "Indbetaling", "Øreafrunding")
    } == {
        "Rykkergebyr": "finance_charge",
        "Tilbagebetaling": "refund",
        "Indbetaling": "payment",
        "Øreafrunding": "journal",
    }
    differences = [str(e["number"]) for e in books.entries.values() if e["text"] == "Valutakursdifference"]
    assert differences
    assert not kinds.keys() & set(differences)


def test_a_refused_service_costs_what_it_lists(company: Company) -> None:
    """Entries and pairs fail by name; everything else is published, and heals by itself."""
    stage = company.stage
    stage.transport.faults.append(
        lambda request: (
            problem(403, "Access denied.", "AccessDeniedAgreementMissingModules")
            if "bookedEntriesapi" in str(request.url)
            else None
        )
    )
    ran = company.run()
    assert ran.outcome == "partial"
    assert ran.failures.keys() == {"entries", "matched_pairs"}
    assert "AccessDeniedAgreementMissingModules" in str(ran.failures["entries"])
    assert company.rows("SELECT count(*) FROM canonical.debtor") == [(len(stage.books.customers),)]
    stage.transport.faults.clear()
    assert company.run().failures == {}
    assert company.open_items() == company.true_open_items()


def test_parts_follow_when_the_ledger_states_the_whole(company: Company) -> None:
    """Published without its entry, an invoice in euro is worth what its rate makes of it; with the entry, what was booked: its parts too."""
    stage = company.stage
    invoice = stage.books.invoice(104, "45", "45.40")
    stage.transport.faults.append(
        lambda request: (
            problem(403, "Access denied.", "Denied") if "bookedEntriesapi" in str(request.url) else None
        )
    )
    amounts = "SELECT subtotal_base, tax_base, total_base FROM canonical.document WHERE external_id = :key"
    company.run()
    by_rate = tuple(map(Decimal, ("673.5916", "168.3979", "841.9894")))
    assert company.rows(amounts, key=str(invoice["number"])) == [by_rate]
    stage.transport.faults.clear()
    company.run()
    by_entry = tuple(map(Decimal, ("673.5920", "168.3980", "841.9900")))
    assert company.rows(amounts, key=str(invoice["number"])) == [by_entry]
