"""Four voices say the same: the exit code of a run, of `status --check`, the certificate, and the checks in Dagster.

Three tables: WELL is no trouble, NOTED is none either and is told by all four, TROUBLE is said by all four. A line names what brings it
about and what must be named; its number says which kind of doubt it belongs to (KINDS), and of each kind there is one. A new one is a new line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
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
    HtmlErrorPage,
    InnerLink,
    LeadsOn,
    MalformedRecord,
    Rewrites,
    ServerBusy,
    ShortSweep,
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


class Heard(NamedTuple):
    """The four of them, what the certificate's broken checks say and what is wrong since, and the whole text of each voice."""

    voices: Voices
    broken: str
    texts: dict[str, str]


class Line(NamedTuple):
    """How something comes about, which kind it is of, and words that must be told: of what breaks, or of the note in all four voices.

    `again`: the same before Dagster runs, where the run before has made up for it.
    """

    of: int
    arrange: Callable[[Desk], None]
    named: str = ""
    again: Callable[[Desk], None] | None = None


KINDS = {
    1: "what was there before", 2: "one bad value", 3: "what was cut short", 4: "instalments", 5: "what the source cannot tell",
    6: "stamps and clocks", 7: "what is missing", 8: "numbers, blanks and keys", 9: "what heals",
}  # fmt: skip


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


WELL = {
    "all is well": Line(7, nothing),
    "files that state nothing": Line(7, files("A;1;2026-01-31;100.5;100.5\n")),
}
NOTED = {
    "instalments and a withheld amount": Line(4, in_parts_and_less, "the ledger asks for less, GBP 20.00 in all"),
    "a ledger that tells no applications": Line(5, by_route("reports_finance"), "what was applied on which day is not told"),
    "a source without any ledger": Line(5, by_route("invoices"), "what was applied on which day is not told"),
    "a stamp from the future": Line(6, stamped_in_2031, "customers: 1 of its records are stamped later than the server's own clock"),
    "a clock that is 400 days ahead": Line(6, our_clock_ahead, "this machine's clock is 400 days ahead"),
    "a damaged file that the run made up for": Line(9, damaged_and_known, "a landed file was damaged or gone", again=damaged_and_known),
}  # fmt: skip
TROUBLES = {
    "everything is in quarantine": Line(7, spoiled("creditLimit", CUSTOMERS), "customers"),
    "every invoice is in quarantine": Line(7, spoiled("totalAmountIncludingTax", INVOICES), "salesInvoices"),
    "one debtor of few and what waits for him": Line(7, one_customer, "customers"),
    "a debtor that turned bad": Line(7, one_customer_later, "customers"),
    "an entity that was never read": Line(7, denied("contacts"), "contacts was never read"),
    "an entity that is not read any more": Line(1, denied_later("salesInvoices"), "salesInvoices was not read since"),
    "a published ledger page that was taken away": Line(1, lost_later(ledger_page_published=False), "ledgerEntriesPage was not read since"),
    "a column of the ledger page that is gone": Line(
        1, lost_later(ledger_page_missing_columns=frozenset({"Due_Date"})), "no longer has Due_Date"
    ),
    "a company made again under its name": Line(1, made_again, "another company now"),
    "a login that is refused since": Line(1, login_refused, "failed: bc"),
    "a source that answers nothing since": Line(1, all_silent, "failed: "),
    "dimensions that failed on the first load": Line(1, faulty(lambda: HtmlErrorPage(200, match=r"/dimensions(\?|$)")), "dimensions was never read"),
    "an endpoint that fails for ever": Line(7, silent(INVOICES), "salesInvoices was never read"),
    "a part was read and the rest fails": Line(7, a_part_was_read, "salesInvoices was never read"),
    "an amount that differs": Line(7, amount_altered, "C12"),
    "a document that was lost": Line(7, document_lost, "C1"),
    "a name that is no text": Line(2, faulty(lambda: MalformedRecord("displayName", {"not": "a name"}, match=CUSTOMERS)), "customers"),
    "a text cut in mid-character": Line(2, faulty(lambda: Rewrites(cut_in_mid_character, match=CUSTOMERS)), "customers"),
    "a page that ends with an error": Line(3, faulty(lambda: EndsWithError(match=INVOICES)), "salesInvoices was never read"),
    "an invoice of which lines are missing": Line(3, lines_missing, "salesInvoices"),
    "pages without end": Line(3, faulty(lambda: LeadsOn(match=INVOICES)), "salesInvoices was never read"),
    "a full reading that misses most": Line(3, cut_short(CUSTOMERS), "1 sweeps are held"),
    "a ledger that asks for more than the invoice": Line(4, asked_for_more, "unexplained"),
    "more debtors than usual in another portfolio": Line(1, everybody_moves, "portfolio in one cut"),
    "a first reading cut short": Line(3, faulty(lambda: ShortSweep(keep=2, match=CUSTOMERS)), "customers"),
    "a debtor who owes something is gone": Line(8, buried, "1 documents over DKK 70.00 are open and their debtors deleted"),
    "a debtor who owes something has another code": Line(8, another_code, "1 sweeps are held"),
    "an invoice whose rest is blank": Line(8, rest_blank, "salesInvoices"),
    "a file with an open amount that is blank": Line(8, files("A;1;2026-01-31;100.5;100.5\nB;2;2026-01-31;70;\n"), "DKK 70.00"),
    "a damaged file that is needed": Line(9, damaged, "C15", again=damaged),
}  # fmt: skip


def listen(desk: Desk, again: Callable[[Desk], None] | None = None) -> Heard:
    """Asks all four, in the order people would."""
    run, status, certificate = (
        desk.run(*c) for c in (("run", "bc"), ("status", "--check"), ("certificate", "bc"))
    )
    found = desk.json("certificate", "bc")["certificates"]
    broken = [
        f"{c['check']} {c['detail']['note']} {c['detail']['sample']} {c['detail']['figures']} {c['detail']['classes']}"
        for made in found
        for c in made["checks"]
        if c["verdict"] == "breaks"
    ] + [sentence for made in found for sentence in made["since"]]
    is_doubted = any(made["cut"]["grade"] in TROUBLE or made["since"] for made in found)
    if again is not None:
        again(desk)
    lane = run_lane("bc", folder=desk.defs)
    texts = {
        name: " ".join(text.split())
        for name, text in (
            ("run", run.out), ("status", status.out), ("certificate", certificate.out), ("dagster", shown_in_dagster(lane)),
        )
    }  # fmt: skip
    return Heard(Voices(run.code != 0, status.code == 6, is_doubted, is_red(lane)), " ".join(broken), texts)


def shown_in_dagster(result: dg.ExecuteInProcessResult) -> str:
    """What a person reads beside the checks of a run."""
    return "\n".join(
        f"{check.description} {value.value}"
        for check in result.get_asset_check_evaluations()
        for value in check.metadata.values()
    )


def is_red(result: dg.ExecuteInProcessResult) -> bool:
    """Whether the run failed or a check of severity ERROR did; a failed check never stands in a run that is green, and a red run has one, but
    where a step was refused before it could ask.
    """
    failed = [
        c
        for c in result.get_asset_check_evaluations()
        if not c.passed and c.severity is dg.AssetCheckSeverity.ERROR
    ]
    refused = [e for e in result.all_events if e.event_type is dg.DagsterEventType.STEP_FAILURE]
    assert bool(failed) <= (not result.success), [c.check_name for c in failed]
    assert bool(failed or refused) is not result.success
    return not result.success


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between two tries."""
    monkeypatch.setattr(stage_step, "PAUSE", 0.0)
    monkeypatch.setattr("sync_engine.platform.clock.SystemClock.sleep", lambda *_: None)


@pytest.mark.parametrize("name", WELL)
def test_all_four_say_well(desk: Desk, name: str) -> None:
    """Nothing is wrong, and nobody says so."""
    WELL[name].arrange(desk)
    assert listen(desk).voices == Voices(run=False, status=False, certificate=False, dagster=False)


@pytest.mark.parametrize("name", NOTED)
def test_all_four_tell_what_is_no_trouble(desk: Desk, name: str) -> None:
    """All four say well, and each of them tells what a person should know."""
    line = NOTED[name]
    line.arrange(desk)
    heard = listen(desk, line.again)
    assert heard.voices == Voices(run=False, status=False, certificate=False, dagster=False)
    assert {voice: line.named in text for voice, text in heard.texts.items()} == dict.fromkeys(
        heard.texts, True
    )


@pytest.mark.parametrize("name", TROUBLES)
def test_all_four_say_trouble(desk: Desk, name: str) -> None:
    """Whichever of the four somebody reads, it says that something is wrong, and the certificate names what."""
    line = TROUBLES[name]
    line.arrange(desk)
    heard = listen(desk, line.again)
    assert heard.voices == Voices(run=True, status=True, certificate=True, dagster=True)
    assert line.named in heard.broken


def test_a_run_that_wants_a_person_is_no_success_whoever_started_it(desk: Desk) -> None:
    """Debtors with open items leave the list, as many as are allowed to be missing: the run that buries them is held, at the command line and in Dagster."""
    files("A;1;2026-01-31;100.5;100.5\nB;2;2026-01-31;70;70\n", missing={"share": 1.0})(desk)
    books = desk.defs.parent / "books" / "customers.csv"
    assert desk.run("run", "bc").code == 0
    books.write_text("No;Name\n1;HANSEN\n", encoding="utf-8")
    assert desk.run("run", "bc").code == 6
    assert desk.run("status", "--check").code == 6
    assert "was held" in desk.run("certificate", "bc").out
    assert [desk.run(*c).code for c in (("run", "bc"), ("status", "--check"))] == [0, 0]
    books.write_text("No;Name\n3;LARSEN\n", encoding="utf-8")
    lane = run_lane("bc", folder=desk.defs)
    assert is_red(lane)
    (failed,) = [e for e in lane.all_events if e.event_type is dg.DagsterEventType.STEP_FAILURE]
    assert "1 debtors were deleted that have open items" in str(failed.step_failure_data.user_failure_data)
    assert desk.run("status", "--check").code == 6


def test_every_kind_is_among_them() -> None:
    """Of each kind of doubt one is asked about at least."""
    assert {line.of for table in (WELL, NOTED, TROUBLES) for line in table.values()} == set(KINDS)


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
