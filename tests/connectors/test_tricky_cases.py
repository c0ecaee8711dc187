"""Every known trap of Business Central by its number: what arrives when it is sprung, on the wire and as a draft.

`test_guards` shows that each of these tests fails without what protects against its trap.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from connectors.toolkit.odata.pages import Cut, Pages
from connectors.toolkit.rows import RowShape
from mappings.business_central import plugin as mapping
from sync_engine.errors import ConfigurationError, ProtocolViolation
from sync_engine.ports import Draft, Normalised
from tests.connectors.support import SECRET, Bench, bench, parsed, read, rows
from tests.simulators.business_central import faults as f
from tests.simulators.business_central.clock import SimulatorClock
from tests.simulators.business_central.http import Request, Response
from tests.simulators.business_central.tricky_cases import TRICKY_CASES
from tests.simulators.business_central.world import Company

NOBODY = "00000000-0000-0000-0000-000000000000"
SOMEBODY = "5de545bc-f6f9-ef11-9344-6045bdc8c234"
ANOTHER = "6ef7bd1f-b4d3-ee11-904f-6045bde80bc6"


def outcome(entity: str, *payloads: dict[str, Any] | bytes, **settings: Any) -> Normalised:
    """What becomes of payloads of one wire entity."""
    normaliser = mapping.normaliser("bc", mapping.settings(**settings))
    return normaliser.normalise(
        entity,
        [(f"k{n}", p if isinstance(p, bytes) else msgspec.json.encode(p)) for n, p in enumerate(payloads)],
    )


def values(entity: str, payload: dict[str, Any] | bytes) -> dict[str, Any]:
    """The draft of one payload."""
    found = outcome(entity, payload)
    assert len(found.drafts) == 1, found
    return found.drafts[0].values


def drafts(entity: str, found: dict[str, bytes]) -> dict[str, Draft]:
    """Drafts of what was read, by key."""
    normalised = mapping.normaliser("bc", mapping.settings()).normalise(entity, list(found.items()))
    assert not normalised.failed
    return {draft.key: draft for draft in normalised.drafts}


def small(company: Company, time: SimulatorClock) -> None:
    """Three debtors, a contact each, one invoice each, a dimension."""
    company.add_currency("EUR", "Euro")
    company.add_exchange_rate("EUR", time().date().replace(month=1, day=1), Decimal(85))
    company.add_dimension("CUSTOMERGROUP", "Customer group")
    for code, kind in (("ALL", "Heading"), ("SMALL", "Standard"), ("LARGE", "Standard")):
        company.add_dimension_value("CUSTOMERGROUP", code, code.title(), kind=kind)
    for number in range(3):
        time.advance(timedelta(hours=1))
        row = company.create_customer(f"Debtor {number}", currency="EUR" if number == 2 else "")
        company.create_contact(f"Anna Berg{number}", customer=row.number, job_title="Controller")
        company.set_default_dimension(row.number, "CUSTOMERGROUP", "SMALL")
        company.post_invoice(row.id, Decimal(100 + number))


def place(monkeypatch: pytest.MonkeyPatch, **installed: Any) -> Bench:
    """The small company."""
    return bench(monkeypatch, world=small, **installed)


def cursor(there: Bench, entity: str, **settings: Any) -> Any:
    """Where a first reading ends; an hour passes."""
    found = read(there.open(**settings), entity)[-1].resume_from
    assert found is not None
    there.hands.time.advance(timedelta(hours=1))
    return found


def test_case_01_a_null_guid_names_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unset id is nothing, never a key that leads to a record."""
    card = values(
        "customers", {"id": SOMEBODY, "number": "1", "displayName": "HANSEN", "paymentTermsId": NOBODY}
    )
    assert card["payment_terms_key"] is None
    assert (
        values(
            "salesInvoices",
            {"id": SOMEBODY, "billToCustomerId": SOMEBODY, "paymentTermsId": ANOTHER, "status": "Paid"},
        )["terms_key"]
        == ANOTHER
    )


def test_case_02_year_one_is_no_date(monkeypatch: pytest.MonkeyPatch) -> None:
    """0001-01-01 is blank, as a date and as a stamp; no arithmetic is done with it."""
    invoice = {
        "id": SOMEBODY,
        "billToCustomerId": SOMEBODY,
        "status": "Open",
        "remainingAmount": 10,
        "promisedPayDate": "0001-01-01",
        "lastModifiedDateTime": "0001-01-01T00:00:00Z",
    }
    found = values("salesInvoices", invoice)
    assert (found["promised_date"], found["source_modified_at"]) == (None, None)
    read_rows = RowShape(("id",), "lastModifiedDateTime").read([msgspec.Raw(msgspec.json.encode(invoice))])
    assert (read_rows.records[0].changed_at, read_rows.latest) == (None, None)


def test_case_03_blank_text_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blank says empty, and text is trimmed; what is absent says nothing at all."""
    found = values(
        "customers",
        {"id": SOMEBODY, "number": " 1 ", "displayName": "HANSEN  & SØN ", "email": "", "phoneNumber": "  "},
    )
    assert (found["number"], found["name"], found["email"], found["phone"]) == (
        "1",
        "HANSEN  & SØN",
        None,
        None,
    )
    assert "website" not in found


def test_case_04_enums_are_decoded_and_unknown_members_are_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blank in three spellings is nothing, `In_x0020_Review` is a draft, a member somebody added is counted and left out."""
    for blank in ("_x0020_", " ", ""):
        assert values("customers", {"id": SOMEBODY, "blocked": blank})["block_reason"] is None
    for review in ("In_x0020_Review", "In_Review", "In Review"):
        assert outcome(
            "salesInvoices", {"id": SOMEBODY, "billToCustomerId": SOMEBODY, "status": review}
        ).excluded
    assert (
        values("ledgerEntriesPage", {"Entry_No": 1, "Document_Type": "Credit_x0020_Memo"})["document_type"]
        == "credit_memo"
    )
    extended = outcome("customers", {"id": SOMEBODY, "blocked": "Only_x0020_Fridays"})
    assert [(gap.field, gap.code) for gap in extended.gaps] == [("block_reason", "Only Fridays")]
    assert "block_reason" not in extended.drafts[0].values


def test_case_05_the_local_currency_has_two_spellings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its code on documents, blank in the ledger: blank is left to the company's base currency, which is stated."""
    there = place(monkeypatch)
    opened = there.open()
    invoice = next(x for x in there.company.invoices.values() if not x.currency_code)
    assert (
        drafts("salesInvoices", rows(read(opened, "salesInvoices")))[invoice.id].values["currency"] == "GBP"
    )
    entry = drafts("ledgerEntriesPage", rows(read(opened, "ledgerEntriesPage")))[str(invoice.entry_no)].values
    assert entry["currency"] is None
    assert (
        next(iter(drafts("companyInformation", rows(read(opened, "companyInformation"))).values())).values[
            "base_currency"
        ]
        == "GBP"
    )


def test_case_06_the_local_currency_is_no_row_and_codes_are_not_iso(monkeypatch: pytest.MonkeyPatch) -> None:
    """No list of currencies has to hold a code for it to be used; FW is as good as EUR."""
    there = place(monkeypatch)
    there.company.add_currency("FW", "Foreign money")
    opened = there.open()
    listed = {
        draft.values["code"] for draft in drafts("currencies", rows(read(opened, "currencies"))).values()
    }
    assert listed == {"EUR", "FW"}
    used = {
        draft.values["currency"]
        for draft in drafts("salesInvoices", rows(read(opened, "salesInvoices"))).values()
    }
    assert used == {"GBP", "EUR"}
    assert values("customers", {"id": SOMEBODY, "currencyCode": "FW"})["currency"] == "FW"


def test_case_07_a_partial_payment_moves_no_stamp(monkeypatch: pytest.MonkeyPatch) -> None:
    """What remains is found all the same: open invoices of those who paid, and open entries, are read again."""
    there = place(monkeypatch)
    there.company.partial_application_touches_entry = False
    invoice = next(iter(there.company.invoices.values()))
    since = {entity: cursor(there, entity) for entity in ("openInvoices", "ledgerEntriesPage")}
    stamp = invoice.modified_at
    there.company.pay_invoice(invoice.id, Decimal(7))
    assert invoice.modified_at == stamp
    opened, rest = there.open(), invoice.gross - 7
    moved = drafts("openInvoices", rows(read(opened, "openInvoices", since["openInvoices"])))
    assert Decimal(moved[invoice.id].values["open_amount"]) == rest
    entries = drafts("ledgerEntriesPage", rows(read(opened, "ledgerEntriesPage", since["ledgerEntriesPage"])))
    assert Decimal(entries[str(invoice.entry_no)].values["remaining"]) == rest


def test_case_08_paid_may_mean_credited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paid owes nothing, whoever settled it; Canceled is void; Corrective settled what it corrects."""
    row = {"id": SOMEBODY, "billToCustomerId": SOMEBODY, "totalAmountIncludingTax": 10, "remainingAmount": 0}
    found = {
        status: values("salesInvoices", {**row, "status": status})["erp_status"]
        for status in ("Paid", "Canceled", "Corrective")
    }
    assert found == {"Paid": "paid", "Canceled": "void", "Corrective": "paid"}
    assert (
        values("salesInvoices", {**row, "status": "Open", "remainingAmount": 4})["erp_status"]
        == "partially_paid"
    )


def test_case_09_open_does_not_prove_posted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A released order says Open like a posted invoice: posting is left to the ledger; drafts and reviews are left out."""
    there = place(monkeypatch)
    draft, released = (there.company.create_invoice("10000", amount=Decimal(12)) for _ in range(2))
    there.company.release(released.id)
    found = drafts("salesInvoices", rows(read(there.open(), "salesInvoices")))
    assert draft.id not in found
    assert found[released.id].values["is_posted"] is None
    assert (
        values("salesInvoices", {"id": SOMEBODY, "billToCustomerId": SOMEBODY, "status": "Paid"})["is_posted"]
        is True
    )


def test_case_10_posting_keeps_the_id_and_changes_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same record under the same key, with another number and other lines."""
    there = place(monkeypatch)
    draft = there.company.create_invoice("10000", amount=Decimal(12))
    known = rows(read(there.open(), "salesInvoices"))
    since = cursor(there, "salesInvoices")
    there.company.post_document(draft.id)
    known |= rows(read(there.open(), "salesInvoices", since))
    before = [payload for payload in known.values() if parsed(payload)["id"] == draft.id]
    assert len(before) == 1
    row = drafts("salesInvoices", known)[draft.id]
    assert row.values["number"] == draft.number
    assert len(row.lines) == 1


def test_case_11_the_debtor_is_the_bill_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who bought is not who owes; where no bill-to is told, the buyer owes."""
    there = place(monkeypatch)
    payer = there.company.customer("10000")
    branch = there.company.create_customer("Branch", bill_to=payer.number)
    invoice = there.company.post_invoice(branch.id, Decimal(5))
    assert (
        drafts("salesInvoices", rows(read(there.open(), "salesInvoices")))[invoice.id].values["debtor_key"]
        == payer.id
    )
    assert (
        values(
            "salesInvoices",
            {"id": SOMEBODY, "customerId": ANOTHER, "billToCustomerId": NOBODY, "status": "Paid"},
        )["debtor_key"]
        == ANOTHER
    )


def test_case_12_unposted_payments_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of the payment journal is no money yet; posted, it is a ledger entry."""
    there = place(monkeypatch)
    there.company.add_payment_journal("BANK", "Bank")
    there.company.draft_payment("BANK", "10000", Decimal(5))
    opened = there.open()
    count = len(rows(read(opened, "ledgerEntriesPage")))
    assert not [
        name for name in opened.streams if "ayment" in name and name not in ("paymentTerms", "paymentMethods")
    ]
    there.company.post_journal("BANK")
    found = drafts("ledgerEntriesPage", rows(read(opened, "ledgerEntriesPage")))
    assert len(found) == count + 1
    assert max(found.items(), key=lambda item: int(item[0]))[1].values["document_type"] == "payment"


def test_case_13_flat_sub_pages_are_asked_through_their_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines come inside their documents and contacts' links per customer; the flat sets would be refused."""
    there = place(monkeypatch, version=22)
    opened = there.open()
    assert all(
        len(draft.lines) == 1
        for draft in drafts("salesInvoices", rows(read(opened, "salesInvoices"))).values()
    )
    assert len(rows(read(opened, "contactsInformation"))) == 6
    assert not there.simulator.requests(
        r"companies\([^)]*\)/(contactsInformation|salesInvoiceLines|customerPayments|dimensionSetLines)"
    )


def test_case_14_contacts_of_every_relation_find_their_debtor(monkeypatch: pytest.MonkeyPatch) -> None:
    """`Multiple` is missing from the bulk list and asked for; a row that repeats the customer of the row before links nobody."""
    there = place(monkeypatch)
    company = there.company.company_contact(there.company.customer("10000").id)
    assert company is not None
    there.company.relate_contact(company.number, "Vendor", "V1")
    linked = {
        parsed(payload)["relatedId"] for payload in rows(read(there.open(), "contactsInformation")).values()
    }
    assert linked == {there.company.customer("10000").id}
    stale = {"id": SOMEBODY, "firstName": "Anna", "customerId": ANOTHER, "customerName": ""}
    assert "debtor_key" not in values("customerContacts", stale)
    assert values("customerContacts", {**stale, "customerName": "HANSEN"})["debtor_key"] == ANOTHER
    assert outcome("contacts", {"id": SOMEBODY, "type": "Company", "displayName": "HANSEN"}).excluded


def test_case_15_a_title_that_is_not_told_is_not_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before v25 nothing is said about positions; from v25 blank says none, and variants of case and space are one rule."""
    for version, there_is in ((24, False), (25, True)):
        there = place(monkeypatch, version=version)
        found = drafts("contacts", rows(read(there.open(), "contacts"))).values()
        assert {"position" in draft.values for draft in found} == {there_is}
    rules = {"positions": {"rules": {"Chief Financial Officer": "CFO"}}}
    for title in ("Chief Financial Officer", " chief  financial officer ", "CHIEF FINANCIAL OFFICER"):
        assert (
            outcome("contacts", {"id": SOMEBODY, "jobTitle": title}, **rules).drafts[0].values["position"]
            == "CFO"
        )
    assert values("contacts", {"id": SOMEBODY, "jobTitle": ""})["position"] is None


def test_case_16_renamed_codes_keep_their_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value and its dimension are known by id; the code is only what they are called."""
    there = place(monkeypatch)
    before = rows(read(there.open(), "dimensionValues"))
    since = cursor(there, "dimensionValues")
    there.company.rename_dimension_value("CUSTOMERGROUP", "SMALL", "TINY", "Tiny")
    changed = rows(read(there.open(), "dimensionValues", since))
    assert set(changed) <= set(before)
    assert "TINY" in {draft.values["code"] for draft in drafts("dimensionValues", before | changed).values()}
    keys = {
        draft.values["dimension_value_key"]
        for draft in drafts("defaultDimensions", rows(read(there.open(), "defaultDimensions"))).values()
    }
    assert keys <= set(before)


def test_case_17_a_card_without_a_value_is_in_no_portfolio(monkeypatch: pytest.MonkeyPatch) -> None:
    """A blank value is none; a heading is told from a value where the installation tells; a removed value leaves nothing behind."""
    there = place(monkeypatch)
    there.company.set_default_dimension("10000", "CUSTOMERGROUP", "")
    cards = drafts("defaultDimensions", rows(read(there.open(), "defaultDimensions")))
    card = there.company.default_dimension("10000", "CUSTOMERGROUP")
    assert card is not None
    assert cards[card.id].values["dimension_value_key"] is None
    facet = drafts("financeDimensionValues", rows(read(there.open(), "financeDimensionValues")))
    assert {key: draft.values["is_heading"] for key, draft in facet.items()} == {
        "CUSTOMERGROUP|ALL": True,
        "CUSTOMERGROUP|SMALL": False,
        "CUSTOMERGROUP|LARGE": False,
    }


def test_case_18_a_renumbered_customer_is_the_same_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers are text with anything in them, and change; the key does not."""
    there = place(monkeypatch)
    customer = there.company.customer("10000")
    known, since = rows(read(there.open(), "customers")), cursor(there, "customers")
    for number in ("#1303", "+917796636577", "01121212"):
        there.company.rename_customer(customer.number, number)
        known |= rows(read(there.open(), "customers", since))
        assert len(known) == 3
        assert drafts("customers", known)[customer.id].values["number"] == number
    entries = next(
        batch for batch in there.open().pull_debtor(customer.id) if batch.entity == "ledgerEntriesPage"
    )
    assert len(entries.records) == 1


def test_case_19_a_company_is_addressed_by_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name holds ampersands, apostrophes and letters of its own, may be blank for display, and is changed while we read."""
    there = place(monkeypatch)
    opened = there.open()
    assert rows(read(opened, "customers"))
    there.simulator.world.rename_company(there.company.id, "Somebody's & Co")
    assert rows(read(opened, "ledgerEntriesPage"))
    assert rows(read(opened, "salesInvoices"))


def test_case_20_paging_survives_what_servers_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty last page ends a list, an expired login in the middle does not, and a link that leads back is seen."""
    there = place(monkeypatch, always_empty_last_page=True)
    opened = there.open(page_size=2)
    assert opened.streams
    there.simulator.inject(f.ExpiresToken(after=2, match="/customers"))
    batches = read(opened, "customers")
    assert (len(rows(batches)), batches[-1].complete) == (3, True)
    there.simulator.heal()
    there.simulator.inject(f.RepeatsPage(match="/contacts", times=3))
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
    there.simulator.inject(f.PoisonedExpand(sorted(calm)[1], "salesInvoiceLines"))
    assert {key: parsed(payload) for key, payload in rows(read(opened, "salesInvoices")).items()} == calm
    there.simulator.heal()
    for number in range(30):
        there.company.add_dimension_value("CUSTOMERGROUP", f"V{number}", "One more")
    there.simulator.inject(f.LargePagesTimeOut(rows=25, match="/dimensionValues"))
    assert len(rows(read(there.open(page_size=200, attempts=1), "dimensionValues"))) == 33
    there.simulator.heal()
    there.simulator.inject(f.BlankRows(match="Cust_LedgerEntries"))
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
    there.simulator.inject(f.ReplicaLag())
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
    there.simulator.inject(f.ShortSweep(keep=1, match=r"/customers\?|/customers$", times=1))
    assert len(rows(read(opened, "customers"))) < (opened.count("customers") or 0)
    opened = there.open(page_size=2)
    there.simulator.inject(f.ForeignNextLink())
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


def test_every_known_trap_has_a_test_of_its_number() -> None:
    """A trap that is listed and not tested is a trap."""
    tested = {int(name.split("_")[2]) for name in globals() if name.startswith("test_case_")}
    assert tested == set(TRICKY_CASES)
    assert set(range(1, 35)) <= tested
