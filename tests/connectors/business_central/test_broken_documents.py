"""Documents the server breaks down over, and lines that cannot be read: each waits alone, and an outage puts none aside."""

from __future__ import annotations

import re
from typing import Any

import pytest

from connectors.toolkit.http.limits import Limits
from sync_engine.errors import SourceError, TransientError
from tests.connectors.support import bench, parsed, read, rows, unread
from tests.simulators.business_central.faults import Fault
from tests.simulators.business_central.http import Request, Response
from tests.simulators.business_central.spoiled_answers import PoisonedExpand


class LinesGone(Fault):
    """The lines of one document cannot be read at all."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.document = document

    def before(self, request: Request) -> Response | None:
        if f"({self.document})/salesInvoiceLines" not in request.target:
            return None
        return Response(
            400,
            body=b'{"error":{"code":"x","message":"The Dimension Value does not exist.  CorrelationId:  12345678-aa."}}',
        )


def test_a_document_whose_lines_cannot_be_read_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes with its header and the reason, so that it alone is quarantined."""
    there = bench(monkeypatch)
    document = sorted(there.company.invoices)[5]
    there.simulator.inject(PoisonedExpand(document, "salesInvoiceLines"), LinesGone(document))
    batches = read(there.open(), "salesInvoices")
    assert len(rows(batches)) == len(there.company.invoices)
    assert unread(batches) == {document: "The Dimension Value does not exist."}
    assert "salesInvoiceLines" not in parsed(rows(batches)[document])


class LinesRefused(Fault):
    """Lines cannot be read, of one document or of all, on their own or inside their document."""

    def __init__(self, message: str, document: str = "", status: int = 400) -> None:
        super().__init__()
        self.message, self.document, self.status = message, document, status

    def before(self, request: Request) -> Response | None:
        if f"{self.document}{')' * bool(self.document)}/salesInvoiceLines" in request.target or (
            not self.document and "expand" in request.target
        ):
            return Response(
                self.status,
                payload={"error": {"code": "Application_DialogException", "message": self.message}},
            )
        return None


def test_a_record_may_break_its_page_in_words_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """An item that is gone says it otherwise than a dimension value: when the headers are answered alone, only that document waits."""
    there = bench(monkeypatch)
    calm = rows(read(there.open(), "salesInvoices"))
    document, gone = (
        sorted(calm)[12],
        "The Item does not exist. Identification fields and values: No.='1996-S'",
    )
    there.simulator.inject(
        PoisonedExpand(document, "salesInvoiceLines", message=gone), LinesRefused(gone, document)
    )
    batches = read(there.open(), "salesInvoices")
    assert rows(batches).keys() == calm.keys()
    assert unread(batches) == {document: gone}


@pytest.mark.parametrize(
    ("message", "asked"),
    [
        ("Something is wrong with every line.", 11),
        ("You do not have the following permissions on TableData Sales Invoice Line: Read", 0),
    ],
    ids=["words nobody knows", "no permission"],
)
def test_lines_that_nobody_can_read_are_no_single_records(
    message: str, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where every document's lines are refused the entity fails and says why, instead of asking for each of a hundred thousand."""
    there = bench(monkeypatch)
    opened = there.open()
    assert opened.streams
    there.simulator.inject(LinesRefused(message))
    with pytest.raises(SourceError, match=message):
        read(opened, "salesInvoices")
    assert len(there.simulator.requests(r"\)/salesInvoiceLines")) == asked


@pytest.mark.parametrize("page", [25, 1], ids=["among others", "alone on its page"])
@pytest.mark.parametrize("status", [408, 500, 502, 504])
def test_a_document_the_server_breaks_down_over_waits_alone(
    status: int, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lines never come, those of another do: it is marked and its neighbours go on. So it is where they never come in time."""
    there = bench(monkeypatch)
    calm = rows(read(there.open(), "salesInvoices"))
    document = min(calm)
    there.simulator.inject(
        PoisonedExpand(document, "salesInvoiceLines", message="Overflow", status=status),
        LinesRefused("Overflow", document, status),
    )
    batches = read(there.open(document_page_size=page), "salesInvoices")
    assert rows(batches).keys() == calm.keys()
    marked = unread(batches)
    assert marked.keys() == {document}
    assert f"HTTP {status}" in marked[document]


ATTEMPTS = Limits().attempts
LINES = r"expand|\)/salesInvoiceLines"


class Down(Fault):
    """A server that breaks down over everything that matches, from its n-th such request on."""

    def __init__(self, match: str, status: int = 500, **when: Any) -> None:
        super().__init__(match=match, **when)
        self.status = status

    def before(self, request: Request) -> Response | None:
        return Response(self.status, body=b"{}") if self.strikes(request) else None


@pytest.mark.parametrize(
    ("match", "after", "asked"),
    [
        ("salesInvoice", 0, ATTEMPTS + 1),
        (
            LINES,
            0,
            (ATTEMPTS + 1) + 2 + (ATTEMPTS + 3),
        ),  # the page, headers; a smaller page, its headers; the lines of one, of three more
        (
            LINES,
            2 + 10,
            2 + 1 + 10 + (ATTEMPTS + 1),
        ),  # two pages refused, headers, ten documents; the lines of one, of the one before
    ],
    ids=["everything", "all lines", "all lines from the middle of a page on"],
)
def test_an_outage_puts_no_document_aside(
    match: str, after: int, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no lines of another document come either it is no single record: the run fails, soon, and is run again."""
    there = bench(monkeypatch)
    opened = there.open()
    document = min(rows(read(opened, "salesInvoices")))
    there.simulator.inject(PoisonedExpand(document, "salesInvoiceLines"), Down(match, after=after))
    before = opened.calls
    with pytest.raises(TransientError):
        read(opened, "salesInvoices")
    assert opened.calls == before + asked


@pytest.mark.parametrize(
    ("match", "documents"), [("salesInvoice", 0), (LINES, 1 + 3)], ids=["everything", "all lines"]
)
def test_a_server_that_is_too_slow_puts_no_document_aside(
    match: str, documents: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the lines of three others do not come in time either, the run fails at the first document and is run again."""
    there = bench(monkeypatch)
    opened = there.open()
    document = min(rows(read(opened, "salesInvoices")))
    there.simulator.inject(PoisonedExpand(document, "salesInvoiceLines"), Down(match, 504))
    with pytest.raises(TransientError):
        read(opened, "salesInvoices")
    asked = [
        re.search(r"\(([^()]+)\)/salesInvoiceLines", request.target)
        for request in there.simulator.requests(r"\)/salesInvoiceLines")
    ]
    assert len({found[1] for found in asked if found}) == documents
