"""Real payment histories as the invoices of a simulated company."""

import csv
import os
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

from tests.simulators.business_central import records as r
from tests.simulators.business_central.seeds import Calendar, Event
from tests.simulators.business_central.world import Company, World

CSV_NAME = "late_payment_histories.csv"


# The real histories -------------------------------------------------------------------------------


def find_histories() -> Path | None:
    """The CSV in the folder that SYNC_ENGINE_TEST_DATA names, or at ../shared/data beside the checkout."""
    folders = [Path(os.environ["SYNC_ENGINE_TEST_DATA"])] if os.environ.get("SYNC_ENGINE_TEST_DATA") else []
    folders.append(Path(__file__).resolve().parents[4] / "shared" / "data")
    return next((x / CSV_NAME for x in folders if (x / CSV_NAME).is_file()), None)


def _day(text: str) -> date:
    month, day, year = map(int, text.split("/"))
    return date(year, month, day)


def from_late_payment_histories(
    world: World, path: Path, name: str = "Late Payment Histories", local_currency: str = "USD"
) -> Company:
    """Each row a posted invoice, settled in full on its day; country codes are the values of dimension COUNTRY."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: _day(row["InvoiceDate"]))
    first_day = _day(rows[0]["InvoiceDate"]) - timedelta(days=1)
    calendar = Calendar(world, world.clock().date())
    with world.at(datetime.combine(first_day, time(7), UTC)):
        company = world.add_company(name, local_currency=local_currency, country="US")
        company.add_dispute_status("DISPUTED", "Disputed")
        company.add_dimension("COUNTRY", "Country")
        customers = {}
        for row in rows:
            if row["countryCode"] not in {x.code for x in company.dimension_values.values()}:
                company.add_dimension_value("COUNTRY", row["countryCode"], f"Country {row['countryCode']}")
            if row["customerID"] not in customers:
                customer = company.create_customer(row["customerID"], number=row["customerID"])
                company.set_default_dimension(customer.id, "COUNTRY", row["countryCode"])
                customers[row["customerID"]] = customer
    for row in rows:
        calendar.plan(
            _day(row["InvoiceDate"]), _history(company, calendar, customers[row["customerID"]], row)
        )
    calendar.run()
    return company


def _history(company: Company, calendar: Calendar, customer: r.Customer, row: dict[str, str]) -> Event:
    def event(on: date) -> None:
        invoice = company.post_invoice(
            customer.id,
            Decimal(row["InvoiceAmount"]),
            on=on,
            due=_day(row["DueDate"]),
            external_number=row["invoiceNumber"],
        )
        if row["Disputed"] == "Yes":
            company.dispute(invoice.id, "DISPUTED")
        calendar.plan(_day(row["SettledDate"]), lambda day: _settle(company, invoice, day))

    return event


def _settle(company: Company, invoice: r.SalesDocument, on: date) -> None:
    company.pay_invoice(invoice.id, on=on)
