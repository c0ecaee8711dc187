"""The known traps of Business Central from number 20 on: what arrives when one is sprung, on the wire and as a draft."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from connectors.toolkit.odata.pages import Cut, Pages
from connectors.toolkit.rows import RowShape
from mappings.business_central import plugin as mapping
from sync_engine.errors import ConfigurationError, ProtocolViolation
from tests.connectors.business_central.small_company import (
    ANOTHER,
    NOBODY,
    SOMEBODY,
    cursor,
    drafts,
    outcome,
    place,
    values,
)
from tests.connectors.support import SECRET, parsed, read, rows
from tests.simulators.business_central import faults as f
from tests.simulators.business_central import spoiled_answers
from tests.simulators.business_central.http import Request, Response


def test_case_20_paging_survives_what_servers_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty last page ends a list, an expired login in the middle does not, and a link that leads back is seen."""
    there = place(monkeypatch, always_empty_last_page=True)
    opened = there.open(page_size=2)
    assert opened.streams
    there.simulator.inject(f.ExpiresToken(after=2, match="/customers"))
    batches = read(opened, "customers")
    assert (len(rows(batches)), batches[-1].complete) == (3, True)
    there.simulator.heal()
    there.simulator.inject(spoiled_answers.RepeatsPage(match="/contacts", times=3))
    with pytest.raises(ProtocolViolation, match=r"repeats|twice"):
        read(opened, "contacts")


def test_case_21_stamps_are_compared_as_moments(monkeypatch: pytest.MonkeyPatch) -> None:
    """`.25Z` is later than `.249Z` and than `Z`, though its text is not."""
    stamps = ["2026-03-02T08:00:05.249Z", "2026-03-02T08:00:05.25Z", "2026-03-02T08:00:05Z"]
    given = [msgspec.Raw(msgspec.json.encode({"id": str(n), "at": stamp})) for n, stamp in enumerate(stamps)]
    assert RowShape(("id",), "at").read(given).latest == datetime(2026, 3, 2, 8, 0, 5, 250_000, tzinfo=UTC)


def test_case_22_a_deleted_customer_is_gone_and_a_misspelt_set_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both answer 404. Asked for one debtor, it is told as deleted; of a set that is not there nothing is deleted."""
    there = place(monkeypatch, version=22)
    gone = there.company.create_customer("Gone")
    there.company.create_contact("Somebody", customer=gone.number)
    opened = there.open()
    assert opened.streams
    there.simulator.inject(DeletedMeanwhile(gone.id))
    assert gone.id not in {
        parsed(payload)["relatedId"] for payload in rows(read(opened, "contactsInformation")).values()
    }
    there.company.delete_customer(gone.number)
    assert [(batch.entity, batch.deleted) for batch in there.open().pull_debtor(gone.id)] == [
        ("customers", (gone.id,))
    ]
    assert gone.id not in {key for page in there.open().keys("customers") for key in page}
    opened = there.open(ledger={"route": "auto", "page": "Cust_LedgerEntriez"})
    assert "ledgerEntriesPage" not in opened.streams


class DeletedMeanwhile(f.Fault):
    """The links of one customer lead nowhere."""

    def __init__(self, customer: str) -> None:
        super().__init__()
        self.customer = customer

    def before(self, request: Request) -> Response | None:
        body = b'{"error":{"code":"BadRequest_ResourceNotFound","message":"Resource not found."}}'
        return (
            Response(404, body=body)
            if f"customers({self.customer})/contactsInformation" in request.target
            else None
        )


def test_case_23_what_passes_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """429 without Retry-After, 502 in HTML, 503 in XML, 504, 408, a deadlock, "try again later", an edit meanwhile, an empty 401: all pass."""
    there = place(monkeypatch)
    opened = there.open(attempts=3)
    assert opened.streams
    for fault in (
        f.Throttled(times=1),
        f.HtmlErrorPage(times=1),
        f.XmlError(times=1),
        f.ServerBusy(504, times=1),
        f.ServerBusy(408, times=1),
        f.Deadlock(times=1),
        f.TryAgainLater(times=1),
        f.TryAgainLater(409, times=1),
        f.EditedMeanwhile(times=1),
        f.EmptyUnauthorized(times=1),
        f.DropsConnection(times=1),
        f.DropsConnection(midway=True, times=1),
    ):
        there.simulator.heal()
        there.simulator.inject(fault)
        assert len(rows(read(opened, "customers"))) == 3, type(fault).__name__


def test_case_24_the_total_row_is_not_added_to_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Aged receivables end with their own sum, in base currency whatever the label says; balanceDue of the card is never used."""
    there = place(monkeypatch)
    totals = there.open().totals("customers")
    assert [t.value for t in totals if t.name == "open_amount_base"] == [there.company.open_totals().local]
    assert sum(t.value for t in totals if t.name == "ageing") == there.company.open_totals().local
    assert {t.currency for t in totals if t.name == "ageing"} == {""}
    assert "erp_balance" not in values("customers", {"id": SOMEBODY, "balanceDue": 5})


def test_case_25_one_broken_record_does_not_hide_its_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """`$expand` fails over one record: the others come whole; pages too large for the server shrink; blank rows are left out."""
    there = place(monkeypatch)
    opened = there.open()
    calm = {key: parsed(payload) for key, payload in rows(read(opened, "salesInvoices")).items()}
    there.simulator.inject(spoiled_answers.PoisonedExpand(sorted(calm)[1], "salesInvoiceLines"))
    assert {key: parsed(payload) for key, payload in rows(read(opened, "salesInvoices")).items()} == calm
    there.simulator.heal()
    for number in range(30):
        there.company.add_dimension_value("CUSTOMERGROUP", f"V{number}", "One more")
    there.simulator.inject(f.LargePagesTimeOut(rows=25, match="/dimensionValues"))
    assert len(rows(read(there.open(page_size=200, attempts=1), "dimensionValues"))) == 33
    there.simulator.heal()
    there.simulator.inject(spoiled_answers.BlankRows(match="Cust_LedgerEntries"))
    found = list(rows(read(opened, "ledgerEntriesPage")).items())
    normalised = mapping.normaliser("bc", mapping.settings()).normalise("ledgerEntriesPage", found)
    assert ({e.reason for e in normalised.excluded}, len(normalised.drafts), normalised.failed) == (
        {"blank row"},
        3,
        [],
    )


def test_case_26_privacy_blocked_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever must not be written to says so."""
    there = place(monkeypatch)
    person = next(x for x in there.company.contacts.values() if x.type == "Person")
    there.company.edit_contact(person.number, privacy_blocked=True)
    assert (
        drafts("contacts", rows(read(there.open(), "contacts")))[person.id].values["privacy_blocked"] is True
    )


def test_case_27_several_addresses_in_one_field(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is the e-mail, the others are kept beside it."""
    found = values("customers", {"id": SOMEBODY, "email": "anna@example.com; bo@example.com"})
    assert (found["email"], found["custom"]) == ("anna@example.com", {"emails": ["bo@example.com"]})


def test_case_28_amounts_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Below nought, nought, and more digits than a float holds."""
    for text, expected in (
        ("-12.30", "-12.3"),
        ("0", "0"),
        ("0.00", "0"),
        ("123456789012345.6789", "123456789012345.6789"),
        ("0.1", "0.1"),
    ):
        payload = b'{"id":"%b","billToCustomerId":"%b","status":"Paid","remainingAmount":%b}' % (
            SOMEBODY.encode(),
            SOMEBODY.encode(),
            text.encode(),
        )
        assert Decimal(values("salesInvoices", payload)["open_amount"]) == Decimal(expected), text


def test_case_29_nothing_is_read_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """`$batch` may say that it did what it undid; reading needs none of it."""
    there = place(monkeypatch)
    opened = there.open()
    for entity in ("customers", "salesInvoices", "ledgerEntriesPage"):
        read(opened, entity)
    assert {x.method for x in there.simulator.requests("/api/|/ODataV4/")} == {"GET"}
    assert not there.simulator.requests(r"\$batch")


def test_case_30_no_replica_is_asked_and_no_clock_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replica may lag: reads go to the primary, and the mark is the latest stamp seen, never now."""
    there = place(monkeypatch)
    since = cursor(there, "customers")
    there.hands.time.advance(timedelta(hours=5))
    there.simulator.inject(spoiled_answers.ReplicaLag())
    row = there.company.edit_customer("10000", city="Odense")
    batches = read(there.open(), "customers", since)
    assert row.id in rows(batches)
    assert row.modified_at is not None
    assert row.modified_at.strftime("%Y-%m-%dT%H:%M") in str(batches[-1].resume_from)
    there.hands.time.advance(timedelta(hours=5))
    assert read(there.open(), "customers", batches[-1].resume_from)[-1].resume_from == batches[-1].resume_from


def test_case_31_a_listed_company_may_be_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is reported with the reason, and the others are found."""
    there = place(monkeypatch)
    closed = there.simulator.world.add_company("Closed & Co")
    there.simulator.inject(f.DeniesCompany(closed.id))
    found = {company.name: company.closed for company in there.open(company=None).discover()}
    assert found["Hansen & Søn"] == ""
    assert "cannot be entered" in found["Closed & Co"]


def test_case_32_a_missing_data_upgrade_is_for_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not pass by itself: the setting to change is named. Empty aggregates are told by the counts, not by an error."""
    there = place(monkeypatch)
    opened = there.open()
    assert opened.streams
    there.simulator.inject(f.DataUpgradeNeeded())
    with pytest.raises(ConfigurationError, match="data upgrade"):
        read(opened, "salesInvoices")
    empty = place(monkeypatch, aggregates_populated=False).open()
    assert (rows(read(empty, "salesInvoices")), empty.count("salesInvoices")) == ({}, 0)
    assert sum(t.value for t in empty.totals("customers") if t.name == "debtor_balance") != 0


def test_case_33_what_is_no_sales_invoice_comes_from_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Journal invoices, opening balances and finance charges are owed, and no set of documents has them."""
    there = place(monkeypatch)
    made = [
        there.company.post_journal_invoice("10000", Decimal(55)),
        there.company.post_opening_balance("10000", Decimal(66)),
        there.company.post_finance_charge("10000", Decimal(7)),
    ]
    opened = there.open()
    numbers = {
        draft.values["number"]
        for draft in drafts("salesInvoices", rows(read(opened, "salesInvoices"))).values()
    }
    assert not numbers & {entry.document_no for entry in made}
    found = drafts("ledgerEntriesPage", rows(read(opened, "ledgerEntriesPage")))
    assert [found[str(entry.entry_no)].values["document_type"] for entry in made] == [
        "invoice",
        "journal",
        "finance_charge",
    ]
    assert (
        sum(Decimal(draft.values["remaining_base"]) for draft in found.values())
        == there.company.open_totals().local
    )


def test_case_34_a_long_ledger_is_read_in_pieces_that_can_be_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Server-driven pages of bounded size, no `$skip`; what was stored before a crash is not asked for again."""
    there = place(monkeypatch)
    for _ in range(12):
        there.company.post_journal_invoice("10000", Decimal(1))
    opened = there.open(page_size=4)
    batches = read(opened, "ledgerEntriesPage")
    assert max(len(batch.records) for batch in batches) <= 4
    assert batches[1].resume_from is not None
    rest = read(there.open(page_size=4), "ledgerEntriesPage", batches[1].resume_from)
    assert set(rows(batches[:2])) | set(rows(rest)) == set(rows(batches))
    assert not there.simulator.requests(r"\$skip=")
    assert {x.prefer for x in there.simulator.requests("Cust_LedgerEntries") if "top=1" not in x.target} == {
        "odata.maxpagesize=4"
    }


def test_case_35_a_commit_older_than_its_stamp_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long transaction commits rows with stamps of before the last reading: a quarter of an hour is read again."""
    there = place(monkeypatch)
    there.company.edit_customer("10010", city="Aarhus")
    since = cursor(there, "customers")
    there.hands.time.advance(timedelta(hours=-1))
    with there.simulator.world.committed_late(timedelta(minutes=8)):
        late = there.company.edit_customer("10000", city="Odense")
    assert late.id in rows(read(there.open(), "customers", since))


def test_case_36_a_truncated_list_is_known_by_its_count_and_a_foreign_link_stays_home(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The source's own count tells that rows are missing; a next link that names another host is asked of ours."""
    there = place(monkeypatch)
    opened = there.open()
    assert opened.streams
    there.simulator.inject(spoiled_answers.ShortSweep(keep=1, match=r"/customers\?|/customers$", times=1))
    assert len(rows(read(opened, "customers"))) < (opened.count("customers") or 0)
    opened = there.open(page_size=2)
    there.simulator.inject(spoiled_answers.ForeignNextLink())
    assert len(rows(read(opened, "customers"))) == 3
    pages = Pages(opened._client, "https://bc.example.com/v2.0/x")
    assert (
        pages.resolve(Cut([], "https://attacker.example.com/v2.0/y?$skiptoken=1", None))
        == "https://bc.example.com/v2.0/y?$skiptoken=1"
    )
    assert SECRET not in repr(opened)


def test_case_37_an_etag_that_moves_with_the_balance_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The row comes again, its draft is the same."""
    there = place(monkeypatch, etag_includes_balance=True)
    before = rows(read(there.open(), "customers"))
    there.company.post_journal_invoice("10000", Decimal(5))
    after = rows(read(there.open(), "customers"))
    assert before != after
    assert drafts("customers", before) == drafts("customers", after)


def test_case_38_a_default_for_nobody_is_no_assignment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A default of all customers (blank number) or of a vendor puts no debtor into a portfolio."""
    row = {
        "id": SOMEBODY,
        "parentType": "Customer",
        "parentId": NOBODY,
        "dimensionId": SOMEBODY,
        "dimensionValueId": ANOTHER,
    }
    found = outcome(
        "defaultDimensions",
        row,
        {**row, "parentType": "Vendor", "parentId": ANOTHER},
        {**row, "parentId": ANOTHER},
    )
    assert [exclusion.key for exclusion in found.excluded] == ["k0", "k1"]
    assert [draft.key for draft in found.drafts] == ["k2"]
