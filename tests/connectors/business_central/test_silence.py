"""An endpoint that is busy while we look around: the others go on, and silence is never taken for absence."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sync_engine.errors import SourceError, TransientError
from tests.connectors.support import bench, read, rows
from tests.simulators.business_central.faults import (
    EditedMeanwhile,
    EmptyUnauthorized,
    Fault,
    HtmlErrorPage,
    Refuses,
    ServerBusy,
    XmlError,
)
from tests.simulators.business_central.spoiled_answers import EndsWithError

LEDGER = r"/Cust_LedgerEntries(\?|$)"
SILENT = {
    "the ledger's page": (LEDGER, {"ledgerEntriesPage"}),
    "the Power BI query": (r"/analytics/", {"ledgerEntriesAnalytics"}),
    "an optional set": (r"/customerFinancialDetails(\?|$)", {"customerFinancialDetails"}),
    "the change signal": (r"/detailedCustomerLedgerEntries(\?|$)", set()),
    "the company's card": (r"/companyInformation(\?|$)", {"companyInformation"}),
    "$metadata": (r"/\$metadata", {"contactsInformation"}),
}

PASSING: dict[str, Callable[[str], Fault]] = {
    "rows and an error": lambda match: EndsWithError(match=match),
    "a page of HTML": lambda match: HtmlErrorPage(200, match=match),
    "a redirect": lambda match: Refuses(302, match=match),
    "an error of the page's code": lambda match: Refuses(400, match=match),
    "a login that is refused once": lambda match: EmptyUnauthorized(match=match),
    "edited meanwhile": lambda match: EditedMeanwhile(match=match),
    "a status of a gateway": lambda match: XmlError(418, match=match),
    "broken down": lambda match: Refuses(500, match=match),
}
LASTING: dict[str, Callable[[str], Fault]] = {
    "no permission": lambda match: Refuses(403, match=match),
    "nothing there": lambda match: Refuses(404, match=match),
    "gone": lambda match: Refuses(410, match=match),
    "a property that it does not know": lambda match: XmlError(400, "BadRequest", match=match),
    "not implemented": lambda match: XmlError(501, "BadRequest_MethodNotImplemented", match=match),
}


@pytest.mark.parametrize("which", SILENT)
def test_one_silent_endpoint_leaves_the_others_to_be_read(
    which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is silent fails as something to try again and nothing else does; when it answers, the same connector reads it."""
    match, concerned = SILENT[which]
    there = bench(monkeypatch)
    calm = set(there.open().streams)
    there.simulator.inject(ServerBusy(503, match=match))
    opened = there.open(attempts=2)
    assert set(opened.streams) == calm
    failed = set()
    for entity in opened.streams:
        try:
            read(opened, entity)
        except TransientError:
            failed.add(entity)
    assert failed == concerned
    there.simulator.heal()
    for entity in concerned:
        assert read(opened, entity)[-1].complete


def test_a_busy_route_is_not_replaced_by_a_lesser_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page is busy and the Power BI query is not: what is published must not be what another ledger tells."""
    there = bench(monkeypatch)
    there.simulator.inject(ServerBusy(503, match=LEDGER))
    opened = there.open(attempts=1)
    assert opened.probe().facts["ledger_route"] == "odata_page"
    assert "ledgerEntriesGrouped" not in opened.streams
    with pytest.raises(TransientError, match="ledgerEntriesPage"):
        read(opened, "ledgerEntriesPage")


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        (answer, asked)
        for asked in ("the ledger's page", "an optional set", "$metadata")
        for answer in PASSING
        if asked != "$metadata"
        or answer not in ("rows and an error", "a page of HTML")  # entityDefinitions stand in
    ],
)
def test_an_answer_that_passes_is_no_absence(
    answer: str, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked at the first look: what was to be read still is, by the same route, and it is read as soon as it answers."""
    match, concerned = SILENT[asked]
    there = bench(monkeypatch)
    calm = there.open()
    there.simulator.inject(PASSING[answer](match))
    opened = there.open(attempts=1)
    assert set(opened.streams) == set(calm.streams)
    assert opened.offered.route == calm.offered.route
    assert opened.offered.in_doubt == concerned
    for entity in concerned:
        with pytest.raises(TransientError):
            read(opened, entity)
    there.simulator.heal()
    for entity in concerned:
        assert read(opened, entity)[-1].complete


@pytest.mark.parametrize("answer", LASTING)
def test_an_answer_about_the_installation_is_believed(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is kept waiting for what is not there: the next route is read, and the set is told as missing with the reason."""
    there = bench(monkeypatch)
    there.simulator.inject(LASTING[answer](LEDGER))
    opened = there.open(attempts=1)
    assert "ledgerEntriesPage" not in opened.streams
    assert opened.offered.missing["ledgerEntriesPage"]
    assert opened.offered.in_doubt == frozenset()


def test_what_was_in_doubt_may_turn_out_to_be_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it says why it is not offered, and the next look takes the next route."""
    there = bench(monkeypatch, ledger_page_published=False)
    there.simulator.inject(ServerBusy(503, match=LEDGER, times=1))
    opened = there.open(attempts=1)
    assert "ledgerEntriesPage" in opened.streams
    with pytest.raises(SourceError, match="not there"):
        read(opened, "ledgerEntriesPage")
    assert there.open().probe().facts["ledger_route"] == "analytics"


def test_the_doctor_tells_silence_from_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that nobody hunts for a permission that is there."""
    there = bench(monkeypatch)
    there.simulator.inject(
        *(
            ServerBusy(503, match=match)
            for match in (LEDGER, r"/contacts(\?|$)", r"/agedAccountsReceivables(\?|$)", r"/\$metadata")
        )
    )
    found = {c.name: c for c in there.open(attempts=1).probe().capabilities}
    for name in ("ledgerEntriesPage", "contacts", "agedAccountsReceivables", "$metadata"):
        assert not found[name].available
        assert found[name].detail.startswith(
            "could not be told now, ask again (not able to answer now, HTTP 503"
        )
        assert found[name].consequence
    assert found["customers"].available


def test_a_company_known_by_its_id_needs_no_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of companies is silent: an id is all that addresses need, a name is not."""
    there = bench(monkeypatch)
    there.simulator.inject(ServerBusy(503, match=r"/companies(\?|$)"))
    opened = there.open(company=there.company.id, attempts=1)
    assert len(rows(read(opened, "customers"))) == len(there.company.customers)
    with pytest.raises(TransientError, match="companies"):
        assert there.open(attempts=1).streams


def test_a_host_that_is_down_is_not_an_installation_without_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the list of companies nothing answers any more: something to try again, and not asked forty times."""
    there = bench(monkeypatch)
    there.simulator.inject(ServerBusy(503, match=r"companies\(|metadata"))
    opened = there.open(attempts=1)
    with pytest.raises(TransientError):
        assert opened.streams
    assert opened.calls < 6


def test_looking_around_reports_what_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment and a company that do not answer are lines with a reason; the others are found."""
    there = bench(monkeypatch)
    other = there.simulator.world.add_company("Second")
    there.simulator.inject(ServerBusy(503, match=rf"{other.id}.*/companyInformation"))
    found = {company.name: company.closed for company in there.open(company=None, attempts=1).discover()}
    assert found["Hansen & Søn"] == ""
    assert "503" in found["Second"]
