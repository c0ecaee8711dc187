"""Four voices say the same: the exit code of a run, of `status --check`, the certificate, and the checks in Dagster.

KINDS is the table: a name, what brings the trouble about, and what the certificate must name. A new kind is a new line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import dagster as dg
import pytest
import yaml

from dagster_project import stage_step
from dagster_project.in_process import run_lane
from sync_engine.store.controls import TROUBLE
from sync_engine.store.db import run_sql, transaction
from tests.cli.conftest import bare_desk, desk
from tests.cli.desk import Desk
from tests.simulators.business_central.faults import (
    EndsWithError,
    Fault,
    InnerLink,
    LeadsOn,
    MalformedRecord,
    Rewrites,
    ServerBusy,
    Spoils,
)
from tests.simulators.business_central.http import Request

__all__ = ["bare_desk", "desk"]
CUSTOMERS, INVOICES = r"/customers(\?|$)", r"/salesInvoices(\?|$)"


class Voices(NamedTuple):
    """What each of the four says: whether something is wrong."""

    run: bool
    status: bool
    certificate: bool
    dagster: bool


class Kind(NamedTuple):
    """A kind of trouble: how it comes about, and a word of the check that names it (empty: of no check)."""

    arrange: Callable[[Desk], None]
    named: str = ""


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


def write(statement: str) -> None:
    """Something nobody does through the engine."""
    from sync_engine.ops.runs.environment import open_runtime

    shop = open_runtime()
    with transaction(shop.store, "tampering") as connection:
        assert run_sql(connection, statement) == 1
    shop.store.dispose()


def files(invoices: str) -> Callable[[Desk], None]:
    """The source is a folder of files instead, with these rows of invoices."""

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


WELL = {
    "all is well": Kind(nothing),
    "files that state nothing": Kind(files("A;1;2026-01-31;100.5;100.5\n")),
    "instalments and a withheld amount": Kind(in_parts_and_less),
}
KINDS = {
    "everything is in quarantine": Kind(spoiled("creditLimit", CUSTOMERS), "customers"),
    "every invoice is in quarantine": Kind(spoiled("totalAmountIncludingTax", INVOICES), "salesInvoices"),
    "one debtor of few and what waits for him": Kind(one_customer, "customers"),
    "a debtor that turned bad": Kind(one_customer_later, "customers"),
    "an entity that was never read": Kind(denied("contacts"), "contacts was never read"),
    "an entity that is not read any more": Kind(
        denied_later("salesInvoices"), "salesInvoices was not read since"
    ),
    "a published ledger page that was taken away": Kind(
        lost_later(ledger_page_published=False), "ledgerEntriesPage was not read since"
    ),
    "a column of the ledger page that is gone": Kind(
        lost_later(ledger_page_missing_columns=frozenset({"Due_Date"})), "no longer has Due_Date"
    ),
    "an endpoint that fails for ever": Kind(silent(INVOICES), "salesInvoices was never read"),
    "a part was read and the rest fails": Kind(a_part_was_read, "salesInvoices was never read"),
    "an amount that differs": Kind(amount_altered, "C12"),
    "a document that was lost": Kind(document_lost, "C1"),
    "a name that is no text": Kind(
        faulty(lambda: MalformedRecord("displayName", {"not": "a name"}, match=CUSTOMERS)), "customers"
    ),
    "a text cut in mid-character": Kind(
        faulty(lambda: Rewrites(cut_in_mid_character, match=CUSTOMERS)), "customers"
    ),
    "a page that ends with an error": Kind(
        faulty(lambda: EndsWithError(match=INVOICES)), "salesInvoices was never read"
    ),
    "an invoice of which lines are missing": Kind(lines_missing, "salesInvoices"),
    "an invoice whose rest is blank": Kind(rest_blank, "salesInvoices"),
    "pages without end": Kind(faulty(lambda: LeadsOn(match=INVOICES)), "salesInvoices was never read"),
    "a file with an open amount that is blank": Kind(
        files("A;1;2026-01-31;100.5;100.5\nB;2;2026-01-31;70;\n"), "DKK 70.00"
    ),
}


def listen(desk: Desk) -> tuple[Voices, str]:
    """Asks all four, in the order people would; also everything the certificate's broken checks say."""
    code = desk.run("run", "bc").code
    status = desk.run("status", "--check").code
    (made,) = desk.json("certificate", "bc")["certificates"]
    told = " ".join(
        f"{c['check']} {c['detail']['note']} {c['detail']['sample']} {c['detail']['figures']}"
        for c in made["checks"]
        if c["verdict"] == "breaks"
    )
    return Voices(
        code != 0, status == 6, made["cut"]["grade"] in TROUBLE, is_red(run_lane("bc", folder=desk.defs))
    ), told


def is_red(result: dg.ExecuteInProcessResult) -> bool:
    """Whether the run failed or a check of severity ERROR did; both say it, or none does."""
    checks = [
        c
        for c in result.get_asset_check_evaluations()
        if not c.passed and c.severity is dg.AssetCheckSeverity.ERROR
    ]
    assert bool(checks) is not result.success, [c.check_name for c in checks]
    return bool(checks)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between two tries."""
    monkeypatch.setattr(stage_step, "PAUSE", 0.0)
    monkeypatch.setattr("sync_engine.platform.clock.SystemClock.sleep", lambda *_: None)


@pytest.mark.parametrize("name", WELL)
def test_all_four_say_well(desk: Desk, name: str) -> None:
    """Nothing is wrong, and nobody says so."""
    WELL[name].arrange(desk)
    assert listen(desk)[0] == Voices(run=False, status=False, certificate=False, dagster=False)


def test_a_stamp_from_the_future_is_no_trouble_and_is_told(desk: Desk) -> None:
    """All four say well; who ran it and who asks for the status is told of the odd stamp."""
    card = next(iter(desk.company.customers.values()))
    card.modified_at = datetime(2031, 5, 1, tzinfo=UTC)
    for command in ("run", "bc"), ("status", "--check"):
        said = desk.run(*command)
        assert said.code == 0
        assert "customers: 1 of its records are stamped later than the server's own clock" in " ".join(
            said.out.split()
        )
    assert listen(desk)[0] == Voices(run=False, status=False, certificate=False, dagster=False)


@pytest.mark.parametrize("name", KINDS)
def test_all_four_say_trouble(desk: Desk, name: str) -> None:
    """Whichever of the four somebody reads, it says that something is wrong, and the certificate names what."""
    KINDS[name].arrange(desk)
    said, told = listen(desk)
    assert said == Voices(run=True, status=True, certificate=True, dagster=True)
    assert KINDS[name].named in told


def test_a_debtor_and_what_waits_for_him_are_one_story_everywhere(desk: Desk) -> None:
    """One line in the list, in status, after the run and in the certificate; one row in Dagster, which keeps no debtor's amount."""
    company = desk.company
    owes = {
        c.id: sum(
            (e.remaining for e in company.entries.values() if e.customer_id == c.id and not e.currency_code),
            Decimal(0),
        )
        for c in company.customers.values()
    }
    bad, amount = max(owes.items(), key=lambda item: item[1])
    desk.simulator.inject(MalformedRecord("creditLimit", {"not": "a limit"}, record_id=bad, match=CUSTOMERS))
    run, status = (" ".join(desk.run(*command).out.split()) for command in (("run", "bc"), ("status",)))
    listed = desk.json("quarantine", "list")
    shown, each = (
        desk.run("quarantine", "list", *more).out.count(f" {bad[:8]}") for more in ((), ("--each",))
    )
    assert len(listed["causes"]) == 1, [
        (c["entity"], c["key"], c["message"], c["waiting"]) for c in listed["causes"]
    ]
    (cause,) = listed["causes"]
    waiting = sum(cause["waiting"].values())
    assert (cause["entity"], cause["key"], cause["amounts"]["GBP"]) == ("customers", bad, f"{amount:.4f}")
    assert waiting == len(listed["quarantine"]) - 1 > 1, "each record is still there for scripts"
    assert shown < each
    (story,) = next(
        c for c in desk.json("certificate", "bc")["certificates"][0]["checks"] if c["check"] == "C14"
    )["detail"]["figures"]["causes"]
    assert f"bc customers {bad}: " in story
    assert f"GBP {amount:,.2f}" in story
    assert [story in said for said in (run, status)] == [True, True]
    result = run_lane("bc", folder=desk.defs)
    (check,) = [c for c in result.get_asset_check_evaluations() if c.check_name == "nothing_is_missing"]
    rows = [dict(row.data) for row in check.metadata["causes"].value.records]  # type: ignore[union-attr]
    assert [(row["record"], row["why"]) for row in rows] == [(f"customers {bad}", "quarantined")]
    assert f"{amount:,.2f}" not in str(rows)
