"""What befalls one run and no other, by name: the installation, the answers, the clock or the lake are not as they should be."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from sync_engine.ops.runs.replay import replay_source
from tests.simulators.business_central import records as r
from tests.simulators.business_central.faults import Fault, HtmlErrorPage, Refuses
from tests.simulators.business_central.spoiled_answers import (
    EndsWithError,
    InnerLink,
    MalformedRecord,
    Rewrites,
)
from tests.stages.support import Ahead, Rig

End = Callable[[], object]
Trouble = Callable[[Rig, int, int], End]
"""Makes a run's trouble; `which` chooses where, `how` everything else. What it gives back ends the trouble when the run is over."""

FAR = datetime(2031, 5, 1, tzinfo=UTC)
SETS = (
    "customers",
    "contacts",
    "salesInvoices",
    "salesCreditMemos",
    "customerLedgerEntries",
    "detailedCustomerLedgerEntries",
    "defaultDimensions",
    "dimensions",
    "dimensionValues",
    "paymentTerms",
    "salespeople",
    "companyInformation",
    "Customer_Card",
)
TEXT = re.compile(rb'"(?:number|code|displayName|jobTitle|description|customerNumber)":"')


def _set(which: int) -> str:
    return rf"/{SETS[which % len(SETS)]}(\?|$)"


def _with(rig: Rig, *faults: Fault) -> End:
    rig.simulator.inject(*faults)
    return rig.simulator.heal


def _nth(rows: list[Any], which: int) -> Any:
    return rows[which % len(rows)]


def _record(rig: Rig, which: int) -> tuple[str, r.Row]:
    """A record of the ERP, and the pattern of the requests it arrives with."""
    company = rig.company
    rows: list[tuple[str, r.Row]] = [
        *(("/customers", row) for row in company.customers.values()),
        *(("/contacts", row) for row in company.contacts.values()),
        *(("/salesInvoices", row) for row in company.invoices.values()),
        *(("/customerLedgerEntries", row) for row in company.entries.values()),
    ]
    match, row = _nth(rows, which * 7)
    return rf"{match}(\?|$)", row


def lost_endpoint(rig: Rig, which: int, how: int) -> End:
    """One set is refused, each time it is asked for."""
    refused: tuple[Callable[[str], Fault], ...] = (
        lambda match: Refuses(403, match=match),
        lambda match: Refuses(404, match=match),
        lambda match: Refuses(500, match=match),
        lambda match: HtmlErrorPage(200, match=match),
    )
    return _with(rig, _nth(list(refused), how)(_set(which)))


def another_company(rig: Rig, _which: int, _how: int) -> End:
    """The name of the company leads to another id."""
    companies, company = rig.simulator.world.companies, rig.company

    def call(name: str) -> None:
        companies[name] = companies.pop(company.id)
        company.id = name

    old = company.id
    call(rig.simulator.world.stamper.new_id())
    return partial(call, old)


def rows_and_an_error(rig: Rig, which: int, how: int) -> End:
    """HTTP 200 with rows and an error, on the first page or in the middle of a walk of small pages."""
    before = dict(rig.config.connection)
    rig.config.connection |= {"page_size": 3, "document_page_size": 3}

    def end() -> None:
        rig.simulator.heal()
        rig.config.connection |= before

    rig.simulator.inject(EndsWithError(match=rf"/{SETS[which % len(SETS)]}\?(?!.*top=1\b)", after=how % 3))
    return end


def nested_link(rig: Rig, which: int, how: int) -> End:
    """Lines of an invoice arrive in two parts, the second behind a link, or not at all."""
    lines: list[dict[str, object]] = [
        {"description": f"line {n}", "quantity": 1 + (n + how) % 5, "unit_price": 10} for n in range(3)
    ]
    rig.company.post_invoice(_nth(sorted(rig.company.customers), which), lines=lines)
    return _with(
        rig, InnerLink("salesInvoiceLines", keep=1 + how % 2, told=bool(which % 2), match="/salesInvoices")
    )


def future_stamp(rig: Rig, which: int, _how: int) -> End:
    """A record is stamped in a year to come, until somebody changes it."""
    _, row = _record(rig, which)
    row.modified_at = FAR
    return lambda: None


def clock_ahead(rig: Rig, _which: int, how: int) -> End:
    """Our own clock is ahead by days or by years."""
    rig.clock = Ahead(rig.bench.hands, timedelta(days=(1, 40, 400)[how % 3]))
    return lambda: None


def damaged_file(rig: Rig, which: int, how: int) -> End:
    """A landed file is gone, cut short or flipped, and everything is replayed."""
    landed = sorted(rig.files())
    if landed:
        file = Path(rig.lake.root) / str(_nth(landed, which * 7 + how))
        body = bytearray(file.read_bytes())
        match how % 3:
            case 0:
                file.unlink()
            case 1:
                file.write_bytes(body[: len(body) // 2])
            case _:
                body[len(body) // 2] ^= 0x10
                file.write_bytes(body)
        replay_source(rig.runtime, rig.config)
    return lambda: None


def half_a_character(rig: Rig, which: int, how: int) -> End:
    """One text of a page holds a lone surrogate."""

    def spoil(body: bytes) -> bytes:
        places = [found.end() for found in TEXT.finditer(body)]
        if not places:
            return body
        place = _nth(places, how)
        return body[:place] + rb"\ud83c" + body[place:]

    return _with(rig, Rewrites(spoil, match=_set(which)))


def keyless_row(rig: Rig, which: int, how: int) -> End:
    """One row of every page has no id."""
    return _with(rig, MalformedRecord("id", None, place=how % 4, match=_set(which)))


def corrected_later(rig: Rig, which: int, how: int) -> End:
    """A record makes no sense, until the ERP corrects it after the run."""
    match, row = _record(rig, which)
    fields = {
        "/customers": "displayName",
        "/contacts": "displayName",
        "/salesInvoices": "totalAmountIncludingTax",
        "/customerLedgerEntries": "amount",
    }
    field = fields[match.partition("(")[0]]
    odd = ({"no": "text"}, "n/a", [Decimal(1)])[how % 3] if field != "displayName" else {"no": "text"}
    rig.simulator.inject(MalformedRecord(field, odd, record_id=row.id, match=match))

    def corrected() -> None:
        rig.simulator.heal()
        rig.advance(minutes=1)
        rig.company.touch(row)

    return corrected


def no_trouble(_rig: Rig, _which: int, _how: int) -> End:
    """A run like any other."""
    return lambda: None


TROUBLES: dict[str, Trouble] = {
    "lost endpoint": lost_endpoint,
    "another company": another_company,
    "rows and an error": rows_and_an_error,
    "nested link": nested_link,
    "future stamp": future_stamp,
    "clock ahead": clock_ahead,
    "damaged file": damaged_file,
    "half a character": half_a_character,
    "keyless row": keyless_row,
    "corrected later": corrected_later,
}
