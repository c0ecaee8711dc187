"""Every known trap of Business Central by its number: what arrives when it is sprung, on the wire and as a draft.

`test_guards` shows that each of these tests fails without what protects against its trap.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from connectors.toolkit.rows import RowShape
from tests.connectors import test_tricky_cases_from_20
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
from tests.connectors.support import parsed, read, rows
from tests.simulators.business_central.tricky_cases import TRICKY_CASES


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


def test_every_known_trap_has_a_test_of_its_number() -> None:
    """A trap that is listed and not tested is a trap."""
    tested = {
        int(name.split("_")[2])
        for name in (*globals(), *vars(test_tricky_cases_from_20))
        if name.startswith("test_case_")
    }
    assert tested == set(TRICKY_CASES)
    assert set(range(1, 35)) <= tested
