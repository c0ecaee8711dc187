"""The ledger by five routes: whatever happens to it, a chain of changes ends where a fresh full read ends."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.business_central.cursors import Mark
from connectors.toolkit.number_sets import pack, unpack
from sync_engine.records import Cursor
from tests.connectors.support import Bench, bench, parsed, read, rows
from tests.simulators.business_central.faults import Fault
from tests.simulators.business_central.http import Request, Response

CUSTOM = {"custom": {"publisher": "contoso", "group": "receivables"}}
ROUTES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "own API page": ({"ledger": CUSTOM}, ["ledgerEntriesApi", "detailedEntriesApi"]),
    "published page": ({"ledger": {"route": "odata_page"}}, ["ledgerEntriesPage", "ledgerEntriesAnalytics"]),
    "Power BI": (
        {"ledger": {"route": "analytics"}},
        ["ledgerEntriesGrouped", "ledgerEntriesAnalytics", "openInvoices"],
    ),
    "reportsFinance": ({"ledger": {"route": "reports_finance"}}, ["ledgerEntriesFinance", "openInvoices"]),
    "open invoices": ({"ledger": {"route": "invoices"}}, ["openInvoices"]),
}


class Reader:
    """What an engine would remember: per stream the rows and the cursor."""

    def __init__(self, there: Bench, route: str) -> None:
        self.there, self.route = there, route
        self.entities = ROUTES[route][1]
        self.known: dict[str, dict[str, bytes]] = {entity: {} for entity in self.entities}
        self.cursors: dict[str, Cursor | None] = dict.fromkeys(self.entities)

    def run(self) -> dict[str, dict[str, bytes]]:
        opened = self.there.open(page_size=40, **ROUTES[self.route][0])
        for entity in self.entities:
            batches = read(opened, entity, self.cursors[entity])
            found = rows(batches)
            self.known[entity] = found if batches[-1].complete else self.known[entity] | found
            self.cursors[entity] = batches[-1].resume_from if opened.streams[entity].has_cursor else None
        return self.known

    def fresh(self) -> dict[str, dict[str, bytes]]:
        """A first read. What left the list of open invoices says so under salesInvoices, so it may still be remembered here."""
        found = Reader(self.there, self.route).run()
        if "openInvoices" in found:
            found["openInvoices"] = {**self.known["openInvoices"], **found["openInvoices"]}
        return found


@pytest.mark.parametrize("route", ROUTES)
def test_a_partial_payment_is_seen(route: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Remaining moves, no stamp of the invoice does: the trap of every route. [facts: case 7]"""
    there = bench(monkeypatch)
    invoice = next(iter(there.company.invoices.values()))
    reader = Reader(there, route)
    reader.run()
    stamp = invoice.modified_at
    there.hands.time.advance(timedelta(days=3))
    there.company.pay_invoice(invoice.id, Decimal(7))
    assert invoice.modified_at == stamp
    assert reader.run() == reader.fresh()
    if route != "reportsFinance":
        texts = b"".join(payload for found in reader.known.values() for payload in found.values())
        assert b"93" in texts or route == "Power BI"


@pytest.mark.parametrize("route", ROUTES)
def test_any_sequence_of_postings_ends_where_a_fresh_read_ends(
    route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Payments back-dated and not, un-applications, credit notes, refunds, journals, promises; read after every few."""
    for seed in range(2):
        there = bench(monkeypatch)
        reader, dice = Reader(there, route), random.Random(seed)
        for _ in range(6):
            for _ in range(dice.randrange(1, 5)):
                there.hands.time.advance(timedelta(hours=dice.randrange(1, 60)))
                _something(there, dice)
            assert reader.run() == reader.fresh(), (route, seed)


def _something(there: Bench, dice: random.Random) -> None:
    company, today = there.company, there.hands.now().date()
    customer = dice.choice(sorted(company.customers))
    owing = [entry for entry in company.entries.values() if entry.open and entry.remaining > 0]
    applied = sorted({number for entry in company.entries for number in company.applications_of(entry)})
    back = today - timedelta(days=dice.choice((0, 0, 5, 90)))
    actions: list[Callable[[], Any]] = [
        lambda: company.post_invoice(customer, Decimal(dice.randrange(1, 500))),
        lambda: company.post_journal_invoice(customer, Decimal(dice.randrange(1, 500)), on=back),
        lambda: company.post_payment(customer, Decimal(dice.randrange(1, 200))),
        lambda: company.post_opening_balance(customer, Decimal(9)),
    ]
    if owing:
        entry = dice.choice(owing)
        share = entry.remaining if dice.random() < 0.5 else entry.remaining / 2
        pay = Decimal(int(share)) or entry.remaining
        actions += [
            lambda: company.post_payment(
                entry.customer_id, pay, apply_to=str(entry.entry_no), on=max(back, entry.posting_date)
            )
        ] * 4
    if applied:
        actions.append(lambda: company.unapply(dice.choice(applied)))
    dice.choice(actions)()


def test_an_entry_closed_with_an_old_date_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its closing date is before any window and its number is old: it is missed because it is open no more."""
    there = bench(monkeypatch)
    invoice = there.company.post_invoice("10020", Decimal(100), on=date(2026, 1, 4))
    credit = there.company.post_payment("10020", Decimal(100), on=date(2026, 1, 5))
    for _ in range(201):
        there.company.post_payment("10010", Decimal(1))
    there.hands.time.advance(timedelta(days=400))
    there.company.pay_invoice(there.company.post_invoice("10010", Decimal(1)).id)
    reader = Reader(there, "published page")
    reader.run()
    there.company.apply(credit.entry_no, invoice.entry_no or 0, on=date(2026, 3, 1))
    reader.run()
    assert parsed(reader.known["ledgerEntriesPage"][str(invoice.entry_no)])["Open"] is False
    assert reader.known == reader.fresh()


def test_an_entry_that_opens_again_long_after_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its number is old, it was closed last time and its closing date is gone: it is found because it is open now, and by nothing else."""
    there = bench(monkeypatch)
    invoice = there.company.post_invoice("10020", Decimal(100))
    there.company.pay_invoice(invoice.id)
    for _ in range(201):
        there.company.post_payment("10010", Decimal(1))
    there.hands.time.advance(timedelta(days=400))
    reader = Reader(there, "published page")
    reader.run()
    number = invoice.entry_no or 0
    there.company.unapply(there.company.applications_of(number)[0])
    reader.run()
    assert parsed(reader.known["ledgerEntriesPage"][str(number)])["Open"] is True
    assert reader.known == reader.fresh()


@pytest.mark.parametrize("shown", [True, False], ids=["row versions", "stamps only"])
def test_an_entry_without_a_stamp_is_found_by_its_row_version(
    shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copied company has no stamps, but every write a version; a page that shows none falls back on stamps and an overlap."""
    there = bench(monkeypatch)
    opened = there.open(
        page_size=40,
        ledger=CUSTOM if shown else {"custom": CUSTOM["custom"] | {"fields": {"row_version": "notShown"}}},
    )
    cursor = read(opened, "ledgerEntriesApi")[-1].resume_from
    there.hands.time.advance(timedelta(hours=2))
    entry = there.company.post_journal_invoice("10010", Decimal(5), on=date(2026, 1, 4))
    payment = there.company.post_payment("10010", Decimal(5), on=date(2026, 1, 4))
    there.company.apply(payment.entry_no, entry.entry_no, on=date(2026, 1, 5))
    entry.modified_at = None
    assert (entry.id in rows(read(opened, "ledgerEntriesApi", cursor))) == shown
    assert bool(there.simulator.requests("systemRowVersion.{1,3}gt")) == shown


@pytest.mark.parametrize("entity", ["ledgerEntriesApi", "detailedEntriesApi"])
def test_a_late_commit_has_an_early_row_version(entity: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cursor stays behind the last quarter of an hour, so a version that was given then and committed later is found."""
    there = bench(monkeypatch)
    there.hands.time.advance(timedelta(hours=2))
    early = there.company.post_journal_invoice("10010", Decimal(5))
    hidden = early if entity == "ledgerEntriesApi" else there.company.details_of[early.entry_no][0]
    table: Any = there.company.ledger if entity == "ledgerEntriesApi" else there.company.detailed
    table.pop(hidden.id)
    there.hands.time.advance(timedelta(minutes=5))
    there.company.post_journal_invoice("10010", Decimal(6))
    opened = there.open(page_size=40, ledger=CUSTOM)
    cursor = read(opened, entity)[-1].resume_from
    table[hidden.id] = hidden
    assert hidden.id in rows(read(opened, entity, cursor))


class HidesClosingDate(Fault):
    """A page on which the column is not visible: its filter is refused."""

    def before(self, request: Request) -> Response | None:
        body = b"""{"error":{"code":"BadRequest","message":"Could not find a property named 'Closed_at_Date'"}}"""
        return Response(400, body=body) if "Closed_at_Date" in request.target else None


def test_a_page_without_the_closing_date_still_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other three questions are enough for what was open."""
    there = bench(monkeypatch)
    reader = Reader(there, "published page")
    reader.run()
    there.simulator.inject(HidesClosingDate())
    invoice = next(
        x for x in there.company.invoices.values() if x.entry_no and there.company.entry(x.entry_no).open
    )
    there.hands.time.advance(timedelta(days=1))
    there.company.pay_invoice(invoice.id)
    reader.run()
    assert parsed(reader.known["ledgerEntriesPage"][str(invoice.entry_no)])["Open"] is False


def test_reading_changes_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing new: the last numbers again, the open ones, no closed entry that is old."""
    there = bench(monkeypatch)
    for _ in range(300):
        there.company.pay_invoice(there.company.post_invoice("10000", Decimal(1)).id)
    there.hands.time.advance(timedelta(days=40))
    there.company.post_payment("10000", Decimal(1))
    there.company.pay_invoice(there.company.post_invoice("10000", Decimal(1)).id)
    opened = there.open(page_size=1000)
    batches = read(opened, "ledgerEntriesPage")
    before = opened.calls
    changed = read(opened, "ledgerEntriesPage", batches[-1].resume_from)
    assert opened.calls - before <= 4
    assert len(rows(changed)) < len(there.company.entries) / 2
    assert not changed[-1].complete


def test_a_sweep_of_the_page_resumes_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries come in the order of their numbers, so a crash loses nothing that was stored."""
    there = bench(monkeypatch)
    batches = read(there.open(), "ledgerEntriesPage")
    assert all(batch.resume_from for batch in batches)
    assert len(batches) > 5
    after = rows(read(there.open(), "ledgerEntriesPage", batches[2].resume_from))
    assert set(rows(batches[:3])) | set(after) == set(rows(batches))


def test_the_best_route_that_answers_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this order; which one is told."""
    gone: dict[str, Any] = {}
    steps: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
        ("custom_api", {"ledger": CUSTOM}, {}),
        ("odata_page", {"ledger": CUSTOM}, {"custom_api": False}),
        ("analytics", {}, {"ledger_page_published": False}),
        ("reports_finance", {}, {"analytics": False}),
        ("invoices", {}, {"reports_finance": False}),
    )
    for expected, settings, more in steps:
        gone |= more
        probe = bench(monkeypatch, **gone).open(**settings).probe()
        assert probe.facts["ledger_route"] == expected
        assert {c.name: c for c in probe.capabilities}["ledger route"].available is (
            expected not in ("reports_finance", "invoices")
        )


def test_open_entries_are_remembered_in_little_room() -> None:
    """100,000 open entries of 400,000: about a byte and a half each."""
    dice = random.Random(1)
    numbers = set(dice.sample(range(400_000), 100_000))
    assert unpack(pack(numbers)) == numbers
    assert len(pack(numbers)) < 100_000
    assert unpack(pack(set())) == set()
    assert Mark.read(Mark(entry=7, open=pack({1, 5})).write()) == Mark(entry=7, open=pack({1, 5}))
