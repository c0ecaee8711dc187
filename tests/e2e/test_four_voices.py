"""Four voices say the same: the exit code of a run, of `status --check`, the certificate, and the checks in Dagster.

Three tables: WELL is no trouble, NOTED is none either and is told by all four, TROUBLE is said by all four. A line names what brings it
about and what must be named; its number says which kind of doubt it belongs to (KINDS), and of each kind there is one. A new one is a new line.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

import dagster as dg
import pytest

from dagster_project import stage_step
from dagster_project.in_process import run_lane
from sync_engine.store.controls import TROUBLE
from tests.cli.conftest import bare_desk, desk
from tests.cli.desk import Desk
from tests.e2e.troubles import (
    CUSTOMERS,
    INVOICES,
    a_part_was_read,
    all_silent,
    amount_altered,
    another_code,
    asked_for_more,
    buried,
    by_route,
    cut_in_mid_character,
    cut_short,
    damaged,
    damaged_and_known,
    denied,
    denied_later,
    document_lost,
    everybody_moves,
    faulty,
    files,
    in_parts_and_less,
    lines_missing,
    login_refused,
    lost_later,
    made_again,
    nothing,
    one_customer,
    one_customer_later,
    our_clock_ahead,
    rest_blank,
    silent,
    spoiled,
    stamped_in_2031,
)
from tests.simulators.business_central.faults import HtmlErrorPage
from tests.simulators.business_central.spoiled_answers import (
    EndsWithError,
    LeadsOn,
    MalformedRecord,
    Rewrites,
    ShortSweep,
)

__all__ = ["bare_desk", "desk"]


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
