"""Real receivables: what a public sample of 2,466 invoices says about itself must come out of the views."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import create_engine

from tests.store.ledger_rows import Rows

NAME = "late_payment_histories.csv"
AFTER_THE_LAST_PAYMENT = date(2014, 1, 31)


def sample() -> Path:
    """The file, in SYNC_ENGINE_TEST_DATA or in shared/data beside the checkout."""
    folders = [os.environ.get("SYNC_ENGINE_TEST_DATA"), Path(__file__).parents[2].parent / "shared" / "data"]
    for folder in folders:
        if folder and (found := Path(folder) / NAME).is_file():
            return found
    pytest.skip(f"optional data: {NAME} is not beside the checkout")


def day(text: str) -> date:
    """month/day/year, as the file writes it."""
    return datetime.strptime(text, "%m/%d/%Y").date()  # noqa: DTZ007 - a business date has no zone


@pytest.fixture
def ledger(database: str) -> Iterator[Rows]:
    """The sample as canonical documents, cut after the last payment."""
    path = sample()
    engine = create_engine(database)
    with engine.connect() as connection:
        ledger = Rows(connection)
        debtors: dict[str, UUID] = {}
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                customer = row["customerID"]
                if customer not in debtors:
                    debtors[customer] = ledger.debtor(customer, number=customer)
                ledger.document(
                    debtors[customer],
                    row["InvoiceAmount"],
                    0,
                    number=row["invoiceNumber"],
                    issue_date=day(row["InvoiceDate"]),
                    due_date=day(row["DueDate"]),
                    closed_date=day(row["SettledDate"]),
                    collection_status="disputed" if row["Disputed"] == "Yes" else "none",
                )
        ledger.cut(AFTER_THE_LAST_PAYMENT)
        yield ledger
    engine.dispose()


def test_the_answers_that_the_file_itself_gives(ledger: Rows) -> None:
    """Total, disputes, mean days late and mean days from invoice to settlement."""
    assert (
        str(ledger.one("SELECT sum(total) FROM canonical.document_at(:t)", t=AFTER_THE_LAST_PAYMENT)[0])
        == "147703.1800"
    )
    assert (
        ledger.one(
            "SELECT count(*) FROM canonical.document_at(:t) WHERE collection_status = 'disputed'",
            t=AFTER_THE_LAST_PAYMENT,
        )[0]
        == 561
    )
    found = {
        name: float(value)
        for name, value in ledger.rows(
            "SELECT metric, value FROM canonical.metrics WHERE scope = 'overall' AND value IS NOT NULL"
        )
    }
    assert found["mean_days_late"] == pytest.approx(3.442416869424169, abs=1e-12)
    assert found["avg_days_invoice_to_payment"] == pytest.approx(26.4448499594485, abs=1e-12)


def test_nothing_is_open_at_the_end_and_everything_ties_half_way(ledger: Rows) -> None:
    """On any day in between, what is open is what was issued and not settled yet."""
    assert ledger.rows("SELECT * FROM canonical.open_items") == []
    half_way = date(2013, 1, 31)
    expected = ledger.one(
        "SELECT sum(total), count(*) FROM canonical.document WHERE issue_date <= :t AND closed_date > :t",
        t=half_way,
    )
    assert (
        ledger.one("SELECT sum(open_amount), sum(n_items) FROM canonical.ageing_at(:t)", t=half_way)
        == expected
    )


def test_a_hundred_debtors_have_metrics_of_their_own(ledger: Rows) -> None:
    """Their means, weighted by how many invoices each has, are the overall mean."""
    rows = ledger.rows(
        "SELECT mean_days_late, CAST(n_included ->> 'mean_days_late' AS integer) FROM canonical.debtor_metrics"
    )
    assert len(rows) == 100
    assert sum(n for _, n in rows) == 2466
    assert float(sum(mean * n for mean, n in rows)) / 2466 == pytest.approx(3.442416869424169, abs=1e-9)
