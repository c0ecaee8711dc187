"""Every set of the company, cut short or led astray in every way a server can: an error, or all of it; never less in silence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import pytest

from connectors.business_central import BusinessCentral
from sync_engine.errors import ProtocolViolation, SourceError, SyncError
from sync_engine.records import ControlTotal, Probe
from tests.connectors.support import bench, parsed, read, rows, unread
from tests.simulators.business_central.faults import DropsConnection, Fault
from tests.simulators.business_central.spoiled_answers import (
    EndsWithError,
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


SIDE_LISTS = (
    r"api/v2.0/companies$",
    "/environments/",
    "entityDefinitions",
    "subscriptions",
    "agedAccounts",
    r"/accounts(\?|$)",
    "detailedCustomer",
)
"""What is read beside the entity sets: companies, environments, definitions, subscriptions, the ageing, accounts, the change signal."""


def asks_of(opened: BusinessCentral) -> dict[str, Callable[[], object]]:
    """What is answered from the side lists."""
    return {
        "companies": opened.discover,
        "subscriptions": partial(opened.rows, "subscriptions"),
        "probe": opened.probe,
        "totals of customers": partial(opened.totals, "customers"),
        "totals of the company": partial(opened.totals, "companyInformation"),
    }


def is_told(found: object, calm: object) -> bool:
    """Whether an answer holds all that the undisturbed one does, or says what it lacks.

    A probe names what is not available, and what comes of it. Of the totals a kind may lack as a whole, which leaves its check
    not answerable; a part of a kind, or another figure, would be a wrong statement.
    """
    if isinstance(found, Probe) and isinstance(calm, Probe):
        known = {capability.name: capability for capability in calm.capabilities}
        return all(
            capability == known.get(capability.name)
            or (not capability.available and capability.detail and capability.consequence)
            for capability in found.capabilities
        ) and {capability.name for capability in found.capabilities} >= {
            name for name, capability in known.items() if capability.available
        }
    if isinstance(found, Sequence) and isinstance(calm, Sequence):
        kinds = {total.name for total in found if isinstance(total, ControlTotal)}
        return list(found) == [t for t in calm if not isinstance(t, ControlTotal) or t.name in kinds]
    return found == calm


@pytest.mark.parametrize("form", FORMS)
def test_no_list_beside_the_sets_ends_early_in_silence(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked beside the sets is refused in our words, or whole, or says what is missing."""
    there = bench(monkeypatch)
    calm = {
        name: ask() for name, ask in asks_of(there.open(attempts=1, control_accounts="by_category")).items()
    }
    struck = 0
    for match in SIDE_LISTS:
        there.simulator.inject(FORMS[form](match))
        for name, ask in asks_of(there.open(attempts=1, control_accounts="by_category")).items():
            try:
                found = ask()
            except SyncError:
                continue
            assert is_told(found, calm[name]), (match, name, found)
        struck += there.simulator.faults[0].struck
        there.simulator.heal()
    assert struck


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
