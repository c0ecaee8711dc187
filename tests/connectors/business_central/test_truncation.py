"""Every set of the company, cut short or led astray in every way a server can: an error, or all of it; never less in silence."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest

from sync_engine.errors import ProtocolViolation, SourceError, SyncError
from tests.connectors.support import bench, parsed, read, rows, unread
from tests.simulators.business_central.faults import (
    DropsConnection,
    EndsWithError,
    Fault,
    InnerLink,
    LeadsOn,
    OddNextLink,
    RepeatsPage,
    Rewrites,
)

FORMS: dict[str, Callable[[str], Fault]] = {
    "ends with an error": lambda match: EndsWithError(match=match),
    "a link that is a number": lambda match: OddNextLink(7, match=match),
    "a blank link": lambda match: OddNextLink("", match=match),
    "a link that is no address": lambda match: OddNextLink("http://[", match=match),
    "a link with a control character": lambda match: OddNextLink("https://localhost/a\x01b", match=match),
    "a link with a port that is none": lambda match: OddNextLink("x" * 70_000, match=match),
    "a link to another scheme": lambda match: OddNextLink("file:///etc/passwd", match=match),
    "a link to nowhere": lambda match: OddNextLink("api/v2.0/nowhere", match=match),
    "the same page again": lambda match: RepeatsPage(match=match),
    "one page again and again": lambda match: LeadsOn(circle=1, match=match),
    "two pages in turn": lambda match: LeadsOn(circle=2, match=match),
    "three pages in turn": lambda match: LeadsOn(circle=3, match=match),
    "empty pages without end": lambda match: LeadsOn(match=match),
    "a body cut short": lambda match: Rewrites(lambda body: body[: len(body) // 2], match=match),
    "a connection cut short": lambda match: DropsConnection(midway=True, match=match),
    "no rows at all": lambda match: Rewrites(lambda body: body.replace(b'"value"', b'"values"'), match=match),
}


@pytest.mark.parametrize("form", FORMS)
def test_no_set_ends_early_in_silence(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every stream of the catalogue and the list of its keys: it fails in our words, and says nothing is complete."""
    there = bench(monkeypatch)
    opened = there.open(page_size=500, document_page_size=500, attempts=1)
    for entity in list(opened.streams):
        path = opened._site.offer.entities[entity].path
        calm = rows(read(opened, entity))
        there.simulator.inject(FORMS[form](rf"/{path}(\?|$)"))
        for walk in (partial(read, opened), lambda name: list(opened.keys(name))):
            try:
                found = walk(entity)
            except SyncError:
                continue
            assert not there.simulator.faults[0].struck or not calm or entity == "contactsInformation", (
                entity,
                found,
            )
        there.simulator.heal()


@pytest.mark.parametrize("form", FORMS)
def test_no_list_beside_the_sets_ends_early_in_silence(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Companies, environments, definitions, subscriptions, the ageing, accounts: what follows links ends in our words or goes without."""
    there = bench(monkeypatch)
    for match in (
        r"api/v2.0/companies$",
        "/environments/",
        "entityDefinitions",
        "subscriptions",
        "agedAccounts",
        r"/accounts(\?|$)",
        "detailedCustomer",
    ):
        there.simulator.inject(FORMS[form](match))
        opened = there.open(attempts=1, control_accounts="by_category")
        totals = partial(opened.totals, "customers"), partial(opened.totals, "companyInformation")
        asks: tuple[Callable[[], object], ...] = (
            opened.discover,
            partial(opened.rows, "subscriptions"),
            opened.probe,
            *totals,
        )
        for ask in asks:
            with suppress(SyncError):
                ask()
        there.simulator.heal()


def test_pages_in_circles_are_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A, B, A, B with ever new tokens, and empty pages with ever new links."""
    there = bench(monkeypatch)
    opened = there.open()
    assert opened.streams
    for fault, says in (
        (LeadsOn(circle=2, match="/customers"), "the same page came twice"),
        (LeadsOn(match="/customers"), "empty pages one after another"),
    ):
        there.simulator.inject(fault)
        with pytest.raises(ProtocolViolation, match=says):
            read(opened, "customers")
        there.simulator.heal()


def test_an_error_behind_rows_is_a_failure_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Status 200 with rows and an error: the rows before it do not make a sweep."""
    there = bench(monkeypatch)
    opened = there.open()
    assert opened.streams
    there.simulator.inject(EndsWithError(match="/customers", after=1))
    complete: list[bool] = []
    with pytest.raises(SourceError, match=r"HTTP 200 .*cancelled"):
        complete.extend(batch.complete for batch in opened.pull("customers", None))
    assert not any(complete)


def test_lines_that_go_on_elsewhere_are_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """`salesInvoiceLines@odata.nextLink` inside a row: the document comes whole, without the link, as it would in one piece."""
    there = bench(monkeypatch)
    for _ in range(3):
        lines = [{"description": f"line {n}", "quantity": n + 1, "unit_price": 10} for n in range(3)]
        there.company.post_invoice(next(iter(there.company.customers)), lines=lines)
    calm = {key: parsed(payload) for key, payload in rows(read(there.open(), "salesInvoices")).items()}
    there.simulator.inject(InnerLink("salesInvoiceLines", match="salesInvoices"))
    found = read(there.open(), "salesInvoices")
    assert {key: parsed(payload) for key, payload in rows(found).items()} == calm
    assert len(there.simulator.requests("skiptoken=inner-")) == 3
    assert unread(found) == {}


@pytest.mark.parametrize("link", [7, "", "http://[", "api/v2.0/nowhere", {"x": 1}], ids=repr)
def test_lines_that_go_on_nowhere_cost_their_document(link: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """The documents whose lines are whole arrive; the others say that theirs are not."""
    there = bench(monkeypatch)
    whole = read(there.open(), "salesInvoices")
    made = there.company.post_invoice(
        next(iter(there.company.customers)),
        lines=[{"description": f"line {n}", "unit_price": 10} for n in range(3)],
    )
    there.simulator.inject(InnerLink("salesInvoiceLines", link=link, match="salesInvoices"))
    found = read(there.open(), "salesInvoices")
    assert set(unread(found)) == {made.id}
    assert "one of its lists goes on" in unread(found)[made.id]
    assert rows(found).keys() == rows(whole).keys() | {made.id}


def test_an_inner_link_stays_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is pinned to the configured host as other links are."""
    there = bench(monkeypatch)
    there.company.post_invoice(
        next(iter(there.company.customers)),
        lines=[{"description": f"line {n}", "unit_price": 10} for n in range(3)],
    )
    link = "https://attacker.example.com/v2.0/x/api/v2.0/nowhere"
    there.simulator.inject(InnerLink("salesInvoiceLines", link=link, match="salesInvoices"))
    read(there.open(), "salesInvoices")
    assert len(there.simulator.requests("/v2.0/x/api/v2.0/nowhere")) == 1
