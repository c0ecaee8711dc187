"""How things come about that a run, status, the certificate and Dagster must tell alike: each changes the company or what is stored."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from sync_engine.store.db import run_sql, transaction
from tests.cli.desk import Desk
from tests.simulators.business_central.faults import Fault, ServerBusy
from tests.simulators.business_central.http import Request
from tests.simulators.business_central.spoiled_answers import InnerLink, MalformedRecord, ShortSweep, Spoils

CUSTOMERS, INVOICES = r"/customers(\?|$)", r"/salesInvoices(\?|$)"


class Spoiled(Spoils):
    """Every row of a list has a value that is none."""

    def __init__(self, field: str, **when: Any) -> None:
        super().__init__(**when)
        self.field = field

    def spoil(self, request: Request, payload: dict[str, Any]) -> None:
        for row in payload["value"]:
            row[self.field] = {"not": "a value"}


def nothing(_: Desk) -> None:
    """All is well."""


def spoiled(field: str, match: str) -> Callable[[Desk], None]:
    """Every record of an endpoint cannot be used."""
    return lambda desk: desk.simulator.inject(Spoiled(field, match=match))


def one_customer(desk: Desk) -> None:
    """One of fourteen customers cannot be used, and his invoices wait for him."""
    desk.simulator.inject(
        MalformedRecord(
            "creditLimit",
            {"not": "a limit"},
            record_id=next(iter(desk.company.customers.values())).id,
            match=CUSTOMERS,
        )
    )


def one_customer_later(desk: Desk) -> None:
    """A customer that was read before is changed into one that cannot be used."""
    assert desk.run("run", "bc").code == 0
    one_customer(desk)
    desk.company.edit_customer(next(iter(desk.company.customers.values())).number, city="Odense")


def denied(*entities: str) -> Callable[[Desk], None]:
    """A right that the login never had."""

    def arrange(desk: Desk) -> None:
        desk.simulator.world.installation.denied_entities = frozenset(entities)

    return arrange


def denied_later(*entities: str) -> Callable[[Desk], None]:
    """A right that the login lost."""

    def arrange(desk: Desk) -> None:
        assert desk.run("run", "bc").code == 0
        desk.simulator.world.installation.denied_entities = frozenset(entities)

    return arrange


def silent(match: str) -> Callable[[Desk], None]:
    """An endpoint that answers for nobody."""
    return lambda desk: desk.simulator.inject(ServerBusy(match=match))


def a_part_was_read(desk: Desk) -> None:
    """Only the customers were ever read; what else there is nobody knows, and then its endpoint fails."""
    desk.run("run", "bc", "--entity", "debtors")
    desk.simulator.inject(ServerBusy(match=INVOICES))


def amount_altered(desk: Desk) -> None:
    """Somebody wrote into the canonical tables past the engine."""
    assert desk.run("run", "bc").code == 0
    write(
        "UPDATE canonical.document SET open_amount = open_amount + 1, open_amount_base = open_amount_base + 1 WHERE id = "
        "(SELECT id FROM canonical.document WHERE kind = 'invoice' AND open_amount > 0 AND erp_status <> 'draft' ORDER BY external_no LIMIT 1)"
    )


def document_lost(desk: Desk) -> None:
    """A document is gone from canonical though its record is there."""
    assert desk.run("run", "bc").code == 0
    write(
        "DELETE FROM canonical.document WHERE id = (SELECT id FROM canonical.document WHERE external_id NOT LIKE 'ledger/%' ORDER BY external_no LIMIT 1)"
    )


def write(statement: str, rows: int | None = 1) -> None:
    """Something nobody does through the engine; to so many rows, or to some."""
    from sync_engine.ops.runs.environment import open_runtime

    shop = open_runtime()
    with transaction(shop.store, "tampering") as connection:
        found = run_sql(connection, statement)
        assert found == rows or (rows is None and found)
    shop.store.dispose()


def files(invoices: str, **settings: Any) -> Callable[[Desk], None]:
    """The source is a folder of files instead, with these rows of invoices and settings of the source."""

    def arrange(desk: Desk) -> None:
        folder = desk.defs.parent / "books"
        folder.mkdir()
        (folder / "customers.csv").write_text("No;Name\n1;HANSEN\n2;JENSEN\n", encoding="utf-8")
        (folder / "invoices.csv").write_text("No;Customer;Due;Total;Open\n" + invoices, encoding="utf-8")
        entities = {
            "debtor": {"path": "customers.csv", "key": "No"},
            "document": {"path": "invoices.csv", "key": "No"},
        }
        fields = {
            "number": "No",
            "debtor_key": "Customer",
            "due_date": "Due",
            "total": "Total",
            "open_amount": "Open",
        }
        attributes = {
            "source": "bc",
            "connector": "files",
            **settings,
            "connection": {
                "folder": str(folder),
                "entities": entities,
                "company": {"name": "HANSEN", "base_currency": "DKK", "country": "DK"},
            },
            "mapping": {
                "entities": {
                    "debtor": {"fields": {"number": "No", "name": "Name"}},
                    "document": {"fields": fields},
                }
            },
        }
        (desk.defs / "bc" / "defs.yaml").write_text(
            yaml.safe_dump({"type": "dagster_project.components.ErpSource", "attributes": attributes}),
            encoding="utf-8",
        )

    return arrange


def faulty(fault: Callable[[], Fault]) -> Callable[[Desk], None]:
    """A fault of the service, new for each test."""
    return lambda desk: desk.simulator.inject(fault())


def three_lines(desk: Desk) -> str:
    """The number of an open invoice with three lines."""
    lines: list[dict[str, object]] = [
        {"description": f"line {n}", "quantity": n, "unit_price": 125} for n in (3, 5, 2)
    ]
    return desk.company.post_invoice(next(iter(desk.company.customers.values())).id, lines=lines).number


def lines_missing(desk: Desk) -> None:
    """Two of three lines of an invoice arrive, and nothing says that there are more."""
    three_lines(desk)
    desk.simulator.inject(InnerLink("salesInvoiceLines", keep=2, told=False, match=INVOICES))


def rest_blank(desk: Desk) -> None:
    """What is still owed of an invoice is not told."""
    desk.simulator.inject(
        MalformedRecord("remainingAmount", None, record_id=three_lines(desk), match=INVOICES)
    )


def cut_in_mid_character(answer: bytes) -> bytes:
    """The first name ends in half of a character."""
    return re.sub(rb'("displayName": ?")', rb"\1\\ud83c", answer, count=1)


def lost_later(**changes: Any) -> Callable[[Desk], None]:
    """Something of the installation that was read at the first run and is not there any more."""

    def arrange(desk: Desk) -> None:
        assert desk.run("run", "bc").code == 0
        for name, value in changes.items():
            setattr(desk.simulator.world.installation, name, value)

    return arrange


def in_parts_and_less(desk: Desk) -> None:
    """An invoice in two instalments, and one of which something was withheld at posting; nothing is paid of either."""
    company = desk.company
    first = next(iter(company.customers.values())).id
    for amount, *parts in ((900, 300, 600), (1100, 1080)):
        invoice = company.create_invoice(first, amount=Decimal(amount), currency="").id
        company.post_document(invoice, parts=[Decimal(part) for part in parts])


def asked_for_more(desk: Desk) -> None:
    """An invoice over 1000 whose ledger entry asks for 1200."""
    company = desk.company
    invoice = company.create_invoice(next(iter(company.customers)), amount=Decimal(1000), currency="").id
    company.post_document(invoice, parts=[Decimal(1200)])


def stamped_in_2031(desk: Desk) -> None:
    """A customer is stamped in a year to come."""
    next(iter(desk.company.customers.values())).modified_at = datetime(2031, 5, 1, tzinfo=UTC)


def our_clock_ahead(desk: Desk) -> None:
    """The clock of the machine that runs the engine is 400 days ahead."""
    desk.patch.setattr(
        "sync_engine.platform.clock.SystemClock.now", lambda _: datetime.now(UTC) + timedelta(days=400)
    )


def by_route(route: str) -> Callable[[Desk], None]:
    """A company without foreign currency, its ledger read by a route that tells less than others: an invoice is paid in part."""

    def arrange(desk: Desk) -> None:
        desk.company = company = desk.simulator.world.add_company("JENSEN", "Jensen")
        company.add_dimension("CUSTOMERGROUP", "Customer group")
        customer = company.create_customer("Debtor & Co", currency="")
        company.pay_invoice(company.post_invoice(customer.id, Decimal(100)).id, Decimal(10))
        desk.configure(ledger={"route": route})

    return arrange


def made_again(desk: Desk) -> None:
    """The company was read, is deleted, and made again under its name: it has another id."""
    assert desk.run("run", "bc").code == 0
    companies, company = desk.simulator.world.companies, desk.company
    there = companies.pop(company.id)
    company.id = desk.simulator.world.stamper.new_id()
    companies[company.id] = there


def login_refused(desk: Desk) -> None:
    """The secret of the login expired after it was read."""
    assert desk.run("run", "bc").code == 0
    desk.simulator.world.installation.client_secret = "another one"


def all_silent(desk: Desk) -> None:
    """The source was read, and answers nothing since."""
    assert desk.run("run", "bc").code == 0
    desk.simulator.inject(ServerBusy())


def cut_short(match: str) -> Callable[[Desk], None]:
    """It was read; now a full reading misses most of it, and nothing says that there is more."""

    def arrange(desk: Desk) -> None:
        assert desk.run("run", "bc").code == 0
        desk.simulator.inject(ShortSweep(keep=2, match=match))
        write("UPDATE engine.stream SET swept_at = swept_at - interval '2 days'", rows=None)

    return arrange


def everybody_moves(desk: Desk) -> None:
    """Every debtor was given another portfolio in the ERP."""
    assert desk.run("run", "bc").code == 0
    company = desk.company
    groups = company.by_code(company.dimensions, "CUSTOMERGROUP").id
    values = [
        v for v in company.dimension_values.values() if v.dimension_id == groups and v.type == "Standard"
    ]
    for customer in company.customers.values():
        card = company.default_dimension(customer.number, "CUSTOMERGROUP")
        other = next(v for v in values if card is None or v.id != card.value_id)
        company.set_default_dimension(customer.number, "CUSTOMERGROUP", other.code)


def buried(desk: Desk) -> None:
    """A debtor who owes something is in the list no more."""
    files("A;1;2026-01-31;100.5;100.5\nB;2;2026-01-31;70;70\n")(desk)
    assert desk.run("run", "bc").code == 0
    (desk.defs.parent / "books" / "customers.csv").write_text("No;Name\n1;HANSEN\n", encoding="utf-8")


def another_code(desk: Desk) -> None:
    """A debtor who owes something comes back under a code written alike."""
    files("A;1;2026-01-31;100.5;100.5\nB;2;2026-01-31;70;70\n")(desk)
    assert desk.run("run", "bc").code == 0
    (desk.defs.parent / "books" / "customers.csv").write_text(
        "No;Name\n1;HANSEN\n002;JENSEN\n", encoding="utf-8"
    )


def landed_file_flipped(desk: Desk) -> None:
    """A bit of a landed file of customers is flipped."""
    from sync_engine.ops.runs.environment import open_runtime

    shop = open_runtime()
    file = max(Path(shop.lake.root).rglob("**/customers/**/*.zst"), key=lambda path: path.stat().st_mtime_ns)
    body = bytearray(file.read_bytes())
    body[len(body) // 2] ^= 0x10
    file.write_bytes(bytes(body))
    shop.store.dispose()


def damaged(desk: Desk) -> None:
    """A landed file is damaged, and what it holds is wanted again: the rules of the mapping have changed."""
    assert desk.run("run", "bc", "--full").code in (0, 6)
    landed_file_flipped(desk)
    write("UPDATE engine.lake_manifest SET normalised_as = 'older rules'", rows=None)


def damaged_and_known(desk: Desk) -> None:
    """The damage was found before the run: it reads everything again."""
    assert desk.run("run", "bc").code == 0
    landed_file_flipped(desk)
    assert desk.run("lake", "verify").code != 0
